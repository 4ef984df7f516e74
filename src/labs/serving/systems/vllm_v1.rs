//! vLLM v1 (repository vllm-project/vllm, vllm/v1/core/sched/scheduler.py): one token budget per
//! step, blocks only for the tokens of that step.

use crate::core::{ClaimResult, Job};
use crate::labs::serving::claims::{Design, Probe, start};
use crate::labs::serving::config::{Config, Scheduler};
use crate::labs::serving::model::Run;
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static VLLM_V1: Exhibit = Exhibit {
    id: "vllm-v1",
    lab: LabKind::Serving,
    title: "vLLM v1",
    idea: "No difference between prefill and decode: every step has one token budget, and memory is given only for the tokens of that step.",
    paper: Paper {
        title: "vLLM, engine version 1 (source code)",
        authors: "vLLM project",
        year: 2025,
        arxiv: "",
    },
    basis: Basis::Code,
    deviations: "First come, first served; no limit on long prefills. The other order of its source, priorities, is an exhibit of its own.",
    equation: "q = 1 if the prompt is done, else min(P − done, budget left)",
    symbols: &[
        ("q", "tokens that run in this step"),
        ("P", "prompt tokens"),
        ("budget", "tokens of one step"),
    ],
    setup: || Setup::Serving(config(Scheduler::VllmV1, 120)),
    claim: Some(Claim {
        statement: "Admitting a prompt by its first chunk instead of its whole length causes several times as many preemptions under memory pressure (our own finding: 3.7 times).",
        experiment: "420 blocks, 14 requests per second, budget 512: preemptions, vLLM v1 over Sarathi-Serve, whose admission asks for the whole prompt.",
        start: preemptions,
    }),
};

fn config(scheduler: Scheduler, requests: u64) -> Config {
    Config {
        scheduler,
        requests,
        ..crate::labs::serving::presets::pressure()
    }
}

fn count(run: &Run) -> f64 {
    run.log().evictions.len() as f64
}

fn preemptions(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let requests = if effort == Effort::Quick { 300 } else { 1000 };
    let design = Design {
        quantity: "preemptions, vLLM v1 over Sarathi-512",
        sides: [
            config(Scheduler::VllmV1, requests),
            config(Scheduler::Sarathi, requests),
        ],
        probe: Probe::Figure(count),
        claimed: 3.7,
        claimed_where: "in our reference measurement",
        enough: 2.0,
        conditions: "It needs a small pool under overload; with memory to spare neither preempts.",
    };
    start(design, effort)
}
