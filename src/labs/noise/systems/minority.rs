//! Self-guided generation of minority samples. Um, Ye: "Self-Guided Generation of Minority Samples
//! Using Diffusion Models" (arXiv 2407.11555); rule as in soobin-um/sg-minority.

use crate::core::Verdict;
use crate::labs::noise::claims::{JobPerSeed, ratio_of};
use crate::labs::noise::{Config, Direction, Noise, schedule::ScheduleKind, solver::SolverKind};
use crate::labs::{Basis, Claim, Exhibit, Lab, Paper, Setup};

fn guided(scale: f64, until: f64) -> Config {
    Config {
        imbalance: 0.5,
        schedule: ScheduleKind::Linear,
        solver: SolverKind::Ddim,
        eta: 1.0,
        steps: 50,
        direction: Direction::Generate,
        minority_scale: scale,
        minority_until: until,
        ..Config::default()
    }
}

fn judge(mean: f64, [low, high]: [f64; 2]) -> (Verdict, String) {
    let verdict = if low > 1.5 {
        Verdict::Reproduced
    } else if low > 1.0 {
        Verdict::Partly
    } else {
        Verdict::NotReproduced
    };
    (
        verdict,
        format!(
            "Guided in the noisy half of the time, the four rarest of eight modes hold {mean:.2} ({low:.2} to {high:.2}) times as many particles as without guidance. The guidance finds the basins that are reconstructed worst, which need not be the rarest modes; image quality is not tested."
        ),
    )
}

const GAIN: JobPerSeed = JobPerSeed {
    quantity: "share of particles in rare modes, guided in the noisy half over unguided",
    unit: "×",
    start: |seed| {
        let setup = |scale| Config {
            seed,
            particles: 1000,
            ..guided(scale, 0.5)
        };
        Ok(ratio_of([setup(3.0), setup(0.0)], |h| h.rare[0]))
    },
    judge,
};

/// The exhibit.
pub(super) static MINORITY: Exhibit = Exhibit {
    id: "minority-guidance",
    lab: Noise::KIND,
    title: "Minority guidance",
    idea: "Rare samples are those the model reconstructs badly: at chosen times, climb the distance between the estimate and what becomes of it when noised and denoised again.",
    paper: Paper {
        title: "Self-Guided Generation of Minority Samples Using Diffusion Models",
        authors: "Um, Ye",
        year: 2024,
        arxiv: "2407.11555",
    },
    basis: Basis::Code,
    deviations: "Distance in the plane instead of LPIPS; the gradient is a derivative of the exact denoiser along the difference, by central differences. Times are shares of the sampler's own steps.",
    equation: "mu' = mu + w v g / max |g|,  g = grad over x_t of |D(x_t) - stop(D(D(x_t) + s_p z, s_p))|,  while t > t_mid and t divides by n",
    symbols: &[
        ("w, v", "guidance scale and variance of the step"),
        ("s_p", "noise level at 0.8 of the time"),
        ("t_mid, n", "when it acts: above this time, every n steps"),
    ],
    setup: || Setup::Noise(guided(3.0, 0.5)),
    claim: Some(Claim {
        statement: "Guidance from the model itself makes samples of low-density regions far more frequent, and needs to act at some times only.",
        experiment: "A ring whose modes are each half as likely as the one before, 50 ancestral steps: share of particles in the four rarest modes with guidance in the noisy half of the time, over the share without, on the same noise, over seeds.",
        start: |effort| GAIN.start(effort),
    }),
};
