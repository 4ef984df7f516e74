//! `schedlab prune`: a checkpoint on disk, piece by piece.

use super::run::number;
use super::{OK, PruneArgs, complain, files, say, spectra};
use crate::core::{Error, Result, Step};
use crate::labs::pruning::checkpoint::{bytes_words, count_words, is_prunable};
use crate::labs::pruning::header::shape_words;
use crate::labs::pruning::npy;
use crate::labs::pruning::rewrite::{self, Report, Request, Rewrite, Sink, Source, read_header};
use crate::labs::pruning::{Config, Granularity, Method, NanPolicy};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, IsTerminal as _, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

pub(super) fn prune(args: &PruneArgs) -> Result<u8> {
    let is_npy = args
        .input
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("npy"));
    if is_npy {
        let name = name_of(&args.input);
        let array = npy::read(&name, &files::bytes(&args.input)?)?;
        let bytes = rewrite::npy_as_safetensors(&name, &array)?;
        return with_source(args, bytes.as_slice(), true);
    }
    with_source(args, OnDisk::open(&args.input)?, false)
}

fn with_source(args: &PruneArgs, mut source: impl Source, as_npy: bool) -> Result<u8> {
    let name = name_of(&args.input);
    if args.list {
        list(args, &name, &mut source)?;
        return Ok(OK);
    }
    if let Some(csv) = &args.spectra {
        spectra::spectra(args, csv, &name, &mut source)?;
        return Ok(OK);
    }
    let Some(output) = &args.output else {
        return Err(Error::malformed("--out", "is missing"));
    };
    for path in [Some(output), args.masks.as_ref()].into_iter().flatten() {
        if same_file(path, &args.input) {
            return Err(Error::Io {
                path: path.display().to_string(),
                problem: "is the input; choose another name".to_owned(),
            });
        }
    }
    let request = request(args)?;
    let out = Growing::create(output)?;
    let masks = args.masks.as_deref().map(Growing::create).transpose()?;
    let mut job = Rewrite::new(&name, source, out, masks, request)?;
    let report = finish(&mut job)?;
    let (out, masks) = job.into_sinks();
    if as_npy {
        // The array was wrapped for the passes; unwrap it.
        let wrapped = out.unfinished()?;
        files::write_bytes(output, &rewrite::npy_of_safetensors(&name, &wrapped)?)?;
    } else {
        out.finish()?;
    }
    masks.map(Growing::finish).transpose()?;
    if let Some(path) = &args.csv {
        files::write(path, &report.to_csv())?;
    }
    if let Some(path) = &args.recipe {
        files::write(path, &super::run::pretty(&report.to_json()))?;
    }
    say(&in_words(&report, output));
    Ok(OK)
}

/// Runs the job, with its progress on a terminal.
fn finish<S: Source, W: Sink>(job: &mut Rewrite<S, W>) -> Result<Report> {
    let watched = std::io::stderr().is_terminal();
    let mut shown = -1;
    let done = loop {
        if let Step::Done(report) = job.step()? {
            break report;
        }
        let percent = (100.0 * job.progress()) as i32;
        if watched && percent != shown {
            shown = percent;
            write!(std::io::stderr(), "\r{percent:3} %").ok();
        }
    };
    if watched {
        write!(std::io::stderr(), "\r     \r").ok();
    }
    Ok(done)
}

fn request(args: &PruneArgs) -> Result<Request> {
    let mut config = Config::default();
    let groups = args.method.split_once(':');
    config.method = match (args.method.as_str(), groups) {
        ("magnitude", _) => Method::Magnitude,
        ("random", _) => Method::Random,
        ("lamp", _) => Method::Lamp,
        ("erk", _) => Method::Erk,
        (_, Some((n, m))) => {
            let whole = |text: &str| {
                text.parse::<u64>()
                    .map_err(|_why| Error::out_of_range("method", &args.method, METHODS))
            };
            (config.keep_n, config.group_m) = (whole(n)?, whole(m)?);
            Method::NOfM
        }
        _ => return Err(Error::out_of_range("method", &args.method, METHODS)),
    };
    config.granularity = match args.ranking.as_str() {
        "global" => Granularity::Global,
        "layer" => Granularity::Layer,
        other => return Err(Error::out_of_range("ranking", other, "global, layer")),
    };
    config.nan_policy = match args.nan.as_str() {
        "refuse" => NanPolicy::Refuse,
        "zero" => NanPolicy::Zero,
        "exclude" => NanPolicy::Exclude,
        other => return Err(Error::out_of_range("nan", other, "refuse, zero, exclude")),
    };
    config.seed = args.seed;
    let sparsity = match (args.sparsity, config.method) {
        (Some(_), Method::NOfM) => {
            let problem = "does not go with N:M, whose sparsity is 1 - N/M";
            return Err(Error::malformed("--sparsity", problem));
        }
        (None, Method::NOfM) => 0.0,
        (Some(s), _) => s,
        (None, _) => {
            return Err(Error::malformed(
                "--sparsity",
                "is missing; a share from 0 to 1",
            ));
        }
    };
    if !(args.memory > 0.0 && args.memory <= 1e6) {
        return Err(Error::out_of_range(
            "memory",
            args.memory,
            "above 0, in GiB",
        ));
    }
    let mut rates = Vec::new();
    for text in &args.rate {
        let parts = text.split_once('=');
        let rate = parts.and_then(|(part, rate)| Some((part, rate.parse::<f64>().ok()?)));
        match rate {
            Some((part, rate)) if (0.0..=1.0).contains(&rate) && !part.is_empty() => {
                rates.push((part.to_owned(), rate));
            }
            _ => {
                return Err(Error::out_of_range(
                    "rate",
                    text,
                    "PART=SHARE, a part of a name and a share from 0 to 1",
                ));
            }
        }
    }
    if !rates.is_empty() {
        if config.method != Method::Magnitude {
            let problem = "goes with --method magnitude alone";
            return Err(Error::malformed("--rate", problem));
        }
        config.method = Method::Manual;
    }
    Ok(Request {
        rates,
        sparsity,
        only: args.only.clone(),
        exclude: args.exclude.clone(),
        memory: (args.memory * 1_073_741_824.0) as u64,
        ..Request::of(&config)
    })
}

const METHODS: &str = "magnitude, random, lamp, erk, or N:M such as 2:4";

/// All tensors, in the order of their data.
fn list(args: &PruneArgs, name: &str, source: &mut impl Source) -> Result<()> {
    let header = read_header(name, source)?;
    let has = |part: &String, name: &str| name.contains(part.as_str());
    let shown: Vec<_> = header
        .entries
        .iter()
        .filter(|e| args.only.is_empty() || args.only.iter().any(|p| has(p, &e.name)))
        .filter(|e| !args.exclude.iter().any(|p| has(p, &e.name)))
        .collect();
    let wide = shown
        .iter()
        .map(|e| e.name.chars().count())
        .max()
        .unwrap_or(0);
    let mut out = String::new();
    for e in &shown {
        let what = if is_prunable(&e.name, &e.dtype, &e.shape) {
            "prunable"
        } else {
            "stays"
        };
        writeln!(
            out,
            "{:<wide$}  {:<5} {:>10}  {what:<8}  {}",
            e.name,
            e.dtype,
            bytes_words((e.span[1] - e.span[0]) as f64),
            shape_words(&e.shape)
        )
        .ok();
    }
    let prunable = shown
        .iter()
        .filter(|e| is_prunable(&e.name, &e.dtype, &e.shape));
    let weights: u64 = prunable.map(|e| e.elements()).sum();
    writeln!(
        out,
        "{} of {} tensors, {} prunable weights, {}",
        shown.len(),
        header.entries.len(),
        count_words(weights),
        bytes_words(source.len() as f64)
    )
    .ok();
    for remark in &header.remarks {
        complain(&format!("schedlab: {name}: {remark}"));
    }
    say(&out);
    Ok(())
}

fn in_words(report: &Report, output: &Path) -> String {
    let (gone, all) = (report.pruned(), report.weights());
    let mut out = String::new();
    let wide = report.tensors.iter().map(|t| t.name.chars().count());
    let wide = wide.max().unwrap_or(0);
    for t in &report.tensors {
        writeln!(
            out,
            "{:<wide$}  {:>6.2} % pruned  {:>9.3} % of the squares lost",
            t.name,
            100.0 * t.pruned as f64 / t.weights.max(1) as f64,
            100.0 * t.lost
        )
        .ok();
    }
    let share = number(100.0 * gone as f64 / all.max(1) as f64);
    writeln!(
        out,
        "{}: {gone} of {all} weights set to 0 ({share} %), {} tensors left as they are",
        output.display(),
        report.untouched
    )
    .ok();
    for remark in &report.remarks {
        complain(&format!("schedlab: {}: {remark}", report.file));
    }
    out
}

fn name_of(path: &Path) -> String {
    path.file_name().map_or_else(
        || path.display().to_string(),
        |n| n.to_string_lossy().into_owned(),
    )
}

fn same_file(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}

/// A file that is read in pieces, each by a seek and a read. A memory map would spare the copy, but
/// mapping needs `unsafe`, which this crate forbids: another program may change the file meanwhile.
struct OnDisk {
    path: PathBuf,
    file: File,
    len: u64,
}

impl OnDisk {
    fn open(path: &Path) -> Result<Self> {
        let io = |e: std::io::Error| files::io(path, &e);
        let mut file = File::open(path).map_err(io)?;
        let len = file.seek(SeekFrom::End(0)).map_err(io)?;
        Ok(Self {
            path: path.to_owned(),
            file,
            len,
        })
    }
}

impl Source for OnDisk {
    fn len(&self) -> u64 {
        self.len
    }

    fn read(&mut self, at: u64, into: &mut [u8]) -> Result<()> {
        self.file
            .seek(SeekFrom::Start(at))
            .and_then(|_| self.file.read_exact(into))
            .map_err(|e| files::io(&self.path, &e))
    }
}

/// A file that gets its name only when it is complete; it is removed otherwise.
struct Growing {
    path: PathBuf,
    part: PathBuf,
    file: Option<BufWriter<File>>,
}

impl Growing {
    fn create(path: &Path) -> Result<Self> {
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let file = File::create(&part).map_err(|e| files::io(path, &e))?;
        Ok(Self {
            path: path.to_owned(),
            part,
            file: Some(BufWriter::with_capacity(1 << 20, file)),
        })
    }

    fn close(&mut self) -> Result<()> {
        let file = self.file.take();
        let flushed = file.map(|mut f| f.flush());
        flushed.transpose().map_err(|e| files::io(&self.path, &e))?;
        Ok(())
    }

    fn finish(mut self) -> Result<()> {
        self.close()?;
        std::fs::rename(&self.part, &self.path).map_err(|e| files::io(&self.path, &e))
    }

    /// What was written, for a file that is not to be kept as it is.
    fn unfinished(mut self) -> Result<Vec<u8>> {
        self.close()?;
        files::bytes(&self.part)
    }
}

impl Sink for Growing {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let written = self.file.as_mut().map(|f| f.write_all(bytes));
        written.transpose().map_err(|e| files::io(&self.path, &e))?;
        Ok(())
    }
}

impl Drop for Growing {
    fn drop(&mut self) {
        self.file = None;
        // Nothing to do when it was renamed or cannot be removed.
        std::fs::remove_file(&self.part).ok();
    }
}
