//! What a router sees of the instances when a request arrives.

use super::event_loop::{Flight, Replica};
use super::events::{Calendar, StageEnd};
use super::{Limits, Requests};
use std::sync::Arc;

/// The instances at the arrival of a request.
#[derive(Debug, Clone, Copy)]
pub struct Cluster<'a> {
    pub(super) replicas: &'a [Replica],
    /// Those that arrivals may go to: what is counted from 0 here.
    pub(super) open: &'a [u32],
    pub(super) requests: &'a Requests,
    pub(super) limits: &'a Arc<Limits>,
    pub(super) now: f64,
    pub(super) flights: &'a [Flight],
    pub(super) ends: &'a Calendar<StageEnd>,
}

impl Cluster<'_> {
    fn at(&self, instance: usize) -> &Replica {
        &self.replicas[self.open[instance] as usize]
    }

    /// Number of instances that take arrivals, at least 1.
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// The number of an instance among all, for those who remember it.
    pub fn number(&self, instance: usize) -> u32 {
        self.open[instance]
    }

    /// The instance with this number among all, if it takes arrivals.
    pub fn numbered(&self, number: u32) -> Option<usize> {
        self.open.binary_search(&number).ok()
    }

    /// Time of the arrival.
    pub fn now(&self) -> f64 {
        self.now
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// The requests.
    pub fn requests(&self) -> &Requests {
        self.requests
    }

    /// Requests of an instance that wait.
    pub fn waiting(&self, instance: usize) -> usize {
        self.at(instance).desk.queue.len()
    }

    /// Prompt tokens of the requests of an instance that wait, one by one.
    pub fn waiting_prompts(&self, instance: usize) -> impl Iterator<Item = u32> {
        let queue = &self.at(instance).desk.queue;
        queue.iter().map(|&r| self.requests.prefill[r as usize])
    }

    /// The limits of an instance.
    pub fn limits(&self) -> &Limits {
        self.limits
    }

    /// Requests of an instance that wait or run. With the quirks of the reference simulator only
    /// those that wait.
    pub fn outstanding(&self, instance: usize) -> usize {
        if self.limits.quirks.waiting_only {
            self.waiting(instance)
        } else {
            self.at(instance).outstanding as usize
        }
    }

    /// Prompt tokens of the requests of an instance that wait or run.
    pub fn prompt_tokens(&self, instance: usize) -> u64 {
        self.at(instance).prompt_tokens
    }

    /// Free blocks per request on an instance if request `r` joined it: the iterations that are
    /// left before memory runs out, in blocks. Blocks for the prompts of all who wait there count
    /// as taken.
    pub fn freeness_with(&self, instance: usize, r: u32) -> f64 {
        let place = self.at(instance);
        let need = self.limits.blocks_for(self.requests.prefill[r as usize]);
        let waiting = place.waiting_blocks(self.requests, self.limits, usize::MAX);
        let free = place.virtually_free(self.limits) - (waiting + u64::from(need)) as f64;
        free / f64::from(place.outstanding + 1)
    }

    /// KV blocks in use on an instance.
    pub fn used_blocks(&self, instance: usize) -> u32 {
        self.at(instance).desk.used
    }

    /// Leading blocks of the request's prompt that are in memory on an instance.
    pub fn matched_blocks(&self, instance: usize, r: u32) -> u32 {
        (self.at(instance).desk)
            .matched_blocks(self.requests, self.limits, r)
            .0
    }

    /// The instance with the smallest value; ties go to the lowest index.
    pub fn least<K: Ord>(&self, load: impl Fn(usize) -> K) -> usize {
        (0..self.len()).min_by_key(|&i| load(i)).unwrap_or(0)
    }
}
