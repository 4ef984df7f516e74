//! First come, first served, under the token budget of vLLM v1: the order that shortest job first,
//! fair shares and priorities are measured against. Who runs is left alone.

use super::ordered::{self, Order};
use super::vllm_v1::retire;
use super::{Card, Feature, Policy};
use crate::labs::serving::engine::{Beside, CohortRule, Desk, Entry, Limits, Requests};

/// The registry's card.
pub(super) const CARD: Card = Card {
    name: "FCFS",
    exhibit: "vllm-v1",
    features: &[
        Feature::Budget,
        Feature::InOrder,
        Feature::Allocation,
        Feature::PrefixCache,
    ],
    make: |_| Box::new(Fcfs),
};

/// The policy has no state of its own.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fcfs;

impl Order for Fcfs {
    fn key(&self, requests: &Requests, r: u32) -> f64 {
        requests.arrival[r as usize]
    }
}

impl Policy for Fcfs {
    fn next(&mut self, desk: &mut Desk, requests: &mut Requests, limits: &Limits) {
        ordered::step(self, desk, requests, limits);
    }

    fn arrived(&mut self, desk: &mut Desk, requests: &Requests, _limits: &Limits, r: u32) {
        ordered::enqueue(self, desk, requests, r);
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
        Some(ordered::COHORT)
    }

    fn beside(&mut self, desk: &mut Desk, requests: &mut Requests, limits: &Limits) -> Beside {
        ordered::beside(self, desk, requests, limits)
    }

    fn boxed(&self) -> Box<dyn Policy> {
        Box::new(*self)
    }
}
