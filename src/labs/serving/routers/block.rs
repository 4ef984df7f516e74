//! To the instance on which the request would end first, found by running a copy of each instance
//! on: "Block: balancing load in LLM serving with context, knowledge and predictive scheduling"
//! (arXiv 2508.03611, repository AKafakA/Block). Where instances start by what is foretold, the
//! router tells the end that it found.

use super::{Card, Route};
use crate::labs::serving::engine::Cluster;

/// The registry's card.
pub(super) const CARD: Card = Card {
    name: "Predicted end (Block)",
    exhibit: "block",
    make: |config| {
        Box::new(Block {
            tells: config.provisions(),
            last: f64::NAN,
        })
    },
};

#[derive(Debug, Clone, Copy)]
struct Block {
    /// Whether somebody wants to know the end that it found.
    tells: bool,
    /// That of the last request.
    last: f64,
}

impl Route for Block {
    fn pick(&mut self, cluster: &Cluster<'_>, r: u32) -> usize {
        if cluster.len() < 2 && !self.tells {
            return 0;
        }
        let ends = (0..cluster.len()).map(|i| (cluster.seconds_to_end(i, r), i));
        let first = ends.min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let (secs, place) = first.unwrap_or((f64::INFINITY, 0));
        self.last = secs;
        place
    }

    fn foretold(&self) -> Option<f64> {
        self.tells.then_some(self.last)
    }

    fn boxed(&self) -> Box<dyn Route> {
        Box::new(*self)
    }
}
