//! Llumnix: live migration between instances (arXiv 2406.03243; AlibabaPAI/llumnix).

use crate::core::{ClaimResult, Job};
use crate::labs::serving::claims::{Design, Probe, start};
use crate::labs::serving::config::{Config, Migration, Routing, Scheduler};
use crate::labs::serving::model::Run;
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static LLUMNIX: Exhibit = Exhibit {
    id: "llumnix",
    lab: LabKind::Serving,
    title: "Llumnix (requests move between instances)",
    idea: "Nobody knows how long an output gets, so instances fill up unevenly: one preempts while another has room. Let requests move while they decode: their KV is copied beside the decoding, and they stop only for the last piece.",
    paper: Paper {
        title: "Llumnix: dynamic scheduling for large language model serving",
        authors: "Sun, Huang, Zhao, et al.",
        year: 2024,
        arxiv: "2406.03243",
    },
    basis: Basis::Code,
    deviations: "Every period the most loaded instances are paired with the least loaded ones and one request of each pair moves. Copies go over one link per instance, one after the other, and cost the batches nothing. Priorities act through headroom only (room kept beside requests of the first class); the queue of an instance stays first come, first served.",
    equation: "freeness = (M − blocks in use − headroom − blocks of waiting prompts)/requests; arrivals go to the largest; a request moves from freeness < θ to freeness ≥ θ; stop = latency + last block·bytes/bandwidth",
    symbols: &[
        ("M", "blocks of an instance"),
        ("θ", "free blocks per request"),
    ],
    setup: || {
        // A slow network, so that copies are seen on their way.
        Setup::Serving(Config {
            transfer_gbps: 1.25,
            ..config(Migration::Defragment, Routing::Freest, 300)
        })
    },
    claim: Some(Claim {
        statement: "Tail latency of the first token an order of magnitude lower than with dispatch alone.",
        experiment: "Llama-3-8B on four A100s with 520 blocks each, outputs with a heavy tail (σ = 1.2), 8.5 requests per second: P99 of the time to the first token, dispatch by the fewest requests and nothing more, over dispatch by freeness with migration (every 0.1 s, θ = 3, link of 25 GB/s).",
        start: tail,
    }),
};

/// Four small instances under outputs of very different lengths.
fn config(migration: Migration, routing: Routing, requests: u64) -> Config {
    Config {
        scheduler: Scheduler::Vllm,
        routing,
        migration,
        replicas: 4,
        num_blocks: 520,
        rate: 8.5,
        requests,
        prompt_median: 220.0,
        prompt_sigma: 0.9,
        prompt_max: 1024,
        output_median: 200.0,
        output_sigma: 1.2,
        output_max: 2000,
        look_over_secs: 0.1,
        max_tokens_per_sequence: 8192,
        batch_size_cap: 256,
        slo_ttft_secs: 2.0,
        ..Config::default()
    }
}

fn ttft_p99(run: &Run) -> f64 {
    let r = run.results();
    crate::core::stats::percentile_sorted(&r.ordered.ttft, 99.0)
}

fn tail(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let requests = if effort == Effort::Quick { 3000 } else { 8000 };
    let design = Design {
        quantity: "P99 of the time to the first token, dispatch by requests over Llumnix",
        sides: [
            config(Migration::Off, Routing::LeastOutstanding, requests),
            config(Migration::Defragment, Routing::Freest, requests),
        ],
        probe: Probe::Figure(ttft_p99),
        claimed: 10.0,
        claimed_where: "at best in the paper",
        enough: 5.0,
        conditions: "Part of the gain is the dispatch by free memory alone. Migration helps while memory is short somewhere and free elsewhere: at a lower load there is nothing to repair, at a higher one every instance is full, and an instance that admits up to its watermark runs out of memory faster than one request per look can leave it.",
    };
    start(design, effort)
}
