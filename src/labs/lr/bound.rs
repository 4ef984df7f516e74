//! The convex last-iterate bound ("The Surprising Agreement Between Convex Optimization Theory and
//! Learning-Rate Scheduling for Large Model Training", arXiv 2501.18965; fabian-sp/lr-scheduling).
//!
//! In a form without subtractions (own, by Abel summation):
//! Ω = D² / (2 S) + η_t G_t² / 2 + ½ Σ_{k<t} η_k² G_k² / R_k, with R_k = η_{k+1} + … + η_t.
//! With base rate γ, Ω = a / γ + b γ: the best base is √(a / b) and its bound 2 √(a b).

use super::minimise::lbfgs;
use super::schedule::half_cosine;
use crate::core::{Error, Result, num};

/// The unit schedule called `name` with T entries; `None` when the name is not known. Indexing of
/// the reference: T + 1 points of which the first T are used, so a cooldown to 0 ends above it.
///
/// # Errors
/// T of 0, or a cooldown fraction outside 0 to 1 (or missing) where one is needed.
pub fn unit_schedule(name: &str, t: usize, cooldown: Option<f64>) -> Result<Option<Vec<f64>>> {
    if t == 0 {
        return Err(Error::out_of_range("T", t, "at least 1"));
    }
    let total = t as f64;
    let length = || match cooldown {
        Some(f) if f > 0.0 && f < 1.0 => Ok((f * (total + 1.0)) as usize),
        Some(f) => Err(Error::out_of_range("cooldown_frac", f, "between 0 and 1")),
        None => Err(Error::malformed("cooldown_frac", "is missing")),
    };
    let all = |f: &dyn Fn(f64) -> f64| (0..t).map(|i| f(i as f64)).collect::<Vec<f64>>();
    // Value `f(x)` of the cooldown share x after the flat part `flat(i)`.
    let cooled = |flat: &dyn Fn(f64) -> f64, f: &dyn Fn(f64) -> f64| {
        let dc = length()?;
        let start = t - dc.min(t);
        Ok::<_, Error>(
            (0..t)
                .map(|i| {
                    if i <= start {
                        flat(i as f64)
                    } else {
                        flat(start as f64) * f((i - start) as f64 / dc as f64)
                    }
                })
                .collect::<Vec<f64>>(),
        )
    };
    let inv_sqrt = |i: f64| 1.0 / (i + 1.0).sqrt();
    Ok(Some(match name {
        "constant" => vec![1.0; t],
        "linear" => all(&|i| 1.0 - i / total),
        "cosine" => all(&|i| half_cosine(i / total)),
        "cosine_floor" => all(&|i| 0.1 + 0.9 * half_cosine(i / total)),
        "inv_sqrt" => all(&inv_sqrt),
        "poly_backward_2" => all(&|i| ((total - i) / total) * ((total - i) / total)),
        "wsd_linear" => cooled(&|_| 1.0, &|x| 1.0 - x)?,
        "wsd_1-sqrt" => cooled(&|_| 1.0, &|x| 1.0 - x.sqrt())?,
        "inv_sqrt_cooldown" => cooled(&inv_sqrt, &|x| 1.0 - x)?,
        "wsd_warmup" => {
            let mut eta = cooled(&|_| 1.0, &|x| 1.0 - x)?;
            let warmup = (t / 10).max(1);
            for (i, v) in eta.iter_mut().take(warmup).enumerate() {
                *v = 1e-10 + (1.0 - 1e-10) * i as f64 / warmup as f64;
            }
            eta
        }
        _ => return Ok(None),
    }))
}

/// Gradient norms G_t = t^-exponent, t = 1..T.
pub fn power_norms(t: usize, exponent: f64) -> Vec<f64> {
    (1..=t).map(|i| num::pow(i as f64, -exponent)).collect()
}

/// The bound taken apart for a unit schedule: Ω(γ) = a / γ + b γ.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bound {
    /// D² / (2 S).
    pub distance: f64,
    /// Σ η² G² / (2 S).
    pub noise: f64,
    /// All terms but the first.
    pub rest: f64,
}

impl Bound {
    /// The bound of `eta` with gradient norms `g` and distance `d`. Zeros at the end are dropped:
    /// they do not move the iterate.
    ///
    /// # Errors
    /// Lists of other lengths, no rate above 0, a rate, norm or distance that is not usable.
    pub fn new(eta: &[f64], g: &[f64], d: f64) -> Result<Self> {
        if !(d > 0.0 && d.is_finite()) {
            return Err(Error::out_of_range("D", d, "above 0"));
        }
        if let Some(g) = g.iter().find(|g| !(**g > 0.0 && g.is_finite())) {
            return Err(Error::out_of_range("G", g, "above 0"));
        }
        if let Some(e) = eta.iter().find(|e| !(**e >= 0.0 && e.is_finite())) {
            return Err(Error::out_of_range("eta", e, "0 or more"));
        }
        let used = eta.iter().rposition(|e| *e > 0.0).map_or(0, |i| i + 1);
        if used == 0 || g.len() < used {
            return Err(Error::malformed(
                "eta",
                "has no rate above 0, or G is too short",
            ));
        }
        let (eta, g) = (&eta[..used], &g[..used]);
        let last = used - 1;
        let mut rest = eta[last] * g[last] * g[last] / 2.0;
        let mut after = eta[last];
        for k in (0..last).rev() {
            rest += 0.5 * eta[k] * eta[k] * g[k] * g[k] / after;
            after += eta[k];
        }
        let squares = num::sum(eta.iter().zip(g).map(|(e, g)| e * e * g * g));
        Ok(Self {
            distance: d * d / (2.0 * after),
            noise: squares / (2.0 * after),
            rest,
        })
    }

    /// The bound at base rate `base`.
    pub fn at(&self, base: f64) -> f64 {
        self.distance / base + self.rest * base
    }

    /// The best base rate.
    pub fn best_base(&self) -> f64 {
        (self.distance / self.rest).sqrt()
    }

    /// The bound there.
    pub fn best(&self) -> f64 {
        2.0 * (self.distance * self.rest).sqrt()
    }
}

/// Ω and its gradient by the rates, in O(T). All rates must be above 0.
fn value_and_gradient(eta: &[f64], g: &[f64], d: f64, grad: &mut [f64]) -> f64 {
    let last = eta.len() - 1;
    let mut after = vec![0.0; eta.len()];
    for k in (0..last).rev() {
        after[k] = after[k + 1] + eta[k + 1];
    }
    let s = after[0] + eta[0];
    let mut value = d * d / (2.0 * s) + eta[last] * g[last] * g[last] / 2.0;
    // ½ Σ_{k<j} q_k / R_k²: what every later rate takes off.
    let mut prefix = 0.0;
    for j in 0..eta.len() {
        let q = eta[j] * g[j] * g[j];
        grad[j] = -d * d / (2.0 * s * s) - prefix;
        if j == last {
            grad[j] += g[j] * g[j] / 2.0;
        } else {
            grad[j] += q / after[j];
            value += 0.5 * q * eta[j] / after[j];
            prefix += 0.5 * q * eta[j] / (after[j] * after[j]);
        }
    }
    value
}

/// Where the search for the best schedule starts: ln of a linear decay.
pub(super) fn optimum_start(t: usize, d: f64) -> Vec<f64> {
    (0..t)
        .map(|i| {
            let linear = (1.0 - i as f64 / t as f64).max(1e-3);
            num::ln(d / (t as f64).sqrt() * linear)
        })
        .collect()
}

/// The bound and its gradient by the logarithms `x` of the rates.
pub(super) fn log_objective(x: &[f64], g: &[f64], d: f64, grad: &mut [f64]) -> f64 {
    let eta: Vec<f64> = x.iter().map(|v| num::exp(*v)).collect();
    let value = value_and_gradient(&eta, g, d, grad);
    for (g, e) in grad.iter_mut().zip(&eta) {
        *g *= e;
    }
    value
}

/// The schedule that minimises the bound: L-BFGS on ln η from a linear decay.
///
/// # Errors
/// No norms, or a norm or distance that is not above 0.
pub fn optimal_schedule(g: &[f64], d: f64) -> Result<(Vec<f64>, f64)> {
    let t = g.len();
    // Checks G and D.
    Bound::new(&vec![1.0; t], g, d)?;
    let minimum = lbfgs(
        |x, grad| log_objective(x, g, d, grad),
        optimum_start(t, d),
        1e-12,
        4000,
    );
    Ok((
        minimum.x.iter().map(|v| num::exp(*v)).collect(),
        minimum.value,
    ))
}

/// The refined schedule in closed form ("When, Why and How Much?", arXiv 2310.07831;
/// facebookresearch/adaptive_scheduling): entry t is w_t Σ_{p>t} w_p / w_last, w = G^power.
///
/// # Errors
/// No norms, or one that is not above 0.
pub fn refined_schedule(g: &[f64], power: f64) -> Result<Vec<f64>> {
    if let Some(g) = g.iter().find(|g| !(**g > 0.0 && g.is_finite())) {
        return Err(Error::out_of_range("G", g, "above 0"));
    }
    let w: Vec<f64> = g.iter().map(|g| num::pow(*g, power)).collect();
    let last = *w.last().ok_or_else(|| Error::malformed("G", "is empty"))?;
    let mut out = vec![0.0; w.len()];
    let mut after = 0.0;
    for t in (0..w.len()).rev() {
        out[t] = w[t] * after / last;
        after += w[t];
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gradient_agrees_with_finite_differences() {
        let eta: Vec<f64> = (0..30).map(|i| 0.3 + 0.01 * f64::from(i % 7)).collect();
        let g = power_norms(30, 0.3);
        let mut grad = vec![0.0; 30];
        let value = value_and_gradient(&eta, &g, 1.5, &mut grad);
        assert!((value - Bound::new(&eta, &g, 1.5).unwrap().at(1.0)).abs() < 1e-12);
        let mut scratch = vec![0.0; 30];
        for j in 0..30 {
            let shifted = |h: f64, scratch: &mut [f64]| {
                let mut e = eta.clone();
                e[j] += h;
                value_and_gradient(&e, &g, 1.5, scratch)
            };
            let slope = (shifted(1e-6, &mut scratch) - shifted(-1e-6, &mut scratch)) / 2e-6;
            assert!((slope - grad[j]).abs() < 1e-7, "{j}: {slope} {}", grad[j]);
        }
    }

    #[test]
    fn the_published_figures_for_400_steps_hold() {
        let g = vec![1.0; 400];
        let best = |name: &str| {
            let eta = unit_schedule(name, 400, Some(0.2)).unwrap().unwrap();
            let b = Bound::new(&eta, &g, 1.0).unwrap();
            (b.best(), b.best_base())
        };
        let (constant, base) = best("constant");
        assert!((constant - 0.1375).abs() < 1e-4 && (base - 0.0182).abs() < 1e-4);
        assert!((best("linear").0 - 0.1006).abs() < 1e-4);
        assert!((best("wsd_1-sqrt").0 - 0.1073).abs() < 1e-4);
    }

    #[test]
    fn a_constant_norm_refines_to_linear_decay() {
        assert_eq!(
            refined_schedule(&[1.0; 4], -2.0).unwrap(),
            [3.0, 2.0, 1.0, 0.0]
        );
        assert!(refined_schedule(&[1.0, 0.0], -2.0).is_err());
    }

    #[test]
    fn bad_inputs_are_refused_and_trailing_zeros_dropped() {
        assert!(Bound::new(&[1.0], &[1.0], 0.0).is_err());
        assert!(Bound::new(&[0.0, 0.0], &[1.0, 1.0], 1.0).is_err());
        let g = [1.0; 3];
        assert_eq!(
            Bound::new(&[1.0, 0.5, 0.0], &g, 1.0),
            Bound::new(&[1.0, 0.5], &g, 1.0)
        );
        assert!(unit_schedule("wsd_linear", 10, None).is_err());
        assert_eq!(unit_schedule("sawtooth", 10, None), Ok(None));
    }
}
