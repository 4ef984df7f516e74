//! Beta sampling. Lee, Lee, Kim, Lee: "Beta Sampling is All You Need: Efficient Image Generation
//! Strategy for Diffusion Models using Stepwise Spectral Analysis" (arXiv 2407.12173); quantiles as in
//! ComfyUI.

use crate::labs::noise::claims::{Comparison, paired};
use crate::labs::noise::{
    Config, Noise,
    data::DataSet,
    schedule::{ScheduleKind, Visit},
    solver::SolverKind,
};
use crate::labs::{Basis, Claim, Exhibit, Lab, Paper, Setup};

fn sampled(spacing: Visit) -> Config {
    Config {
        schedule: ScheduleKind::ScaledLinear,
        spacing,
        solver: SolverKind::Ddim,
        steps: 10,
        ..Config::default()
    }
}

const COMPARISON: Comparison = Comparison {
    quantity: "error to the exact flow, beta times over trailing times, 10 DDIM calls",
    proposed: || sampled(Visit::BetaTime),
    baseline: || sampled(Visit::Trailing),
    value: paired,
    size: 0.9,
    condition: "Scaled-linear table; the paper reads its law off the spectra of images, which these data do not have.",
};

/// The exhibit.
pub(super) static BETA_SAMPLING: Exhibit = Exhibit {
    id: "beta-sampling",
    lab: Noise::KIND,
    title: "Beta sampling",
    idea: "Visit training times at the quantiles of a Beta(0.6, 0.6) law: more steps at both ends, fewer in the middle.",
    paper: Paper {
        title: "Beta Sampling is All You Need: Efficient Image Generation Strategy for Diffusion Models using Stepwise Spectral Analysis",
        authors: "Lee, Lee, Kim, Lee",
        year: 2024,
        arxiv: "2407.12173",
    },
    basis: Basis::Code,
    deviations: "Applied to the time, as ComfyUI and the paper do; diffusers' option of the same name applies the quantiles to the noise level (the schedule 'beta in sigma'). The network is replaced by the exact posterior mean of a mixture.",
    equation: "t_i = rint((T - 1) BetaPPF(1 - i / n; 0.6, 0.6)), repeated times once",
    symbols: &[
        ("BetaPPF", "quantile of the Beta law"),
        ("T", "1000 training times"),
        ("n", "steps"),
    ],
    setup: || {
        Setup::Noise(Config {
            data: DataSet::Grid9,
            ..sampled(Visit::BetaTime)
        })
    },
    claim: Some(Claim {
        statement: "Times at Beta quantiles give better images than uniform times at the same number of steps.",
        experiment: "10 DDIM calls at beta and at trailing times of the scaled-linear table from the same noised points; root mean square distance from the exact flow, as a ratio, over three mixtures and several seeds.",
        start: |effort| COMPARISON.start(effort),
    }),
};
