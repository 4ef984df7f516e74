//! The chosen schedule as files for training code: the rates that its run used.

use super::dialects::{Dialect, code, lookup_code, named};
use super::{Config, Problem, Run};
use crate::core::Table;
use serde_json::json;

/// What can be saved, and its name.
pub(super) const FILES: &[(&str, &str)] = &[
    ("PyTorch code", "schedule_pytorch.py"),
    ("optax code", "schedule_optax.py"),
    ("transformers code", "schedule_transformers.py"),
    ("Rates as CSV", "schedule.csv"),
    ("Rates as JSON", "schedule.json"),
];

/// The libraries of the first files.
const LIBRARIES: [Dialect; 3] = [Dialect::Pytorch, Dialect::Optax, Dialect::Transformers];

/// The rates of the chosen schedule, update by update.
fn rates(run: &Run) -> Vec<f64> {
    run.chosen().map_or_else(Vec::new, |cell| {
        let s = &cell.schedule;
        (0..s.updates).map(|i| s.rate(i)).collect()
    })
}

/// Rates as a table `step,lr`.
pub(super) fn table(run: &Run) -> Table {
    Table {
        columns: vec!["step".to_owned(), "lr".to_owned()],
        rows: (rates(run).into_iter().enumerate())
            .map(|(i, rate)| vec![i as f64, rate])
            .collect(),
    }
}

/// The library's own calls, where the run follows its convention to the letter.
fn calls(config: &Config, dialect: Dialect) -> Option<String> {
    let plain = config.calls == 1
        && config.hold == 1
        && config.resume_at == 0.0
        && config.problem != Problem::Log;
    if config.dialect != dialect || !plain {
        return None;
    }
    let calls = named(&config.chosen(), &config.settings(), dialect)?;
    code(&calls, config.peak)
}

/// The file at a place of [`FILES`].
pub(super) fn file(run: &Run, place: usize) -> String {
    if let Some(&dialect) = LIBRARIES.get(place) {
        let table = || lookup_code(&rates(run), run.config.peak, dialect);
        return calls(&run.config, dialect)
            .or_else(table)
            .unwrap_or_default();
    }
    if place == LIBRARIES.len() {
        return table(run).to_csv();
    }
    let value = json!({
        "schedule": run.config.shape.name(),
        "peak": run.config.peak,
        "rates": rates(run),
    });
    format!("{value:#}\n")
}
