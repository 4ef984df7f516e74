//! An instance at random, each with the same chance.

use super::{Card, Route};
use crate::core::rng::{Stream, StreamId};
use crate::labs::serving::engine::Cluster;

/// The registry's card.
pub(super) const CARD: Card = Card {
    name: "Random",
    exhibit: "",
    make: |config| {
        Box::new(Random {
            draws: Stream::new(config.seed, StreamId::Policy),
        })
    },
};

#[derive(Debug, Clone)]
struct Random {
    draws: Stream,
}

impl Route for Random {
    fn pick(&mut self, cluster: &Cluster<'_>, r: u32) -> usize {
        let mut draws = self.draws.clone().step(r);
        draws.below(cluster.len() as u32) as usize
    }

    fn boxed(&self) -> Box<dyn Route> {
        Box::new(self.clone())
    }
}
