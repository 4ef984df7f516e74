//! Cyclic learning rates.

use super::super::Config;
use super::super::claims::versus;
use super::super::schedule::Shape;
use crate::labs::{Basis, Claim, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static CYCLIC: Exhibit = Exhibit {
    id: "cyclic-lr",
    lab: LabKind::Lr,
    title: "Cyclic rates (CLR)",
    idea: "Triangles between two rates, again and again. The rate passes through good values without anyone searching for them.",
    paper: Paper {
        title: "Cyclical Learning Rates for Training Neural Networks",
        authors: "Smith",
        year: 2015,
        arxiv: "1506.01186",
    },
    basis: Basis::Code,
    deviations: "The triangular policy of CyclicLR; triangular2 and exp_range differ in the height of later triangles.",
    equation: "η_i = η_b + (η_pk - η_b) · max(0, 1 - |x|), x the distance to the triangle's top in half cycles",
    symbols: &[("η_b", "lower rate"), ("η_pk", "peak rate")],
    setup: || {
        Setup::Lr(Config {
            shape: Shape::Cyclic,
            ..Config::default()
        })
    },
    claim: Some(Claim {
        statement: "Triangles beat a fixed rate of the same length.",
        experiment: "Digits network, AdamW, 300 updates, both at their own tuned peak over paired seeds; and the exact quadratic at 500 updates.",
        start: versus::cyclic,
    }),
};
