//! Static batching as FasterTransformer does it (microsoft/vidur's scheduler of that name): a
//! batch runs until its last request ends; nobody joins, and nobody's slot is used again before.

use super::orca::admit_into_slots;
use super::{Card, Feature, Policy};
use crate::labs::serving::engine::{
    Beside, CohortRule, Desk, Entry, Limits, Note, Phase, Place, Requests, Stop,
};
use std::collections::VecDeque;

/// The registry's card.
pub(super) const CARD: Card = Card {
    name: "Static batching",
    exhibit: "static-batching",
    features: &[Feature::Slots, Feature::Stages, Feature::InOrder],
    make: |_| Box::new(StaticBatching::default()),
};

/// Batches that are formed and not finished.
#[derive(Debug, Clone, Default)]
pub struct StaticBatching {
    /// Members of the batches that are not running now, oldest first.
    alive: VecDeque<Vec<u32>>,
    /// Members of the batches that are running.
    running: Vec<Vec<u32>>,
}

impl Policy for StaticBatching {
    fn next(&mut self, desk: &mut Desk, requests: &mut Requests, limits: &Limits) {
        let members = if let Some(members) = self.alive.pop_front() {
            for &r in &members {
                if requests.phase[r as usize] != Phase::Done {
                    desk.run(requests, r, 1);
                }
            }
            if !desk.queue.is_empty() {
                desk.stop = Stop::StaticBatch(desk.batch.len() as u32);
            }
            members
        } else {
            admit_into_slots(desk, requests, limits);
            desk.batch.iter().map(|e| e.request).collect()
        };
        if !desk.batch.is_empty() {
            self.running.push(members);
        }
    }

    fn batch_end(
        &mut self,
        desk: &mut Desk,
        requests: &mut Requests,
        limits: &Limits,
        batch: &[Entry],
    ) {
        let place = match batch.first() {
            _ if self.running.len() == 1 => Some(0),
            Some(first) => (self.running.iter()).position(|m| m.contains(&first.request)),
            None => None,
        };
        let Some(place) = place else {
            return;
        };
        let members = self.running.remove(place);
        let done = |r: u32| requests.phase[r as usize] == Phase::Done;
        if !desk.cohort.is_empty() || !batch.iter().all(|e| done(e.request)) {
            self.alive.push_back(members);
            return;
        }
        for &r in &members {
            let in_last = batch.iter().any(|e| e.request == r);
            // The reference simulator's leak: requests that ended earlier keep their slots for ever.
            if in_last || !limits.quirks.slot_leak {
                desk.release(requests, r);
            }
            if !in_last {
                desk.notes.push(Note::Released(r));
            }
        }
    }

    fn cohort(&self) -> Option<CohortRule> {
        Some(CohortRule {
            place: Place::Apart,
            grows: false,
            by_arrival: false,
        })
    }

    fn beside(&mut self, desk: &mut Desk, _requests: &mut Requests, _limits: &Limits) -> Beside {
        let Some(members) = self.alive.pop_front() else {
            return Beside::Plain;
        };
        desk.run_cohort(0);
        if !desk.queue.is_empty() {
            desk.stop = Stop::StaticBatch(desk.cohort.running());
        }
        self.running.push(members);
        Beside::Formed
    }

    fn boxed(&self) -> Box<dyn Policy> {
        Box::new(self.clone())
    }
}
