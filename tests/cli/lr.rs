//! Schedules, laws and logs.

use super::*;

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
