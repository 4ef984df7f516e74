//! Config of the lab.

mod check;
mod choices;
mod fleet;
mod hardware;
mod limits;

use super::aside::World;
use super::aside::accelerators::AcceleratorsConfig;
use super::aside::cache::CacheConfig;
use super::aside::eviction::EvictionConfig;
use super::aside::experts::ExpertsConfig;
use super::aside::functions::FunctionsConfig;
use super::aside::quality::QualityConfig;
use super::aside::workflow::WorkflowConfig;
use super::cost::{CostKind, CostPreset, Gpu, Model};
pub use super::policies::Scheduler;
pub use super::routers::Routing;
pub use super::workload::{Arrivals, Lengths};
use crate::labs::{DataKey, object};
pub use choices::{
    Admission, Allocation, BlendOrder, FaultChoice, JitOrder, Migration, PreemptAt, Preemption,
    ScaleBy, SglangOrder,
};
use serde::{Deserialize, Serialize};

/// Every input that changes a number.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches, one per parameter"
)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// What is simulated: the engine, or an experiment beside it.
    pub world: World,
    /// The semantic cache.
    #[serde(deserialize_with = "object::part")]
    pub cache: Box<CacheConfig>,
    /// Eviction of KV entries.
    #[serde(deserialize_with = "object::part")]
    pub eviction: Box<EvictionConfig>,
    /// Serverless functions.
    #[serde(deserialize_with = "object::part")]
    pub functions: Box<FunctionsConfig>,
    /// Workflows of several calls.
    #[serde(deserialize_with = "object::part")]
    pub workflow: Box<WorkflowConfig>,
    /// Best-effort serving.
    #[serde(deserialize_with = "object::part")]
    pub quality: Box<QualityConfig>,
    /// Experts as services.
    #[serde(deserialize_with = "object::part")]
    pub experts: Box<ExpertsConfig>,
    /// Accelerators of two kinds.
    #[serde(deserialize_with = "object::part")]
    pub accelerators: Box<AcceleratorsConfig>,
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
    /// Most groups of layers of layered prefill.
    pub layer_groups: u64,
    /// How Past-Future estimates whether a request fits.
    pub admission: Admission,
    /// Blocks that admission under a token budget asks for.
    pub allocation: Allocation,
    /// Whether blocks of prompts are found again by their tokens.
    pub prefix_caching: bool,
    /// What ranks requests under JITServe.
    pub jit_order: JitOrder,
    /// Steps between two rankings.
    pub jit_steps: u64,
    /// Quantile of the output length that it counts on.
    pub jit_quantile: f64,
    /// Where an iteration can be made to stand still for urgent prompts.
    pub preempt_at: PreemptAt,
    /// Share of the processors that prompts may use (semi-PD).
    pub prompt_share: f64,
    /// Share of the processors that decodes may use.
    pub decode_share: f64,
    /// Whether the shares follow the latencies seen.
    pub tuned_shares: bool,
    /// Seconds between two decisions about them.
    pub shares_secs: f64,
    /// Order in which an offline batch is worked through.
    pub blend_order: BlendOrder,
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
    /// Iterations between two changes of priority (FastSwitch).
    pub switch_every: u64,
    /// Blocks that lie side by side and are copied as one.
    pub swap_group: u64,
    /// Copies that a group takes: keys and values of every layer.
    pub swap_copies: u64,
    /// Time to start a copy in microseconds.
    pub swap_start_micros: f64,
    /// Whether copies go beside the batches.
    pub swap_beside: bool,
    /// Whether the host keeps its copy of a request that is back.
    pub swap_keeps: bool,
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
    /// Whether operators that compute and operators that read memory run at the same time.
    pub overlap: bool,
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
    /// Whether requests move between instances while they decode.
    pub migration: Migration,
    /// Seconds between two looks over the instances.
    pub look_over_secs: f64,
    /// Free blocks per request below which an instance gives requests away.
    pub migrate_below: f64,
    /// Share of the pool that counts as taken on an instance with a request of the first class, in
    /// per cent.
    pub headroom_percent: f64,
    /// Whether instances start and stop with the load.
    pub scaling: bool,
    /// What makes one start.
    pub scale_by: ScaleBy,
    /// Seconds to the foretold end of an arrival from which on one starts.
    pub scale_over_secs: f64,
    /// Instances that are always on.
    pub least_instances: u64,
    /// Mean of free blocks per request below which an instance starts.
    pub scale_up_below: f64,
    /// Mean above which one stops.
    pub scale_down_above: f64,
    /// Seconds until an instance that was started is ready.
    pub start_secs: f64,
    /// Whether requests wait at the gateway until a prefill instance is idle.
    pub on_demand: bool,
    /// Whether the split into prefill and decode instances changes with the load.
    pub tuned_split: bool,
    /// Seconds between two choices of the split.
    pub split_secs: f64,
    /// Age of the figures that the router of reports sees, at most, in seconds.
    pub report_secs: f64,
    /// Whether the instances are a row of servers whose power is looked at.
    pub power_row: bool,
    /// Power that the row may draw, in servers at their thermal design power.
    pub row_budget: f64,
    /// Whether clocks fall where the row comes near its budget.
    pub power_caps: bool,
    /// Share of the servers that have low priority, the first ones.
    pub low_priority_share: f64,
    /// Share of the budget above which servers of low priority are slowed.
    pub cap_first: f64,
    /// Share of the budget above which they are slowed more, and the others a little.
    pub cap_second: f64,
    /// How far below its threshold a cap is taken back, as a share of the budget.
    pub cap_back: f64,
    /// Clock of low priority above the first threshold.
    pub clock_low_first: f64,
    /// Clock of low priority above the second threshold.
    pub clock_low_second: f64,
    /// Clock of the others above the second threshold.
    pub clock_high: f64,
    /// Weight of what others lose in the score of the mixing-impact router.
    pub mixing_weight: f64,
    /// Whether it corrects its score by its errors so far.
    pub router_learns: bool,
    /// What goes wrong.
    pub fault: FaultChoice,
    /// Instance to which it happens.
    pub fault_instance: u64,
    /// When it begins, in seconds.
    pub fault_at_secs: f64,
    /// How long it lasts, in seconds.
    pub fault_secs: f64,
    /// How many times as long a slow instance or link takes.
    pub fault_factor: f64,
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
    /// Tokens that all prompts of a class begin with, after the common ones.
    pub class_prompt: u64,
    /// Tokens that all prompts of a user in a class begin with, after those.
    pub user_prompt: u64,
    /// Users that requests belong to.
    pub users: u64,
    /// How unequal users are: shares fall as k^−skew.
    pub user_skew: f64,
    /// Share of requests that only have a deadline for the last token.
    pub deadline_share: f64,
    /// That deadline in seconds.
    pub deadline_secs: f64,
    /// Share of requests that are calls of compound requests.
    pub compound_share: f64,
    /// Calls of a compound request.
    pub compound_calls: u64,
    /// Deadline for the last token of all of them in seconds.
    pub compound_secs: f64,
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
            world: World::Server,
            cache: Box::default(),
            eviction: Box::default(),
            functions: Box::default(),
            workflow: Box::default(),
            quality: Box::default(),
            experts: Box::default(),
            accelerators: Box::default(),
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
            layer_groups: 16,
            admission: Admission::PastFuture,
            allocation: Allocation::PerChunk,
            prefix_caching: false,
            jit_order: JitOrder::Margin,
            jit_steps: 50,
            jit_quantile: 0.9,
            preempt_at: PreemptAt::Expert,
            prompt_share: 0.8,
            decode_share: 1.0,
            tuned_shares: true,
            shares_secs: 2.0,
            blend_order: BlendOrder::DualScan,
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
            switch_every: 50,
            swap_group: 64,
            swap_copies: 64,
            swap_start_micros: 10.0,
            swap_beside: true,
            swap_keeps: true,
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
            overlap: false,
            clock: 1.0,
            power_exponent: 2.5,
            replicas: 1,
            prefill_instances: 0,
            transfer_gbps: 25.0,
            transfer_millis: 1.0,
            routing: Routing::LeastOutstanding,
            migration: Migration::Off,
            look_over_secs: 0.5,
            migrate_below: 3.0,
            headroom_percent: 0.0,
            scaling: false,
            scale_by: ScaleBy::Memory,
            scale_over_secs: 10.0,
            least_instances: 1,
            scale_up_below: 10.0,
            scale_down_above: 60.0,
            start_secs: 10.0,
            on_demand: false,
            tuned_split: false,
            split_secs: 60.0,
            report_secs: 1.0,
            power_row: false,
            row_budget: 20.0,
            power_caps: true,
            low_priority_share: 0.5,
            cap_first: 0.8,
            cap_second: 0.89,
            cap_back: 0.05,
            clock_low_first: 0.9,
            clock_low_second: 0.79,
            clock_high: 0.93,
            mixing_weight: 1.0,
            router_learns: false,
            fault: FaultChoice::None,
            fault_instance: 0,
            fault_at_secs: 10.0,
            fault_secs: 10.0,
            fault_factor: 3.0,
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
            class_prompt: 0,
            user_prompt: 0,
            users: 1,
            user_skew: 0.0,
            deadline_share: 0.0,
            deadline_secs: 20.0,
            compound_share: 0.0,
            compound_calls: 4,
            compound_secs: 20.0,
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
