//! Fewest prompt tokens among waiting and running requests; then fewest requests. Output tokens are
//! not known, so they do not count.

use super::{Card, Route};
use crate::labs::serving::engine::Cluster;

/// The registry's card.
pub(super) const CARD: Card = Card {
    name: "Shortest tokens",
    exhibit: "",
    make: |_| Box::new(ShortestTokens),
};

#[derive(Debug, Clone, Copy)]
struct ShortestTokens;

impl Route for ShortestTokens {
    fn pick(&mut self, cluster: &Cluster<'_>, _r: u32) -> usize {
        cluster.least(|i| (cluster.prompt_tokens(i), cluster.outstanding(i)))
    }

    fn boxed(&self) -> Box<dyn Route> {
        Box::new(*self)
    }
}
