//! Which entries of the KV cache can go? Scores from a window of attention, by their mean or by
//! their worst case: "Taming the fragility of KV cache eviction in LLM inference" (DefensiveKV,
//! arXiv 2510.13334, repository FFY0/DefensiveKV), on attention drawn from a known law.

mod attention;
mod config;
mod report;
mod scores;
mod work;

pub use config::{Aggregation, EvictionConfig};
pub(in super::super) use work::Work;
