//! Input scaling and noise schedules against resolution. Chen: "On the Importance of Noise
//! Scheduling for Diffusion Models" (arXiv 2301.10972); formulas as in RodinHD's code.

use crate::core::rng::{Stream, StreamId};
use crate::core::{Verdict, num};
use crate::labs::noise::claims::PerSeed;
use crate::labs::noise::{Config, Noise, fields, schedule::ScheduleKind, solver::SolverKind};
use crate::labs::{Basis, Claim, Exhibit, Lab, Paper, Setup};

fn scaled() -> Config {
    Config {
        schedule: ScheduleKind::ChenLinear,
        solver: SolverKind::Ddim,
        shift: 2.0,
        steps: 20,
        ..Config::default()
    }
}

/// How far the level at which half of the variance is decided moves per doubling of the side, as a
/// share of ln 2: slope of a line through sides 8, 16, 32, 64 for one texture.
fn shift_per_doubling(seed: u64) -> f64 {
    let exponent = 2.0 + Stream::new(seed, StreamId::Data).uniform();
    let levels: Vec<f64> = [8, 16, 32, 64]
        .map(|side| num::ln(fields::half_error_level(&fields::power_law(side, exponent))))
        .to_vec();
    // Least squares on equally spaced points.
    let slope = (3.0 * (levels[3] - levels[0]) + levels[2] - levels[1]) / 10.0;
    slope / num::ln(2.0)
}

fn judge(mean: f64, [low, high]: [f64; 2]) -> (Verdict, String) {
    let verdict = if low > 0.9 && high < 1.1 {
        Verdict::Reproduced
    } else if low > 0.0 {
        Verdict::Partly
    } else {
        Verdict::NotReproduced
    };
    let words = format!(
        "The level at which half of the variance is decided moves by {mean:.3} ({low:.3} to {high:.3}) octaves per doubling of the side; 1 is the shift of a purely enlarged image, 0 none. Textures bring new detail with the pixels, so they move by less the rougher they are. Scaling the input by b moves every level by exactly 1 / b, which is why it can stand in for a new schedule."
    );
    (verdict, words)
}

const SHIFT: PerSeed = PerSeed {
    quantity: "shift of the deciding noise level per doubling of the image's side, in octaves",
    unit: "octaves",
    value: |seed| Ok(shift_per_doubling(seed)),
    judge,
};

/// The exhibit.
pub(super) static CHEN: Exhibit = Exhibit {
    id: "chen-input-scaling",
    lab: Noise::KIND,
    title: "Noise scheduling and input scaling",
    idea: "Larger images are more redundant and want more noise. Instead of a new schedule, scale the input by b < 1.",
    paper: Paper {
        title: "On the Importance of Noise Scheduling for Diffusion Models",
        authors: "Chen",
        year: 2023,
        arxiv: "2301.10972",
    },
    basis: Basis::Secondary,
    deviations: "Scaling by b is the parameter Shift = 1 / b. The claim is tested on Gaussian fields with power-law spectra, whose denoising error is a closed form, instead of networks on ImageNet.",
    equation: "x = sqrt(gamma) b x0 + sqrt(1 - gamma) eps, then divided by its spread;  lambda = ln(b^2 gamma / (1 - gamma)), that is s' = s / b",
    symbols: &[
        ("gamma", "signal share, here 1 - t"),
        ("b", "scale of the input"),
        ("lambda", "power log-SNR"),
    ],
    setup: || Setup::Noise(scaled()),
    claim: Some(Claim {
        statement: "The best noise schedule moves to more noise as the image grows; scaling the input does the same as moving the log-SNR.",
        experiment: "Gaussian fields of sides 8 to 64 with spectra frequency^-a, one exponent a from 2 to 3 per seed: the noise level at which the exact denoising error is half of the variance, against the side.",
        start: |effort| SHIFT.start(effort),
    }),
};
