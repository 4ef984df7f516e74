//! Fewest prompt tokens to serve as the instances last reported them: between two reports a router
//! knows neither what has ended nor what it has sent itself. The scheduling by queue status that
//! "P/D-Serve" (arXiv 2408.08147) replaces.

use super::{Card, Route};
use crate::labs::serving::engine::Cluster;

/// The registry's card.
pub(super) const CARD: Card = Card {
    name: "Shortest queue by reports",
    exhibit: "",
    make: |config| {
        Box::new(Reported {
            every: config.report_secs,
            at: f64::NEG_INFINITY,
            tokens: Vec::new(),
        })
    },
};

#[derive(Debug, Clone)]
struct Reported {
    every: f64,
    at: f64,
    /// Instances by number, with their prompt tokens.
    tokens: Vec<(u32, u64)>,
}

impl Route for Reported {
    fn pick(&mut self, cluster: &Cluster<'_>, _r: u32) -> usize {
        let gone = |number: u32| cluster.numbered(number).is_none();
        if cluster.now() >= self.at + self.every || self.tokens.iter().any(|t| gone(t.0)) {
            self.at = cluster.now();
            self.tokens = (0..cluster.len())
                .map(|i| (cluster.number(i), cluster.prompt_tokens(i)))
                .collect();
        }
        let least = self.tokens.iter().min_by_key(|t| t.1);
        least.and_then(|t| cluster.numbered(t.0)).unwrap_or(0)
    }

    fn boxed(&self) -> Box<dyn Route> {
        Box::new(self.clone())
    }
}
