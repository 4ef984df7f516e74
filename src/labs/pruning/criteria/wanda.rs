//! Wanda (arXiv 2306.11695): |w_ij| · ‖x_j‖, compared inside each output row; and the relative
//! contribution |w_ij x_j| / Σ_j |w_ij x_j| per sample (arXiv 2410.16151, abstract only).

use crate::core::groups;
use crate::core::mask::Mask;
use crate::core::select::prune_by_score;

/// ‖x_j‖₂ of every input over the samples (`x` holds one sample after the other).
pub fn input_norms(x: &[f64], inputs: usize) -> Vec<f64> {
    let mut squares = vec![0.0; inputs];
    for sample in x.chunks_exact(inputs.max(1)) {
        for (s, v) in squares.iter_mut().zip(sample) {
            *s += v * v;
        }
    }
    squares.into_iter().map(f64::sqrt).collect()
}

/// |w_ij| times a factor of its input.
pub fn scores(w: &[f64], factors: &[f64]) -> Vec<f64> {
    let cols = factors.len().max(1);
    let score = |(i, w): (usize, &f64)| w.abs() * factors[i % cols];
    w.iter().enumerate().map(score).collect()
}

/// What each row loses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Share {
    /// ⌊in · s⌋ of every row: the floor, not the count rule.
    Fraction(f64),
    /// N of every M are kept.
    Groups {
        /// N.
        n: usize,
        /// M.
        m: usize,
    },
}

/// Mask that prunes the smallest scores of every row.
pub fn row_mask(scores: &[f64], cols: usize, share: Share) -> Mask {
    match share {
        Share::Groups { n, m } => groups::mask_of_scores(scores, cols, n, m),
        Share::Fraction(s) => {
            let k = (cols as f64 * s).floor().max(0.0) as usize;
            let mut mask = Mask::none(scores.len());
            for (r, row) in scores.chunks(cols.max(1)).enumerate() {
                let kept = prune_by_score(row, None, k.min(row.len()));
                for i in (0..row.len()).filter(|&i| kept.kept(i)) {
                    mask.set(r * cols + i, true);
                }
            }
            mask
        }
    }
}

/// Relative contribution of every weight on one sample: |w_ij x_j| / Σ_j |w_ij x_j|, 0 where the sum
/// is.
pub fn contribution(w: &[f64], sample: &[f64]) -> Vec<f64> {
    let cols = sample.len().max(1);
    let part = |(i, w): (usize, &f64)| (w * sample[i % cols]).abs();
    let parts: Vec<f64> = w.iter().enumerate().map(part).collect();
    let sums: Vec<f64> = parts.chunks(cols).map(|row| row.iter().sum()).collect();
    let share = |(i, p): (usize, &f64)| {
        if sums[i / cols] > 0.0 {
            p / sums[i / cols]
        } else {
            0.0
        }
    };
    parts.iter().enumerate().map(share).collect()
}

/// Mean and population standard deviation over samples of the relative contribution.
pub fn relative_contribution(w: &[f64], x: &[f64], inputs: usize) -> (Vec<f64>, Vec<f64>) {
    let cols = inputs.max(1);
    let all: Vec<Vec<f64>> = x
        .chunks_exact(cols)
        .map(|sample| contribution(w, sample))
        .collect();
    let n = all.len().max(1) as f64;
    let mean: Vec<f64> = (0..w.len())
        .map(|i| all.iter().map(|s| s[i]).sum::<f64>() / n)
        .collect();
    let spread = |i: usize| {
        let square = |s: &Vec<f64>| (s[i] - mean[i]) * (s[i] - mean[i]);
        (all.iter().map(square).sum::<f64>() / n).sqrt()
    };
    let std = (0..w.len()).map(spread).collect();
    (mean, std)
}
