//! Orders in which masked tokens are revealed: the Halton order of MaskGIT's scheduler
//! (valeoai/Halton-MaskGIT `Sampler/halton_sampler.py`) and the dilated sets of DUS
//! (arXiv 2506.19037).

use crate::core::Arrange as _;
use crate::core::num;
use std::f64::consts::PI;

/// Points of the Halton sequence the reference draws.
const POINTS: usize = 10_000;

/// Cells [row, column] of an n x n lattice in Halton order: base 2 for rows, base 3 for columns,
/// first occurrence kept. Integer arithmetic throughout. Cells the reference's 10,000 points miss
/// (n above 32) follow in row order.
pub fn halton(n: usize) -> Vec<[usize; 2]> {
    let mut seen = vec![false; n * n];
    let mut out = Vec::with_capacity(n * n);
    for i in 1..=POINTS {
        let cell = [radical_cell(i, 2, n), radical_cell(i, 3, n)];
        let flat = cell[0] * n + cell[1];
        if !seen[flat] {
            seen[flat] = true;
            out.push(cell);
        }
    }
    out.extend((0..n * n).filter(|f| !seen[*f]).map(|f| [f / n, f % n]));
    out
}

/// floor(n * van der Corput(i)) in integers.
fn radical_cell(mut i: usize, base: usize, n: usize) -> usize {
    let (mut numerator, mut denominator) = (0_u64, 1_u64);
    while i > 0 {
        numerator = numerator * base as u64 + (i % base) as u64;
        denominator *= base as u64;
        i /= base;
    }
    (numerator * n as u64 / denominator) as usize
}

/// Tokens revealed after each of `steps` steps on an n x n lattice: the arccosine law.
pub fn arccos_counts(n: usize, steps: usize) -> Vec<usize> {
    (0..steps)
        .map(|i| {
            let share = 1.0 - num::acos((i + 1) as f64 / steps as f64) * 2.0 / PI;
            // 1e-9: at one half the value is exactly a third of the cells, and rounding drops one.
            let r = (share * (n * n) as f64 + 1e-9) as usize;
            r.max(i + 1)
        })
        .collect()
}

/// Rounds of the dilated schedule for a block of `length` positions, base 2; late rounds can be
/// empty.
pub fn dilated_sets(length: usize) -> Vec<Vec<usize>> {
    let rounds = length.next_power_of_two().trailing_zeros() as usize;
    let mut revealed = vec![false; length];
    (1..=rounds)
        .map(|t| {
            let stride = (length >> t).max(1);
            let set: Vec<usize> = (0..length)
                .filter(|k| k % stride == 0 && !revealed[*k])
                .collect();
            for k in &set {
                revealed[*k] = true;
            }
            set
        })
        .collect()
}

/// `length` positions in `rounds` rounds as equal as possible, larger ones first.
pub fn equal_sizes(length: usize, rounds: usize) -> Vec<usize> {
    if rounds == 0 {
        return Vec::new();
    }
    (0..rounds)
        .map(|r| length / rounds + usize::from(r < length % rounds))
        .collect()
}

/// Cuts an order into consecutive rounds.
pub fn in_rounds(order: &[usize], sizes: &[usize]) -> Vec<Vec<usize>> {
    let mut rest = order;
    sizes
        .iter()
        .map(|size| {
            let (round, left) = rest.split_at((*size).min(rest.len()));
            rest = left;
            round.to_vec()
        })
        .collect()
}

/// Positions with the largest score first; scores equal after rounding to `decimals` go to the
/// lowest index.
pub fn highest(scores: &[(usize, f64)], count: usize, decimals: i32) -> Vec<usize> {
    let unit = 10.0_f64.powi(decimals);
    let mut rounded: Vec<(usize, f64)> = scores
        .iter()
        .map(|(i, s)| (*i, (s * unit).round_ties_even()))
        .collect();
    rounded.arrange_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    rounded.into_iter().take(count).map(|(i, _)| i).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_halton_order_visits_every_cell_once() {
        for n in [1, 2, 7, 16, 32, 40] {
            let mut cells: Vec<usize> = halton(n).iter().map(|c| c[0] * n + c[1]).collect();
            cells.sort_unstable();
            assert_eq!(cells, (0..n * n).collect::<Vec<_>>(), "{n}");
        }
    }

    #[test]
    fn counts_rise_to_all_cells() {
        for (n, steps) in [(16, 8), (24, 8), (12, 6), (4, 32)] {
            let counts = arccos_counts(n, steps);
            assert!(counts.windows(2).all(|w| w[0] < w[1]), "{counts:?}");
            if steps <= n * n {
                assert_eq!(counts.last(), Some(&(n * n)), "{counts:?}");
            }
        }
    }

    #[test]
    fn dilated_sets_partition_the_block() {
        for length in [2, 7, 8, 10, 12, 31, 64] {
            let mut all: Vec<usize> = dilated_sets(length).concat();
            all.sort_unstable();
            assert_eq!(all, (0..length).collect::<Vec<_>>(), "{length}");
        }
        assert_eq!(dilated_sets(8), [vec![0, 4], vec![2, 6], vec![1, 3, 5, 7]]);
    }
}
