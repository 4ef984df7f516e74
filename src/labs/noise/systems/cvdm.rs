//! A learned schedule. Maggiora, Croquevielle, Deshpande, Horsley, Heinis, Yakimovich: "Conditional
//! Variational Diffusion Models" (arXiv 2312.02246); losses as in casus/cvdm.

use crate::core::rng::{Stream, StreamId};
use crate::core::{Verdict, num};
use crate::labs::noise::claims::{PerSeed, ratio_verdict};
use crate::labs::noise::mmse::Curve;
use crate::labs::noise::optimal::{self, Range, spectrum_mmse};
use crate::labs::noise::{
    Config, Noise, data::DataSet, learned::Program, schedule::ScheduleKind, solver::SolverKind,
};
use crate::labs::{Basis, Claim, Exhibit, Lab, Paper, Setup};

const STEPS: usize = 10;
const LIMITS: [f64; 2] = [0.002, 80.0];
/// Weight of the smoothness penalty in the authors' code.
const SMOOTH: f64 = 1e-3;

/// The denoising error of two equally likely classes N(0, c^2), or of one.
fn curve(scales: &[f64]) -> Curve {
    let grid = num::logspace(0.5 * LIMITS[0], 2.0 * LIMITS[1], 300);
    let squares: Vec<f64> = scales.iter().map(|c| c * c).collect();
    Curve {
        mmse: grid
            .iter()
            .map(|s| spectrum_mmse(&squares, *s) / squares.len() as f64)
            .collect(),
        grid: grid.into(),
    }
}

fn learnt(curve: &Curve) -> f64 {
    curve.klub(&Program::new(curve.clone(), LIMITS, STEPS + 1, SMOOTH).finish())
}

/// Divergence with a schedule of its own for each class over that of one schedule for both.
fn own_over_shared(scales: [f64; 2]) -> f64 {
    let own = scales.map(|c| learnt(&curve(&[c])));
    0.5 * (own[0] + own[1]) / learnt(&curve(&scales))
}

fn drawn(seed: u64) -> f64 {
    let mut stream = Stream::new(seed, StreamId::Data);
    let scale = |u: f64| num::exp(num::ln(0.05) + u * num::ln(40.0));
    own_over_shared([scale(stream.uniform()), scale(stream.uniform())])
}

fn judge(mean: f64, interval: [f64; 2]) -> (Verdict, String) {
    // How good the descent is where the optimum is known in closed form.
    let one = curve(&[0.1]);
    let range = Range {
        min: LIMITS[0],
        max: LIMITS[1],
        steps: STEPS,
    };
    let gap = learnt(&one) / one.klub(&optimal::gaussian_klub(0.1, range));
    let fixed = learnt(&one)
        / one.klub(&crate::labs::noise::grids::karras(
            STEPS + 1,
            LIMITS[0],
            LIMITS[1],
            7.0,
        ));
    let (verdict, words) = ratio_verdict(
        mean,
        interval,
        0.95,
        "Two classes of Gaussians, scales drawn from 0.05 to 2, 10 steps from 80 to 0.002, penalty 0.001.",
    );
    (
        verdict,
        format!(
            "{words} For a class of scale 0.1 the learnt schedule has {gap:.2} times the divergence of the closed-form optimum and {fixed:.2} times that of the EDM schedule. Trained networks and images are not tested."
        ),
    )
}

const CONDITIONED: PerSeed = PerSeed {
    quantity: "path divergence, learned for each class over learned for both, 10 steps",
    unit: "×",
    value: |seed| Ok(drawn(seed)),
    judge,
};

/// The exhibit.
pub(super) static CVDM: Exhibit = Exhibit {
    id: "cvdm",
    lab: Noise::KIND,
    title: "Learned schedule (CVDM)",
    idea: "Do not tune the schedule: make it a monotone function with parameters, learn it with the model on the variational bound, and let it depend on the condition.",
    paper: Paper {
        title: "Conditional Variational Diffusion Models",
        authors: "Maggiora, Croquevielle, Deshpande, Horsley, Heinis, Yakimovich",
        year: 2023,
        arxiv: "2312.02246",
    },
    basis: Basis::Code,
    deviations: "The denoiser is ideal, so that only the schedule is learnt: Adam on a monotone curve of 16 knots in ln s instead of monotone networks, one schedule for a data set instead of one per pixel. The authors' auxiliary losses for gamma(0) and gamma(1) are met by construction; their smoothness penalty is kept, on alpha-bar over the steps.",
    equation: "minimise over a monotone s(t): ln of sum over steps b -> a of integral_a^b s^-3 (m(b) - m(s)) ds + w mean (alpha-bar'')^2",
    symbols: &[
        ("m(s)", "mean squared error of the ideal denoiser"),
        ("w", "weight of the smoothness penalty, 0.001"),
        ("alpha-bar''", "second derivative over time"),
    ],
    setup: || {
        Setup::Noise(Config {
            data: DataSet::TwoScales,
            schedule: ScheduleKind::Learned,
            solver: SolverKind::Ddim,
            eta: 1.0,
            steps: STEPS as u64,
            ..Config::default()
        })
    },
    claim: Some(Claim {
        statement: "A schedule learned for the condition makes manual tuning unnecessary and gives better results than a fixed one.",
        experiment: "Two classes of different scale (one draw per seed): path divergence of 10 steps with a schedule learned by gradient descent for each class, over that of one schedule learned for both.",
        start: |effort| CONDITIONED.start(effort),
    }),
};
