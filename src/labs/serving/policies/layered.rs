//! Layered prefill: "From tokens to layers: redefining stall-free scheduling for LLM serving with
//! layered prefill" (arXiv 2510.08055, repository scale-snu/layered-prefill,
//! nanovllm/engine/scheduler.py). Layers are split into groups of equal size; in every iteration
//! all layers run the decodes, and one group after the other runs the admitted prompts too. New
//! prompts are admitted when the ones before are through all groups.

use super::{Card, Feature, Policy, whole_prompt_blocks};
use crate::labs::serving::engine::{
    Beside, CohortRule, Desk, Layered, Limits, Place, Requests, Stop,
};

/// The registry's card.
pub(super) const CARD: Card = Card {
    name: "Layered prefill",
    exhibit: "layered-prefill",
    features: &[
        Feature::PrefillLimit,
        Feature::Watermark,
        Feature::InOrder,
        Feature::Layered,
        Feature::Pools,
    ],
    make: |config| Box::new(LayeredPrefill::new(config.layer_groups as u32)),
};

/// Prompt tokens that one group of layers is for.
const TOKENS_PER_GROUP: u64 = 512;

/// Prompts on their way through the groups.
#[derive(Debug, Clone, Default)]
pub struct LayeredPrefill {
    /// Most groups.
    most: u32,
    /// Where the prompts are; no groups where there are none.
    now: Layered,
    aside: Vec<u32>,
}

impl LayeredPrefill {
    /// With at most so many groups of layers.
    pub fn new(most: u32) -> Self {
        Self {
            most: most.max(1),
            ..Self::default()
        }
    }

    /// Groups for so many prompt tokens: 1 up to 512, twice as many for twice the tokens.
    pub fn groups_for(&self, tokens: u64) -> u32 {
        let needed = tokens.div_ceil(TOKENS_PER_GROUP).max(1);
        needed.next_power_of_two().min(u64::from(self.most)) as u32
    }

    /// One token for each holder that decodes; unfinished prompts are set aside, safe from
    /// eviction.
    fn decodes(&mut self, desk: &mut Desk, requests: &mut Requests, limits: &Limits) {
        self.aside.clear();
        while desk.batch_len() + self.aside.len() < limits.micro_batch() as usize {
            let Some(r) = desk.held.pop_front() else {
                break;
            };
            if !requests.decoding(r) {
                self.aside.push(r);
            } else if desk.make_room_for_token(requests, limits, r) {
                desk.run(requests, r, 1);
            }
        }
    }

    /// Queue heads under the limit of tokens; who is admitted is set aside.
    fn admit(&mut self, desk: &mut Desk, requests: &mut Requests, limits: &Limits) {
        let mut tokens = 0;
        while let Some(&r) = desk.queue.front() {
            let prompt = u64::from(requests.prefill[r as usize]);
            if desk.holders == limits.batch_cap {
                desk.stop = Stop::Holders(limits.batch_cap);
                break;
            }
            if desk.batch_len() + self.aside.len() >= limits.micro_batch() as usize {
                desk.stop = Stop::BatchFull(limits.micro_batch());
                break;
            }
            if tokens + prompt > limits.max_tokens_in_batch {
                desk.stop = Stop::Tokens {
                    with: tokens + prompt,
                    limit: limits.max_tokens_in_batch,
                };
                break;
            }
            let Some(need) = whole_prompt_blocks(desk, requests, limits, r) else {
                break;
            };
            desk.queue.pop_front();
            desk.allocate(requests, r, need);
            self.aside.push(r);
            tokens += prompt;
        }
        if !self.aside.is_empty() {
            self.now = Layered {
                groups: self.groups_for(tokens),
                group: 0,
                tokens,
            };
        }
    }

    /// The prompts run through the next group. One of fewer tokens than groups has nothing to
    /// count in some of them, and is held meanwhile.
    fn prompts(&mut self, desk: &mut Desk, requests: &mut Requests) {
        let now = self.now;
        for (place, &r) in self.aside.iter().enumerate() {
            let q = now.part(u64::from(requests.prefill[r as usize])) as u32;
            if q > 0 {
                desk.run(requests, r, q);
            } else {
                requests.phase[r as usize] = crate::labs::serving::engine::Phase::Prefill;
                desk.held.insert(place.min(desk.held.len()), r);
            }
        }
        desk.layered = now;
        self.now.group += 1;
        if self.now.group >= now.groups {
            self.now = Layered::default();
        }
    }

    /// All of a step but the cohort.
    fn step(&mut self, desk: &mut Desk, requests: &mut Requests, limits: &Limits) {
        self.decodes(desk, requests, limits);
        if self.now.groups == 0 {
            self.admit(desk, requests, limits);
        } else if !desk.queue.is_empty() {
            desk.stop = Stop::Layers {
                group: self.now.group + 1,
                groups: self.now.groups,
            };
        }
        if self.aside.is_empty() {
            // Iterations of decodes alone count as one group without prompts.
            desk.layered.groups = 1;
        } else {
            self.prompts(desk, requests);
            desk.sort_held(requests);
        }
    }
}

impl Policy for LayeredPrefill {
    fn next(&mut self, desk: &mut Desk, requests: &mut Requests, limits: &Limits) {
        self.step(desk, requests, limits);
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
        self.step(desk, requests, limits);
        Beside::Formed
    }

    fn why(&self, _desk: &Desk, requests: &Requests, _limits: &Limits, r: u32) -> Vec<String> {
        let Layered {
            groups,
            group,
            tokens,
        } = self.now;
        let prompt = requests.phase[r as usize] == crate::labs::serving::engine::Phase::Prefill;
        if !prompt || groups == 0 {
            return Vec::new();
        }
        vec![format!(
            "Layers: the {tokens} tokens of the prompts under way have come through {group} of {groups} groups of layers."
        )]
    }

    fn boxed(&self) -> Box<dyn Policy> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labs::serving::engine::Quirks;
    use crate::labs::serving::policies::tests::{Batches, limits, run};

    #[test]
    fn the_number_of_groups_follows_the_published_table() {
        let policy = LayeredPrefill::new(16);
        let of = [1, 512, 513, 1024, 2048, 2049, 4096, 4097, 8192].map(|t| policy.groups_for(t));
        assert_eq!(of, [1, 1, 2, 2, 4, 8, 8, 16, 16]);
        assert_eq!(LayeredPrefill::new(12).groups_for(8192), 12);
    }

    #[test]
    fn prompts_run_through_one_group_at_a_time_and_new_ones_wait() {
        let limits = Limits {
            num_blocks: 10_000,
            max_tokens_in_batch: 2048,
            quirks: Quirks::NONE,
            cost: [1.0, 0.0, 0.0, 0.0, 0.0].into(),
            ..limits()
        };
        let policy = LayeredPrefill::new(4);
        let (batches, engine) = run(&policy, limits, &[(300, 6), (2000, 2), (10, 1)]);
        let want: Batches = vec![
            (0.0, vec![(0, 300)]),
            // The next two prompts together: 2010 tokens in four groups, 502 or 503 at a time.
            (1.0, vec![(0, 1), (1, 500), (2, 2)]),
            (2.0, vec![(0, 1), (1, 500), (2, 3)]),
            (3.0, vec![(0, 1), (1, 500), (2, 2)]),
            (4.0, vec![(0, 1), (1, 500), (2, 3)]),
            (5.0, vec![(0, 1), (1, 1)]),
        ];
        assert_eq!(batches, want);
        assert_eq!(engine.finished(), 3);
    }
}
