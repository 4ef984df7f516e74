//! Whole slices along a dimension, ranked by a norm, and pruning in several rounds: the rules of
//! torch.nn.utils.prune with its container of successive masks.

use crate::core::mask::Mask;
use crate::core::num;
use crate::core::select::{count_rule, prune_by_score};

/// How much to prune.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Amount {
    /// A share of what is there.
    Share(f64),
    /// A number.
    Count(usize),
}

impl Amount {
    /// The number out of `n`.
    pub fn of(self, n: usize) -> usize {
        match self {
            Self::Share(s) => count_rule(s, n),
            Self::Count(k) => k.min(n),
        }
    }
}

/// Prunes the smallest |w| among the survivors of `mask`.
pub fn prune_smallest(weights: &[f64], mask: &Mask, amount: Amount) -> Mask {
    let magnitudes: Vec<f64> = weights.iter().map(|w| w.abs()).collect();
    prune_by_score(&magnitudes, Some(mask), amount.of(mask.count()))
}

/// ‖v‖_n for n in (0, ∞], and the smallest magnitude for -∞.
pub fn norm(values: impl Iterator<Item = f64>, n: f64) -> f64 {
    let magnitudes = values.map(f64::abs);
    if n == f64::INFINITY {
        magnitudes.fold(0.0, f64::max)
    } else if n == f64::NEG_INFINITY {
        magnitudes.fold(f64::INFINITY, f64::min)
    } else if n == 1.0 {
        magnitudes.sum()
    } else if n == 2.0 {
        magnitudes.map(|v| v * v).sum::<f64>().sqrt()
    } else {
        num::pow(magnitudes.map(|v| num::pow(v, n)).sum(), 1.0 / n)
    }
}

/// Slice along `dim` that flat index `i` of a tensor belongs to.
fn slice_of(i: usize, shape: &[usize], dim: usize) -> usize {
    let inner: usize = shape.iter().skip(dim + 1).product();
    i / inner.max(1) % shape.get(dim).copied().unwrap_or(1).max(1)
}

/// Prunes whole slices along `dim`, those with the smallest norm of what `mask` leaves. Only
/// slices that still have a kept weight are ranked and counted.
pub fn prune_slices(
    weights: &[f64],
    shape: &[usize],
    dim: usize,
    n: f64,
    mask: &Mask,
    amount: Amount,
) -> Mask {
    let slices = shape.get(dim).copied().unwrap_or(1);
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); slices];
    for i in 0..weights.len() {
        if let Some(list) = members.get_mut(slice_of(i, shape, dim)) {
            list.push(i);
        }
    }
    let alive = Mask::from_fn(slices, |c| members[c].iter().any(|&i| mask.kept(i)));
    let value = |i: usize| if mask.kept(i) { weights[i] } else { 0.0 };
    let norms: Vec<f64> = members
        .iter()
        .map(|list| norm(list.iter().map(|&i| value(i)), n))
        .collect();
    let kept = prune_by_score(&norms, Some(&alive), amount.of(alive.count()));
    Mask::from_fn(weights.len(), |i| {
        mask.kept(i) && kept.kept(slice_of(i, shape, dim))
    })
}
