//! The triplane schedule of RodinHD. Zhang et al.: "RodinHD: High-Fidelity 3D Avatar Generation with
//! Diffusion Models" (arXiv 2407.06938); named schedules as in its gaussian_diffusion.py.

use crate::core::rng::{Stream, StreamId};
use crate::core::{Verdict, num};
use crate::labs::noise::claims::PerSeed;
use crate::labs::noise::{Config, Noise, fields, schedule::ScheduleKind, solver::SolverKind};
use crate::labs::{Basis, Claim, Exhibit, Lab, Paper, Setup};

fn triplane() -> Config {
    Config {
        schedule: ScheduleKind::ChenCosine,
        cosine_start: 0.2,
        cosine_end: 1.0,
        tau: 5.0,
        solver: SolverKind::Ddim,
        steps: 20,
        ..Config::default()
    }
}

/// Move of the deciding level in power log-SNR when one channel becomes three with correlation
/// drawn from 0.8 to 1, over the 2 ln sqrt 3 of exact copies.
fn shift_of_three(seed: u64) -> f64 {
    let mut stream = Stream::new(seed, StreamId::Data);
    let (rho, exponent) = (0.8 + 0.2 * stream.uniform(), 2.0 + stream.uniform());
    let one = fields::power_law(16, exponent);
    let three = fields::in_channels(&one, 3, rho);
    let moved = 2.0 * num::ln(fields::half_error_level(&three) / fields::half_error_level(&one));
    moved / num::ln(3.0)
}

fn judge(mean: f64, [low, high]: [f64; 2]) -> (Verdict, String) {
    let verdict = if low > 0.8 {
        Verdict::Reproduced
    } else if low > 0.0 {
        Verdict::Partly
    } else {
        Verdict::NotReproduced
    };
    let words = format!(
        "Three correlated planes move the deciding level to more noise by {mean:.3} ({low:.3} to {high:.3}) of the ln 3 in power log-SNR that three exact copies ask for. That triplanes look sharper with it is a matter of trained networks and not tested."
    );
    (verdict, words)
}

const SHIFT: PerSeed = PerSeed {
    quantity: "shift of the deciding log-SNR from one to three correlated channels, over ln 3",
    unit: "×",
    value: |seed| Ok(shift_of_three(seed)),
    judge,
};

/// The exhibit.
pub(super) static RODINHD: Exhibit = Exhibit {
    id: "rodinhd-triplane",
    lab: Noise::KIND,
    title: "Triplane schedule (RodinHD)",
    idea: "The planes of a triplane repeat each other, so that the usual schedule leaves too much signal: use a noisier one.",
    paper: Paper {
        title: "RodinHD: High-Fidelity 3D Avatar Generation with Diffusion Models",
        authors: "Zhang et al.",
        year: 2024,
        arxiv: "2407.06938",
    },
    basis: Basis::Code,
    deviations: "The code names several schedules; which one trains the triplanes is not stated. This is its 'cosine', the noisiest. Tested on three-channel Gaussian fields.",
    equation: "c(u) = cos(pi u / 2)^(2 tau);  alpha_bar(t) = (c(e) - c(t (e - s) + s)) / (c(e) - c(s)),  s = 0.2, e = 1, tau = 5",
    symbols: &[
        ("s, e", "part of the cosine that is used"),
        ("tau", "larger is noisier"),
    ],
    setup: || Setup::Noise(triplane()),
    claim: Some(Claim {
        statement: "Triplanes need a noisier schedule than images of the same side.",
        experiment: "Gaussian fields of side 16 with one channel and with three of correlation 0.8 to 1 (one draw per seed): the log-SNR at which the exact denoising error is half of the variance.",
        start: |effort| SHIFT.start(effort),
    }),
};
