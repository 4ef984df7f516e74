//! Which reference files are understood, and their evaluation.

use super::{LabKind, lr, noise, pruning, routing, serving};
use crate::core::golden::{Case, str_field};
use crate::core::{Error, Result};
use serde_json::Value;

/// Reads a text file that a reference file refers to, by its path relative to the `shared` folder
/// (`data/serving/x.csv`); `None` when it is not there.
pub type ReadData<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A parsed reference file.
#[derive(Debug)]
pub struct GoldenFile {
    /// Its lab, as written.
    pub lab: String,
    /// What to evaluate.
    pub kind: String,
    /// The whole content.
    pub content: Value,
}

impl GoldenFile {
    /// Parses the text of a reference file.
    ///
    /// # Errors
    /// When it is not JSON, or its schema is another one.
    pub fn parse(text: &str) -> Result<Self> {
        let content: Value = serde_json::from_str(text)
            .map_err(|e| Error::malformed("reference file", e.to_string()))?;
        let schema = str_field(&content, "schema")?;
        if schema != "schedlab-golden/1" {
            return Err(Error::malformed(
                "schema",
                format!("found {schema:?}, want \"schedlab-golden/1\""),
            ));
        }
        Ok(Self {
            lab: str_field(&content, "lab")?.to_owned(),
            kind: str_field(&content, "kind")?.to_owned(),
            content,
        })
    }
}

/// Evaluates a reference file; `None` when its kind is not supported.
///
/// # Errors
/// When the file's inputs are malformed.
pub fn evaluate(file: &GoldenFile, read: ReadData<'_>) -> Result<Option<Vec<Case>>> {
    let (kind, content) = (file.kind.as_str(), &file.content);
    match LabKind::from_id(&file.lab) {
        Some(LabKind::Serving) => serving::golden::evaluate(kind, content, read),
        Some(LabKind::Lr) => lr::golden::evaluate(kind, content, read),
        Some(LabKind::Noise) => noise::golden::evaluate(kind, content, read),
        Some(LabKind::Routing) => routing::golden::evaluate(kind, content, read),
        Some(LabKind::Pruning) => pruning::golden::evaluate(kind, content, read),
        None => Ok(None),
    }
}
