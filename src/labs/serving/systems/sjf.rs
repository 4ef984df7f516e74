//! Shortest job first by predicted output length (arXiv 2408.15792 learns the prediction).

use crate::core::{ClaimResult, Job};
use crate::labs::serving::claims::{Design, Probe, mean_latency_per_token, start};
use crate::labs::serving::config::{Arrivals, Config, Scheduler};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static SJF: Exhibit = Exhibit {
    id: "sjf",
    lab: LabKind::Serving,
    title: "SJF with predicted lengths",
    idea: "Of those who wait, let in whoever is predicted to have the shortest answer. Turn up the error of the prediction and watch how much of the gain survives.",
    paper: Paper {
        title: "Efficient LLM scheduling by learning to rank",
        authors: "Fu, Zhu, Su, et al.",
        year: 2024,
        arxiv: "2408.15792",
    },
    basis: Basis::Standard,
    deviations: "Without preemption: the prediction decides only who is admitted next. The learned ranking is replaced by the true length times lognormal noise; no guard against starvation.",
    equation: "next = argmin over the queue of D·e^(σ·N(0,1))",
    symbols: &[
        ("D", "output tokens"),
        ("σ", "prediction error"),
        ("N(0,1)", "a normal draw per request"),
    ],
    setup: || Setup::Serving(config(Scheduler::Sjf, 120)),
    claim: Some(Claim {
        statement: "Ranking requests by a learned prediction lowers the mean latency per output token up to 2.8 times against first come, first served, in chat serving.",
        experiment: "A burst of requests, 64 at a time, predictions with σ = 0.5: mean end-to-end time per output token, first come first served (vLLM v1) over SJF.",
        start: latency,
    }),
};

fn config(scheduler: Scheduler, requests: u64) -> Config {
    Config {
        scheduler,
        arrivals: Arrivals::Burst,
        requests,
        num_blocks: 4096,
        prediction_sigma: 0.5,
        ..crate::labs::serving::presets::pressure()
    }
}

fn latency(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let requests = if effort == Effort::Quick { 300 } else { 500 };
    let design = Design {
        quantity: "mean latency per token, first come first served over SJF with σ = 0.5",
        sides: [
            config(Scheduler::VllmV1, requests),
            config(Scheduler::Sjf, requests),
        ],
        probe: Probe::Figure(mean_latency_per_token),
        claimed: 2.8,
        claimed_where: "in the paper",
        enough: 2.0,
        conditions: "A burst is the best case for ranking. The paper also preempts, and its predictor ranks with a τ that depends on the data.",
    };
    start(design, effort)
}
