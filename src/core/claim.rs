//! A paper's claim, tested here.

use serde::{Deserialize, Serialize};

/// What our experiment says about a paper's claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Direction and size hold.
    Reproduced,
    /// The direction holds, the size or the range does not.
    Partly,
    /// It does not hold here.
    NotReproduced,
    /// It cannot be tested here.
    NotTestable,
}

impl Verdict {
    /// The words on the badge.
    pub fn words(self) -> &'static str {
        match self {
            Self::Reproduced => "reproduced",
            Self::Partly => "partly reproduced",
            Self::NotReproduced => "not reproduced",
            Self::NotTestable => "not testable here",
        }
    }
}

/// Outcome of a claim experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClaimResult {
    /// What was measured: "P99 TBT, vLLM over Sarathi-512".
    pub quantity: String,
    /// Unit of the measured value, `"×"` for ratios.
    pub unit: String,
    /// The paired mean over seeds.
    pub measured: f64,
    /// 95 % interval of the mean over seeds.
    pub interval: [f64; 2],
    /// Seeds used, in order.
    pub seeds: Vec<u64>,
    /// What follows.
    pub verdict: Verdict,
    /// Why, with the conditions under which it holds.
    pub why: String,
}
