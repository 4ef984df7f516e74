//! Soft MoE (arXiv 2308.00951, google-research/vmoe): every slot takes a weighted mean of all tokens.

use super::super::claims::{Measured, Plan, token_gates};
use super::super::config::{Config, Router};
use super::super::model::BatchRun;
use crate::core::{ClaimResult, Job, Verdict};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// Slots instead of choices.
pub(super) static SOFT_MOE: Exhibit = Exhibit {
    id: "soft-moe",
    lab: LabKind::Routing,
    title: "Soft MoE",
    idea: "Nothing is chosen and nothing is dropped: each slot of each expert gets a softmax mixture of all tokens, and each token a softmax mixture of all slots.",
    paper: Paper {
        title: "From Sparse to Soft Mixtures of Experts",
        authors: "Puigcerver et al.",
        year: 2023,
        arxiv: "2308.00951",
    },
    basis: Basis::Code,
    deviations: "Plain scores X Φ without the released router's unit-length scaling. Not causal: every slot sees all tokens of the batch.",
    equation: "L = X Φ; dispatch D = softmax of L over tokens; combine C = softmax of L over slots; slots in: Dᵀ X; out: C f(Dᵀ X)",
    symbols: &[
        ("Φ", "one column per slot"),
        ("D, C", "token × slot weights in and out"),
        ("slots", "as many per expert as a balanced load has tokens"),
    ],
    setup: || Setup::Routing(config()),
    claim: Some(Claim {
        statement: "No token is ever dropped completely and every expert does the same work, by construction.",
        experiment: "The smallest share that any token has in all slots together, relative to an even share, in a router with favourites; and the largest.",
        start,
    }),
};

fn config() -> Config {
    Config {
        router: Router::SoftMoe,
        k: 1,
        capacity_factor: 1.0,
        tokens: 128,
        batches: 4,
        router_skew: 0.8,
        ..Config::default()
    }
}

fn start(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Plan::new(setups, measure, judge)
        .of("smallest share of a token in the slots", "× even share")
        .start(effort)
}

fn setups(seed: u64, _effort: Effort) -> Vec<Config> {
    vec![Config {
        seed,
        batches: 2,
        ..config()
    }]
}

fn measure(runs: &[BatchRun]) -> [f64; 2] {
    let shares: Vec<f64> = runs.iter().flat_map(token_gates).collect();
    [
        shares.iter().copied().fold(f64::INFINITY, f64::min),
        shares.iter().copied().fold(0.0, f64::max),
    ]
}

fn judge(m: &Measured) -> (Verdict, String) {
    let verdict = if m.interval[0] > 0.0 {
        Verdict::Reproduced
    } else {
        Verdict::Partly
    };
    (
        verdict,
        format!(
            "No share is zero, but they differ: the least heard token has {:.4} of an even share, the most heard {:.1} times it (mean over seeds).",
            m.mean,
            m.side_mean()
        ),
    )
}
