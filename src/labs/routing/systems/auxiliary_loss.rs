//! The auxiliary loss of Switch Transformers (arXiv 2101.03961), in training.

use super::super::claims::{Measured, Plan};
use super::super::config::{Config, Score, World};
use super::super::training::TrainRun;
use crate::core::{ClaimResult, Job, Verdict};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The auxiliary loss.
pub(super) static AUXILIARY_LOSS: Exhibit = Exhibit {
    id: "auxiliary-loss",
    lab: LabKind::Routing,
    title: "Auxiliary loss, in training",
    idea: "A penalty on the product of each expert's share of the tokens and its mean probability pulls both towards even shares. Too little and experts die, too much and tokens go where they are not served well.",
    paper: Paper {
        title: "Switch Transformers: Scaling to Trillion Parameter Models with Simple and Efficient Sparsity",
        authors: "Fedus, Zoph, Shazeer",
        year: 2021,
        arxiv: "2101.03961",
    },
    basis: Basis::Code,
    deviations: "A network of 16 small experts on handwritten digits in place of a language model; weights of the loss chosen for this size (the paper uses 0.01).",
    equation: "L = task + a E Σ_e f_e P_e; f_e share of the tokens sent to e (held constant), P_e mean probability of e",
    symbols: &[
        ("a", "weight of the auxiliary loss"),
        ("E", "number of experts"),
        ("f, P", "shares of assignments and of probability"),
    ],
    setup: || Setup::Routing(config()),
    claim: Some(Claim {
        statement: "Without balancing, routing to one expert collapses onto a few; the auxiliary loss keeps all experts in use and does not overwhelm the task.",
        experiment: "16 experts on handwritten digits, softmax, one expert each: dead experts at the end without the loss minus with it (weight 0.1), and what it does to the accuracy on held-out digits.",
        start,
    }),
};

fn config() -> Config {
    Config {
        world: World::Training,
        score: Score::Softmax,
        renormalise: false,
        experts: 16,
        k: 1,
        limited: false,
        aux_weight: 0.1,
        ..Config::default()
    }
}

fn start(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Plan::new(setups, measure, judge)
        .of("dead experts of 16, without minus with the loss", "experts")
        .start(effort)
}

fn setups(seed: u64, effort: Effort) -> Vec<Config> {
    let train_steps = if effort == Effort::Quick { 300 } else { 500 };
    [0.0, 0.1]
        .map(|aux_weight| Config {
            seed,
            train_steps,
            aux_weight,
            ..config()
        })
        .to_vec()
}

fn measure(runs: &[TrainRun]) -> [f64; 2] {
    let last = |i: usize| runs.get(i).and_then(|r| r.snapshots().last());
    match (last(0), last(1)) {
        (Some(without), Some(with)) => [
            f64::from(without.dead) - f64::from(with.dead),
            100.0 * (with.accuracy - without.accuracy),
        ],
        _ => [f64::NAN; 2],
    }
}

fn judge(m: &Measured) -> (Verdict, String) {
    let cost = m.side_interval();
    let verdict = if m.interval[0] >= 4.0 && cost[0] > -2.0 {
        Verdict::Reproduced
    } else if m.interval[0] > 0.0 {
        Verdict::Partly
    } else {
        Verdict::NotReproduced
    };
    (
        verdict,
        format!(
            "{:.1} fewer of the 16 experts are dead with the loss; the accuracy changes by {:+.2} points ({:+.2} to {:+.2}).",
            m.mean,
            m.side_mean(),
            cost[0],
            cost[1]
        ),
    )
}
