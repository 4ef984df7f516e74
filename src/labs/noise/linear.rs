//! Small dense linear systems and least squares.

use crate::core::num;

/// Solves a small dense system by elimination with row exchange.
pub(super) fn solve(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Vec<f64> {
    let n = b.len();
    for c in 0..n {
        let pivot = (c..n)
            .max_by(|&i, &j| a[i][c].abs().total_cmp(&a[j][c].abs()))
            .unwrap_or(c);
        a.swap(c, pivot);
        b.swap(c, pivot);
        for i in c + 1..n {
            let f = a[i][c] / a[c][c];
            for k in c..n {
                a[i][k] -= f * a[c][k];
            }
            b[i] -= f * b[c];
        }
    }
    for c in (0..n).rev() {
        for k in c + 1..n {
            b[c] -= a[c][k] * b[k];
        }
        b[c] /= a[c][c];
    }
    b
}

/// Weights of the columns whose sum is nearest to the target, and the mean squared error left.
/// Gram-Schmidt, each column made orthogonal twice; a column that the others span gets weight 0.
pub(super) fn least_squares(columns: &[&[f64]], target: &[f64]) -> (Vec<f64>, f64) {
    const DEPENDENT: f64 = 1e-10;
    let dot = |a: &[f64], b: &[f64]| num::sum(a.iter().zip(b).map(|(x, y)| x * y));
    let mut basis: Vec<Vec<f64>> = Vec::with_capacity(columns.len());
    // Column c is the sum of triangle[c][i] times basis vector i.
    let mut triangle: Vec<Vec<f64>> = Vec::with_capacity(columns.len());
    for column in columns {
        let mut rest = column.to_vec();
        let mut shares = vec![0.0; basis.len()];
        for _ in 0..2 {
            for (share, unit) in shares.iter_mut().zip(&basis) {
                let along = dot(unit, &rest);
                *share += along;
                for (r, u) in rest.iter_mut().zip(unit) {
                    *r -= along * u;
                }
            }
        }
        let (norm, whole) = (dot(&rest, &rest).sqrt(), dot(column, column).sqrt());
        if norm > DEPENDENT * whole {
            for r in &mut rest {
                *r /= norm;
            }
            shares.push(norm);
        } else {
            rest.fill(0.0);
            shares.push(0.0);
        }
        basis.push(rest);
        triangle.push(shares);
    }
    let mut left = target.to_vec();
    let mut along = Vec::with_capacity(basis.len());
    for unit in &basis {
        let share = dot(unit, &left);
        for (l, u) in left.iter_mut().zip(unit) {
            *l -= share * u;
        }
        along.push(share);
    }
    let mut weights = vec![0.0; columns.len()];
    for c in (0..columns.len()).rev() {
        let known = num::sum((c + 1..columns.len()).map(|k| weights[k] * triangle[k][c]));
        let own = triangle[c][c];
        weights[c] = if own > 0.0 {
            (along[c] - known) / own
        } else {
            0.0
        };
    }
    (weights, dot(&left, &left) / target.len().max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exact_combination_is_found_and_a_repeated_column_is_left_out() {
        let (a, b) = ([1.0, 2.0, 0.0, -1.0], [0.5, 0.0, 1.0, 3.0]);
        let target: Vec<f64> = a.iter().zip(&b).map(|(a, b)| 2.0 * a - 0.5 * b).collect();
        let (weights, error) = least_squares(&[&a, &a, &b], &target);
        assert!(error < 1e-28, "{error}");
        assert!(
            (weights[0] - 2.0).abs() < 1e-12 && weights[1] == 0.0,
            "{weights:?}"
        );
        assert!((weights[2] + 0.5).abs() < 1e-12, "{weights:?}");
    }

    #[test]
    fn what_no_combination_reaches_is_the_error() {
        let (weights, error) = least_squares(&[&[1.0, 0.0]], &[3.0, 4.0]);
        assert_eq!(weights, [3.0]);
        assert!((error - 8.0).abs() < 1e-12, "{error}");
    }

    #[test]
    fn a_small_system_is_solved() {
        let x = solve(vec![vec![0.0, 2.0], vec![1.0, 1.0]], vec![4.0, 5.0]);
        assert_eq!(x, [3.0, 2.0]);
    }
}
