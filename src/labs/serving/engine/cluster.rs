//! What a router sees of the instances when a request arrives.

use super::event_loop::Replica;
use super::{Limits, Requests};

/// The instances at the arrival of a request.
#[derive(Debug, Clone, Copy)]
pub struct Cluster<'a> {
    pub(super) replicas: &'a [Replica],
    pub(super) requests: &'a Requests,
    pub(super) limits: &'a Limits,
}

impl Cluster<'_> {
    /// Number of instances, at least 1.
    pub fn len(&self) -> usize {
        self.replicas.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.replicas.is_empty()
    }

    /// The requests.
    pub fn requests(&self) -> &Requests {
        self.requests
    }

    /// Requests of an instance that wait.
    pub fn waiting(&self, instance: usize) -> usize {
        self.replicas[instance].desk.queue.len()
    }

    /// Requests of an instance that wait or run. With the quirks of the reference simulator only
    /// those that wait.
    pub fn outstanding(&self, instance: usize) -> usize {
        if self.limits.quirks.waiting_only {
            self.waiting(instance)
        } else {
            self.replicas[instance].outstanding as usize
        }
    }

    /// Prompt tokens of the requests of an instance that wait or run.
    pub fn prompt_tokens(&self, instance: usize) -> u64 {
        self.replicas[instance].prompt_tokens
    }

    /// KV blocks in use on an instance.
    pub fn used_blocks(&self, instance: usize) -> u32 {
        self.replicas[instance].desk.used
    }

    /// Leading blocks of the request's prompt that are in memory on an instance.
    pub fn matched_blocks(&self, instance: usize, r: u32) -> u32 {
        (self.replicas[instance].desk)
            .matched_blocks(self.requests, self.limits, r)
            .0
    }

    /// The instance with the smallest value; ties go to the lowest index.
    pub fn least<K: Ord>(&self, load: impl Fn(usize) -> K) -> usize {
        (0..self.len()).min_by_key(|&i| load(i)).unwrap_or(0)
    }
}
