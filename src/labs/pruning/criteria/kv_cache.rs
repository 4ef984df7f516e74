//! Which cached tokens an attention head keeps: DefensiveKV (arXiv 2510.13334), the scoring part
//! as in FFY0/DefensiveKV (without the value-norm factor), and the mean-aggregation rival.

use crate::core::mask::Mask;
use crate::core::stats::descending;

/// Average pooling over tokens (kernel 5, stride 1, two zeros at each end, always divided by 5),
/// then rescaled to the row's old sum.
pub fn pooled(row: &[f64]) -> Vec<f64> {
    let n = row.len();
    let mean = |t: usize| row[t.saturating_sub(2)..(t + 3).min(n)].iter().sum::<f64>() / 5.0;
    let smooth: Vec<f64> = (0..n).map(mean).collect();
    let (old, new): (f64, f64) = (row.iter().sum(), smooth.iter().sum());
    smooth
        .into_iter()
        .map(|v| if new > 0.0 { v * old / new } else { v })
        .collect()
}

/// Mean over the window of the pooled rows.
pub fn mean_score(window: &[Vec<f64>]) -> Vec<f64> {
    let tokens = window.first().map_or(0, Vec::len);
    let mean = |t: usize| window.iter().map(|q| q[t]).sum::<f64>() / window.len() as f64;
    (0..tokens).map(mean).collect()
}

/// Largest pooled attention over the window, but at least the mean of these maxima.
pub fn defensive_score(window: &[Vec<f64>]) -> Vec<f64> {
    let tokens = window.first().map_or(0, Vec::len);
    let largest = |t: usize| {
        window
            .iter()
            .map(|q| q[t])
            .fold(f64::NEG_INFINITY, f64::max)
    };
    let maxima: Vec<f64> = (0..tokens).map(largest).collect();
    let floor = maxima.iter().sum::<f64>() / tokens.max(1) as f64;
    maxima.into_iter().map(|m| m.max(floor)).collect()
}

/// Keeps the `keep` highest scores; among equals the smaller token.
pub fn best(scores: &[f64], keep: usize) -> Mask {
    let mut mask = Mask::none(scores.len());
    for &t in descending(scores).iter().take(keep) {
        mask.set(t, true);
    }
    mask
}
