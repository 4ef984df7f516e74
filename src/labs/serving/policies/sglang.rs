//! SGLang: "SGLang: efficient execution of structured language model programs" (arXiv 2312.07104,
//! repository sgl-project/sglang, python/sglang/srt/managers/schedule_policy.py). Prompts first, in
//! the order of the longest prefix that is already in memory; admission leaves room for a share of
//! the tokens that running requests may still produce; when memory runs out, requests are retracted.

use super::vllm_v1::{missing_blocks, retire};
use super::{Card, Feature, Policy};
use crate::labs::serving::config::SglangOrder;
use crate::labs::serving::engine::{Desk, Entry, Limits, Requests, Stop};
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// The registry's card.
pub(super) const CARD: Card = Card {
    name: "SGLang",
    exhibit: "sglang",
    features: &[Feature::Budget, Feature::PrefixCache, Feature::Radix],
    make: |config| Box::new(Sglang::new(config.sglang_order)),
};

/// Waiting requests above which the order falls back to that of arrival.
const MOST_RANKED: usize = 128;
/// Tokens of a match from which on two waiting requests count as sharing a prefix.
const SHARED_TOKENS: u32 = 32;
/// Most output tokens that admission reckons with for one request.
const CLIP_NEW_TOKENS: u32 = 4096;
/// Share of the possible output that admission leaves room for: first value, smallest value, and
/// decode iterations in which it sinks from one to the other.
const FIRST_RATIO: f64 = 0.7;
const LEAST_RATIO: f64 = 0.098;
const DECAY_ITERATIONS: f64 = 600.0;
/// Decode iterations that retraction makes room for.
const RETRACT_ITERATIONS: f64 = 20.0;

/// Order of the queue and the share of output to leave room for.
#[derive(Debug, Clone)]
pub struct Sglang {
    order: SglangOrder,
    ratio: f64,
    /// Waiting requests put back because another one is about to compute their prefix.
    deferred: BTreeSet<u32>,
}

impl Sglang {
    /// With an order of the queue.
    pub fn new(order: SglangOrder) -> Self {
        Self {
            order,
            ratio: FIRST_RATIO,
            deferred: BTreeSet::new(),
        }
    }

    fn sort(&mut self, desk: &mut Desk, requests: &Requests, limits: &Limits) {
        self.deferred.clear();
        let by_arrival = self.order == SglangOrder::Fcfs || desk.queue.len() > MOST_RANKED;
        let mut queue: Vec<u32> = desk.queue.drain(..).collect();
        queue.sort_unstable();
        if !by_arrival {
            let matched: Vec<(u32, u32)> = (queue.iter())
                .map(|&r| (r, desk.matched_tokens(requests, limits, r)))
                .collect();
            if self.order == SglangOrder::LongestPrefix {
                self.defer(&matched, requests, limits);
            }
            let mut ranked = matched;
            ranked.sort_by_key(|&(r, tokens)| {
                let prompt = requests.prefill[r as usize];
                match self.order {
                    SglangOrder::ShortestPrefill => (false, Reverse(0), prompt - tokens),
                    _ => (self.deferred.contains(&r), Reverse(tokens), 0),
                }
            });
            queue = ranked.into_iter().map(|(r, _)| r).collect();
        }
        desk.queue.extend(queue);
    }

    /// Of several waiting requests with the same prefix, not in memory yet, one goes first.
    fn defer(&mut self, matched: &[(u32, u32)], requests: &Requests, limits: &Limits) {
        let mut begun = BTreeSet::new();
        let tokens = SHARED_TOKENS.next_multiple_of(limits.block_size.max(1));
        for &(r, known) in matched {
            if known > SHARED_TOKENS || requests.prefill[r as usize] < tokens {
                continue;
            }
            let key = requests
                .tags
                .block_keys(r, limits.block_size, tokens)
                .last();
            if !key.is_none_or(|key| begun.insert(key)) {
                self.deferred.insert(r);
            }
        }
    }

    /// Tokens that a request may still produce, as far as admission reckons with them.
    fn to_come(requests: &Requests, limits: &Limits, r: u32) -> u32 {
        limits
            .max_new_tokens
            .saturating_sub(requests.produced(r))
            .min(CLIP_NEW_TOKENS)
    }

    /// A batch of prompts: the one that was cut goes on, then the queue.
    fn prompts(&mut self, desk: &mut Desk, requests: &mut Requests, limits: &Limits) {
        let mut budget = limits.token_budget;
        let cut = (desk.held.iter().copied()).find(|&r| !requests.decoding(r));
        let mut reserved: f64 = (desk.held.iter())
            .map(|&r| f64::from(Self::to_come(requests, limits, r)) * self.ratio)
            .sum();
        if let Some(r) = cut {
            let q = requests.prompt_left(r).min(budget);
            let need = missing_blocks(requests, limits, r, q);
            if desk.free(limits) < need {
                desk.stop = Stop::Blocks {
                    need,
                    free: desk.free(limits),
                    reserve: 0,
                };
                return;
            }
            desk.allocate(requests, r, need);
            desk.run(requests, r, q);
            budget -= q;
        }
        if desk.queue.is_empty() {
            return;
        }
        self.sort(desk, requests, limits);
        while let Some(&r) = desk.queue.front() {
            if budget == 0 {
                desk.stop = Stop::Budget(limits.token_budget);
                break;
            }
            if desk.held.len() >= limits.batch_cap as usize {
                desk.stop = Stop::Holders(limits.batch_cap);
                break;
            }
            let (hit, unused) = desk.matched_blocks(requests, limits, r);
            let new = requests.prefill[r as usize] - hit * limits.block_size;
            let own = f64::from(new) + f64::from(Self::to_come(requests, limits, r));
            let room = f64::from(desk.free(limits) - unused) * f64::from(limits.block_size);
            let alone = desk.held.is_empty() && desk.batch_len() == 0;
            let q = new.min(budget);
            let need = limits.blocks_for(hit * limits.block_size + q) - hit;
            if (own + reserved >= room && !alone) || need + unused > desk.free(limits) {
                desk.stop = Stop::Room {
                    need: (own + reserved).ceil() as u64,
                    free: room as u64,
                };
                break;
            }
            desk.queue.pop_front();
            desk.hold_prefix(requests, r, hit, unused);
            desk.allocate(requests, r, need);
            desk.run(requests, r, q);
            desk.held.push_back(r);
            budget -= q;
            reserved += f64::from(Self::to_come(requests, limits, r));
        }
    }

    /// One token for everybody whose prompt is done; retracts where memory runs out.
    fn decodes(&mut self, desk: &mut Desk, requests: &mut Requests, limits: &Limits) {
        let needed = |desk: &Desk, requests: &Requests| -> u32 {
            (desk.held.iter())
                .filter(|&&r| requests.decoding(r))
                .map(|&r| missing_blocks(requests, limits, r, 1))
                .sum()
        };
        let mut retracted = false;
        while desk.free(limits) < needed(desk, requests) {
            // The fewest tokens out, then the longest prompt: least is lost.
            let victim = (0..desk.held.len()).min_by_key(|&i| {
                let r = desk.held[i];
                (requests.produced(r), Reverse(requests.prompt[r as usize]))
            });
            let Some(r) = victim.and_then(|i| desk.held.remove(i)) else {
                break;
            };
            desk.evict(requests, limits, r);
            desk.queue.rotate_left(1);
            retracted = true;
        }
        if retracted {
            let (mut out, mut most) = (0.0, 1.0);
            for &r in &desk.held {
                out += f64::from(requests.produced(r)) + RETRACT_ITERATIONS;
                most += f64::from(limits.max_new_tokens);
            }
            self.ratio = (out / most).min(1.0);
            desk.stop = Stop::Preempted;
        } else {
            let step = (FIRST_RATIO - LEAST_RATIO) / DECAY_ITERATIONS;
            self.ratio = (self.ratio - step).max(LEAST_RATIO);
        }
        for i in 0..desk.held.len() {
            let r = desk.held[i];
            if requests.decoding(r) {
                let need = missing_blocks(requests, limits, r, 1);
                desk.allocate(requests, r, need);
                desk.run(requests, r, 1);
            }
        }
    }
}

impl Policy for Sglang {
    fn next(&mut self, desk: &mut Desk, requests: &mut Requests, limits: &Limits) {
        self.prompts(desk, requests, limits);
        if desk.batch.is_empty() {
            let stop = desk.stop;
            self.decodes(desk, requests, limits);
            if desk.stop == Stop::None {
                desk.stop = stop;
            }
        }
        // Everybody was retracted, or only a cut prompt is left that does not fit: start over.
        if desk.batch.is_empty() && !(desk.queue.is_empty() && desk.held.is_empty()) {
            while let Some(r) = desk.held.pop_back() {
                desk.evict(requests, limits, r);
            }
            self.prompts(desk, requests, limits);
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

    fn why(&self, desk: &Desk, requests: &Requests, limits: &Limits, r: u32) -> Vec<String> {
        let Some(place) = desk.queue.iter().position(|&q| q == r) else {
            return Vec::new();
        };
        let mut lines = Vec::new();
        let matched = desk.matched_tokens(requests, limits, r);
        let prompt = requests.prefill[r as usize];
        lines.push(if self.order == SglangOrder::Fcfs || desk.queue.len() > MOST_RANKED {
            format!("Order: place {} by arrival; {matched} of its {prompt} prompt tokens are in memory.", place + 1)
        } else {
            format!("Order: {matched} of its {prompt} prompt tokens are in memory; {place} waiting stand before it.")
        });
        if self.deferred.contains(&r) {
            lines.push(format!(
                "Deferred: another waiting request begins with the same {SHARED_TOKENS} tokens or more and computes them first."
            ));
        }
        lines.push(format!(
            "Admission leaves room for {:.0} % of what running requests may still produce.",
            100.0 * self.ratio
        ));
        lines
    }

    fn boxed(&self) -> Box<dyn Policy> {
        Box::new(self.clone())
    }
}
