//! BASE layers (arXiv 2103.16716): exact balanced assignment.

use super::super::claims::{Measured, Plan, mean_logit};
use super::super::config::{Config, Router};
use super::super::model::BatchRun;
use crate::core::{ClaimResult, Job, Verdict};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// Exact assignment.
pub(super) static BASE_LAYERS: Exhibit = Exhibit {
    id: "base-layers",
    lab: LabKind::Routing,
    title: "BASE layers (exact assignment)",
    idea: "Routing as a linear assignment problem: every expert takes the same number of tokens, and among all such assignments the one with the largest total score is chosen.",
    paper: Paper {
        title: "BASE Layers: Simplifying Training of Large, Sparse Models",
        authors: "Lewis et al.",
        year: 2021,
        arxiv: "2103.16716",
    },
    basis: Basis::Paper,
    deviations: "Solved exactly by successive shortest paths over experts, where the paper uses an auction. At inference the models take the plain argmax.",
    equation: "max Σ_t z_{t,a(t)} with exactly N/E tokens per expert; y = x + sigmoid(z_{t,a(t)}) f_{a(t)}(x)",
    symbols: &[
        ("z", "router logits"),
        ("a(t)", "expert of token t"),
        ("N, E", "tokens per batch, experts"),
    ],
    setup: || Setup::Routing(config()),
    claim: Some(Claim {
        statement: "The assignment guarantees equal loads without any auxiliary loss or extra hyperparameter.",
        experiment: "A router with favourites: MaxVio of the assignment, and how much of the argmax's mean logit the balance costs.",
        start,
    }),
};

fn config() -> Config {
    Config {
        router: Router::Base,
        limited: false,
        router_skew: 0.8,
        ..Config::default()
    }
}

fn start(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Plan::new(setups, measure, judge)
        .of("MaxVio of the assignment", "")
        .start(effort)
}

fn setups(seed: u64, effort: Effort) -> Vec<Config> {
    let tokens = if effort == Effort::Quick { 256 } else { 1024 };
    [Router::Base, Router::Switch]
        .map(|router| Config {
            seed,
            router,
            tokens,
            batches: 2,
            ..config()
        })
        .to_vec()
}

fn measure(runs: &[BatchRun]) -> [f64; 2] {
    match runs {
        [exact, free] => [
            super::super::claims::metric(runs, 0, "max_violation"),
            mean_logit(free) - mean_logit(exact),
        ],
        _ => [f64::NAN; 2],
    }
}

fn judge(m: &Measured) -> (Verdict, String) {
    let verdict = if m.interval[1] == 0.0 {
        Verdict::Reproduced
    } else {
        Verdict::NotReproduced
    };
    (
        verdict,
        format!(
            "Loads are equal in every batch of every seed. The price: the mean chosen logit is {:.3} below that of the plain argmax.",
            m.side_mean()
        ),
    )
}
