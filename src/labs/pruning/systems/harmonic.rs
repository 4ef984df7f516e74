//! Harmonic annealing: the sparsity touches its final value early and reopens, ever less.
//!
//! s(u) = s_f + (s_i - s_f)(1 - u)^p (1 + cos 2πcu)/2. The formula is our own reading of "periodic
//! regrowth of weights" in the abstract. A weight that comes back has its old value.

use super::race::{Outcome, Race};
use crate::core::{ClaimResult, Job};
use crate::labs::pruning::Shape;
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub static HARMONIC: Exhibit = Exhibit {
    id: "harmonic-annealing",
    lab: LabKind::Pruning,
    title: "Harmonic annealing",
    idea: "The sparsity swings between its final value and a cubic envelope. Weights pruned too early come back with their old values and get another chance.",
    paper: Paper {
        title: "Multi-Agent Actor-Critic with Harmonic Annealing Pruning for Dynamic Spectrum Access Systems",
        authors: "Stamatelis and others",
        year: 2025,
        arxiv: "2503.15172",
    },
    basis: Basis::AbstractOnly,
    deviations: "The formula is ours; supervised digits instead of reinforcement learning.",
    equation: "s(u) = s_f + (s_i - s_f)(1 - u)^p (1 + cos 2πcu)/2",
    symbols: &[
        ("u", "share of the window that has passed"),
        ("c", "cycles"),
        ("p", "exponent of the envelope"),
    ],
    setup: || Setup::Pruning(super::gradual::config(Shape::Harmonic)),
    claim: Some(Claim {
        statement: "Comparable to linear and polynomial schedules, and sometimes better at high sparsity.",
        experiment: "Digit readers 64-128-64-10, 400 steps, window 0 to 75 %, 98 % at the end; test loss of the cubic schedule minus that of the harmonic one (positive: harmonic is better).",
        start: against_cubic,
    }),
};

fn against_cubic(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Box::new(
        Race::new(
            effort,
            "test loss, cubic minus harmonic schedule",
            "nats",
            vec![
                ("harmonic", super::gradual::config(Shape::Harmonic)),
                ("cubic", super::gradual::config(Shape::Cubic)),
                ("linear", super::gradual::config(Shape::Linear)),
            ],
            |o: &[Outcome]| o[1].loss() - o[0].loss(),
        )
        .allowing(0.02),
    )
}
