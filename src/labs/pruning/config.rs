//! Config of the lab.

use serde::{Deserialize, Serialize};

/// Every input that changes a number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Seed of every random draw.
    pub seed: u64,
}
