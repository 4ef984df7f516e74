//! Self-compressing networks: every unit learns how many bits its weights are worth.

use super::race::{Outcome, Race};
use crate::core::{ClaimResult, Job};
use crate::labs::pruning::{Coder, Config, Regime};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub static SELF_COMPRESSING: Exhibit = Exhibit {
    id: "self-compressing",
    lab: LabKind::Pruning,
    title: "Self-compressing networks",
    idea: "Bits and exponent of every unit are trained like weights, and the loss pays for bits. Units that are not worth their price end without any and are gone.",
    paper: Paper {
        title: "Self-Compressing Neural Networks",
        authors: "Cséfalvay and Imber",
        year: 2023,
        arxiv: "2301.13142",
    },
    basis: Basis::Paper,
    deviations: "Fully connected, so a channel is the weights into one unit; biases keep 32 bits and are not counted. Bits and exponents are trained by Adam (steps of 0.05 and 0.02, falling as the learning rate); stored bits are rounded up; a unit once without bits stays so.",
    equation: "q(w) = 2^e round(clip(2^-e w, -2^(b-1), 2^(b-1) - 1)); loss + γ Σ b_c n_c / N",
    symbols: &[
        ("b", "bits of a unit's weights, not below 0"),
        ("e", "their exponent"),
        ("γ", "price of a bit a weight"),
        ("n_c", "weights into unit c, N all"),
    ],
    setup: || Setup::Pruning(config()),
    claim: Some(Claim {
        statement: "Accuracy as in single precision with 3 % of the bits and 18 % of the weights.",
        experiment: "Digit readers 64-128-64-10, 1,200 steps, a price of 1.5 nats a bit, chosen so that at most 3 % of the bits are left; test accuracy, self-compressed minus single precision (the claim is read as allowing 1 point); fully reproduced only with at most 3 % of the bits and 18 % of the weights.",
        start: against_float,
    }),
};

/// Steps of both trainings.
const STEPS: u64 = 1200;

fn config() -> Config {
    Config {
        regime: Regime::Bits,
        coder: Coder::Learnt,
        bit_price: 1.5,
        train_steps: STEPS,
        ..Config::default()
    }
}

fn against_float(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let race = Race::new(
        effort,
        "test accuracy, self-compressed minus single precision",
        "points",
        vec![
            ("self-compressed", config()),
            (
                "single precision",
                Config {
                    regime: Regime::Gradual,
                    sparsity: 0.0,
                    train_steps: STEPS,
                    ..Config::default()
                },
            ),
        ],
        |o: &[Outcome]| o[0].accuracy() - o[1].accuracy(),
    );
    Box::new(race.allowing(1.0).demanding(|all| {
        let mean = |of: fn(&Outcome) -> f64| {
            all.iter().map(|o| of(&o[0])).sum::<f64>() / all.len().max(1) as f64
        };
        let bits = 100.0 * mean(|o| o.bits) / 32.0;
        let weights = 100.0 * (1.0 - mean(|o| o.gone));
        let words = format!("{bits:.1} % of the bits and {weights:.1} % of the weights are left");
        (bits <= 3.0 && weights <= 18.0, words)
    }))
}
