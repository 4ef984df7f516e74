//! Charts of a schedule as such: the staircase over the denoising error, the density over the
//! log-SNR and what loss weights make of it, log-SNR over time, and how a network's error grows.

use super::config::{Direction, Prediction};
use super::consistency::{self, Loss};
use super::mmse::Curve;
use super::problem::{Problem, round_trip};
use super::schedule;
use super::solver::SolverKind;
use super::tables;
use crate::core::{Axis, Chart, Result, Series, SeriesKind, num};

/// Cells of the densities over the log-SNR.
const CELLS: usize = 56;

/// All charts of this file, the most telling first.
pub(super) fn all(problem: &Problem, curve: Option<&Curve>) -> Result<Vec<Chart>> {
    let bars = schedule::alpha_bars(&problem.config)?;
    let law = bars.map(|bars| law_lambdas(&bars, schedule::shift_of(&problem.config)));
    let mut out = Vec::new();
    if let Some(curve) = curve {
        out.push(staircase(problem, curve));
        out.push(density(problem, law.as_deref(), curve));
    }
    if problem.config.solver == SolverKind::Consistency {
        out.splice(0..0, [pulls(), stages()]);
    }
    if problem.config.direction == Direction::Invert {
        out.insert(0, scales(problem));
    }
    out.push(weights(problem, law.as_deref()));
    out.push(log_snr(problem, law.as_deref()));
    out.push(amplification(problem));
    Ok(out)
}

/// Power log-SNR at every training time, shifted; falling.
fn law_lambdas(bars: &[f64], shift: f64) -> Vec<f64> {
    bars.iter()
        .map(|a| -2.0 * num::ln(shift * tables::sigma_from_alpha_bar(*a)))
        .collect()
}

/// Power log-SNR of the levels visited, falling to rising noise as they are visited: rising.
fn visited(problem: &Problem) -> Vec<f64> {
    problem.levels[..problem.steps()]
        .iter()
        .map(|s| -2.0 * num::ln(*s))
        .collect()
}

/// What inversion and sampling back do to a Gaussian mode of every scale.
fn scales(problem: &Problem) -> Chart {
    let line: Vec<[f64; 2]> = num::logspace(0.005, 5.0, 61)
        .into_iter()
        .map(|c| [c, round_trip(&problem.levels, c * c).max(1e-6)])
        .collect();
    Chart {
        id: "round_trip_scales",
        title: "Round trip by scale",
        doc: "Deviation from 1 of the factor that first-order inversion along these levels and sampling back leave on a Gaussian mode of each standard deviation: in closed form, as every step is a multiplier. The spectrum of a picture is such modes, coarse structure on the right, fine detail on the left.",
        x: Axis::log("standard deviation of the mode", "data units"),
        y: Axis::log("|round trip - 1|", ""),
        series: vec![Series::line("this schedule", line)],
        marks: Vec::new(),
        on_timeline: false,
    }
}

fn staircase(problem: &Problem, curve: &Curve) -> Chart {
    let line: Vec<[f64; 2]> = curve
        .grid
        .iter()
        .zip(curve.mmse.iter())
        .map(|(s, m)| [*s, *m])
        .collect();
    // From s_{k+1} up to s_k the staircase is as high as the error at s_k.
    let levels = &problem.levels[..problem.steps()];
    let mut stairs: Vec<[f64; 2]> = levels.windows(2).map(|w| [w[1], curve.at(w[0])]).collect();
    stairs.reverse();
    if let Some(top) = levels.first() {
        stairs.push([*top, curve.at(*top)]);
    }
    let divergence = curve.klub(levels);
    Chart {
        id: "staircase",
        title: "Denoising error and staircase",
        doc: "m(s), the smallest mean squared error any denoiser can have at noise level s, and the staircase of the levels visited. With an exact denoiser the bound that Align Your Steps minimises is the area between the two over SNR = 1 / s^2, halved: put steps where the curve climbs.",
        x: Axis::log("noise level s", "data units"),
        y: Axis::log("mean squared error", "data units^2"),
        series: vec![
            Series::line("m(s)", line).as_reference(),
            Series::new(
                format!("levels visited, KLUB {divergence:.3} nats"),
                SeriesKind::Stairs,
                stairs,
            ),
        ],
        marks: Vec::new(),
        on_timeline: false,
    }
}

/// Share of values per unit of lambda on equal cells from `low` to `high`.
fn histogram(values: impl Iterator<Item = (f64, f64)>, [low, high]: [f64; 2]) -> Vec<[f64; 2]> {
    let width = (high - low) / CELLS as f64;
    let mut mass = vec![0.0; CELLS];
    let mut total = 0.0;
    for (lambda, weight) in values {
        let cell = ((lambda - low) / width).floor();
        total += weight;
        if cell >= 0.0 && cell < CELLS as f64 {
            mass[cell as usize] += weight;
        }
    }
    (0..CELLS)
        .map(|i| {
            let at = low + (i as f64 + 0.5) * width;
            [at, mass[i] / (total * width).max(1e-300)]
        })
        .collect()
}

/// Density of a falling list of lambdas at equal times, from its differences: finer than counts.
fn density_of(lambdas: &[f64]) -> Vec<[f64; 2]> {
    let step = (lambdas.len() / 250).max(1);
    let picked: Vec<f64> = lambdas.iter().copied().step_by(step).collect();
    let share = step as f64 / lambdas.len() as f64;
    picked
        .windows(2)
        .rev()
        .filter(|w| w[0] > w[1])
        .map(|w| [0.5 * (w[0] + w[1]), share / (w[0] - w[1])])
        .collect()
}

const SHOWN: [f64; 2] = [-14.0, 14.0];

fn density(problem: &Problem, law: Option<&[f64]>, curve: &Curve) -> Chart {
    let mut series = Vec::new();
    if let Some(law) = law {
        series.push(Series::line("training law", density_of(law)));
    }
    let levels = visited(problem);
    let share = 1.0 / levels.len().max(2) as f64;
    let steps: Vec<[f64; 2]> = levels
        .windows(2)
        .map(|w| [w[0], share / (w[1] - w[0])])
        .chain(levels.last().map(|l| [*l, 0.0]))
        .collect();
    series.push(Series::new("levels visited", SeriesKind::Stairs, steps));
    // dm / d lambda, as a density: where the posterior decides.
    let top = curve.mmse[curve.mmse.len() - 1] - curve.mmse[0];
    let mut decided: Vec<[f64; 2]> = curve
        .grid
        .windows(2)
        .zip(curve.mmse.windows(2))
        .map(|(s, m)| {
            let (a, b) = (-2.0 * num::ln(s[0]), -2.0 * num::ln(s[1]));
            [0.5 * (a + b), (m[1] - m[0]) / (a - b) / top.max(1e-300)]
        })
        .collect();
    decided.reverse();
    series.push(Series::line("where the data is decided", decided).as_reference());
    Chart {
        id: "density",
        title: "Density over log-SNR",
        doc: "A schedule is a density over the power log-SNR lambda = ln(alpha^2 / sigma^2): noise on the left, data on the right. The reference is dm / dlambda, the share of the denoising error removed there.",
        x: Axis::linear("log-SNR lambda (power)", ""),
        y: Axis::zero_based("density", ""),
        series,
        marks: Vec::new(),
        on_timeline: false,
    }
}

/// Weight of the squared error of the denoised estimate in a loss, at power SNR `snr`.
type Weight = (&'static str, fn(f64) -> f64);

/// Losses in terms of the error of x0: eps-MSE, v-MSE, x0-MSE and Min-SNR with gamma 5.
const WEIGHTS: [Weight; 4] = [
    ("eps loss", |snr| snr),
    ("v loss", |snr| 1.0 + snr),
    ("x0 loss", |_| 1.0),
    ("Min-SNR-5", |snr| snr.min(5.0)),
];

fn weights(problem: &Problem, law: Option<&[f64]>) -> Chart {
    let levels = visited(problem);
    let lambdas = law.unwrap_or(&levels);
    // The weight of a loss is compared after dividing by the error it meets: a unit of x0 error
    // near the data is worth 1 / s^2 nats.
    let series = WEIGHTS
        .iter()
        .map(|(name, weight)| {
            let values = lambdas.iter().map(|l| {
                let snr = num::exp(*l);
                (*l, weight(snr) / (1.0 + snr))
            });
            Series::line(*name, histogram(values, SHOWN))
        })
        .collect();
    Chart {
        id: "loss_weight",
        title: "Training emphasis",
        doc: "Share of a training loss that each log-SNR receives: density of the schedule times the loss's weight, relative to the v loss (weight 1 + SNR on the error of x0), which is flat. eps-MSE weighs the error of x0 by SNR, x0-MSE by 1, Min-SNR by min(SNR, 5).",
        x: Axis::linear("log-SNR lambda (power)", ""),
        y: Axis::zero_based("share per unit", ""),
        series,
        marks: Vec::new(),
        on_timeline: false,
    }
}

fn log_snr(problem: &Problem, law: Option<&[f64]>) -> Chart {
    let levels = visited(problem);
    let n = levels.len().max(1) as f64;
    let points: Vec<[f64; 2]> = levels
        .iter()
        .enumerate()
        .map(|(k, l)| [1.0 - k as f64 / n, *l])
        .collect();
    let mut series = Vec::new();
    if let Some(law) = law {
        let last = (law.len() - 1) as f64;
        let line: Vec<[f64; 2]> = law
            .iter()
            .enumerate()
            .step_by(4)
            .map(|(t, l)| [t as f64 / last, *l])
            .collect();
        series.push(Series::line("training law", line).as_reference());
    }
    series.push(Series::new("levels visited", SeriesKind::Points, points));
    Chart {
        id: "log_snr",
        title: "Log-SNR over time",
        doc: "Power log-SNR over the time from clean (0) to noise (1). A straight line is the logistic law; a shift of the schedule moves the whole curve up or down by 2 ln.",
        x: Axis::zero_based("time t", ""),
        y: Axis::linear("log-SNR lambda (power)", ""),
        series,
        marks: Vec::new(),
        on_timeline: false,
    }
}

fn amplification(problem: &Problem) -> Chart {
    let levels = &problem.levels[..problem.steps()];
    let lowest = levels.last().copied().unwrap_or(0.01).min(0.01);
    let grid = num::logspace(lowest, levels[0].max(20.0), 60);
    let series = Prediction::ALL
        .iter()
        .map(|p| {
            let line: Vec<[f64; 2]> = grid.iter().map(|s| [*s, p.amplification(*s)]).collect();
            Series::line(p.name(), line)
        })
        .collect();
    Chart {
        id: "amplification",
        title: "Growth of a network's error",
        doc: "Factor from an error of the network's output to an error of the denoised estimate: s for eps, 1 for x0, sigma for v, u for the flow velocity. It is why eps fails at zero terminal SNR, where s is infinite.",
        x: Axis::log("noise level s", "data units"),
        y: Axis::log("factor", ""),
        series,
        marks: Vec::new(),
        on_timeline: false,
    }
}
/// What a difference between neighbouring levels does to the parameters, by loss.
fn pulls() -> Chart {
    const C: f64 = 0.03;
    let line = |loss: Loss| -> Vec<[f64; 2]> {
        num::logspace(1e-3, 30.0, 80)
            .into_iter()
            .map(|d| [d, loss.pull(d, C) / loss.pull(C, C)])
            .collect()
    };
    Chart {
        id: "pulls",
        title: "Pull of an error",
        doc: "Derivative of three losses at a difference d between neighbouring levels, with c = 0.03, over that at d = c. The pull of an outlier grows without end, stays, or falls: that is what the Cauchy loss is for.",
        x: Axis::log("difference d", "data units"),
        y: Axis::log("pull, 1 at c", ""),
        series: Loss::ALL
            .into_iter()
            .map(|loss| Series::line(loss.name(), line(loss)))
            .collect(),
        marks: Vec::new(),
        on_timeline: false,
    }
}

/// Levels and loss scale over the training.
fn stages() -> Chart {
    let shares = num::linspace(0.0, 1.0, 200);
    let levels = |t: &f64| consistency::discretisation(*t, 10, 1280);
    let count = shares.iter().map(|t| [*t, f64::from(levels(t))]);
    let scale = shares
        .iter()
        .map(|t| [*t, consistency::loss_scale(levels(t))]);
    Chart {
        id: "discretisation",
        title: "Discretisation over training",
        doc: "Improved consistency training doubles the number of levels N from 10 to 1280 in equal stages; the scale c of the loss falls with it, e^(-1.18 ln(N - 1) - 0.72). Constants as remembered.",
        x: Axis::zero_based("share of the training", ""),
        y: Axis::log("N and c", ""),
        series: vec![
            Series::line("levels N", count.collect::<Vec<_>>()),
            Series::line("loss scale c", scale.collect::<Vec<_>>()),
        ],
        marks: Vec::new(),
        on_timeline: false,
    }
}
