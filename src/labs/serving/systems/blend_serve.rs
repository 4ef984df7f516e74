//! BlendServe: offline batches that compute and read memory at the same time (arXiv 2411.16102).

use crate::core::{ClaimResult, Job};
use crate::labs::serving::claims::{Design, Probe, start, tokens_per_second};
use crate::labs::serving::config::{Arrivals, BlendOrder, Config, Scheduler};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static BLEND_SERVE: Exhibit = Exhibit {
    id: "blendserve",
    lab: LabKind::Serving,
    title: "BlendServe (computing beside reading)",
    idea: "An offline batch may run in any order. Depth first through the tree of shared prefixes, requests that only compute come together, and so do those that only read memory: half of the GPU idles in turn. Sort the tree by compute density and admit from both ends at once.",
    paper: Paper {
        title: "BlendServe: optimizing offline inference for auto-regressive large models with resource-aware batching",
        authors: "Zhao, Yang, Zhu, et al.",
        year: 2024,
        arxiv: "2411.16102",
    },
    basis: Basis::Secondary,
    deviations: "From the abstract and summaries. Output lengths come from the lab's predictor, not from samples of each subtree. A node is cut in two where the seconds of its requests that are out of balance exceed those of computing its prefix a second time. Memory is shared between the ends by each request's mean tokens. Overlap is ideal: an iteration takes its fixed part and the longer of computing and reading.",
    equation: "ρ = C/M with C = c₁·P + c₂·Q + c₃·D without shared prefixes, M = c₄·Σ context; t = c₀ + max(C, M); share of memory for the left end w with ρ = w·ρ_left + (1 − w)·ρ_right; gain over separate order = Σ max(C, M) per kind / max(ΣC, ΣM) ≤ 2",
    symbols: &[
        ("C, M", "seconds of computing and of reading KV"),
        ("ρ", "compute density of a request, a node, the whole batch"),
        (
            "w",
            "share of the memory held by requests from the left end",
        ),
        ("P, Q, D", "prompt tokens, their attention, decodes"),
    ],
    setup: || Setup::Serving(config(BlendOrder::DualScan, 160)),
    claim: Some(Claim {
        statement: "Up to 1.44 times the throughput of offline serving in other orders.",
        experiment: "Llama-3-8B on one A100 whose operators overlap, two data sets with their own instructions of 300 tokens – prompts of typically 4,000 and outputs of 50 tokens, and 100 and 2,000 – all there at the start: output tokens per second from both ends of the tree sorted by density, over depth first.",
        start: throughput,
    }),
};

/// Two data sets at once: one computes, one reads.
fn config(order: BlendOrder, requests: u64) -> Config {
    Config {
        scheduler: Scheduler::BlendServe,
        blend_order: order,
        overlap: true,
        arrivals: Arrivals::Burst,
        requests,
        prefix_caching: true,
        allocation: crate::labs::serving::config::Allocation::WholePrompt,
        prediction_sigma: 0.3,
        chunk_size: 256,
        batch_size_cap: 256,
        num_blocks: 8192,
        max_tokens_per_sequence: 16_384,
        prompt_median: 4000.0,
        prompt_sigma: 0.3,
        prompt_max: 10_000,
        output_median: 50.0,
        output_sigma: 0.3,
        output_max: 4000,
        batch_share: 0.5,
        batch_prompt_median: 100.0,
        batch_output_median: 2000.0,
        class_prompt: 300,
        slo_ttft_secs: 100.0,
        slo_tpot_secs: 1.0,
        batch_slo_ttft_secs: 100.0,
        ..Config::default()
    }
}

fn throughput(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let requests = if effort == Effort::Quick { 120 } else { 600 };
    let design = Design {
        quantity: "output tokens per second, from both ends over depth first",
        sides: [
            config(BlendOrder::DualScan, requests),
            config(BlendOrder::DepthFirst, requests),
        ],
        probe: Probe::Figure(tokens_per_second),
        claimed: 1.44,
        claimed_where: "at best in the paper, against vLLM and SGLang, whose operators do not overlap",
        enough: 1.2,
        conditions: "Both sides overlap, so this is the order alone. What every iteration costs anyway (reading the weights) overlaps with nothing here and waters the gain down; where both kinds compute more than they read there is nothing to blend, and in order of arrival they are mixed by chance already.",
    };
    start(design, effort)
}
