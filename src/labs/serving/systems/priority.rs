//! Priorities with aging. A. Cobham, "Priority assignment in waiting line problems" (Operations
//! Research 2, 1954) gives the waits without aging.

use crate::labs::serving::config::{Config, Scheduler};
use crate::labs::{Basis, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static PRIORITY: Exhibit = Exhibit {
    id: "priority",
    lab: LabKind::Serving,
    title: "Priority with aging",
    idea: "Interactive requests go before batch jobs, but waiting counts: after τ seconds a request has gained one level, so nothing waits for ever.",
    paper: Paper {
        title: "Priority assignment in waiting line problems",
        authors: "Cobham",
        year: 1954,
        arxiv: "",
    },
    basis: Basis::Standard,
    deviations: "Aging, preemption and batching are ours; with τ very long, one request at a time and exponential service the waits are Cobham's.",
    equation: "next = argmin over the queue of priority − age/τ",
    symbols: &[
        ("priority", "0 interactive, higher later"),
        ("age", "seconds since arrival"),
        ("τ", "seconds that outweigh one level"),
    ],
    setup: || {
        Setup::Serving(Config {
            scheduler: Scheduler::Priority,
            rate: 4.0,
            requests: 120,
            batch_share: 0.3,
            batch_prompt_median: 1500.0,
            batch_output_median: 300.0,
            batch_size_cap: 16,
            aging_secs: 60.0,
            num_blocks: 1500,
            ..crate::labs::serving::presets::pressure()
        })
    },
    claim: None,
};
