//! Two different instances at random, then the one with fewer waiting and running requests.
//! M. Mitzenmacher, "The power of two choices in randomized load balancing" (IEEE Transactions on
//! Parallel and Distributed Systems 12, 2001).

use super::{Card, Route};
use crate::core::rng::{Stream, StreamId};
use crate::labs::serving::engine::Cluster;

/// The registry's card.
pub(super) const CARD: Card = Card {
    name: "Power of two choices",
    exhibit: "power-of-two",
    make: |config| {
        Box::new(PowerOfTwo {
            draws: Stream::new(config.seed, StreamId::Policy),
        })
    },
};

#[derive(Debug, Clone)]
struct PowerOfTwo {
    draws: Stream,
}

impl Route for PowerOfTwo {
    fn pick(&mut self, cluster: &Cluster<'_>, r: u32) -> usize {
        let n = cluster.len() as u32;
        if n < 2 {
            return 0;
        }
        let mut draws = self.draws.clone().step(r);
        let first = draws.below(n);
        let second = (first + 1 + draws.below(n - 1)) % n;
        let (a, b) = (first.min(second) as usize, first.max(second) as usize);
        if cluster.outstanding(b) < cluster.outstanding(a) {
            b
        } else {
            a
        }
    }

    fn boxed(&self) -> Box<dyn Route> {
        Box::new(self.clone())
    }
}
