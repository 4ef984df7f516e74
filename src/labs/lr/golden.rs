//! Reference files of this lab.

use crate::core::Result;
use crate::core::golden::Case;
use crate::labs::golden::ReadData;
use serde_json::Value;

/// Evaluates a reference file of this lab; `None` when the kind is not supported.
///
/// # Errors
/// When the file's inputs are malformed.
pub fn evaluate(_kind: &str, _file: &Value, _read: ReadData<'_>) -> Result<Option<Vec<Case>>> {
    Ok(None)
}
