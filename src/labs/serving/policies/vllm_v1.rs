//! vLLM v1 (repository vllm-project/vllm, vllm/v1/core/sched/scheduler.py), first come first
//! served: one token budget per step, no difference between prefill and
//! decode, blocks only for the tokens of this step, no watermark.

use super::{Card, Feature, Policy};
use crate::labs::serving::engine::{
    Beside, CohortRule, Desk, Entry, Limits, Phase, Place, Requests, Stop,
};

/// The registry's card.
pub(super) const CARD: Card = Card {
    name: "vLLM v1",
    exhibit: "vllm-v1",
    features: &[
        Feature::Budget,
        Feature::InOrder,
        Feature::Pools,
        Feature::Allocation,
        Feature::PrefixCache,
    ],
    make: |_| Box::new(VllmV1),
};

/// The policy has no state of its own; `desk.held` is the running list in order of joining.
#[derive(Debug, Clone, Copy, Default)]
pub struct VllmV1;

impl Policy for VllmV1 {
    fn next(&mut self, desk: &mut Desk, requests: &mut Requests, limits: &Limits) {
        schedule(desk, requests, limits, limits.token_budget);
    }

    fn cohort(&self) -> Option<CohortRule> {
        Some(CohortRule {
            place: Place::Front,
            grows: true,
            by_arrival: false,
        })
    }

    fn beside(&mut self, desk: &mut Desk, requests: &mut Requests, limits: &Limits) -> Beside {
        let due = desk.cohort.blocks_due();
        let size = desk.cohort.len() as u32;
        if desk.free(limits) < due || size > limits.token_budget {
            return Beside::Plain;
        }
        desk.run_cohort(due);
        schedule(desk, requests, limits, limits.token_budget - size);
        Beside::Formed
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

    fn boxed(&self) -> Box<dyn Policy> {
        Box::new(*self)
    }
}

/// One step: the running list, then, if nobody was preempted, the queue.
fn schedule(desk: &mut Desk, requests: &mut Requests, limits: &Limits, budget: u32) {
    let before = desk.evictions;
    let budget = running(desk, requests, limits, budget);
    if desk.evictions == before {
        waiting(desk, requests, limits, budget);
    } else {
        desk.stop = Stop::Preempted;
        // A lone request that preempted itself would otherwise wait for an event that may
        // never come.
        if desk.batch_len() == 0 {
            waiting(desk, requests, limits, budget);
        }
    }
}

/// Finished requests free their blocks and leave the running list.
pub(super) fn retire(desk: &mut Desk, requests: &mut Requests, batch: &[Entry]) {
    let mut any = false;
    for entry in batch {
        if requests.phase[entry.request as usize] == Phase::Done {
            desk.release(requests, entry.request);
            any = true;
        }
    }
    if any {
        desk.held
            .retain(|&r| requests.phase[r as usize] != Phase::Done);
    }
}

/// Blocks missing for `q` more tokens.
pub(super) fn missing_blocks(requests: &Requests, limits: &Limits, r: u32, q: u32) -> u32 {
    limits
        .blocks_for(requests.kv_after(r, q))
        .saturating_sub(requests.blocks[r as usize])
}

/// Admits a waiting request with as many tokens as the budget allows, beginning after the cached
/// part of its prompt: blocks for the chunk, or for the whole prompt where admission asks for it.
/// Returns the tokens, or why it cannot be.
pub(super) fn admit(
    desk: &mut Desk,
    requests: &mut Requests,
    limits: &Limits,
    r: u32,
    budget: u32,
) -> Result<u32, Stop> {
    let (hit, unused) = desk.matched_blocks(requests, limits, r);
    let cached = hit * limits.block_size;
    let prompt = requests.prefill[r as usize];
    let q = (prompt - cached).min(budget);
    let asked = if limits.whole_prompt {
        prompt
    } else {
        cached + q
    };
    let need = limits.blocks_for(asked) - hit;
    let (free, reserve) = (desk.free(limits), limits.admission_reserve());
    if free < need + unused + reserve {
        return Err(Stop::Blocks {
            need: need + unused,
            free,
            reserve,
        });
    }
    desk.hold_prefix(requests, r, hit, unused);
    desk.allocate(requests, r, need);
    desk.run(requests, r, q);
    desk.held.push_back(r);
    Ok(q)
}

/// Tokens the request can use now.
pub(super) fn wanted_tokens(requests: &Requests, r: u32, budget: u32) -> u32 {
    if requests.decoding(r) {
        1
    } else {
        requests.prompt_left(r).min(budget)
    }
}

fn running(desk: &mut Desk, requests: &mut Requests, limits: &Limits, mut budget: u32) -> u32 {
    let mut i = 0;
    while budget > 0 && i < desk.held.len() {
        let r = desk.held[i];
        let q = wanted_tokens(requests, r, budget);
        if q == 0 {
            i += 1;
            continue;
        }
        let need = missing_blocks(requests, limits, r, q);
        while desk.free(limits) < need {
            // The last of the running list is never one that was chosen already: those stand
            // before `r`.
            let Some(victim) = desk.held.pop_back() else {
                return budget;
            };
            desk.evict(requests, limits, victim);
            if victim == r {
                return budget;
            }
        }
        desk.allocate(requests, r, need);
        desk.run(requests, r, q);
        budget -= q;
        i += 1;
    }
    budget
}

fn waiting(desk: &mut Desk, requests: &mut Requests, limits: &Limits, mut budget: u32) {
    while let Some(&r) = desk.queue.front() {
        if budget == 0 {
            desk.stop = Stop::Budget(limits.token_budget);
            break;
        }
        if desk.cohort.len() + desk.held.len() >= limits.batch_cap as usize {
            desk.stop = Stop::Holders(limits.batch_cap);
            break;
        }
        match admit(desk, requests, limits, r, budget) {
            Ok(q) => budget -= q,
            Err(stop) => {
                desk.stop = stop;
                break;
            }
        }
        desk.queue.pop_front();
    }
}
