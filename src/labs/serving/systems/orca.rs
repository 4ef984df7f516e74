//! Orca (OSDI 2022; scheduler as in microsoft/vidur).
//!
//! The batch is formed anew for every iteration: finished requests leave, waiting ones join. Each
//! request has a slot of memory for the longest possible sequence.

use crate::core::{ClaimResult, Job};
use crate::labs::serving::claims::{Design, Probe, start, tokens_per_second};
use crate::labs::serving::config::{Arrivals, Config, Scheduler};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static ORCA: Exhibit = Exhibit {
    id: "orca",
    lab: LabKind::Serving,
    title: "Orca",
    idea: "Form the batch anew for every iteration: whoever is done leaves at once, whoever waits joins at once.",
    paper: Paper {
        title: "Orca: a distributed serving system for transformer-based generative models",
        authors: "Yu, Jeong, Kim, et al.",
        year: 2022,
        arxiv: "",
    },
    basis: Basis::Code,
    deviations: "Selective batching is part of the cost model: attention is counted per request, everything else per token.",
    equation: "batch = running[..cap] + waiting while batch < cap and free ≥ ⌊L/B⌋",
    symbols: &[
        ("cap", "largest batch"),
        ("L", "longest sequence, prompt and output"),
        ("B", "tokens per block"),
    ],
    setup: || Setup::Serving(config(Scheduler::Orca, 64)),
    claim: Some(Claim {
        statement: "Throughput up to 36.9 times that of FasterTransformer at the same latency (GPT-3 175B).",
        experiment: "200 requests at once, batches of 16, outputs of 120 tokens with spread 0.8: output tokens per second, Orca over static batching.",
        start: throughput,
    }),
};

/// A backlog of requests with very different output lengths.
pub(super) fn config(scheduler: Scheduler, requests: u64) -> Config {
    Config {
        scheduler,
        arrivals: Arrivals::Burst,
        requests,
        batch_size_cap: 16,
        num_blocks: 2048,
        ..crate::labs::serving::presets::pressure()
    }
}

fn throughput(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let requests = if effort == Effort::Quick { 200 } else { 1000 };
    let design = Design {
        quantity: "output tokens per second, Orca over static batching",
        sides: [
            config(Scheduler::Orca, requests),
            config(Scheduler::StaticBatching, requests),
        ],
        probe: Probe::Figure(tokens_per_second),
        claimed: 36.9,
        claimed_where: "in the paper",
        enough: 18.0,
        conditions: "The gain here is the waiting for the longest output of a batch. The paper's factor is taken at equal latency under load on a far larger model, where static batching collapses first.",
    };
    start(design, effort)
}
