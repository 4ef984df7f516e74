//! LightLLM's router as microsoft/vidur schedules it: blocks of one token, prompts admitted only
//! every few iterations and only when the estimated peak of memory stays below the pool.
//!
//! Peak (repository ModelTC/lightllm): with a_i tokens now and b_i to come, sorted by b
//! descending, max over i of (a_1 + … + a_i) + i·b_i. The true output length is known here, so
//! nothing is ever evicted.

use super::{Card, Feature, Policy};
use crate::labs::serving::engine::{
    Beside, CohortRule, Desk, Limits, Oracle, Place, Requests, Stop,
};

/// The registry's card.
pub(super) const CARD: Card = Card {
    name: "LightLLM",
    exhibit: "lightllm",
    features: &[
        Feature::PrefillLimit,
        Feature::InOrder,
        Feature::SingleTokens,
        Feature::Tries,
        Feature::Oracle,
    ],
    make: |_| Box::new(LightLlm::default()),
};

/// Decode iterations since the last try to admit.
#[derive(Debug, Clone, Default)]
pub struct LightLlm {
    waited: u32,
    ahead: Vec<(u32, u32)>,
}

impl Policy for LightLlm {
    fn next(&mut self, desk: &mut Desk, requests: &mut Requests, limits: &Limits) {
        if desk.held.is_empty() {
            self.admit(desk, requests, limits);
            if !desk.batch.is_empty() {
                self.waited = 0;
            }
            return;
        }
        if self.waited >= limits.max_waiting_iters {
            self.waited = 0;
            self.admit(desk, requests, limits);
            if !desk.batch.is_empty() {
                return;
            }
        } else if !desk.queue.is_empty() {
            desk.stop = Stop::NotDue {
                waited: self.waited,
                of: limits.max_waiting_iters,
            };
        }
        self.waited += 1;
        decode(desk, requests);
    }

    fn cohort(&self) -> Option<CohortRule> {
        Some(CohortRule {
            place: Place::Popped,
            grows: true,
            by_arrival: false,
        })
    }

    fn beside(&mut self, desk: &mut Desk, requests: &mut Requests, limits: &Limits) -> Beside {
        if self.waited >= limits.max_waiting_iters {
            // A try to admit looks at the tokens to come of everybody.
            if !desk.queue.is_empty() {
                return Beside::Plain;
            }
            self.waited = 0;
        } else if !desk.queue.is_empty() {
            desk.stop = Stop::NotDue {
                waited: self.waited,
                of: limits.max_waiting_iters,
            };
        }
        self.waited += 1;
        desk.run_cohort(desk.cohort.blocks_due());
        decode(desk, requests);
        Beside::Formed
    }

    fn boxed(&self) -> Box<dyn Policy> {
        Box::new(self.clone())
    }
}

/// One token and one block for each holder.
fn decode(desk: &mut Desk, requests: &mut Requests) {
    while let Some(r) = desk.held.pop_front() {
        desk.allocate(requests, r, 1);
        desk.run(requests, r, 1);
    }
}

impl LightLlm {
    fn admit(&mut self, desk: &mut Desk, requests: &mut Requests, limits: &Limits) {
        self.ahead.clear();
        self.ahead.extend(desk.held.iter().map(|&r| {
            let i = r as usize;
            let left = requests.remaining(Oracle::declare(), r);
            (requests.processed[i], left.saturating_sub(1))
        }));
        let mut tokens = 0;
        while let Some(&r) = desk.queue.front() {
            let i = r as usize;
            let prompt = requests.prefill[i];
            let with = tokens + u64::from(prompt);
            if with > limits.max_tokens_in_batch {
                desk.stop = Stop::Tokens {
                    with,
                    limit: limits.max_tokens_in_batch,
                };
                break;
            }
            if desk.holders >= limits.batch_cap {
                desk.stop = Stop::Holders(limits.batch_cap);
                break;
            }
            if desk.batch.len() >= limits.batch_cap as usize {
                desk.stop = Stop::BatchFull(limits.batch_cap);
                break;
            }
            self.ahead.push((
                prompt + 1,
                requests.output(Oracle::declare(), r).saturating_sub(2),
            ));
            let peak = peak_tokens(&mut self.ahead);
            if peak >= u64::from(limits.num_blocks) {
                desk.stop = Stop::Peak {
                    peak,
                    capacity: u64::from(limits.num_blocks),
                };
                break;
            }
            desk.queue.pop_front();
            desk.allocate(requests, r, prompt);
            desk.run(requests, r, prompt);
            tokens = with;
        }
    }
}

/// Largest number of tokens held at one moment when everybody decodes one token per iteration.
/// Sorts `ahead`, pairs of (tokens now, tokens to come).
pub(in super::super) fn peak_tokens(ahead: &mut [(u32, u32)]) -> u64 {
    ahead.sort_by_key(|&(_, to_come)| std::cmp::Reverse(to_come));
    let mut now = 0;
    let mut peak = 0;
    for (i, &(tokens, to_come)) in ahead.iter().enumerate() {
        now += u64::from(tokens);
        peak = peak.max(now + (i as u64 + 1) * u64::from(to_come));
    }
    peak
}
