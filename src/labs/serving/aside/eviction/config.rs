//! Config of the eviction of KV entries.

use crate::core::{Error, Result};
use serde::{Deserialize, Serialize};

/// How the scores of a window of queries become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Aggregation {
    /// Their mean (SnapKV).
    Mean,
    /// Their maximum.
    Max,
    /// Their maximum, but at least the mean of all maxima: the defence.
    #[default]
    Defensive,
}

/// Every input of the experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvictionConfig {
    /// How scores are aggregated.
    pub aggregation: Aggregation,
    /// Share of the cache kept.
    pub keep: f64,
    /// Whether those that cover 90 % of the mean attention come first (CriticalKV).
    pub two_stages: bool,
    /// Whether heads share one budget.
    pub shared_budget: bool,
    /// Keys in the cache, the window's own included.
    pub keys: u64,
    /// KV heads.
    pub heads: u64,
    /// Query heads to a KV head.
    pub group: u64,
    /// Last queries of the prompt, from which scores come.
    pub window: u64,
    /// Queries that follow.
    pub later: u64,
    /// Spread of the keys' lasting importance (standard deviation of their logits).
    pub spread: f64,
    /// Tokens over which importance falls to a third: neighbours matter together.
    pub locality: f64,
    /// Neighbours that a weight of the window is averaged with, itself included; 1 for none.
    pub pooling: u64,
    /// Noise of every query's logits.
    pub noise: f64,
    /// Share of the keys that matter from time to time.
    pub intermittent: f64,
    /// Share of the queries for which such a key matters.
    pub active: f64,
    /// What it adds to its logit then.
    pub boost: f64,
    /// How far the importance moves after the window: 0 not at all, 1 anew.
    pub shift: f64,
    /// Spread of the logarithm of the norms of values.
    pub values: f64,
}

impl Default for EvictionConfig {
    fn default() -> Self {
        Self {
            aggregation: Aggregation::Defensive,
            keep: 0.2,
            two_stages: false,
            shared_budget: true,
            keys: 384,
            heads: 4,
            group: 2,
            window: 32,
            later: 200,
            spread: 1.5,
            locality: 4.0,
            pooling: 5,
            noise: 0.7,
            intermittent: 0.05,
            active: 0.1,
            boost: 5.0,
            shift: 0.2,
            values: 0.3,
        }
    }
}

impl EvictionConfig {
    /// What it runs, in a few words.
    pub(in super::super) fn label(&self) -> String {
        let name = match self.aggregation {
            Aggregation::Mean => "mean of the window",
            Aggregation::Max => "maximum of the window",
            Aggregation::Defensive => "DefensiveKV",
        };
        let stages = if self.two_stages { ", two stages" } else { "" };
        format!("{name}{stages}, {:.0} % kept", 100.0 * self.keep)
    }

    /// Entries kept of each head on average, the window's included.
    pub(super) fn budget(&self, keep: f64) -> usize {
        ((self.keys as f64 * keep) as usize).clamp(self.window as usize, self.keys as usize)
    }

    /// Refuses a window that does not fit.
    pub(in super::super) fn check(&self) -> Result<()> {
        if self.window >= self.keys {
            return Err(Error::out_of_range(
                "eviction.window",
                self.window,
                format!("below the {} keys", self.keys),
            ));
        }
        if self.keys as f64 * self.keep < self.window as f64 + 1.0 {
            return Err(Error::out_of_range(
                "eviction.keep",
                self.keep,
                format!(
                    "more than the window alone, {:.3}",
                    (self.window as f64 + 1.0) / self.keys as f64
                ),
            ));
        }
        if self.keys * self.heads * self.group * (self.later + self.window) > 1 << 22 {
            return Err(Error::out_of_range(
                "eviction.keys",
                self.keys,
                "fewer keys, heads or queries: at most 4,194,304 weights",
            ));
        }
        Ok(())
    }
}
