//! Schedules that are optimal in a stated sense, for data whose mean squared denoising error m(s)
//! is known. With an exact denoiser the bound that Align Your Steps searches (arXiv 2404.14507) is
//! a Riemann sum of m, so the best schedule on a grid is a dynamic program.

use crate::core::{Error, Result, num};

/// Limits and number of steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    /// Smallest level.
    pub min: f64,
    /// Largest level.
    pub max: f64,
    /// Steps K; a schedule has K + 1 levels.
    pub steps: usize,
}

impl Range {
    /// Checks the limits.
    ///
    /// # Errors
    /// Levels that are not positive and rising, or no steps.
    pub fn check(&self) -> Result<()> {
        if !(self.min > 0.0 && self.min < self.max && self.max.is_finite()) {
            return Err(Error::out_of_range(
                "sigma_min",
                self.min,
                format!("above 0 and below {}", self.max),
            ));
        }
        if self.steps == 0 || self.steps > 1000 {
            return Err(Error::out_of_range("K", self.steps, "1 to 1000"));
        }
        Ok(())
    }
}

/// Levels that minimise the path divergence for N(0, c^2): 1 + c^2 / s^2 in geometric steps.
/// Descending, K + 1 values.
pub fn gaussian_klub(c: f64, range: Range) -> Vec<f64> {
    let ratio = |s: f64| 1.0 + c * c / (s * s);
    let (a, b) = (ratio(range.max), ratio(range.min));
    (0..=range.steps)
        .map(|k| {
            let g = a * num::pow(b / a, k as f64 / range.steps as f64);
            c / (g - 1.0).sqrt()
        })
        .collect()
}

/// The divergence of [`gaussian_klub`] per dimension, nats: K ((r - 1) - ln r) / 2.
pub fn gaussian_klub_value(c: f64, range: Range) -> f64 {
    let ratio = |s: f64| 1.0 + c * c / (s * s);
    let k = range.steps as f64;
    let r = num::pow(ratio(range.min) / ratio(range.max), 1.0 / k);
    0.5 * k * ((r - 1.0) - num::ln(r))
}

/// The tangent law with K + 1 values: best for Euler on N(0, c^2).
pub fn tangent_law(c: f64, range: Range) -> Vec<f64> {
    super::grids::tangent(range.steps + 1, range.min, range.max, c)
}

/// Output deviation of Euler on N(0, c^2) over the true one.
pub fn euler_std_ratio(c: f64, levels: &[f64]) -> f64 {
    let (first, last) = match (levels.first(), levels.last()) {
        (Some(a), Some(b)) => (*a, *b),
        _ => return f64::NAN,
    };
    let start = ((c * c + first * first) / (c * c + last * last)).sqrt();
    levels.windows(2).fold(start, |p, w| {
        p * (1.0 + (w[1] - w[0]) * w[0] / (w[0] * w[0] + c * c))
    })
}

/// cos(step)^K, the closed form of [`euler_std_ratio`] for the tangent law.
pub fn tangent_std_ratio(c: f64, range: Range) -> f64 {
    let k = range.steps as f64;
    let step = (num::atan(range.max / c) - num::atan(range.min / c)) / k;
    num::pow(num::cos(step), k)
}

/// Mean squared denoising error of independent Gaussians with variances `v`.
pub fn spectrum_mmse(variances: &[f64], s: f64) -> f64 {
    num::sum(variances.iter().map(|v| v * s * s / (v + s * s)))
}

/// A schedule found by [`best_on_grid`].
#[derive(Debug, Clone, PartialEq)]
pub struct Best {
    /// Indices into the grid, descending from the last to 0.
    pub index: Vec<usize>,
    /// Sum of the step costs.
    pub objective: f64,
}

/// Exactly `steps` steps from the largest to the smallest of the ascending `grid` (equally spaced
/// in ln s) that minimise the sum over steps b -> a of `integral_a^b (m(b) - m(s)) s^(p-3) ds`, by
/// the trapezoid rule in ln s. Ties take the lower index.
///
/// # Errors
/// Fewer grid points than steps need.
pub fn best_on_grid(grid: &[f64], mmse: &[f64], p: f64, steps: usize) -> Result<Best> {
    let n = grid.len();
    if n < steps + 1 || mmse.len() != n || steps == 0 {
        return Err(Error::out_of_range(
            "grid_points",
            n,
            format!("at least {}", steps + 1),
        ));
    }
    let cost = step_costs(grid, mmse, p);
    // value[k][j]: best cost of reaching j in k steps from the top.
    let mut value = vec![vec![f64::INFINITY; n]; steps + 1];
    let mut from = vec![vec![0_usize; n]; steps + 1];
    value[0][n - 1] = 0.0;
    for k in 1..=steps {
        for a in 0..n {
            for b in a + 1..n {
                let v = value[k - 1][b] + cost[b * n + a];
                if v < value[k][a] {
                    value[k][a] = v;
                    from[k][a] = b;
                }
            }
        }
    }
    let mut index = vec![0];
    for k in (1..=steps).rev() {
        index.push(from[k][index[index.len() - 1]]);
    }
    index.reverse();
    Ok(Best {
        index,
        objective: value[steps][0],
    })
}

/// Cost of every step b -> a, at `b * n + a`.
fn step_costs(grid: &[f64], mmse: &[f64], p: f64) -> Vec<f64> {
    let n = grid.len();
    let ln: Vec<f64> = grid.iter().map(|s| num::ln(*s)).collect();
    let weight: Vec<f64> = grid.iter().map(|s| num::pow(*s, p - 2.0)).collect();
    let mut cost = vec![0.0; n * n];
    for b in 1..n {
        let at = |i: usize| (mmse[b] - mmse[i]) * weight[i];
        let mut total = 0.0;
        for a in (0..b).rev() {
            total += 0.5 * (at(a) + at(a + 1)) * (ln[a + 1] - ln[a]);
            cost[b * n + a] = total;
        }
    }
    cost
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dynamic_program_finds_the_closed_form_of_a_gaussian() {
        let range = Range {
            min: 0.05,
            max: 20.0,
            steps: 5,
        };
        let grid = num::logspace(range.min, range.max, 240);
        let mmse: Vec<f64> = grid.iter().map(|s| spectrum_mmse(&[0.25], *s)).collect();
        let best = best_on_grid(&grid, &mmse, 0.0, range.steps).unwrap();
        let exact = gaussian_klub(0.5, range);
        for (i, want) in best.index.iter().zip(&exact) {
            assert!(
                (num::ln(grid[*i]) - num::ln(*want)).abs() < 0.06,
                "{} {want}",
                grid[*i]
            );
        }
    }

    #[test]
    fn a_grid_that_is_too_small_is_refused() {
        assert!(best_on_grid(&[1.0, 2.0], &[0.1, 0.2], 0.0, 2).is_err());
    }
}
