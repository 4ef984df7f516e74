//! S-BASE (unified scaling laws, arXiv 2202.01169; the loop of Megatron-LM): balanced soft assignment by Sinkhorn's algorithm.

use super::super::claims::{Measured, Plan, mean_logit, metric};
use super::super::config::{Config, Router};
use super::super::model::BatchRun;
use crate::core::{ClaimResult, Job, Verdict};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// Sinkhorn.
pub(super) static S_BASE: Exhibit = Exhibit {
    id: "s-base",
    lab: LabKind::Routing,
    title: "S-BASE (Sinkhorn)",
    idea: "Rows and columns of exp(z) are normalised in turn until every token gives the same mass and every expert gets the same. The choice is made from this plan; the weights never see it.",
    paper: Paper {
        title: "Unified Scaling Laws for Routed Language Models",
        authors: "Clark et al.",
        year: 2022,
        arxiv: "2202.01169",
    },
    basis: Basis::Code,
    deviations: "Log domain, so that large logits cannot overflow; stops when every row sum is within 0.1 % or after 400 passes. Training-time rule: at inference the models take the plain argmax.",
    equation: "plan = d0 exp(z / τ) d1 with d0 = (1/N) / (K d1), d1 = (1/E) / (Kᵀ d0); S = top-k of the plan; w = sigmoid(z_e) for k = 1, softmax over the k otherwise",
    symbols: &[
        ("z", "router logits"),
        ("K", "exp(z / τ), token × expert"),
        ("d0, d1", "scales of rows and columns"),
        ("τ", "temperature: small is close to the exact assignment"),
    ],
    setup: || Setup::Routing(config()),
    claim: Some(Claim {
        statement: "Sinkhorn's plan balances the load almost like the exact assignment, with little loss of value.",
        experiment: "A router with favourites, one expert per token: MaxVio of the plan's choice over that of the plain argmax, and its mean chosen logit against the exact assignment.",
        start,
    }),
};

fn config() -> Config {
    Config {
        router: Router::Sinkhorn,
        k: 1,
        limited: false,
        router_skew: 0.8,
        temperature: 0.1,
        ..Config::default()
    }
}

fn start(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Plan::new(setups, measure, judge)
        .of("MaxVio, Sinkhorn over argmax", "×")
        .start(effort)
}

fn setups(seed: u64, effort: Effort) -> Vec<Config> {
    let tokens = if effort == Effort::Quick { 256 } else { 512 };
    [Router::Sinkhorn, Router::Switch, Router::Base]
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
    let violation = |i| metric(runs, i, "max_violation");
    match runs {
        [plan, _, exact] => [
            violation(0) / violation(1),
            mean_logit(plan) - mean_logit(exact),
        ],
        _ => [f64::NAN; 2],
    }
}

fn judge(m: &Measured) -> (Verdict, String) {
    let verdict = match m.interval[1] {
        ..0.25 => Verdict::Reproduced,
        ..1.0 => Verdict::Partly,
        _ => Verdict::NotReproduced,
    };
    (
        verdict,
        format!(
            "MaxVio falls to {:.2} of the argmax's. The mean chosen logit is {:+.3} against the exact assignment, which a rule may exceed only by leaving the balance.",
            m.mean,
            m.side_mean()
        ),
    )
}
