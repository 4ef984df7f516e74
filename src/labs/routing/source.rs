//! Kinds of tokens that a batch can be made of.

use serde::{Deserialize, Serialize};

/// Where the tokens of a batch come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum TokenSource {
    /// Gaussian clusters.
    #[default]
    Clusters,
    /// Words of a text, in its order.
    Text,
    /// Images of handwritten digits.
    Digits,
}

impl TokenSource {
    /// All kinds, in the order of the menu.
    pub const ALL: [Self; 3] = [Self::Clusters, Self::Text, Self::Digits];

    /// Names in the menu, in the same order.
    pub const NAMES: &'static [&'static str] = &["clusters", "a text", "digits"];
}
