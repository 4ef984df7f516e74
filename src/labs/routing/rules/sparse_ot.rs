//! Sparsity-constrained optimal transport (arXiv 2209.15466; google-research/vmoe,
//! `sparsity_constrained_ot`).
//!
//! min ⟨T,C⟩ + γ/2 ‖T‖² with T1 = a, Tᵀ1 = b, T ≥ 0 and at most k nonzeros per column, through its
//! semi-dual max_α ⟨α,a⟩ - Σ_j g_j(α - c_j). The gradient is a - T1.

use crate::core::gate::top_k;
use crate::core::matrix::{Matrix, dot};

/// A transport problem.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// Costs, rows × columns.
    pub cost: Matrix,
    /// Row masses.
    pub a: Vec<f64>,
    /// Column masses.
    pub b: Vec<f64>,
    /// Weight of the quadratic term, above 0.
    pub gamma: f64,
    /// Nonzeros allowed per column.
    pub k: usize,
}

/// Projection of s/γ on the simplex of the given mass with at most k nonzeros: the k largest s
/// (ties to the lower index), t = [(s - τ)/γ]₊.
pub fn project(s: &[f64], k: usize, gamma: f64, mass: f64) -> Vec<f64> {
    let top = top_k(s, k);
    let (mut total, mut tau) = (0.0, f64::NEG_INFINITY);
    for (i, &at) in top.iter().enumerate() {
        total += s[at];
        let candidate = (total - gamma * mass) / (i + 1) as f64;
        if s[at] > candidate {
            tau = candidate;
        }
    }
    let mut t = vec![0.0; s.len()];
    for &at in &top {
        t[at] = ((s[at] - tau) / gamma).max(0.0);
    }
    t
}

impl Problem {
    /// The plan that belongs to a dual vector.
    pub fn plan(&self, alpha: &[f64]) -> Matrix {
        let mut plan = Matrix::zeros(self.cost.rows, self.cost.cols);
        for j in 0..self.cost.cols {
            for (i, t) in self.plan_column(alpha, j).into_iter().enumerate() {
                plan.row_mut(i)[j] = t;
            }
        }
        plan
    }

    /// A column of that plan.
    pub fn plan_column(&self, alpha: &[f64], j: usize) -> Vec<f64> {
        let s: Vec<f64> = (0..self.cost.rows)
            .map(|i| alpha[i] - self.cost.at(i, j))
            .collect();
        project(&s, self.k, self.gamma, self.b[j])
    }

    /// Value of the semi-dual, given the plan of `alpha`.
    pub fn semi_dual(&self, alpha: &[f64], plan: &Matrix) -> f64 {
        let mut value = dot(alpha, &self.a);
        for i in 0..plan.rows {
            for j in 0..plan.cols {
                let t = plan.at(i, j);
                value -= (alpha[i] - self.cost.at(i, j)) * t - 0.5 * self.gamma * t * t;
            }
        }
        value
    }

    /// ⟨T, C⟩.
    pub fn transport_cost(&self, plan: &Matrix) -> f64 {
        dot(&plan.data, &self.cost.data)
    }

    /// Σ |row sum - a|.
    pub fn row_error(&self, plan: &Matrix) -> f64 {
        plan.row_sums()
            .iter()
            .zip(&self.a)
            .map(|(s, a)| (s - a).abs())
            .sum()
    }

    fn gradient(&self, plan: &Matrix) -> Vec<f64> {
        self.a
            .iter()
            .zip(plan.row_sums())
            .map(|(a, s)| a - s)
            .collect()
    }

    /// Maximises the semi-dual from α = 0 by L-BFGS (memory 10, first step γ/E, Armijo 1e-4 with
    /// halving; the memory is emptied when the search fails, and the solver stops when it fails with
    /// an empty memory). Returns the best α.
    pub fn solve(&self) -> Vec<f64> {
        let mut alpha = vec![0.0; self.a.len()];
        let mut plan = self.plan(&alpha);
        let mut value = self.semi_dual(&alpha, &plan);
        let mut grad = self.gradient(&plan);
        let mut memory: Vec<(Vec<f64>, Vec<f64>)> = Vec::new();
        for _ in 0..5000 {
            if grad.iter().map(|g| g.abs()).sum::<f64>() < 1e-13 {
                break;
            }
            let direction = direction(&grad, &memory, self.gamma / self.b.len() as f64);
            let slope = dot(&direction, &grad);
            let mut found = None;
            if slope > 0.0 {
                let mut step = 1.0;
                for _ in 0..60 {
                    let next: Vec<f64> = alpha
                        .iter()
                        .zip(&direction)
                        .map(|(a, d)| a + step * d)
                        .collect();
                    let next_plan = self.plan(&next);
                    let next_value = self.semi_dual(&next, &next_plan);
                    if next_value >= value + 1e-4 * step * slope && next_value > value {
                        found = Some((next, next_plan, next_value));
                        break;
                    }
                    step *= 0.5;
                }
            }
            let Some((next, next_plan, next_value)) = found else {
                if memory.is_empty() {
                    break;
                }
                memory.clear();
                continue;
            };
            let next_grad = self.gradient(&next_plan);
            let s: Vec<f64> = next.iter().zip(&alpha).map(|(n, o)| n - o).collect();
            // Of the convex problem -dual, so that curvature is positive.
            let y: Vec<f64> = grad.iter().zip(&next_grad).map(|(o, n)| o - n).collect();
            if dot(&s, &y) > 1e-300 {
                memory.push((s, y));
                if memory.len() > 10 {
                    memory.remove(0);
                }
            }
            (alpha, plan, value, grad) = (next, next_plan, next_value, next_grad);
        }
        drop(plan);
        alpha
    }
}

/// Two-loop recursion: an ascent direction.
fn direction(grad: &[f64], memory: &[(Vec<f64>, Vec<f64>)], first_step: f64) -> Vec<f64> {
    let mut q = grad.to_vec();
    let mut factors = Vec::new();
    for (s, y) in memory.iter().rev() {
        let factor = dot(s, &q) / dot(s, y);
        for (q, y) in q.iter_mut().zip(y) {
            *q -= factor * y;
        }
        factors.push(factor);
    }
    let scale = memory
        .last()
        .map_or(first_step, |(s, y)| dot(s, y) / dot(y, y));
    for v in &mut q {
        *v *= scale;
    }
    for ((s, y), factor) in memory.iter().zip(factors.into_iter().rev()) {
        let back = dot(y, &q) / dot(s, y);
        for (q, s) in q.iter_mut().zip(s) {
            *q += (factor - back) * s;
        }
    }
    q
}

/// Settings of the Adam ascent of the released router.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adam {
    /// Step size.
    pub lr: f64,
    /// Decay of the mean.
    pub b1: f64,
    /// Decay of the square.
    pub b2: f64,
    /// Added to the root.
    pub eps: f64,
    /// Steps.
    pub steps: usize,
}

/// The ascent step by step.
#[derive(Debug, Clone)]
pub struct Ascent {
    adam: Adam,
    /// The dual vector.
    pub alpha: Vec<f64>,
    mean: Vec<f64>,
    square: Vec<f64>,
    /// Powers of the two decays, for the correction of their bias.
    powers: [f64; 2],
    done: usize,
    /// Row sums of the plan's columns looked at for the next step, and how many these are.
    sums: Vec<f64>,
    columns: usize,
}

impl Ascent {
    /// Starts from α = 0.
    pub fn new(rows: usize, adam: Adam) -> Self {
        Self {
            adam,
            alpha: vec![0.0; rows],
            mean: vec![0.0; rows],
            square: vec![0.0; rows],
            powers: [1.0; 2],
            done: 0,
            sums: vec![0.0; rows],
            columns: 0,
        }
    }

    /// Looks at the next column of the plan, and steps after the last one; `true` when all steps are
    /// done.
    pub fn step(&mut self, problem: &Problem) -> bool {
        if self.done == self.adam.steps {
            return true;
        }
        let column = problem.plan_column(&self.alpha, self.columns);
        for (sum, t) in self.sums.iter_mut().zip(column) {
            *sum += t;
        }
        self.columns += 1;
        if self.columns < problem.cost.cols {
            return false;
        }
        self.columns = 0;
        let Adam {
            lr, b1, b2, eps, ..
        } = self.adam;
        self.powers = [self.powers[0] * b1, self.powers[1] * b2];
        for (i, sum) in self.sums.iter_mut().enumerate() {
            let g = problem.a[i] - std::mem::take(sum);
            self.mean[i] = b1 * self.mean[i] + (1.0 - b1) * g;
            self.square[i] = b2 * self.square[i] + (1.0 - b2) * g * g;
            let m = self.mean[i] / (1.0 - self.powers[0]);
            let v = self.square[i] / (1.0 - self.powers[1]);
            self.alpha[i] += lr * m / (v.sqrt() + eps);
        }
        self.done += 1;
        self.done == self.adam.steps
    }
}

impl Problem {
    /// Ascends the semi-dual from zero for a fixed number of Adam steps, bias-corrected.
    pub fn ascend(&self, adam: Adam) -> Vec<f64> {
        let mut ascent = Ascent::new(self.a.len(), adam);
        while !ascent.step(self) {}
        ascent.alpha
    }
}
