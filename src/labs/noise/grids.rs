//! Sampling discretisations: which noise levels, or which training times, n calls visit. Karras et
//! al. 2022 (arXiv 2206.00364), k-diffusion's `get_sigmas_*`, ComfyUI's samplers, diffusers'
//! timestep spacings. Every list descends; the final 0 is appended by the caller.

use super::schedule::Spacing;
use super::tables::Table;
use crate::core::num;

/// sigma^(1/rho) in equal steps from `max` to `min`.
pub fn karras(n: usize, min: f64, max: f64, rho: f64) -> Vec<f64> {
    let (hi, lo) = (num::pow(max, 1.0 / rho), num::pow(min, 1.0 / rho));
    shares(n)
        .map(|v| {
            if v == 0.0 {
                max
            } else {
                num::pow(hi + v * (lo - hi), rho)
            }
        })
        .collect()
}

/// ln sigma in equal steps.
pub fn exponential(n: usize, min: f64, max: f64) -> Vec<f64> {
    polyexponential(n, min, max, 1.0)
}

/// ln sigma along a power `rho` of equal steps.
pub fn polyexponential(n: usize, min: f64, max: f64, rho: f64) -> Vec<f64> {
    shares(n)
        .map(|v| num::exp(num::pow(1.0 - v, rho) * num::ln(max / min) + num::ln(min)))
        .collect()
}

/// The tangent law: the angle atan(sigma / c) in equal steps ("KL optimal" with c = 1).
pub fn tangent(n: usize, min: f64, max: f64, c: f64) -> Vec<f64> {
    let (hi, lo) = (num::atan(max / c), num::atan(min / c));
    shares(n)
        .map(|v| c * num::tan(v * lo + (1.0 - v) * hi))
        .collect()
}

/// The VP-SDE at equal times from 1 to 1e-3.
pub fn vp(n: usize, beta_d: f64, beta_min: f64) -> Vec<f64> {
    num::linspace(1.0, 1e-3, n)
        .into_iter()
        .map(|t| num::exp_m1(0.5 * beta_d * t * t + beta_min * t).sqrt())
        .collect()
}

/// Quantiles of Beta(0.6, 0.6) applied to sigma itself, as diffusers does.
pub fn beta_sigma_space(n: usize, min: f64, max: f64) -> Vec<f64> {
    shares(n)
        .map(|v| min + beta_quantile(1.0 - v, 0.6, 0.6) * (max - min))
        .collect()
}

/// Quantiles of Beta(0.6, 0.6) applied to the time index, as ComfyUI does; an index equal to the
/// one before is dropped and a final 0 is included.
pub fn beta_time_space(n: usize, table: &Table) -> Vec<f64> {
    let sigmas = table.sigmas();
    let last = sigmas.len() - 1;
    let mut before = usize::MAX;
    let mut out = Vec::with_capacity(n + 1);
    for i in 0..n {
        let q = beta_quantile(1.0 - i as f64 / n as f64, 0.6, 0.6);
        let index = ((q * last as f64).round_ties_even() as usize).min(last);
        if index != before {
            out.push(sigmas[index]);
        }
        before = index;
    }
    out.push(0.0);
    out
}

/// Mochi's linear-quadratic flow times: n + 1 values from 1 to 0.
pub fn linear_quadratic(n: usize) -> Vec<f64> {
    const THRESHOLD: f64 = 0.025;
    let half = n / 2;
    if half == 0 {
        return vec![1.0, 0.0];
    }
    let (l, m, nf) = (half as f64, (n - half) as f64, n as f64);
    let gap = l - THRESHOLD * nf;
    let quadratic = gap / (l * m * m);
    let linear = THRESHOLD / l - 2.0 * gap / (m * m);
    (0..=n)
        .map(|i| {
            let x = i as f64;
            let w = if i < half {
                x * THRESHOLD / l
            } else if i < n {
                quadratic * x * x + linear * x + quadratic * l * l
            } else {
                1.0
            };
            debug_assert!(x <= nf, "inside the list");
            1.0 - w
        })
        .collect()
}

/// The times `n` calls visit on a table of `times`, descending.
pub fn spaced_times(spacing: Spacing, times: usize, n: usize, offset: usize) -> Vec<usize> {
    match spacing {
        Spacing::Leading => (0..n).rev().map(|i| i * (times / n) + offset).collect(),
        Spacing::Linspace if n == 1 => vec![times - 1],
        Spacing::Linspace => num::linspace(0.0, (times - 1) as f64, n)
            .into_iter()
            .rev()
            .map(|t| t.round_ties_even() as usize)
            .collect(),
        Spacing::Trailing => (0..n)
            .map(|k| {
                let t = times as f64 - k as f64 * (times as f64 / n as f64);
                (t.round_ties_even() as usize).saturating_sub(1)
            })
            .collect(),
    }
}

/// Resamples a published list to `n` steps (n + 1 values): ln s straight in the index.
pub fn resample(list: &[f64], n: usize) -> Vec<f64> {
    let ln: Vec<f64> = list.iter().map(|s| num::ln(*s)).collect();
    (0..=n)
        .map(|j| num::exp(super::schedule::along(&ln, j as f64 / n as f64)))
        .collect()
}

/// 0 to 1 in n equal steps, both ends included; 0 alone for n = 1.
fn shares(n: usize) -> impl Iterator<Item = f64> {
    let last = n.saturating_sub(1).max(1) as f64;
    (0..n).map(move |i| i as f64 / last)
}

/// Quantile of Beta(a, b), by bisection and Newton on the incomplete beta function.
pub fn beta_quantile(p: f64, a: f64, b: f64) -> f64 {
    if p <= 0.0 {
        return 0.0;
    }
    if p >= 1.0 {
        return 1.0;
    }
    // Symmetric laws: the middle is exact, and the far half is the mirror of the near one.
    if a == b && p >= 0.5 {
        return if p == 0.5 {
            0.5
        } else {
            1.0 - beta_quantile(1.0 - p, b, a)
        };
    }
    let ln_beta = num::ln_gamma(a) + num::ln_gamma(b) - num::ln_gamma(a + b);
    let (mut lo, mut hi) = (0.0_f64, 1.0_f64);
    let mut x = 0.5;
    for _ in 0..200 {
        let error = incomplete_beta(x, a, b, ln_beta) - p;
        if error > 0.0 {
            hi = x;
        } else {
            lo = x;
        }
        let slope = num::exp((a - 1.0) * num::ln(x) + (b - 1.0) * num::ln(1.0 - x) - ln_beta);
        let newton = x - error / slope;
        let next = if newton > lo && newton < hi {
            newton
        } else {
            0.5 * (lo + hi)
        };
        if (next - x).abs() <= 1e-16 * next {
            return next;
        }
        x = next;
    }
    x
}

/// Regularised incomplete beta function by Lentz's continued fraction.
fn incomplete_beta(x: f64, a: f64, b: f64, ln_beta: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    let front = num::exp(a * num::ln(x) + b * num::ln_1p(-x) - ln_beta);
    if x < (a + 1.0) / (a + b + 2.0) {
        front * beta_fraction(x, a, b) / a
    } else {
        1.0 - front * beta_fraction(1.0 - x, b, a) / b
    }
}

fn beta_fraction(x: f64, a: f64, b: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let guard = |v: f64| if v.abs() < TINY { TINY } else { v };
    let mut c = 1.0;
    let mut d = 1.0 / guard(1.0 - (a + b) * x / (a + 1.0));
    let mut h = d;
    for m in 1..500 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / guard(1.0 + even * d);
        c = guard(1.0 + even / c);
        h *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / guard(1.0 + odd * d);
        c = guard(1.0 + odd / c);
        h *= d * c;
        if (d * c - 1.0).abs() < 1e-16 {
            break;
        }
    }
    h
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_step_is_the_largest_level_in_every_law() {
        for list in [
            karras(1, 0.002, 80.0, 7.0),
            exponential(1, 0.002, 80.0),
            tangent(1, 0.002, 80.0, 1.0),
            beta_sigma_space(1, 0.002, 80.0),
        ] {
            assert_eq!(list.len(), 1);
            assert!((list[0] / 80.0 - 1.0).abs() < 1e-12, "{list:?}");
        }
        assert_eq!(linear_quadratic(1), [1.0, 0.0]);
    }

    #[test]
    fn spacings_start_where_the_libraries_start() {
        assert_eq!(spaced_times(Spacing::Leading, 1000, 10, 1)[..2], [901, 801]);
        assert_eq!(spaced_times(Spacing::Trailing, 1000, 10, 0)[0], 999);
        assert_eq!(spaced_times(Spacing::Trailing, 1000, 10, 0)[9], 99);
        let t = spaced_times(Spacing::Linspace, 1000, 7, 0);
        assert_eq!((t[0], t[6]), (999, 0));
    }

    #[test]
    fn beta_quantiles_invert_the_distribution() {
        // Beta(1/2, 1/2) is the arcsine law: quantile sin^2(pi p / 2).
        for p in [0.001, 0.1, 0.3, 0.5, 0.77, 0.999] {
            let s = num::sin(std::f64::consts::FRAC_PI_2 * p);
            let got = beta_quantile(p, 0.5, 0.5);
            assert!((got / (s * s) - 1.0).abs() < 1e-11, "{p}: {got}");
        }
        let (a, b) = (beta_quantile(0.2, 0.6, 0.6), beta_quantile(0.8, 0.6, 0.6));
        assert!((a + b - 1.0).abs() < 1e-13, "symmetric: {a} {b}");
    }
}
