//! Polynomial decay.

use super::super::Config;
use super::super::schedule::Shape;
use crate::labs::{Basis, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static POLYNOMIAL: Exhibit = Exhibit {
    id: "polynomial-decay",
    lab: LabKind::Lr,
    title: "Polynomial decay",
    idea: "A power of what is left of the run. One is a straight line; two falls early and ends softly.",
    paper: Paper {
        title: "DeepLab: Semantic Image Segmentation with Deep Convolutional Nets, Atrous Convolution, and Fully Connected CRFs",
        authors: "Chen et al.",
        year: 2016,
        arxiv: "1606.00915",
    },
    basis: Basis::Code,
    deviations: "The paper uses power 0.9, the setup here 2, where the difference to a line is visible.",
    equation: "η_i = η_pk · (r + (1 - r) (1 - q)^p)",
    symbols: &[
        ("p", "power"),
        ("r", "floor as a share of the peak"),
        ("q", "progress after the warmup, (i - W) / (T - W)"),
    ],
    setup: || {
        Setup::Lr(Config {
            shape: Shape::Polynomial,
            ..Config::default()
        })
    },
    claim: None,
};
