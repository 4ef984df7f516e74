//! Data the user brought: recognised by content, kept by name and fingerprint. A config refers to
//! it by [`DataKey`]; the data itself never travels in a link.

use super::{LabKind, pruning, serving};
use crate::core::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Name and fingerprint of a data set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataKey {
    /// File name.
    pub name: String,
    /// FNV-1a of the bytes, 16 hexadecimal digits.
    pub hash: String,
}

impl DataKey {
    /// Key of a file's bytes.
    pub fn of(name: &str, bytes: &[u8]) -> Self {
        let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |h, &b| {
            (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3)
        });
        Self {
            name: name.to_owned(),
            hash: format!("{hash:016x}"),
        }
    }
}

/// A data set the labs can use.
#[derive(Debug, Clone, PartialEq)]
pub enum Dataset {
    /// Requests with arrival times and lengths.
    Trace(Arc<serving::trace::Trace>),
    /// Named weight tensors.
    Tensors(Arc<pruning::checkpoint::Checkpoint>),
}

impl Dataset {
    /// Labs that can read it, the best first.
    pub fn labs(&self) -> &'static [LabKind] {
        match self {
            Self::Trace(_) => &[LabKind::Serving],
            Self::Tensors(_) => &[LabKind::Pruning],
        }
    }

    /// What it is, with its size: "request trace, 19,366 requests over 3,502 s".
    pub fn words(&self) -> String {
        match self {
            Self::Trace(trace) => trace.words(),
            Self::Tensors(checkpoint) => checkpoint.words(),
        }
    }

    /// First rows for the preview: column names and cells.
    pub fn preview(&self) -> (Vec<String>, Vec<Vec<String>>) {
        match self {
            Self::Trace(trace) => trace.preview(),
            Self::Tensors(checkpoint) => checkpoint.preview(),
        }
    }

    /// Remarks of the import (rows dropped and why), empty if there are none.
    pub fn remarks(&self) -> Vec<String> {
        match self {
            Self::Trace(trace) => trace.remarks.clone(),
            Self::Tensors(checkpoint) => checkpoint.remarks.clone(),
        }
    }
}

/// Recognises a file by its content.
///
/// # Errors
/// What was found, where, and what was expected.
pub fn sniff(name: &str, bytes: &[u8]) -> Result<Dataset> {
    if bytes.is_empty() {
        return Err(Error::import(name, "byte 0", "the file is empty"));
    }
    if pruning::checkpoint::looks_like(name, bytes) {
        return pruning::checkpoint::read(name, bytes).map(|c| Dataset::Tensors(Arc::new(c)));
    }
    let text = std::str::from_utf8(bytes).map_err(|e| {
        Error::import(
            name,
            format!("byte {}", e.valid_up_to()),
            "neither text nor a safetensors file",
        )
    })?;
    serving::trace::read(name, text).map(|t| Dataset::Trace(Arc::new(t)))
}

/// The data sets of a session.
#[derive(Debug, Clone, Default)]
pub struct Library {
    items: BTreeMap<DataKey, Dataset>,
}

impl Library {
    /// Adds a data set.
    pub fn insert(&mut self, key: DataKey, data: Dataset) {
        self.items.insert(key, data);
    }

    /// The data set with this key.
    ///
    /// # Errors
    /// [`Error::MissingData`] when it was not opened in this session.
    pub fn get(&self, key: &DataKey) -> Result<&Dataset> {
        self.items.get(key).ok_or_else(|| Error::MissingData {
            name: key.name.clone(),
        })
    }

    /// All data sets by name.
    pub fn iter(&self) -> impl Iterator<Item = (&DataKey, &Dataset)> {
        self.items.iter()
    }
}
