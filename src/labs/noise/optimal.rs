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
    let mut program = Program::new(grid, mmse, p, steps)?;
    while program.advance() {}
    Ok(program.best())
}

/// The dynamic program of [`best_on_grid`], one number of steps at a time.
#[derive(Debug, Clone)]
pub struct Program {
    n: usize,
    steps: usize,
    cost: Vec<f64>,
    /// Best cost of reaching each index in as many steps as were advanced.
    value: Vec<f64>,
    from: Vec<Vec<usize>>,
}

impl Program {
    /// Prepares the step costs.
    ///
    /// # Errors
    /// As [`best_on_grid`].
    pub fn new(grid: &[f64], mmse: &[f64], p: f64, steps: usize) -> Result<Self> {
        let n = grid.len();
        if n < steps + 1 || mmse.len() != n || steps == 0 {
            return Err(Error::out_of_range(
                "grid_points",
                n,
                format!("at least {}", steps + 1),
            ));
        }
        let mut value = vec![f64::INFINITY; n];
        value[n - 1] = 0.0;
        Ok(Self {
            n,
            steps,
            cost: step_costs(grid, mmse, p),
            value,
            from: Vec::with_capacity(steps),
        })
    }

    /// Allows one step more; `false` when all are allowed.
    pub fn advance(&mut self) -> bool {
        if self.from.len() == self.steps {
            return false;
        }
        let n = self.n;
        let mut next = vec![f64::INFINITY; n];
        let mut from = vec![0_usize; n];
        for a in 0..n {
            for b in a + 1..n {
                let v = self.value[b] + self.cost[b * n + a];
                if v < next[a] {
                    next[a] = v;
                    from[a] = b;
                }
            }
        }
        self.value = next;
        self.from.push(from);
        true
    }

    /// The schedule found, once [`Program::advance`] has given `false`.
    pub fn best(&self) -> Best {
        let mut index = vec![0];
        for from in self.from.iter().rev() {
            index.push(from[index[index.len() - 1]]);
        }
        index.reverse();
        Best {
            index,
            objective: self.value[0],
        }
    }

    /// The objective of any falling list of grid indices.
    pub fn objective(&self, index: &[usize]) -> f64 {
        num::sum(index.windows(2).map(|w| self.cost[w[0] * self.n + w[1]]))
    }

    /// One round of the search in Align Your Steps: every inner level in turn takes the best of
    /// `candidates` places equally spaced between its neighbours. Gives whether anything moved.
    pub fn search_round(&self, index: &mut [usize], candidates: usize) -> bool {
        let mut moved = false;
        for k in 1..index.len().saturating_sub(1) {
            let (above, below) = (index[k - 1], index[k + 1]);
            let cost = |at: usize| self.cost[above * self.n + at] + self.cost[at * self.n + below];
            let (mut best, mut least) = (index[k], cost(index[k]));
            for c in 1..=candidates {
                let at = below + (above - below) * c / (candidates + 1);
                if at > below && at < above && cost(at) < least {
                    (best, least) = (at, cost(at));
                }
            }
            moved |= best != index[k];
            index[k] = best;
        }
        moved
    }
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
    fn the_local_search_never_loses_and_stays_above_the_dynamic_program() {
        let grid = num::logspace(0.002, 80.0, 200);
        let mmse: Vec<f64> = grid
            .iter()
            .map(|s| spectrum_mmse(&[1.0, 0.04], *s))
            .collect();
        let mut program = Program::new(&grid, &mmse, 0.0, 9).unwrap();
        let mut index: Vec<usize> = (0..10).rev().map(|i| i * 199 / 9).collect();
        let mut before = program.objective(&index);
        let start = before;
        for _ in 0..30 {
            let moved = program.search_round(&mut index, 10);
            let now = program.objective(&index);
            assert!(now <= before, "{now} after {before}");
            before = now;
            if !moved {
                break;
            }
        }
        while program.advance() {}
        let best = program.best();
        assert!((program.objective(&best.index) - best.objective).abs() < 1e-9);
        assert!(
            best.objective <= before + 1e-12,
            "{} {before}",
            best.objective
        );
        assert!(before < 0.9 * start, "{before} from {start}");
        assert!(index.windows(2).all(|w| w[0] > w[1]), "{index:?}");
    }

    #[test]
    fn a_grid_that_is_too_small_is_refused() {
        assert!(best_on_grid(&[1.0, 2.0], &[0.1, 0.2], 0.0, 2).is_err());
    }
}
