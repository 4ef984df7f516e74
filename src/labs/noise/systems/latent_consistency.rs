//! Robust consistency training. Dao, Doan, Liu, Le, Metaxas: "Improved Training Technique for
//! Latent Consistency Models" (arXiv 2502.01441); consistency models: Song, Dhariwal, Chen,
//! Sutskever (arXiv 2303.01469).

use crate::core::Verdict;
use crate::labs::noise::claims::{JobPerSeed, ratio_verdict};
use crate::labs::noise::consistency::{Contest, Loss};
use crate::labs::noise::{Config, Direction, Noise, schedule::ScheduleKind, solver::SolverKind};
use crate::labs::{Basis, Claim, Exhibit, Lab, Paper, Setup};

fn judge(mean: f64, interval: [f64; 2]) -> (Verdict, String) {
    ratio_verdict(
        mean,
        interval,
        0.9,
        "Two modes on the line, one training point in 200 an outlier at 8 to 25, 3000 steps of Adam, the same draws and the same scale c(N) for both losses. Diffusion loss, optimal transport and latents of images are not tested.",
    )
}

const ENDS: JobPerSeed = JobPerSeed {
    quantity: "distance from the exact consistency function after training, Cauchy over pseudo-Huber",
    unit: "×",
    start: |seed| {
        Ok(Box::new(Contest::new(
            [Loss::Cauchy, Loss::PseudoHuber],
            seed,
        )))
    },
    judge,
};

/// The exhibit.
pub(super) static LATENT_CONSISTENCY: Exhibit = Exhibit {
    id: "latent-consistency",
    lab: Noise::KIND,
    title: "Latent consistency training",
    idea: "A consistency model jumps to the end of the flow in one call. Latents have outliers, which dominate its training: take a loss whose pull falls with the error.",
    paper: Paper {
        title: "Improved Training Technique for Latent Consistency Models",
        authors: "Dao, Doan, Liu, Le, Metaxas",
        year: 2025,
        arxiv: "2502.01441",
    },
    basis: Basis::AbstractOnly,
    deviations: "The sampler on screen uses the exact consistency function, the end of the exact flow. Training is on the line, with bumps instead of a network; discretisation and scale are those of improved consistency training, remembered: N doubles from 10 to 1280, c = e^(-1.18 ln(N - 1) - 0.72).",
    equation: "f(x_s, s) = end of the flow;  X' = f(X, s) + s' z;  loss ln(1 + d^2 / (2 c^2)) of d = f(x_(n+1)) - stop(f(x_n))",
    symbols: &[
        ("f", "consistency function, the same along a flow line"),
        ("d", "difference between neighbouring levels"),
        ("c", "scale above which a difference is an outlier"),
    ],
    setup: || {
        Setup::Noise(Config {
            schedule: ScheduleKind::Edm,
            solver: SolverKind::Consistency,
            direction: Direction::Generate,
            sigma_max: 20.0,
            sigma_min: 0.3,
            steps: 2,
            ..Config::default()
        })
    },
    claim: Some(Claim {
        statement: "Replacing pseudo-Huber by Cauchy losses limits what outliers do and gives better consistency models.",
        experiment: "Consistency training on two modes with a few far outliers, with either loss on the same draws; root mean square distance from the exact end of the flow of the clean modes, as a ratio, over seeds.",
        start: |effort| ENDS.start(effort),
    }),
};
