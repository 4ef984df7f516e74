//! Low rank instead of sparse: a difference of two checkpoints as B A (PHLoRA, arXiv 2509.10971),
//! and what a few dense columns add (after LOST, arXiv 2508.02668, own choice of columns).
//! Singular values by one-sided Jacobi rotations.

use crate::core::stats::descending;

/// Singular value decomposition of an `out × in` matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct Svd {
    /// Singular values, descending.
    pub values: Vec<f64>,
    /// Left vectors times their singular values, one `Vec` of length `out` each.
    scaled: Vec<Vec<f64>>,
    /// Right vectors, one `Vec` of length `in` each.
    right: Vec<Vec<f64>>,
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn rotate(a: &mut [f64], b: &mut [f64], c: f64, s: f64) {
    for (a, b) in a.iter_mut().zip(b) {
        (*a, *b) = (c * *a - s * *b, s * *a + c * *b);
    }
}

/// Most sweeps over all pairs of columns.
const SWEEPS: usize = 60;

/// A decomposition under way.
#[derive(Debug, Clone)]
pub struct Rotations {
    rows: usize,
    u: Vec<Vec<f64>>,
    v: Vec<Vec<f64>>,
    sweep: usize,
    next: usize,
    turned: bool,
}

impl Rotations {
    /// Nothing done yet on `d`, rows of `cols`.
    pub fn new(d: &[f64], cols: usize) -> Self {
        let cols = cols.max(1);
        let rows = d.len() / cols;
        let column = |c: usize| (0..rows).map(|r| d[r * cols + c]).collect();
        let unit = |c: usize| (0..cols).map(|k| f64::from(u8::from(k == c))).collect();
        Self {
            u: (0..cols).map(column).collect(),
            v: (0..cols).map(unit).collect(),
            sweep: 0,
            next: 0,
            turned: false,
            rows,
        }
    }

    /// Turns one column against all after it; whether the columns are orthogonal.
    pub fn step(&mut self) -> bool {
        let (i, cols) = (self.next, self.u.len());
        if self.sweep == SWEEPS {
            return true;
        }
        let (u, v) = (&mut self.u, &mut self.v);
        for j in i + 1..cols {
            let (a, b, g) = (dot(&u[i], &u[i]), dot(&u[j], &u[j]), dot(&u[i], &u[j]));
            if g == 0.0 || g.abs() <= 1e-15 * (a * b).sqrt() {
                continue;
            }
            self.turned = true;
            let z = (b - a) / (2.0 * g);
            let sign = if z < 0.0 { -1.0 } else { 1.0 };
            let t = sign / (z.abs() + (1.0 + z * z).sqrt());
            let c = 1.0 / (1.0 + t * t).sqrt();
            for m in [&mut *u, &mut *v] {
                let (head, tail) = m.split_at_mut(j);
                rotate(&mut head[i], &mut tail[0], c, c * t);
            }
        }
        self.next += 1;
        if self.next < cols {
            return false;
        }
        let done = !self.turned;
        (self.next, self.turned) = (0, false);
        self.sweep += 1;
        done
    }

    /// The decomposition, once the columns are orthogonal.
    pub fn finish(self) -> Svd {
        let Self { rows, u, v, .. } = self;
        let cols = u.len();
        let norms: Vec<f64> = u.iter().map(|c| dot(c, c).sqrt()).collect();
        let mut order: Vec<(f64, usize)> = descending(&norms)
            .into_iter()
            .map(|i| (norms[i], i))
            .collect();
        order.truncate(rows.min(cols));
        Svd {
            values: order.iter().map(|o| o.0).collect(),
            scaled: order.iter().map(|o| u[o.1].clone()).collect(),
            right: order.iter().map(|o| v[o.1].clone()).collect(),
        }
    }
}

/// Decomposes `d`, rows of `cols`.
pub fn svd(d: &[f64], cols: usize) -> Svd {
    let mut rotations = Rotations::new(d, cols);
    while !rotations.step() {}
    rotations.finish()
}

impl Svd {
    /// The best approximation of this rank, `out × in`.
    pub fn product(&self, rank: usize) -> Vec<f64> {
        let (rows, cols) = (
            self.scaled.first().map_or(0, Vec::len),
            self.right.first().map_or(0, Vec::len),
        );
        let mut out = vec![0.0; rows * cols];
        for (s, v) in self.scaled.iter().zip(&self.right).take(rank) {
            for (row, s) in out.chunks_exact_mut(cols.max(1)).zip(s) {
                for (o, v) in row.iter_mut().zip(v) {
                    *o += s * v;
                }
            }
        }
        out
    }

    /// Σ of the first `rank` squares over Σ of all squares.
    pub fn energy(&self, rank: usize) -> f64 {
        let square = |v: &f64| v * v;
        let all: f64 = self.values.iter().map(square).sum();
        self.values.iter().take(rank).map(square).sum::<f64>() / all
    }
}

/// What an approximation leaves.
#[derive(Debug, Clone, PartialEq)]
pub struct Residual {
    /// ‖D - BA‖_F.
    pub norm: f64,
    /// The columns with the largest residual, ascending.
    pub columns: Vec<usize>,
    /// The norm once those columns are stored as they are.
    pub after_columns: f64,
}

/// Residual of `product` against `d`, with the `count` worst columns.
pub fn residual(d: &[f64], product: &[f64], cols: usize, count: usize) -> Residual {
    let cols = cols.max(1);
    let mut squares = vec![0.0; cols];
    for (i, (d, p)) in d.iter().zip(product).enumerate() {
        squares[i % cols] += (d - p) * (d - p);
    }
    let mut order = descending(&squares);
    order.truncate(count);
    order.sort_unstable();
    let left = (0..cols).filter(|c| !order.contains(c)).map(|c| squares[c]);
    Residual {
        norm: squares.iter().sum::<f64>().sqrt(),
        after_columns: left.sum::<f64>().sqrt(),
        columns: order,
    }
}
