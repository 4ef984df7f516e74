//! Fit of the multi-power law to measured curves: robust least squares on the logarithms of its
//! seven parameters, with an analytic gradient.
//!
//! The published parameters stop early; a converged fit has a much lower training error but a
//! higher error on held-out curves. Both are worth showing.

use super::laws::{MultiPower, Prepared};

use super::minimise::Lbfgs;
use crate::core::num;
use crate::core::rng::Stream;
use std::sync::Arc;

/// Neighbouring rate changes merged where speed matters (error below 7e-5).
pub const MERGED: usize = 64;
/// Width of the quadratic part of the Huber loss.
pub const DELTA: f64 = 1e-3;

/// Huber loss and its slope.
pub fn huber(r: f64) -> (f64, f64) {
    if r.abs() <= DELTA {
        (0.5 * r * r, r)
    } else {
        (DELTA * (r.abs() - 0.5 * DELTA), DELTA * r.signum())
    }
}

/// Errors of a prediction on one curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Errors {
    /// Sum of the Huber losses of the logarithms.
    pub huber: f64,
    /// Mean squared error.
    pub mse: f64,
    /// Mean absolute error.
    pub mae: f64,
    /// Mean relative error.
    pub prede: f64,
    /// Largest relative error.
    pub worste: f64,
    /// Share of the curve's own variance that is explained.
    pub r2: f64,
}

impl Errors {
    /// Errors of predictions `pred` of measured values `y`.
    pub fn of(pred: &[f64], y: &[f64]) -> Self {
        let n = y.len() as f64;
        let mean = num::sum(y.iter().copied()) / n;
        let pairs = || pred.iter().zip(y);
        let squares = num::sum(pairs().map(|(p, y)| (p - y) * (p - y)));
        let spread = num::sum(y.iter().map(|y| (y - mean) * (y - mean)));
        Self {
            huber: num::sum(pairs().map(|(p, y)| huber(num::ln(*y) - num::ln(*p)).0)),
            mse: squares / n,
            mae: num::sum(pairs().map(|(p, y)| (p - y).abs())) / n,
            prede: num::sum(pairs().map(|(p, y)| (p - y).abs() / y)) / n,
            worste: pairs().map(|(p, y)| (p - y).abs() / y).fold(0.0, f64::max),
            r2: 1.0 - squares / spread,
        }
    }

    /// A field by its name in the reference files, with or without `_loss` or `_score`.
    pub fn get(&self, name: &str) -> Option<f64> {
        let name = name.trim_end_matches("_loss").trim_end_matches("_score");
        Some(match name {
            "huber" => self.huber,
            "mse" => self.mse,
            "rmse" => self.mse.sqrt(),
            "mae" => self.mae,
            "prede" => self.prede,
            "worste" => self.worste,
            "r2" => self.r2,
            _ => return None,
        })
    }
}

/// One measured curve, prepared for the fit.
#[derive(Debug, Clone)]
pub struct Target {
    rates: Vec<f64>,
    s1: Vec<f64>,
    /// (step, ln loss).
    rows: Vec<(usize, f64)>,
}

/// A merged run of rate changes, taken at its middle.
#[derive(Debug, Clone, Copy)]
struct Term {
    first: usize,
    last: usize,
    /// Change of the rate.
    gap: f64,
    /// Logarithm of the rate in the middle, and its power -γ.
    ln: f64,
    power: f64,
    /// Sum of the rates before the middle.
    before: f64,
}

/// A merged run of rate changes: first and last step.
type Run = (usize, usize);

impl Target {
    /// A curve measured at `steps` (indices into `rates`) with positive losses.
    pub fn new(rates: &[f64], steps: &[usize], losses: &[f64]) -> Self {
        let mut total = 0.0;
        Self {
            s1: rates
                .iter()
                .map(|r| {
                    total += r;
                    total
                })
                .collect(),
            rows: steps
                .iter()
                .zip(losses)
                .filter(|(s, y)| **s < rates.len() && **y > 0.0)
                .map(|(s, y)| (*s, num::ln(*y)))
                .collect(),
            rates: rates.to_vec(),
        }
    }

    /// The same curve with at most `most` rows, evenly chosen.
    pub fn thinned(&self, most: usize) -> Self {
        let every = self.rows.len().div_ceil(most.max(1)).max(1);
        Self {
            rows: self.rows.iter().copied().step_by(every).collect(),
            ..self.clone()
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The smallest loss.
    pub fn least_loss(&self) -> f64 {
        num::exp(self.rows.iter().map(|r| r.1).fold(f64::INFINITY, f64::min))
    }

    /// Sum of the rates and loss at the middle row.
    pub fn middle(&self) -> Option<(f64, f64)> {
        let (s, y) = self.rows.get(self.rows.len() / 2)?;
        Some((*self.s1.get(*s)?, num::exp(*y)))
    }

    /// Whether the rate ever falls by a tenth of its largest value.
    pub fn decays(&self) -> bool {
        let (mut top, mut largest) = (0.0_f64, 0.0_f64);
        let seen = self.rows.last().map_or(0, |r| r.0 + 1);
        for r in &self.rates[..seen.min(self.rates.len())] {
            top = top.max(*r);
            largest = largest.max(top - r);
        }
        largest > 0.1 * top
    }

    /// Residuals of the logarithms, row by row.
    fn residuals(&self, law: &MultiPower, merge: usize) -> Vec<f64> {
        let prepared = Prepared::new(*law, &self.rates, merge);
        self.rows
            .iter()
            .map(|(s, y)| y - num::ln(prepared.at(*s).loss()))
            .collect()
    }

    /// The curve that the law predicts plus residuals drawn in blocks: one bootstrap sample.
    pub fn resampled(&self, law: &MultiPower, stream: &mut Stream) -> Self {
        const BLOCK: usize = 8;
        let residuals = self.residuals(law, MERGED);
        let n = residuals.len();
        let mut drawn = Vec::with_capacity(n);
        while drawn.len() < n {
            let from = stream.below(n as u32) as usize;
            drawn.extend((0..BLOCK).map(|k| residuals[(from + k) % n]));
        }
        let rows = (self.rows.iter().zip(&residuals).zip(drawn))
            .map(|(((s, y), own), other)| (*s, y - own + other))
            .collect();
        Self {
            rows,
            ..self.clone()
        }
    }

    fn runs(&self, merge: usize) -> Vec<Run> {
        let r = &self.rates;
        let mut out = Vec::new();
        let mut k = 1;
        while k < r.len() {
            let gap = r[k] - r[k - 1];
            let mut end = k;
            while gap != 0.0
                && end + 1 < r.len()
                && end + 1 - k < merge
                && (r[end + 1] - r[end]) * gap > 0.0
            {
                end += 1;
            }
            if gap != 0.0 {
                out.push((k, end));
            }
            k = end + 1;
        }
        out
    }

    fn term(&self, law: &MultiPower, first: usize, last: usize) -> Term {
        let middle = first.midpoint(last);
        let ln = num::ln(self.rates[middle]);
        Term {
            first,
            last,
            gap: self.rates[last] - self.rates[first - 1],
            ln,
            power: num::exp(-law.gamma * ln),
            before: self.s1[middle - 1],
        }
    }

    /// Adds this curve's loss and its gradient by the seven parameters.
    fn add(&self, law: &MultiPower, runs: &[Run], grad: &mut [f64; 7]) -> f64 {
        let terms: Vec<Term> = runs
            .iter()
            .map(|&(first, last)| self.term(law, first, last))
            .collect();
        let mut loss = 0.0;
        for &(s, ln_y) in &self.rows {
            let ln_s = num::ln(self.s1[s]);
            let falling = num::exp(-law.alpha * ln_s);
            let (mut drop, mut by_c, mut by_beta, mut by_gamma) = (0.0, 0.0, 0.0, 0.0);
            for term in terms.iter().take_while(|t| t.first <= s) {
                // A run that reaches past s counts with its part up to s.
                let Term {
                    gap,
                    ln,
                    power,
                    before,
                    ..
                } = if term.last <= s {
                    *term
                } else {
                    self.term(law, term.first, s)
                };
                let reach = power * (self.s1[s] - before);
                let u = 1.0 + law.c * reach;
                let ln_u = num::ln(u);
                let left = num::exp(-law.beta * ln_u);
                drop += gap * (1.0 - left);
                let steep = gap * law.beta * left / u * reach;
                by_c += steep;
                by_beta += gap * left * ln_u;
                by_gamma -= steep * law.c * ln;
            }
            let pred = law.l0 + law.a * falling + law.b * drop;
            if pred.is_nan() || pred <= 0.0 {
                return f64::NAN;
            }
            let (h, slope) = huber(ln_y - num::ln(pred));
            loss += h;
            let k = -slope / pred;
            let by = [
                1.0,
                falling,
                -law.a * falling * ln_s,
                drop,
                law.b * by_c,
                law.b * by_beta,
                law.b * by_gamma,
            ];
            for (g, d) in grad.iter_mut().zip(by) {
                *g += k * d;
            }
        }
        loss
    }
}

/// A fit and how it was reached.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// The parameters.
    pub law: MultiPower,
    /// The objective: sum of the Huber losses.
    pub objective: f64,
    /// Evaluations used.
    pub evaluations: usize,
}

/// The objective of a law on curves, with exact sums.
pub fn objective(targets: &[Target], law: &MultiPower) -> f64 {
    let mut grad = [0.0; 7];
    targets
        .iter()
        .map(|t| t.add(law, &t.runs(1), &mut grad))
        .sum()
}

/// A fit that is cut into iterations: neighbouring rate changes are merged, and some parameters
/// may be held.
#[derive(Debug, Clone)]
pub struct Fitting {
    targets: Arc<[Target]>,
    runs: Vec<Vec<Run>>,
    /// The parameters at the start, and which of them may move.
    start: [f64; 7],
    free: [bool; 7],
    state: Lbfgs,
}

impl Fitting {
    /// A fit from `start`; of the seven parameters those that are `free` move.
    pub fn new(targets: Arc<[Target]>, start: MultiPower, free: [bool; 7], merge: usize) -> Self {
        let runs: Vec<Vec<Run>> = targets.iter().map(|t| t.runs(merge)).collect();
        let start = start.to_array();
        let x = start.iter().map(|p| num::ln(*p)).collect();
        let state = Lbfgs::new(value(&targets, &runs, start, free), x);
        Self {
            targets,
            runs,
            start,
            free,
            state,
        }
    }

    /// One iteration; `false` when it has converged or `budget` evaluations are used up.
    pub fn iterate(&mut self, budget: usize) -> bool {
        let f = value(&self.targets, &self.runs, self.start, self.free);
        self.state.iterate(f, 1e-10, budget)
    }

    /// The best parameters so far.
    pub fn law(&self) -> MultiPower {
        law_at(&self.state.x, self.start, self.free)
    }

    /// The objective there, with merged changes.
    pub fn value(&self) -> f64 {
        self.state.value
    }

    /// Evaluations so far.
    pub fn evaluations(&self) -> usize {
        self.state.evaluations
    }
}

/// The objective and its gradient by the logarithms of the parameters.
fn value<'a>(
    targets: &'a [Target],
    runs: &'a [Vec<Run>],
    start: [f64; 7],
    free: [bool; 7],
) -> impl FnMut(&[f64], &mut [f64]) -> f64 + 'a {
    move |x, g| {
        let law = law_at(x, start, free);
        let mut grad = [0.0; 7];
        let mut total = 0.0;
        for (target, runs) in targets.iter().zip(runs) {
            total += target.add(&law, runs, &mut grad);
        }
        for (i, (g, p)) in g.iter_mut().zip(law.to_array()).enumerate() {
            *g = if free[i] { grad[i] * p } else { 0.0 };
        }
        total
    }
}

/// Fits the law from `start`: first with coarse sums, then with finer ones; the objective of the
/// result is exact.
pub fn fit(targets: &[Target], start: MultiPower) -> Fit {
    let targets: Arc<[Target]> = targets.into();
    let (mut law, mut evaluations) = (start, 0);
    for merge in [32, 8] {
        let mut fitting = Fitting::new(targets.clone(), law, [true; 7], merge);
        while fitting.iterate(400) {}
        evaluations += fitting.evaluations();
        law = fitting.law();
    }
    Fit {
        law,
        objective: objective(&targets, &law),
        evaluations,
    }
}

/// Held parameters are taken as they are, so that no rounding moves them.
fn law_at(x: &[f64], start: [f64; 7], free: [bool; 7]) -> MultiPower {
    let mut p = start;
    for i in 0..7 {
        if free[i] {
            p[i] = num::exp(x[i]);
        }
    }
    MultiPower::from_array(p)
}

#[cfg(test)]
mod tests {
    use super::super::laws::PUBLISHED;
    use super::*;

    fn target() -> Target {
        let rates: Vec<f64> = (0..1200)
            .map(|i| {
                if i < 800 {
                    3e-4
                } else {
                    3e-4 * (1.0 - f64::from(i - 800) / 450.0)
                }
            })
            .collect();
        let exact = Prepared::new(PUBLISHED[0].1, &rates, 1);
        let steps: Vec<usize> = (50..1200).step_by(50).collect();
        let losses: Vec<f64> = steps.iter().map(|s| exact.at(*s).loss()).collect();
        Target::new(&rates, &steps, &losses)
    }

    #[test]
    fn the_true_law_has_no_loss_and_the_gradient_agrees_with_finite_differences() {
        let t = target();
        assert!(objective(std::slice::from_ref(&t), &PUBLISHED[0].1) < 1e-20);
        let mut p = PUBLISHED[0].1.to_array();
        for (i, p) in p.iter_mut().enumerate() {
            *p *= 1.0 + 0.002 * i as f64;
        }
        let runs = t.runs(1);
        let mut grad = [0.0; 7];
        t.add(&MultiPower::from_array(p), &runs, &mut grad);
        for i in 0..7 {
            let h = 1e-6 * p[i];
            let at = |d: f64| {
                let mut q = p;
                q[i] += d;
                t.add(&MultiPower::from_array(q), &runs, &mut [0.0; 7])
            };
            let slope = (at(h) - at(-h)) / (2.0 * h);
            assert!(
                (slope - grad[i]).abs() < 1e-5 * grad[i].abs().max(1e-9),
                "{i}: {slope} {}",
                grad[i]
            );
        }
    }
}
