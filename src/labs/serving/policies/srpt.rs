//! Shortest remaining processing time first, every step anew, with true lengths: the oracle of
//! "Efficient LLM scheduling by learning to rank" (arXiv 2408.15792, repository
//! hao-ai-lab/vllm-ltr). Ranked by tokens left, selected under budget and batch size, holders with
//! more tokens left are evicted for blocks.

use super::vllm_v1::{missing_blocks, retire, wanted_tokens};
use super::{Card, Feature, Policy};
use crate::labs::serving::engine::{
    Beside, CohortRule, Desk, Entry, Limits, Oracle, Phase, Place, Requests, Stop,
};

/// The registry's card.
pub(super) const CARD: Card = Card {
    name: "SRPT (oracle)",
    exhibit: "srpt",
    features: &[Feature::Budget],
    make: |_| Box::new(Srpt::default()),
};

/// Working space; nothing is remembered between steps.
#[derive(Debug, Clone, Default)]
pub struct Srpt {
    ranked: Vec<u32>,
    chosen: Vec<(usize, u32)>,
}

impl Policy for Srpt {
    fn next(&mut self, desk: &mut Desk, requests: &mut Requests, limits: &Limits) {
        self.ranked.clear();
        self.ranked.extend(desk.held.iter().chain(&desk.queue));
        self.ranked
            .sort_by_key(|&r| requests.remaining(Oracle::declare(), r));
        self.choose(requests, limits);
        self.place(desk, requests, limits);
        if !desk.queue.is_empty() && desk.stop == Stop::None {
            desk.stop = Stop::Rank;
        }
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
        Some(CohortRule {
            place: Place::Apart,
            grows: true,
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

    fn boxed(&self) -> Box<dyn Policy> {
        Box::new(self.clone())
    }
}

impl Srpt {
    /// First pass: who would run, without a look at blocks.
    fn choose(&mut self, requests: &Requests, limits: &Limits) {
        self.chosen.clear();
        let mut budget = limits.token_budget;
        for (place, &r) in self.ranked.iter().enumerate() {
            if budget == 0 || self.chosen.len() >= limits.batch_cap as usize {
                break;
            }
            let q = wanted_tokens(requests, r, budget);
            self.chosen.push((place, q));
            budget -= q;
        }
    }

    /// Second pass: blocks, taken from the end of the ranking where they are missing.
    fn place(&mut self, desk: &mut Desk, requests: &mut Requests, limits: &Limits) {
        let evicted_before = desk.notes.len();
        for &(place, q) in &self.chosen {
            let r = self.ranked[place];
            let gone = desk.notes[evicted_before..]
                .iter()
                .any(|n| matches!(n, crate::labs::serving::engine::Note::Evicted { request, .. } if *request == r));
            if gone {
                continue;
            }
            let need = missing_blocks(requests, limits, r, q);
            while desk.free(limits) < need {
                let victim = self.ranked[place + 1..]
                    .iter()
                    .rev()
                    .copied()
                    .find(|&v| requests.blocks[v as usize] > 0);
                let Some(victim) = victim else {
                    desk.stop = Stop::Blocks {
                        need,
                        free: desk.free(limits),
                        reserve: 0,
                    };
                    return;
                };
                desk.held.retain(|&h| h != victim);
                desk.evict(requests, limits, victim);
            }
            desk.allocate(requests, r, need);
            if requests.phase[r as usize] == Phase::Waiting {
                desk.queue.retain(|&w| w != r);
                desk.held.push_back(r);
            }
            desk.run(requests, r, q);
        }
    }
}
