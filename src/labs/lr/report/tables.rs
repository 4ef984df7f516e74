//! The tables of a run.

use crate::core::Table;
use crate::labs::lr::dialect_report;
use crate::labs::lr::model::Run;

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
    let rates = Table {
        columns: vec!["step".to_owned(), "lr".to_owned()],
        rows: run.chosen().map_or_else(Vec::new, |cell| {
            let s = &cell.schedule;
            (0..s.updates).map(|i| vec![i as f64, s.rate(i)]).collect()
        }),
    };
    vec![
        ("runs", runs),
        ("schedule", rates),
        ("loss", loss_table(run)),
        ("dialects", dialect_report::table(run)),
    ]
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
