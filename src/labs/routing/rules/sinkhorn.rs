//! Balanced soft assignment by alternating normalisation (S-BASE; the loop of Megatron-LM's
//! `sinkhorn`), and the same in the log domain, where nothing overflows.

use crate::core::gate::log_sum_exp;
use crate::core::matrix::Matrix;
use crate::core::num;
use std::ops::Range;

/// Outcome of Megatron's loop.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// d0 K d1.
    pub plan: Matrix,
    /// Row scales.
    pub d0: Vec<f64>,
    /// Column scales.
    pub d1: Vec<f64>,
    /// Passes, the last one counted.
    pub iterations: usize,
}

/// Passes after which the loop gives up; it converges in tens.
const MAX_PASSES: usize = 100_000;

/// d0 = (1/N)/(K d1 + eps), d1 = (1/E)/(Kᵀ d0 + eps), until the mean change of d1 is below `tol`.
pub fn megatron(z: &Matrix, tol: f64, eps: f64) -> Plan {
    let kernel = z.map_rows(|row| row.iter().map(|&v| num::exp(v)).collect());
    let (n, e) = (z.rows, z.cols);
    let (mut d0, mut d1) = (vec![1.0; n], vec![1.0; e]);
    let mut iterations = 0;
    while iterations < MAX_PASSES {
        iterations += 1;
        for (i, d) in d0.iter_mut().enumerate() {
            *d = (1.0 / n as f64) / (crate::core::matrix::dot(kernel.row(i), &d1) + eps);
        }
        let mut change = 0.0;
        for (j, d) in d1.iter_mut().enumerate() {
            let sum: f64 = (0..n).map(|i| kernel.at(i, j) * d0[i]).sum();
            let next = (1.0 / e as f64) / (sum + eps);
            change += (next - *d).abs();
            *d = next;
        }
        if change / (e as f64) < tol {
            break;
        }
    }
    let plan = Matrix::from_fn(n, e, |i, j| d0[i] * kernel.at(i, j) * d1[j]);
    Plan {
        plan,
        d0,
        d1,
        iterations,
    }
}

/// Alternating normalisation in the log domain, pass by pass.
#[derive(Debug, Clone)]
pub struct LogDomain {
    scaled: Matrix,
    f: Vec<f64>,
    g: Vec<f64>,
    /// Logarithms of the columns' shares.
    ln_columns: Vec<f64>,
}

impl LogDomain {
    /// Starts from g = 0.
    pub fn new(z: &Matrix, tau: f64) -> Self {
        let mut out = Self::of_columns(z.cols);
        for i in 0..z.rows {
            out.push(z.row(i), tau);
        }
        out
    }

    /// Starts from g = 0 with so many columns, and no row yet.
    pub fn of_columns(columns: usize) -> Self {
        Self {
            scaled: Matrix::zeros(0, columns),
            f: Vec::new(),
            g: vec![0.0; columns],
            ln_columns: vec![-num::ln(columns as f64); columns],
        }
    }

    /// Adds a row z/τ; before the first pass.
    pub fn push(&mut self, z: &[f64], tau: f64) {
        self.scaled.push_row(z.iter().map(|v| v / tau));
        self.f.push(0.0);
    }

    /// Columns of these shares (positive, of sum 1) in place of equal ones.
    pub fn with_columns(mut self, shares: &[f64]) -> Self {
        self.ln_columns = shares.iter().map(|&s| num::ln(s)).collect();
        self
    }

    /// One pass over rows, then columns: the columns are exact afterwards.
    pub fn pass(&mut self) {
        self.pass_rows(0..self.scaled.rows);
        self.pass_columns(0..self.scaled.cols);
    }

    /// The part of a pass that normalises some rows.
    pub fn pass_rows(&mut self, rows: Range<usize>) {
        let ln_n = num::ln(self.scaled.rows as f64);
        for i in rows {
            let row = self.scaled.row(i).iter().zip(&self.g);
            let row: Vec<f64> = row.map(|(a, b)| a + b).collect();
            self.f[i] = -ln_n - log_sum_exp(&row);
        }
    }

    /// The part of a pass that normalises some columns; all rows come before the first of them.
    pub fn pass_columns(&mut self, columns: Range<usize>) {
        let n = self.scaled.rows;
        for j in columns {
            let column: Vec<f64> = (0..n).map(|i| self.scaled.at(i, j) + self.f[i]).collect();
            self.g[j] = self.ln_columns[j] - log_sum_exp(&column);
        }
    }

    /// The plan exp(z/τ + f + g).
    pub fn plan(&self) -> Matrix {
        Matrix {
            rows: self.scaled.rows,
            cols: self.scaled.cols,
            data: (0..self.scaled.rows)
                .flat_map(|i| self.plan_row(i))
                .collect(),
        }
    }

    /// A row of the plan.
    pub fn plan_row(&self, i: usize) -> Vec<f64> {
        let row = self.scaled.row(i).iter().zip(&self.g);
        row.map(|(z, g)| num::exp(z + self.f[i] + g)).collect()
    }

    /// Column potentials.
    pub fn potentials(&self) -> &[f64] {
        &self.g
    }
}

/// A fixed number of passes in the log domain; the plan and the column potentials.
pub fn log_domain(z: &Matrix, tau: f64, iterations: usize) -> (Matrix, Vec<f64>) {
    let mut work = LogDomain::new(z, tau);
    for _ in 0..iterations {
        work.pass();
    }
    (work.plan(), work.g)
}

/// Largest deviation of sums from a target.
pub fn sum_error(sums: &[f64], target: f64) -> f64 {
    sums.iter().map(|s| (s - target).abs()).fold(0.0, f64::max)
}
