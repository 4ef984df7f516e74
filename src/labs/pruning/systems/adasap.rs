//! AdaSAP: a flat minimum before the cut, flattest where units are weak.
//!
//! The gradient is taken at w + ρ_i g / ‖g‖, ρ_i larger for units with small weights.

use super::race::{Outcome, Race};
use crate::core::{ClaimResult, Job};
use crate::labs::pruning::{Aid, Config, Regime};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub static ADASAP: Exhibit = Exhibit {
    id: "adasap",
    lab: LabKind::Pruning,
    title: "AdaSAP",
    idea: "Where the loss is flat, taking weights away costs little. Train with gradients from uphill, further uphill for units that will probably go, then prune.",
    paper: Paper {
        title: "Adaptive Sharpness-Aware Pruning for Robust Sparse Networks",
        authors: "Bair and others",
        year: 2023,
        arxiv: "2306.14306",
    },
    basis: Basis::AbstractOnly,
    deviations: "The radius is ours: ρ (1.7 - 1.4 ‖w_i‖ / max ‖w‖) for unit i of a layer. Pixel noise stands for the corrupted images of the paper.",
    equation: "g' = ∇L(w + ρ_i g / ‖g‖); ρ_i = ρ (0.3 + 1.4 (1 - ‖w_i‖ / max_j ‖w_j‖))",
    symbols: &[
        ("ρ", "mean radius"),
        ("w_i", "incoming weights of unit i"),
        ("g'", "the gradient that the optimizer uses"),
    ],
    setup: || Setup::Pruning(config(Aid::AdaSap)),
    claim: Some(Claim {
        statement: "Pruned networks are up to 6 % more accurate on corrupted images when trained this way.",
        experiment: "Digit readers 64-128-64-10, 400 steps, global magnitude to 95 %, 100 steps of tuning; test accuracy with pixel noise of standard deviation 0.3, AdaSAP minus plain training. One radius for all units beside them.",
        start: under_noise,
    }),
};

fn config(aid: Aid) -> Config {
    Config {
        regime: Regime::Tune,
        sparsity: 95.0,
        tune_steps: 100,
        aid,
        ..Config::default()
    }
}

fn under_noise(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let race = Race::new(
        effort,
        "test accuracy under noise, AdaSAP minus plain",
        "points",
        vec![
            ("AdaSAP", config(Aid::AdaSap)),
            ("plain", config(Aid::Plain)),
            ("one radius", config(Aid::Sharpness)),
        ],
        |o: &[Outcome]| o[0].beside() - o[1].beside(),
    );
    Box::new(race.saying(|all| {
        let mean = |i: usize| all.iter().map(|o| o[i].beside()).sum::<f64>() / all.len() as f64;
        format!(
            " Under noise: AdaSAP {:.1} %, plain {:.1} %, one radius {:.1} %.",
            mean(0),
            mean(1),
            mean(2)
        )
    }))
}
