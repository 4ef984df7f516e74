//! The instance that has most of the prompt's prefix in memory; then the one with the fewest waiting
//! and running requests.

use super::{Card, Route};
use crate::labs::serving::engine::Cluster;
use std::cmp::Reverse;

/// The registry's card.
pub(super) const CARD: Card = Card {
    name: "Prefix aware",
    exhibit: "prefix-aware",
    make: |_| Box::new(PrefixAware),
};

#[derive(Debug, Clone, Copy)]
struct PrefixAware;

impl Route for PrefixAware {
    fn pick(&mut self, cluster: &Cluster<'_>, r: u32) -> usize {
        cluster.least(|i| {
            (
                Reverse(cluster.matched_blocks(i, r)),
                cluster.outstanding(i),
            )
        })
    }

    fn boxed(&self) -> Box<dyn Route> {
        Box::new(*self)
    }
}
