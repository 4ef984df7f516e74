//! Prefill and decode on instances of their own: the first instances compute prompts, the others
//! decode, and the KV of a prompt travels over a link between them.
//!
//! After "DistServe: disaggregating prefill and decoding for goodput-optimized large language model
//! serving" (arXiv 2401.09670, repository LLMServe/DistServe, simdistserve): arrivals go to the
//! prefill pool, and a request with its first token to the decode instance with the fewest
//! requests. Its KV stays where it is, and keeps its blocks, until that instance has room for it
//! (first come, first served; behind requests that it has preempted itself). An instance sends one
//! request after the other. The published simulator charges no time for the transfer.

use super::Limits;
use super::desk::{Desk, Entry};
use super::event_loop::Engine;
use super::events::Side;
use super::links::Links;
use super::requests::{Emitted, Phase, Requests};
use super::sink::{Landed, Sink};
use std::collections::VecDeque;
use std::sync::Arc;

/// The split of the instances, and the link between them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pools {
    /// Instances that compute prompts, the first ones; the others decode.
    pub prefill: u32,
    /// Seconds until the first byte of a transfer arrives.
    pub latency_secs: f64,
    /// Seconds per token of KV.
    pub secs_per_token: f64,
}

/// A request whose KV is on its way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transfer {
    /// The request.
    pub request: u32,
    /// Instance that computed its prompt.
    pub from: u32,
    /// Instance that will decode it.
    pub to: u32,
    /// Blocks kept for it there.
    pub blocks: u32,
    /// When the first byte left, or will leave.
    pub started: f64,
    /// When the last one arrives.
    pub at: f64,
    pub(super) created: u64,
}

/// What is between the pools.
#[derive(Debug, Clone)]
pub(super) struct Between {
    pub(super) pools: Pools,
    /// Requests that wait for room on each instance, in order.
    pub(super) held_back: Vec<VecDeque<u32>>,
    /// What is on its way, in order of sending.
    pub(super) moving: Vec<Transfer>,
    /// For prompts that were computed elsewhere: the instance over whose link each comes.
    senders: Option<Arc<[u32]>>,
}

impl Between {
    fn new(pools: Pools, instances: usize) -> Self {
        Self {
            pools,
            held_back: vec![VecDeque::new(); instances],
            moving: Vec::new(),
            senders: None,
        }
    }

    /// Instances that arrivals may go to.
    pub(super) fn prefill(&self) -> usize {
        self.pools.prefill as usize
    }
}

impl Desk {
    /// Whether a request on its way may have `blocks` here: above the watermark, unless nobody is
    /// here at all, and not before those that were preempted here.
    pub(super) fn takes(&self, limits: &Limits, blocks: u32) -> bool {
        let free = self.free(limits);
        let reserve = if self.holders == 0 {
            0
        } else {
            limits.watermark_blocks
        };
        self.queue.is_empty()
            && self.swapped.is_empty()
            && self.holders < limits.batch_cap
            && free >= blocks.saturating_add(reserve)
    }

    /// Keeps blocks for a request on its way.
    pub(super) fn reserve(&mut self, blocks: u32) {
        self.reserved += blocks;
        self.holders += 1;
        self.take(blocks);
    }

    /// Gives back what was kept for a request on its way.
    pub(super) fn give_up(&mut self, blocks: u32) {
        self.reserved -= blocks;
        self.holders -= 1;
        self.used -= blocks;
    }
}

/// Tokens whose KV exists of a request that has a token to feed.
pub(super) fn kv_tokens(requests: &Requests, r: u32) -> u32 {
    requests.processed[r as usize] - 1
}

impl Engine {
    /// The same run with the instances split into a prefill and a decode pool. Without effect
    /// unless both have an instance.
    pub fn with_pools(mut self, pools: Option<Pools>) -> Self {
        let instances = self.replicas.len();
        let Some(pools) = pools.filter(|p| p.prefill > 0 && (p.prefill as usize) < instances)
        else {
            return self;
        };
        for replica in &mut self.replicas[..pools.prefill as usize] {
            // Nobody decodes there.
            replica.rule = None;
        }
        self.between = Some(Box::new(Between::new(pools, instances)));
        self.links = Links::new(instances, pools.latency_secs, pools.secs_per_token);
        self.open.truncate(pools.prefill as usize);
        self
    }

    /// The same run with prompts that were computed elsewhere: every request arrives with its
    /// first token, and its KV comes over the link of the prefill instance named for it. That
    /// instance computes nothing and holds no blocks. Without effect unless the instances are
    /// split.
    pub fn with_prompts_done(mut self, senders: Arc<[u32]>) -> Self {
        if let Some(between) = &mut self.between {
            between.senders = Some(senders);
        }
        self
    }

    /// Takes a request that comes with its first token; `false` where prompts are computed here.
    pub(super) fn receive(&mut self, r: u32, sink: &mut dyn Sink) -> bool {
        let Some(between) = &self.between else {
            return false;
        };
        let from = between.senders.as_ref().and_then(|s| s.get(r as usize));
        let (Some(&from), first) = (from, between.prefill()) else {
            return false;
        };
        let i = r as usize;
        self.requests.replica[i] = from.min(first as u32 - 1);
        self.requests.scheduled_at[i] = self.now;
        let prompt = self.requests.prefill[i];
        if self.requests.process(r, prompt, self.now) == Emitted::Last {
            self.finished += 1;
            self.follow_up(r);
            return true;
        }
        self.requests.phase[i] = Phase::Transfer;
        self.hold_back(r);
        for to in first..self.replicas.len() {
            self.let_in(to, sink);
        }
        true
    }

    /// The split of the instances, if there is one.
    pub fn pools(&self) -> Option<Pools> {
        self.between.as_ref().map(|b| b.pools)
    }

    /// Requests whose KV is on its way, by number.
    pub fn transfers(&self) -> Vec<Transfer> {
        let mut all: Vec<Transfer> = (self.between.iter())
            .flat_map(|b| b.moving.iter().copied())
            .collect();
        all.sort_by_key(|t| t.request);
        all
    }

    /// The instance that has no room for a request with its first token, and how many wait for it
    /// before this one.
    pub fn held_back(&self, r: u32) -> Option<(usize, usize)> {
        let between = self.between.as_ref()?;
        (between.held_back.iter().enumerate())
            .find_map(|(to, line)| Some((to, line.iter().position(|&h| h == r)?)))
    }

    /// After a batch: sends on who has a first token, and uses the room that became free.
    pub(super) fn hand_over(&mut self, index: usize, batch: &[Entry], sink: &mut dyn Sink) {
        let Some(between) = &mut self.between else {
            return;
        };
        let first_decode = between.prefill();
        if index >= first_decode {
            self.let_in(index, sink);
            return;
        }
        let decoding = |r: u32, requests: &Requests| requests.phase[r as usize] == Phase::Decode;
        if !batch.iter().any(|e| decoding(e.request, &self.requests)) {
            return;
        }
        let requests = &mut self.requests;
        let held = &mut self.replicas[index].desk.held;
        held.retain(|&r| !decoding(r, requests));
        let mut leaving = Vec::new();
        for entry in batch {
            let r = entry.request;
            if !decoding(r, requests) {
                continue;
            }
            requests.phase[r as usize] = Phase::Transfer;
            leaving.push(r);
        }
        for r in leaving {
            self.replicas[index].leaves(&self.requests, r);
            self.hold_back(r);
        }
        for to in first_decode..self.replicas.len() {
            self.let_in(to, sink);
        }
    }

    /// Puts a request with its first token in line for the decode instance with the fewest
    /// requests.
    pub(super) fn hold_back(&mut self, r: u32) {
        let Some(between) = &mut self.between else {
            return;
        };
        let first = between.prefill();
        let fleet = self.fleet.as_deref();
        let to = (first..self.replicas.len())
            .min_by_key(|&i| {
                let down = fleet.is_some_and(|f| f.is_down(i));
                (down, self.replicas[i].outstanding)
            })
            .unwrap_or(first);
        self.replicas[to].joins(&self.requests, r);
        between.held_back[to].push_back(r);
    }

    /// Starts the transfers that a decode instance has room for.
    pub(super) fn let_in(&mut self, to: usize, sink: &mut dyn Sink) {
        let Some(between) = &mut self.between else {
            return;
        };
        let desk = &mut self.replicas[to].desk;
        let mut starts = Vec::new();
        while let Some(&request) = between.held_back[to].front() {
            let tokens = kv_tokens(&self.requests, request);
            let blocks = self.limits.blocks_for(tokens);
            if !desk.takes(&self.limits, blocks) {
                break;
            }
            between.held_back[to].pop_front();
            desk.reserve(blocks);
            let from = self.requests.replica[request as usize];
            let (started, at) = self.links.send(from as usize, self.now, tokens);
            starts.push(Transfer {
                request,
                from,
                to: to as u32,
                blocks,
                started,
                at,
                created: 0,
            });
        }
        if !starts.is_empty() {
            sink.resized(self.now, to as u32, desk);
        }
        for mut transfer in starts {
            transfer.created = self.plan(transfer.at, Side::Landing);
            if let Some(between) = &mut self.between {
                between.moving.push(transfer);
            }
        }
    }

    /// A transfer arrives: its blocks where it came from are free, and it decodes where it is
    /// now. One that was given up is not there any more.
    pub(super) fn land(&mut self, created: u64, at: f64, sink: &mut dyn Sink) {
        let Some(between) = &mut self.between else {
            return;
        };
        let Some(place) = between.moving.iter().position(|t| t.created == created) else {
            return;
        };
        let transfer = between.moving.remove(place);
        self.now = at;
        let r = transfer.request;
        let (from, to) = (transfer.from as usize, transfer.to as usize);
        self.replicas[from].desk.release(&mut self.requests, r);
        self.requests.replica[r as usize] = transfer.to;
        self.requests.blocks[r as usize] = transfer.blocks;
        self.requests.phase[r as usize] = Phase::Decode;
        let desk = &mut self.replicas[to].desk;
        desk.reserved -= transfer.blocks;
        desk.held.push_back(r);
        sink.landed(&Landed {
            at: transfer.at,
            started: transfer.started,
            request: r,
            tokens: kv_tokens(&self.requests, r),
        });
        sink.resized(self.now, transfer.from, &self.replicas[from].desk);
        self.form(from, sink);
        self.form(to, sink);
    }
}
