//! Fit of the multi-power law to measured curves: robust least squares on the logarithms of its
//! seven parameters, with an analytic gradient.
//!
//! The published parameters stop early; a converged fit has a much lower training error but a
//! higher error on held-out curves. Both are worth showing.

use super::laws::MultiPower;
use super::minimise::lbfgs;
use crate::core::num;

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

/// One measured curve, prepared for the fit.
#[derive(Debug, Clone)]
pub struct Target {
    rates: Vec<f64>,
    s1: Vec<f64>,
    /// (step, ln loss).
    rows: Vec<(usize, f64)>,
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

    /// Adds this curve's loss and its gradient by the seven parameters.
    fn add(&self, law: &MultiPower, runs: &[Run], grad: &mut [f64; 7]) -> f64 {
        // Per run: rate changes, logarithm of the rate in the middle, its power, sum before it.
        let terms: Vec<(usize, usize, f64, f64, f64, f64)> = runs
            .iter()
            .map(|&(first, last)| {
                let (middle, gap) = (
                    first.midpoint(last),
                    self.rates[last] - self.rates[first - 1],
                );
                let ln = num::ln(self.rates[middle]);
                let power = num::exp(-law.gamma * ln);
                (first, last, gap, ln, power, self.s1[middle - 1])
            })
            .collect();
        let mut loss = 0.0;
        for &(s, ln_y) in &self.rows {
            let ln_s = num::ln(self.s1[s]);
            let falling = num::exp(-law.alpha * ln_s);
            let (mut drop, mut by_c, mut by_beta, mut by_gamma) = (0.0, 0.0, 0.0, 0.0);
            for &(first, last, gap, ln, power, before) in &terms {
                if first > s {
                    break;
                }
                let gap = if last <= s {
                    gap
                } else {
                    self.rates[s] - self.rates[first - 1]
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

/// Fits the law from `start`: first with coarse sums, then with finer ones; the objective of the
/// result is exact.
pub fn fit(targets: &[Target], start: MultiPower) -> Fit {
    let mut x: Vec<f64> = start.to_array().iter().map(|p| num::ln(*p)).collect();
    let mut evaluations = 0;
    for merge in [32, 8] {
        let runs: Vec<Vec<Run>> = targets.iter().map(|t| t.runs(merge)).collect();
        let f = |x: &[f64], g: &mut [f64]| {
            let law = law_at(x);
            let mut grad = [0.0; 7];
            let mut total = 0.0;
            for (target, runs) in targets.iter().zip(&runs) {
                total += target.add(&law, runs, &mut grad);
            }
            for ((g, d), p) in g.iter_mut().zip(grad).zip(law.to_array()) {
                *g = d * p;
            }
            total
        };
        let minimum = lbfgs(f, x, 1e-10, 400);
        evaluations += minimum.evaluations;
        x = minimum.x;
    }
    let law = law_at(&x);
    Fit {
        law,
        objective: objective(targets, &law),
        evaluations,
    }
}

fn law_at(x: &[f64]) -> MultiPower {
    let mut p = [0.0; 7];
    for (p, x) in p.iter_mut().zip(x) {
        *p = num::exp(*x);
    }
    MultiPower::from_array(p)
}

#[cfg(test)]
mod tests {
    use super::super::laws::{PUBLISHED, Prepared};
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
