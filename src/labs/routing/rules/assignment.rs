//! Exact balanced assignment (BASE layers, arXiv 2103.16716): shortest augmenting paths with
//! potentials (Hungarian method), O(N³).

use super::matrix::Matrix;

/// Expert of each token when every expert takes exactly (at most, if there is more room)
/// `per_expert` tokens and the total score is largest. `None` when there is not enough room.
pub fn base(scores: &Matrix, per_expert: usize) -> Option<Vec<usize>> {
    let slots = scores.cols * per_expert;
    if scores.rows > slots {
        return None;
    }
    let cost = |t: usize, s: usize| -scores.at(t, s / per_expert);
    Some(
        cheapest(scores.rows, slots, cost)
            .into_iter()
            .map(|s| s / per_expert)
            .collect(),
    )
}

/// Column of each row with the smallest total cost; `rows ≤ cols`.
fn cheapest(rows: usize, cols: usize, cost: impl Fn(usize, usize) -> f64) -> Vec<usize> {
    // Row 0 and column 0 are sentinels: index i stands for row i - 1.
    let (mut u, mut v) = (vec![0.0; rows + 1], vec![0.0; cols + 1]);
    let mut row_of = vec![0_usize; cols + 1];
    for row in 1..=rows {
        row_of[0] = row;
        let mut at = 0;
        let mut least = vec![f64::INFINITY; cols + 1];
        let mut from = vec![0_usize; cols + 1];
        let mut used = vec![false; cols + 1];
        loop {
            used[at] = true;
            let i = row_of[at];
            let (mut delta, mut next) = (f64::INFINITY, 0);
            for j in (1..=cols).filter(|&j| !used[j]) {
                let reduced = cost(i - 1, j - 1) - u[i] - v[j];
                if reduced < least[j] {
                    least[j] = reduced;
                    from[j] = at;
                }
                if least[j] < delta {
                    delta = least[j];
                    next = j;
                }
            }
            for j in 0..=cols {
                if used[j] {
                    u[row_of[j]] += delta;
                    v[j] -= delta;
                } else {
                    least[j] -= delta;
                }
            }
            at = next;
            if row_of[at] == 0 {
                break;
            }
        }
        while at != 0 {
            row_of[at] = row_of[from[at]];
            at = from[at];
        }
    }
    let mut out = vec![0; rows];
    for j in 1..=cols {
        if row_of[j] > 0 {
            out[row_of[j] - 1] = j - 1;
        }
    }
    out
}

/// Smallest total cost ⟨T, C⟩ with row sums `a` and column sums `b` (equal totals), the transport
/// problem as a linear programme: successive cheapest augmenting paths.
pub fn transport_cost(cost: &Matrix, a: &[f64], b: &[f64]) -> f64 {
    let (n, m) = (cost.rows, cost.cols);
    let (mut supply, mut demand) = (a.to_vec(), b.to_vec());
    let mut plan = Matrix::zeros(n, m);
    // A share this small of the mass is rounding, not mass.
    let tiny = 1e-14 * a.iter().sum::<f64>();
    while supply.iter().sum::<f64>() > tiny * n as f64 {
        let Some(path) = cheapest_path(cost, &plan, &supply, &demand, tiny) else {
            break;
        };
        let (start, end) = (path[0], path[path.len() - 1] - n);
        let mut amount = supply[start].min(demand[end]);
        for pair in path.windows(2) {
            if pair[0] >= n {
                amount = amount.min(plan.at(pair[1], pair[0] - n));
            }
        }
        for pair in path.windows(2) {
            if pair[0] < n {
                plan.row_mut(pair[0])[pair[1] - n] += amount;
            } else {
                plan.row_mut(pair[1])[pair[0] - n] -= amount;
            }
        }
        supply[start] -= amount;
        demand[end] -= amount;
    }
    super::matrix::dot(&plan.data, &cost.data)
}

/// Cheapest path (Bellman-Ford) from a row with supply to a column with demand; columns are
/// numbered after the rows.
fn cheapest_path(
    cost: &Matrix,
    plan: &Matrix,
    supply: &[f64],
    demand: &[f64],
    tiny: f64,
) -> Option<Vec<usize>> {
    let (n, m) = (cost.rows, cost.cols);
    let mut distance: Vec<f64> = (0..n + m)
        .map(|i| {
            if i < n && supply[i] > tiny {
                0.0
            } else {
                f64::INFINITY
            }
        })
        .collect();
    let mut from = vec![usize::MAX; n + m];
    for _ in 0..n + m {
        let mut changed = false;
        for i in 0..n {
            for j in 0..m {
                let c = cost.at(i, j);
                if distance[i] + c < distance[n + j] - 1e-15 {
                    distance[n + j] = distance[i] + c;
                    from[n + j] = i;
                    changed = true;
                }
                if plan.at(i, j) > tiny && distance[n + j] - c < distance[i] - 1e-15 {
                    distance[i] = distance[n + j] - c;
                    from[i] = n + j;
                    changed = true;
                }
            }
        }
        if !changed {
            break;
        }
    }
    let end = (0..m)
        .filter(|&j| demand[j] > tiny && distance[n + j].is_finite())
        .min_by(|&a, &b| distance[n + a].total_cmp(&distance[n + b]))?;
    let mut path = vec![n + end];
    while let Some(&last) = path.last() {
        if from[last] == usize::MAX || path.len() > n + m {
            break;
        }
        path.push(from[last]);
    }
    path.reverse();
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_assignment_is_the_best_of_all() {
        let scores = Matrix::from_fn(4, 2, |t, e| ((t * 7 + e * 5 + t * e * 3) % 11) as f64);
        let got = base(&scores, 2).unwrap();
        let total = |a: &[usize]| {
            a.iter()
                .enumerate()
                .map(|(t, &e)| scores.at(t, e))
                .sum::<f64>()
        };
        let mut best = f64::NEG_INFINITY;
        for code in 0..16_usize {
            let a: Vec<usize> = (0..4).map(|t| (code >> t) & 1).collect();
            if a.iter().sum::<usize>() == 2 {
                best = best.max(total(&a));
            }
        }
        assert_eq!(total(&got), best);
        assert_eq!(base(&scores, 1), None, "four tokens do not fit two places");
    }

    #[test]
    fn transport_equals_assignment_for_equal_masses() {
        let cost = Matrix::from_fn(6, 3, |i, j| ((i * 5 + j * 7 + i * j) % 9) as f64 / 8.0);
        let scores = cost.map_rows(|row| row.iter().map(|v| -v).collect());
        let assigned = base(&scores, 2).unwrap();
        let want: f64 = assigned
            .iter()
            .enumerate()
            .map(|(t, &e)| cost.at(t, e))
            .sum::<f64>()
            / 6.0;
        let got = transport_cost(&cost, &[1.0 / 6.0; 6], &[1.0 / 3.0; 3]);
        assert!((got - want).abs() < 1e-12, "{got} {want}");
    }
}
