//! Half fine-tuning: half of the weights stay, so that less is forgotten.

use super::race::{Outcome, Race};
use crate::core::{ClaimResult, Job};
use crate::labs::pruning::{Config, Regime, Transfer};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub static HALF_TUNING: Exhibit = Exhibit {
    id: "half-fine-tuning",
    lab: LabKind::Pruning,
    title: "Half fine-tuning",
    idea: "Tune one half of the weights on the new task and leave the other as it was: what was known before should be forgotten less.",
    paper: Paper {
        title: "HFT: Half Fine-Tuning for Large Language Models",
        authors: "Hui and others",
        year: 2024,
        arxiv: "2404.18466",
    },
    basis: Basis::Secondary,
    deviations: "Single weights drawn at random are frozen; the paper freezes whole matrices, half of each kind.",
    equation: "θ ← θ - η M ⊙ ∂L/∂θ, M random with a share of ones; the same as a penalty on (1 - M)(θ - θ⁰) without end",
    symbols: &[("M", "1 where a weight is tuned"), ("θ⁰", "weights before")],
    setup: || Setup::Pruning(config(50.0)),
    claim: Some(Claim {
        statement: "Freezing half of the parameters forgets less of what the model knew, and the new task is learnt as well.",
        experiment: "Digit readers 64-128-64-10 trained on digits, then 60 steps on mirrored digits; test accuracy on the first task, half frozen minus all tuned.",
        start: against_all,
    }),
};

fn config(frozen: f64) -> Config {
    Config {
        regime: Regime::Transfer,
        transfer: Transfer::Half,
        tune_steps: 60,
        frozen,
        ..Config::default()
    }
}

fn against_all(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let race = Race::new(
        effort,
        "test accuracy on the first task, half frozen minus all tuned",
        "points",
        vec![
            ("half frozen", config(50.0)),
            ("all tuned", config(0.0)),
            ("75 % frozen", config(75.0)),
        ],
        |o: &[Outcome]| o[0].beside() - o[1].beside(),
    );
    Box::new(race.saying(|all| {
        let mean = |i: usize| all.iter().map(|o| o[i].beside()).sum::<f64>() / all.len() as f64;
        format!(
            " These are the new task; the first task stands at {:.1} % with half frozen, {:.1} % with none, {:.1} % with 75 %.",
            mean(0),
            mean(1),
            mean(2)
        )
    }))
}
