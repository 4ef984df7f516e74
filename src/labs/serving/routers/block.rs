//! To the instance on which the request would end first, found by running a copy of each instance
//! on: "Block: balancing load in LLM serving with context, knowledge and predictive scheduling"
//! (arXiv 2508.03611, repository AKafakA/Block).

use super::{Card, Route};
use crate::labs::serving::engine::Cluster;

/// The registry's card.
pub(super) const CARD: Card = Card {
    name: "Predicted end (Block)",
    exhibit: "block",
    make: |_| Box::new(Block),
};

#[derive(Debug, Clone, Copy)]
struct Block;

impl Route for Block {
    fn pick(&mut self, cluster: &Cluster<'_>, r: u32) -> usize {
        if cluster.len() < 2 {
            return 0;
        }
        let ends = (0..cluster.len()).map(|i| (cluster.seconds_to_end(i, r), i));
        let first = ends.min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        first.map_or(0, |(_, i)| i)
    }

    fn boxed(&self) -> Box<dyn Route> {
        Box::new(*self)
    }
}
