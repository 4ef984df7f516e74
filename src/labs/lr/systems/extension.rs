//! A finished run that goes on.

use super::super::claims::theory;
use super::super::schedule::Shape;
use super::super::{Config, Problem};
use crate::labs::{Basis, Claim, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static EXTENSION: Exhibit = Exhibit {
    id: "schedule-extension",
    lab: LabKind::Lr,
    title: "Schedule extension",
    idea: "There is budget for a longer run after all. The longer a run, the lower its best rate; so the stable phase goes on at a lower rate, just low enough that the rate which was tuned for the short run is the best one for the whole.",
    paper: Paper {
        title: "The Surprising Agreement Between Convex Optimization Theory and Learning-Rate Scheduling for Large Model Training",
        authors: "Schaipp et al.",
        year: 2025,
        arxiv: "2501.18965",
    },
    basis: Basis::Code,
    deviations: "Linear cooldowns of the same share in both runs. The lower rate is found by bisection under the bound; runs of more than 2,000 updates are thinned for that.",
    equation: "η = γ until 0.8 T₀, then ρ γ until the cooldown; ρ ≤ 1 so that γ*(whole) = γ*(short)",
    symbols: &[
        ("T₀", "updates of the short run"),
        ("γ", "its tuned base rate"),
        ("γ*", "best base rate under the convex bound"),
    ],
    setup: || {
        Setup::Lr(Config {
            shape: Shape::Extended,
            cooldown: 0.2,
            warmup: 0.0,
            ..Config::default().with_problem(Problem::Bound)
        })
    },
    claim: Some(Claim {
        statement: "Lowering the stable rate when a run is extended keeps the tuned base rate good for the longer run.",
        experiment: "Convex bound, from 200 updates at their best rate to 400, 800 and 1,600: the bound at the end with the lower rate and without, above that of a run tuned for the whole length.",
        start: theory::extension,
    }),
};
