//! Zero terminal SNR. Lin, Liu, Li, Yang: "Common Diffusion Noise Schedules and Sample Steps are
//! Flawed" (arXiv 2305.08891); rescale as in diffusers.

use crate::labs::noise::claims::{Comparison, sliced};
use crate::labs::noise::{
    Config, Direction, Noise,
    schedule::{ScheduleKind, Visit},
    solver::SolverKind,
};
use crate::labs::{Basis, Claim, Exhibit, Lab, Paper, Setup};

fn sampled(zero: bool, spacing: Visit) -> Config {
    Config {
        schedule: ScheduleKind::ScaledLinear,
        zero_terminal_snr: zero,
        spacing,
        solver: SolverKind::Ddim,
        direction: Direction::Generate,
        steps: 10,
        ..Config::default()
    }
}

const COMPARISON: Comparison = Comparison {
    quantity: "sliced Wasserstein distance, zero-SNR trailing over plain leading, 10 DDIM calls from pure noise",
    proposed: || sampled(true, Visit::Trailing),
    baseline: || sampled(false, Visit::Leading),
    value: sliced,
    size: 0.9,
    condition: "Data centred at 0: the shift of mean brightness that the paper fixes in images cannot occur here, only the wrong spread of the start can.",
};

/// The exhibit.
pub(super) static ZERO_SNR: Exhibit = Exhibit {
    id: "zero-terminal-snr",
    lab: Noise::KIND,
    title: "Zero terminal SNR",
    idea: "Stretch the schedule until its last time is pure noise and start sampling there, so that sampling begins where training ended.",
    paper: Paper {
        title: "Common Diffusion Noise Schedules and Sample Steps are Flawed",
        authors: "Lin, Liu, Li, Yang",
        year: 2023,
        arxiv: "2305.08891",
    },
    basis: Basis::Code,
    deviations: "alpha-bar ends at 2^-24 instead of 0, as in diffusers, so that the noise level stays finite. The network is replaced by the exact posterior mean of a mixture.",
    equation: "r = sqrt(alpha_bar);  r' = (r - r_T) r_0 / (r_0 - r_T);  alpha_bar' = r'^2",
    symbols: &[(
        "r_0, r_T",
        "first and last root of alpha-bar before the change",
    )],
    setup: || Setup::Noise(sampled(true, Visit::Trailing)),
    claim: Some(Claim {
        statement: "Schedules that stop short of pure noise, and spacings that leave out the last time, make sampling start from noise it was not trained for.",
        experiment: "10 DDIM calls from pure noise on the rescaled schedule with trailing times and on the plain one with leading times; sliced Wasserstein distance to the truth, as a ratio, over three mixtures and several seeds.",
        start: |effort| COMPARISON.start(effort),
    }),
};
