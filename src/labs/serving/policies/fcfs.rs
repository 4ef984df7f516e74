//! First come, first served, under the token budget of vLLM v1: the order that shortest job first,
//! fair shares and priorities are measured against. Who runs is left alone.

use super::ordered::{Order, Ordered};
use super::{Card, Feature};
use crate::labs::serving::engine::Requests;

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
    make: |_| Box::new(Ordered(Fcfs)),
};

/// The policy has no state of its own.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fcfs;

impl Order for Fcfs {
    fn key(&self, requests: &Requests, r: u32) -> f64 {
        requests.arrival[r as usize]
    }
}
