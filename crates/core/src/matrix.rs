//! A small dense matrix, row by row.

use crate::gate;

/// Numbers in rows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Matrix {
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub cols: usize,
    /// Entries, row by row.
    pub data: Vec<f64>,
}

impl Matrix {
    /// All zero.
    pub fn zeros(rows: usize, cols: usize) -> Self {
        Self {
            rows,
            cols,
            data: vec![0.0; rows * cols],
        }
    }

    /// From a formula.
    pub fn from_fn(rows: usize, cols: usize, mut f: impl FnMut(usize, usize) -> f64) -> Self {
        let mut data = Vec::with_capacity(rows * cols);
        for i in 0..rows {
            for j in 0..cols {
                data.push(f(i, j));
            }
        }
        Self { rows, cols, data }
    }

    /// A row.
    pub fn row(&self, i: usize) -> &[f64] {
        &self.data[i * self.cols..(i + 1) * self.cols]
    }

    /// A row, to be changed.
    pub fn row_mut(&mut self, i: usize) -> &mut [f64] {
        &mut self.data[i * self.cols..(i + 1) * self.cols]
    }

    /// Adds a row of as many entries as there are columns.
    pub fn push_row(&mut self, row: impl IntoIterator<Item = f64>) {
        self.data.extend(row);
        self.rows += 1;
    }

    /// An entry.
    pub fn at(&self, i: usize, j: usize) -> f64 {
        self.data[i * self.cols + j]
    }

    /// A column.
    pub fn column(&self, j: usize) -> Vec<f64> {
        (0..self.rows).map(|i| self.at(i, j)).collect()
    }

    /// Sums of the columns.
    pub fn column_sums(&self) -> Vec<f64> {
        let mut out = vec![0.0; self.cols];
        for i in 0..self.rows {
            for (o, v) in out.iter_mut().zip(self.row(i)) {
                *o += v;
            }
        }
        out
    }

    /// Sums of the rows.
    pub fn row_sums(&self) -> Vec<f64> {
        (0..self.rows).map(|i| self.row(i).iter().sum()).collect()
    }

    /// Rows taken one by one through a function.
    pub fn map_rows(&self, f: impl Fn(&[f64]) -> Vec<f64>) -> Self {
        let data: Vec<f64> = (0..self.rows).flat_map(|i| f(self.row(i))).collect();
        Self {
            rows: self.rows,
            cols: data.len().checked_div(self.rows).unwrap_or(0),
            data,
        }
    }

    /// This times the transpose of `other` (columns must agree).
    pub fn times_transposed(&self, other: &Self) -> Self {
        Self::from_fn(self.rows, other.rows, |i, j| dot(self.row(i), other.row(j)))
    }

    /// This times `other` (its rows must be our columns).
    pub fn times(&self, other: &Self) -> Self {
        Self::from_fn(self.rows, other.cols, |i, j| {
            (0..self.cols).map(|k| self.at(i, k) * other.at(k, j)).sum()
        })
    }

    /// Rows and columns exchanged.
    pub fn transposed(&self) -> Self {
        Self::from_fn(self.cols, self.rows, |i, j| self.at(j, i))
    }

    /// Softmax of each row.
    pub fn softmax_rows(&self) -> Self {
        self.map_rows(gate::softmax)
    }

    /// Index of the largest entry of each row, ties to the lower.
    pub fn argmax_rows(&self) -> Vec<usize> {
        (0..self.rows).map(|i| gate::argmax(self.row(i))).collect()
    }

    /// Indices of the k largest entries of each row, best first.
    pub fn top_k_rows(&self, k: usize) -> Vec<Vec<usize>> {
        (0..self.rows)
            .map(|i| gate::top_k(self.row(i), k))
            .collect()
    }

    /// Smallest gap between the k-th and the (k+1)-th entry over the rows.
    pub fn selection_gap(&self, k: usize) -> f64 {
        (0..self.rows)
            .map(|i| gate::selection_gap(self.row(i), k))
            .fold(f64::INFINITY, f64::min)
    }
}

/// Scalar product.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// How often each value below `n` occurs.
pub fn counts(values: impl IntoIterator<Item = usize>, n: usize) -> Vec<usize> {
    let mut out = vec![0; n];
    for v in values {
        out[v] += 1;
    }
    out
}
