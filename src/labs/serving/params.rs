//! The parameters: one line each gives widget, range, unit, words, and checks.

use super::config::{Allocation, Arrivals, Config, Lengths, Routing, Scheduler, SglangOrder};
use super::cost::{CostKind, CostPreset, Gpu, Model};
use super::policies::Feature;
use crate::core::Param;

fn choose<T: Copy>(all: &[T], index: usize) -> Option<T> {
    all.get(index).copied()
}

fn generated(c: &Config) -> bool {
    c.arrivals != Arrivals::Trace
}

fn own(c: &Config) -> bool {
    matches!(c.cost_kind, CostKind::Linear | CostKind::Hinge)
}

fn roofline(c: &Config) -> bool {
    c.cost_kind == CostKind::Roofline
}

fn typical(c: &Config) -> bool {
    generated(c) && c.lengths.has_typical()
}

fn classes(c: &Config) -> bool {
    c.batch_share > 0.0
}

/// Every parameter of a config, in the order of the panel.
pub(super) static PARAMS: &[Param<Config>] = &[
    Param::choice(
        "scheduler",
        "Scheduler",
        Scheduler::NAMES,
        |c: &Config| c.scheduler as usize,
        |c, i| {
            if let Some(v) = choose(Scheduler::ALL, i) {
                c.scheduler = v;
            }
        },
    )
    .doc("Which rule forms the batches.")
    .group("Scheduler"),
    Param::int(
        "chunk_size",
        "Token budget",
        [1, 65_536],
        |c: &Config| c.chunk_size,
        |c, v| c.chunk_size = v,
    )
    .log()
    .unit("tok")
    .doc("Tokens of one iteration: Sarathi's chunk size, the budget per step of vLLM v1 and SRPT.")
    .group("Scheduler")
    .when(|c| c.scheduler.has(Feature::Budget)),
    Param::int(
        "max_tokens_in_batch",
        "Prefill batch limit",
        [1, 1_048_576],
        |c: &Config| c.max_tokens_in_batch,
        |c, v| c.max_tokens_in_batch = v,
    )
    .log()
    .unit("tok")
    .doc("Most tokens of a prefill batch. vLLM v0 counts them padded to the longest prompt, as its reference simulator does.")
    .group("Scheduler")
    .when(|c| c.scheduler.has(Feature::PrefillLimit)),
    Param::int(
        "batch_size_cap",
        "Batch cap",
        [1, 4096],
        |c: &Config| c.batch_size_cap,
        |c, v| c.batch_size_cap = v,
    )
    .log()
    .unit("requests")
    .doc("Most requests that run or hold memory at once.")
    .group("Scheduler"),
    Param::choice(
        "allocation",
        "Admission asks for",
        &["Blocks of the chunk", "Blocks of the prompt"],
        |c: &Config| c.allocation as usize,
        |c, i| {
            if let Some(v) = choose(&[Allocation::PerChunk, Allocation::WholePrompt], i) {
                c.allocation = v;
            }
        },
    )
    .doc("vLLM v1 gives memory chunk by chunk; asking for the whole prompt above the watermark admits later and preempts less.")
    .group("Scheduler")
    .when(|c| c.scheduler.has(Feature::Allocation)),
    Param::toggle(
        "prefix_caching",
        "Prefix caching",
        |c: &Config| c.prefix_caching,
        |c, v| c.prefix_caching = v,
    )
    .doc("Full KV blocks are found again by the tokens they hold: system prompts, earlier turns of a conversation, and what a preempted request had computed. Unused ones stay until their memory is needed.")
    .group("Scheduler")
    .when(|c| c.scheduler.has(Feature::PrefixCache) && !c.scheduler.has(Feature::Radix)),
    Param::choice(
        "sglang_order",
        "Order of the queue",
        &["Longest prefix", "Arrival", "Shortest prefill"],
        |c: &Config| c.sglang_order as usize,
        |c, i| {
            let all = [
                SglangOrder::LongestPrefix,
                SglangOrder::Fcfs,
                SglangOrder::ShortestPrefill,
            ];
            if let Some(v) = choose(&all, i) {
                c.sglang_order = v;
            }
        },
    )
    .doc("Longest prefix: most prompt tokens in memory first, by arrival where more than 128 wait. Shortest prefill: fewest tokens to compute.")
    .group("Scheduler")
    .when(|c| c.scheduler.has(Feature::Radix)),
    Param::float(
        "prediction_sigma",
        "Prediction error",
        [0.0, 4.0],
        |c: &Config| c.prediction_sigma,
        |c, v| c.prediction_sigma = v,
    )
    .doc("Predicted output length = true length · e^(σ·N(0,1)). 0 knows the truth; 0.5, 1 and 2 rank pairs like a predictor with Kendall's τ of about 0.7, 0.5 and 0.3.")
    .group("Scheduler")
    .when(|c| c.scheduler.has(Feature::Predicted)),
    Param::float(
        "aging_secs",
        "Aging",
        [0.01, 100_000.0],
        |c: &Config| c.aging_secs,
        |c, v| c.aging_secs = v,
    )
    .log()
    .unit("s")
    .doc("Seconds of waiting that outweigh one level of priority. Long: strict priorities. Short: order of arrival.")
    .group("Scheduler")
    .when(|c| c.scheduler.has(Feature::Aging)),
    Param::toggle(
        "preemptive",
        "Preemptive",
        |c: &Config| c.preemptive,
        |c, v| c.preemptive = v,
    )
    .doc("A waiting request takes place and memory from running ones behind it in the order; they start again.")
    .group("Scheduler")
    .when(|c| c.scheduler.has(Feature::Aging)),
    Param::float(
        "vtc_input_weight",
        "Weight of a prompt token",
        [0.0, 100.0],
        |c: &Config| c.vtc_input_weight,
        |c, v| c.vtc_input_weight = v,
    )
    .doc("Service charged to a user for each prompt token, at admission.")
    .group("Scheduler")
    .when(|c| c.scheduler.has(Feature::Fair)),
    Param::float(
        "vtc_output_weight",
        "Weight of an output token",
        [0.0, 100.0],
        |c: &Config| c.vtc_output_weight,
        |c, v| c.vtc_output_weight = v,
    )
    .doc("Service charged to a user for each output token, when it is out.")
    .group("Scheduler")
    .when(|c| c.scheduler.has(Feature::Fair)),
    Param::float(
        "mlfq_quantum_secs",
        "First quantum",
        [0.000_1, 100.0],
        |c: &Config| c.mlfq_quantum_secs,
        |c, v| c.mlfq_quantum_secs = v,
    )
    .log()
    .unit("s")
    .doc("Running time after which a request sinks from level 0 to level 1; every level doubles it.")
    .group("Scheduler")
    .when(|c| c.scheduler.has(Feature::Quantum)),
    Param::int(
        "max_waiting_iters",
        "Iterations between admissions",
        [0, 1000],
        |c: &Config| c.max_waiting_iters,
        |c, v| c.max_waiting_iters = v,
    )
    .unit("iterations")
    .doc("LightLLM tries to admit prompts only after this many decode iterations.")
    .group("Scheduler")
    .when(|c| c.scheduler == Scheduler::Lightllm),
    Param::int(
        "num_blocks",
        "KV blocks",
        [1, 1_000_000],
        |c: &Config| c.num_blocks,
        |c, v| c.num_blocks = v,
    )
    .log()
    .unit("blocks")
    .doc("Blocks of the KV pool of one instance. An A100 with 80 GB holds about 29,000 blocks of Llama-3-8B beside the weights.")
    .group("Memory")
    .when(|c| !c.sizes_pool()),
    Param::int(
        "block_size",
        "Block size",
        [1, 256],
        |c: &Config| c.block_size,
        |c, v| c.block_size = v,
    )
    .log()
    .unit("tok")
    .doc("Tokens per KV block.")
    .group("Memory")
    .advanced(),
    Param::float(
        "watermark_fraction",
        "Watermark",
        [0.0, 0.9],
        |c: &Config| c.watermark_fraction,
        |c, v| c.watermark_fraction = v,
    )
    .doc("Share of the pool that admission leaves free for the decodes.")
    .group("Memory")
    .advanced()
    .when(|c| {
        c.scheduler.has(Feature::Watermark)
            || c.scheduler.has(Feature::Allocation) && c.allocation == Allocation::WholePrompt
    }),
    Param::int(
        "max_tokens_per_sequence",
        "Longest sequence",
        [2, 1_000_000],
        |c: &Config| c.max_tokens_per_sequence,
        |c, v| c.max_tokens_per_sequence = v,
    )
    .log()
    .unit("tok")
    .doc("Limit of prompt plus output; longer outputs are cut. Orca and static batching reserve this much for every request.")
    .group("Memory"),
    Param::choice(
        "cost_kind",
        "Cost model",
        &CostKind::NAMES,
        |c: &Config| c.cost_kind as usize,
        |c, i| {
            if let Some(v) = choose(&CostKind::ALL, i) {
                c.cost_kind = v;
            }
        },
    )
    .doc("How long an iteration takes: coefficients fitted to published operator times (mean error 4 to 10 %), coefficients of your own, or the roofline of a model on a GPU. All leave out gaps between kernels, graph padding, contention and the network. Drop a profile CSV on the window to fit your own.")
    .group("Hardware"),
    Param::choice(
        "cost",
        "Model and GPU",
        &CostPreset::NAMES,
        |c: &Config| c.cost as usize,
        |c, i| {
            if let Some(v) = choose(&CostPreset::ALL, i) {
                c.cost = v;
            }
        },
    )
    .doc("Coefficients of t = c0 + c1·P + c2·Q + c3·D + c4·K, fitted to published operator times; two independent tables differ by up to 20 %.")
    .group("Hardware")
    .when(|c| c.cost_kind == CostKind::Preset),
    Param::float(
        "c0",
        "c0",
        [0.0, 10.0],
        |c: &Config| c.c0,
        |c, v| c.c0 = v,
    )
    .unit("s")
    .doc("Seconds of every iteration.")
    .group("Hardware")
    .when(own),
    Param::float(
        "c1",
        "c1",
        [0.0, 10.0],
        |c: &Config| c.c1,
        |c, v| c.c1 = v,
    )
    .unit("s")
    .doc("Seconds per prefill token; with a bend, per token above it.")
    .group("Hardware")
    .when(own),
    Param::float(
        "c2",
        "c2",
        [0.0, 10.0],
        |c: &Config| c.c2,
        |c, v| c.c2 = v,
    )
    .unit("s")
    .doc("Seconds per unit of Q = Σ(q² + 2·q·past) over prefill chunks.")
    .group("Hardware")
    .when(own),
    Param::float(
        "c3",
        "c3",
        [0.0, 10.0],
        |c: &Config| c.c3,
        |c, v| c.c3 = v,
    )
    .unit("s")
    .doc("Seconds per decode.")
    .group("Hardware")
    .when(own),
    Param::float(
        "c4",
        "c4",
        [0.0, 10.0],
        |c: &Config| c.c4,
        |c, v| c.c4 = v,
    )
    .unit("s")
    .doc("Seconds per token of KV read.")
    .group("Hardware")
    .when(own),
    Param::float(
        "bend_tokens",
        "Bend",
        [0.0, 100_000.0],
        |c: &Config| c.bend_tokens,
        |c, v| c.bend_tokens = v,
    )
    .unit("tok")
    .doc("Tokens of an iteration below which fewer save no time.")
    .group("Hardware")
    .when(|c| c.cost_kind == CostKind::Hinge),
    Param::choice(
        "model",
        "Model",
        &Model::NAMES,
        |c: &Config| c.model as usize,
        |c, i| {
            if let Some(v) = choose(&Model::ALL, i) {
                c.model = v;
            }
        },
    )
    .doc("Shape of the model, from its published config; weights and KV in bf16.")
    .group("Hardware")
    .when(roofline),
    Param::choice(
        "roofline_gpu",
        "GPU",
        &Gpu::NAMES,
        |c: &Config| c.roofline_gpu as usize,
        |c, i| {
            if let Some(v) = choose(&Gpu::ALL, i) {
                c.roofline_gpu = v;
            }
        },
    )
    .doc("Peaks, memory, link and power of the GPU. With own coefficients only its power counts.")
    .group("Hardware")
    .when(|c| c.cost_kind != CostKind::Preset),
    Param::int(
        "roofline_tensor_parallel",
        "Tensor parallel",
        [1, 64],
        |c: &Config| c.roofline_tensor_parallel,
        |c, v| c.roofline_tensor_parallel = v,
    )
    .log()
    .unit("GPUs")
    .doc("GPUs that share every layer: work and memory are divided, two all-reduces per layer are added.")
    .group("Hardware")
    .when(roofline),
    Param::float(
        "flops_share",
        "FLOP/s reached",
        [0.05, 1.0],
        |c: &Config| c.flops_share,
        |c, v| c.flops_share = v,
    )
    .doc("Share of the peak that large matrices reach; 0.65 measured on A100 with 2048 tokens.")
    .group("Hardware")
    .advanced()
    .when(roofline),
    Param::float(
        "bandwidth_share",
        "Bandwidth reached",
        [0.05, 1.0],
        |c: &Config| c.bandwidth_share,
        |c, v| c.bandwidth_share = v,
    )
    .doc("Share of the memory bandwidth that is reached; 0.78 measured on A100.")
    .group("Hardware")
    .advanced()
    .when(roofline),
    Param::float(
        "reduce_micros",
        "All-reduce start",
        [0.0, 1000.0],
        |c: &Config| c.reduce_micros,
        |c, v| c.reduce_micros = v,
    )
    .unit("µs")
    .doc("Time of an all-reduce that moves nothing: 5 µs in captured graphs, 20 to 40 µs without.")
    .group("Hardware")
    .advanced()
    .when(|c| roofline(c) && c.roofline_tensor_parallel * c.pipeline_stages > 1),
    Param::float(
        "cpu_millis",
        "CPU per iteration",
        [0.0, 100.0],
        |c: &Config| c.cpu_millis,
        |c, v| c.cpu_millis = v,
    )
    .unit("ms")
    .doc("Scheduling and launching by the CPU; our own choice.")
    .group("Hardware")
    .advanced()
    .when(roofline),
    Param::float(
        "expert_skew",
        "Skew of experts",
        [0.0, 1.0],
        |c: &Config| c.expert_skew,
        |c, v| c.expert_skew = v,
    )
    .doc("0: tokens choose experts uniformly; 1: by Zipf's law, so that a batch touches fewer of them.")
    .group("Hardware")
    .advanced()
    .when(|c| roofline(c) && c.model.shape().experts.is_some()),
    Param::toggle(
        "blocks_from_memory",
        "KV blocks from memory",
        |c: &Config| c.blocks_from_memory,
        |c, v| c.blocks_from_memory = v,
    )
    .doc("The pool is what fits beside the weights into 90 % of the memory; off: as many blocks as set.")
    .group("Hardware")
    .when(roofline),
    Param::float(
        "clock",
        "Clock",
        [0.6, 1.0],
        |c: &Config| c.clock,
        |c, v| c.clock = v,
    )
    .doc("Clock of the GPUs over its highest. Slows what computes (prefill), hardly what reads memory (decode), and saves power.")
    .group("Hardware")
    .advanced()
    .when(|_| true),
    Param::float(
        "power_exponent",
        "Power by clock",
        [1.0, 3.0],
        |c: &Config| c.power_exponent,
        |c, v| c.power_exponent = v,
    )
    .doc("Dynamic power follows the clock to this power; our own choice.")
    .group("Hardware")
    .advanced()
    .when(|c| c.clock < 1.0),
    Param::int(
        "replicas",
        "Instances",
        [1, 64],
        |c: &Config| c.replicas,
        |c, v| c.replicas = v,
    )
    .doc("Independent copies of the model, each with its own pool.")
    .group("Hardware"),
    Param::choice(
        "routing",
        "Routing",
        Routing::NAMES,
        |c: &Config| c.routing as usize,
        |c, i| {
            if let Some(v) = choose(Routing::ALL, i) {
                c.routing = v;
            }
        },
    )
    .doc("Which instance an arrival goes to.")
    .group("Hardware")
    .when(|c| c.replicas > 1),
    Param::int(
        "pipeline_stages",
        "Pipeline stages",
        [1, 64],
        |c: &Config| c.pipeline_stages,
        |c, v| c.pipeline_stages = v,
    )
    .doc("Stages of one instance; as many batches can be on their way.")
    .group("Hardware")
    .advanced()
    .when(|c| c.scheduler.has(Feature::Stages)),
    Param::choice(
        "arrivals",
        "Arrivals",
        &Arrivals::NAMES,
        |c: &Config| c.arrivals as usize,
        |c, i| {
            if let Some(v) = choose(&Arrivals::ALL, i) {
                c.arrivals = v;
            }
        },
    )
    .doc("How requests arrive.")
    .group("Workload"),
    Param::float(
        "rate",
        "Arrival rate",
        [0.01, 1000.0],
        |c: &Config| c.rate,
        |c, v| c.rate = v,
    )
    .log()
    .unit("req/s")
    .doc("Mean arrivals per second. With conversations, all their turns are counted.")
    .group("Workload")
    .when(|c| c.arrivals.has_rate()),
    Param::float(
        "gap_cv",
        "Burstiness",
        [0.1, 20.0],
        |c: &Config| c.gap_cv,
        |c, v| c.gap_cv = v,
    )
    .log()
    .doc("Coefficient of variation of the gaps between arrivals: 1 is Poisson, the Azure code trace has 13.")
    .group("Workload")
    .when(|c| c.arrivals == Arrivals::Gamma),
    Param::float(
        "busy_factor",
        "Busy over quiet",
        [1.0, 100.0],
        |c: &Config| c.busy_factor,
        |c, v| c.busy_factor = v,
    )
    .log()
    .unit("×")
    .doc("Rate of the busy phases over the rate of the quiet ones; the mean stays the arrival rate.")
    .group("Workload")
    .when(|c| c.arrivals == Arrivals::Mmpp),
    Param::float(
        "quiet_secs",
        "Quiet phase",
        [0.01, 100_000.0],
        |c: &Config| c.quiet_secs,
        |c, v| c.quiet_secs = v,
    )
    .log()
    .unit("s")
    .doc("Mean length of the quiet phases; lengths are exponential.")
    .group("Workload")
    .when(|c| c.arrivals == Arrivals::Mmpp),
    Param::float(
        "busy_secs",
        "Busy phase",
        [0.01, 100_000.0],
        |c: &Config| c.busy_secs,
        |c, v| c.busy_secs = v,
    )
    .log()
    .unit("s")
    .doc("Mean length of the busy phases; lengths are exponential.")
    .group("Workload")
    .when(|c| c.arrivals == Arrivals::Mmpp),
    Param::float(
        "swing",
        "Swing",
        [0.0, 0.99],
        |c: &Config| c.swing,
        |c, v| c.swing = v,
    )
    .doc("How far the rate moves from its mean, as a share of it: by day and night as a sine from its lowest, in a ramp from low to high.")
    .group("Workload")
    .when(|c| c.arrivals.has_period()),
    Param::float(
        "period_secs",
        "Period",
        [0.1, 1_000_000.0],
        |c: &Config| c.period_secs,
        |c, v| c.period_secs = v,
    )
    .log()
    .unit("s")
    .doc("Length of a day and a night, or of the ramp.")
    .group("Workload")
    .when(|c| c.arrivals.has_period()),
    Param::int(
        "clients",
        "Clients",
        [1, 50_000],
        |c: &Config| c.clients,
        |c, v| c.clients = v,
    )
    .log()
    .doc("Clients that each have one request on its way or think about the next: slower answers slow the arrivals too.")
    .group("Workload")
    .when(|c| c.arrivals == Arrivals::ClosedLoop),
    Param::float(
        "think_secs",
        "Thinking time",
        [0.0, 10_000.0],
        |c: &Config| c.think_secs,
        |c, v| c.think_secs = v,
    )
    .unit("s")
    .doc("Mean time between the end of an answer and the next request of the same client or conversation; exponential.")
    .group("Workload")
    .when(|c| c.arrivals.has_thinking()),
    Param::float(
        "turns_mean",
        "Turns",
        [1.0, 100.0],
        |c: &Config| c.turns_mean,
        |c, v| c.turns_mean = v,
    )
    .log()
    .doc("Mean number of turns of a conversation; geometric.")
    .group("Workload")
    .when(|c| c.arrivals == Arrivals::Sessions),
    Param::float(
        "rate_scale",
        "Rate scale",
        [0.01, 100.0],
        |c: &Config| c.rate_scale,
        |c, v| c.rate_scale = v,
    )
    .log()
    .unit("×")
    .doc("Arrival times of the trace are divided by this.")
    .group("Workload")
    .when(|c| c.arrivals == Arrivals::Trace),
    Param::toggle(
        "spread_ticks",
        "Spread coarse times",
        |c: &Config| c.spread_ticks,
        |c, v| c.spread_ticks = v,
    )
    .doc("Where many requests of a trace share a tick of a coarse clock (Mooncake's conversations tick every 3 s), they are spread evenly up to the next tick.")
    .group("Workload")
    .advanced()
    .when(|c| c.arrivals == Arrivals::Trace),
    Param::int(
        "requests",
        "Requests",
        [1, 1_000_000],
        |c: &Config| c.requests,
        |c, v| c.requests = v,
    )
    .log()
    .unit("requests")
    .doc("How many requests are generated, or the most that are taken from a trace.")
    .group("Workload"),
    Param::choice(
        "lengths",
        "Lengths",
        &Lengths::NAMES,
        |c: &Config| c.lengths as usize,
        |c, i| {
            if let Some(v) = choose(&Lengths::ALL, i) {
                c.lengths = v;
            }
        },
    )
    .doc("Distribution of prompt and output lengths. In conversations it is what each turn adds.")
    .group("Workload")
    .when(generated),
    Param::float(
        "zipf_exponent",
        "Zipf exponent",
        [0.0, 5.0],
        |c: &Config| c.zipf_exponent,
        |c, v| c.zipf_exponent = v,
    )
    .doc("The probability of a length falls with this power of it.")
    .group("Workload")
    .when(|c| generated(c) && c.lengths == Lengths::Zipf),
    Param::float(
        "prompt_median",
        "Prompt, typical",
        [1.0, 200_000.0],
        |c: &Config| c.prompt_median,
        |c, v| c.prompt_median = v,
    )
    .log()
    .unit("tok")
    .doc("Prompt length: median of the lognormal, mean of the geometric distribution, or the length itself.")
    .group("Workload")
    .when(typical),
    Param::float(
        "prompt_sigma",
        "Prompt, spread",
        [0.0, 3.0],
        |c: &Config| c.prompt_sigma,
        |c, v| c.prompt_sigma = v,
    )
    .doc("Standard deviation of the logarithm of the prompt length.")
    .group("Workload")
    .advanced()
    .when(|c| generated(c) && c.lengths == Lengths::Lognormal),
    Param::int(
        "prompt_min",
        "Prompt, shortest",
        [1, 500_000],
        |c: &Config| c.prompt_min,
        |c, v| c.prompt_min = v,
    )
    .log()
    .unit("tok")
    .doc("Shortest prompt.")
    .group("Workload")
    .when(|c| generated(c) && c.lengths.has_shortest()),
    Param::int(
        "prompt_max",
        "Prompt, longest",
        [1, 500_000],
        |c: &Config| c.prompt_max,
        |c, v| c.prompt_max = v,
    )
    .log()
    .unit("tok")
    .doc("Longer prompts are cut to this.")
    .group("Workload")
    .advanced()
    .when(|c| generated(c) && c.lengths.has_longest()),
    Param::float(
        "output_median",
        "Output, typical",
        [1.0, 100_000.0],
        |c: &Config| c.output_median,
        |c, v| c.output_median = v,
    )
    .log()
    .unit("tok")
    .doc("Output length: median of the lognormal, mean of the geometric distribution, or the length itself.")
    .group("Workload")
    .when(typical),
    Param::float(
        "output_sigma",
        "Output, spread",
        [0.0, 3.0],
        |c: &Config| c.output_sigma,
        |c, v| c.output_sigma = v,
    )
    .doc("Standard deviation of the logarithm of the output length.")
    .group("Workload")
    .advanced()
    .when(|c| generated(c) && c.lengths == Lengths::Lognormal),
    Param::int(
        "output_min",
        "Output, shortest",
        [1, 100_000],
        |c: &Config| c.output_min,
        |c, v| c.output_min = v,
    )
    .log()
    .unit("tok")
    .doc("Shortest output.")
    .group("Workload")
    .when(|c| generated(c) && c.lengths.has_shortest()),
    Param::int(
        "output_max",
        "Output, longest",
        [1, 100_000],
        |c: &Config| c.output_max,
        |c, v| c.output_max = v,
    )
    .log()
    .unit("tok")
    .doc("Longer outputs are cut to this.")
    .group("Workload")
    .advanced()
    .when(|c| generated(c) && c.lengths.has_longest()),
    Param::int(
        "system_prompt",
        "Shared prompt",
        [0, 100_000],
        |c: &Config| c.system_prompt,
        |c, v| c.system_prompt = v,
    )
    .unit("tok")
    .doc("Tokens in front of every prompt that all requests share, such as a system prompt; prefix caching can reuse them.")
    .group("Workload")
    .advanced()
    .when(generated),
    Param::int(
        "users",
        "Users",
        [1, 10_000],
        |c: &Config| c.users,
        |c, v| c.users = v,
    )
    .log()
    .doc("Users that the requests belong to; each request draws one.")
    .group("Users and classes")
    .advanced()
    .when(|c| c.arrivals != Arrivals::ClosedLoop),
    Param::float(
        "user_skew",
        "Skew of users",
        [0.0, 3.0],
        |c: &Config| c.user_skew,
        |c, v| c.user_skew = v,
    )
    .doc("0: all users send alike; s: the k-th user sends in proportion to k^−s.")
    .group("Users and classes")
    .advanced()
    .when(|c| c.users > 1 && c.arrivals != Arrivals::ClosedLoop),
    Param::float(
        "batch_share",
        "Batch class",
        [0.0, 1.0],
        |c: &Config| c.batch_share,
        |c, v| c.batch_share = v,
    )
    .doc("Share of requests in a second class, with its own lengths, targets and priority.")
    .group("Users and classes")
    .advanced(),
    Param::int(
        "batch_priority",
        "Batch, priority",
        [0, 100],
        |c: &Config| c.batch_priority,
        |c, v| c.batch_priority = v,
    )
    .doc("Priority of the batch class; the other class has 0, and lower is sooner. Only schedulers with priorities look at it.")
    .group("Users and classes")
    .advanced()
    .when(classes),
    Param::float(
        "batch_prompt_median",
        "Batch, prompt",
        [1.0, 200_000.0],
        |c: &Config| c.batch_prompt_median,
        |c, v| c.batch_prompt_median = v,
    )
    .log()
    .unit("tok")
    .doc("Typical prompt length of the batch class.")
    .group("Users and classes")
    .advanced()
    .when(|c| classes(c) && typical(c)),
    Param::float(
        "batch_output_median",
        "Batch, output",
        [1.0, 100_000.0],
        |c: &Config| c.batch_output_median,
        |c, v| c.batch_output_median = v,
    )
    .log()
    .unit("tok")
    .doc("Typical output length of the batch class.")
    .group("Users and classes")
    .advanced()
    .when(|c| classes(c) && typical(c)),
    Param::float(
        "batch_slo_ttft_secs",
        "Batch, target TTFT",
        [0.001, 100_000.0],
        |c: &Config| c.batch_slo_ttft_secs,
        |c, v| c.batch_slo_ttft_secs = v,
    )
    .log()
    .unit("s")
    .doc("Target of the batch class for the time to the first token.")
    .group("Users and classes")
    .advanced()
    .when(classes),
    Param::float(
        "batch_slo_tpot_secs",
        "Batch, target TPOT",
        [0.001, 1000.0],
        |c: &Config| c.batch_slo_tpot_secs,
        |c, v| c.batch_slo_tpot_secs = v,
    )
    .log()
    .unit("s")
    .doc("Target of the batch class for the mean time per output token after the first.")
    .group("Users and classes")
    .advanced()
    .when(classes),
    Param::float(
        "slo_ttft_secs",
        "Target TTFT",
        [0.001, 1000.0],
        |c: &Config| c.slo_ttft_secs,
        |c, v| c.slo_ttft_secs = v,
    )
    .log()
    .unit("s")
    .doc("A request meets its targets when its first token is out within this time after arrival and its mean time per further token stays within the other target.")
    .group("Targets"),
    Param::float(
        "slo_tpot_secs",
        "Target TPOT",
        [0.001, 100.0],
        |c: &Config| c.slo_tpot_secs,
        |c, v| c.slo_tpot_secs = v,
    )
    .log()
    .unit("s")
    .doc("Target for the mean time per output token after the first.")
    .group("Targets"),
    Param::float(
        "warmup_percent",
        "Left out at both ends",
        [0.0, 45.0],
        |c: &Config| c.warmup_percent,
        |c, v| c.warmup_percent = v,
    )
    .unit("%")
    .doc("Share of the first and of the last arrivals that latency figures leave out.")
    .group("Targets")
    .advanced(),
    Param::float(
        "time_limit_secs",
        "Time limit",
        [1.0, 10_000_000.0],
        |c: &Config| c.time_limit_secs,
        |c, v| c.time_limit_secs = v,
    )
    .log()
    .unit("s")
    .doc("Simulated time after which the run stops and counts as saturated.")
    .group("Targets")
    .advanced(),
];
