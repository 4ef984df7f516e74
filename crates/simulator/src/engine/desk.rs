//! What a policy works on: the queue, the requests that hold blocks, the pool, and the batch that
//! is being formed.

use super::cohort::Cohort;
use super::lanes::Lane;
use super::prefix::PrefixCache;
use super::requests::{Phase, Requests};
use super::swap::{Copying, Kept, Swapped};
use super::{Layered, Limits, Work};
use std::collections::VecDeque;

/// One request of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The request.
    pub request: u32,
    /// Tokens it runs with.
    pub tokens: u32,
    /// Whether they are prompt tokens.
    pub prefill: bool,
}

impl Entry {
    /// One token of a request whose prompt is done.
    pub fn decode(request: u32) -> Self {
        Self {
            request,
            tokens: 1,
            prefill: false,
        }
    }
}

/// Something a policy did that the log wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Note {
    /// A request lost its blocks and went back to the queue.
    Evicted {
        /// The victim.
        request: u32,
        /// Whether its prompt was not finished.
        partly: bool,
    },
    /// Blocks of a finished request became free later than its end.
    Released(u32),
    /// The blocks of a request were copied to the host.
    SwappedOut(Swapped),
    /// They were copied back.
    SwappedIn(Swapped),
}

/// Why the head of the queue was not admitted when the last batch was formed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stop {
    /// Nobody was left waiting, or admission was not tried yet.
    #[default]
    None,
    /// Not enough free blocks: needed, free, and kept in reserve.
    Blocks {
        /// Blocks it needs.
        need: u32,
        /// Blocks free.
        free: u32,
        /// Watermark.
        reserve: u32,
    },
    /// As many requests hold blocks as may.
    Holders(u32),
    /// The batch has as many requests as it may.
    BatchFull(u32),
    /// The prefill batch would have too many tokens.
    Tokens {
        /// Tokens with this request.
        with: u64,
        /// Tokens allowed.
        limit: u64,
    },
    /// The iteration's token budget is used up.
    Budget(u32),
    /// A static batch is running; nobody joins.
    StaticBatch(u32),
    /// Decode iterations are left before the next try.
    NotDue {
        /// Iterations since the last try.
        waited: u32,
        /// Iterations to wait.
        of: u32,
    },
    /// Prompts are on their way through the layers; nobody joins before they are through.
    Layers {
        /// The group that runs them next, from 1.
        group: u32,
        /// Groups.
        groups: u32,
    },
    /// The estimated peak of memory would be too high.
    Peak {
        /// Blocks at the peak.
        peak: u64,
        /// Blocks of the pool.
        capacity: u64,
    },
    /// A request was preempted in this iteration, so none is admitted.
    Preempted,
    /// Others rank before it.
    Rank,
    /// So many swapped requests come back first.
    Swapped(u32),
    /// Tokens of the request and of outputs to come, against tokens that are free.
    Room {
        /// Tokens to make room for.
        need: u64,
        /// Tokens free.
        free: u64,
    },
}

/// The working state of one instance.
#[derive(Debug, Clone, Default)]
pub struct Desk {
    /// Waiting requests in order.
    pub queue: VecDeque<u32>,
    /// Requests that hold blocks and are not in a batch (for vLLM v1 and SRPT: all running ones).
    pub held: VecDeque<u32>,
    /// Requests whose blocks lie in the memory of the host, by arrival.
    pub swapped: VecDeque<Swapped>,
    /// Requests that decode together; always empty for a policy that does not know cohorts.
    pub cohort: Cohort,
    /// The batch being formed, without the cohort.
    pub batch: Vec<Entry>,
    /// The lane it is formed for, where there are two.
    pub lane: Option<Lane>,
    /// How its prompts run through the layers.
    pub layered: Layered,
    /// Why the head of the queue was not admitted.
    pub stop: Stop,
    /// What happened, for the log.
    pub notes: Vec<Note>,
    /// Blocks that can be found again, where prefixes are cached.
    pub cache: Option<Box<PrefixCache>>,
    /// Time of the event that is being processed.
    pub now: f64,
    /// Blocks of the pool.
    pub blocks: u32,
    /// Blocks in use; shared ones count once.
    pub used: u32,
    /// The part of them that is kept for requests on their way here from another instance.
    pub reserved: u32,
    /// Largest number of blocks in use.
    pub peak: u32,
    /// Requests that hold blocks, in a batch or not, or that blocks are kept for.
    pub holders: u32,
    /// Blocks in the memory of the host.
    pub swapped_blocks: u32,
    /// Blocks copied to the host or back since the last batch was formed, and in how many groups:
    /// the batch waits for them.
    pub copied: u32,
    /// Groups of those blocks.
    pub copied_groups: u32,
    /// Copies on their way beside the batches, in order of starting.
    pub copying: Vec<Copying>,
    /// When the copies out and those back are over.
    pub(super) copies_until: [f64; 2],
    /// Copies on the host of requests that are back.
    pub kept: Kept,
    /// Requests swapped out so far.
    pub swaps: u64,
    /// Evictions so far.
    pub evictions: u64,
    /// Evictions of requests whose prompt was not finished.
    pub partly_evictions: u64,
}

impl Desk {
    /// An instance before its first request.
    pub(super) fn fresh(limits: &Limits) -> Self {
        Self {
            blocks: limits.num_blocks,
            cache: (limits.prefix_caching).then(|| Box::new(PrefixCache::new(limits.block_size))),
            ..Self::default()
        }
    }

    /// Blocks not in use.
    pub fn free(&self, limits: &Limits) -> u32 {
        limits.num_blocks.saturating_sub(self.used)
    }

    /// Requests in the batch being formed, with the cohort where it runs.
    pub fn batch_len(&self) -> usize {
        self.batch.len() + self.cohort.running() as usize
    }

    /// Puts the cohort into the batch, one token for each member, with the blocks `due`. The
    /// caller has checked that they are free.
    pub fn run_cohort(&mut self, due: u32) {
        self.cohort.put_in_batch();
        self.used += due;
        self.peak = self.peak.max(self.used);
    }

    /// Gives `n` more blocks to a request. The caller has checked that they are free.
    pub fn allocate(&mut self, requests: &mut Requests, r: u32, n: u32) {
        let held = &mut requests.blocks[r as usize];
        if *held == 0 && n > 0 {
            self.holders += 1;
        }
        *held += n;
        self.take(n);
    }

    /// Counts `n` free blocks as used; what was cached in them is forgotten.
    pub(super) fn take(&mut self, n: u32) {
        self.used += n;
        self.peak = self.peak.max(self.used);
        if let Some(cache) = &mut self.cache {
            cache.forget((self.used + cache.unused()).saturating_sub(self.blocks));
        }
    }

    /// Leading blocks of a waiting request's prompt that are cached (at least one token is left to
    /// compute), and how many of them nobody holds, so that they count as free now.
    pub fn matched_blocks(&self, requests: &Requests, limits: &Limits, r: u32) -> (u32, u32) {
        let Some(cache) = &self.cache else {
            return (0, 0);
        };
        let most = (requests.prefill[r as usize] - 1) / limits.block_size * limits.block_size;
        cache.matched(&requests.tags, r, most)
    }

    /// The tokens of these blocks.
    pub fn matched_tokens(&self, requests: &Requests, limits: &Limits, r: u32) -> u32 {
        self.matched_blocks(requests, limits, r).0 * limits.block_size
    }

    /// Gives a waiting request the cached blocks that were matched; their tokens need not be
    /// computed.
    pub fn hold_prefix(&mut self, requests: &mut Requests, r: u32, blocks: u32, unused: u32) {
        let Some(cache) = &mut self.cache else {
            return;
        };
        let i = r as usize;
        cache.hold(&requests.tags, r, blocks, requests.prefill[i]);
        requests.processed[i] = blocks * cache.block_size();
        if blocks > 0 {
            self.holders += 1;
        }
        requests.blocks[i] = blocks;
        self.used += unused;
        self.peak = self.peak.max(self.used);
    }

    /// Caches the full blocks that the requests of a batch have computed.
    pub(super) fn cache_computed(&mut self, requests: &Requests, batch: &[Entry]) {
        let Some(cache) = &mut self.cache else {
            return;
        };
        for entry in batch {
            let i = entry.request as usize;
            // Of a token that is out but not fed yet there is no KV.
            let fed = u32::from(requests.phase[i] != Phase::Prefill);
            let computed = requests.processed[i] - fed;
            let change = cache.computed(&requests.tags, entry.request, computed);
            self.used = (i64::from(self.used) + change) as u32;
        }
    }

    /// Takes all blocks of a request back.
    pub fn release(&mut self, requests: &mut Requests, r: u32) {
        let held = std::mem::take(&mut requests.blocks[r as usize]);
        if held > 0 {
            self.holders -= 1;
            self.used -= match &mut self.cache {
                Some(cache) => held - cache.chain_blocks(r) + cache.let_go(r),
                None => held,
            };
        }
    }

    /// Preemption by recomputation: blocks freed, request restarted, to the front of the queue.
    pub fn evict(&mut self, requests: &mut Requests, limits: &Limits, r: u32) {
        self.release(requests, r);
        let partly = requests.restart(r, limits.quirks.partial_restart);
        self.evictions += 1;
        self.partly_evictions += u64::from(partly);
        self.queue.push_front(r);
        self.notes.push(Note::Evicted { request: r, partly });
    }

    /// Whether a request lost its memory since the last batch was formed.
    pub fn lost_now(&self, r: u32) -> bool {
        (self.notes.iter()).any(|n| match n {
            Note::Evicted { request, .. } | Note::SwappedOut(Swapped { request, .. }) => {
                *request == r
            }
            Note::Released(_) | Note::SwappedIn(_) => false,
        })
    }

    /// Puts a request into the batch with `q` tokens.
    pub fn run(&mut self, requests: &mut Requests, r: u32, q: u32) {
        let prefill = !requests.decoding(r);
        if prefill {
            requests.phase[r as usize] = Phase::Prefill;
        }
        self.batch.push(Entry {
            request: r,
            tokens: q,
            prefill,
        });
    }

    /// Makes sure that one block is free for `r`, preempting the last holder as long as there is
    /// none, at the end `r` itself. Returns whether `r` is still there; then it has room for its
    /// next token.
    pub fn make_room_for_token(
        &mut self,
        requests: &mut Requests,
        limits: &Limits,
        r: u32,
    ) -> bool {
        while self.free(limits) < 1 {
            let Some(victim) = self.held.pop_back() else {
                self.preempt(requests, limits, r);
                return false;
            };
            self.preempt(requests, limits, victim);
        }
        let i = r as usize;
        if u64::from(requests.processed[i])
            > u64::from(requests.blocks[i]) * u64::from(limits.block_size)
        {
            self.allocate(requests, r, 1);
        }
        true
    }

    /// Orders the holders by arrival; equal arrivals keep their order.
    pub fn sort_held(&mut self, requests: &Requests) {
        let arrival = &requests.arrival;
        let key = |r: &u32| arrival[*r as usize];
        let held = self.held.make_contiguous();
        if !held.is_sorted_by(|a, b| key(a) <= key(b)) {
            held.sort_by(|a, b| key(a).total_cmp(&key(b)));
        }
    }

    /// The usual end of a batch: finished requests free their blocks, the others are held again.
    pub fn put_back(&mut self, requests: &mut Requests, batch: &[Entry]) {
        for entry in batch {
            if requests.phase[entry.request as usize] == Phase::Done {
                self.release(requests, entry.request);
            } else {
                self.held.push_back(entry.request);
            }
        }
    }

    /// What the batch being formed asks of the hardware.
    pub fn work(&self, requests: &Requests) -> Work {
        let mut work = Work {
            swap_blocks: u64::from(self.copied),
            swap_groups: u64::from(self.copied_groups),
            layered: self.layered,
            ..Work::default()
        };
        if self.cohort.in_batch() {
            work.decodes = u64::from(self.cohort.running());
            work.kv_read = self.cohort.tokens();
        }
        work.add(&self.batch, requests);
        work
    }
}
