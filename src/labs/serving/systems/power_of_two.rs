//! The power of two choices (Mitzenmacher 2001), a router.

use crate::core::stats::mean;
use crate::core::{ClaimResult, Job};
use crate::labs::serving::claims::{Design, Probe, start};
use crate::labs::serving::config::{Config, Lengths, Routing, Scheduler};
use crate::labs::serving::model::Run;
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static POWER_OF_TWO: Exhibit = Exhibit {
    id: "power-of-two",
    lab: LabKind::Serving,
    title: "Power of two choices",
    idea: "Look at two instances drawn at random and take the less loaded one: nearly as good as looking at all of them, far better than looking at none.",
    paper: Paper {
        title: "The power of two choices in randomized load balancing",
        authors: "Mitzenmacher",
        year: 2001,
        arxiv: "",
    },
    basis: Basis::Standard,
    deviations: "Load is the number of waiting and running requests.",
    equation: "mean time in system → Σ over i ≥ 1 of λ^(2^i − 2), against 1/(1 − λ) for one random choice",
    symbols: &[(
        "λ",
        "load of an instance (exponential service of mean 1, many instances)",
    )],
    setup: || {
        Setup::Serving(Config {
            scheduler: Scheduler::Sarathi,
            rate: 22.0,
            requests: 200,
            ..config(Routing::PowerOfTwo, 200)
        })
    },
    claim: Some(Claim {
        statement: "With many servers at load 0.9 the mean time in the system falls from 10 to 2.61 service times: 3.8 times.",
        experiment: "16 instances that serve one prompt at a time (geometric lengths), load 0.9: mean end-to-end time, random over two choices, the same requests for both.",
        start: waiting,
    }),
};

/// Sixteen instances of the model.
fn config(routing: Routing, requests: u64) -> Config {
    Config {
        scheduler: Scheduler::VllmV1,
        routing,
        replicas: 16,
        requests,
        ..crate::labs::serving::presets::pressure()
    }
}

/// One prompt of a geometric length at a time and nothing else: nearly exponential service.
fn single_server(routing: Routing, requests: u64) -> Config {
    let [c0, c1, c2, ..] = Config::default().cost.coefficients();
    let mean_prompt = 1000.0;
    // E[P²] of a geometric length with mean m is 2m² − m.
    let service = c0 + c1 * mean_prompt + c2 * (2.0 * mean_prompt - 1.0) * mean_prompt;
    Config {
        rate: 16.0 * 0.9 / service,
        lengths: Lengths::Geometric,
        prompt_median: mean_prompt,
        prompt_max: 20_000,
        output_median: 1.0,
        output_max: 1,
        batch_size_cap: 1,
        chunk_size: 32_768,
        num_blocks: 4096,
        max_tokens_per_sequence: 32_768,
        warmup_percent: 10.0,
        ..config(routing, requests)
    }
}

fn mean_e2e(run: &Run) -> f64 {
    mean(&run.results().ordered.e2e)
}

fn waiting(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let requests = if effort == Effort::Quick {
        4000
    } else {
        20_000
    };
    let design = Design {
        quantity: "mean end-to-end time, random over power of two choices",
        sides: [
            single_server(Routing::Random, requests),
            single_server(Routing::PowerOfTwo, requests),
        ],
        probe: Probe::Figure(mean_e2e),
        claimed: 3.8,
        claimed_where: "by the formula for many servers",
        enough: 2.5,
        conditions: "The formula is for infinitely many servers in the long run; a run of minutes from empty servers has not built up the longest queues. With batches instead of one request at a time the gain is smaller.",
    };
    start(design, effort)
}
