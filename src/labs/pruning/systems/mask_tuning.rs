//! Regularised mask tuning: a new task from old weights, by choosing among them.

use super::race::{Outcome, Race};
use crate::core::{ClaimResult, Job};
use crate::labs::pruning::{Config, Regime, Transfer};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub static MASK_TUNING: Exhibit = Exhibit {
    id: "mask-tuning",
    lab: LabKind::Pruning,
    title: "Mask tuning",
    idea: "Do not touch the weights of a trained network: leave some of them out, and it can do something it was never trained for.",
    paper: Paper {
        title: "Regularized Mask Tuning: Uncovering Hidden Knowledge in Pre-trained Vision-Language Models",
        authors: "Zheng and others",
        year: 2023,
        arxiv: "2307.15049",
    },
    basis: Basis::Code,
    deviations: "Digits mirrored over their diagonal instead of CLIP's downstream tasks; without the paper's gradient dropout. Scores start at 0.01, threshold 0.005, learning rate a tenth of that of the weights.",
    equation: "m = 1[s > 0.005], s ← s - η w ∂L/∂(w m) (straight through); w stays",
    symbols: &[("s", "score of a weight"), ("m", "mask")],
    setup: || Setup::Pruning(config()),
    claim: Some(Claim {
        statement: "Leaving out 2.56 % of the weights of CLIP gains 18.73 % over zero-shot on 11 data sets.",
        experiment: "Digit readers 64-128-64-10 trained on digits, 400 steps of mask tuning on mirrored digits, no weight changed; test accuracy on the mirrored digits, after minus before.",
        start: after_minus_before,
    }),
};

fn config() -> Config {
    Config {
        regime: Regime::Transfer,
        transfer: Transfer::Mask,
        tune_steps: 400,
        ..Config::default()
    }
}

fn after_minus_before(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let race = Race::new(
        effort,
        "test accuracy on the second task, after minus before mask tuning",
        "points",
        vec![("mask tuning", config())],
        |o: &[Outcome]| o[0].accuracy() - o[0].accuracy_before(),
    );
    Box::new(race.saying(|all| {
        let mean = |f: &dyn Fn(&Outcome) -> f64| {
            all.iter().map(|o| f(&o[0])).sum::<f64>() / all.len() as f64
        };
        format!(
            " Before: {:.1} %. The mask leaves out {:.1} % of the weights; with it the first task stands at {:.1} %.",
            mean(&Outcome::accuracy_before),
            mean(&|o| 100.0 * o.gone),
            mean(&Outcome::beside)
        )
    }))
}
