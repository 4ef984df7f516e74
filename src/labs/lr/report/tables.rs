//! The tables of a run.

use super::standings;
use crate::core::Table;
use crate::labs::lr::continuation::LogFacts;
use crate::labs::lr::league::League;
use crate::labs::lr::model::Run;
use crate::labs::lr::plan::cost;
use crate::labs::lr::{contest, dialect_report, files};

/// Named tables.
pub(in crate::labs::lr) fn tables(run: &Run) -> Vec<(&'static str, Table)> {
    let mut runs = Table {
        columns: [
            "entity",
            "schedule",
            "peak_rate",
            "seed",
            "final_loss",
            "accuracy",
            "diverged_at_step",
        ]
        .map(str::to_owned)
        .to_vec(),
        rows: Vec::new(),
    };
    for cell in run.cells.iter() {
        for curve in &cell.curves {
            runs.rows.push(vec![
                cell.entity().0 as f64,
                cell.shape().index() as f64,
                cell.schedule.peak,
                curve.seed as f64,
                curve.final_loss,
                curve.accuracy,
                curve.diverged.map_or(f64::NAN, |d| d.0 as f64),
            ]);
        }
    }
    let mut out = vec![
        ("runs", runs),
        ("ranking", standings::table(run)),
        ("schedule", files::table(run)),
        ("loss", loss_table(run)),
        ("dialects", dialect_report::table(run)),
    ];
    if !run.contenders.is_empty() {
        out.push(("optimizers", contest::table(run)));
    }
    if let Some(league) = &run.league {
        out.push(("league", league_table(league)));
    }
    if let Some(log) = &run.log {
        out.push(("branches", branches(log)));
    }
    out
}

/// Branches of the stable run; the last columns are the updates of the family so far and those of a
/// run of its own for each.
fn branches(log: &LogFacts) -> Table {
    let past = log.now + 1;
    let rows = (log.branches.iter().enumerate())
        .map(|(i, b)| {
            let [shared, separate] = cost(&log.branches[..=i], past);
            vec![
                b.budget as f64,
                b.start as f64,
                b.cooldown(past) as f64,
                b.shape.index() as f64,
                b.loss,
                b.flat,
                shared as f64,
                separate as f64,
            ]
        })
        .collect();
    Table {
        columns: [
            "budget",
            "cooldown_starts",
            "cooldown_updates",
            "cooldown_shape",
            "predicted_loss",
            "loss_without_cooldown",
            "updates_of_family",
            "updates_apart",
        ]
        .map(str::to_owned)
        .to_vec(),
        rows,
    }
}

/// Per schedule, problem (in the order of the benchmark) and group of five studies: the tuned setting,
/// the target and the time to it, NaN where fewer than three studies reached it.
fn league_table(league: &League) -> Table {
    let mut rows = Vec::new();
    for (s, entries) in league.entries.iter().enumerate() {
        for (problem, (entry, target)) in entries.iter().zip(&league.targets).enumerate() {
            for group in 0..league.groups {
                let time = Some(entry.time(group)).filter(|t| t.is_finite());
                rows.push(vec![
                    league.shapes[s].index() as f64,
                    problem as f64,
                    group as f64,
                    entry.tuned.peak,
                    entry.tuned.length,
                    *target,
                    time.unwrap_or(f64::NAN),
                    league.score(s, group),
                ]);
            }
        }
    }
    Table {
        columns: [
            "schedule",
            "problem",
            "group",
            "tuned_peak_rate",
            "tuned_length",
            "target_loss",
            "updates_to_target",
            "score_of_schedule",
        ]
        .map(str::to_owned)
        .to_vec(),
        rows,
    }
}

fn loss_table(run: &Run) -> Table {
    let shown = run.shown();
    let curves: Vec<Vec<[f64; 2]>> = shown.iter().map(|c| c.mean_curve()).collect();
    let longest = curves.iter().max_by_key(|c| c.len());
    let mut columns = vec!["step".to_owned()];
    columns.extend(shown.iter().map(|c| {
        format!(
            "{}_loss_at_{:e}",
            c.shape().name().to_lowercase(),
            c.schedule.peak
        )
    }));
    Table {
        columns,
        rows: longest
            .map(|points| {
                (0..points.len())
                    .map(|i| {
                        let mut row = vec![points[i][0]];
                        row.extend(curves.iter().map(|c| c.get(i).map_or(f64::NAN, |p| p[1])));
                        row
                    })
                    .collect()
            })
            .unwrap_or_default(),
    }
}
