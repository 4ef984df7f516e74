//! Denoisers, single steps and trajectories.

use super::super::empirical::Empirical;
use super::super::library::{Class, LibraryConfig};
use super::super::mixture::Mixture;
use super::super::oss::flow_velocity;
use super::super::schedule::Spacing;
use super::super::solver::{Model, Solver, SolverKind, ancestral_split};
use super::super::tables::{Table, sigma_from_alpha_bar};
use super::{attempt, cases, compare, count, mixture, name_of, tolerance};
use crate::core::golden::{Case, Check, Tolerance, field, float, float_field, floats_field};
use crate::core::{Error, Result};
use serde_json::Value;

/// A mixture's denoiser with noise from a list.
struct Exact<'a> {
    mixture: &'a Mixture,
    noise: Vec<f64>,
}

impl Model for Exact<'_> {
    fn denoise(&mut self, points: &[f64], level: f64, out: &mut [f64]) {
        let d = self.mixture.dim();
        let mut at = self.mixture.level(1.0, level);
        for (x, o) in points.chunks_exact(d).zip(out.chunks_exact_mut(d)) {
            at.denoise(x, o);
        }
    }

    fn noise(&mut self, _step: usize, out: &mut [f64]) {
        out.copy_from_slice(&self.noise[..out.len()]);
    }
}

pub(super) fn mixture_denoiser(file: &Value) -> Result<Vec<Case>> {
    let tolerance = tolerance(file, "tolerance")?;
    let shared = file.get("mixture");
    let list = cases(file, "cases")?;
    Ok(list
        .iter()
        .enumerate()
        .map(|(i, case)| {
            attempt(name_of(case, i), tolerance, |check| {
                let mixture = mixture(
                    case.get("mixture")
                        .or(shared)
                        .ok_or_else(|| Error::malformed("mixture", "is missing"))?,
                )?;
                let (alpha, sigma) = (float_field(case, "alpha")?, float_field(case, "sigma")?);
                denoised(check, case, &mixture, alpha, sigma)
            })
        })
        .collect())
}

fn denoised(
    check: &mut Check,
    case: &Value,
    mixture: &Mixture,
    alpha: f64,
    sigma: f64,
) -> Result<()> {
    let x = floats_field(case, "x")?;
    let d = mixture.dim();
    let mut out = vec![0.0; x.len()];
    let mut at = mixture.level(alpha, sigma);
    let logp: Vec<f64> = x
        .chunks_exact(d)
        .zip(out.chunks_exact_mut(d))
        .map(|(x, o)| at.denoise(x, o))
        .collect();
    let eps: Vec<f64> = x
        .iter()
        .zip(&out)
        .map(|(x, d)| (x - alpha * d) / sigma)
        .collect();
    let score: Vec<f64> = eps.iter().map(|e| -e / sigma).collect();
    compare(check, case, "denoised", &out);
    compare(check, case, "eps", &eps);
    compare(check, case, "score", &score);
    compare(check, case, "logp", &logp);
    Ok(())
}

pub(super) fn empirical_denoiser(file: &Value) -> Result<Vec<Case>> {
    let tolerance = tolerance(file, "tolerance")?;
    let rows = field(file, "data")?.as_array().map_or(0, Vec::len);
    let data = floats_field(file, "data")?;
    let dim = data.len() / rows.max(1);
    let data = Empirical::new(dim, data)?;
    let list = cases(file, "cases")?;
    Ok(list
        .iter()
        .enumerate()
        .map(|(i, case)| {
            attempt(name_of(case, i), tolerance, |check| {
                let (alpha, sigma) = (float_field(case, "alpha")?, float_field(case, "sigma")?);
                let (mut weights, mut denoised, mut log_sums) =
                    (Vec::new(), Vec::new(), Vec::new());
                for x in floats_field(case, "x")?.chunks(dim) {
                    let p = data.posterior(x, alpha, sigma)?;
                    weights.extend(p.weights);
                    denoised.extend(p.denoised);
                    log_sums.push(p.log_sum_exp);
                }
                compare(check, case, "weights", &weights);
                compare(check, case, "denoised", &denoised);
                compare(check, case, "logsumexp", &log_sums);
                Ok(())
            })
        })
        .collect())
}

pub(super) fn stochastic_steps(file: &Value) -> Result<Vec<Case>> {
    let tolerance = tolerance(file, "tolerance")?;
    let mixture = mixture(field(file, "mixture")?)?;
    let list = cases(file, "cases")?;
    Ok(list
        .iter()
        .enumerate()
        .map(|(i, case)| {
            attempt(name_of(case, i), tolerance, |check| {
                let (from, to) = (
                    float_field(case, "sigma_from")?,
                    float_field(case, "sigma_to")?,
                );
                let eta = float_field(case, "eta")?;
                let (up, down) = ancestral_split(from, to, eta);
                compare(check, case, "sigma_up", &[up]);
                compare(check, case, "sigma_down", &[down]);
                let x = floats_field(case, "x")?;
                let mut model = Exact {
                    mixture: &mixture,
                    noise: floats_field(case, "noise")?,
                };
                if model.noise.len() != x.len() {
                    return Err(Error::malformed("noise", "does not fit x"));
                }
                let mut step = |kind, eta| {
                    let mut solver = Solver::new(kind, 1, eta, [from, to].into(), x.clone());
                    solver.advance(&mut model);
                    solver.x().to_vec()
                };
                let ancestral = step(SolverKind::EulerAncestral, eta);
                compare(check, case, "euler_ancestral", &ancestral);
                let full = step(SolverKind::Ddim, 1.0);
                compare(check, case, "sde_dpmpp_1", &full);
                Ok(())
            })
        })
        .collect())
}

/// Coordinates in which a trajectory is written down.
#[derive(Clone, Copy, PartialEq)]
enum Space {
    VariancePreserving,
    VarianceExploding,
    Flow,
}

struct Trajectory {
    class: Class,
    config: LibraryConfig,
    space: Space,
    init: Vec<f64>,
    levels: Vec<f64>,
}

fn trajectory(case: &Value) -> Result<Trajectory> {
    let class: Class = serde_json::from_value(field(case, "cls")?.clone())
        .map_err(|e| Error::malformed("cls", e.to_string()))?;
    let config = serde_json::from_value(
        case.get("config")
            .cloned()
            .unwrap_or_else(|| Value::Object(serde_json::Map::default())),
    )
    .map_err(|e| Error::malformed("config", e.to_string()))?;
    let space = match case.get("space").and_then(Value::as_str) {
        Some("VP") => Space::VariancePreserving,
        Some("VE") => Space::VarianceExploding,
        None => Space::Flow,
        Some(other) => return Err(Error::Unsupported(format!("the space {other}"))),
    };
    let mut levels = floats_field(case, "sig")?;
    if class == Class::Heun {
        // Inner levels are listed twice.
        levels = levels
            .iter()
            .enumerate()
            .filter(|(i, _)| *i == 0 || i % 2 == 1)
            .map(|(_, s)| *s)
            .collect();
    }
    if levels.len() < 2 || levels.windows(2).any(|w| w[0] <= w[1]) {
        return Err(Error::malformed("sig", "must fall"));
    }
    Ok(Trajectory {
        class,
        config,
        space,
        init: floats_field(case, "init")?,
        levels,
    })
}

impl Trajectory {
    fn run(&self, mixture: &Mixture) -> Result<Vec<f64>> {
        if !self.init.len().is_multiple_of(mixture.dim()) {
            return Err(Error::malformed(
                "init",
                "does not fit the mixture's dimension",
            ));
        }
        if self.space == Space::Flow || self.class == Class::FlowEuler {
            return Ok(self.run_flow(mixture));
        }
        let kind = match self.class {
            Class::Ddim | Class::Euler => SolverKind::Euler,
            Class::Heun => SolverKind::Heun,
            Class::DpmSolver => SolverKind::DpmPp2m,
            Class::UniPc => SolverKind::UniPc,
            Class::Lms => SolverKind::Lms,
            other => return Err(Error::Unsupported(format!("a trajectory of {other:?}"))),
        };
        let scale = |s: f64| {
            if self.space == Space::VariancePreserving {
                1.0 / (1.0 + s * s).sqrt()
            } else {
                1.0
            }
        };
        let start = self
            .init
            .iter()
            .map(|x| x / scale(self.levels[0]))
            .collect();
        let order = self.config.solver_order;
        let mut solver = Solver::new(kind, order, 0.0, self.levels.clone().into(), start);
        let mut model = Exact {
            mixture,
            noise: Vec::new(),
        };
        let mut out = Vec::new();
        while !solver.done() {
            solver.advance(&mut model);
            let factor = scale(self.levels[solver.step()]);
            out.extend(solver.x().iter().map(|x| x * factor));
        }
        Ok(out)
    }

    fn run_flow(&self, mixture: &Mixture) -> Vec<f64> {
        let mut x = self.init.clone();
        let mut out = Vec::new();
        for w in self.levels.windows(2) {
            let v = flow_velocity(mixture, &x, w[0]);
            for (x, v) in x.iter_mut().zip(&v) {
                *x += v * (w[1] - w[0]);
            }
            out.extend_from_slice(&x);
        }
        out
    }

    /// The library's DDIM: evaluates at the listed time, but moves to the time T // n below it,
    /// which need not be the next one listed.
    fn run_mismatched(&self, mixture: &Mixture, steps: usize) -> Result<Vec<f64>> {
        let table = Table::single(&self.config.table_spec())?;
        let times = self.config.times(Spacing::Trailing, steps);
        let stride = table.alpha_bars.len() / steps.max(1);
        let clean = if self.config.set_alpha_to_one {
            1.0
        } else {
            table.alpha_bars[0]
        };
        let mut x = self.init.clone();
        let mut d = vec![0.0; mixture.dim()];
        let mut out = Vec::new();
        for t in times {
            let bar = table.alpha_bars.get(t).copied().unwrap_or(f64::NAN);
            let target = t.checked_sub(stride).map_or(clean, |t| table.alpha_bars[t]);
            let (alpha, sigma) = (bar.sqrt(), (1.0 - bar).sqrt());
            let mut at = mixture.level(1.0, sigma_from_alpha_bar(bar));
            for p in x.chunks_exact_mut(mixture.dim()) {
                let scaled: Vec<f64> = p.iter().map(|v| v / alpha).collect();
                at.denoise(&scaled, &mut d);
                for (v, d) in p.iter_mut().zip(&d) {
                    let eps = (*v - alpha * d) / sigma;
                    *v = target.sqrt() * d + (1.0 - target).sqrt() * eps;
                }
            }
            out.extend_from_slice(&x);
        }
        Ok(out)
    }
}

pub(super) fn trajectories(file: &Value) -> Result<Vec<Case>> {
    let exact = tolerance(file, "tolerance_ref64")?;
    let library = Tolerance {
        abs: file.get("tolerance_vs_library").map_or(Ok(5e-4), float)?,
        rel: 0.0,
    };
    let mixture = mixture(field(file, "mixture")?)?;
    let list = cases(file, "cases")?;
    let mut out: Vec<Case> = list
        .iter()
        .enumerate()
        .map(|(i, case)| {
            attempt(name_of(case, i), exact, |check| {
                let got = trajectory(case)?.run(&mixture)?;
                compare(check, case, "traj_ref64", &got);
                against_library(check, case, &got, library)
            })
        })
        .collect();
    if let Some(case) = file.get("quirk_case") {
        out.push(attempt(name_of(case, list.len()), exact, |check| {
            let way = trajectory(case)?;
            compare(check, case, "traj_ref64", &way.run(&mixture)?);
            let steps = count(case, "steps")?;
            against_library(check, case, &way.run_mismatched(&mixture, steps)?, library)
        }));
    }
    Ok(out)
}

fn against_library(
    check: &mut Check,
    case: &Value,
    got: &[f64],
    tolerance: Tolerance,
) -> Result<()> {
    if case.get("traj_diffusers").is_some() {
        let want = floats_field(case, "traj_diffusers")?;
        check.equal("traj_diffusers: length", &got.len(), &want.len());
        for (i, (g, w)) in got.iter().zip(&want).enumerate() {
            check.float_within(&format!("traj_diffusers[{i}]"), *g, *w, tolerance);
        }
    }
    Ok(())
}
