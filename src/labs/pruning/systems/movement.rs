//! Movement pruning: keep what training moves away from zero, however small it is.
//!
//! S ← S - w ∂L/∂w in every step; the largest S (signed) are kept. The gradient is that of the masked
//! network, also for pruned weights, so that they may come back.

use super::race::{Outcome, Race};
use crate::core::{ClaimResult, Job};
use crate::labs::pruning::{Config, Method, Regime};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub static MOVEMENT: Exhibit = Exhibit {
    id: "movement",
    lab: LabKind::Pruning,
    title: "Movement",
    idea: "A weight that training moves away from zero is on its way to matter; one that shrinks is not. The score adds up the moves.",
    paper: Paper {
        title: "Movement Pruning: Adaptive Sparsity by Fine-Tuning",
        authors: "Sanh and others",
        year: 2020,
        arxiv: "2005.07683",
    },
    basis: Basis::Paper,
    deviations: "From scratch instead of from a pre-trained model, and with a global ranking.",
    equation: "S ← S - w ∂L/∂w; prune the k smallest S",
    symbols: &[("S", "accumulated movement of a weight")],
    setup: || Setup::Pruning(config(Method::Movement)),
    claim: Some(Claim {
        statement: "At high sparsity movement keeps more accuracy than magnitude (the paper: when a pre-trained model is fine-tuned).",
        experiment: "Digit readers 64-128-64-10, 400 steps, cubic schedule to 95 %; test accuracy, movement minus magnitude.",
        start: against_magnitude,
    }),
};

fn config(method: Method) -> Config {
    Config {
        regime: Regime::Gradual,
        method,
        sparsity: 95.0,
        ..Config::default()
    }
}

fn against_magnitude(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Box::new(Race::new(
        effort,
        "test accuracy, movement minus magnitude",
        "points",
        vec![
            ("movement", config(Method::Movement)),
            ("magnitude", config(Method::Magnitude)),
        ],
        |o: &[Outcome]| o[0].accuracy() - o[1].accuracy(),
    ))
}
