//! What lookers-on see of a run.

use super::Limits;
use super::desk::{Desk, Entry};
use super::event_loop::{Engine, Replica};
use super::events::Side;
use super::requests::Requests;
use crate::core::Error;
use crate::policy::Forecast;
use std::cmp::Reverse;

impl Engine {
    /// The requests.
    pub fn requests(&self) -> &Requests {
        &self.requests
    }

    /// The limits.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Time of the last event.
    pub fn now(&self) -> f64 {
        self.now
    }

    /// Batches formed.
    pub fn iterations(&self) -> u64 {
        self.iterations
    }

    /// Requests that have all their tokens.
    pub fn finished(&self) -> usize {
        self.finished
    }

    /// Requests set aside at arrival.
    pub fn ignored(&self) -> usize {
        self.ignored
    }

    /// Number of instances.
    pub fn replicas(&self) -> usize {
        self.replicas.len()
    }

    /// Working state of an instance.
    pub fn desk(&self, replica: usize) -> &Desk {
        &self.replicas[replica].desk
    }

    /// What the policy of its instance says about a request.
    pub fn why(&self, r: u32) -> Vec<String> {
        let replica = self.requests.replica[r as usize] as usize;
        let Some(Replica { desk, policy, .. }) = self.replicas.get(replica) else {
            return Vec::new();
        };
        policy.why(desk, &self.requests, &self.limits, r)
    }

    /// The memory to come as the policy of an instance saw it last, if it looks ahead.
    pub fn forecast(&self, replica: usize) -> Option<&Forecast> {
        self.replicas[replica].policy.forecast()
    }

    /// Whether a batch of the instance is on its way.
    pub fn busy(&self, replica: usize) -> bool {
        self.replicas[replica].inflight > 0
    }

    /// Requests in flight with their tokens, over all batches of an instance.
    pub fn in_flight(&self, replica: usize) -> impl Iterator<Item = &Entry> {
        self.flights
            .iter()
            .flat_map(|f| &f.entries)
            .filter(move |e| self.requests.replica[e.request as usize] as usize == replica)
    }

    /// Waiting requests over all instances.
    pub fn waiting(&self) -> usize {
        let queued: usize = self.replicas.iter().map(|r| r.desk.queue.len()).sum();
        queued + self.gateway().count()
    }

    /// Whether no event is left.
    pub fn idle(&self) -> bool {
        self.next_arrival == self.roots
            && self.ends.is_empty()
            && !self
                .side
                .iter()
                .any(|Reverse(s)| !matches!(s.what, Side::Tick))
    }

    /// The reason when no event is left although requests are: nothing can ever go on.
    pub fn deadlock(&self) -> Option<Error> {
        if !self.idle() || self.finished + self.ignored == self.requests.len() {
            return None;
        }
        if let Some(r) = self.gateway().next() {
            return Some(Error::Stuck(format!(
                "deadlock: no instance takes request {r}"
            )));
        }
        for replica in &self.replicas {
            let desk = &replica.desk;
            let swapped = desk.swapped.front().map(|s| s.request);
            if let Some(r) = (desk.queue.front().or(desk.held.front()).copied()).or(swapped) {
                let need = self.limits.blocks_for(self.requests.prefill[r as usize]);
                return Some(Error::Stuck(format!(
                    "deadlock: request {r} needs {need} blocks, pool has {} ({} free, {} kept in reserve)",
                    self.limits.num_blocks,
                    desk.free(&self.limits),
                    self.limits.watermark_blocks,
                )));
            }
        }
        Some(Error::Stuck(
            "deadlock: a static batch never ended".to_owned(),
        ))
    }
}
