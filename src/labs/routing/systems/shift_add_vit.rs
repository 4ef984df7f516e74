//! Latency-aware balancing of ShiftAddViT (arXiv 2306.06446).

use super::super::claims::{Measured, Plan};
use super::super::config::{Config, Score, World};
use super::super::training::TrainRun;
use crate::core::{ClaimResult, Job, Verdict};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The latency-aware loss.
pub(super) static SHIFT_ADD_VIT: Exhibit = Exhibit {
    id: "shift-add-vit",
    lab: LabKind::Routing,
    title: "ShiftAddViT: latency-aware balancing",
    idea: "When experts differ in speed, equal shares leave the fast ones waiting. Weighing each expert's share by its latency makes equal time the target: the faster an expert, the more tokens it gets.",
    paper: Paper {
        title: "ShiftAddViT: Mixture of Multiplication Primitives Towards Efficient Vision Transformer",
        authors: "You, Shi, Guo, Lin",
        year: 2023,
        arxiv: "2306.06446",
    },
    basis: Basis::Code,
    deviations: "Experts differ in an assumed latency only, not in what they compute. The load is smoothed as under noise on the logits, but no noise is added to the choice itself.",
    equation: "L = CV²(latency · importance) + CV²(latency · load), importance_e = Σ_t share of e in the scores of t, load smoothed, variance over n - 1; least when shares ∝ 1 / latency",
    symbols: &[
        ("latency", "time of an expert for a token"),
        ("CV", "standard deviation over mean"),
    ],
    setup: || Setup::Routing(config()),
    claim: Some(Claim {
        statement: "The latency-aware loss sends more tokens to faster experts and so shortens the slowest one's time.",
        experiment: "Two experts of latency 1.5 and 1 on handwritten digits, one each: time of the slowest with the latency-aware loss over that with the auxiliary loss, which aims at even shares; both at weight 1.",
        start,
    }),
};

fn config() -> Config {
    Config {
        world: World::Training,
        score: Score::Softmax,
        experts: 2,
        k: 1,
        renormalise: false,
        limited: false,
        latency_weight: 1.0,
        latency_ratio: 1.5,
        ..Config::default()
    }
}

fn start(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Plan::new(setups, measure, judge)
        .of(
            "time of the slowest expert, latency-aware over auxiliary loss",
            "×",
        )
        .start(effort)
}

fn setups(seed: u64, effort: Effort) -> Vec<Config> {
    let base = Config {
        seed,
        train_steps: if effort == Effort::Quick { 300 } else { 500 },
        ..config()
    };
    vec![
        base.clone(),
        // The auxiliary loss aims at equal shares.
        Config {
            latency_weight: 0.0,
            aux_weight: 1.0,
            ..base
        },
    ]
}

fn measure(runs: &[TrainRun]) -> [f64; 2] {
    let last = |i: usize| runs.get(i).and_then(|r| r.snapshots().last());
    match (last(0), last(1)) {
        (Some(aware), Some(even)) => [
            aware.makespan / even.makespan,
            aware.loads[1] / aware.loads.iter().sum::<f64>(),
        ],
        _ => [f64::NAN; 2],
    }
}

fn judge(m: &Measured) -> (Verdict, String) {
    let verdict = if m.interval[1] < 0.95 {
        Verdict::Reproduced
    } else if m.interval[1] < 1.0 {
        Verdict::Partly
    } else {
        Verdict::NotReproduced
    };
    (
        verdict,
        format!(
            "The slowest expert takes {:.2} times as long; the fast expert gets {:.0} % of the tokens, where 60 % would make both equally slow and the time 0.80.",
            m.mean,
            100.0 * m.side_mean()
        ),
    )
}
