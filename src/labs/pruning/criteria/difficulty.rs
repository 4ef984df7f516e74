//! Which training examples are easy (arXiv 2206.14486: prune by the distance to the boundary of a
//! network trained before).

use crate::core::Arrange as _;
use crate::core::mask::Mask;
use crate::core::select::count_rule;
use crate::core::stats::ascending;
use crate::labs::pruning::kinds::Pick;

/// Margin of an example: the logit of its label minus the largest other one. NaN without another.
pub fn margin(logits: &[f32], label: usize) -> f64 {
    let others = logits.iter().enumerate().filter(|(c, _)| *c != label);
    let rival = others.map(|(_, z)| f64::from(*z)).fold(f64::NAN, f64::max);
    logits
        .get(label)
        .map_or(f64::NAN, |z| f64::from(*z) - rival)
}

/// Keeps all but k = round-half-to-even(share · n) examples, by their margins or by random numbers;
/// among equals the earlier one counts as the smaller.
pub fn pick(margins: &[f64], luck: &[u32], how: Pick, share: f64) -> Mask {
    let n = margins.len();
    let gone = count_rule(share, n);
    let order = match how {
        Pick::Random => {
            let mut order: Vec<usize> = (0..n).collect();
            order.arrange_by_key(|&i| (luck.get(i).copied().unwrap_or(0), i));
            order
        }
        Pick::Hard | Pick::Easy => ascending(margins),
    };
    let kept = match how {
        Pick::Hard | Pick::Random => &order[..n - gone],
        Pick::Easy => &order[gone..],
    };
    let mut stays = vec![false; n];
    for &i in kept {
        stays[i] = true;
    }
    Mask::from_fn(n, |i| stays[i])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn margins_are_signed_distances_to_the_best_other_logit() {
        assert_eq!(margin(&[1.0, 3.5, -2.0], 1), 2.5);
        assert_eq!(margin(&[1.0, 3.5, -2.0], 0), -2.5);
        assert_eq!(margin(&[1.0, 1.0], 0), 0.0);
    }

    #[test]
    fn the_count_rule_says_how_many_stay_and_margins_which() {
        let margins = [0.5, -1.0, 3.0, 0.5, 2.0];
        let luck = [9, 7, 5, 3, 1];
        let kept = |how, share| {
            let mask = pick(&margins, &luck, how, share);
            (0..5).filter(|&i| mask.kept(i)).collect::<Vec<usize>>()
        };
        // 0.5 · 5 rounds to 2: three stay.
        assert_eq!(kept(Pick::Hard, 0.5), [0, 1, 3]);
        assert_eq!(kept(Pick::Easy, 0.5), [2, 3, 4]);
        assert_eq!(kept(Pick::Random, 0.5), [2, 3, 4]);
        assert_eq!(kept(Pick::Hard, 0.8), [1]);
        assert_eq!(kept(Pick::Easy, 0.8), [2]);
        assert_eq!(kept(Pick::Hard, 0.0), [0, 1, 2, 3, 4]);
    }
}
