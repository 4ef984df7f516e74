//! Sarathi-Serve (arXiv 2403.02310; microsoft/sarathi-serve, scheduler as in microsoft/vidur).
//!
//! A prompt is cut into chunks; every iteration takes all decodes first and fills the rest of a
//! token budget C with chunks, so that no iteration takes longer than C tokens need and decodes
//! never stop for a prompt.

use crate::core::{ClaimResult, Job};
use crate::labs::serving::claims::{Design, Probe, start, strict_tbt};
use crate::labs::serving::config::{Config, Scheduler};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static SARATHI_SERVE: Exhibit = Exhibit {
    id: "sarathi-serve",
    lab: LabKind::Serving,
    title: "Sarathi-Serve",
    idea: "Cut prompts into chunks and let them ride along with the decodes, so that nobody's text stops while a new prompt is read.",
    paper: Paper {
        title: "Taming throughput-latency tradeoff in LLM inference with Sarathi-Serve",
        authors: "Agrawal, Kedia, Panwar, et al.",
        year: 2024,
        arxiv: "2403.02310",
    },
    basis: Basis::Code,
    deviations: "Fixed chunk size; the optional dynamic chunk schedule is left out. Times come from a linear cost model.",
    equation: "q = min(P − done, C − decodes − chunks so far)",
    symbols: &[
        ("q", "prompt tokens that run in this iteration"),
        ("P", "prompt tokens of the request"),
        ("C", "token budget of an iteration (chunk size)"),
    ],
    setup: || {
        Setup::Serving(Config {
            scheduler: Scheduler::Sarathi,
            ..Config::default()
        })
    },
    claim: Some(Claim {
        statement: "Serving capacity up to 2.6 times that of vLLM under a strict limit on the time between tokens (Mistral-7B on one A100).",
        experiment: "Llama-3-8B on one A100, prompts of 2,000 and outputs of 150 tokens: largest arrival rate with P99 TBT within 100 ms and median queueing within 2 s, Sarathi-512 over vLLM v0, the same requests for both.",
        start: capacity,
    }),
};

fn capacity(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let base = Config {
        requests: if effort == Effort::Quick { 300 } else { 1000 },
        num_blocks: 8192,
        ..Config::default()
    };
    let sarathi = Config {
        scheduler: Scheduler::Sarathi,
        ..base.clone()
    };
    let design = Design {
        quantity: "capacity at P99 TBT ≤ 100 ms, Sarathi-512 over vLLM v0",
        sides: [sarathi, base],
        probe: Probe::Capacity {
            accept: strict_tbt,
            rates: [0.2, 6.0],
            steps: 8,
        },
        claimed: 2.6,
        claimed_where: "in the paper",
        enough: 2.0,
        conditions: "It holds for a strict target only: with 500 ms allowed the two are about equal, and Sarathi's median first token comes later.",
    };
    start(design, effort)
}
