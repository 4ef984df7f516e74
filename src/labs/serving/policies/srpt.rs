//! Shortest remaining processing time first, every step anew, with true lengths (the oracle) or
//! noisy ones (the stand-in for a learned ranking) of
//! "Efficient LLM scheduling by learning to rank" (arXiv 2408.15792, repository
//! hao-ai-lab/vllm-ltr). Ranked by tokens left, selected under budget and batch size, holders with
//! more tokens left are evicted for blocks.

use super::ranked::Ranked;
use super::vllm_v1::retire;
use super::{Card, Feature, Policy};
use crate::core::sort_ids;
use crate::labs::serving::engine::{
    Beside, CohortRule, Desk, Entry, Limits, Oracle, Place, Requests,
};

/// The registry's card.
pub(super) const CARD: Card = Card {
    name: "SRPT",
    exhibit: "srpt",
    features: &[Feature::Budget, Feature::Predicted, Feature::Oracle],
    make: |config| Box::new(Srpt::new(config.prediction_sigma > 0.0)),
};

/// Ranks by tokens left.
#[derive(Debug, Clone, Default)]
pub struct Srpt {
    /// Whether output lengths are only predicted.
    pub predicted: bool,
    ranked: Ranked,
}

impl Srpt {
    /// With true lengths, or with those predicted for the requests.
    pub fn new(predicted: bool) -> Self {
        Self {
            predicted,
            ranked: Ranked::default(),
        }
    }

    /// Tokens left as the policy believes; those that outlive their prediction count as nearly
    /// done.
    fn left(&self, requests: &Requests, r: u32) -> f64 {
        if !self.predicted {
            return f64::from(requests.remaining(Oracle::declare(), r));
        }
        let i = r as usize;
        let total = f64::from(requests.prompt[i]) + requests.tags.predicted(r);
        (total - f64::from(requests.processed[i])).max(1.0)
    }
}

impl Policy for Srpt {
    fn next(&mut self, desk: &mut Desk, requests: &mut Requests, limits: &Limits) {
        self.ranked.gather(desk);
        if self.predicted {
            let mut order = std::mem::take(&mut self.ranked.order);
            sort_ids(&mut order, &mut |a, b| {
                self.left(requests, a).total_cmp(&self.left(requests, b))
            });
            self.ranked.order = order;
        } else {
            let left = |r: u32| requests.remaining(Oracle::declare(), r);
            sort_ids(&mut self.ranked.order, &mut |a, b| left(a).cmp(&left(b)));
        }
        self.ranked.step(desk, requests, limits);
    }

    fn batch_end(
        &mut self,
        desk: &mut Desk,
        requests: &mut Requests,
        _limits: &Limits,
        batch: &[Entry],
    ) {
        retire(desk, requests, batch);
    }

    fn cohort(&self) -> Option<CohortRule> {
        (!self.predicted).then_some(CohortRule {
            place: Place::Apart,
            grows: true,
            by_arrival: false,
        })
    }

    /// While all holders decode and nobody waits the ranking stays: everybody comes one token
    /// nearer to the end.
    fn beside(&mut self, desk: &mut Desk, _requests: &mut Requests, limits: &Limits) -> Beside {
        let due = desk.cohort.blocks_due();
        let size = desk.cohort.len();
        let places = limits.batch_cap.min(limits.token_budget) as usize;
        if !desk.queue.is_empty()
            || desk.held.len() != size
            || size > places
            || desk.free(limits) < due
        {
            return Beside::Plain;
        }
        desk.run_cohort(due);
        Beside::Formed
    }

    fn why(&self, desk: &Desk, requests: &Requests, limits: &Limits, r: u32) -> Vec<String> {
        let Some((place, all)) = self.ranked.place_of(r) else {
            return Vec::new();
        };
        let mut text = format!(
            "Rank: {:.0} tokens left{}, place {place} of {all} in the last ranking",
            self.left(requests, r),
            if self.predicted { " as predicted" } else { "" }
        );
        if desk.queue.contains(&r) {
            text = format!(
                "{text}; the first {} that fit into {} tokens run",
                limits.batch_cap, limits.token_budget
            );
        }
        text.push('.');
        vec![text]
    }

    fn boxed(&self) -> Box<dyn Policy> {
        Box::new(self.clone())
    }
}
