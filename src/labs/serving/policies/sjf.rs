//! Shortest job first without preemption: of the waiting requests the one with the shortest
//! predicted output is admitted next, under the token budget of vLLM v1. Who runs is left alone.

use super::ordered::{Order, Ordered};
use super::{Card, Feature};
use crate::labs::serving::engine::{Desk, Limits, Requests};

/// The registry's card.
pub(super) const CARD: Card = Card {
    name: "SJF (predicted lengths)",
    exhibit: "sjf",
    features: &[
        Feature::Budget,
        Feature::Predicted,
        Feature::Allocation,
        Feature::PrefixCache,
    ],
    make: |_| Box::new(Ordered(Sjf)),
};

/// The policy has no state of its own.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sjf;

impl Order for Sjf {
    fn key(&self, requests: &Requests, r: u32) -> f64 {
        requests.tags.predicted(r)
    }

    fn why(&self, desk: &Desk, requests: &Requests, _limits: &Limits, r: u32) -> Vec<String> {
        let Some(place) = desk.queue.iter().position(|&q| q == r) else {
            return Vec::new();
        };
        let own = requests.tags.predicted(r);
        let mut text = format!("Order: its output is predicted to be {own:.0} tokens");
        match desk.queue.front() {
            Some(&head) if place > 0 => {
                text = format!(
                    "{text}; {place} waiting with shorter predictions go first, the next one with {:.0}.",
                    requests.tags.predicted(head)
                );
            }
            _ => text.push_str(", the shortest prediction of all that wait."),
        }
        vec![text]
    }
}
