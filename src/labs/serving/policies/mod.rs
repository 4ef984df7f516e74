//! The batch-forming policies, one file each, behind one small trait.

mod blend;
mod blend_tree;
mod fast_switch;
mod fcfs;
mod jit_serve;
mod layered;
mod learned_rank;
mod lightllm;
mod mlfq;
mod orca;
#[cfg(test)]
mod order_tests;
mod ordered;
mod past_future;
mod priority;
mod qllm;
mod ranked;
mod sarathi;
mod semi_pd;
mod sglang;
mod sjf;
mod srpt;
mod static_batching;
#[cfg(test)]
mod tests;
mod vllm;
mod vllm_v1;
mod vtc;

pub use blend::BlendServe;
pub use fast_switch::FastSwitch;
pub use fcfs::Fcfs;
pub use jit_serve::JitServe;
pub(super) use jit_serve::length_quantile;
pub use layered::LayeredPrefill;
pub use learned_rank::LearnedRank;
pub use lightllm::LightLlm;
pub use mlfq::Mlfq;
pub use orca::Orca;
pub use past_future::PastFuture;
pub use priority::Priority;
pub use qllm::Qllm;
pub use sarathi::Sarathi;
pub use semi_pd::SemiPd;
pub use sglang::Sglang;
pub use sjf::Sjf;
pub use srpt::Srpt;
pub use static_batching::StaticBatching;
pub use vllm::Vllm;
pub use vllm_v1::VllmV1;
pub use vtc::Vtc;

#[cfg(test)]
pub(super) use lightllm::peak_tokens;

use super::config::Config;
use super::engine::{Desk, Limits, Requests};
pub use schedlab_simulator::policy::{Forecast, Policy};
use serde::{Deserialize, Serialize};

/// Restarts after which a request is not thrown out again for a better rank: where ranks change
/// faster than prompts are computed, all would throw each other out for ever.
const MOST_RESTARTS: u32 = 3;

/// What a policy does or heeds; parameters show and tests check accordingly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feature {
    /// Works under a token budget per iteration.
    Budget,
    /// Limits the tokens of a prefill batch.
    PrefillLimit,
    /// Counts memory in single tokens.
    SingleTokens,
    /// Tries to admit only every few iterations.
    Tries,
    /// Can admit by several estimates of memory.
    Admission,
    /// Runs prompts through one group of layers at a time.
    Layered,
    /// Keeps a watermark of free blocks.
    Watermark,
    /// Can preempt by swap.
    Swap,
    /// Changes priorities, and always preempts by swap.
    Switch,
    /// Gives every request a fixed slot.
    Slots,
    /// Makes an iteration stand still for prompts of the first class.
    Urgent,
    /// Runs prompts and decodes at the same time, each with a share of the processors.
    Shares,
    /// Can work on instances split into a prefill and a decode pool.
    Pools,
    /// Can have several batches on their way at once.
    Stages,
    /// Can ask for the blocks of a whole prompt at admission instead of those of a chunk.
    Allocation,
    /// Can find the blocks of a prompt again that others computed.
    PrefixCache,
    /// Orders the queue by cached prefixes.
    Radix,
    /// Heeds predicted output lengths.
    Predicted,
    /// Ranks by a score that agrees with the true lengths as well as asked for.
    Scored,
    /// Heeds priorities that age.
    Aging,
    /// Shares out service between users.
    Fair,
    /// Gives quanta of running time.
    Quantum,
    /// Schedules requests for the first time in order of arrival.
    InOrder,
    /// Looks at true output lengths, which no server knows.
    Oracle,
}

/// What a policy is: its name, the parameters it heeds, and how an instance gets its own.
#[derive(Debug, Clone, Copy)]
pub struct Card {
    /// Name in menus.
    pub name: &'static str,
    /// Key of its exhibit.
    pub exhibit: &'static str,
    /// What it does and heeds.
    pub features: &'static [Feature],
    /// The policy in its initial state.
    pub make: fn(&Config) -> Box<dyn Policy>,
}

/// One line per policy: the name in configs and links, and the card in its file.
macro_rules! registry {
    ($($(#[$doc:meta])* $name:ident => $card:expr,)*) => {
        /// Which scheduler forms the batches.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
        #[serde(rename_all = "snake_case")]
        pub enum Scheduler {
            $($(#[$doc])* $name,)*
        }

        impl Scheduler {
            /// All schedulers, in the order of the menu.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];
            /// Names in the menu, in the order of [`Self::ALL`].
            pub const NAMES: &'static [&'static str] = &[$($card.name),*];

            /// What it is.
            pub fn card(self) -> &'static Card {
                match self {
                    $(Self::$name => const { &$card },)*
                }
            }
        }
    };
}

registry! {
    /// A batch runs until its last request ends.
    StaticBatching => static_batching::CARD,
    /// Iteration-level batching with fixed slots.
    Orca => orca::CARD,
    /// vLLM v0: paged memory, prefill first.
    #[default]
    Vllm => vllm::CARD,
    /// Sarathi-Serve: chunked prefill beside the decodes.
    Sarathi => sarathi::CARD,
    /// vLLM v1: one token budget, blocks per chunk.
    VllmV1 => vllm_v1::CARD,
    /// SGLang: longest cached prefix first.
    Sglang => sglang::CARD,
    /// LightLLM: admission by the estimated peak of memory.
    Lightllm => lightllm::CARD,
    /// Past-Future: admission by the peak of memory that past output lengths foretell.
    PastFuture => past_future::CARD,
    /// First come, first served.
    Fcfs => fcfs::CARD,
    /// Shortest remaining processing time, with true or predicted lengths.
    Srpt => srpt::CARD,
    /// Learning to rank: a noisy ranking of output lengths, with a guard against starvation.
    LearnedRank => learned_rank::CARD,
    /// Shortest job first, without preemption.
    Sjf => sjf::CARD,
    /// Multi-level feedback queue of FastServe.
    Mlfq => mlfq::CARD,
    /// Virtual token counter: fair shares between users.
    Vtc => vtc::CARD,
    /// Priorities with aging.
    Priority => priority::CARD,
    /// FastSwitch: priorities that change, with cheap context switches.
    FastSwitch => fast_switch::CARD,
    /// Layered prefill: prompts run through one group of layers at a time.
    Layered => layered::CARD,
    /// BlendServe: offline batches from both ends of a prefix tree sorted by compute density.
    BlendServe => blend::CARD,
    /// semi-PD: prompts and decodes share the processors of an instance.
    SemiPd => semi_pd::CARD,
    /// QLLM: urgent prompts preempt within an iteration.
    Qllm => qllm::CARD,
    /// JITServe: tokens that can still count over the time they take.
    JitServe => jit_serve::CARD,
}

impl Scheduler {
    /// Its name in the menu.
    pub fn name(self) -> &'static str {
        self.card().name
    }

    /// Whether it does or heeds something.
    pub fn has(self, feature: Feature) -> bool {
        self.card().features.contains(&feature)
    }
}

/// Blocks the head of the queue needs for its whole prompt, if they are free above the watermark;
/// otherwise the reason is left on the desk.
fn whole_prompt_blocks(
    desk: &mut Desk,
    requests: &Requests,
    limits: &Limits,
    r: u32,
) -> Option<u32> {
    let need = limits.blocks_for(requests.prefill[r as usize]);
    let free = desk.free(limits);
    if free >= need && free - need >= limits.watermark_blocks {
        return Some(need);
    }
    desk.stop = super::engine::Stop::Blocks {
        need,
        free,
        reserve: limits.watermark_blocks,
    };
    None
}
