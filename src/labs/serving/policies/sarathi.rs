//! Sarathi-Serve: "Taming throughput-latency tradeoff in LLM inference with Sarathi-Serve"
//! (arXiv 2403.02310), as microsoft/vidur schedules it. Every iteration takes all decodes first,
//! then pieces of unfinished prompts, then pieces of new prompts, under one token budget.

use super::{Card, Feature, Policy, whole_prompt_blocks};
use crate::labs::serving::engine::{Beside, CohortRule, Desk, Limits, Place, Requests, Stop};

/// The registry's card.
pub(super) const CARD: Card = Card {
    name: "Sarathi-Serve",
    exhibit: "sarathi-serve",
    features: &[
        Feature::Budget,
        Feature::Watermark,
        Feature::Stages,
        Feature::InOrder,
        Feature::Pools,
    ],
    make: |_| Box::new(Sarathi::default()),
};

/// The policy keeps only working space between iterations.
#[derive(Debug, Clone, Default)]
pub struct Sarathi {
    aside: Vec<u32>,
}

impl Policy for Sarathi {
    fn next(&mut self, desk: &mut Desk, requests: &mut Requests, limits: &Limits) {
        let mut tokens = self.decodes(desk, requests, limits);
        self.running_prompts(desk, requests, limits, &mut tokens);
        new_prompts(desk, requests, limits, tokens);
    }

    fn cohort(&self) -> Option<CohortRule> {
        Some(CohortRule {
            place: Place::Popped,
            grows: true,
            by_arrival: false,
        })
    }

    fn beside(&mut self, desk: &mut Desk, requests: &mut Requests, limits: &Limits) -> Beside {
        let due = desk.cohort.blocks_due();
        // The plain rules want a block free at the turn of each, needed or not.
        if desk.free(limits) <= due || desk.cohort.len() > limits.micro_batch() as usize {
            return Beside::Plain;
        }
        desk.run_cohort(due);
        let mut tokens = desk.cohort.running() + self.decodes(desk, requests, limits);
        self.running_prompts(desk, requests, limits, &mut tokens);
        new_prompts(desk, requests, limits, tokens);
        Beside::Formed
    }

    fn boxed(&self) -> Box<dyn Policy> {
        Box::new(self.clone())
    }
}

impl Sarathi {
    /// Decodes in stored order; unfinished prompts are set aside, safe from eviction.
    fn decodes(&mut self, desk: &mut Desk, requests: &mut Requests, limits: &Limits) -> u32 {
        self.aside.clear();
        let mut tokens = 0;
        while desk.batch_len() < limits.micro_batch() as usize {
            let Some(r) = desk.held.pop_front() else {
                break;
            };
            if !requests.decoding(r) {
                self.aside.push(r);
            } else if desk.make_room_for_token(requests, limits, r) {
                desk.run(requests, r, 1);
                tokens += 1;
            }
        }
        tokens
    }

    /// Next pieces of the prompts set aside; those without budget are held again.
    fn running_prompts(
        &mut self,
        desk: &mut Desk,
        requests: &mut Requests,
        limits: &Limits,
        tokens: &mut u32,
    ) {
        let mut skipped = 0;
        for &r in &self.aside {
            let q = requests
                .prompt_left(r)
                .min(limits.token_budget.saturating_sub(*tokens));
            if q == 0 {
                // Skipped ones stand before the rest, in their order.
                desk.held.insert(skipped, r);
                skipped += 1;
            } else {
                desk.run(requests, r, q);
                *tokens += q;
            }
        }
        desk.sort_held(requests);
    }
}

/// Queue heads: whole-prompt admission, but only a piece runs.
fn new_prompts(desk: &mut Desk, requests: &mut Requests, limits: &Limits, mut tokens: u32) {
    while let Some(&r) = desk.queue.front() {
        if desk.holders == limits.batch_cap {
            desk.stop = Stop::Holders(limits.batch_cap);
            break;
        }
        if desk.batch_len() >= limits.micro_batch() as usize {
            desk.stop = Stop::BatchFull(limits.micro_batch());
            break;
        }
        let Some(need) = whole_prompt_blocks(desk, requests, limits, r) else {
            break;
        };
        let q = requests
            .prompt_left(r)
            .min(limits.token_budget.saturating_sub(tokens));
        if q == 0 {
            desk.stop = Stop::Budget(limits.token_budget);
            break;
        }
        desk.queue.pop_front();
        desk.allocate(requests, r, need);
        desk.run(requests, r, q);
        tokens += q;
    }
}
