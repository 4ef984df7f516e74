//! A step that ranks everybody anew: running and waiting requests in one order, selected from the
//! top under budget and batch size; holders at the end of the order give their blocks back.

use super::vllm_v1::{missing_blocks, wanted_tokens};
use crate::labs::serving::engine::{Desk, Limits, Phase, Requests, Stop};

/// Working space; nothing is remembered between steps.
#[derive(Debug, Clone, Default)]
pub(super) struct Ranked {
    /// Everybody, best first. Fill with [`Self::gather`], then sort.
    pub(super) order: Vec<u32>,
    chosen: Vec<(usize, u32)>,
}

impl Ranked {
    /// Running requests in order of joining, then the queue.
    pub(super) fn gather(&mut self, desk: &Desk) {
        self.order.clear();
        self.order.extend(desk.held.iter().chain(&desk.queue));
    }

    /// Forms the batch from the sorted order.
    pub(super) fn step(&mut self, desk: &mut Desk, requests: &mut Requests, limits: &Limits) {
        self.choose(requests, limits);
        self.place(desk, requests, limits);
        if !desk.queue.is_empty() && desk.stop == Stop::None {
            desk.stop = Stop::Rank;
        }
    }

    /// First pass: who would run, without a look at blocks.
    fn choose(&mut self, requests: &Requests, limits: &Limits) {
        self.chosen.clear();
        let mut budget = limits.token_budget;
        for (place, &r) in self.order.iter().enumerate() {
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
        for &(place, q) in &self.chosen {
            let r = self.order[place];
            if desk.lost_now(r) {
                continue;
            }
            let need = missing_blocks(requests, limits, r, q);
            while desk.free(limits) < need {
                let victim = (place + 1..self.order.len())
                    .rev()
                    .find(|&v| requests.blocks[self.order[v] as usize] > 0);
                let Some(at) = victim else {
                    desk.stop = Stop::Blocks {
                        need,
                        free: desk.free(limits),
                        reserve: 0,
                    };
                    return;
                };
                let victim = self.order[at];
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

    /// Place of a request in the last ranking, from 1, and how many were ranked.
    pub(super) fn place_of(&self, r: u32) -> Option<(usize, usize)> {
        let place = self.order.iter().position(|&o| o == r)?;
        Some((place + 1, self.order.len()))
    }
}
