//! Sweeps, phase diagrams, placements and capacity.

use super::*;

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
        folder.file(format, &complete[..complete.len() * 2 / 3]);
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
fn placement_chooses_the_most_per_gpu_and_says_what_does_not_fit() {
    let folder = Folder::new();
    let out = folder.path("p.json");
    let path = out.display().to_string();
    let args = [
        "placement",
        "--set",
        "cost_kind=roofline",
        "--set",
        "model=qwen3_14b",
        "--set",
        "blocks_from_memory=false",
        "--set",
        "roofline_gpu=own",
        "--set",
        "own_gpu_gib=28",
        "--set",
        "requests=30",
        "--set",
        "slo_ttft_secs=2",
        "--per-instance",
        "2",
        "--gpus",
        "8",
        "--steps",
        "3",
        "--out",
        &path,
    ];
    let output = schedlab(&args);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let words = stdout(&output);
    assert!(words.contains("does not fit in memory"), "{words}");
    let report: Value = serde_json::from_str(&read(&out)).expect("JSON");
    for part in ["prefill", "decode", "together"] {
        let cells = report["placements"][part].as_array().expect("list");
        assert_eq!(cells.len(), 3, "{part}");
        assert!(
            cells[0]["goodput"].is_null(),
            "one GPU has no room: {words}"
        );
        let chosen: Vec<&Value> = cells
            .iter()
            .filter(|c| c["chosen"] == json!(true))
            .collect();
        assert_eq!(chosen.len(), 1, "{part}: {words}");
        let per_gpu = |cell: &Value| cell["goodput_per_gpu"].as_f64().expect("number");
        assert!(
            cells.iter().all(|c| per_gpu(c) <= per_gpu(chosen[0])),
            "{words}"
        );
    }
    let within = &report["within"];
    assert!(within["apart"]["plan"]["gpus"].as_u64().expect("number") <= 8);
    assert!(
        within["apart"]["measured"]["load"]
            .as_f64()
            .expect("number")
            > 0.0
    );
    assert_eq!(schedlab(&args).stdout, output.stdout);
    assert_bad_input(&schedlab(&["placement", "--gpus", "0"]), &["gpus", "1 to"]);
    assert_bad_input(
        &schedlab(&["placement", "--set", "cost_kind=linear"]),
        &["cost_kind", "Roofline"],
    );
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
