//! Results of the claim experiments that ship with the program. `schedlab claims --store` writes
//! them; a test runs a sample again and compares.

use crate::core::{ClaimResult, Result};
use crate::labs::Effort;
use serde::{Deserialize, Serialize};
use std::sync::OnceLock;

/// A result with where it comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredClaim {
    /// Key of the exhibit.
    pub id: String,
    /// How much work the experiment did.
    pub effort: Effort,
    /// Version of the program that ran it.
    pub version: String,
    /// Day of the run, `2026-11-22`.
    pub run_on: String,
    /// What it found, in six digits a figure.
    pub result: ClaimResult,
}

/// The stored results, in the order of the registry.
pub fn stored_claims() -> &'static [StoredClaim] {
    static STORED: OnceLock<Vec<StoredClaim>> = OnceLock::new();
    STORED.get_or_init(|| {
        parse_stored(include_str!("../../assets/claims.json")).unwrap_or_else(|error| {
            log::error!("the stored claims: {error}");
            Vec::new()
        })
    })
}

/// The stored result of an exhibit's claim.
pub fn stored_claim(id: &str) -> Option<&'static StoredClaim> {
    stored_claims().iter().find(|c| c.id == id)
}

/// Reads a file of stored results.
///
/// # Errors
/// What is wrong and where.
pub fn parse_stored(text: &str) -> Result<Vec<StoredClaim>> {
    serde_json::from_str(text)
        .map_err(|e| crate::core::Error::malformed("stored claims", e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labs::exhibit;

    #[test]
    fn the_stored_results_can_be_read_and_belong_to_systems_with_a_claim() {
        let stored = parse_stored(include_str!("../../assets/claims.json")).unwrap();
        for claim in &stored {
            assert!(
                exhibit(&claim.id).is_some_and(|e| e.claim.is_some()),
                "{} has no claim",
                claim.id
            );
            // What is exact or fitted to given curves draws nothing; its interval says so.
            assert!(
                !claim.result.seeds.is_empty()
                    || claim.result.why.contains("the interval is the range"),
                "{}: no seeds",
                claim.id
            );
        }
    }
}
