//! Discrete-event core: a heap of stage ends merged with the list of arrivals, instances with a
//! paged KV pool and pipeline stages, and a [`Policy`](crate::policy::Policy) that forms batches.
//!
//! Events are ordered by time, then by creation number; all arrivals are created first, in request
//! order. The semantics follow the simulator of "Vidur: a large-scale simulation framework for LLM
//! inference" (arXiv 2405.05465, repository microsoft/vidur), without its quirks unless asked for.

mod batches;
mod chains;
mod checks;
mod cluster;
mod cohort;
mod column;
mod desk;
mod event_loop;
mod events;
mod fleet;
mod foresight;
mod lanes;
mod links;
mod looks;
mod pools;
mod prefix;
mod prefix_tree;
mod requests;
mod sink;
mod swap;
mod tags;
mod together;
mod under_way;

use super::cost::CostModel;

pub use chains::{Chains, NO_REQUEST};
pub use cluster::Cluster;
pub use cohort::{Beside, Cohort, CohortRule, Place};
pub use column::Column;
pub use desk::{Desk, Entry, Note, Stop};
pub use event_loop::Engine;
pub use events::{Calendar, Dated};
pub use fleet::{
    Clocked, Fault, FaultKind, FleetPlan, Move, MoveRule, PowerCaps, PowerRow, Rebalance, Scale,
    Standing, StartRule,
};
pub use lanes::{Ask, Lane, LanePlan, Split, Tuning};
pub use pools::{Pools, Transfer};
pub use prefix::PrefixCache;
pub use prefix_tree::{Branch, PrefixTree};
pub use requests::{Emitted, Oracle, Phase, Requests};
pub use sink::{Formed, Incident, Landed, Metered, Moved, NoSink, Sink, Turn};
pub use swap::{Copying, SwapSpace, Swapped};
pub use tags::{BlockKeys, Piece, Promise, Tags};
pub use under_way::UnderWay;

/// What an instance may do, in whole units.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches of an instance, each with its own rule"
)]
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Tokens per KV block.
    pub block_size: u32,
    /// Blocks per instance.
    pub num_blocks: u32,
    /// Requests that may hold blocks (or run) at once.
    pub batch_cap: u32,
    /// Tokens of a prefill batch (padded count under vLLM).
    pub max_tokens_in_batch: u64,
    /// Tokens of one iteration: chunk size of Sarathi, token budget of vLLM v1 and SRPT.
    pub token_budget: u32,
    /// Blocks kept free at admission.
    pub watermark_blocks: u32,
    /// Whether admission under a token budget asks for the blocks of the whole prompt, above the
    /// watermark, instead of those of the first chunk.
    pub whole_prompt: bool,
    /// Whether full blocks are kept and found again by the tokens they hold.
    pub prefix_caching: bool,
    /// Most output tokens of a request, as its sender allows.
    pub max_new_tokens: u32,
    /// Blocks of a fixed slot (Orca, static batching).
    pub slot_blocks: u32,
    /// Decode iterations between two tries to admit (LightLLM).
    pub max_waiting_iters: u32,
    /// Pipeline stages.
    pub stages: u32,
    /// What an iteration costs.
    pub cost: CostModel,
    /// Memory of the host for the blocks of preempted requests; without it they compute again.
    pub swap: Option<SwapSpace>,
    /// Which oddities of the reference simulator are reproduced.
    pub quirks: Quirks,
    /// Whether the tokens of a prefill batch are counted padded to the longest prompt (vLLM v0).
    pub padded: bool,
    /// Whether requests that can never fit are set aside at arrival instead of blocking the queue.
    pub ignore_misfits: bool,
}

/// Oddities of the simulator that the reference values come from (microsoft/vidur). None of them
/// is a rule of a server.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent oddities, each switched on its own"
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quirks {
    /// A victim whose prompt is not finished restarts as if it had been decoding: the rest of the
    /// prompt is decoded token by token, and its first token comes too early.
    pub partial_restart: bool,
    /// A request that ends before its static batch never gives its slot back.
    pub slot_leak: bool,
    /// When the only running request evicts itself, the scheduler waits for the next arrival.
    pub lone_waits: bool,
    /// The least outstanding router counts the requests that wait, not those that run.
    pub waiting_only: bool,
}

impl Quirks {
    /// As the reference simulator has them.
    pub const ALL: Self = Self {
        partial_restart: true,
        slot_leak: true,
        lone_waits: true,
        waiting_only: true,
    };
    /// Without any.
    pub const NONE: Self = Self {
        partial_restart: false,
        slot_leak: false,
        lone_waits: false,
        waiting_only: false,
    };
}

impl Limits {
    /// Requests per micro-batch.
    pub fn micro_batch(&self) -> u32 {
        self.batch_cap / self.stages.max(1)
    }

    /// Blocks that admission under a token budget leaves free.
    pub fn admission_reserve(&self) -> u32 {
        if self.whole_prompt {
            self.watermark_blocks
        } else {
            0
        }
    }

    /// Whether a sequence of `tokens` tokens alone fits into the pool, above the watermark.
    pub fn holds(&self, tokens: u32) -> bool {
        let room = self.num_blocks - self.watermark_blocks.min(self.num_blocks);
        self.blocks_for(tokens) <= room
    }

    /// Blocks for `tokens` tokens.
    pub fn blocks_for(&self, tokens: u32) -> u32 {
        tokens.div_ceil(self.block_size.max(1))
    }
}

/// Prompts that run through one group of layers only, beside decodes that run through all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Layered {
    /// Groups of layers; 0 or 1 where prompts run through all layers at once.
    pub groups: u32,
    /// The group that runs them in this iteration, from 0.
    pub group: u32,
    /// Their tokens.
    pub tokens: u64,
}

impl Layered {
    /// The part of `n` that falls to this group: the parts of all groups add up to `n`.
    pub fn part(&self, n: u64) -> u64 {
        let (group, groups) = (u64::from(self.group), u64::from(self.groups.max(1)));
        n * (group + 1) / groups - n * group / groups
    }
}

/// What a batch asks of the hardware.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Work {
    /// P: prefill tokens.
    pub prefill: u64,
    /// Q: sum over prefill chunks of q² + 2·q·past.
    pub quad: u64,
    /// D: number of decodes.
    pub decodes: u64,
    /// K: tokens of KV read, the sum of past over all requests.
    pub kv_read: u64,
    /// The part of K that prefill chunks read.
    pub prefill_past: u64,
    /// Blocks copied to the host or back before it starts.
    pub swap_blocks: u64,
    /// Groups of blocks in which they are copied.
    pub swap_groups: u64,
    /// Where prompts run through one group of layers: P and Q are the parts of this iteration.
    pub layered: Layered,
}

impl Work {
    /// Adds requests of a batch that has not ended.
    pub fn add(&mut self, batch: &[Entry], requests: &Requests) {
        for entry in batch {
            let past = u64::from(requests.processed[entry.request as usize]);
            let q = u64::from(entry.tokens);
            if entry.prefill && self.layered.groups > 1 {
                let prompt = u64::from(requests.prefill[entry.request as usize]);
                self.prefill += q;
                self.quad += self.layered.part(prompt * prompt);
                continue;
            }
            self.kv_read += past;
            if entry.prefill {
                self.prefill += q;
                self.prefill_past += past;
                self.quad += q * q + 2 * q * past;
            } else {
                self.decodes += 1;
            }
        }
    }

    /// Seconds of an iteration: c0 + c1·P + c2·Q + c3·D + c4·K, evaluated left to right.
    pub fn seconds(&self, c: &[f64; 5]) -> f64 {
        c[0] + c[1] * self.prefill as f64
            + c[2] * self.quad as f64
            + c[3] * self.decodes as f64
            + c[4] * self.kv_read as f64
    }
}
