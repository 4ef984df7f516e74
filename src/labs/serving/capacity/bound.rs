//! Bounds on headline numbers.

use crate::core::{Error, Metric, Result};

/// A bound on a headline number.
#[derive(Debug, Clone, PartialEq)]
pub struct Bound {
    /// Id of the metric.
    pub metric: String,
    /// Whether the value must not be larger (or else not smaller).
    pub at_most: bool,
    /// The limit.
    pub limit: f64,
}

impl Bound {
    /// At most `limit`.
    pub fn at_most(metric: &str, limit: f64) -> Self {
        Self {
            metric: metric.to_owned(),
            at_most: true,
            limit,
        }
    }

    /// At least `limit`.
    pub fn at_least(metric: &str, limit: f64) -> Self {
        Self {
            metric: metric.to_owned(),
            at_most: false,
            limit,
        }
    }

    /// Reads `ttft_p99_secs<=1` or `slo_attainment_percent>=90`.
    ///
    /// # Errors
    /// What was found and what is wanted.
    pub fn parse(text: &str) -> Result<Self> {
        let split = |sign: &str| {
            let (metric, limit) = text.split_once(sign)?;
            let limit = crate::core::parse_number(limit)?;
            Some((metric.trim(), limit))
        };
        let bound = split("<=")
            .map(|(metric, limit)| Self::at_most(metric, limit))
            .or_else(|| split(">=").map(|(metric, limit)| Self::at_least(metric, limit)));
        bound.ok_or_else(|| {
            Error::malformed(
                "target",
                format!("found {text:?}, want METRIC<=NUMBER or METRIC>=NUMBER"),
            )
        })
    }

    /// Whether the metrics keep the bound; a number that is missing or undefined does not.
    pub fn met(&self, metrics: &[Metric]) -> bool {
        let value = metrics.iter().find(|m| m.id == self.metric);
        value.is_some_and(|m| {
            if self.at_most {
                m.value <= self.limit
            } else {
                m.value >= self.limit
            }
        })
    }

    /// In words: `ttft_p99_secs ≤ 1`.
    pub fn words(&self) -> String {
        let sign = if self.at_most { '≤' } else { '≥' };
        format!("{} {sign} {}", self.metric, self.limit)
    }
}
