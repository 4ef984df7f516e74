//! AutoLRS.

use super::super::Config;
use super::super::claims::guided;
use super::super::schedule::Shape;
use crate::labs::{Basis, Claim, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static AUTOLRS: Exhibit = Exhibit {
    id: "autolrs",
    lab: LabKind::Lr,
    title: "AutoLRS",
    idea: "Before every stage a few rates are tried for a tenth of it, each from the same checkpoint; a forecast of their losses feeds a Bayesian search, and the best forecast trains the stage. The search costs as much as the training.",
    paper: Paper {
        title: "AutoLRS: Automatic Learning-Rate Schedule by Bayesian Optimization on the Fly",
        authors: "Jin et al.",
        year: 2021,
        arxiv: "2105.10762",
    },
    basis: Basis::Code,
    deviations: "Small stages (100, 200, 400 … updates instead of 1,000 to 8,000). Forecasts without the authors' spline smoothing, which drops outliers of longer probes. A Gaussian process with Matérn-5/2 kernel of our own and an exploration weight of 1; the authors' code uses 10⁶, which only fills space. Training losses throughout.",
    equation: "loss(t) ≈ a e^(bt) + c on τ / 10 updates, carried on to τ; next probe: argmin μ(η) - κ σ(η)",
    symbols: &[
        ("τ", "updates of the stage"),
        ("μ, σ", "mean and deviation of the process over ln η"),
        ("κ", "exploration"),
    ],
    setup: || {
        Setup::Lr(Config {
            shape: Shape::AutoLrs,
            horizon: 700,
            peak: 0.1,
            lowest: 1e-3,
            grid: 0,
            ..Config::default()
        })
    },
    claim: Some(Claim {
        statement: "1.2 to 1.5 times fewer updates than hand-made schedules for the same loss, the search not counted.",
        experiment: "Digits network, AdamW, 700 updates with rates from 1e-4 to 0.1 searched, nothing tuned: the length of tuned linear decay that ends at the same held-out loss, over paired seeds. Updates with the search are printed as well.",
        start: guided::autolrs,
    }),
};
