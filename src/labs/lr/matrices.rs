//! Small dense matrices in flat row-major vectors: products, eigenvectors of symmetric ones, and
//! orthonormal bases. Only additions, products, quotients and roots in a fixed order: the same bits
//! on the page and on the desktop.

use crate::core::stats::descending;
use std::ops::{AddAssign, Mul, Range};

/// Sweeps per eigenvalue at most; two or three suffice.
const SWEEPS: usize = 60;

/// A matrix in the flat vector of parameters, row by row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Matrix {
    /// Its first element.
    pub(super) start: usize,
    /// Rows.
    pub(super) rows: usize,
    /// Columns.
    pub(super) columns: usize,
}

impl Matrix {
    /// Its places in the flat vector.
    pub(super) fn range(self) -> Range<usize> {
        self.start..self.start + self.rows * self.columns
    }
}

/// out = a b for matrices of m × k and k × n.
pub(super) fn multiply<T>(a: &[T], b: &[T], [m, k, n]: [usize; 3], out: &mut Vec<T>)
where
    T: Copy + Default + AddAssign + Mul<Output = T>,
{
    out.clear();
    out.resize(m * n, T::default());
    for (row, out) in a.chunks_exact(k).zip(out.chunks_exact_mut(n)) {
        for (x, line) in row.iter().zip(b.chunks_exact(n)) {
            for (o, y) in out.iter_mut().zip(line) {
                *o += *x * *y;
            }
        }
    }
}

/// a b as a new matrix.
pub(super) fn product(a: &[f64], b: &[f64], sizes: [usize; 3]) -> Vec<f64> {
    let mut out = Vec::new();
    multiply(a, b, sizes, &mut out);
    out
}

/// Rows and columns exchanged.
pub(super) fn transposed<T: Copy>(a: &[T], rows: usize, columns: usize) -> Vec<T> {
    (0..columns)
        .flat_map(|c| (0..rows).map(move |r| a[r * columns + c]))
        .collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn identity(n: usize) -> Vec<f64> {
    let mut out = vec![0.0; n * n];
    for i in 0..n {
        out[i * n + i] = 1.0;
    }
    out
}

/// The unit vector u whose reflection x - 2 u (u · x) leaves x its first entry alone; 0 for x = 0.
fn mirror(x: &[f64]) -> Vec<f64> {
    let mut u = x.to_vec();
    if let Some(first) = u.first_mut() {
        *first += dot(x, x).sqrt().copysign(*first);
    }
    let size = dot(&u, &u).sqrt();
    if size > 0.0 {
        for v in &mut u {
            *v /= size;
        }
    }
    u
}

fn reflect(u: &[f64], x: &mut [f64]) {
    let along = 2.0 * dot(u, x);
    for (x, u) in x.iter_mut().zip(u) {
        *x -= along * u;
    }
}

/// Reflects every column of the rows from `first` on.
fn reflect_columns(u: &[f64], a: &mut [f64], n: usize, first: usize) {
    let mut along = vec![0.0; n];
    for (u, row) in u.iter().zip(a.chunks_exact(n).skip(first)) {
        for (s, x) in along.iter_mut().zip(row) {
            *s += 2.0 * u * x;
        }
    }
    for (u, row) in u.iter().zip(a.chunks_exact_mut(n).skip(first)) {
        for (s, x) in along.iter().zip(row) {
            *x -= u * s;
        }
    }
}

/// An orthonormal basis, vector by vector, whose first k vectors span the first k `rows` of length n:
/// the Q of a QR decomposition by Householder's reflections. It is complete also where rows depend on
/// each other.
pub(super) fn orthonormal(mut rows: Vec<f64>, n: usize) -> Vec<f64> {
    let mut mirrors = Vec::with_capacity(n);
    for k in 0..n {
        let u = mirror(&rows[k * n + k..(k + 1) * n]);
        for row in rows.chunks_exact_mut(n).skip(k + 1) {
            reflect(&u, &mut row[k..]);
        }
        mirrors.push(u);
    }
    let mut out = identity(n);
    for (j, row) in out.chunks_exact_mut(n).enumerate() {
        // Reflections after the j-th leave this axis alone.
        for k in (0..=j).rev() {
            reflect(&mirrors[k], &mut row[k..]);
        }
    }
    out
}

/// Eigenvalues of a symmetric n × n matrix in descending order, and orthonormal eigenvectors as rows:
/// reflections to a tridiagonal matrix, then QL steps with implicit shifts (EISPACK's `tred2` and
/// `tql2`).
pub(super) fn eigen(symmetric: &[f64], n: usize) -> (Vec<f64>, Vec<f64>) {
    let mut a = symmetric.to_vec();
    let mut vectors = identity(n);
    for k in 0..n.saturating_sub(2) {
        let u = mirror(&a[k * n + k + 1..(k + 1) * n]);
        for row in a.chunks_exact_mut(n).skip(k) {
            reflect(&u, &mut row[k + 1..]);
        }
        reflect_columns(&u, &mut a, n, k + 1);
        reflect_columns(&u, &mut vectors, n, k + 1);
    }
    let mut values: Vec<f64> = (0..n).map(|i| a[i * n + i]).collect();
    let mut beside: Vec<f64> = (0..n)
        .map(|i| if i + 1 < n { a[i * n + i + 1] } else { 0.0 })
        .collect();
    let size = (values.iter().chain(&beside)).fold(0.0_f64, |m, x| m.max(x.abs()));
    for low in 0..n {
        for _ in 0..SWEEPS {
            let split = |i: &usize| beside[*i].abs() <= f64::EPSILON * size;
            let high = (low..n - 1).find(split).unwrap_or(n - 1);
            if high == low {
                break;
            }
            sweep(&mut values, &mut beside, &mut vectors, [low, high]);
        }
    }
    let order = descending(&values);
    let sorted = order.iter().map(|i| values[*i]).collect();
    (sorted, reordered(&vectors, &order))
}

/// One QL step on the block between `low` and `high`.
fn sweep(d: &mut [f64], e: &mut [f64], vectors: &mut [f64], [low, high]: [usize; 2]) {
    let n = d.len();
    let half = (d[low + 1] - d[low]) / (2.0 * e[low]);
    let root = (half * half + 1.0).sqrt().copysign(half);
    let mut g = d[high] - d[low] + e[low] / (half + root);
    let (mut s, mut c, mut p) = (1.0, 1.0, 0.0);
    for i in (low..high).rev() {
        let (f, b) = (s * e[i], c * e[i]);
        let r = (f * f + g * g).sqrt();
        e[i + 1] = r;
        if r == 0.0 {
            d[i + 1] -= p;
            e[high] = 0.0;
            return;
        }
        (s, c) = (f / r, g / r);
        g = d[i + 1] - p;
        let t = (d[i] - g) * s + 2.0 * c * b;
        p = s * t;
        d[i + 1] = g + p;
        g = c * t - b;
        let (own, next) = vectors[i * n..(i + 2) * n].split_at_mut(n);
        for (x, y) in own.iter_mut().zip(next) {
            (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
        }
    }
    d[low] -= p;
    e[low] = g;
    e[high] = 0.0;
}

/// The rows of a square matrix in another order.
pub(super) fn reordered(a: &[f64], order: &[usize]) -> Vec<f64> {
    let n = order.len();
    (order.iter())
        .flat_map(|i| a[i * n..(i + 1) * n].iter().copied())
        .collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::core::rng::{Stream, StreamId};

    /// Normal numbers.
    pub(in crate::labs::lr) fn drawn(n: usize, seed: u64) -> Vec<f64> {
        let mut stream = Stream::new(seed, StreamId::Test);
        (0..n).map(|_| stream.normal()).collect()
    }

    fn assert_orthonormal(rows: &[f64], n: usize) {
        for (i, a) in rows.chunks_exact(n).enumerate() {
            for (j, b) in rows.chunks_exact(n).enumerate() {
                let want = f64::from(u8::from(i == j));
                assert!((dot(a, b) - want).abs() < 1e-12, "{i} {j} {}", dot(a, b));
            }
        }
    }

    /// G Gᵀ of a drawn matrix with `rank` columns.
    fn gram(n: usize, rank: usize) -> Vec<f64> {
        let g = drawn(n * rank, 7);
        product(&g, &transposed(&g, n, rank), [n, rank, n])
    }

    #[test]
    fn eigenvectors_are_orthonormal_and_keep_their_directions() {
        for (n, rank) in [(1, 1), (2, 2), (5, 5), (16, 3), (33, 33)] {
            let a = gram(n, rank);
            let (values, vectors) = eigen(&a, n);
            assert_orthonormal(&vectors, n);
            assert!(values.windows(2).all(|w| w[0] >= w[1]), "{values:?}");
            let moved = product(&vectors, &a, [n, n, n]);
            for ((value, v), m) in
                (values.iter().zip(vectors.chunks_exact(n))).zip(moved.chunks_exact(n))
            {
                for (v, m) in v.iter().zip(m) {
                    assert!((m - value * v).abs() < 1e-11 * values[0], "{n} {value}");
                }
            }
            let none = values
                .iter()
                .skip(rank)
                .all(|v| v.abs() < 1e-11 * values[0]);
            assert!(none, "{rank}: {values:?}");
        }
    }

    #[test]
    fn eigenvalues_of_known_matrices() {
        let (values, vectors) = eigen(&[2.0, 1.0, 1.0, 2.0], 2);
        assert!((values[0] - 3.0).abs() < 1e-15 && (values[1] - 1.0).abs() < 1e-15);
        assert!(
            (vectors[0].abs() - 0.5_f64.sqrt()).abs() < 1e-15,
            "{vectors:?}"
        );
        // A diagonal one keeps its axes.
        let (values, vectors) = eigen(&[1.0, 0.0, 0.0, 0.0, 3.0, 0.0, 0.0, 0.0, 2.0], 3);
        assert_eq!(values, [3.0, 2.0, 1.0]);
        let sizes: Vec<f64> = vectors.iter().map(|v| v.abs()).collect();
        assert_eq!(sizes, [0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
        assert_eq!(eigen(&[0.0; 9], 3).0, [0.0; 3]);
    }

    #[test]
    fn a_basis_spans_the_rows_it_comes_from_and_is_complete() {
        let n = 12;
        let rows = drawn(n * n, 3);
        let basis = orthonormal(rows.clone(), n);
        assert_orthonormal(&basis, n);
        // Row k has no part along any later vector.
        for (k, row) in rows.chunks_exact(n).enumerate() {
            for later in basis.chunks_exact(n).skip(k + 1) {
                assert!(dot(row, later).abs() < 1e-12, "{k}");
            }
        }
        // Also where all rows lie in a plane, or are zero.
        let flat = product(&drawn(n * 2, 4), &drawn(2 * n, 5), [n, 2, n]);
        assert_orthonormal(&orthonormal(flat, n), n);
        assert_orthonormal(&orthonormal(vec![0.0; n * n], n), n);
    }
}
