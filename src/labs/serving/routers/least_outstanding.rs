//! Fewest waiting and running requests; ties go to the lowest index.

use super::{Card, Route};
use crate::labs::serving::engine::Cluster;

/// The registry's card.
pub(super) const CARD: Card = Card {
    name: "Least outstanding",
    exhibit: "",
    make: |_| Box::new(LeastOutstanding),
};

#[derive(Debug, Clone, Copy)]
struct LeastOutstanding;

impl Route for LeastOutstanding {
    fn pick(&mut self, cluster: &Cluster<'_>, _r: u32) -> usize {
        cluster.least(|i| cluster.outstanding(i))
    }

    fn boxed(&self) -> Box<dyn Route> {
        Box::new(*self)
    }
}
