//! Reference files of this lab: `vidur_replay`, `engine_replay`, `queueing_closed_forms` and
//! `cost_fit`.

mod fit;
mod queueing;
mod replay;

use crate::core::Result;
use crate::core::golden::Case;
use crate::labs::golden::ReadData;
use serde_json::Value;

/// Evaluates a reference file of this lab; `None` when the kind is not supported.
///
/// # Errors
/// When the file's inputs are malformed, or data it refers to is missing.
pub fn evaluate(kind: &str, file: &Value, read: ReadData<'_>) -> Result<Option<Vec<Case>>> {
    match kind {
        "vidur_replay" => replay::vidur(file).map(Some),
        "engine_replay" => replay::engine(file).map(Some),
        "queueing_closed_forms" => queueing::evaluate(file).map(Some),
        "cost_fit" => fit::evaluate(file, read).map(Some),
        _ => Ok(None),
    }
}

/// Names of the fields of an object that are not in `known`.
fn unknown_fields(object: &Value, known: &[&str]) -> Vec<String> {
    object
        .as_object()
        .map(|o| {
            o.keys()
                .filter(|k| !known.contains(&k.as_str()))
                .cloned()
                .collect()
        })
        .unwrap_or_default()
}
