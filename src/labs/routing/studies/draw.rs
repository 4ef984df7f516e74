//! Random vectors and the arithmetic that the studies share.

use crate::core::matrix::{Matrix, dot};
use crate::core::rng::Stream;

/// A vector of independent normal numbers.
pub(super) fn normals(n: usize, scale: f64, stream: &mut Stream) -> Vec<f64> {
    (0..n).map(|_| scale * stream.normal()).collect()
}

/// A matrix of independent normal numbers.
pub(super) fn matrix(rows: usize, cols: usize, scale: f64, stream: &mut Stream) -> Matrix {
    Matrix {
        rows,
        cols,
        data: normals(rows * cols, scale, stream),
    }
}

/// The vector at unit length; zero stays zero.
pub(super) fn unit(v: &[f64]) -> Vec<f64> {
    let norm = dot(v, v).sqrt();
    let by = if norm > 0.0 { 1.0 / norm } else { 0.0 };
    v.iter().map(|x| x * by).collect()
}

/// A matrix times a vector.
pub(super) fn apply(m: &Matrix, x: &[f64]) -> Vec<f64> {
    (0..m.rows).map(|i| dot(m.row(i), x)).collect()
}

/// Squared distance.
pub(super) fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

/// Adds a multiple of a vector to another.
pub(super) fn add(to: &mut [f64], by: f64, v: &[f64]) {
    for (t, v) in to.iter_mut().zip(v) {
        *t += by * v;
    }
}
