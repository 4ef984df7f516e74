//! From the raw recording to what is shown: headline numbers, modes, charts, the timeline.

use super::config::Direction;
use super::distance::Truth;
use super::law_charts;
use super::lint;
use super::mmse;
use super::problem::Problem;
use super::run::{Frame, Headline, Mode, PlaneRun, Scores};
use super::schedule;
use super::tables;
use crate::core::{
    Axis, Chart, Mark, Moment, MomentKind, Result, Series, SeriesKind, Table, Timeline, num, stats,
};
use std::sync::Arc;

/// Number of control points a drawing starts with.
const CONTROLS: usize = 8;

/// What the computation hands over.
pub(super) struct Parts<'a> {
    pub(super) problem: Arc<Problem>,
    pub(super) frames: Arc<[Frame]>,
    pub(super) denoised: Arc<[Arc<[f32]>]>,
    pub(super) ends: Vec<f64>,
    pub(super) endings: Endings,
    pub(super) exact: Arc<[Arc<[f32]>]>,
    pub(super) densities: Arc<[Arc<[f32]>]>,
    pub(super) half_width: f64,
    pub(super) truth: &'a Truth,
    pub(super) scores: Vec<Scores>,
    pub(super) calls: usize,
    pub(super) curve: Option<&'a mmse::Curve>,
}

/// Half the side of the picture: the data with its spread, and nearly all of the noise.
pub(super) fn half_width(problem: &Problem) -> f64 {
    let m = &problem.mixture;
    let reach = (0..m.len())
        .flat_map(|k| {
            m.mean(k)
                .iter()
                .map(move |c| c.abs() + 3.5 * m.variances(k)[0].sqrt())
        })
        .fold(0.0, f64::max);
    reach.max(2.9 * problem.spread)
}

/// Builds the run.
pub(super) fn build(parts: Parts<'_>) -> Result<PlaneRun> {
    let problem = &parts.problem;
    let (owner, modes, mut headline) = parts.endings.headline(problem, &parts.ends);
    (headline.sliced, headline.floor) = parts.truth.result();
    [headline.energy, headline.energy_floor] = parts.truth.energy();
    headline.calls = parts.calls;
    headline.paired = parts.scores.last().map_or(f64::NAN, |s| s.paired);
    let timeline = timeline(problem, &parts.scores);
    let mut charts = charts(problem, &parts.scores, &modes, headline.floor)?;
    let laws = law_charts::all(problem, parts.curve)?;
    // A searched schedule is best seen on the curve it was searched on.
    let place = if problem.config.schedule.is_searched() {
        0
    } else {
        charts.len()
    };
    charts.splice(place..place, laws);
    let notes = lint::setup(&problem.config, &problem.levels, problem.spread);
    Ok(PlaneRun {
        frames: parts.frames,
        denoised: parts.denoised,
        exact: parts.exact,
        densities: parts.densities,
        half_width: parts.half_width,
        controls: controls(problem),
        steps: Arc::new(step_table(problem, &parts.scores)),
        owner,
        modes,
        headline,
        scores: parts.scores.into(),
        timeline,
        charts: charts.into(),
        notes: notes.into(),
        problem: parts.problem,
    })
}

/// Share and weight of the rarer half of the modes; every mode is rarer than the one before.
fn rare(modes: &[Mode], imbalance: f64) -> [f64; 2] {
    if imbalance == 0.0 || modes.len() < 2 {
        return [f64::NAN; 2];
    }
    let half = &modes[modes.len().div_ceil(2)..];
    [
        num::sum(half.iter().map(|m| m.share)),
        num::sum(half.iter().map(|m| m.weight)),
    ]
}

/// Where the particles ended, counted a slice at a time.
#[derive(Debug, Clone, Default)]
pub(super) struct Endings {
    owner: Vec<u16>,
    counts: Vec<usize>,
    astray: usize,
    nll: Vec<f64>,
}

impl Endings {
    /// Counts the particles that follow those counted so far, a few of them; `false` when all are.
    pub(super) fn advance(&mut self, problem: &Problem, ends: &[f64]) -> bool {
        const WORK: usize = 12_000;
        let m = &problem.mixture;
        let left = &ends[2 * self.owner.len()..];
        if left.is_empty() {
            return false;
        }
        let mut clean = m.level(1.0, 0.0);
        self.counts.resize(m.len(), 0);
        for x in left.chunks_exact(2).take((WORK / m.len()).max(1)) {
            let (k, _) = clean.owner(x);
            self.counts[k] += 1;
            self.owner.push(k as u16);
            self.astray += usize::from(clean.nearest_in_sds(x) > 4.0);
            self.nll.push(-clean.log_density(x));
        }
        true
    }

    fn headline(self, problem: &Problem, ends: &[f64]) -> (Arc<[u16]>, Arc<[Mode]>, Headline) {
        let config = &problem.config;
        let m = &problem.mixture;
        let n = self.owner.len().max(1) as f64;
        let count = |k: usize| self.counts.get(k).copied().unwrap_or(0);
        let modes: Arc<[Mode]> = (0..m.len())
            .map(|k| Mode {
                centre: [m.mean(k)[0], m.mean(k)[1]],
                sd: m.variances(k)[0].sqrt(),
                weight: m.weights()[k],
                share: count(k) as f64 / n,
            })
            .collect();
        let headline = Headline {
            sliced: f64::NAN,
            floor: f64::NAN,
            energy: f64::NAN,
            energy_floor: f64::NAN,
            paired: f64::NAN,
            round_trip: round_trip(problem, ends),
            calls: 0,
            imbalance: 0.5 * num::sum(modes.iter().map(|m| (m.share - m.weight).abs())),
            covered: modes.iter().filter(|m| m.share >= 0.25 * m.weight).count(),
            astray: self.astray as f64 / n,
            rare: rare(&modes, config.imbalance),
            nll: num::sum(self.nll) / n,
        };
        (self.owner.into(), modes, headline)
    }
}

/// Distance between the clean points and where an inversion and back leaves them.
fn round_trip(problem: &Problem, ends: &[f64]) -> f64 {
    if problem.config.direction != Direction::Invert {
        return f64::NAN;
    }
    let clean = problem.clean(0..ends.len() / 2);
    let total = num::sum(clean.iter().zip(ends).map(|(a, b)| (a - b) * (a - b)));
    (total / (ends.len() / 2).max(1) as f64).sqrt()
}

fn timeline(problem: &Problem, scores: &[Scores]) -> Timeline {
    let forward = problem.forward_steps();
    let mut timeline = Timeline::counted(forward + problem.steps(), "step", "1 denoising step");
    if forward > 0 {
        timeline
            .moments
            .push(moment(forward, "denoising starts", MomentKind::Phase));
    }
    // The step in which half of all data is decided: the noise level crosses the data's spread.
    if let Some(k) = problem.levels.iter().position(|s| *s < problem.spread) {
        let label = "noise falls below the spread of the data";
        timeline
            .moments
            .push(moment(forward + k, label, MomentKind::Note));
    }
    let worst = (1..scores.len())
        .filter(|k| scores[*k].paired.is_finite())
        .max_by(|a, b| {
            grown(scores, *a)
                .total_cmp(&grown(scores, *b))
                .then(b.cmp(a))
        });
    if let Some(k) = worst.filter(|k| grown(scores, *k) > 0.0) {
        let label = format!("largest error of a step: {:.3}", grown(scores, k));
        timeline
            .moments
            .push(moment(forward + k, &label, MomentKind::Bad));
    }
    Moment::sort(&mut timeline.moments);
    timeline
}

fn grown(scores: &[Scores], k: usize) -> f64 {
    scores[k].paired - scores[k - 1].paired
}

fn moment(at: usize, label: &str, kind: MomentKind) -> Moment {
    Moment {
        at: at as f64,
        label: label.to_owned(),
        kind,
    }
}

/// ln s at equal shares of the steps, falling.
fn controls(problem: &Problem) -> Arc<[f64]> {
    let ln: Vec<f64> = problem.levels[..problem.steps()]
        .iter()
        .map(|s| num::ln(*s))
        .collect();
    let raw = (0..CONTROLS).map(|i| {
        let at = schedule::along(&ln, i as f64 / (CONTROLS - 1) as f64);
        at.clamp(-10.0, 10.0) - 1e-3 * i as f64
    });
    raw.map(|v| v.clamp(-10.0, 10.0)).collect()
}

fn step_table(problem: &Problem, scores: &[Scores]) -> Table {
    let columns = [
        "step",
        "sigma",
        "ln_sigma_step",
        "alpha_bar",
        "log_snr",
        "sliced_w2",
        "paired_rmse",
        "step_error",
    ];
    let rows = scores
        .iter()
        .enumerate()
        .map(|(k, score)| {
            let s = problem.levels[k];
            let h = if k == 0 {
                f64::NAN
            } else {
                num::ln(problem.levels[k - 1] / s)
            };
            let finite = |v: f64| if v.is_finite() { v } else { f64::NAN };
            vec![
                k as f64,
                s,
                finite(h),
                tables::alpha_bar_from_sigma(s),
                finite(-2.0 * num::ln(s)),
                score.sliced,
                score.paired,
                score.local,
            ]
        })
        .collect();
    Table {
        columns: columns.map(str::to_owned).to_vec(),
        rows,
    }
}

fn charts(problem: &Problem, scores: &[Scores], modes: &[Mode], floor: f64) -> Result<Vec<Chart>> {
    let forward = problem.forward_steps();
    let at = |k: usize| (forward + k) as f64;
    let mut out = vec![
        distance_chart(scores, &at, problem, floor),
        level_chart(problem),
        curve_chart(problem)?,
        step_chart(problem, &at),
    ];
    out.extend(local_chart(scores, &at));
    out.extend(weight_chart(problem));
    out.push(mode_chart(modes, problem.config.particles as usize));
    Ok(out)
}

fn distance_chart(
    scores: &[Scores],
    at: &dyn Fn(usize) -> f64,
    problem: &Problem,
    floor: f64,
) -> Chart {
    let line = |value: fn(&Scores) -> f64| -> Vec<[f64; 2]> {
        scores
            .iter()
            .enumerate()
            .map(|(k, s)| [at(k), value(s)])
            .collect()
    };
    let mut series = vec![Series::line("distance to the truth", line(|s| s.sliced))];
    if !problem.stochastic() {
        series.push(Series::line("error to the exact flow", line(|s| s.paired)));
    }
    let ends = vec![[at(0), floor], [at(problem.steps()), floor]];
    series.push(Series::line("a fresh draw of the truth", ends).as_reference());
    Chart {
        id: "distance",
        title: "Distance to the truth",
        doc: "Sliced Wasserstein distance of the particles from the data noised to the same level, and the distance from the exact flow. Look for the step in which the error is made.",
        x: Axis::linear("step", ""),
        y: Axis::zero_based("distance", "data units"),
        series,
        marks: Vec::new(),
        on_timeline: true,
    }
}

fn level_chart(problem: &Problem) -> Chart {
    let last = problem.forward_steps() + problem.steps();
    let points: Vec<[f64; 2]> = (0..=last)
        .map(|k| [k as f64, problem.levels[problem.level_index(k)]])
        .filter(|p| p[1] > 0.0)
        .collect();
    let spread = vec![[0.0, problem.spread], [last as f64, problem.spread]];
    Chart {
        id: "sigma",
        title: "Noise level",
        doc: "Noise level s = sigma / alpha at every step. The decisions fall where it passes the spread of the data.",
        x: Axis::linear("step", ""),
        y: Axis::log("noise level s", "data units"),
        series: vec![
            Series::new("noise level", SeriesKind::Line, points),
            Series::line("spread of the data", spread).as_reference(),
        ],
        marks: Vec::new(),
        on_timeline: true,
    }
}

fn curve_chart(problem: &Problem) -> Result<Chart> {
    let n = problem.steps();
    let visited: Vec<[f64; 2]> = problem.levels[..n]
        .iter()
        .enumerate()
        .map(|(k, s)| [1.0 - k as f64 / n as f64, tables::alpha_bar_from_sigma(*s)])
        .collect();
    let mut series = Vec::new();
    if let Some(bars) = schedule::alpha_bars(&problem.config)? {
        let shift = schedule::shift_of(&problem.config);
        let last = (bars.len() - 1) as f64;
        let curve: Vec<[f64; 2]> = bars
            .iter()
            .enumerate()
            .step_by(4)
            .map(|(t, a)| {
                let s = shift * tables::sigma_from_alpha_bar(*a);
                [t as f64 / last, tables::alpha_bar_from_sigma(s)]
            })
            .collect();
        series.push(Series::line("training law", curve).as_reference());
    }
    series.push(Series::new("levels visited", SeriesKind::Points, visited));
    Ok(Chart {
        id: "alpha_bar",
        title: "Signal share",
        doc: "alpha-bar = 1 / (1 + s^2), the share of the variance that is signal, over the time from clean (0) to noise (1): the law of the training times and the levels visited.",
        x: Axis::zero_based("time t", ""),
        y: Axis::zero_based("alpha-bar", ""),
        series,
        marks: Vec::new(),
        on_timeline: false,
    })
}

fn step_chart(problem: &Problem, at: &dyn Fn(usize) -> f64) -> Chart {
    let bars: Vec<[f64; 2]> = problem.levels[..problem.steps()]
        .windows(2)
        .enumerate()
        .map(|(k, w)| [at(k + 1), num::ln(w[0] / w[1])])
        .collect();
    // A multistep solver overshoots where a step is more than three times the one before.
    let marks = bars
        .windows(2)
        .filter(|w| w[1][1] > 3.0 * w[0][1])
        .map(|w| Mark {
            x: w[1][0],
            label: "more than 3 times the step before".to_owned(),
        })
        .collect();
    Chart {
        id: "step_sizes",
        title: "Step sizes",
        doc: "h = ln(s / s') of every step but the last, which goes to clean. Very unequal neighbours make multistep solvers overshoot.",
        x: Axis::linear("step", ""),
        y: Axis::zero_based("h = ln(s / s')", ""),
        series: vec![Series::new("step size", SeriesKind::Bars, bars)],
        marks,
        on_timeline: true,
    }
}

/// What every step does wrong by itself; nothing for samplers that add noise.
fn local_chart(scores: &[Scores], at: &dyn Fn(usize) -> f64) -> Option<Chart> {
    let bars: Vec<[f64; 2]> = (scores.iter().enumerate())
        .filter(|(_, score)| score.local.is_finite())
        .map(|(k, score)| [at(k), score.local])
        .collect();
    (!bars.is_empty()).then(|| Chart {
        id: "step_errors",
        title: "Error of each step",
        doc: "From where the first 128 particles stand, the exact flow over one step against where the sampler goes (root mean square, as in the picture). Errors made early are carried on by the flow, which the distance shows.",
        x: Axis::linear("step", ""),
        y: Axis::zero_based("error of the step", "data units"),
        series: vec![Series::new("error of the step", SeriesKind::Bars, bars)],
        marks: Vec::new(),
        on_timeline: true,
    })
}

/// What the fitted steps make of the noise estimates so far, if there are any.
fn weight_chart(problem: &Problem) -> Option<Chart> {
    const SHOWN: usize = 6;
    let weights = problem.weights.as_ref()?;
    let n = weights.len();
    let every = n.div_ceil(SHOWN).max(1);
    let series = (0..n)
        .rev()
        .step_by(every)
        .map(|k| {
            // A plain Euler path would give every estimate the step it was used for.
            let line: Vec<[f64; 2]> = weights[k][1..]
                .iter()
                .enumerate()
                .map(|(j, w)| [j as f64, *w])
                .collect();
            Series::line(format!("state after step {}", k + 1), line)
        })
        .collect();
    Some(Chart {
        id: "subspace",
        title: "Weights of the noise estimates",
        doc: "What OLSS adds up: the weight of the noise estimate of every step so far in the states that follow. Euler gives each estimate its own step s' - s and never revises it; here later states may weigh an early estimate anew.",
        x: Axis::linear("estimate of step", ""),
        y: Axis::linear("weight", "data units"),
        series,
        marks: Vec::new(),
        on_timeline: false,
    })
}

/// The share of the particles that ended in each mode, with what an exact sampler would show: the
/// count of one mode is binomial.
fn mode_chart(modes: &[Mode], particles: usize) -> Chart {
    let by = |value: fn(&Mode) -> f64| -> Vec<[f64; 2]> {
        modes
            .iter()
            .enumerate()
            .map(|(k, m)| [k as f64, 100.0 * value(m)])
            .collect()
    };
    let edge = |q: f64| -> Vec<[f64; 2]> {
        let quantile = |w: f64| stats::binomial_quantile(particles, w, q) as f64;
        modes
            .iter()
            .enumerate()
            .flat_map(|(k, m)| {
                let share = 100.0 * quantile(m.weight) / particles.max(1) as f64;
                [k as f64 - 0.4, k as f64 + 0.4].map(|x| [x, share])
            })
            .collect()
    };
    let upper: Vec<f64> = edge(0.975).into_iter().map(|[_, y]| y).collect();
    Chart {
        id: "modes",
        title: "Particles per mode",
        doc: "Share of the particles that ended in each mode, and the mode's weight in the data. An exact sampler lies in the band in 95 of 100 runs.",
        x: Axis::linear("mode", ""),
        y: Axis::zero_based("share", "%"),
        series: vec![
            Series::new("particles", SeriesKind::Bars, by(|m| m.share)),
            Series::band("exact sampler, 95 %", edge(0.025), upper).as_reference(),
            Series::new("weight", SeriesKind::Points, by(|m| m.weight)).as_reference(),
        ],
        marks: Vec::new(),
        on_timeline: false,
    }
}
