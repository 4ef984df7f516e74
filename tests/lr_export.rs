//! The exported Python code, run by the libraries themselves. Opt-in: `SCHEDLAB_PYTHON` names an
//! interpreter that has torch, optax, transformers or timm; each one that is missing is skipped.
#![cfg(not(target_arch = "wasm32"))]

use schedlab::labs::lr::Config;
use schedlab::labs::lr::dialects::{Dialect, code, named};
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

#[test]
fn the_libraries_use_the_rates_that_the_lab_shows() {
    let Ok(python) = std::env::var("SCHEDLAB_PYTHON") else {
        println!("SKIPPED exported code: SCHEDLAB_PYTHON names no interpreter");
        return;
    };
    for (dialect, library) in [
        (Dialect::Pytorch, "torch"),
        (Dialect::Optax, "optax"),
        (Dialect::Transformers, "transformers"),
        (Dialect::Timm, "timm"),
    ] {
        let cases = cases(dialect);
        assert!(cases.len() > 8, "{library}: {} cases", cases.len());
        let work: Vec<Value> = cases
            .iter()
            .map(|(_, c)| {
                let calls = named(&c.chosen(), &c.settings(), dialect).expect("known");
                let text = code(&calls, c.peak).expect("a library");
                json!({"code": text, "peak": c.peak, "n": c.horizon})
            })
            .collect();
        let found = run(&python, library, &work);
        if let Some(missing) = found.get("missing") {
            println!("SKIPPED exported code of {library}: {missing}");
            continue;
        }
        let mut worst = 0.0_f64;
        for ((name, config), rates) in cases.iter().zip(found["rates"].as_array().expect("rates")) {
            let want = config.chosen().rates().expect("a schedule");
            for (i, (got, want)) in rates
                .as_array()
                .expect("a list")
                .iter()
                .zip(&want)
                .enumerate()
            {
                let got = got.as_f64().expect("a number");
                let error = (got - want).abs() / config.peak;
                assert!(
                    error < 1e-9,
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
}
