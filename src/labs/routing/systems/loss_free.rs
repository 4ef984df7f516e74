//! Auxiliary-loss-free load balancing (arXiv 2408.15664): a selection bias follows the load.

use super::super::claims::{Measured, Plan};
use super::super::config::{Config, Router};
use super::super::model::BatchRun;
use crate::core::{ClaimResult, Job, Verdict};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// Loss-free balancing.
pub(super) static LOSS_FREE: Exhibit = Exhibit {
    id: "loss-free-balancing",
    lab: LabKind::Routing,
    title: "Loss-free balancing",
    idea: "A bias per expert is added to the scores for the choice only. After each batch it moves down for overloaded experts and up for idle ones; the weights never see it.",
    paper: Paper {
        title: "Auxiliary-Loss-Free Load Balancing Strategy for Mixture-of-Experts",
        authors: "Wang et al.",
        year: 2024,
        arxiv: "2408.15664",
    },
    basis: Basis::Code,
    deviations: "A fixed router on synthetic tokens instead of a model in training: the balance is tested, the paper's language-model loss is not.",
    equation: "s = sigmoid(W x); S = top-k(s + b); w_e = s_e / Σ_S s; after a batch b_e += u sign(mean(c) - c_e)",
    symbols: &[
        ("s", "score of each expert"),
        ("b", "selection bias, 0 at the start"),
        ("c", "tokens asked of each expert in the batch"),
        (
            "u",
            "bias step; the paper uses 0.001 over many more batches",
        ),
    ],
    setup,
    claim: Some(Claim {
        statement: "The bias keeps the load balanced during the whole run (lower MaxVio than without it) with no auxiliary loss.",
        experiment: "MaxVio over the last quarter of the batches with the bias, over the same batches with the bias all but frozen; and how far it is from the floor of random routing.",
        start,
    }),
};

fn config(rate: f64, batches: u64) -> Config {
    Config {
        router: Router::LossFree,
        router_skew: 0.8,
        limited: false,
        bias_rate: rate,
        batches,
        ..Config::default()
    }
}

fn setup() -> Setup {
    Setup::Routing(Config {
        limited: true,
        ..config(0.02, 60)
    })
}

fn start(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Plan::new(setups, measure, judge)
        .of("MaxVio with the bias over MaxVio without", "×")
        .start(effort)
}

/// The same batches with the bias and, at the smallest legal rate, with the bias all but frozen.
fn setups(seed: u64, effort: Effort) -> Vec<Config> {
    let batches = if effort == Effort::Quick { 60 } else { 200 };
    [0.02, 1e-4]
        .map(|rate| Config {
            seed,
            ..config(rate, batches)
        })
        .to_vec()
}

fn measure(runs: &[BatchRun]) -> [f64; 2] {
    let late = |run: &BatchRun| {
        let tail = &run.batches()[run.batches().len() * 3 / 4..];
        tail.iter().map(|b| b.stats.max_violation).sum::<f64>() / tail.len() as f64
    };
    match runs {
        [with, without] => [
            late(with) / late(without),
            late(with) / with.floor().max_violation[0],
        ],
        _ => [f64::NAN; 2],
    }
}

fn judge(m: &Measured) -> (Verdict, String) {
    let over_floor = m.side.iter().sum::<f64>() / m.side.len() as f64;
    let verdict = if m.interval[1] < 0.5 {
        Verdict::Reproduced
    } else if m.interval[1] < 1.0 {
        Verdict::Partly
    } else {
        Verdict::NotReproduced
    };
    (
        verdict,
        format!(
            "MaxVio falls to {:.2} of what it is without the bias, {over_floor:.1} times the floor of random routing. The claim about a lower training loss is not tested here.",
            m.mean
        ),
    )
}
