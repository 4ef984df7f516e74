//! A schedule drawn by hand.

use super::super::Config;
use super::super::schedule::Shape;
use crate::labs::{Basis, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static DRAWN: Exhibit = Exhibit {
    id: "drawn-schedule",
    lab: LabKind::Lr,
    title: "Drawn by hand",
    idea: "Drag the points, double-click to add one, press Delete on a focused point to remove it: everything below follows.",
    paper: Paper {
        title: "The Surprising Agreement Between Convex Optimization Theory and Learning-Rate Scheduling for Large Model Training",
        authors: "Schaipp et al.",
        year: 2025,
        arxiv: "2501.18965",
    },
    basis: Basis::Standard,
    deviations: "No published schedule; the paper cited gives the theory that judges any curve.",
    equation: "η_i = η_pk · y(i / (T - 1)), y a straight line between neighbouring points",
    symbols: &[("y", "height of the drawn line, as a share of the peak")],
    setup: || {
        Setup::Lr(Config {
            shape: Shape::Drawn,
            ..Config::default()
        })
    },
    claim: None,
};
