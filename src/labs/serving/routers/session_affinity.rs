//! Every conversation stays where its first request went, which is the instance with the fewest
//! waiting and running requests: what the instance remembers of the conversation can be used again.

use super::{Card, Route};
use crate::labs::serving::engine::Cluster;
use std::collections::BTreeMap;

/// The registry's card.
pub(super) const CARD: Card = Card {
    name: "Session affinity",
    exhibit: "",
    make: |_| Box::<SessionAffinity>::default(),
};

#[derive(Debug, Clone, Default)]
struct SessionAffinity {
    home: BTreeMap<u32, u32>,
}

impl Route for SessionAffinity {
    fn pick(&mut self, cluster: &Cluster<'_>, r: u32) -> usize {
        let least = cluster.least(|i| cluster.outstanding(i));
        let tags = &cluster.requests().tags;
        if tags.session.is_empty() {
            return least;
        }
        let fresh = cluster.number(least);
        let home = self.home.entry(tags.session(r)).or_insert(fresh);
        // Where the home is gone, the conversation moves.
        cluster.numbered(*home).unwrap_or_else(|| {
            *home = fresh;
            least
        })
    }

    fn boxed(&self) -> Box<dyn Route> {
        Box::new(self.clone())
    }
}
