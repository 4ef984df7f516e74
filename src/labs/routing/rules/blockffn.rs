//! BlockFFN (arXiv 2507.08771, thunlp/BlockFFN): ReLU routing with RMS norm over the experts, and the
//! sparsity of tokens and chunks.

use crate::core::matrix::Matrix;
use crate::core::num;

/// Scores of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Routed {
    /// gain · normalised ReLU.
    pub score: Matrix,
    /// Normalised ReLU (without gain) over its sum.
    pub share: Matrix,
}

/// Routes raw scores.
pub fn route(raw: &Matrix, gain: &[f64], rms_eps: f64) -> Routed {
    let norm = raw.map_rows(|row| {
        let h: Vec<f64> = row.iter().map(|v| v.max(0.0)).collect();
        let mean_square = h.iter().map(|v| v * v).sum::<f64>() / h.len() as f64;
        let root = (mean_square + rms_eps).sqrt();
        h.iter().map(|v| v / root).collect()
    });
    Routed {
        score: norm.map_rows(|row| row.iter().zip(gain).map(|(n, g)| n * g).collect()),
        share: norm.map_rows(|row| {
            let total = row.iter().sum::<f64>() + 1e-5;
            row.iter().map(|n| n / total).collect()
        }),
    }
}

/// Active experts of each token.
pub fn active_counts(score: &Matrix) -> Vec<usize> {
    (0..score.rows)
        .map(|t| score.row(t).iter().filter(|&&a| a != 0.0).count())
        .collect()
}

/// Share of inactive (token, expert) pairs.
pub fn token_sparsity(score: &Matrix) -> f64 {
    let active: usize = active_counts(score).iter().sum();
    1.0 - active as f64 / score.data.len() as f64
}

/// Share of experts inactive in a whole window; windows do not overlap, the tail is cut.
pub fn chunk_sparsity(score: &Matrix, window: usize) -> f64 {
    let windows = score.rows.checked_div(window).unwrap_or(0);
    let mut idle = 0_usize;
    for w in 0..windows {
        idle += (0..score.cols)
            .filter(|&e| (w * window..(w + 1) * window).all(|t| score.at(t, e) == 0.0))
            .count();
    }
    idle as f64 / (windows * score.cols) as f64
}

/// Mean binary cross-entropy between a token's (steepened) activations and the next token's.
pub fn locality_loss(raw: &Matrix, steep: f64) -> f64 {
    let mut total = 0.0;
    for t in 1..raw.rows {
        for e in 0..raw.cols {
            let (x, y) = (steep * raw.at(t - 1, e), num::sigmoid(steep * raw.at(t, e)));
            total += x.max(0.0) - x * y + num::ln_1p(num::exp(-x.abs()));
        }
    }
    total / ((raw.rows.saturating_sub(1)) * raw.cols) as f64
}

/// 1 - mean over whole chunks and experts of Π (1 - share + 1e-5).
pub fn chunk_loss(share: &Matrix, chunk: usize) -> f64 {
    let chunks = share.rows.checked_div(chunk).unwrap_or(0);
    let mut idle = 0.0;
    for c in 0..chunks {
        for e in 0..share.cols {
            let sum: f64 = (c * chunk..(c + 1) * chunk)
                .map(|t| num::ln(1.0 - share.at(t, e) + 1e-5))
                .sum();
            idle += num::exp(sum);
        }
    }
    1.0 - idle / (chunks * share.cols) as f64
}
