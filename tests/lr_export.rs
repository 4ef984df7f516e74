//! The exported Python code, run by the libraries themselves. Opt-in: `SCHEDLAB_PYTHON` names an
//! interpreter that has torch, optax, transformers or timm; each one that is missing is skipped.
#![cfg(not(target_arch = "wasm32"))]

use schedlab::labs::lr::Config;
use schedlab::labs::lr::dialects::{Dialect, code, lookup_code, named};
use schedlab::labs::lr::schedule::Shape;
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::{Command, Stdio};

/// Reads cases from standard input, runs their code, prints the rate of every update.
const HARNESS: &str = r#"
import json, sys
work = json.load(sys.stdin)
library, out = work["library"], []
try:
    if library == "optax":
        import jax
        jax.config.update("jax_enable_x64", True)
        import optax
    else:
        import torch
        if library != "torch":
            __import__(library)
except ImportError as error:
    print(json.dumps({"missing": str(error)}))
    sys.exit()
for case in work["cases"]:
    space = {}
    if library == "optax":
        exec(case["code"], space)
        rates = [float(space["schedule"](i)) for i in range(case["n"])]
    else:
        weight = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
        optimizer = torch.optim.SGD([weight], lr=case["peak"])
        space["optimizer"] = optimizer
        exec(case["code"], space)
        rates = []
        for i in range(case["n"]):
            rates.append(float(optimizer.param_groups[0]["lr"]))
            if i + 1 < case["n"]:
                optimizer.step()
                if library == "timm":
                    space["scheduler"].step_update(i + 1)
                else:
                    space["scheduler"].step()
    out.append(rates)
print(json.dumps({"rates": out}))
"#;

/// What each case is called, and its config.
fn cases(dialect: Dialect) -> Vec<(String, Config)> {
    let mut out = Vec::new();
    for shape in Shape::ALL {
        for (warmup, floor) in [(0.1, 0.0), (0.1, 0.1), (0.0, 0.1)] {
            let config = Config {
                shape,
                horizon: 100,
                peak: 0.25,
                warmup,
                floor,
                cycle: 0.2,
                cycle_mul: 1,
                rivals: false,
                dialect,
                ..Config::default()
            };
            let known = named(&config.chosen(), &config.settings(), dialect).is_some();
            if known && config.check().is_ok() {
                let name = format!("{} {warmup} {floor}", shape.name());
                out.push((name, config));
            }
        }
    }
    out
}

fn run(python: &str, library: &str, cases: &[Value]) -> Value {
    let mut child = Command::new(python)
        .args(["-W", "ignore", "-c", HARNESS])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{python}: {e}"));
    let work = json!({"library": library, "cases": cases}).to_string();
    child
        .stdin
        .take()
        .expect("piped")
        .write_all(work.as_bytes())
        .expect("written");
    let output = child.wait_with_output().expect("finished");
    assert!(output.status.success(), "{library} failed");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Runs the code of every case and compares the rates that come out with the lab's.
fn compare(python: &str, library: &str, cases: &[(String, String, f64, Vec<f64>)], bound: f64) {
    let work: Vec<Value> = cases
        .iter()
        .map(|(_, code, peak, rates)| json!({"code": code, "peak": peak, "n": rates.len()}))
        .collect();
    let found = run(python, library, &work);
    if let Some(missing) = found.get("missing") {
        println!("SKIPPED exported code of {library}: {missing}");
        return;
    }
    let mut worst = 0.0_f64;
    let all = found["rates"].as_array().expect("rates");
    for ((name, _, peak, want), rates) in cases.iter().zip(all) {
        let rates = rates.as_array().expect("a list");
        for (i, (got, want)) in rates.iter().zip(want).enumerate() {
            let got = got.as_f64().expect("a number");
            let error = (got - want).abs() / peak;
            assert!(
                error < bound,
                "{library}, {name}, update {i}: {got} instead of {want}"
            );
            worst = worst.max(error);
        }
    }
    println!(
        "{library}: {} schedules, largest difference {worst:.1e} of the peak",
        cases.len()
    );
}

/// The interpreter, or a visible skip.
fn interpreter() -> Option<String> {
    let python = std::env::var("SCHEDLAB_PYTHON").ok();
    if python.is_none() {
        println!("SKIPPED exported code: SCHEDLAB_PYTHON names no interpreter");
    }
    python
}

#[test]
fn the_libraries_use_the_rates_that_the_lab_shows() {
    let Some(python) = interpreter() else { return };
    for (dialect, library) in [
        (Dialect::Pytorch, "torch"),
        (Dialect::Optax, "optax"),
        (Dialect::Transformers, "transformers"),
        (Dialect::Timm, "timm"),
    ] {
        let cases: Vec<_> = cases(dialect)
            .into_iter()
            .map(|(name, c)| {
                let calls = named(&c.chosen(), &c.settings(), dialect).expect("known");
                let text = code(&calls, c.peak).expect("a library");
                (name, text, c.peak, c.chosen().rates().expect("a schedule"))
            })
            .collect();
        assert!(cases.len() > 8, "{library}: {} cases", cases.len());
        compare(&python, library, &cases, 1e-9);
    }
}

#[test]
fn tables_of_any_schedule_give_its_rates_in_the_libraries() {
    let Some(python) = interpreter() else { return };
    let shapes = Shape::ALL
        .into_iter()
        .filter(|s| !s.is_guided() && !s.is_computed());
    let schedules: Vec<(String, f64, Vec<f64>)> = shapes
        .flat_map(|shape| [100, 2500].map(|n| (shape, n)))
        .filter_map(|(shape, horizon)| {
            let config = Config {
                shape,
                horizon,
                peak: 0.25,
                rivals: false,
                ..Config::default()
            };
            let rates = config.chosen().rates().ok()?;
            Some((format!("{} {horizon}", shape.name()), config.peak, rates))
        })
        .collect();
    assert!(schedules.len() > 20, "{} schedules", schedules.len());
    for (dialect, library) in [
        (Dialect::Pytorch, "torch"),
        (Dialect::Optax, "optax"),
        // The same `LambdaLR`, and the library must be there.
        (Dialect::Transformers, "transformers"),
    ] {
        let cases: Vec<_> = schedules
            .iter()
            .map(|(name, peak, rates)| {
                let text = lookup_code(rates, *peak, dialect).expect("a table");
                (name.clone(), text, *peak, rates.clone())
            })
            .collect();
        compare(&python, library, &cases, 2e-6);
    }
}
