//! Fewest KV blocks in use, then fewest waiting requests. Waiting requests hold no blocks yet.

use super::{Card, Route};
use crate::labs::serving::engine::Cluster;

/// The registry's card.
pub(super) const CARD: Card = Card {
    name: "Least KV use",
    exhibit: "",
    make: |_| Box::new(LeastKv),
};

#[derive(Debug, Clone, Copy)]
struct LeastKv;

impl Route for LeastKv {
    fn pick(&mut self, cluster: &Cluster<'_>, _r: u32) -> usize {
        cluster.least(|i| (cluster.used_blocks(i), cluster.waiting(i)))
    }

    fn boxed(&self) -> Box<dyn Route> {
        Box::new(*self)
    }
}
