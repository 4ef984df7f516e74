//! Preemption by swap: the KV blocks of a victim are copied to the memory of the host and back, so
//! that nothing has to be computed again. "Efficient memory management for large language model
//! serving with PagedAttention" (arXiv 2309.06180, section 4.5).
//!
//! Copies may go in groups of blocks that lie side by side, each of which costs a start, beside the
//! batches instead of before them, and only of what the host does not have already: "FastSwitch:
//! optimizing context switching efficiency in fairness-aware large language model serving" (arXiv
//! 2411.18424).

use super::desk::{Desk, Note};
use super::event_loop::Engine;
use super::events::Side;
use super::requests::{Phase, Requests};
use super::sink::Sink;
use super::{Limits, Work};
use std::collections::BTreeMap;

/// Memory of the host for swapped blocks, and what a copy costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SwapSpace {
    /// Blocks that fit.
    pub blocks: u32,
    /// Seconds one stage needs to copy its part of one block, one way.
    pub secs_per_block: f64,
    /// Blocks that lie side by side and are copied as one.
    pub group: u32,
    /// Seconds to start the copies of a group.
    pub secs_per_group: f64,
    /// Whether copies go beside the batches: those who are copied wait, nobody else does.
    pub beside: bool,
    /// Whether the host keeps its copy of a request that is back.
    pub keeps: bool,
}

impl SwapSpace {
    fn groups(&self, blocks: u32) -> u32 {
        blocks.div_ceil(self.group.max(1))
    }

    /// Seconds of a copy, one way.
    pub fn seconds(&self, blocks: u32) -> f64 {
        f64::from(blocks) * self.secs_per_block
            + f64::from(self.groups(blocks)) * self.secs_per_group
    }
}

/// A request whose blocks lie in the memory of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Swapped {
    /// The request.
    pub request: u32,
    /// Blocks it had, and gets back.
    pub blocks: u32,
    /// The part of them that was copied; the host had the others.
    pub copied: u32,
}

/// A copy beside the batches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Copying {
    /// What is copied; its blocks are taken while it is.
    pub swapped: Swapped,
    /// Whether to the host, or else back.
    pub out: bool,
    /// When it began.
    pub from: f64,
    /// When it is over.
    pub until: f64,
    planned: bool,
}

/// Full blocks on the host of requests that are back on the GPU: they need not be copied again.
#[derive(Debug, Clone, Default)]
pub struct Kept {
    by_request: BTreeMap<u32, u32>,
    blocks: u32,
}

impl Kept {
    /// Blocks kept of all requests.
    pub fn blocks(&self) -> u32 {
        self.blocks
    }

    /// Blocks kept of a request.
    pub fn of(&self, r: u32) -> u32 {
        self.by_request.get(&r).copied().unwrap_or(0)
    }

    fn keep(&mut self, r: u32, blocks: u32) {
        if blocks > 0 {
            self.by_request.insert(r, blocks);
            self.blocks += blocks;
        }
    }

    fn drop_of(&mut self, r: u32) {
        self.blocks -= self.by_request.remove(&r).unwrap_or(0);
    }

    /// Gives up the copy of the oldest request.
    fn drop_first(&mut self) -> bool {
        let first = self.by_request.pop_first();
        self.blocks -= first.map_or(0, |f| f.1);
        first.is_some()
    }
}

impl Limits {
    /// Seconds that the copies of an iteration add to each of its stages.
    pub fn swap_seconds(&self, work: &Work) -> f64 {
        self.swap.map_or(0.0, |s| {
            work.swap_blocks as f64 * s.secs_per_block + work.swap_groups as f64 * s.secs_per_group
        })
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
        if !(requests.decoding(r) && self.swap_out(requests, limits, r)) {
            self.evict(requests, limits, r);
        }
    }

    /// Whether the copy of a request is on its way, in either direction.
    pub fn is_copying(&self, r: u32) -> bool {
        self.copying.iter().any(|c| c.swapped.request == r)
    }

    /// Blocks that copies out will free.
    pub fn leaving(&self) -> u32 {
        let out = self.copying.iter().filter(|c| c.out);
        out.map(|c| c.swapped.blocks).sum()
    }

    /// Copies the blocks of a request out; it keeps its tokens. Those swapped out stand by
    /// arrival. Returns whether there is room for them: nothing happens otherwise.
    pub fn swap_out(&mut self, requests: &mut Requests, limits: &Limits, r: u32) -> bool {
        let Some(space) = limits.swap.filter(|_| self.cache.is_none()) else {
            return false;
        };
        let blocks = requests.blocks[r as usize];
        let on_the_way: u32 = self.copying.iter().map(|c| c.swapped.blocks).sum();
        let taken = self.swapped_blocks + on_the_way;
        if taken + blocks > space.blocks {
            return false;
        }
        let there = self.kept.of(r);
        self.kept.drop_of(r);
        while taken + blocks + self.kept.blocks() > space.blocks && self.kept.drop_first() {}
        let swapped = Swapped {
            request: r,
            blocks,
            copied: blocks - there.min(blocks),
        };
        requests.phase[r as usize] = Phase::Swapped;
        self.swaps += 1;
        self.notes.push(Note::SwappedOut(swapped));
        if space.beside && swapped.copied > 0 {
            self.start_copy(space, swapped, true);
        } else {
            self.copied += swapped.copied;
            self.copied_groups += space.groups(swapped.copied);
            self.is_out(requests, swapped);
        }
        true
    }

    /// The blocks of a request are on the host.
    fn is_out(&mut self, requests: &mut Requests, swapped: Swapped) {
        let Swapped {
            request, blocks, ..
        } = swapped;
        self.release(requests, request);
        self.swapped_blocks += blocks;
        let arrival = requests.arrival[request as usize];
        let place = self
            .swapped
            .partition_point(|s| requests.arrival[s.request as usize] < arrival);
        self.swapped.insert(place, swapped);
    }

    /// Copies the blocks of the request at a place of [`Self::swapped`] back, with the block for
    /// its next token where it can run at once. The caller has checked that they are free.
    pub fn swap_in(&mut self, requests: &mut Requests, limits: &Limits, place: usize) {
        let Some(mut swapped) = self.swapped.remove(place) else {
            return;
        };
        swapped.copied = swapped.blocks;
        let Swapped {
            request: r, blocks, ..
        } = swapped;
        self.swapped_blocks -= blocks;
        if let Some(space) = limits.swap.filter(|s| s.beside) {
            self.allocate(requests, r, blocks);
            self.start_copy(space, swapped, false);
            return;
        }
        self.copied += blocks;
        self.copied_groups += limits.swap.map_or(0, |s| s.groups(blocks));
        let need = limits.blocks_for(requests.processed[r as usize]);
        self.allocate(requests, r, need.max(blocks));
        self.is_back(requests, limits, swapped);
    }

    /// The blocks of a request are on the GPU again.
    fn is_back(&mut self, requests: &mut Requests, limits: &Limits, swapped: Swapped) {
        let r = swapped.request;
        requests.phase[r as usize] = requests.unswapped(r);
        if limits.swap.is_some_and(|s| s.keeps) {
            // The last block may still grow.
            let full = requests.kv_tokens(r) / limits.block_size.max(1);
            self.kept.keep(r, full.min(swapped.blocks));
        }
        self.notes.push(Note::SwappedIn(swapped));
    }

    fn start_copy(&mut self, space: SwapSpace, swapped: Swapped, out: bool) {
        let until = &mut self.copies_until[usize::from(out)];
        let from = until.max(self.now);
        *until = from + space.seconds(swapped.copied);
        self.copying.push(Copying {
            swapped,
            out,
            from,
            until: *until,
            planned: false,
        });
    }

    /// What the host has of a request that is done is of no use any more.
    pub fn forget_copies(&mut self, r: u32) {
        self.kept.drop_of(r);
    }
}

impl Engine {
    /// Creates the ends of copies that have begun.
    pub(super) fn plan_copies(&mut self, index: usize) {
        let fresh: Vec<f64> = (self.replicas[index].desk.copying.iter_mut())
            .filter(|c| !c.planned)
            .map(|c| {
                c.planned = true;
                c.until
            })
            .collect();
        for until in fresh {
            self.plan(until, Side::Swapped(index as u32));
        }
    }

    /// The same for a copy of an instance that has none of its events.
    pub(super) fn plan_copies_anew(&mut self) {
        for index in 0..self.replicas.len() {
            for copying in &mut self.replicas[index].desk.copying {
                copying.planned = false;
            }
            self.plan_copies(index);
        }
    }

    /// Copies that are over by now: blocks are free, or requests can run.
    pub(super) fn copies_end(&mut self, index: usize, at: f64, sink: &mut dyn Sink) {
        self.now = at;
        let desk = &mut self.replicas[index].desk;
        desk.now = at;
        let (over, on) = desk.copying.iter().partition(|c| c.until <= at);
        desk.copying = on;
        let over: Vec<Copying> = over;
        for copying in over {
            let swapped = copying.swapped;
            if copying.out {
                desk.is_out(&mut self.requests, swapped);
            } else {
                desk.is_back(&mut self.requests, &self.limits, swapped);
                desk.held.push_back(swapped.request);
            }
        }
        for note in desk.notes.drain(..) {
            sink.noted(at, note);
        }
        sink.resized(at, index as u32, desk);
        self.form(index, sink);
    }
}
