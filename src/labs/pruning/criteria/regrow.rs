//! Masks that change while a network trains: RigL (arXiv 1911.11134) without the tie-breaking
//! noise of its code, and the mass rule of Fire Together Wire Together (arXiv 2110.08232).

use crate::core::mask::Mask;
use crate::core::num;
use crate::core::select::prune_by_score;
use crate::core::stats::descending;

/// f_t = (α/2)(1 + cos πt/T).
pub fn drop_fraction(alpha: f64, t: f64, end: f64) -> f64 {
    alpha / 2.0 * (1.0 + num::cos(std::f64::consts::PI * t / end))
}

/// One exchange of weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Exchange {
    /// How many went.
    pub dropped: usize,
    /// The mask after it.
    pub mask: Mask,
    /// Weights after it: 0 where pruned or new.
    pub weights: Vec<f64>,
    /// Weights that are kept now and were not before.
    pub grown: Mask,
}

/// Drops the n = ⌊fraction · kept⌋ smallest |w| and grows the n largest |g| among all weights not
/// kept after the drop (one just dropped may return and then keeps its value).
pub fn rigl(w: &[f64], gradient: &[f64], mask: &Mask, fraction: f64) -> Exchange {
    let n = ((fraction * mask.count() as f64).floor().max(0.0) as usize).min(mask.count());
    let magnitudes: Vec<f64> = w.iter().map(|w| w.abs()).collect();
    let mut after = prune_by_score(&magnitudes, Some(mask), n);
    let mut open: Vec<usize> = (0..w.len()).filter(|&i| !after.kept(i)).collect();
    // Stable: among equal gradients the smaller index grows.
    open.sort_by(|&a, &b| gradient[b].abs().total_cmp(&gradient[a].abs()));
    for &i in open.iter().take(n) {
        after.set(i, true);
    }
    let kept_before = |i: usize| after.kept(i) && mask.kept(i);
    Exchange {
        dropped: n,
        weights: (0..w.len())
            .map(|i| if kept_before(i) { w[i] } else { 0.0 })
            .collect(),
        grown: Mask::from_fn(w.len(), |i| after.kept(i) && !mask.kept(i)),
        mask: after,
    }
}

/// Keeps the largest energies while their share of the total, own share included, stays within
/// `mass`; 1 keeps every share above 1e-5. As published the energy that crosses the mass is
/// dropped, so one dominant filter leaves none.
pub fn mass_mask(energy: &[f64], mass: f64) -> Mask {
    let total: f64 = energy.iter().sum();
    let share = |i: usize| energy[i] / total;
    let order = descending(&(0..energy.len()).map(share).collect::<Vec<_>>());
    let mut mask = Mask::none(energy.len());
    let mut seen = 0.0;
    for i in order {
        seen += share(i);
        let kept = if mass >= 1.0 {
            share(i) > 1e-5
        } else {
            seen <= mass
        };
        mask.set(i, kept);
    }
    mask
}
