//! Preemption by swap: the KV blocks of a victim are copied to the memory of the host and back, so
//! that nothing has to be computed again. "Efficient memory management for large language model
//! serving with PagedAttention" (arXiv 2309.06180, section 4.5).

use super::desk::{Desk, Note};
use super::requests::{Phase, Requests};
use super::{Limits, Work};

/// Memory of the host for swapped blocks, and what a copy costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SwapSpace {
    /// Blocks that fit.
    pub blocks: u32,
    /// Seconds one stage needs to copy its part of one block, one way.
    pub secs_per_block: f64,
}

/// A request whose blocks lie in the memory of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Swapped {
    /// The request.
    pub request: u32,
    /// Blocks it had, and gets back.
    pub blocks: u32,
}

impl Limits {
    /// Seconds that the copies of an iteration add to each of its stages.
    pub fn swap_seconds(&self, work: &Work) -> f64 {
        self.swap
            .map_or(0.0, |s| work.swap_blocks as f64 * s.secs_per_block)
    }
}

impl Desk {
    /// Preemptions so far, of both kinds.
    pub fn preemptions(&self) -> u64 {
        self.evictions + self.swaps
    }

    /// Preempts a request: by swap where there is swap space left for the blocks of a decoding
    /// one, else by recomputation.
    pub fn preempt(&mut self, requests: &mut Requests, limits: &Limits, r: u32) {
        let room = limits
            .swap
            .map_or(0, |s| s.blocks.saturating_sub(self.swapped_blocks));
        let blocks = requests.blocks[r as usize];
        let can = requests.decoding(r) && self.cache.is_none() && blocks <= room;
        if limits.swap.is_some() && can {
            self.swap_out(requests, r);
        } else {
            self.evict(requests, limits, r);
        }
    }

    /// Copies the blocks of a request out; it keeps its tokens. Those swapped out stand by
    /// arrival.
    fn swap_out(&mut self, requests: &mut Requests, r: u32) {
        let blocks = requests.blocks[r as usize];
        self.release(requests, r);
        requests.phase[r as usize] = Phase::Swapped;
        self.swaps += 1;
        self.swapped_blocks += blocks;
        self.copied += blocks;
        let arrival = requests.arrival[r as usize];
        let place = self
            .swapped
            .partition_point(|s| requests.arrival[s.request as usize] < arrival);
        let swapped = Swapped { request: r, blocks };
        self.swapped.insert(place, swapped);
        self.notes.push(Note::SwappedOut(swapped));
    }

    /// Copies the blocks of the request at a place of [`Self::swapped`] back, with the block for
    /// its next token. The caller has checked that they are free.
    pub fn swap_in(&mut self, requests: &mut Requests, limits: &Limits, place: usize) {
        let Some(swapped) = self.swapped.remove(place) else {
            return;
        };
        let Swapped { request: r, blocks } = swapped;
        self.swapped_blocks -= blocks;
        self.copied += blocks;
        requests.phase[r as usize] = Phase::Decode;
        let need = limits.blocks_for(requests.processed[r as usize]);
        self.allocate(requests, r, need.max(blocks));
        self.notes.push(Note::SwappedIn(swapped));
    }
}
