//! Shortest remaining processing time with true lengths: the oracle of learning to rank
//! (arXiv 2408.15792; hao-ai-lab/vllm-ltr).

use crate::core::{ClaimResult, Job};
use crate::labs::serving::claims::{Design, Probe, mean_latency_per_token, start};
use crate::labs::serving::config::{Arrivals, Config, Scheduler};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static SRPT: Exhibit = Exhibit {
    id: "srpt",
    lab: LabKind::Serving,
    title: "SRPT (oracle of learning to rank)",
    idea: "Every step, the requests with the fewest tokens left run first. With known lengths it is the oracle; add a prediction error for what a learned ranking can do.",
    paper: Paper {
        title: "Efficient LLM scheduling by learning to rank",
        authors: "Fu, Zhu, Su, et al.",
        year: 2024,
        arxiv: "2408.15792",
    },
    basis: Basis::Code,
    deviations: "True lengths, or true lengths times lognormal noise; the paper's own noisy ranking with its guard against starvation is an exhibit of its own.",
    equation: "rank by P + D − processed, ascending",
    symbols: &[
        ("P", "prompt tokens"),
        ("D", "output tokens"),
        ("processed", "tokens already counted"),
    ],
    setup: || Setup::Serving(config(Scheduler::Srpt, 120)),
    claim: Some(Claim {
        statement: "Mean latency per output token 2.8 times lower than first come, first served, in chat serving.",
        experiment: "A burst of requests, 64 at a time: mean end-to-end time per output token, first come first served (vLLM v1 loop) over SRPT with true lengths.",
        start: latency,
    }),
};

fn config(scheduler: Scheduler, requests: u64) -> Config {
    Config {
        scheduler,
        arrivals: Arrivals::Burst,
        requests,
        num_blocks: 4096,
        ..crate::labs::serving::presets::pressure()
    }
}

fn latency(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let requests = if effort == Effort::Quick { 300 } else { 500 };
    let design = Design {
        quantity: "mean latency per token, first come first served over SRPT",
        sides: [
            config(Scheduler::VllmV1, requests),
            config(Scheduler::Srpt, requests),
        ],
        probe: Probe::Figure(mean_latency_per_token),
        claimed: 2.8,
        claimed_where: "in the paper",
        enough: 2.0,
        conditions: "A burst is the best case for ranking, and the lengths are known here; the tail of long requests waits longer.",
    };
    start(design, effort)
}
