//! Schedule-Free.

use super::super::claims::guided;
use super::super::schedule::Shape;
use super::super::{Config, Problem};
use crate::labs::{Basis, Claim, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static SCHEDULE_FREE: Exhibit = Exhibit {
    id: "schedule-free",
    lab: LabKind::Lr,
    title: "Schedule-Free",
    idea: "A constant rate for the base iterate z, gradients taken between z and its running average x, the average evaluated: averaging does what a decay does, and the run can stop at any time.",
    paper: Paper {
        title: "The Road Less Scheduled",
        authors: "Defazio et al.",
        year: 2024,
        arxiv: "2405.15682",
    },
    basis: Basis::Code,
    deviations: "SGD and AdamW (β₂ = 0.999) versions, agreeing with the authors' package to 1e-10; on the quadratic second moments in closed form. The result depends on β. On the digits it differs from the AdamW it is compared with in β₂ as well (0.999 against 0.95).",
    equation: "y = (1 - β) z + β x; z ← z - γ g(y); x ← (1 - c) x + c z, c = γ²_max / Σ γ²_max",
    symbols: &[
        ("z, x, y", "base iterate, average, place of the gradient"),
        ("γ", "rate after its warmup"),
        ("β", "interpolation"),
    ],
    setup: || {
        Setup::Lr(Config {
            shape: Shape::ScheduleFree,
            warmup: 0.05,
            ..Config::default().with_problem(Problem::Quadratic)
        })
    },
    claim: Some(Claim {
        statement: "Matches or beats tuned schedules without knowing the length of the run.",
        experiment: "Digits network under Schedule-Free AdamW (β = 0.9) against linear decay to zero, 300 updates, both at their own tuned rate over paired seeds; and the exact quadratic at 500 and 2,000 updates for β = 0.5, 0.9 and 0.98.",
        start: guided::schedule_free,
    }),
};
