//! The k-th arrival, from 0, to instance k mod n.

use super::{Card, Route};
use crate::labs::serving::engine::Cluster;

/// The registry's card.
pub(super) const CARD: Card = Card {
    name: "Round robin",
    exhibit: "",
    make: |_| Box::new(RoundRobin { routed: 0 }),
};

#[derive(Debug, Clone, Copy)]
struct RoundRobin {
    routed: u64,
}

impl Route for RoundRobin {
    fn pick(&mut self, cluster: &Cluster<'_>, _r: u32) -> usize {
        let turn = self.routed % cluster.len() as u64;
        self.routed += 1;
        turn as usize
    }

    fn boxed(&self) -> Box<dyn Route> {
        Box::new(*self)
    }
}
