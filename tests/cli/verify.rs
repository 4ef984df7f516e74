//! Reference files.

use super::*;

/// A small reference file of a supported kind, as JSON to change.
fn reference() -> Value {
    let text = read(Path::new("tests/golden/lr/torch_step.json"));
    serde_json::from_str(&text).expect("JSON")
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
