//! A setup with its results: enough to repeat the run and to check its numbers.

use crate::core::{Metric, Table};
use crate::labs::{Outcome, Setup};
use serde_json::{Map, Value, json};

/// Setup, results, seed and version as JSON, numbers in full precision (`null` where undefined).
pub fn results_json(setup: &Setup, outcome: &Outcome) -> String {
    let value = json!({
        "program": "schedlab",
        "version": env!("CARGO_PKG_VERSION"),
        "label": outcome.label,
        "setup": setup,
        "summary": outcome.summary,
        "metrics": metrics(&outcome.metrics),
        "tables": outcome.tables.iter()
            .map(|(name, table)| ((*name).to_owned(), table_value(table)))
            .collect::<Map<String, Value>>(),
    });
    serde_json::to_string_pretty(&value).unwrap_or_default()
}

fn metrics(metrics: &[Metric]) -> Value {
    metrics
        .iter()
        .map(|m| (m.id.to_owned(), json!({ "value": m.value, "unit": m.unit })))
        .collect::<Map<String, Value>>()
        .into()
}

fn table_value(table: &Table) -> Value {
    json!({ "columns": table.columns, "rows": table.rows })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::Better;
    use crate::labs::LabKind;

    #[test]
    fn the_setup_can_be_read_back() {
        let setup = Setup::default_of(LabKind::Routing);
        let outcome = Outcome {
            label: "x".to_owned(),
            metrics: vec![Metric {
                id: "loss",
                name: "Loss",
                unit: "",
                value: f64::NAN,
                better: Better::Lower,
                doc: "",
            }],
            tables: vec![(
                "runs",
                Table {
                    columns: vec!["a".to_owned()],
                    rows: vec![vec![0.1]],
                },
            )],
            summary: String::new(),
        };
        let value: Value = serde_json::from_str(&results_json(&setup, &outcome)).unwrap();
        let back: Setup = serde_json::from_value(value["setup"].clone()).unwrap();
        assert_eq!(back, setup);
        assert!(value["metrics"]["loss"]["value"].is_null());
        assert_eq!(value["tables"]["runs"]["rows"][0][0], 0.1);
    }
}
