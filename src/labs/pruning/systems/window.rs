//! When to prune: the window from 25 % to 75 % of the training, and the law of the mean size.
//!
//! The abstract says that a pre-training which prunes between a quarter and three quarters of its
//! compute is near the best of 80 schedules, and that the final loss follows a scaling law in the mean
//! number of parameters over the training.

use super::race::{Outcome, Race};
use crate::core::stats;
use crate::core::{ClaimResult, Job};
use crate::labs::pruning::{Config, RateShape, Regime};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub static WINDOW: Exhibit = Exhibit {
    id: "journey-window",
    lab: LabKind::Pruning,
    title: "25 to 75 % window",
    idea: "Train dense for a quarter, prune until three quarters, recover for the rest. The mean number of weights over the training is said to predict the loss.",
    paper: Paper {
        title: "The Journey Matters: Average Parameter Count over Pre-training Unifies Sparse and Dense Scaling Laws",
        authors: "Jin and others",
        year: 2025,
        arxiv: "2501.12486",
    },
    basis: Basis::AbstractOnly,
    deviations: "Small digit readers instead of language models; cubic schedule inside the window.",
    equation: "L = E + A N̄^-α + B D^-β, N̄ = mean over the steps of the number of kept weights",
    symbols: &[
        ("N̄", "mean number of weights over the training"),
        ("D", "training data seen"),
        ("E, A, B, α, β", "constants of the fit"),
    ],
    setup: || Setup::Pruning(window(25.0, 75.0, RateShape::Constant)),
    claim: Some(Claim {
        statement: "Pruning between 25 % and 75 % of the training is near-optimal, and the loss falls with the mean number of weights.",
        experiment: "Digit readers 64-128-64-10, 1,000 steps, 95 %, constant learning rate 0.02, eight windows; test loss of the best other window minus that of 25 to 75 % (the claim allows 0.01).",
        start: among_windows,
    }),
};

fn window(begin: f64, finish: f64, rate_shape: RateShape) -> Config {
    Config {
        regime: Regime::Gradual,
        sparsity: 95.0,
        train_steps: 1000,
        begin,
        finish,
        rate_shape,
        rate: match rate_shape {
            RateShape::Constant => 0.02,
            RateShape::Cosine => 0.1,
        },
        ..Config::default()
    }
}

fn among_windows(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let constant = RateShape::Constant;
    let windows = vec![
        ("25 to 75 %", window(25.0, 75.0, constant)),
        ("0 to 25 %", window(0.0, 25.0, constant)),
        ("0 to 50 %", window(0.0, 50.0, constant)),
        ("0 to 75 %", window(0.0, 75.0, constant)),
        ("25 to 50 %", window(25.0, 50.0, constant)),
        ("25 to 100 %", window(25.0, 100.0, constant)),
        ("50 to 100 %", window(50.0, 100.0, constant)),
        ("75 to 100 %", window(75.0, 100.0, constant)),
    ];
    let best_other = |o: &[Outcome]| {
        let others = o[1..].iter().map(Outcome::loss);
        others.fold(f64::INFINITY, f64::min) - o[0].loss()
    };
    let race = Race::new(
        effort,
        "test loss, best other window minus 25 to 75 %",
        "nats",
        windows,
        best_other,
    );
    Box::new(race.allowing(0.01).seeds(6).saying(of_mean_density))
}

/// Whether more weights on average mean a lower loss.
fn of_mean_density(all: &[Vec<Outcome>]) -> String {
    let ranks: Vec<f64> = all
        .iter()
        .map(|o| {
            let density: Vec<f64> = o.iter().map(|o| o.mean_density).collect();
            let loss: Vec<f64> = o.iter().map(Outcome::loss).collect();
            stats::spearman(&density, &loss)
        })
        .collect();
    let mean = stats::mean(&ranks);
    let follows = if mean < -0.5 {
        "as the law of the mean size says"
    } else {
        "the mean size does not order the losses at this length of training"
    };
    format!(" Rank correlation of mean density and loss over the windows {mean:.2}: {follows}.")
}
