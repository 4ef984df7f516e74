//! The same named schedule in every library that has it, and where each parts from the others.

use super::config::{Config, Problem};
use super::dialects::{Dialect, first_difference, named};
use super::model::Run;
use crate::core::{Axis, Chart, Mark, Series, Table};

/// Points of a drawn difference, besides the first and last updates.
const POINTS: usize = 400;

/// The rates that every library with this schedule uses, at the config's peak.
pub(super) fn dialects(config: &Config) -> Vec<(Dialect, Vec<f64>)> {
    if config.shape.is_computed() || config.shape.is_guided() || config.problem == Problem::Log {
        return Vec::new();
    }
    Dialect::ALL
        .into_iter()
        .filter_map(|dialect| {
            let own = Config {
                dialect,
                calls: if dialect == config.dialect {
                    config.calls
                } else {
                    1
                },
                hold: if dialect == config.dialect {
                    config.hold
                } else {
                    1
                },
                resume_at: if dialect == config.dialect {
                    config.resume_at
                } else {
                    0.0
                },
                ..config.clone()
            };
            let has =
                dialect == Dialect::Lab || named(&own.chosen(), &own.settings(), dialect).is_some();
            let rates = own.chosen().rates().ok()?;
            (has && rates.iter().all(|r| r.is_finite())).then_some((dialect, rates))
        })
        .collect()
}

/// Difference of every library's rate to the lab's, in percent of the peak.
pub(super) fn chart(run: &Run) -> Option<Chart> {
    let ((_, lab), others) = run.dialects.split_first()?;
    if others.is_empty() {
        return None;
    }
    let peak = run.config.peak;
    let every = lab.len().div_ceil(POINTS).max(1);
    let (mut series, mut marks) = (Vec::new(), Vec::new());
    for (dialect, rates) in others {
        let points: Vec<[f64; 2]> = (0..lab.len())
            .filter(|i| i % every == 0 || i + 1 == lab.len())
            .map(|i| [i as f64, 100.0 * (rates[i] - lab[i]) / peak])
            .collect();
        series.push(Series::line(dialect.name(), points));
        if let Some(at) = first_difference(rates, lab) {
            marks.push(Mark {
                x: at as f64,
                label: format!("{} parts at update {at}", dialect.name()),
            });
        }
    }
    Some(Chart {
        id: "dialects",
        title: "Same name, other rates",
        doc: "The schedule of this name in each library that has it: its rate minus this lab's. Marks show the first update at which they part.",
        x: Axis::linear("optimizer step", ""),
        y: Axis::linear("difference to this lab", "% of the peak"),
        series,
        marks,
        on_timeline: true,
    })
}

/// One row per update, one column per library.
pub(super) fn table(run: &Run) -> Table {
    let all = &run.dialects;
    let mut columns = vec!["step".to_owned()];
    columns.extend(
        all.iter()
            .map(|(d, _)| d.name().to_lowercase().replace(' ', "_")),
    );
    Table {
        columns,
        rows: (0..run.config.horizon as usize)
            .map(|i| {
                let mut row = vec![i as f64];
                row.extend(
                    all.iter()
                        .map(|(_, r)| r.get(i).copied().unwrap_or(f64::NAN)),
                );
                row
            })
            .collect(),
    }
}

/// What the other libraries would use for this update, in a line; empty without any.
pub(super) fn at_update(run: &Run, update: usize) -> Option<String> {
    let parts: Vec<String> = run
        .dialects
        .iter()
        .skip(1)
        .filter_map(|(d, r)| Some(format!("{} {:.3e}", d.name(), r.get(update)?)))
        .collect();
    (!parts.is_empty()).then(|| format!("under the same name at this update: {}", parts.join(", ")))
}
