//! The command line, driven as a user drives it.
#![expect(
    clippy::disallowed_methods,
    reason = "tests read the files that were written"
)]

use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

mod lr;
mod noise;
mod pruning;
mod routing;
mod serving;
mod sweep;
mod verify;

fn schedlab(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_schedlab"))
        .args(args)
        .output()
        .expect("the program starts")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("not killed")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Exit code 2 and one line that contains all of `words`.
fn assert_bad_input(output: &Output, words: &[&str]) {
    let said = stderr(output);
    assert_eq!(code(output), 2, "{said}{}", stdout(output));
    assert_eq!(said.trim_end().lines().count(), 1, "one line: {said}");
    assert!(said.starts_with("schedlab: "), "{said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is not in {said}");
    }
    assert!(!said.contains("panicked"), "{said}");
}

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file; its path.
    fn file(&self, name: &str, content: &(impl AsRef<[u8]> + ?Sized)) -> String {
        let path = self.path(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).expect("folder");
        }
        std::fs::File::create(&path)
            .and_then(|mut f| std::io::Write::write_all(&mut f, content.as_ref()))
            .expect("written");
        path.display().to_string()
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).expect("readable")
}

#[test]
fn help_names_every_command_and_the_exit_codes() {
    let help = schedlab(&["--help"]);
    assert_eq!(code(&help), 0);
    for word in [
        "verify",
        "run",
        "simulate",
        "sweep",
        "capacity",
        "claims",
        "gpu",
        "Exit codes",
    ] {
        assert!(stdout(&help).contains(word), "{word}");
    }
    for command in [
        "verify", "run", "simulate", "sweep", "capacity", "claims", "gpu",
    ] {
        let help = schedlab(&[command, "--help"]);
        assert_eq!(code(&help), 0, "{command}");
        assert!(stdout(&help).contains("Usage: schedlab"), "{command}");
    }
    assert_eq!(code(&schedlab(&["frobnicate"])), 2);
    assert_eq!(code(&schedlab(&["verify"])), 2, "a path is needed");
}

#[test]
fn run_takes_the_setup_of_any_lab() {
    let folder = Folder::new();
    for lab in ["serving", "lr", "noise", "routing", "pruning"] {
        let setup = json!({"lab": lab, "config": {}}).to_string();
        let path = folder.file(&format!("{lab}.json"), &setup);
        let out = folder.path(&format!("{lab}-out.json"));
        let output = schedlab(&["run", &path, "--out", &out.display().to_string()]);
        assert_eq!(code(&output), 0, "{lab}: {}", stderr(&output));
        assert!(
            stdout(&output).lines().count() > 3,
            "{lab}: {}",
            stdout(&output)
        );
        let report: Value = serde_json::from_str(&read(&out)).expect("JSON");
        assert_eq!(report["setup"]["lab"], lab);
        assert!(
            report["metrics"].as_array().is_some_and(|m| m.len() > 2),
            "{lab}"
        );
    }
}

#[test]
fn run_names_what_is_wrong_with_a_setup() {
    let folder = Folder::new();
    let bad = |content: Value| {
        let path = folder.file("bad.json", &content.to_string());
        schedlab(&["run", &path])
    };
    let output = bad(json!({"lab": "serving", "config": {"sede": 1}}));
    assert_bad_input(&output, &["bad.json", "sede"]);
    let output = bad(json!({"lab": "serving", "config": {"num_blocks": 0}}));
    assert_bad_input(&output, &["num_blocks", "0", "allowed"]);
    let output = bad(json!({"lab": "gardening", "config": {}}));
    assert_bad_input(&output, &["gardening"]);
    let key = json!({"name": "mine.csv", "hash": "0000000000000000"});
    let config = json!({"arrivals": "trace", "trace": key});
    let output = bad(json!({"lab": "serving", "config": config}));
    assert_bad_input(&output, &["mine.csv", "open that file"]);
    assert_bad_input(
        &schedlab(&["run", "/no/such/setup.json"]),
        &["no such file"],
    );
}

#[test]
fn claims_are_listed_and_run() {
    let list = schedlab(&["claims", "--list", "--json"]);
    assert_eq!(code(&list), 0, "{}", stderr(&list));
    let list: Value = serde_json::from_str(&stdout(&list)).expect("JSON");
    let claims = list.as_array().expect("a list");
    let listed: Vec<_> = claims.iter().filter_map(|c| c["id"].as_str()).collect();
    let registered: Vec<_> = schedlab::labs::exhibits()
        .filter(|e| e.claim.is_some())
        .map(|e| e.id)
        .collect();
    assert!(!registered.is_empty(), "the labs have claims");
    assert_eq!(listed, registered);

    let routing = claims.iter().find(|c| c["lab"] == "routing").expect("one");
    let id = routing["id"].as_str().expect("an id");
    let one = schedlab(&["claims", "--id", id, "--json"]);
    assert_eq!(code(&one), 0, "{}", stderr(&one));
    let one: Value = serde_json::from_str(&stdout(&one)).expect("JSON");
    let result = &one[0]["result"];
    assert!(
        result["verdict"].is_string() && result["measured"].is_number(),
        "{one}"
    );
    assert_bad_input(
        &schedlab(&["claims", "--lab", "garden"]),
        &["garden", "routing"],
    );
    assert_bad_input(&schedlab(&["claims", "--id", "nobody"]), &["nobody"]);
}

#[test]
fn gpu_reports_the_path_and_tests_and_times_every_kernel() {
    let report = schedlab(&["gpu", "--bench", "--json"]);
    assert_eq!(code(&report), 0, "{}{}", stdout(&report), stderr(&report));
    let report: Value = serde_json::from_str(&stdout(&report)).expect("JSON");
    assert!(
        report["reason"].as_str().is_some_and(|r| !r.is_empty()),
        "{report}"
    );
    if report["adapter"].is_string() {
        let kernels = report["kernels"].as_array().expect("a list");
        assert!(!kernels.is_empty(), "kernels are listed");
        assert!(kernels.iter().all(|k| k["pass"] == true), "{report}");
        let shape = &report["shape"];
        assert!(shape["workgroup"].as_u64() >= Some(64), "{shape}");
        assert!(shape["reductions"].is_string(), "{shape}");
        let timings = report["bench"].as_array().expect("throughputs");
        assert_eq!(timings.first().map(|t| &t["kernel"]), Some(&"copy".into()));
        assert!(timings.len() > 10, "{} timings", timings.len());
        for timing in timings {
            let rate = timing["bytes_per_second"].as_f64();
            assert!(rate.is_some_and(|r| r > 0.0), "{timing}");
        }
    }
}

#[test]
fn a_reader_that_goes_away_is_no_reason_to_crash() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_schedlab"))
        .args(["claims", "--list"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(stderr(&output), "", "nothing to complain about");
}
