//! What is asked of a rewriting.

use super::super::checkpoint::is_prunable;
use super::super::config::{Config, Granularity, Method, NanPolicy};
use super::super::header::Entry;
use crate::core::{Error, Result};

/// What to prune, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// How weights are ranked.
    pub method: Method,
    /// Over which weights one ranking runs (magnitude and random).
    pub granularity: Granularity,
    /// Share of the prunable weights that go, 0 to 1; N:M has its own.
    pub sparsity: f64,
    /// Weights kept of every group.
    pub keep_n: usize,
    /// Weights in a group.
    pub group_m: usize,
    /// Sparsities (0 to 1) of the tensors whose name contains a text, the first that fits; for
    /// [`Method::Manual`], as are the counts. The others have the common one.
    pub rates: Vec<(String, f64)>,
    /// Weights that go from tensors by name; these come before the sparsities.
    pub counts: Vec<(String, u64)>,
    /// Seed of random masks.
    pub seed: u64,
    /// What to do with values that are not numbers.
    pub nan_policy: NanPolicy,
    /// Only tensors whose name contains one of these; all if there are none.
    pub only: Vec<String>,
    /// Tensors whose name contains one of these stay as they are.
    pub exclude: Vec<String>,
    /// Bytes that LAMP's scores may take.
    pub memory: u64,
}

impl Request {
    /// The request of a setup of the lab.
    pub fn of(config: &Config) -> Self {
        Self {
            method: config.method,
            granularity: config.granularity,
            sparsity: config.sparsity / 100.0,
            keep_n: config.keep_n as usize,
            group_m: config.group_m as usize,
            rates: Vec::new(),
            counts: Vec::new(),
            seed: config.seed,
            nan_policy: config.nan_policy,
            only: Vec::new(),
            exclude: Vec::new(),
            memory: 4 << 30,
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        if !self.method.from_weights() {
            let problem = "this method, for a file: it needs the network and its inputs";
            return Err(Error::Unsupported(problem.to_owned()));
        }
        if !(0.0..=1.0).contains(&self.sparsity) {
            return Err(Error::out_of_range("sparsity", self.sparsity, "0 to 1"));
        }
        if !(1..=64).contains(&self.group_m) {
            return Err(Error::out_of_range("group_m", self.group_m, "1 to 64"));
        }
        if self.method == Method::NOfM && !(1..=self.group_m).contains(&self.keep_n) {
            return Err(Error::out_of_range(
                "keep_n",
                self.keep_n,
                format!("1 to {} (the group size M)", self.group_m),
            ));
        }
        Ok(())
    }

    pub(super) fn chooses(&self, entry: &Entry) -> bool {
        let has = |part: &String| entry.name.contains(part.as_str());
        is_prunable(&entry.name, &entry.dtype, &entry.shape)
            && (self.only.is_empty() || self.only.iter().any(has))
            && !self.exclude.iter().any(has)
    }
}
