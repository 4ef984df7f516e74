//! River valley.

use super::super::claims::guided;
use super::super::schedule::Shape;
use super::super::{Config, Problem};
use crate::labs::{Basis, Claim, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static RIVER_VALLEY: Exhibit = Exhibit {
    id: "river-valley",
    lab: LabKind::Lr,
    title: "River valley",
    idea: "A loss like a valley with a river: steep across, nearly flat along. High rates bounce between the slopes and still travel far down the river; the cooldown lets the run sink to the water and shows how far it got.",
    paper: Paper {
        title: "Understanding Warmup-Stable-Decay Learning Rates: A River Valley Loss Landscape Perspective",
        authors: "Wen et al.",
        year: 2024,
        arxiv: "2410.05192",
    },
    basis: Basis::Secondary,
    deviations: "The picture is the paper's, the equations are ours: a quadratic across with noise, an exponential along without, so that every expectation is exact.",
    equation: "f(x, y) = ½ a y² + c e^-x; E y² ← (1 - a η)² E y² + η² σ², x ← x + η c e^-x",
    symbols: &[
        ("x, y", "along and across the river"),
        ("a", "curvature across, 4"),
        ("σ²", "variance of the gradient across"),
        ("c", "height of the source, 1"),
    ],
    setup: || {
        Setup::Lr(Config {
            shape: Shape::Wsd,
            cooldown: 0.2,
            ..Config::default().with_problem(Problem::Valley)
        })
    },
    claim: Some(Claim {
        statement: "The loss that falls in the cooldown is height above the river; progress along it was made in the stable phase, and a longer one gets further.",
        experiment: "Exact: WSD with 20 % cooldown at peak 0.2: share of the fall during the cooldown that is height above the river, and the river's height for runs of 200, 400 and 800 updates.",
        start: guided::river_valley,
    }),
};
