//! Eigenvectors of a symmetric matrix, for updates that stay out of a subspace (SAME).

use crate::core::matrix::Matrix;

/// Sweeps of Jacobi's rotations at most; a dozen suffice for the sizes here.
const SWEEPS: usize = 40;

/// Eigenvalues in descending order with their eigenvectors as rows, by Jacobi's rotations.
pub(super) fn eigen(symmetric: &Matrix) -> (Vec<f64>, Matrix) {
    let n = symmetric.rows;
    let mut a = symmetric.clone();
    let mut v = Matrix::from_fn(n, n, |i, j| f64::from(u8::from(i == j)));
    for _ in 0..SWEEPS {
        let off: f64 = (0..n)
            .flat_map(|i| (0..i).map(move |j| (i, j)))
            .map(|(i, j)| a.at(i, j) * a.at(i, j))
            .sum();
        let scale: f64 = (0..n).map(|i| a.at(i, i) * a.at(i, i)).sum();
        if off <= 1e-24 * scale {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                rotate(&mut a, &mut v, p, q);
            }
        }
    }
    let values: Vec<f64> = (0..n).map(|i| a.at(i, i)).collect();
    let order = crate::core::gate::descending(&values);
    let vectors = Matrix::from_fn(n, n, |i, j| v.at(order[i], j));
    (order.iter().map(|&i| values[i]).collect(), vectors)
}

/// One rotation that clears a_pq.
fn rotate(a: &mut Matrix, v: &mut Matrix, p: usize, q: usize) {
    let apq = a.at(p, q);
    if apq == 0.0 {
        return;
    }
    let theta = (a.at(q, q) - a.at(p, p)) / (2.0 * apq);
    let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
    let c = 1.0 / (t * t + 1.0).sqrt();
    let s = t * c;
    let n = a.rows;
    for i in 0..n {
        let (x, y) = (a.at(i, p), a.at(i, q));
        a.row_mut(i)[p] = c * x - s * y;
        a.row_mut(i)[q] = s * x + c * y;
    }
    for m in [a, v] {
        for i in 0..n {
            let (x, y) = (m.at(p, i), m.at(q, i));
            m.row_mut(p)[i] = c * x - s * y;
            m.row_mut(q)[i] = s * x + c * y;
        }
    }
}

/// The leading eigenvectors (rows) that hold this share of the sum of eigenvalues.
pub(super) fn leading(symmetric: &Matrix, share: f64) -> Matrix {
    let (values, vectors) = eigen(symmetric);
    let total: f64 = values.iter().sum();
    let mut sum = 0.0;
    let mut rows = 0;
    while rows < values.len() && sum < share * total {
        sum += values[rows];
        rows += 1;
    }
    Matrix {
        rows,
        cols: vectors.cols,
        data: vectors.data[..rows * vectors.cols].to_vec(),
    }
}

/// A row without its part in the span of orthonormal rows: x (I - UᵀU).
pub(super) fn without(row: &mut [f64], basis: &Matrix) {
    for i in 0..basis.rows {
        let u = basis.row(i);
        let along = crate::core::matrix::dot(row, u);
        for (x, u) in row.iter_mut().zip(u) {
            *x -= along * u;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eigenvectors_rebuild_the_matrix_and_are_orthonormal() {
        let b = Matrix::from_fn(5, 5, |i, j| ((i * 7 + j * 3) % 11) as f64 - 4.0);
        let a = b.times_transposed(&b);
        let (values, v) = eigen(&a);
        assert!(values.windows(2).all(|w| w[0] >= w[1]), "{values:?}");
        for i in 0..5 {
            for j in 0..5 {
                let again: f64 = (0..5).map(|k| values[k] * v.at(k, i) * v.at(k, j)).sum();
                assert!((again - a.at(i, j)).abs() < 1e-9, "{again} {}", a.at(i, j));
                let inner: f64 = (0..5).map(|k| v.at(i, k) * v.at(j, k)).sum();
                assert!((inner - f64::from(u8::from(i == j))).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn what_is_left_of_a_row_is_orthogonal_to_the_leading_subspace() {
        // Energy in the first two of four directions only.
        let a = Matrix::from_fn(
            4,
            4,
            |i, j| {
                if i == j && i < 2 { 1.0 + i as f64 } else { 0.0 }
            },
        );
        let u = leading(&a, 0.95);
        assert_eq!(u.rows, 2);
        let mut row = vec![1.0, 2.0, 3.0, 4.0];
        without(&mut row, &u);
        assert_eq!(row, [0.0, 0.0, 3.0, 4.0]);
    }
}
