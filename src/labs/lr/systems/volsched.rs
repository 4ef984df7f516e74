//! VolSched.

use super::super::Config;
use super::super::claims::guided;
use super::super::schedule::Shape;
use crate::labs::{Basis, Claim, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static VOLSCHED: Exhibit = Exhibit {
    id: "volsched",
    lab: LabKind::Lr,
    title: "VolSched",
    idea: "Rates as volatility: when the accuracy has been calmer lately than before, the run may sit on a plateau and the rate rises; when it jumps, the rate falls.",
    paper: Paper {
        title: "An Adaptive Volatility-based Learning Rate Scheduler",
        authors: "Kieran Chai Kai Ren",
        year: 2025,
        arxiv: "2507.10575",
    },
    basis: Basis::AbstractOnly,
    deviations: "Our reading of the abstract: log-returns of the accuracy, standard deviations over the last 5 and 20 observations, exponent 0.1, rate between a hundredth of the peak and the peak. An observation is a fortieth of the run, not an epoch.",
    equation: "η ← clip(η (s_L / (s_S + 10⁻⁸))^0.1, η_pk / 100, η_pk); r_e = ln(a_e / a_(e-1))",
    symbols: &[
        (
            "s_S, s_L",
            "standard deviation of the last 5 and 20 returns",
        ),
        ("a_e", "accuracy at observation e"),
    ],
    setup: || {
        Setup::Lr(Config {
            shape: Shape::VolSched,
            ..Config::default()
        })
    },
    claim: Some(Claim {
        statement: "1.4 points of accuracy more than other schedules on CIFAR-100.",
        experiment: "Not that data set: digits network, AdamW, 300 updates, held-out loss against a constant rate, both at their own tuned peak over paired seeds. Whether the rule itself rises on calm and falls on jumpy series is tested exactly.",
        start: guided::volsched,
    }),
};
