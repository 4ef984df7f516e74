//! To the instance with the most free blocks per request, counting the prompts of those who wait as
//! taken: the dispatch of "Llumnix: dynamic scheduling for large language model serving" (arXiv
//! 2406.03243, repository AlibabaPAI/llumnix, load_computation.py).

use super::{Card, Route};
use crate::labs::serving::engine::Cluster;

/// The registry's card.
pub(super) const CARD: Card = Card {
    name: "Freest (Llumnix)",
    exhibit: "llumnix",
    make: |_| Box::new(Freest),
};

#[derive(Debug, Clone, Copy)]
struct Freest;

impl Route for Freest {
    fn pick(&mut self, cluster: &Cluster<'_>, r: u32) -> usize {
        let free = |i: usize| cluster.freeness_with(i, r);
        let better = |best: usize, i: usize| if free(i) > free(best) { i } else { best };
        (1..cluster.len()).fold(0, better)
    }

    fn boxed(&self) -> Box<dyn Route> {
        Box::new(*self)
    }
}
