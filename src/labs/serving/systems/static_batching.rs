//! Static batching, as FasterTransformer (NVIDIA) is used in the comparisons of Orca and vLLM;
//! scheduler as in microsoft/vidur.

use super::orca::config;
use crate::core::{ClaimResult, Job};
use crate::labs::serving::claims::{Design, Probe, start, tokens_per_second};
use crate::labs::serving::config::Scheduler;
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static STATIC_BATCHING: Exhibit = Exhibit {
    id: "static-batching",
    lab: LabKind::Serving,
    title: "Static batching",
    idea: "Take a batch, run it until its last request is done, take the next. Short answers wait for the longest one.",
    paper: Paper {
        title: "FasterTransformer",
        authors: "NVIDIA",
        year: 2021,
        arxiv: "",
    },
    basis: Basis::Code,
    deviations: "Finished requests free their slots when their batch ends; the reference simulator never frees those that end early.",
    equation: "iterations of a batch = max over its requests of D",
    symbols: &[("D", "output tokens of a request")],
    setup: || Setup::Serving(config(Scheduler::StaticBatching, 64)),
    claim: Some(Claim {
        statement: "A batch lasts as long as its longest output, so iteration-level scheduling finishes the same work about twice as fast when output lengths differ (our own measurement: 2.2 times).",
        experiment: "200 requests at once, batches of 16, outputs of 120 tokens with spread 0.8: output tokens per second, iteration-level (Orca) over static batching.",
        start: cost_of_waiting,
    }),
};

fn cost_of_waiting(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let requests = if effort == Effort::Quick { 200 } else { 1000 };
    let design = Design {
        quantity: "output tokens per second, iteration-level over static batching",
        sides: [
            config(Scheduler::Orca, requests),
            config(Scheduler::StaticBatching, requests),
        ],
        probe: Probe::Figure(tokens_per_second),
        claimed: 2.2,
        claimed_where: "in our reference measurement",
        enough: 1.8,
        conditions: "It grows with the spread of output lengths and the size of the batch; with equal outputs it is 1.",
    };
    start(design, effort)
}
