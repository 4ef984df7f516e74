//! Guidance in an interval. Kynkäänniemi, Aittala, Karras, Laine, Aila, Lehtinen: "Applying
//! Guidance in a Limited Interval Improves Sample and Distribution Quality in Diffusion Models"
//! (arXiv 2404.07724); guidance itself: Ho, Salimans (arXiv 2207.12598).

use crate::labs::noise::claims::{Comparison, sliced};
use crate::labs::noise::{
    Config, Direction, Noise, data::DataSet, schedule::ScheduleKind, solver::SolverKind,
};
use crate::labs::{Basis, Claim, Exhibit, Lab, Paper, Setup};

fn guided(low: f64, high: f64) -> Config {
    Config {
        schedule: ScheduleKind::Edm,
        solver: SolverKind::Heun,
        direction: Direction::Generate,
        steps: 24,
        one_class: true,
        guidance_weight: 3.0,
        guidance_low: low,
        guidance_high: high,
        ..Config::default()
    }
}

const COMPARISON: Comparison = Comparison {
    quantity: "distance to the class, guided in the middle over guided at all levels, weight 3",
    proposed: || guided(0.05, 0.5),
    baseline: || guided(0.001, 500.0),
    value: sliced,
    size: 0.8,
    condition: "The class is every second mode, Heun, 24 steps, interval 0.05 to 0.5 in data units. The exact denoiser needs no guidance: weight 1 samples the class, and what guidance repairs in a trained network is not tested.",
};

/// The exhibit.
pub(super) static GUIDANCE_INTERVAL: Exhibit = Exhibit {
    id: "guidance-interval",
    lab: Noise::KIND,
    title: "Guidance in an interval",
    idea: "Guidance towards a class harms diversity at high noise and does nothing at low noise: switch it on in between only.",
    paper: Paper {
        title: "Applying Guidance in a Limited Interval Improves Sample and Distribution Quality in Diffusion Models",
        authors: "Kynkäänniemi, Aittala, Karras, Laine, Aila, Lehtinen",
        year: 2024,
        arxiv: "2404.07724",
    },
    basis: Basis::Secondary,
    deviations: "A class of a mixture in the plane, both denoisers exact. The interval is given in data units and set by hand.",
    equation: "D = D_all + w(s) (D_class - D_all),  w(s) = w for s_low <= s <= s_high, else 1",
    symbols: &[
        ("D_class, D_all", "estimates knowing the class and not"),
        ("w", "guidance weight, 1 is none"),
    ],
    setup: || {
        Setup::Noise(Config {
            data: DataSet::Spiral,
            mode_sd: 0.03,
            ..guided(0.05, 0.5)
        })
    },
    claim: Some(Claim {
        statement: "Guidance in a limited interval of noise levels gives better samples than guidance at all levels.",
        experiment: "Guidance of weight 3 between levels 0.05 and 0.5 and at all levels, from the same noise; sliced Wasserstein distance from the class, as a ratio, over three mixtures and several seeds.",
        start: |effort| COMPARISON.start(effort),
    }),
};
