//! Config of the lab.

use super::cost::CostPreset;
use super::engine::{Limits, Router};
pub use super::policies::Scheduler;
use super::policies::{Feature, Policy};
use crate::core::{Error, Result, validate};
use crate::labs::DataKey;
use serde::{Deserialize, Serialize};

/// Where an arrival goes when there are several instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Routing {
    /// In turns.
    RoundRobin,
    /// To the instance with the fewest waiting and running requests.
    #[default]
    LeastOutstanding,
}

/// Where requests come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Arrivals {
    /// Exponential gaps.
    #[default]
    Poisson,
    /// Gamma gaps with a chosen coefficient of variation.
    Gamma,
    /// Equal gaps.
    Steady,
    /// All at time 0.
    Burst,
    /// An imported trace.
    Trace,
}

impl Arrivals {
    /// All kinds, in the order of the menu.
    pub const ALL: [Self; 5] = [
        Self::Poisson,
        Self::Gamma,
        Self::Steady,
        Self::Burst,
        Self::Trace,
    ];
    /// Names in the menu, in the order of [`Self::ALL`].
    pub const NAMES: [&'static str; 5] = [
        "Poisson",
        "Bursty (gamma)",
        "Steady",
        "All at once",
        "Imported trace",
    ];
}

/// Every input that changes a number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Which scheduler forms the batches.
    pub scheduler: Scheduler,
    /// Tokens of one iteration (Sarathi's chunk, the budget of vLLM v1 and SRPT).
    pub chunk_size: u64,
    /// Tokens of a prefill batch (vLLM v0: padded; LightLLM: real).
    pub max_tokens_in_batch: u64,
    /// Requests that may run at once.
    pub batch_size_cap: u64,
    /// Decode iterations between two tries of LightLLM to admit.
    pub max_waiting_iters: u64,
    /// Share of the pool kept free at admission.
    pub watermark_fraction: f64,
    /// Tokens per KV block.
    pub block_size: u64,
    /// KV blocks per instance.
    pub num_blocks: u64,
    /// Longest sequence, prompt and output; the size of a slot.
    pub max_tokens_per_sequence: u64,
    /// Model and GPU.
    pub cost: CostPreset,
    /// Instances.
    pub replicas: u64,
    /// Where arrivals go.
    pub routing: Routing,
    /// Pipeline stages per instance.
    pub pipeline_stages: u64,
    /// Where requests come from.
    pub arrivals: Arrivals,
    /// Arrivals per second.
    pub rate: f64,
    /// Coefficient of variation of the gaps (gamma).
    pub gap_cv: f64,
    /// Number of requests generated, or the most taken from a trace.
    pub requests: u64,
    /// Median prompt length in tokens.
    pub prompt_median: f64,
    /// Standard deviation of the logarithm of the prompt length.
    pub prompt_sigma: f64,
    /// Longest prompt.
    pub prompt_max: u64,
    /// Median output length in tokens.
    pub output_median: f64,
    /// Standard deviation of the logarithm of the output length.
    pub output_sigma: f64,
    /// Longest output.
    pub output_max: u64,
    /// The imported trace.
    pub trace: Option<DataKey>,
    /// Arrival rate of the trace, multiplied by this.
    pub rate_scale: f64,
    /// Target for the time to the first token in seconds.
    pub slo_ttft_secs: f64,
    /// Target for the mean time per further token in seconds.
    pub slo_tpot_secs: f64,
    /// Share of the requests left out of averages at the start and at the end, in per cent.
    pub warmup_percent: f64,
    /// Simulated seconds after which a run counts as saturated.
    pub time_limit_secs: f64,
    /// Seed of every random draw.
    pub seed: u64,
}

impl Default for Config {
    /// The workload of the Sarathi comparison on Llama-3-8B and one A100.
    fn default() -> Self {
        Self {
            scheduler: Scheduler::Vllm,
            chunk_size: 512,
            max_tokens_in_batch: 8192,
            batch_size_cap: 128,
            max_waiting_iters: 10,
            watermark_fraction: 0.01,
            block_size: 16,
            num_blocks: 3072,
            max_tokens_per_sequence: 8192,
            cost: CostPreset::Llama3_8bA100,
            replicas: 1,
            routing: Routing::LeastOutstanding,
            pipeline_stages: 1,
            arrivals: Arrivals::Poisson,
            rate: 2.5,
            gap_cv: 3.0,
            requests: 60,
            prompt_median: 2000.0,
            prompt_sigma: 0.6,
            prompt_max: 6000,
            output_median: 150.0,
            output_sigma: 0.8,
            output_max: 1000,
            trace: None,
            rate_scale: 1.0,
            slo_ttft_secs: 1.0,
            slo_tpot_secs: 0.06,
            warmup_percent: 0.0,
            time_limit_secs: 100_000.0,
            seed: 1,
        }
    }
}

impl Config {
    /// Stages in use: schedulers written for one stage keep one.
    pub fn stages(&self) -> u64 {
        if self.scheduler.has(Feature::Stages) {
            self.pipeline_stages
        } else {
            1
        }
    }

    /// Tokens the pool of one instance holds.
    pub fn pool_tokens(&self) -> u64 {
        self.block_size * self.num_blocks
    }

    /// The engine's limits. LightLLM counts single tokens, so its blocks are of one token.
    pub fn limits(&self) -> Limits {
        let (block_size, num_blocks) = if self.scheduler == Scheduler::Lightllm {
            (1, self.pool_tokens())
        } else {
            (self.block_size, self.num_blocks)
        };
        let watermark = if self.scheduler.has(Feature::Watermark) {
            (self.watermark_fraction * num_blocks as f64).floor() as u32
        } else {
            0
        };
        Limits {
            block_size: block_size as u32,
            num_blocks: num_blocks as u32,
            batch_cap: self.batch_size_cap as u32,
            max_tokens_in_batch: self.max_tokens_in_batch,
            token_budget: self.chunk_size as u32,
            watermark_blocks: watermark,
            slot_blocks: self.max_tokens_per_sequence.div_ceil(block_size.max(1)) as u32,
            max_waiting_iters: self.max_waiting_iters as u32,
            stages: self.stages() as u32,
            cost: self.cost.coefficients(),
            quirks: false,
            ignore_misfits: true,
        }
    }

    /// The policy of an instance in its initial state.
    pub fn policy(&self) -> Box<dyn Policy> {
        (self.scheduler.card().make)(self)
    }

    /// The router of the engine.
    pub fn router(&self) -> Router {
        match self.routing {
            Routing::RoundRobin => Router::RoundRobin,
            Routing::LeastOutstanding => Router::LeastOutstanding,
        }
    }

    /// Checks every parameter, and those that depend on each other.
    ///
    /// # Errors
    /// The first that cannot run, with what is allowed.
    pub fn check(&self) -> Result<()> {
        validate(super::params::PARAMS, self)?;
        if self.batch_size_cap < self.stages() {
            return Err(Error::out_of_range(
                "batch_size_cap",
                self.batch_size_cap,
                format!("at least the {} pipeline stages", self.stages()),
            ));
        }
        if self.scheduler.has(Feature::PrefillLimit)
            && self.max_tokens_in_batch < self.max_tokens_per_sequence
        {
            return Err(Error::out_of_range(
                "max_tokens_in_batch",
                self.max_tokens_in_batch,
                format!(
                    "at least the longest sequence, {} tokens: a longer prompt would block the queue",
                    self.max_tokens_per_sequence
                ),
            ));
        }
        if self.scheduler.has(Feature::Slots) && self.pool_tokens() < self.max_tokens_per_sequence {
            return Err(Error::out_of_range(
                "num_blocks",
                self.num_blocks,
                format!(
                    "at least {}: one slot of {} tokens",
                    self.max_tokens_per_sequence.div_ceil(self.block_size),
                    self.max_tokens_per_sequence
                ),
            ));
        }
        if self.arrivals == Arrivals::Trace && self.trace.is_none() {
            return Err(Error::out_of_range(
                "arrivals",
                "an imported trace",
                "open a trace file first, or choose another kind of arrivals",
            ));
        }
        Ok(())
    }
}
