//! Weight tensors from a user's file.

use crate::core::{Error, Result};

/// Named weight tensors.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Checkpoint {
    /// Remarks of the import.
    pub remarks: Vec<String>,
}

impl Checkpoint {
    /// What it is, with its size.
    pub fn words(&self) -> String {
        String::new()
    }

    /// First rows: column names and cells.
    pub fn preview(&self) -> (Vec<String>, Vec<Vec<String>>) {
        Default::default()
    }
}

/// Whether the bytes are meant to be a safetensors file.
pub fn looks_like(name: &str, _bytes: &[u8]) -> bool {
    name.ends_with(".safetensors")
}

/// Reads a safetensors file.
///
/// # Errors
/// What is wrong, and at which tensor or byte.
pub fn read(name: &str, _bytes: &[u8]) -> Result<Checkpoint> {
    Err(Error::import(name, "header", "cannot be read"))
}
