//! Orca: "Orca: a distributed serving system for transformer-based generative models" (OSDI 2022),
//! as microsoft/vidur schedules it. Iteration-level batching with a fixed slot of memory for the
//! longest possible sequence of each request.

use super::{Card, Feature, Policy};
use crate::labs::serving::engine::{Beside, CohortRule, Desk, Limits, Place, Requests, Stop};

/// The registry's card.
pub(super) const CARD: Card = Card {
    name: "Orca",
    exhibit: "orca",
    features: &[Feature::Slots, Feature::Stages, Feature::InOrder],
    make: |_| Box::new(Orca),
};

/// The policy has no state of its own.
#[derive(Debug, Clone, Copy, Default)]
pub struct Orca;

impl Policy for Orca {
    fn next(&mut self, desk: &mut Desk, requests: &mut Requests, limits: &Limits) {
        decode(desk, requests, limits);
        admit_into_slots(desk, requests, limits);
    }

    fn cohort(&self) -> Option<CohortRule> {
        Some(CohortRule {
            place: Place::Popped,
            grows: false,
            by_arrival: false,
        })
    }

    fn beside(&mut self, desk: &mut Desk, requests: &mut Requests, limits: &Limits) -> Beside {
        if desk.cohort.len() > limits.batch_cap as usize {
            return Beside::Plain;
        }
        desk.run_cohort(0);
        decode(desk, requests, limits);
        admit_into_slots(desk, requests, limits);
        Beside::Formed
    }

    fn boxed(&self) -> Box<dyn Policy> {
        Box::new(*self)
    }
}

/// One token for each holder, in order.
fn decode(desk: &mut Desk, requests: &mut Requests, limits: &Limits) {
    while desk.batch_len() < limits.batch_cap as usize {
        let Some(r) = desk.held.pop_front() else {
            break;
        };
        desk.run(requests, r, 1);
    }
}

/// Queue heads with their whole prompt, one slot each, while there are slots and places.
pub(super) fn admit_into_slots(desk: &mut Desk, requests: &mut Requests, limits: &Limits) {
    while let Some(&r) = desk.queue.front() {
        if desk.batch_len() >= limits.batch_cap as usize {
            desk.stop = Stop::BatchFull(limits.batch_cap);
            break;
        }
        let free = desk.free(limits);
        if free < limits.slot_blocks {
            desk.stop = Stop::Blocks {
                need: limits.slot_blocks,
                free,
                reserve: 0,
            };
            break;
        }
        desk.queue.pop_front();
        desk.allocate(requests, r, limits.slot_blocks);
        desk.run(requests, r, requests.prefill[r as usize]);
    }
}
