//! Config of the lab.

use super::cost::{
    Choices, CostKind, CostModel, CostPreset, Experts, Gpu, GpuSpec, Model, Roofline, Shape,
    blocks_that_fit,
};
use super::engine::{Limits, Pools, Quirks, SwapSpace};
pub use super::policies::Scheduler;
use super::policies::{Feature, Policy};
use super::routers::Route;
pub use super::routers::Routing;
pub use super::workload::{Arrivals, Lengths};
use crate::core::{Error, Result, validate};
use crate::labs::DataKey;
use serde::{Deserialize, Serialize};

/// Order of SGLang's queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum SglangOrder {
    /// Longest cached prefix first; by arrival where more than 128 wait.
    #[default]
    LongestPrefix,
    /// By arrival.
    Fcfs,
    /// Fewest prompt tokens to compute first.
    ShortestPrefill,
}

/// What happens to the KV of a preempted request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Preemption {
    /// It is lost, and computed again.
    #[default]
    Recompute,
    /// It is copied to the host and back.
    Swap,
}

/// Blocks that admission under a token budget asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Allocation {
    /// Those of the first chunk, without a watermark.
    #[default]
    PerChunk,
    /// Those of the whole prompt, above the watermark.
    WholePrompt,
}

/// How Past-Future estimates whether a request fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Admission {
    /// By the peak of memory to come, with output lengths drawn from the past.
    #[default]
    PastFuture,
    /// By the tokens of now.
    Aggressive,
    /// By the peak of memory to come, with every output as long as allowed.
    Conservative,
}

/// Every input that changes a number.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches, one per parameter"
)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Which scheduler forms the batches.
    pub scheduler: Scheduler,
    /// Tokens of one iteration (Sarathi's chunk, the budget of vLLM v1 and SRPT).
    pub chunk_size: u64,
    /// Tokens of a prefill batch.
    pub max_tokens_in_batch: u64,
    /// Whether vLLM v0 counts them padded to the longest prompt.
    pub padded_prefill: bool,
    /// Whether a partly prefilled victim restarts as if it had been decoding.
    pub quirk_partial_restart: bool,
    /// Whether requests that end before their static batch keep their slots for ever.
    pub quirk_slot_leak: bool,
    /// Whether a lone request that evicts itself waits for the next arrival.
    pub quirk_lone_waits: bool,
    /// Whether the least outstanding router counts only the requests that wait.
    pub quirk_waiting_only: bool,
    /// Requests that may run at once.
    pub batch_size_cap: u64,
    /// Decode iterations between two tries of LightLLM to admit.
    pub max_waiting_iters: u64,
    /// How Past-Future estimates whether a request fits.
    pub admission: Admission,
    /// Blocks that admission under a token budget asks for.
    pub allocation: Allocation,
    /// Whether blocks of prompts are found again by their tokens.
    pub prefix_caching: bool,
    /// Order of SGLang's queue.
    pub sglang_order: SglangOrder,
    /// Standard deviation of the logarithm of a predicted output length around the true one.
    pub prediction_sigma: f64,
    /// Kendall's τ between the scores of learning to rank and the true output lengths.
    pub rank_tau: f64,
    /// Steps in a row without running after which a request starves; 0 for no guard.
    pub starvation_steps: u64,
    /// Steps that a starving request runs before all others.
    pub promotion_steps: u64,
    /// τ of priority − age/τ in seconds.
    pub aging_secs: f64,
    /// Whether a waiting request may take memory from running ones of lower priority.
    pub preemptive: bool,
    /// Weight of a prompt token in the service of a user.
    pub vtc_input_weight: f64,
    /// Weight of an output token in the service of a user.
    pub vtc_output_weight: f64,
    /// Quantum of the first level of a feedback queue in seconds.
    pub mlfq_quantum_secs: f64,
    /// What happens to the KV of a preempted request.
    pub preemption: Preemption,
    /// Memory of the host for swapped blocks in GiB per GPU.
    pub swap_gib: f64,
    /// Bandwidth between a GPU and its host, one way, in GB/s.
    pub swap_gbps: f64,
    /// Share of that bandwidth that copies of blocks reach.
    pub swap_share: f64,
    /// Share of the pool kept free at admission.
    pub watermark_fraction: f64,
    /// Tokens per KV block.
    pub block_size: u64,
    /// KV blocks per instance.
    pub num_blocks: u64,
    /// Longest sequence, prompt and output; the size of a slot.
    pub max_tokens_per_sequence: u64,
    /// Which model of the cost is in use.
    pub cost_kind: CostKind,
    /// Model and GPU.
    pub cost: CostPreset,
    /// Coefficients of one's own, in seconds.
    pub c0: f64,
    /// Seconds per prefill token, or per token above the bend.
    pub c1: f64,
    /// Seconds per unit of Q.
    pub c2: f64,
    /// Seconds per decode.
    pub c3: f64,
    /// Seconds per token of KV read.
    pub c4: f64,
    /// Tokens below which an iteration costs no less.
    pub bend_tokens: f64,
    /// Bytes of KV per token beside coefficients of one's own.
    pub kv_bytes: f64,
    /// Model of the roofline.
    pub model: Model,
    /// GPU of the roofline.
    pub roofline_gpu: Gpu,
    /// Figures of a GPU of one's own: dense bf16 peak in TFLOP/s.
    pub own_gpu_tflops: f64,
    /// Its memory bandwidth in TB/s.
    pub own_gpu_tbps: f64,
    /// Its memory in GiB.
    pub own_gpu_gib: f64,
    /// Its link to other GPUs, one way, in GB/s.
    pub own_gpu_link_gbps: f64,
    /// Its thermal design power in watts.
    pub own_gpu_watts: f64,
    /// Shape of a model of one's own: layers.
    pub own_model_layers: u64,
    /// Its width.
    pub own_model_width: u64,
    /// Its query heads times their width.
    pub own_model_attention: u64,
    /// Its parameters in billions.
    pub own_model_params: f64,
    /// Those that a token uses, in billions.
    pub own_model_active: f64,
    /// Its experts per layer; 0 without any.
    pub own_model_experts: u64,
    /// Experts per token.
    pub own_model_topk: u64,
    /// Width of an expert.
    pub own_model_expert_width: u64,
    /// GPUs that share every layer in the roofline.
    pub roofline_tensor_parallel: u64,
    /// Share of the peak FLOP/s that is reached.
    pub flops_share: f64,
    /// Share of the memory bandwidth that is reached.
    pub bandwidth_share: f64,
    /// Start of an all-reduce in microseconds.
    pub reduce_micros: f64,
    /// Work of the CPU per iteration in milliseconds.
    pub cpu_millis: f64,
    /// How unequal experts are: 0 uniform, 1 by Zipf's law.
    pub expert_skew: f64,
    /// Whether the number of KV blocks follows from the memory of the GPUs (roofline).
    pub blocks_from_memory: bool,
    /// Clock of the GPUs over its highest.
    pub clock: f64,
    /// Power by which dynamic power follows the clock.
    pub power_exponent: f64,
    /// Instances.
    pub replicas: u64,
    /// Instances that only compute prompts, the first ones; 0 where every instance does both.
    pub prefill_instances: u64,
    /// Bandwidth of the link of an instance, for KV, in GB/s.
    pub transfer_gbps: f64,
    /// Time until the first byte of a transfer arrives, in milliseconds.
    pub transfer_millis: f64,
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
    /// Rate of the busy phase over that of the quiet one.
    pub busy_factor: f64,
    /// Mean length of a quiet phase in seconds.
    pub quiet_secs: f64,
    /// Mean length of a busy phase in seconds.
    pub busy_secs: f64,
    /// How far the rate moves from its mean, as a share of it (day and night, ramp).
    pub swing: f64,
    /// Length of a day or of the ramp in seconds.
    pub period_secs: f64,
    /// Clients of a closed loop.
    pub clients: u64,
    /// Mean time between the end of a request and the next one of the same client.
    pub think_secs: f64,
    /// Mean number of turns of a conversation.
    pub turns_mean: f64,
    /// Tokens that every prompt begins with and all share.
    pub system_prompt: u64,
    /// Users that requests belong to.
    pub users: u64,
    /// How unequal users are: shares fall as k^−skew.
    pub user_skew: f64,
    /// Share of requests in the batch class.
    pub batch_share: f64,
    /// Priority of the batch class; the other class has 0, lower is sooner.
    pub batch_priority: u64,
    /// Typical prompt length of the batch class.
    pub batch_prompt_median: f64,
    /// Typical output length of the batch class.
    pub batch_output_median: f64,
    /// Target of the batch class for the time to the first token in seconds.
    pub batch_slo_ttft_secs: f64,
    /// Target of the batch class for the mean time per further token in seconds.
    pub batch_slo_tpot_secs: f64,
    /// Number of requests generated, or the most taken from a trace.
    pub requests: u64,
    /// How lengths are drawn.
    pub lengths: Lengths,
    /// Exponent of Zipf's law of lengths.
    pub zipf_exponent: f64,
    /// Typical prompt length in tokens: median of the lognormal, mean of the geometric.
    pub prompt_median: f64,
    /// Standard deviation of the logarithm of the prompt length.
    pub prompt_sigma: f64,
    /// Shortest prompt (uniform, Zipf).
    pub prompt_min: u64,
    /// Longest prompt.
    pub prompt_max: u64,
    /// Typical output length in tokens.
    pub output_median: f64,
    /// Standard deviation of the logarithm of the output length.
    pub output_sigma: f64,
    /// Shortest output (uniform, Zipf).
    pub output_min: u64,
    /// Longest output.
    pub output_max: u64,
    /// The imported trace.
    pub trace: Option<DataKey>,
    /// Arrival rate of the trace, multiplied by this.
    pub rate_scale: f64,
    /// Whether arrivals that share a tick of a coarse clock are spread up to the next tick.
    pub spread_ticks: bool,
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
            padded_prefill: true,
            quirk_partial_restart: false,
            quirk_slot_leak: false,
            quirk_lone_waits: false,
            quirk_waiting_only: false,
            batch_size_cap: 128,
            max_waiting_iters: 10,
            admission: Admission::PastFuture,
            allocation: Allocation::PerChunk,
            prefix_caching: false,
            sglang_order: SglangOrder::LongestPrefix,
            prediction_sigma: 0.0,
            rank_tau: 0.5,
            starvation_steps: 200,
            promotion_steps: 10,
            aging_secs: 10.0,
            preemptive: false,
            vtc_input_weight: 1.0,
            vtc_output_weight: 2.0,
            mlfq_quantum_secs: 0.01,
            preemption: Preemption::Recompute,
            swap_gib: 4.0,
            swap_gbps: 25.0,
            swap_share: 0.3,
            watermark_fraction: 0.01,
            block_size: 16,
            num_blocks: 3072,
            max_tokens_per_sequence: 8192,
            cost_kind: CostKind::Preset,
            cost: CostPreset::Llama3_8bA100,
            c0: 8.839e-3,
            c1: 6.302e-5,
            c2: 2.736e-9,
            c3: 5.323e-5,
            c4: 8.213e-8,
            bend_tokens: 64.0,
            kv_bytes: 131_072.0,
            model: Model::Llama3_8b,
            roofline_gpu: Gpu::A100,
            own_gpu_tflops: 312.0,
            own_gpu_tbps: 2.039,
            own_gpu_gib: 80.0,
            own_gpu_link_gbps: 300.0,
            own_gpu_watts: 400.0,
            own_model_layers: 32,
            own_model_width: 4096,
            own_model_attention: 4096,
            own_model_params: 8.03,
            own_model_active: 8.03,
            own_model_experts: 0,
            own_model_topk: 2,
            own_model_expert_width: 14_336,
            roofline_tensor_parallel: 1,
            flops_share: 0.65,
            bandwidth_share: 0.78,
            reduce_micros: 5.0,
            cpu_millis: 0.3,
            expert_skew: 0.0,
            blocks_from_memory: true,
            clock: 1.0,
            power_exponent: 2.5,
            replicas: 1,
            prefill_instances: 0,
            transfer_gbps: 25.0,
            transfer_millis: 1.0,
            routing: Routing::LeastOutstanding,
            pipeline_stages: 1,
            arrivals: Arrivals::Poisson,
            rate: 2.5,
            gap_cv: 3.0,
            busy_factor: 8.0,
            quiet_secs: 15.0,
            busy_secs: 3.0,
            swing: 0.8,
            period_secs: 60.0,
            clients: 16,
            think_secs: 2.0,
            turns_mean: 4.0,
            system_prompt: 0,
            users: 1,
            user_skew: 0.0,
            batch_share: 0.0,
            batch_priority: 1,
            batch_prompt_median: 4000.0,
            batch_output_median: 300.0,
            batch_slo_ttft_secs: 30.0,
            batch_slo_tpot_secs: 1.0,
            requests: 60,
            lengths: Lengths::Lognormal,
            zipf_exponent: 1.2,
            prompt_median: 2000.0,
            prompt_sigma: 0.6,
            prompt_min: 16,
            prompt_max: 6000,
            output_median: 150.0,
            output_sigma: 0.8,
            output_min: 4,
            output_max: 1000,
            trace: None,
            rate_scale: 1.0,
            spread_ticks: true,
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

    /// GPUs that share every layer.
    pub fn tensor_parallel(&self) -> u64 {
        match self.cost_kind {
            CostKind::Preset => self.cost.gpus(),
            CostKind::Roofline => self.roofline_tensor_parallel,
            CostKind::Linear | CostKind::Hinge => 1,
        }
    }

    /// Bytes of KV per token, on all GPUs of an instance together.
    pub fn kv_bytes_per_token(&self) -> f64 {
        match self.cost_kind {
            CostKind::Preset => self.cost.kv_bytes(),
            CostKind::Roofline => self.shape().kv_bytes,
            CostKind::Linear | CostKind::Hinge => self.kv_bytes,
        }
    }

    /// Whether preempted requests are swapped out.
    pub fn swaps(&self) -> bool {
        self.scheduler.has(Feature::Swap) && self.preemption == Preemption::Swap
    }

    /// Memory of the host for swapped blocks, and the time of a copy: every GPU of an instance
    /// copies its share over its own link.
    fn swap_space(&self, block_size: u64) -> Option<SwapSpace> {
        let gpus = (self.tensor_parallel() * self.stages()) as f64;
        let block_bytes = self.kv_bytes_per_token() * block_size as f64 / gpus;
        self.swaps().then(|| SwapSpace {
            blocks: (self.swap_gib * (1_u64 << 30) as f64 / block_bytes) as u32,
            secs_per_block: block_bytes / (self.swap_gbps * 1e9 * self.swap_share),
        })
    }

    /// The split of the instances into those that compute prompts and those that decode, where
    /// there is one.
    pub fn pools(&self) -> Option<Pools> {
        let split = self.scheduler.has(Feature::Pools)
            && self.prefill_instances > 0
            && self.prefill_instances < self.replicas;
        split.then(|| Pools {
            prefill: self.prefill_instances as u32,
            latency_secs: self.transfer_millis * 1e-3,
            secs_per_token: self.kv_bytes_per_token() / (self.transfer_gbps * 1e9),
        })
    }

    /// The GPU, for its power.
    pub fn gpu(&self) -> Gpu {
        match self.cost_kind {
            CostKind::Preset => self.cost.gpu(),
            _ => self.roofline_gpu,
        }
    }

    /// The figures of the GPU.
    pub fn gpu_spec(&self) -> GpuSpec {
        self.gpu().spec().unwrap_or(GpuSpec {
            tflops: self.own_gpu_tflops,
            tbps: self.own_gpu_tbps,
            gib: self.own_gpu_gib,
            link_gbps: self.own_gpu_link_gbps,
            watts: self.own_gpu_watts,
        })
    }

    /// The shape of the roofline's model.
    pub fn shape(&self) -> Shape {
        let layers = self.own_model_layers as f64;
        self.model.shape().unwrap_or(Shape {
            layers,
            width: self.own_model_width as f64,
            attention: [self.own_model_attention as f64; 2],
            params: [self.own_model_params * 1e9, self.own_model_active * 1e9],
            kv_bytes: self.kv_bytes,
            experts: (self.own_model_experts > 0).then_some(Experts {
                layers,
                count: self.own_model_experts as u32,
                active: self.own_model_topk as u32,
                ffn: self.own_model_expert_width as f64,
            }),
        })
    }

    /// Makes the figures of the GPU in use one's own, to be changed.
    pub fn adopt_gpu(&mut self) {
        let spec = self.gpu_spec();
        self.own_gpu_tflops = spec.tflops;
        self.own_gpu_tbps = spec.tbps;
        self.own_gpu_gib = spec.gib;
        self.own_gpu_link_gbps = spec.link_gbps;
        self.own_gpu_watts = spec.watts;
    }

    /// Makes the shape of the model in use one's own, to be changed. Of an attention whose decode
    /// differs from its prefill the prefill is kept.
    pub fn adopt_model(&mut self) {
        let shape = self.shape();
        self.own_model_layers = shape.layers as u64;
        self.own_model_width = shape.width as u64;
        self.own_model_attention = shape.attention[0] as u64;
        [self.own_model_params, self.own_model_active] = shape.params.map(|p| p / 1e9);
        self.kv_bytes = shape.kv_bytes;
        self.own_model_experts = shape.experts.map_or(0, |e| u64::from(e.count));
        if let Some(experts) = shape.experts {
            self.own_model_topk = u64::from(experts.active);
            self.own_model_expert_width = experts.ffn as u64;
        }
    }

    /// Makes the coefficients in use one's own, to be changed, where they are those of a preset.
    pub fn adopt_coefficients(&mut self) {
        if self.cost_kind == CostKind::Preset {
            self.roofline_gpu = self.cost.gpu();
            self.kv_bytes = self.cost.kv_bytes();
            [self.c0, self.c1, self.c2, self.c3, self.c4] = self.cost.coefficients();
        }
    }

    fn roofline(&self) -> Choices {
        Choices {
            shape: self.shape(),
            gpu: self.gpu_spec(),
            tensor_parallel: self.roofline_tensor_parallel,
            flops_share: self.flops_share,
            bandwidth_share: self.bandwidth_share,
            clock: self.clock,
            reduce_secs: self.reduce_micros * 1e-6,
            cpu_secs: self.cpu_millis * 1e-3,
            expert_skew: self.expert_skew,
        }
    }

    /// What an iteration costs. A lower clock slows what computes: c1 and c2.
    pub fn cost_model(&self) -> CostModel {
        let slowed = |c: [f64; 5]| [c[0], c[1] / self.clock, c[2] / self.clock, c[3], c[4]];
        let own = [self.c0, self.c1, self.c2, self.c3, self.c4];
        match self.cost_kind {
            CostKind::Preset => CostModel::Linear(slowed(self.cost.coefficients())),
            CostKind::Linear => CostModel::Linear(slowed(own)),
            CostKind::Hinge => CostModel::Hinge(self.bend_tokens, slowed(own)),
            CostKind::Roofline => CostModel::Roofline(Roofline::new(&self.roofline()).into()),
        }
    }

    /// Whether the KV pool follows from the memory of the GPUs.
    pub fn sizes_pool(&self) -> bool {
        self.cost_kind == CostKind::Roofline && self.blocks_from_memory
    }

    /// KV blocks of one instance; at least one, the check refuses a model that does not fit.
    pub fn kv_blocks(&self) -> u64 {
        if self.sizes_pool() {
            blocks_that_fit(&self.roofline(), self.stages(), self.block_size, 0.1)
                .unwrap_or(1)
                .min(100_000_000 / self.block_size)
        } else {
            self.num_blocks
        }
    }

    /// GPUs of all instances together.
    pub fn gpus(&self) -> u64 {
        self.replicas * self.stages() * self.tensor_parallel()
    }

    /// Tokens the pool of one instance holds.
    pub fn pool_tokens(&self) -> u64 {
        self.block_size * self.kv_blocks()
    }

    /// The engine's limits. Who counts single tokens has blocks of one token.
    pub fn limits(&self) -> Limits {
        let (block_size, num_blocks) = if self.scheduler.has(Feature::SingleTokens) {
            (1, self.pool_tokens())
        } else {
            (self.block_size, self.kv_blocks())
        };
        let whole_prompt =
            self.scheduler.has(Feature::Allocation) && self.allocation == Allocation::WholePrompt;
        let watermark = if self.scheduler.has(Feature::Watermark) || whole_prompt {
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
            whole_prompt,
            prefix_caching: self.caches_prefixes(),
            max_new_tokens: if self.arrivals == Arrivals::Trace {
                self.max_tokens_per_sequence as u32
            } else {
                self.output_max as u32
            },
            slot_blocks: self.max_tokens_per_sequence.div_ceil(block_size.max(1)) as u32,
            max_waiting_iters: self.max_waiting_iters as u32,
            stages: self.stages() as u32,
            cost: self.cost_model(),
            swap: self.swap_space(block_size),
            quirks: self.quirks(),
            padded: self.padded_prefill,
            ignore_misfits: true,
        }
    }

    /// Oddities of the reference simulator in use: those that this scheduler and router can have.
    fn quirks(&self) -> Quirks {
        let (scheduler, routing) = (self.scheduler, self.routing);
        Quirks {
            partial_restart: self.quirk_partial_restart && scheduler == Scheduler::Sarathi,
            slot_leak: self.quirk_slot_leak && scheduler == Scheduler::StaticBatching,
            lone_waits: self.quirk_lone_waits && scheduler == Scheduler::Vllm && !self.swaps(),
            waiting_only: self.quirk_waiting_only && routing == Routing::LeastOutstanding,
        }
    }

    /// Whether a trace has to be loaded.
    pub fn needs_trace(&self) -> bool {
        self.arrivals == Arrivals::Trace || self.lengths == Lengths::Resampled
    }

    /// Targets of a class: time to the first token, mean time per further token.
    pub fn targets(&self, class: u8) -> [f64; 2] {
        if class == 0 || self.batch_share == 0.0 {
            [self.slo_ttft_secs, self.slo_tpot_secs]
        } else {
            [self.batch_slo_ttft_secs, self.batch_slo_tpot_secs]
        }
    }

    /// Whether prefixes are cached: always under SGLang, elsewhere where asked for.
    pub fn caches_prefixes(&self) -> bool {
        self.scheduler.has(Feature::Radix)
            || self.scheduler.has(Feature::PrefixCache) && self.prefix_caching
    }

    /// The policy of an instance in its initial state.
    pub fn policy(&self) -> Box<dyn Policy> {
        (self.scheduler.card().make)(self)
    }

    /// The router of a run in its initial state.
    pub fn router(&self) -> Box<dyn Route> {
        (self.routing.card().make)(self.seed)
    }

    /// Refuses a shape whose parts do not add up.
    fn check_own_model(&self) -> Result<()> {
        if self.own_model_active > self.own_model_params {
            return Err(Error::out_of_range(
                "own_model_active",
                self.own_model_active,
                format!("at most all {} billion", self.own_model_params),
            ));
        }
        let Some(experts) = self.shape().experts else {
            return Ok(());
        };
        if experts.active > experts.count {
            return Err(Error::out_of_range(
                "own_model_topk",
                experts.active,
                format!("at most the {} experts", experts.count),
            ));
        }
        let all = experts.layers
            * f64::from(experts.count)
            * 3.0
            * self.own_model_width as f64
            * experts.ffn;
        if all > self.own_model_params * 1e9 {
            return Err(Error::out_of_range(
                "own_model_params",
                self.own_model_params,
                format!("at least the {:.1} billion of the experts", all / 1e9),
            ));
        }
        Ok(())
    }

    /// Checks every parameter, and those that depend on each other.
    ///
    /// # Errors
    /// The first that cannot run, with what is allowed.
    pub fn check(&self) -> Result<()> {
        validate(super::params::PARAMS, self)?;
        if self.sizes_pool()
            && blocks_that_fit(&self.roofline(), self.stages(), self.block_size, 0.1).is_none()
        {
            return Err(Error::out_of_range(
                "roofline_tensor_parallel",
                self.roofline_tensor_parallel,
                format!(
                    "more GPUs: the weights of {} do not fit into {} of {}",
                    Model::NAMES[self.model as usize],
                    self.roofline_tensor_parallel * self.stages(),
                    Gpu::NAMES[self.roofline_gpu as usize],
                ),
            ));
        }
        if self.scheduler.has(Feature::Pools)
            && self.replicas > 1
            && self.prefill_instances >= self.replicas
        {
            return Err(Error::out_of_range(
                "prefill_instances",
                self.prefill_instances,
                format!(
                    "at most {}: somebody has to decode",
                    self.replicas.saturating_sub(1)
                ),
            ));
        }
        if self.cost_kind == CostKind::Roofline && self.model == Model::Own {
            self.check_own_model()?;
        }
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
        for (name, shortest, longest) in [
            ("prompt_min", self.prompt_min, self.prompt_max),
            ("output_min", self.output_min, self.output_max),
        ] {
            if self.lengths.has_shortest() && shortest > longest {
                return Err(Error::out_of_range(
                    name,
                    shortest,
                    format!("at most the longest, {longest}"),
                ));
            }
        }
        if self.lengths == Lengths::Resampled && self.trace.is_none() {
            return Err(Error::out_of_range(
                "lengths",
                "pairs of a trace",
                "open a trace file first, or choose another distribution",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_of_a_request_costs_its_bytes_over_the_bandwidth_reached() {
        let secs = |config: Config, tokens: u32| {
            let limits = config.limits();
            let blocks = u64::from(limits.blocks_for(tokens));
            let work = super::super::engine::Work {
                swap_blocks: 2 * blocks,
                ..Default::default()
            };
            limits.swap_seconds(&work)
        };
        let swapping = |swap_share| Config {
            preemption: Preemption::Swap,
            swap_share,
            ..Config::default()
        };
        // Out and back over 25 GB/s: 2·n·131,072 bytes.
        for (share, tokens, millis) in
            [(1.0, 1024, 10.74), (0.3, 1024, 35.79), (1.0, 16_384, 171.8)]
        {
            let got = 1e3 * secs(swapping(share), tokens);
            assert!((got / millis - 1.0).abs() < 1e-3, "{got} ms, want {millis}");
        }
        // Four GPUs copy a quarter of 327,680 bytes each.
        let four = Config {
            cost: CostPreset::Llama3_70bA100Tp4,
            ..swapping(1.0)
        };
        assert!((secs(four, 1024) / (2.0 * 1024.0 * 81_920.0 / 25e9) - 1.0).abs() < 1e-9);
        assert_eq!(
            swapping(0.3).limits().swap.map(|s| s.blocks),
            Some(2048),
            "4 GiB"
        );
    }

    #[test]
    fn own_hardware_begins_with_the_preset_and_can_be_changed() {
        let roofline = Config {
            cost_kind: CostKind::Roofline,
            model: Model::Qwen3_30bA3b,
            roofline_gpu: Gpu::H100,
            ..Config::default()
        };
        let mut own = roofline.clone();
        own.adopt_model();
        own.adopt_gpu();
        (own.model, own.roofline_gpu) = (Model::Own, Gpu::Own);
        assert_eq!(own.check(), Ok(()));
        assert_eq!(own.cost_model(), roofline.cost_model());
        assert_eq!(own.kv_blocks(), roofline.kv_blocks());
        let more = Config {
            own_gpu_gib: 141.0,
            ..own.clone()
        };
        assert!(more.kv_blocks() > own.kv_blocks(), "more memory");
        let small = Config {
            own_model_params: 5.0,
            own_model_active: 3.0,
            ..own
        };
        let error = small.check().unwrap_err().to_string();
        assert!(error.contains("experts"), "{error}");
        let mut linear = Config::default();
        linear.adopt_coefficients();
        linear.cost_kind = CostKind::Linear;
        assert_eq!(linear.cost_model(), Config::default().cost_model());
    }
}
