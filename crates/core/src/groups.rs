//! N:M sparsity: of every M neighbours of a row the N largest are kept.
//!
//! Ties: the smaller index is pruned first. A short last group of g keeps min(g, N).

use crate::mask::Mask;
use crate::select::{magnitude_key, prune_by_score};

/// Place of element `i` of a group from the top: 0 for the one that is kept longest.
pub fn place(group: &[u32], i: usize) -> usize {
    let better = |&(j, &key): &(usize, &u32)| key > group[i] || (key == group[i] && j > i);
    group.iter().enumerate().filter(better).count()
}

/// Keeps the `n` largest magnitudes of every `m` neighbours (at most 32) in rows of `cols`.
pub fn mask_of_weights(values: &[f32], cols: usize, n: usize, m: usize) -> Mask {
    let (cols, m) = (cols.max(1), m.clamp(1, 32));
    let mut mask = Mask::none(values.len());
    let mut keys = [0_u32; 32];
    for (r, row) in values.chunks(cols).enumerate() {
        for (g, group) in row.chunks(m).enumerate() {
            let keys = &mut keys[..group.len()];
            for (key, &w) in keys.iter_mut().zip(group) {
                *key = magnitude_key(w);
            }
            mask.put(r * cols + g * m, best(keys, n), group.len());
        }
    }
    mask
}

/// The `n` largest keys of a group (at most 32) as bits, among equals the later ones.
pub fn best(keys: &[u32], n: usize) -> u32 {
    if let Ok(&[a, b, c, d]) = <&[u32; 4]>::try_from(keys) {
        // Six comparisons say who stands above whom.
        let [ab, ac, ad] = [a > b, a > c, a > d].map(usize::from);
        let [bc, bd, cd] = [b > c, b > d, c > d].map(usize::from);
        let above = [
            3 - ab - ac - ad,
            ab + 2 - bc - bd,
            ac + bc + 1 - cd,
            ad + bd + cd,
        ];
        let bit = |(i, above): (usize, &usize)| u32::from(*above < n) << i;
        return above.iter().enumerate().map(bit).sum();
    }
    let bit = |i: usize| u32::from(place(keys, i) < n) << i;
    (0..keys.len()).map(bit).sum()
}

/// Keeps the `n` highest scores of every `m` neighbours in rows of `cols`.
pub fn mask_of_scores(scores: &[f64], cols: usize, n: usize, m: usize) -> Mask {
    let mut mask = Mask::none(scores.len());
    let (cols, m) = (cols.max(1), m.max(1));
    for (r, row) in scores.chunks(cols).enumerate() {
        for (g, group) in row.chunks(m).enumerate() {
            let kept = prune_by_score(group, None, group.len().saturating_sub(n));
            for i in (0..group.len()).filter(|&i| kept.kept(i)) {
                mask.set(r * cols + g * m + i, true);
            }
        }
    }
    mask
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_in_a_group_prune_the_smaller_index() {
        let mask = mask_of_scores(&[1.0, 1.0, 1.0, 1.0, 2.0, 0.0], 6, 2, 4);
        let kept: Vec<bool> = mask.iter().collect();
        assert_eq!(
            kept,
            [false, false, true, true, true, true],
            "a short group keeps min(g, N)"
        );
        assert_eq!([0, 1, 2].map(|i| place(&[7, 9, 7], i)), [2, 0, 1]);
    }

    #[test]
    fn weights_and_scores_give_the_same_groups() {
        use crate::rng::{Stream, StreamId};
        let mut stream = Stream::new(6, StreamId::Test);
        for (cols, m) in [(8, 4), (10, 4), (12, 3), (70, 32), (5, 7)] {
            // Coarse values: many ties.
            let values: Vec<f32> = (0..cols * 6)
                .map(|_| (stream.normal_f32() * 2.0).round())
                .collect();
            let scores: Vec<f64> = values.iter().map(|w| f64::from(w.abs())).collect();
            for n in 0..=m {
                assert_eq!(
                    mask_of_weights(&values, cols, n, m),
                    mask_of_scores(&scores, cols, n, m),
                    "{n}:{m} in rows of {cols}"
                );
            }
        }
    }
}
