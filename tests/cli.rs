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

    fn file(&self, name: &str, content: &str) -> String {
        let path = self.path(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).expect("folder");
        }
        std::fs::File::create(&path)
            .and_then(|mut f| std::io::Write::write_all(&mut f, content.as_bytes()))
            .expect("written");
        path.display().to_string()
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).expect("readable")
}

/// A small reference file of a supported kind, as JSON to change.
fn reference() -> Value {
    let text = read(Path::new("tests/golden/lr/torch_step.json"));
    serde_json::from_str(&text).expect("JSON")
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
fn verify_goes_by_content_and_not_by_name() {
    let folder = Folder::new();
    let path = folder.file("sub/anything.json", &reference().to_string());
    let one = schedlab(&["verify", &path]);
    assert_eq!(code(&one), 0, "{}{}", stdout(&one), stderr(&one));
    assert!(stdout(&one).contains("lr_schedule"), "{}", stdout(&one));
    let all = schedlab(&["verify", &folder.path("").display().to_string()]);
    assert_eq!(code(&all), 0, "folders are searched");
    assert!(stdout(&all).contains("1 files: 1 ok"), "{}", stdout(&all));
}

#[test]
fn verify_finds_a_changed_value_and_says_where() {
    let folder = Folder::new();
    let mut file = reference();
    file["cases"][0]["lr"][3] = json!(0.987);
    let path = folder.file("changed.json", &file.to_string());
    let output = schedlab(&["verify", &path]);
    assert_eq!(code(&output), 1, "{}", stdout(&output));
    assert!(stdout(&output).contains("FAILED"), "{}", stdout(&output));
    assert!(
        stdout(&output).contains("want 0.987"),
        "{}",
        stdout(&output)
    );

    let report = schedlab(&["verify", "--json", &path]);
    assert_eq!(code(&report), 1);
    let report: Value = serde_json::from_str(&stdout(&report)).expect("JSON");
    assert_eq!(report["exit_code"], 1);
    assert_eq!(report["files"][0]["result"], "FAILED");
    assert_eq!(report["files"][0]["kind"], "lr_schedule");
    assert!(
        report["files"][0]["largest_deviation"].as_f64() > Some(0.5),
        "{report}"
    );
}

#[test]
fn verify_weighs_unreadable_over_failed_over_unsupported() {
    let folder = Folder::new();
    let good = folder.file("good.json", &reference().to_string());
    let mut file = reference();
    file["cases"][0]["lr"][0] = json!(7.0);
    let failed = folder.file("failed.json", &file.to_string());
    let mut file = reference();
    file["kind"] = json!("no_such_kind");
    let unknown = folder.file("unknown.json", &file.to_string());
    let mut file = reference();
    file["schema"] = json!("something/2");
    let schema = folder.file("schema.json", &file.to_string());
    let broken = folder.file("broken.json", "{\"schema\": ");
    let missing = folder.path("missing.json").display().to_string();

    assert_eq!(code(&schedlab(&["verify", &good, &unknown])), 3);
    assert_eq!(code(&schedlab(&["verify", &good, &unknown, &failed])), 1);
    for bad in [&schema, &broken, &missing] {
        let output = schedlab(&["verify", &good, &failed, bad]);
        assert_eq!(code(&output), 2, "{bad}");
        assert!(
            stdout(&output).contains("unreadable"),
            "{}",
            stdout(&output)
        );
    }
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
fn simulate_gives_the_same_bytes_for_the_same_inputs() {
    let folder = Folder::new();
    let run = |out: &str, rows: &str| {
        let (out, rows) = (folder.path(out), folder.path(rows));
        let output = schedlab(&[
            "simulate",
            "--out",
            &out.display().to_string(),
            "--requests",
            &rows.display().to_string(),
        ]);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        (read(&out), read(&rows))
    };
    let (first, rows) = run("a.json", "a.csv");
    assert_eq!((first.clone(), rows.clone()), run("b.json", "b.csv"));
    let report: Value = serde_json::from_str(&first).expect("JSON");
    assert_eq!(report["setup"]["lab"], "serving");
    let requests = report["setup"]["config"]["requests"]
        .as_u64()
        .expect("a count");
    assert_eq!(
        rows.lines().count() as u64,
        requests + 1,
        "a header and a row each"
    );
}

#[test]
fn simulate_serves_the_whole_trace_with_a_bare_config() {
    let folder = Folder::new();
    let mut trace = "TIMESTAMP,ContextTokens,GeneratedTokens\n".to_owned();
    for i in 0..400 {
        let (minute, second) = (i / 60, i % 60);
        writeln!(
            trace,
            "2023-11-16 18:{minute:02}:{second:02}.5000000,{},5",
            100 + i
        )
        .expect("a string takes it");
    }
    let trace = folder.file("azure.csv", &trace);
    let config = folder.file(
        "config.json",
        r#"{"scheduler": "sarathi", "chunk_size": 256}"#,
    );
    let rows = folder.path("rows.csv");
    let output = schedlab(&[
        "simulate",
        "--config",
        &config,
        "--trace",
        &trace,
        "--requests",
        &rows.display().to_string(),
    ]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let report: Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    assert_eq!(report["setup"]["config"]["scheduler"], "sarathi");
    assert_eq!(
        read(&rows).lines().count(),
        401,
        "every request of the trace"
    );
}

#[test]
fn simulate_refuses_bad_input_in_one_line() {
    let folder = Folder::new();
    let broken = folder.file(
        "broken.csv",
        "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.68,many,44\n",
    );
    let output = schedlab(&["simulate", "--trace", &broken]);
    assert_bad_input(&output, &["broken.csv"]);
    let empty = folder.file("empty.csv", "");
    assert_bad_input(&schedlab(&["simulate", "--trace", &empty]), &["empty"]);
    let other = folder.file("lr.json", r#"{"lab": "lr", "config": {}}"#);
    assert_bad_input(
        &schedlab(&["simulate", "--config", &other]),
        &["lr", "serving"],
    );
    let field = folder.file("field.json", r#"{"chunksize": 3}"#);
    assert_bad_input(&schedlab(&["simulate", "--config", &field]), &["chunksize"]);
    let output = schedlab(&["simulate", "--out", "/no/such/folder/m.json"]);
    assert_bad_input(&output, &["/no/such/folder/m.json"]);
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
fn gpu_reports_the_path_and_tests_every_kernel() {
    let report = schedlab(&["gpu", "--json"]);
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
    }
}

#[test]
fn verify_runs_kernels_where_asked() {
    let path = "tests/golden/pruning/torch_prune_masks.json";
    let output = schedlab(&["verify", "--gpu", "--json", path]);
    if code(&output) == 2 && std::env::var("ALLOW_NO_GPU").is_ok_and(|v| v == "1") {
        println!("SKIPPED: {}", stderr(&output));
        return;
    }
    assert_eq!(code(&output), 0, "{}{}", stdout(&output), stderr(&output));
    assert!(stdout(&output).contains("(kernel)"), "{}", stdout(&output));
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

fn read_bytes(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|mut f| std::io::Read::read_to_end(&mut f, &mut bytes))
        .expect("a file");
    bytes
}

/// A checkpoint with two weights, a bias and integers.
fn checkpoint(values: impl Iterator<Item = f32>) -> Vec<u8> {
    let header = r#"{"up.weight":{"dtype":"F32","shape":[4,8],"data_offsets":[0,128]},"up.bias":{"dtype":"F32","shape":[4],"data_offsets":[128,144]},"ids":{"dtype":"I64","shape":[1],"data_offsets":[144,152]},"down.weight":{"dtype":"BF16","shape":[2,4],"data_offsets":[152,168]}}"#;
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend(values.take(36).flat_map(f32::to_le_bytes));
    bytes.extend(9_i64.to_le_bytes());
    bytes.extend([0x80, 0x3f].repeat(8));
    bytes
}

#[test]
fn a_checkpoint_is_pruned_listed_and_left_alone() {
    let folder = Folder::new();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path(name);
        std::fs::File::create(&path)
            .and_then(|mut f| std::io::Write::write_all(&mut f, bytes))
            .expect("written");
        path.display().to_string()
    };
    let bytes = checkpoint((0_u8..).map(|i| f32::from(i) / 8.0 - 2.0));
    let input = write("a.safetensors", &bytes);
    let out = folder.path("b.safetensors");
    let out = out.to_str().expect("a name in UTF-8");
    let csv = folder.path("layers.csv");
    let recipe = folder.path("recipe.json");
    let masks = folder.path("masks.safetensors");

    let listed = schedlab(&["prune", "--in", &input, "--list", "--only", "weight"]);
    assert_eq!(code(&listed), 0, "{}", stderr(&listed));
    assert!(stdout(&listed).contains("2 of 4 tensors, 40 prunable weights"));

    let same = schedlab(&["prune", "--in", &input, "--out", out, "--sparsity", "0"]);
    assert_eq!(code(&same), 0, "{}", stderr(&same));
    assert_eq!(read_bytes(Path::new(out)), bytes, "byte for byte");

    let text = |path: &Path| path.to_str().expect("a name in UTF-8").to_owned();
    let done = schedlab(&[
        "prune",
        "--in",
        &input,
        "--out",
        out,
        "--sparsity",
        "0.5",
        "--csv",
        &text(&csv),
        "--recipe",
        &text(&recipe),
        "--masks",
        &text(&masks),
    ]);
    assert_eq!(code(&done), 0, "{}", stderr(&done));
    assert!(
        stdout(&done).contains("20 of 40 weights set to 0 (50 %)"),
        "{}",
        stdout(&done)
    );
    let own = schedlab(&[
        "prune",
        "--in",
        &input,
        "--out",
        &text(&folder.path("own.safetensors")),
        "--sparsity",
        "0.5",
        "--rate",
        "up=0",
    ]);
    assert_eq!(code(&own), 0, "{}", stderr(&own));
    assert!(stdout(&own).contains("0.00 % pruned"), "{}", stdout(&own));
    let pruned = read_bytes(Path::new(out));
    let (old, new) = (
        safetensors::SafeTensors::deserialize(&bytes).expect("sound"),
        safetensors::SafeTensors::deserialize(&pruned).expect("sound"),
    );
    for (name, was) in old.tensors() {
        let is = new.tensor(&name).expect("still there");
        assert_eq!(
            (was.dtype(), was.shape()),
            (is.dtype(), is.shape()),
            "{name}"
        );
        let width = was.data().len() / was.shape().iter().product::<usize>();
        let pairs = was.data().chunks(width).zip(is.data().chunks(width));
        let kept = pairs.filter(|(a, b)| a == b).count();
        let gone = is
            .data()
            .chunks(width)
            .filter(|b| b.iter().all(|x| *x == 0))
            .count();
        if name.ends_with("weight") {
            assert!(kept + gone >= is.shape().iter().product(), "{name}");
        } else {
            assert_eq!(was.data(), is.data(), "{name}");
        }
    }
    let rows = std::fs::read_to_string(&csv).expect("written");
    assert_eq!(rows.lines().count(), 3, "{rows}");
    let recipe: Value = serde_json::from_slice(&read_bytes(&recipe)).expect("JSON");
    assert_eq!(
        (
            recipe["pruned"].as_u64(),
            recipe["recipe"]["sparsity"].as_f64()
        ),
        (Some(20), Some(0.5))
    );
    let masks = read_bytes(&masks);
    let masks = safetensors::SafeTensors::deserialize(&masks).expect("sound");
    let ones: usize = masks
        .tensors()
        .iter()
        .map(|(_, t)| t.data().iter().map(|b| usize::from(*b)).sum::<usize>())
        .sum();
    assert_eq!(ones, 20, "kept weights in the masks");

    // What cannot be done is said, and leaves no file.
    let bad = folder.path("c.safetensors");
    let bad_name = text(&bad);
    let nan = write("nan.safetensors", &checkpoint(std::iter::repeat(f32::NAN)));
    for (args, words) in [
        (
            vec!["--in", &nan, "--sparsity", "0.5"],
            vec!["nan.safetensors", "tensor \"up.weight\"", "not a number"],
        ),
        (
            vec!["--in", &input, "--sparsity", "1.5"],
            vec!["sparsity is 1.5", "0 to 1"],
        ),
        (vec!["--in", &input, "--method", "5:4"], vec!["keep_n is 5"]),
        (
            vec!["--in", &input, "--method", "best", "--sparsity", "0.5"],
            vec!["method is best", "magnitude"],
        ),
        (vec!["--in", &input], vec!["--sparsity", "missing"]),
        (
            vec!["--in", &input, "--method", "2:4", "--sparsity", "0.5"],
            vec!["N:M"],
        ),
    ] {
        let mut all = vec!["prune", "--out", &bad_name];
        all.extend(args);
        assert_bad_input(&schedlab(&all), &words);
        assert!(
            !bad.exists() && !folder.path("c.safetensors.part").exists(),
            "{words:?}"
        );
    }
    let onto_itself = schedlab(&[
        "prune",
        "--in",
        &input,
        "--out",
        &input,
        "--sparsity",
        "0.5",
    ]);
    assert_bad_input(&onto_itself, &["is the input"]);
    let cut = write("cut.safetensors", &bytes[..bytes.len() - 1]);
    let cut = schedlab(&[
        "prune",
        "--in",
        &cut,
        "--out",
        &bad_name,
        "--sparsity",
        "0.5",
    ]);
    assert_bad_input(
        &cut,
        &["cut.safetensors", "tensor \"down.weight\"", "cut off"],
    );
}

/// Opt-in: `pip install safetensors numpy`.
#[test]
fn a_pruned_checkpoint_opens_in_the_python_library() {
    let python = |script: &str, args: &[&str]| {
        Command::new("python3")
            .arg("-c")
            .arg(script)
            .args(args)
            .output()
    };
    let there = python("import numpy, safetensors", &[]);
    if !there.is_ok_and(|o| o.status.success()) {
        println!("SKIPPED: python3 has no safetensors package");
        return;
    }
    let folder = Folder::new();
    let [a, b] = ["a.safetensors", "b.safetensors"].map(|n| folder.path(n).display().to_string());
    let make = "import sys, numpy as np; from safetensors.numpy import save_file; r = np.random.default_rng(0); \
                save_file({'l.weight': r.normal(size=(64, 32)).astype('f4'), 'h.weight': r.normal(size=(8, 3, 3, 3)).astype('f2'), 'l.bias': np.ones(64, 'f4')}, sys.argv[1], {'format': 'np'})";
    let check = "import sys, numpy as np; from safetensors.numpy import load_file; a, b = load_file(sys.argv[1]), load_file(sys.argv[2]); \
                 assert list(a) == list(b); assert (a['l.bias'] == b['l.bias']).all(); \
                 n = sum((b[k] == 0).sum() for k in b); assert n == round((64 * 32 + 216) * 0.75), n; \
                 assert all(((b[k] == a[k]) | (b[k] == 0)).all() for k in a)";
    let made = python(make, &[&a]).expect("python3 starts");
    assert!(made.status.success(), "{}", stderr(&made));
    let done = schedlab(&["prune", "--in", &a, "--out", &b, "--sparsity", "0.75"]);
    assert_eq!(code(&done), 0, "{}", stderr(&done));
    let checked = python(check, &[&a, &b]).expect("python3 starts");
    assert!(checked.status.success(), "{}", stderr(&checked));
}

/// A small serving setup that runs in milliseconds.
const SMALL: [&str; 4] = ["--set", "requests=12", "--set", "prompt_median=300"];

fn sweep(more: &[&str]) -> Output {
    let mut args = vec!["sweep"];
    args.extend(SMALL);
    args.extend(["--vary", "scheduler=vllm,sarathi", "--vary", "rate=1:4:3"]);
    args.extend(more);
    schedlab(&args)
}

#[test]
fn sweep_gives_the_same_rows_on_any_number_of_threads() {
    let one = sweep(&["--jobs", "1", "--seeds", "2"]);
    assert_eq!(code(&one), 0, "{}", stderr(&one));
    let rows: Vec<Value> = stdout(&one)
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(rows.len(), 12);
    assert_eq!(rows[2]["values"], json!({"scheduler": "vllm", "rate": 2}));
    assert_eq!(
        (&rows[2]["point"], &rows[3]["seed"]),
        (&json!(1), &json!(2))
    );
    assert!(
        rows[11]["metrics"]["ttft_p50_secs"]
            .as_f64()
            .expect("number")
            > 0.0
    );
    let many = sweep(&["--jobs", "4", "--seeds", "2"]);
    assert_eq!(one.stdout, many.stdout);
}

#[test]
fn sweep_rows_agree_with_simulate() {
    let table = sweep(&[
        "--format",
        "csv",
        "--metrics",
        "ttft_p50_secs,makespan_secs",
    ]);
    let text = stdout(&table);
    let mut lines = text.lines();
    assert_eq!(
        lines.next(),
        Some("point,scheduler,rate,seed,ttft_p50_secs,makespan_secs,error")
    );
    let row: Vec<&str> = lines.nth(4).expect("row 5").split(',').collect();
    assert_eq!(row[..4], ["4", "sarathi", "2", "1"]);
    let mut args = vec!["simulate", "--set", "scheduler=sarathi", "--set", "rate=2"];
    args.extend(SMALL);
    let report: Value = serde_json::from_str(&stdout(&schedlab(&args))).expect("JSON");
    let metrics = report["metrics"].as_array().expect("list");
    for (cell, id) in [(row[4], "ttft_p50_secs"), (row[5], "makespan_secs")] {
        let metric = metrics.iter().find(|m| m["id"] == id).expect("metric");
        assert_eq!(cell.parse::<f64>().ok(), metric["value"].as_f64(), "{id}");
    }
}

#[test]
fn shards_make_the_whole_and_an_interrupted_sweep_goes_on() {
    let whole = stdout(&sweep(&[]));
    let shards: Vec<Vec<String>> = (1..=3)
        .map(|i| {
            let text = stdout(&sweep(&["--shard", &format!("{i}/3")]));
            text.lines().map(str::to_owned).collect()
        })
        .collect();
    let dealt: Vec<&str> = (0..6).map(|k| shards[k % 3][k / 3].as_str()).collect();
    assert_eq!(dealt, whole.lines().collect::<Vec<&str>>());

    let folder = Folder::new();
    for format in ["jsonl", "csv"] {
        let path = folder.path(format);
        let out = path.display().to_string();
        let args = ["--format", format, "--out", &out];
        assert_eq!(code(&sweep(&args)), 0);
        let complete = read(&path);
        assert_bad_input(&sweep(&args), &["exists already", "--resume"]);
        // Cut in the middle of a row.
        std::fs::File::create(&path)
            .and_then(|mut f| {
                std::io::Write::write_all(&mut f, &complete.as_bytes()[..complete.len() * 2 / 3])
            })
            .expect("written");
        let resumed = ["--format", format, "--out", &out, "--resume"];
        assert_eq!(code(&sweep(&resumed)), 0);
        assert_eq!(read(&path), complete, "{format}");
        let other = [
            "--format", format, "--out", &out, "--resume", "--seeds", "3",
        ];
        assert_bad_input(&sweep(&other), &["another sweep"]);
    }
}

#[test]
fn sweep_works_in_every_lab_and_refuses_bad_input_in_one_line() {
    let folder = Folder::new();
    let setup = folder.file("noise.json", r#"{"lab": "noise", "config": {}}"#);
    let output = schedlab(&["sweep", "--config", &setup, "--vary", "seed=1,2"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(stdout(&output).lines().count(), 2);
    assert_bad_input(&sweep(&["--vary", "blocks=1,2"]), &["blocks", "num_blocks"]);
    assert_bad_input(&sweep(&["--vary", "scheduler=vlm"]), &["vlm", "sarathi"]);
    assert_bad_input(
        &sweep(&["--vary", "chunk_size=0"]),
        &["chunk_size=0", "allowed"],
    );
    assert_bad_input(&sweep(&["--vary", "replicas=0:4:3"]), &["replicas", "1 to"]);
    assert_bad_input(&sweep(&["--shard", "4/3"]), &["--shard", "i/n"]);
    assert_bad_input(&sweep(&["--metrics", "ttft"]), &["ttft", "ttft_p50_secs"]);
}

#[test]
fn phase_names_the_better_setup_for_every_pair_of_targets() {
    let folder = Folder::new();
    let out = folder.path("p.json");
    let path = out.display().to_string();
    let args = [
        "phase",
        "--set",
        "replicas=2",
        "--set",
        "requests=40",
        "--vary",
        "prefill_instances=0,1",
        "--ttft",
        "0.5:4:2",
        "--tpot",
        "0.02:0.2:3",
        "--loads",
        "0.5:8:4",
        "--seeds",
        "1",
        "--out",
        &path,
    ];
    let output = schedlab(&args);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let words = stdout(&output);
    assert!(
        words.contains("1 prefill and 1 decode instances"),
        "{words}"
    );
    let report: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(out).unwrap()).unwrap();
    let cells = report["load_per_gpu"].as_array().unwrap();
    assert_eq!(cells.len(), 2);
    for (row, looser) in cells[0]
        .as_array()
        .unwrap()
        .iter()
        .zip(cells[1].as_array().unwrap())
    {
        for (value, more) in row
            .as_array()
            .unwrap()
            .iter()
            .zip(looser.as_array().unwrap())
        {
            assert!(value.as_f64() <= more.as_f64(), "{words}");
        }
    }
    let bad = schedlab(&[
        "phase",
        "--vary",
        "prefill_instances=0,1",
        "--ttft",
        "3:1:2",
    ]);
    assert_eq!(code(&bad), 2);
    assert!(stderr(&bad).contains("3:1:2"), "{}", stderr(&bad));
}

#[test]
fn capacity_compares_setups_on_the_same_requests() {
    let folder = Folder::new();
    let out = folder.path("c.json");
    let mut args = vec![
        "capacity",
        "--vary",
        "scheduler=vllm,sarathi",
        "--seeds",
        "2",
    ];
    args.extend(SMALL);
    let path = out.display().to_string();
    args.extend([
        "--tbt-p99",
        "0.1",
        "--steps",
        "3",
        "--curve",
        "3",
        "--out",
        &path,
    ]);
    let output = schedlab(&args);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(
        stdout(&output).contains("tbt_p99_secs ≤ 0.1"),
        "{}",
        stdout(&output)
    );
    let report: Value = serde_json::from_str(&read(&out)).expect("JSON");
    let results = report["results"].as_array().expect("list");
    assert_eq!(results.len(), 2);
    for result in results {
        for seed in result["by_seed"].as_array().expect("list") {
            let capacity = seed["capacity"].as_f64().expect("number");
            for tried in seed["tried"].as_array().expect("list") {
                let load = tried["load"].as_f64().expect("number");
                if load > capacity {
                    assert_eq!(tried["met"], json!(false), "{load} above {capacity}");
                }
            }
            if capacity > 0.0 {
                assert!(seed["metrics"]["tbt_p99_secs"].as_f64().expect("number") <= 0.1);
            }
        }
        assert_eq!(result["curve"].as_array().expect("list").len(), 3);
    }
    let again = schedlab(&args);
    assert_eq!(again.stdout, output.stdout);
}

#[test]
fn capacity_refuses_bad_input_in_one_line() {
    let mut args = vec!["capacity"];
    args.extend(SMALL);
    let with = |more: &[&'static str]| schedlab(&[args.as_slice(), more].concat());
    assert_bad_input(
        &with(&["--target", "ttft<1"]),
        &["ttft<1", "METRIC<=NUMBER"],
    );
    assert_bad_input(&with(&["--target", "ttft<=1"]), &["ttft", "ttft_p99_secs"]);
    assert_bad_input(&with(&["--attainment", "120"]), &["--attainment", "100"]);
    assert_bad_input(&with(&["--set", "arrivals=burst"]), &["no load"]);
    assert_bad_input(&with(&["--set", "requests"]), &["FIELD=VALUE"]);
}

/// An `.npy` file.
fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let mut header =
        format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}");
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    out.extend((header.len() as u16).to_le_bytes());
    out.extend(header.as_bytes());
    out.extend(data);
    out
}

/// Logits with favourites: expert e of E gets a bonus that falls with e.
fn skewed_logits(rows: usize, experts: usize) -> Vec<f32> {
    (0..rows * experts)
        .map(|i| {
            let (t, e) = (i / experts, i % experts);
            let word = (t * 7919 + e * 104_729) % 1000;
            word as f32 / 500.0 - 0.35 * e as f32
        })
        .collect()
}

fn le(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// A zip archive with one stored file.
fn stored_zip(name: &str, content: &[u8]) -> Vec<u8> {
    let size = (content.len() as u32).to_le_bytes();
    let name_len = (name.len() as u16).to_le_bytes();
    let mut out = b"PK\x03\x04\x14\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00".to_vec();
    out.extend(size.iter().chain(&size).chain(&name_len).chain(&[0, 0]));
    out.extend(name.as_bytes());
    out.extend(content);
    let directory = out.len() as u32;
    out.extend(b"PK\x01\x02\x14\x00\x14\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00");
    out.extend(size.iter().chain(&size).chain(&name_len));
    out.extend([0_u8; 12]);
    out.extend(0_u32.to_le_bytes());
    out.extend(name.as_bytes());
    let length = out.len() as u32 - directory;
    out.extend(b"PK\x05\x06\x00\x00\x00\x00\x01\x00\x01\x00");
    out.extend(length.to_le_bytes());
    out.extend(directory.to_le_bytes());
    out.extend([0, 0]);
    out
}

fn written(folder: &Folder, name: &str, bytes: &[u8]) -> String {
    let path = folder.path(name);
    std::fs::write(&path, bytes).expect("written");
    path.display().to_string()
}

#[test]
fn a_logit_dump_is_routed_under_several_policies() {
    let folder = Folder::new();
    let data = le(&skewed_logits(2 * 512, 8));
    let file = written(
        &folder,
        "router_logits.npy",
        &npy("<f4", "2, 512, 8", &data),
    );
    let (pairs, out) = (folder.path("p.csv"), folder.path("m.json"));
    let output = schedlab(&[
        "route",
        &file,
        "--layer",
        "all",
        "--router",
        "mixtral,base,loss_free",
        "--set",
        "capacity_factor=1.25",
        "--assignments",
        pairs.to_str().expect("utf-8"),
        "--out",
        out.to_str().expect("utf-8"),
    ]);
    let said = stdout(&output);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(
        said.contains("router_logits[1]: router logits of 512 tokens over 8 experts"),
        "{said}"
    );
    assert_eq!(
        said.lines().filter(|l| l.starts_with("layer ")).count(),
        6,
        "{said}"
    );
    let rows = std::fs::read_to_string(&pairs).expect("written");
    assert!(rows.starts_with("layer,router,batch,token,"), "{rows:.60}");
    let base = rows.lines().filter(|l| l.starts_with("1,base,")).count();
    assert_eq!(base, 512, "one expert a token");
    let json: Value =
        serde_json::from_str(&std::fs::read_to_string(&out).expect("written")).expect("JSON");
    let metric = |i: usize, id: &str| {
        let metrics = json["results"][i]["metrics"].as_array().expect("metrics");
        let found = metrics.iter().find(|m| m["id"] == id).expect("the metric");
        found["value"].as_f64().expect("a number")
    };
    assert!(metric(0, "max_violation") > 0.5, "favourites stand out");
    assert_eq!(metric(1, "max_violation"), 0.0, "512 tokens, 64 each");
}

#[test]
fn choices_are_read_from_numpy_archives_and_tables() {
    let folder = Folder::new();
    let choices: Vec<u8> = (0..256_i64)
        .flat_map(|t| [t % 5, 5 + t % 3])
        .flat_map(i64::to_le_bytes)
        .collect();
    let array = npy("<i8", "256, 2", &choices);
    let file = written(&folder, "dump.npz", &stored_zip("topk.npy", &array));
    let output = schedlab(&["route", &file]);
    let said = stdout(&output);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(
        said.contains("topk: chosen experts of 256 tokens over 8 experts, 2 per token"),
        "{said}"
    );
    let table: String = "layer,expert\n".to_owned()
        + &(0..64)
            .flat_map(|t| (0..2).map(move |l| format!("{l},{}\n{l},{}\n", t % 3, 3 + t % 2)))
            .collect::<String>();
    let file = folder.file("moe-trace.csv", &table);
    let output = schedlab(&["route", &file, "--layer", "1"]);
    let said = stdout(&output);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(said.contains("layer 1  As recorded"), "{said}");
}

#[test]
fn bad_router_dumps_are_refused_with_the_reason() {
    let folder = Folder::new();
    let good = le(&skewed_logits(4, 4));
    let mut nan = skewed_logits(4, 4);
    nan[9] = f32::NAN;
    let cases: [(&str, Vec<u8>, &[&str]); 6] = [
        (
            "cut.npy",
            npy("<f4", "9, 4", &good),
            &["144 bytes of data expected, 64 found"],
        ),
        (
            "flat.npy",
            npy("<f4", "16", &good),
            &["no tensor of tokens × experts", "flat 16"],
        ),
        (
            "nan.npy",
            npy("<f4", "4, 4", &le(&nan)),
            &["row 2", "entry 1 is NaN"],
        ),
        (
            "huge.npy",
            npy("<f4", "4294967296, 4294967296", &good),
            &["overflows"],
        ),
        (
            "cut.npz",
            stored_zip("a.npy", &good)[..60].to_vec(),
            &["cut off"],
        ),
        (
            "twice.npy",
            npy("|u1", "2, 2", &[3, 3, 1, 2]),
            &["row 0", "expert 3 stands there twice"],
        ),
    ];
    for (name, bytes, words) in cases {
        let file = written(&folder, name, &bytes);
        assert_bad_input(&schedlab(&["route", &file]), words);
    }
    let file = written(&folder, "ok.npy", &npy("<f4", "4, 4", &good));
    for (args, words) in [
        (["--layer", "3"], &["--layer is 3", "0 to 0"][..]),
        (["--router", "nonsense"], &["nonsense"]),
        (["--router", "hash"], &["router is Hash", "no embeddings"]),
        (["--router", "recorded"], &["scores, not choices"]),
        (["--set", "k=5"], &["k is 5"]),
        (["--set", "kk=5"], &["--set is kk"]),
        (["--set", "capacity_factor=-1"], &["capacity_factor is -1"]),
    ] {
        let output = schedlab(&["route", &file, args[0], args[1]]);
        let said = stderr(&output);
        assert_eq!(code(&output), 2, "{args:?}: {said}{}", stdout(&output));
        for word in words {
            assert!(said.contains(word), "{args:?}: {word:?} is not in {said}");
        }
    }
}

#[test]
fn lr_values_are_those_of_the_library_asked_for() {
    let out = schedlab(&[
        "lr",
        "values",
        "--set",
        "shape=linear",
        "--set",
        "horizon=10",
        "--set",
        "warmup=0.2",
        "--set",
        "peak=1.0",
        "--set",
        "dialect=transformers",
    ]);
    let text = stdout(&out);
    assert_eq!(code(&out), 0, "{}", stderr(&out));
    assert!(
        text.starts_with("step,lr\n0,0\n1,0.5\n2,1\n3,0.875\n"),
        "{text}"
    );
    assert_bad_input(
        &schedlab(&[
            "lr",
            "values",
            "--set",
            "shape=rex",
            "--set",
            "dialect=timm",
        ]),
        &["dialect", "timm"],
    );
    assert_bad_input(
        &schedlab(&["lr", "values", "--set", "horizon=3"]),
        &["horizon", "10 to"],
    );
    assert_bad_input(&schedlab(&["lr", "values", "--set", "peek=3"]), &["peek"]);
    // A run resumed at half without its scheduler's state warms up again.
    let mut args = vec!["lr", "values"];
    for set in [
        "shape=linear",
        "horizon=10",
        "warmup=0.2",
        "peak=1.0",
        "dialect=transformers",
        "resume_at=0.5",
        "resume=restarted",
    ] {
        args.extend(["--set", set]);
    }
    let text = stdout(&schedlab(&args));
    assert!(text.contains("4,0.75\n5,0\n6,0.5\n7,1\n"), "{text}");
}

#[test]
fn lr_code_writes_any_schedule_as_a_table() {
    let folder = Folder::new();
    let csv = folder.file("lr.csv", "step,lr\n0,0.1\n1,0.2\n2,0.2\n3,0.05\n");
    let mut args = vec!["lr", "code", "--table", "pytorch", "--schedule", &csv];
    let text = stdout(&schedlab(&args));
    for part in [
        "# The optimizer's lr is 2e-1;",
        "0, 1, 2, 3,",
        "5e-1, 1e0, 1e0, 2.5e-1,",
        "scheduler = LambdaLR(optimizer, share)",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    args[3] = "timm";
    assert_bad_input(&schedlab(&args), &["table", "optax"]);
    // A shape of this lab alone has no calls, but a table.
    let own = schedlab(&[
        "lr",
        "code",
        "--table",
        "optax",
        "--set",
        "shape=rex",
        "--set",
        "horizon=20",
    ]);
    assert!(stdout(&own).contains("jnp.interp"), "{}", stdout(&own));
}

#[test]
fn lr_bound_and_train_answer_in_json() {
    let out = schedlab(&[
        "lr",
        "bound",
        "--set",
        "shape=linear",
        "--set",
        "horizon=400",
        "--set",
        "warmup=0",
    ]);
    let v: Value = serde_json::from_str(&stdout(&out)).expect("JSON");
    // The published figure for 400 steps.
    let bound = v["bound_at_best"].as_f64().expect("a number");
    assert!((bound - 0.1006).abs() < 1e-4, "{bound}");
    let out = schedlab(&[
        "lr",
        "train",
        "--set",
        "shape=rex",
        "--set",
        "horizon=30",
        "--set",
        "seeds=1",
    ]);
    let v: Value = serde_json::from_str(&stdout(&out)).expect("JSON");
    assert!(v.to_string().contains("final_loss"), "{v}");
}

#[test]
fn a_loss_log_is_fitted_predicted_and_its_schedule_optimised() {
    let folder = Folder::new();
    let mut log = "run,step,lr,loss\n".to_owned();
    // A made-up run with a flat part and a cooldown that lowers the loss.
    for s in (50..=2000).step_by(50) {
        let left = (f64::from(2000 - s) / 500.0).min(1.0);
        let lr = 1e-3 * (0.05 + 0.95 * left);
        let loss = 2.0 + 3.0 / f64::from(s).sqrt() - 0.15 * (1.0 - left);
        writeln!(log, "a,{s},{lr},{loss}").expect("written");
    }
    let (log, fit) = (
        folder.file("log.csv", &log),
        folder.path("fit.json").display().to_string(),
    );
    let out = schedlab(&["lr", "fit", &log, "--bootstrap", "3", "--out", &fit]);
    assert_eq!(code(&out), 0, "{}", stderr(&out));
    assert!(stdout(&out).contains("fitted"), "{}", stdout(&out));
    let saved: Value =
        serde_json::from_str(&std::fs::read_to_string(&fit).expect("written")).expect("JSON");
    assert_eq!(saved["replicates"].as_array().map(Vec::len), Some(3));
    assert!(
        saved["errors"]["a"]["mae"].as_f64().expect("a number") < 0.05,
        "{saved}"
    );
    let schedule = folder.path("lr.csv").display().to_string();
    let out = schedlab(&[
        "lr", "optimise", "--law", &fit, "--log", &log, "--budget", "500", "--out", &schedule,
    ]);
    assert_eq!(code(&out), 0, "{}", stderr(&out));
    assert!(stdout(&out).contains("step 2500"), "{}", stdout(&out));
    let out = schedlab(&["lr", "predict", "--law", &fit, "--schedule", &schedule]);
    let text = stdout(&out);
    assert!(text.starts_with("step,lr,loss,low,high\n"), "{text}");
    assert!(
        text.trim_end()
            .lines()
            .last()
            .is_some_and(|l| l.starts_with("2500,")),
        "{text}"
    );
    let plan = folder.path("plan.json").display().to_string();
    let out = schedlab(&[
        "lr",
        "plan",
        "--law",
        &fit,
        "--log",
        &log,
        "--budgets",
        "800,200",
        "--out",
        &plan,
    ]);
    assert_eq!(code(&out), 0, "{}", stderr(&out));
    assert!(
        stdout(&out).contains("from one stable run"),
        "{}",
        stdout(&out)
    );
    let planned: Value =
        serde_json::from_str(&std::fs::read_to_string(&plan).expect("written")).expect("JSON");
    let branches = planned["branches"].as_array().expect("branches");
    assert_eq!((branches.len(), &branches[0]["budget"]), (2, &json!(200)));
    assert!(planned["updates_of_family"].as_u64() < planned["updates_apart"].as_u64());
    assert_bad_input(
        &schedlab(&["lr", "plan", "--law", &fit, "--log", &log, "--budgets", "0"]),
        &["budgets", "1 to"],
    );
    assert_bad_input(
        &schedlab(&["lr", "fit", &log, "--train", "b"]),
        &["train", "allowed: a"],
    );
    let bad = folder.file("bad.csv", "step,loss\n1,2\n1,2\n");
    assert_bad_input(
        &schedlab(&["lr", "fit", &bad]),
        &["bad.csv", "line 3", "rise"],
    );
}

/// The curves of the multi-power law's authors, where they are.
#[test]
fn the_law_fitted_on_real_curves_predicts_the_others() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/lr/mpl_curves_100M.csv");
    let file = std::env::var("SCHEDLAB_DATA")
        .map_or(file, |d| Path::new(&d).join("lr/mpl_curves_100M.csv"));
    if !file.exists() {
        println!("SKIPPED the real curves are not here (set SCHEDLAB_DATA)");
        return;
    }
    let out = schedlab(&[
        "lr",
        "fit",
        &file.display().to_string(),
        "--train",
        "cosine_24000,constant_24000,wsdcon_9",
    ]);
    assert_eq!(code(&out), 0, "{}", stderr(&out));
    let v: Value = serde_json::from_str(&stdout(&out)).expect("JSON");
    // The converged objective of the reference is 2.13313e-5.
    assert!(
        v["objective"].as_f64().expect("a number") < 1.001 * 2.13313e-5,
        "{v}"
    );
    let errors = v["errors"].as_object().expect("errors");
    let held: Vec<f64> = errors
        .values()
        .filter(|e| e["fitted"] == json!(false))
        .filter_map(|e| e["mae"].as_f64())
        .collect();
    let mean = held.iter().sum::<f64>() / held.len() as f64;
    assert!(held.len() == 6 && mean < 0.0055, "{held:?}");
}

#[test]
fn simulate_writes_iterations_trace_events_and_the_requests_themselves() {
    let folder = Folder::new();
    let paths = ["r.csv", "i.csv", "t.json", "w.csv", "m.json"].map(|n| folder.path(n));
    let [r, i, t, w, m] = paths.each_ref().map(|p| p.display().to_string());
    let fields = [
        "--set",
        "arrivals=sessions",
        "--set",
        "requests=20",
        "--set",
        "prompt_median=200",
        "--set",
        "batch_share=0.4",
    ];
    let mut args = vec![
        "simulate",
        "--requests",
        &r,
        "--iterations",
        &i,
        "--chrome-trace",
        &t,
        "--workload",
        &w,
        "--out",
        &m,
    ];
    args.extend(fields);
    let output = schedlab(&args);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let report: Value = serde_json::from_str(&read(&paths[4])).expect("JSON");
    let iterations = report["metrics"]
        .as_array()
        .expect("list")
        .iter()
        .find(|m| m["id"] == "iterations")
        .expect("metric")["value"]
        .as_f64();
    assert_eq!(
        Some((read(&paths[1]).lines().count() - 1) as f64),
        iterations
    );
    let classes = report["classes"].as_array().expect("list");
    let of_classes: u64 = classes.iter().filter_map(|c| c["requests"].as_u64()).sum();
    assert_eq!((classes.len(), of_classes), (2, 20));
    assert!(
        report["flags"]["vllm"]
            .as_str()
            .expect("text")
            .contains("--max-num-seqs 128")
    );

    let events: Value = serde_json::from_str(&read(&paths[2])).expect("JSON");
    let events = events["traceEvents"].as_array().expect("list");
    let of = |pid: u64| {
        events
            .iter()
            .filter(move |e| e["ph"] == "X" && e["pid"] == pid)
    };
    assert_eq!(
        Some(of(2).count() as f64),
        iterations,
        "a slice per iteration"
    );
    assert!(of(1).all(|e| e["dur"].as_f64().is_some_and(|d| d >= 0.0)));

    // The requests as they came, read back, arrive at the same times.
    let again = folder.path("again.csv").display().to_string();
    let output = schedlab(&["simulate", "--trace", &w, "--workload", &again]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(read(&folder.path("again.csv")).lines().count(), 21);
}

#[test]
fn a_profile_is_fitted_when_it_is_opened_and_a_poor_one_is_refused() {
    let folder = Folder::new();
    let mut text = "prefill_tokens,prefill_quad,decode_seqs,kv_tokens_read,iter_ms\n".to_owned();
    for i in 0..40_u32 {
        let (p, q, d, k) = (i * 7 % 100, i * i, i * 3 % 17, i * 31 % 1000);
        let ms = 9.0
            + 0.06 * f64::from(p)
            + 3e-4 * f64::from(q)
            + 0.05 * f64::from(d)
            + 1e-4 * f64::from(k);
        writeln!(text, "{p},{q},{d},{k},{ms}").expect("written");
    }
    let good = folder.file("profile.csv", &text);
    let output = schedlab(&["simulate", "--trace", &good, "--set", "requests=5"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let report: Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    let config = &report["setup"]["config"];
    assert_eq!(config["cost_kind"], "linear");
    assert!((config["c1"].as_f64().expect("number") / 6e-5 - 1.0).abs() < 1e-6);
    let few: Vec<&str> = text.lines().take(15).collect();
    let few = folder.file("few.csv", &few.join("\n"));
    assert_bad_input(
        &schedlab(&["simulate", "--trace", &few]),
        &["few.csv", "14", "at least 20"],
    );
}

#[test]
fn noise_schedules_come_in_and_go_out_in_other_tools_forms() {
    let folder = Folder::new();
    let output = schedlab(&[
        "noise",
        "schedule",
        "--set",
        "schedule=exponential",
        "--steps",
        "3",
        "--format",
        "python",
    ]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let list: Vec<f64> = serde_json::from_str(&stdout(&output)).expect("a list");
    assert_eq!(list.len(), 4);
    assert!(
        (list[1] - (80.0_f64 * 0.002).sqrt()).abs() < 1e-9,
        "{list:?}"
    );
    let pasted = folder.file("pasted.txt", "80, 0.4, 0.002, 0");
    let mine = folder.file("mine.py", &stdout(&output));
    let output = schedlab(&["noise", "schedule", &mine, "--against", &pasted]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let said: Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    assert_eq!(said["first_difference"], Value::Null, "{said}");
    let other = folder.file("other.txt", "80, 0.5, 0.002, 0");
    let output = schedlab(&["noise", "schedule", &mine, "--against", &other]);
    let said: Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    assert_eq!(said["first_difference"], 1, "{said}");
    let config = folder.file(
        "scheduler_config.json",
        r#"{"_class_name": "DDIMScheduler", "beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "steps_offset": 1, "clip_sample": false}"#,
    );
    let output = schedlab(&[
        "noise", "schedule", &config, "--steps", "10", "--format", "csv",
    ]);
    assert_eq!(stdout(&output).lines().count(), 12, "{}", stdout(&output));
    assert!(
        stderr(&output).contains("DDIMScheduler"),
        "{}",
        stderr(&output)
    );
    let rising = folder.file("rising.txt", "1, 2, 3.5");
    assert_bad_input(&schedlab(&["noise", "schedule", &rising]), &["position 1"]);
    assert_bad_input(
        &schedlab(&["noise", "schedule", "--set", "sede=1"]),
        &["sede"],
    );
}

#[test]
fn noise_samples_optimises_and_orders_without_a_screen() {
    let output = schedlab(&[
        "noise",
        "sample",
        "--set",
        "particles=100",
        "--steps",
        "4",
        "--seeds",
        "2",
    ]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let said: Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    assert_eq!(said["results"].as_array().map(Vec::len), Some(2));
    let output = schedlab(&["noise", "optimise", "--steps", "4", "--format", "comfy"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(stdout(&output).split(',').count(), 5, "{}", stdout(&output));
    assert!(stderr(&output).contains("nats"), "{}", stderr(&output));
    let output = schedlab(&[
        "noise", "order", "--source", "field", "--set", "side=6", "--rounds", "4,36", "--format",
        "csv",
    ]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let rows = stdout(&output);
    assert_eq!(rows.lines().count(), 15, "{rows}");
    assert_bad_input(
        &schedlab(&["noise", "order", "--source", "sudoku"]),
        &["source", "sudoku", "markov"],
    );
}
