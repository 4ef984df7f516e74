//! Expert choice routing (arXiv 2202.09368): experts take their best tokens.

use super::super::claims::{Measured, Plan, metric};
use super::super::config::{Config, Router};
use super::super::model::BatchRun;
use crate::core::{ClaimResult, Job, Verdict};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// Experts choose tokens.
pub(super) static EXPERT_CHOICE: Exhibit = Exhibit {
    id: "expert-choice",
    lab: LabKind::Routing,
    title: "Expert choice",
    idea: "Each expert takes the tokens that score highest for it, up to its capacity. Loads are equal without any auxiliary loss; a token may get several experts or none.",
    paper: Paper {
        title: "Mixture-of-Experts with Expert Choice Routing",
        authors: "Zhou et al.",
        year: 2022,
        arxiv: "2202.09368",
    },
    basis: Basis::Code,
    deviations: "Synthetic tokens. The choice looks at the whole batch, so it is not causal: a later token can take an earlier one's place.",
    equation: "p = softmax over experts of W x; expert e takes the C tokens with the largest p_e; C = ceil(factor k N / E)",
    symbols: &[
        ("p", "probability of each expert"),
        ("C", "tokens per expert"),
        ("k", "experts per token on average"),
        ("N, E", "tokens per batch, experts"),
    ],
    setup: || Setup::Routing(config()),
    claim: Some(Claim {
        statement: "Expert choice guarantees perfect load balance by construction, and tokens get a variable number of experts.",
        experiment: "A router with strong favourites: load CV of expert choice, and the share of tokens that no expert takes, over seeds.",
        start,
    }),
};

fn config() -> Config {
    Config {
        router: Router::ExpertChoice,
        k: 2,
        capacity_factor: 1.0,
        router_skew: 1.0,
        batches: 6,
        ..Config::default()
    }
}

fn start(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Plan::new(setups, measure, judge)
        .of("load CV of expert choice", "")
        .start(effort)
}

fn setups(seed: u64, _effort: Effort) -> Vec<Config> {
    vec![Config { seed, ..config() }]
}

fn measure(runs: &[BatchRun]) -> [f64; 2] {
    [metric(runs, 0, "load_cv"), metric(runs, 0, "unrouted")]
}

fn judge(m: &Measured) -> (Verdict, String) {
    let unrouted = m.side.iter().sum::<f64>() / m.side.len() as f64;
    let verdict = if m.interval[1] == 0.0 {
        Verdict::Reproduced
    } else {
        Verdict::NotReproduced
    };
    (
        verdict,
        format!(
            "Loads are equal in every batch of every seed. The price: {unrouted:.1} % of the tokens get no expert at all (mean over seeds)."
        ),
    )
}
