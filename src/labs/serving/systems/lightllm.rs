//! LightLLM's admission by the peak of memory to come (repository ModelTC/lightllm; scheduler as
//! in microsoft/vidur), with true output lengths.

use crate::labs::serving::config::{Config, Scheduler};
use crate::labs::{Basis, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static LIGHTLLM: Exhibit = Exhibit {
    id: "lightllm",
    lab: LabKind::Serving,
    title: "LightLLM",
    idea: "Admit a request only if the largest amount of memory that everybody will ever need at one time still fits.",
    paper: Paper {
        title: "Past-Future scheduler for LLM serving under SLA guarantees",
        authors: "Gong, Bai, et al.",
        year: 2025,
        arxiv: "2507.10150",
    },
    basis: Basis::Code,
    deviations: "True output lengths instead of a distribution of past ones, so nothing is ever evicted.",
    equation: "peak = max over i of (a₁ + … + aᵢ + i·bᵢ) < N, requests sorted by b, descending",
    symbols: &[
        ("a", "tokens a request holds now"),
        ("b", "tokens still to come"),
        ("N", "tokens the pool holds"),
    ],
    setup: || {
        Setup::Serving(Config {
            scheduler: Scheduler::Lightllm,
            ..crate::labs::serving::presets::pressure()
        })
    },
    claim: None,
};
