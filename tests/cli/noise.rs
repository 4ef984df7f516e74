//! Noise schedules and samples.

use super::*;

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
    // Seven orders in rounds, three with calls of their own.
    assert_eq!(rows.lines().count(), 1 + 7 * 2 + 3, "{rows}");
    assert_bad_input(
        &schedlab(&["noise", "order", "--source", "sudoku"]),
        &["source", "sudoku", "markov"],
    );
}
