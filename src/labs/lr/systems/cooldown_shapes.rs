//! Bias and variance of cooldowns.

use super::super::claims::cooldowns;
use super::super::schedule::{Cooldown, Shape};
use super::super::{Config, Problem};
use crate::labs::{Basis, Claim, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static COOLDOWN_SHAPES: Exhibit = Exhibit {
    id: "cooldown-shapes",
    lab: LabKind::Lr,
    title: "Cooldown shapes: bias and variance",
    idea: "Cool the same checkpoint down several times, on different data. A shape that falls late lets the copies travel far and end far apart; one that falls early keeps them together, and where they were. Good shapes sit in between. The authors also raise AdamW's β₂ for the cooldown: the copies are trained with and without that.",
    paper: Paper {
        title: "Training Dynamics of the Cooldown Stage in Warmup-Stable-Decay Learning Rate Scheduler",
        authors: "Dremov et al.",
        year: 2025,
        arxiv: "2508.01483",
    },
    basis: Basis::Code,
    deviations: "Shapes from the authors' benchmark code; copies of the digits network in place of language models. Bias is the held-out loss of the model with the mean of the copies' weights above the best shape's; variance is the mean loss of the copies minus that of their mean. With another β₂ in the cooldown its bias correction follows the product of all decays, and every copy has a twin without the change; what it does is drawn here and no claim is tested for it.",
    equation: "bias² = L(mean_k θ_k) - min over shapes; variance = mean_k L(θ_k) - L(mean_k θ_k)",
    symbols: &[
        ("θ_k", "weights of copy k after the cooldown"),
        ("L", "held-out loss"),
    ],
    setup: || {
        Setup::Lr(Config {
            shape: Shape::Wsd,
            cooldown_shape: Cooldown::Cosine,
            cooldown: 0.2,
            cooldown_beta2: 0.99,
            seeds: 8,
            rivals: false,
            ..Config::default().with_problem(Problem::Branches)
        })
    },
    claim: Some(Claim {
        statement: "The shape of a cooldown trades bias against variance; shapes that balance both end lowest.",
        experiment: "Digits network, AdamW, 600 updates with a 20 % cooldown, eight copies of the same checkpoint on different data under each of five shapes: rank correlation between bias and variance over the shapes, per seed.",
        start: cooldowns::bias_variance,
    }),
};
