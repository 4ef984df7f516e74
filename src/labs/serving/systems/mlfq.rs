//! Skip-join multi-level feedback queue of FastServe (arXiv 2305.05920; LLMServe/FastServe).

use crate::core::{ClaimResult, Job};
use crate::labs::serving::claims::{Design, Probe, mean_latency_per_token, start};
use crate::labs::serving::config::{Config, Scheduler};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static MLFQ: Exhibit = Exhibit {
    id: "mlfq",
    lab: LabKind::Serving,
    title: "FastServe (skip-join MLFQ)",
    idea: "Nobody knows how long an answer gets, so let short ones show themselves: whoever has run for its quantum sinks a level, and lower levels wait.",
    paper: Paper {
        title: "Fast distributed inference serving for large language models",
        authors: "Wu, Zhong, Zhang, et al.",
        year: 2023,
        arxiv: "2305.05920",
    },
    basis: Basis::Code,
    deviations: "Selection under a token budget with chunked prompts. A request below the selection keeps its memory until someone above needs it; memory is not moved out ahead of time. What a request computes again after losing its memory does not count as running.",
    equation: "level = min p with q₀·2^p ≥ prefill time; down a level after q₀·2^p of running",
    symbols: &[("q₀", "first quantum"), ("p", "level, from 0")],
    setup: || {
        Setup::Serving(Config {
            num_blocks: 2048,
            ..config(Scheduler::Mlfq, 160)
        })
    },
    claim: Some(Claim {
        statement: "Mean job completion time up to 5.1 times lower than Orca's, which runs jobs to their end in order of arrival.",
        experiment: "9.5 requests per second, 32 at a time, outputs of 120 tokens with spread 1.2, quantum 50 ms: mean end-to-end time per output token, first come first served (vLLM v1) over MLFQ.",
        start: latency,
    }),
};

fn config(scheduler: Scheduler, requests: u64) -> Config {
    Config {
        scheduler,
        requests,
        rate: 9.5,
        batch_size_cap: 32,
        output_sigma: 1.2,
        output_max: 2000,
        max_tokens_per_sequence: 4096,
        num_blocks: 8192,
        mlfq_quantum_secs: 0.05,
        ..crate::labs::serving::presets::pressure()
    }
}

fn latency(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let requests = if effort == Effort::Quick { 300 } else { 1000 };
    let design = Design {
        quantity: "mean latency per token, first come first served over MLFQ",
        sides: [
            config(Scheduler::VllmV1, requests),
            config(Scheduler::Mlfq, requests),
        ],
        probe: Probe::Figure(mean_latency_per_token),
        claimed: 5.1,
        claimed_where: "in the paper's abstract, for the mean completion time",
        enough: 2.5,
        conditions: "The baseline here pages its memory and cuts prompts, unlike Orca, so less is left to gain. Long answers pay with stalls of seconds.",
    };
    start(design, effort)
}
