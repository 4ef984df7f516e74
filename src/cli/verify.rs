//! `schedlab verify`: reference files against what we compute from their inputs.

use super::run::{float, pretty};
use super::{BAD_INPUT, FAILED, OK, UNSUPPORTED, VerifyArgs, files, say};
use crate::core::golden::Case;
use crate::core::{Error, Result};
use crate::labs::golden::{GoldenFile, evaluate};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Disagreements printed of one file; the rest is counted.
const SHOWN: usize = 5;

/// What became of one file.
enum Verdict {
    Checked(Vec<Case>),
    Unsupported,
    Unreadable(Error),
}

struct Report {
    path: PathBuf,
    lab: String,
    kind: String,
    verdict: Verdict,
}

impl Report {
    fn status(&self) -> &'static str {
        match &self.verdict {
            Verdict::Checked(cases) if cases.iter().all(|c| c.pass) => "ok",
            Verdict::Checked(_) => "FAILED",
            Verdict::Unsupported => "unsupported",
            Verdict::Unreadable(_) => "unreadable",
        }
    }

    fn cases(&self) -> &[Case] {
        match &self.verdict {
            Verdict::Checked(cases) => cases,
            _ => &[],
        }
    }

    fn deviation(&self) -> f64 {
        // Not `f64::max`, which loses NaN.
        let worse = |a: f64, b: f64| if b.is_nan() || b > a { b } else { a };
        self.cases().iter().map(|c| c.deviation).fold(0.0, worse)
    }

    /// The rules in use, each once.
    fn tolerance(&self) -> String {
        let mut rules: Vec<&str> = Vec::new();
        for case in self.cases() {
            if !rules.contains(&case.tolerance.as_str()) {
                rules.push(&case.tolerance);
            }
        }
        match rules.len() {
            0..=2 => rules.join("; "),
            n => format!("{}; {} more", rules[0], n - 1),
        }
    }
}

pub(super) fn verify(args: &VerifyArgs) -> Result<u8> {
    let device = Device::open(args.gpu)?;
    let mut reports = Vec::new();
    for path in &args.paths {
        match files::json_files(path) {
            Ok(found) if found.is_empty() => {
                return Err(Error::Io {
                    path: path.display().to_string(),
                    problem: "holds no JSON file".to_owned(),
                });
            }
            Ok(found) => reports.extend(found.into_iter().map(|f| check(f, &device))),
            Err(error) => reports.push(unreadable(path.clone(), error)),
        }
    }
    if args.json {
        say(&pretty(&as_json(&reports)));
    } else {
        say(&table(&reports));
    }
    Ok(exit_code(&reports))
}

/// A file that cannot be read leaves the check undone, so it weighs more than a disagreement; a
/// disagreement more than an unknown kind.
fn exit_code(reports: &[Report]) -> u8 {
    let any = |status| reports.iter().any(|r| r.status() == status);
    if any("unreadable") {
        BAD_INPUT
    } else if any("FAILED") {
        FAILED
    } else if any("unsupported") {
        UNSUPPORTED
    } else {
        OK
    }
}

fn unreadable(path: PathBuf, error: Error) -> Report {
    Report {
        path,
        lab: "?".to_owned(),
        kind: "?".to_owned(),
        verdict: Verdict::Unreadable(error),
    }
}

fn check(path: PathBuf, device: &Device) -> Report {
    let file = match files::text(&path).and_then(|text| GoldenFile::parse(&text)) {
        Ok(file) => file,
        Err(error) => return unreadable(path, error),
    };
    let read = |name: &str| read_data(&path, name);
    let verdict = match evaluate(&file, &read) {
        Ok(None) => Verdict::Unsupported,
        Err(error) => Verdict::Unreadable(error),
        Ok(Some(mut cases)) => match device.cases(&file) {
            Ok(more) => {
                cases.extend(more);
                Verdict::Checked(cases)
            }
            Err(error) => Verdict::Unreadable(error),
        },
    };
    Report {
        path,
        lab: file.lab,
        kind: file.kind,
        verdict,
    }
}

/// A data file named by a reference file: beside the folder `golden` the file lies in, or in the
/// folder `shared` near the working folder.
fn read_data(golden: &Path, name: &str) -> Option<String> {
    let inside = Path::new(name);
    let plain = |part| matches!(part, std::path::Component::Normal(_));
    if !inside.components().all(plain) {
        return None;
    }
    let near = golden
        .ancestors()
        .find(|a| a.file_name().is_some_and(|n| n == "golden"))
        .and_then(Path::parent)
        .or_else(|| golden.parent()?.parent()?.parent());
    let folders = near
        .into_iter()
        .map(Path::to_owned)
        .chain(["../shared", "shared"].map(PathBuf::from));
    folders
        .map(|folder| folder.join(inside))
        .find(|path| path.is_file())
        .and_then(|path| files::text(&path).ok())
}

/// The graphics device when `--gpu` asks for it.
#[cfg(feature = "gpu")]
struct Device(Option<crate::gpu::Gpu>);
#[cfg(not(feature = "gpu"))]
struct Device;

#[cfg(feature = "gpu")]
impl Device {
    fn open(wanted: bool) -> Result<Self> {
        Ok(Self(if wanted {
            Some(crate::gpu::Gpu::headless()?)
        } else {
            None
        }))
    }

    fn cases(&self, file: &GoldenFile) -> Result<Vec<Case>> {
        match &self.0 {
            Some(gpu) => crate::gpu::verify_by_kernel(gpu, file),
            None => Ok(Vec::new()),
        }
    }
}

#[cfg(not(feature = "gpu"))]
impl Device {
    fn open(wanted: bool) -> Result<Self> {
        if wanted {
            return Err(Error::Unsupported("--gpu in this build".to_owned()));
        }
        Ok(Self)
    }

    fn cases(&self, _file: &GoldenFile) -> Result<Vec<Case>> {
        Ok(Vec::new())
    }
}

fn table(reports: &[Report]) -> String {
    let mut rows = vec![
        [
            "lab",
            "kind",
            "file",
            "cases",
            "largest deviation",
            "tolerance",
            "result",
        ]
        .map(str::to_owned),
    ];
    for report in reports {
        rows.push([
            report.lab.clone(),
            report.kind.clone(),
            report.path.display().to_string(),
            report.cases().len().to_string(),
            match &report.verdict {
                Verdict::Checked(_) => format!("{:.1e}", report.deviation()),
                _ => "-".to_owned(),
            },
            report.tolerance(),
            report.status().to_owned(),
        ]);
    }
    let widths: Vec<usize> = (0..7)
        .map(|c| rows.iter().map(|r| r[c].chars().count()).max().unwrap_or(0))
        .collect();
    let mut out = String::new();
    for row in &rows {
        let line: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, &width)| format!("{cell:<width$}"))
            .collect();
        writeln!(out, "{}", line.join("  ").trim_end()).ok();
    }
    for report in reports {
        remarks(report, &mut out);
    }
    for report in reports {
        problems(report, &mut out);
    }
    let count = |status| reports.iter().filter(|r| r.status() == status).count();
    writeln!(
        out,
        "\n{} files: {} ok, {} FAILED, {} unsupported, {} unreadable",
        reports.len(),
        count("ok"),
        count("FAILED"),
        count("unsupported"),
        count("unreadable")
    )
    .ok();
    out
}

/// What a passing case has to say: figures of fits, reasons of refusals.
fn remarks(report: &Report, out: &mut String) {
    let said: Vec<&Case> = report
        .cases()
        .iter()
        .filter(|c| c.pass && !c.detail.is_empty())
        .collect();
    if !said.is_empty() {
        writeln!(out, "\n{}", report.path.display()).ok();
    }
    for case in said {
        writeln!(out, "  {}: {}", case.name, case.detail).ok();
    }
}

/// Why a file is not fine.
fn problems(report: &Report, out: &mut String) {
    let path = report.path.display();
    if let Verdict::Unreadable(error) = &report.verdict {
        writeln!(out, "\n{path}: {error}").ok();
    }
    let failed: Vec<&Case> = report.cases().iter().filter(|c| !c.pass).collect();
    if !failed.is_empty() {
        let total = report.cases().len();
        writeln!(out, "\n{path}: {} of {total} cases FAILED", failed.len()).ok();
    }
    for case in failed.iter().take(SHOWN) {
        writeln!(out, "  {}: {} ({})", case.name, case.detail, case.tolerance).ok();
    }
    if failed.len() > SHOWN {
        writeln!(out, "  and {} more", failed.len() - SHOWN).ok();
    }
}

fn as_json(reports: &[Report]) -> Value {
    let files: Vec<Value> = reports
        .iter()
        .map(|r| {
            let error = match &r.verdict {
                Verdict::Unreadable(error) => Some(error.to_string()),
                _ => None,
            };
            json!({
                "file": r.path.display().to_string(),
                "lab": r.lab,
                "kind": r.kind,
                "result": r.status(),
                "cases": r.cases().len(),
                "failed": r.cases().iter().filter(|c| !c.pass).count(),
                "largest_deviation": float(r.deviation()),
                "tolerance": r.tolerance(),
                "error": error,
                "details": r.cases().iter().map(|c| json!({
                    "name": c.name,
                    "pass": c.pass,
                    "deviation": float(c.deviation),
                    "tolerance": c.tolerance,
                    "detail": c.detail,
                })).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({ "files": files, "exit_code": exit_code(reports) })
}
