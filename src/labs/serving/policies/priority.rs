//! Priorities with aging under the token budget of vLLM v1: the waiting request with the lowest
//! priority − age/τ is admitted next, so that after τ seconds a request has gained one level and
//! none waits for ever. All keys fall equally fast, so their order is that of priority + arrival/τ.

use super::ordered::{Order, Ordered};
use super::{Card, Feature};
use crate::labs::serving::engine::{Desk, Limits, Requests};

/// The registry's card.
pub(super) const CARD: Card = Card {
    name: "Priority with aging",
    exhibit: "priority",
    features: &[
        Feature::Budget,
        Feature::Aging,
        Feature::Allocation,
        Feature::PrefixCache,
    ],
    make: |config| {
        Box::new(Ordered(Priority {
            aging_secs: config.aging_secs,
            preemptive: config.preemptive,
        }))
    },
};

/// Priority − age/τ, lowest first.
#[derive(Debug, Clone, Copy)]
pub struct Priority {
    /// τ: seconds of waiting that outweigh one level of priority.
    pub aging_secs: f64,
    /// Whether a waiting request takes memory and places from running ones behind it.
    pub preemptive: bool,
}

impl Order for Priority {
    fn key(&self, requests: &Requests, r: u32) -> f64 {
        f64::from(requests.tags.priority(r)) + requests.arrival[r as usize] / self.aging_secs
    }

    fn victim(&self, desk: &Desk, requests: &Requests) -> Option<usize> {
        let key = |r: u32| (self.key(requests, r), r);
        (0..desk.held.len()).max_by(|&a, &b| {
            let (a, b) = (key(desk.held[a]), key(desk.held[b]));
            a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))
        })
    }

    fn preemptive(&self) -> bool {
        self.preemptive
    }

    fn why(&self, desk: &Desk, requests: &Requests, _limits: &Limits, r: u32) -> Vec<String> {
        let aged = |r: u32| {
            let waited = (desk.now - requests.arrival[r as usize]).max(0.0);
            f64::from(requests.tags.priority(r)) - waited / self.aging_secs
        };
        let age = (desk.now - requests.arrival[r as usize]).max(0.0);
        let mut text = format!(
            "Order: priority {} − age {age:.2} s / {} s = {:.2}",
            requests.tags.priority(r),
            self.aging_secs,
            aged(r)
        );
        match (desk.queue.iter().position(|&q| q == r), desk.queue.front()) {
            (Some(place), Some(&head)) if place > 0 => {
                text = format!(
                    "{text}; {place} waiting stand before it, the first with {:.2}.",
                    aged(head)
                );
            }
            (Some(_), _) => text.push_str(", the lowest of all that wait."),
            (None, _) => text.push('.'),
        }
        vec![text]
    }
}
