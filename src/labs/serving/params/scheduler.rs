//! What the scheduler heeds.

use super::super::config::{
    Admission, Allocation, BlendOrder, Config, JitOrder, PreemptAt, Preemption, Scheduler,
    SglangOrder,
};
use super::super::policies::Feature;
use super::choose;
use crate::core::Param;

pub(super) const PARAMS: &[Param<Config>] = &[
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
    .doc("Most tokens of a prefill batch.")
    .group("Scheduler")
    .when(|c| c.scheduler.has(Feature::PrefillLimit)),
    Param::toggle(
        "padded_prefill",
        "Count padded",
        |c: &Config| c.padded_prefill,
        |c, v| c.padded_prefill = v,
    )
    .doc("The prefill batch limit counts every prompt as long as the longest of the batch, as vLLM v0's reference simulator does. Off: the real sum, as the server itself does; more short prompts start together.")
    .group("Scheduler")
    .advanced()
    .when(|c| c.scheduler == Scheduler::Vllm),
    Param::toggle(
        "quirk_partial_restart",
        "Quirk: restart as decoding",
        |c: &Config| c.quirk_partial_restart,
        |c, v| c.quirk_partial_restart = v,
    )
    .doc("As in the reference simulator: a victim whose prompt is not finished restarts as if it had been decoding. The rest of its prompt is then decoded one token at a time, and its first token counts too early.")
    .group("Scheduler")
    .advanced()
    .when(|c| c.scheduler == Scheduler::Sarathi),
    Param::toggle(
        "quirk_slot_leak",
        "Quirk: slots leak",
        |c: &Config| c.quirk_slot_leak,
        |c, v| c.quirk_slot_leak = v,
    )
    .doc("As in the reference simulator: a request that ends before its batch never gives its slot back, so that batches shrink until one slot is left.")
    .group("Scheduler")
    .advanced()
    .when(|c| c.scheduler == Scheduler::StaticBatching),
    Param::toggle(
        "quirk_lone_waits",
        "Quirk: a lone victim waits",
        |c: &Config| c.quirk_lone_waits,
        |c, v| c.quirk_lone_waits = v,
    )
    .doc("As in the reference simulator: when the only running request evicts itself, nothing runs before the next arrival; after the last arrival the run hangs, which is reported.")
    .group("Scheduler")
    .advanced()
    .when(|c| c.scheduler == Scheduler::Vllm && !c.swaps()),
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
        "preemption",
        "Preemption by",
        &["Recomputing", "Swapping"],
        |c: &Config| c.preemption as usize,
        |c, i| {
            if let Some(v) = choose(&[Preemption::Recompute, Preemption::Swap], i) {
                c.preemption = v;
            }
        },
    )
    .doc("What a request loses with its memory: everything, and it starts again with what it has said as a prompt; or only time, as its blocks are copied to the host and back. While anybody is swapped out nobody is admitted.")
    .group("Scheduler")
    .when(|c| c.scheduler.has(Feature::Swap)),
    Param::int(
        "layer_groups",
        "Groups of layers, at most",
        [1, 64],
        |c: &Config| c.layer_groups,
        |c, v| c.layer_groups = v,
    )
    .log()
    .doc("Prompts run through one group of layers per iteration: one group up to 512 prompt tokens, twice as many for twice the tokens, and no more than this.")
    .group("Scheduler")
    .when(|c| c.scheduler.has(Feature::Layered)),
    Param::int(
        "switch_every",
        "Priorities change every",
        [1, 100_000],
        |c: &Config| c.switch_every,
        |c, v| c.switch_every = v,
    )
    .log()
    .unit("iterations")
    .doc("Iterations after which all priorities are drawn anew. Often: everybody gets a turn soon, and most of the time goes into switching.")
    .group("Scheduler")
    .when(Config::switches),
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
        "jit_order",
        "Ranked by",
        &["Reward over time", "Earliest deadline", "Least service"],
        |c: &Config| c.jit_order as usize,
        |c, i| {
            let all = [JitOrder::Margin, JitOrder::Deadline, JitOrder::LeastService];
            if let Some(v) = choose(&all, i) {
                c.jit_order = v;
            }
        },
    )
    .doc("Reward over time: tokens that can still count, over the time that the request takes; less where its deadline cannot be met. The others are the usual rules to compare with.")
    .group("Scheduler")
    .when(|c| c.scheduler == Scheduler::JitServe),
    Param::int(
        "jit_steps",
        "Ranked every",
        [1, 10_000],
        |c: &Config| c.jit_steps,
        |c, v| c.jit_steps = v,
    )
    .log()
    .unit("iterations")
    .doc("Iterations between two rankings; who comes in between stands behind, by arrival.")
    .group("Scheduler")
    .when(|c| c.scheduler == Scheduler::JitServe),
    Param::float(
        "jit_quantile",
        "Counts on quantile",
        [0.05, 0.99],
        |c: &Config| c.jit_quantile,
        |c, v| c.jit_quantile = v,
    )
    .doc("Quantile of the output length, given the prediction, its error and the tokens that are out, that the time to the end is reckoned with.")
    .group("Scheduler")
    .when(|c| c.scheduler == Scheduler::JitServe && c.jit_order == JitOrder::Margin),
    Param::choice(
        "preempt_at",
        "Stands still after",
        &["An expert", "A layer", "The iteration"],
        |c: &Config| c.preempt_at as usize,
        |c, i| {
            let all = [PreemptAt::Expert, PreemptAt::Layer, PreemptAt::Iteration];
            if let Some(v) = choose(&all, i) {
                c.preempt_at = v;
            }
        },
    )
    .doc("How long an urgent prompt waits for the iteration that runs: to the end of an expert or of the attention of a layer, of the layer, or of the whole iteration. What stood still goes on afterwards, with all its memory.")
    .group("Scheduler")
    .when(|c| c.scheduler.has(Feature::Urgent)),
    Param::toggle(
        "tuned_shares",
        "Shares follow the load",
        |c: &Config| c.tuned_shares,
        |c, v| c.tuned_shares = v,
    )
    .doc("Now and then 10 % of the processors go to the side that misses its target more often: prompts for the first token, decodes for the tokens after it. Off: fixed shares.")
    .group("Scheduler")
    .when(|c| c.scheduler.has(Feature::Shares)),
    Param::float(
        "prompt_share",
        "Share of prompts",
        [0.1, 1.0],
        |c: &Config| c.prompt_share,
        |c, v| c.prompt_share = v,
    )
    .doc("Part of the processors that prompts may use, at the beginning where shares follow the load.")
    .group("Scheduler")
    .when(|c| c.scheduler.has(Feature::Shares)),
    Param::float(
        "decode_share",
        "Share of decodes",
        [0.1, 1.0],
        |c: &Config| c.decode_share,
        |c, v| c.decode_share = v,
    )
    .doc("Part of the processors that decodes may use. Both shares may add up to more than 1: while both run, each then gets its part of the sum.")
    .group("Scheduler")
    .when(|c| c.scheduler.has(Feature::Shares) && !c.tuned_shares),
    Param::float(
        "shares_secs",
        "Shares move every",
        [0.1, 3600.0],
        |c: &Config| c.shares_secs,
        |c, v| c.shares_secs = v,
    )
    .log()
    .unit("s")
    .doc("Seconds between two decisions about the shares.")
    .group("Scheduler")
    .when(|c| c.scheduler.has(Feature::Shares) && c.tuned_shares),
    Param::choice(
        "blend_order",
        "Order of the batch",
        &["From both ends", "Depth first", "Arrival"],
        |c: &Config| c.blend_order as usize,
        |c, i| {
            let all = [
                BlendOrder::DualScan,
                BlendOrder::DepthFirst,
                BlendOrder::Arrival,
            ];
            if let Some(v) = choose(&all, i) {
                c.blend_order = v;
            }
        },
    )
    .doc("From both ends: the tree of shared prefixes, sorted by how much its requests compute over how much memory they read, is worked through from the left and the right at once. Depth first: most sharing, whatever the requests ask of the GPU.")
    .group("Scheduler")
    .when(|c| c.scheduler == Scheduler::BlendServe),
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
    .when(|c| {
        c.scheduler.has(Feature::Predicted) || c.routes_by_length()
    }),
    Param::float(
        "rank_tau",
        "Kendall's τ of the ranking",
        [0.0, 1.0],
        |c: &Config| c.rank_tau,
        |c, v| c.rank_tau = v,
    )
    .doc("How well the scores agree with the true order of output lengths: pairs ranked rightly minus wrongly, over all pairs. 1 is the truth, 0 is chance; models trained for it reach about 0.5.")
    .group("Scheduler")
    .when(|c| c.scheduler.has(Feature::Scored)),
    Param::int(
        "starvation_steps",
        "Starves after",
        [0, 10_000],
        |c: &Config| c.starvation_steps,
        |c, v| c.starvation_steps = v,
    )
    .unit("iterations")
    .doc("Iterations in a row without running after which a request goes before all others. 0: no guard.")
    .group("Scheduler")
    .when(|c| c.scheduler.has(Feature::Scored)),
    Param::int(
        "promotion_steps",
        "Then runs first for",
        [1, 10_000],
        |c: &Config| c.promotion_steps,
        |c, v| c.promotion_steps = v,
    )
    .log()
    .unit("tok")
    .doc("Tokens that a request which starved decodes before all others.")
    .group("Scheduler")
    .when(|c| c.scheduler.has(Feature::Scored) && c.starvation_steps > 0),
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
    .when(|c| c.scheduler.has(Feature::Tries)),
    Param::choice(
        "admission",
        "Admission by",
        &["Past outputs", "Tokens of now", "Longest outputs"],
        |c: &Config| c.admission as usize,
        |c, i| {
            let all = [
                Admission::PastFuture,
                Admission::Aggressive,
                Admission::Conservative,
            ];
            if let Some(v) = choose(&all, i) {
                c.admission = v;
            }
        },
    )
    .doc("Past outputs: lengths drawn from the last 200 outputs give the peak of memory to come, which must stay below 95 % of the pool. Tokens of now: what is held today must stay below 99 %. Longest outputs: every output is taken to be as long as its sender allows.")
    .group("Scheduler")
    .when(|c| c.scheduler.has(Feature::Admission)),
];
