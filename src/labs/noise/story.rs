//! The story of one particle: where it is, what the denoiser sees there, and the step with the
//! numbers put in. The particle is carried again in full precision, which is cheap and exact.

use super::config::Direction;
use super::problem::{Exact, Problem};
use super::run::PlaneRun;
use super::solver::{SolverKind, ancestral_split};
use crate::core::{EntityId, Fact, Story, num};

/// One particle's way through the denoising steps in full precision.
struct Way {
    /// State at every level.
    states: Vec<[f64; 2]>,
    /// Estimate each step started from.
    estimates: Vec<[f64; 2]>,
}

fn pair(v: &[f64]) -> [f64; 2] {
    [
        v.first().copied().unwrap_or(f64::NAN),
        v.get(1).copied().unwrap_or(f64::NAN),
    ]
}

fn carry(problem: &Problem, particle: usize) -> (Vec<[f64; 2]>, Way) {
    let particles = particle..particle + 1;
    let forward: Vec<Vec<f64>> = problem.forward(particles.clone());
    let start = forward.last().cloned().unwrap_or_default();
    let mut solver = problem.solver(start.clone());
    let mut model = Exact { problem, particles };
    let mut way = Way {
        states: vec![pair(&start)],
        estimates: Vec::new(),
    };
    while !solver.done() {
        solver.advance(&mut model);
        way.states.push(pair(solver.x()));
        way.estimates.push(pair(solver.denoised()));
    }
    (forward.iter().map(|s| pair(s)).collect(), way)
}

fn point(p: [f64; 2]) -> String {
    format!("({:.3}, {:.3})", p[0], p[1])
}

fn number(v: f64) -> String {
    if v == 0.0 || (1e-2..1e3).contains(&v.abs()) {
        format!("{v:.3}")
    } else {
        format!("{v:.2e}")
    }
}

/// The story of a particle at a moment of the timeline.
pub(super) fn of(run: &PlaneRun, particle: usize, at: f64) -> Option<Story> {
    let owner = *run.owner.get(particle)?;
    let problem = &run.problem;
    let position = run.timeline.index_at(at);
    let level = problem.levels[problem.level_index(position)];
    let (forward, way) = carry(problem, particle);
    let noising = position < problem.forward_steps();
    let k = position.saturating_sub(problem.forward_steps());
    let x = if noising {
        *forward.get(position)?
    } else {
        *way.states.get(k)?
    };
    let scale = problem.scale(level);
    let mut facts = vec![
        Fact::new("noise level s", format!("{} data units", number(level))),
        Fact::new("state X = x / alpha", point(x)),
        Fact::new("place in the picture", point([scale * x[0], scale * x[1]])),
        Fact::new("ends in mode", owner.to_string()),
    ];
    let why = if noising {
        noising_words(problem, x, level)
    } else {
        let denoised = way.estimates.get(k).copied();
        if let Some(d) = denoised {
            facts.push(Fact::new("denoised estimate D", point(d)));
        }
        facts.push(beliefs(problem, x, level));
        facts.extend(exact_distance(
            run,
            particle,
            k,
            [scale * x[0], scale * x[1]],
        ));
        match (denoised, way.states.get(k + 1)) {
            (Some(d), Some(next)) => step_words(problem, k, x, d, *next),
            _ => vec!["The last level is reached: the point is a sample.".to_owned()],
        }
    };
    Some(Story {
        title: format!("Particle {particle}"),
        facts,
        why,
    })
}

/// The modes the denoiser thinks the particle may come from.
fn beliefs(problem: &Problem, x: [f64; 2], level: f64) -> Fact {
    let (k, share) = problem.mixture.level(1.0, level).owner(&x);
    Fact::new(
        "most likely mode",
        format!("{k} with {:.1} %", 100.0 * share),
    )
}

fn exact_distance(run: &PlaneRun, particle: usize, k: usize, place: [f64; 2]) -> Option<Fact> {
    let state = run.exact.get(k)?;
    let (x, y) = (*state.get(2 * particle)?, *state.get(2 * particle + 1)?);
    let (dx, dy) = (place[0] - f64::from(x), place[1] - f64::from(y));
    let distance = (dx * dx + dy * dy).sqrt();
    Some(Fact::new(
        "distance from the exact flow",
        format!("{} data units", number(distance)),
    ))
}

fn noising_words(problem: &Problem, x: [f64; 2], level: f64) -> Vec<String> {
    match problem.config.direction {
        Direction::Invert => vec![format!(
            "Inversion: the first-order step is taken backwards along the slope (X - D) / s; at s = {} the state is {}.",
            number(level),
            point(x)
        )],
        _ => vec![format!(
            "Noising: X = x0 + s eps with the same eps at every level; at s = {} this is {}.",
            number(level),
            point(x)
        )],
    }
}

/// The step out of level k, with its numbers.
fn step_words(
    problem: &Problem,
    k: usize,
    x: [f64; 2],
    d: [f64; 2],
    next: [f64; 2],
) -> Vec<String> {
    let (s, to) = (problem.levels[k], problem.levels[k + 1]);
    let slope = [(x[0] - d[0]) / s, (x[1] - d[1]) / s];
    let mut why = vec![format!(
        "Slope d = (X - D) / s = ({} - {}) / {} = {}.",
        point(x),
        point(d),
        number(s),
        point(slope)
    )];
    let config = &problem.config;
    why.push(match config.solver {
        SolverKind::Ddim if config.eta > 0.0 => {
            let (up, down) = ancestral_split(s, to, config.eta);
            format!(
                "DDIM with eta {}: X' = ({} / {}) X + (1 - {} / {}) D + {} z = {}.",
                number(config.eta), number(down), number(s), number(down), number(s), number(up), point(next)
            )
        }
        SolverKind::EulerAncestral => {
            let (up, down) = ancestral_split(s, to, config.eta);
            format!(
                "Ancestral Euler: X' = X + d ({} - {}) + {} z = {}.",
                number(down), number(s), number(up), point(next)
            )
        }
        SolverKind::Ddim | SolverKind::Euler | SolverKind::FlowEuler => format!(
            "First order: X' = X + d (s' - s) = {} + {} ({} - {}) = {}.",
            point(x), point(slope), number(to), number(s), point(next)
        ),
        SolverKind::Heun if to == 0.0 => format!(
            "The step to clean is a plain one: X' = X - d s = D = {}.",
            point(next)
        ),
        SolverKind::Heun => heun_words(s, to, x, slope, next),
        SolverKind::DpmPp2m
        | SolverKind::DpmPp2s
        | SolverKind::DpmPp2mSde
        | SolverKind::UniPc
        | SolverKind::UniPc3
            if to == 0.0 =>
        {
            format!("The step to clean takes the estimate: X' = D = {}.", point(next))
        }
        SolverKind::DpmPp2m => two_m_words(problem, k, next),
        SolverKind::DpmPp2s => format!(
            "2S: a first-order half step to s_m = {}, the estimate there replaces D over the whole step: X' = {}.",
            number((s * to).sqrt()), point(next)
        ),
        SolverKind::DpmPp2mSde => format!(
            "2M SDE with eta {}: noise of standard deviation s' sqrt(1 - e^(-2 eta h)) = {} on top of the 2M step: X' = {}.",
            number(config.eta),
            number(to * (-num::exp_m1(-2.0 * config.eta * num::ln(s / to))).sqrt()),
            point(next)
        ),
        SolverKind::HeunChurn => format!(
            "Heun with churn: the noise is raised to at most s (1 + gamma) = {} before the step: X' = {}.",
            number(s * (1.0 + config.eta * (std::f64::consts::SQRT_2 - 1.0))), point(next)
        ),
        SolverKind::Plms => format!(
            "PLMS: the last {} slopes with the weights of equal steps: X' = {}.",
            (k + 1).min(4), point(next)
        ),
        SolverKind::UniPc | SolverKind::UniPc3 => format!(
            "UniPC: the step of size h = ln(s / s') = {} extrapolates D in ln s and corrects the state it left; X' = {}.",
            number(num::ln(s / to)), point(next)
        ),
        SolverKind::Consistency => format!(
            "Consistency: the end of the flow line through X, then noise of the next level {}: X' = {}.",
            number(to), point(next)
        ),
        SolverKind::Olss => format!(
            "OLSS: the start and the noise estimates of all {} steps so far, added with the weights that fitted a teacher best: X' = {}.",
            k + 1, point(next)
        ),
        SolverKind::Lms => format!(
            "LMS: the last {} slopes are interpolated by a polynomial and integrated from {} to {}: X' = {}.",
            (k + 1).min(4), number(s), number(to), point(next)
        ),
    });
    why
}

fn heun_words(s: f64, to: f64, x: [f64; 2], slope: [f64; 2], next: [f64; 2]) -> String {
    // The mean slope follows from where the step ended.
    let mean = [(next[0] - x[0]) / (to - s), (next[1] - x[1]) / (to - s)];
    let second = [2.0 * mean[0] - slope[0], 2.0 * mean[1] - slope[1]];
    format!(
        "Heun: slope at the far end d' = {}; X' = X + (d + d') / 2 (s' - s) = {} + {} ({} - {}) = {}.",
        point(second),
        point(x),
        point(mean),
        number(to),
        number(s),
        point(next)
    )
}

fn two_m_words(problem: &Problem, k: usize, next: [f64; 2]) -> String {
    let (s, to) = (problem.levels[k], problem.levels[k + 1]);
    let h = num::ln(s / to);
    if k == 0 {
        return format!(
            "2M, first step: X' = (s' / s) X + (1 - e^-h) D with h = {} gives {}.",
            number(h),
            point(next)
        );
    }
    let r = num::ln(problem.levels[k - 1] / s) / h;
    format!(
        "2M: D* = (1 + 1 / (2 r)) D - D_before / (2 r) with r = h_before / h = {}; X' = (s' / s) X + (1 - e^-h) D* with h = {} gives {}.",
        number(r),
        number(h),
        point(next)
    )
}

/// Particles worth a look: far from the exact flow, off every mode, deciding late.
pub(super) fn notable(run: &PlaneRun) -> Vec<(EntityId, String)> {
    let mut out = Vec::new();
    let end = run
        .frames
        .last()
        .map(|f| f.points.clone())
        .unwrap_or_default();
    if let Some(exact) = run.exact.last() {
        let distance = |i: usize| {
            let (dx, dy) = (end[2 * i] - exact[2 * i], end[2 * i + 1] - exact[2 * i + 1]);
            (dx * dx + dy * dy).sqrt()
        };
        let worst = (0..exact.len() / 2)
            .max_by(|a, b| distance(*a).total_cmp(&distance(*b)).then(b.cmp(a)));
        if let Some(i) = worst {
            out.push((
                EntityId(i as u64),
                format!(
                    "Particle {i}: furthest from its exact end, {:.3} data units",
                    distance(i)
                ),
            ));
        }
    }
    let mut clean = run.problem.mixture.level(1.0, 0.0);
    let astray = (0..run.particles())
        .map(|i| {
            (
                i,
                clean.nearest_in_sds(&[f64::from(end[2 * i]), f64::from(end[2 * i + 1])]),
            )
        })
        .max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
    if let Some((i, sds)) = astray {
        out.push((
            EntityId(i as u64),
            format!("Particle {i}: {sds:.1} standard deviations from the nearest mode"),
        ));
    }
    out.push((EntityId(0), "Particle 0: an ordinary one".to_owned()));
    out
}
