//! Simulations, traces and profiles.

use super::*;

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
