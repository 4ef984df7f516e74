//! Scores averaged over a graph of tokens (arXiv 2505.00792): by the similarity of tokens, or by the
//! attention that they pay to each other.

use crate::core::gate;
use crate::core::matrix::{Matrix, dot};

/// Adds Σ_u S_u p_u for the weights of one token.
fn average(weights: impl Iterator<Item = (usize, f64)>, p: &Matrix) -> Vec<f64> {
    let mut out = vec![0.0; p.cols];
    for (u, s) in weights {
        // Weights this small cannot change a score.
        if s > 1e-18 {
            for (o, v) in out.iter_mut().zip(p.row(u)) {
                *o += s * v;
            }
        }
    }
    out
}

/// A token's scores averaged over the tokens by similarity: Σ_u S_tu p_u, S the softmax of
/// x_t·x_u / τ over u.
pub fn by_similarity(t: usize, x: &Matrix, p: &Matrix, tau: f64) -> Vec<f64> {
    let similar: Vec<f64> = (0..x.rows).map(|u| dot(x.row(t), x.row(u)) / tau).collect();
    average(gate::softmax(&similar).into_iter().enumerate(), p)
}

/// Weights of the tokens before and with token `t` in causal attention, averaged over heads: each
/// head is the tokens projected (N × d), its weights the softmax of h_t·h_u / (√d τ) over u ≤ t.
pub fn attention(t: usize, heads: &[Matrix], tau: f64) -> Vec<f64> {
    let mut out = vec![0.0; t + 1];
    for h in heads {
        let scale = (h.cols as f64).sqrt() * tau;
        let scores: Vec<f64> = (0..=t).map(|u| dot(h.row(t), h.row(u)) / scale).collect();
        for (o, w) in out.iter_mut().zip(gate::softmax(&scores)) {
            *o += w / heads.len() as f64;
        }
    }
    out
}

/// A token's scores averaged by [`attention`].
pub fn by_attention(t: usize, heads: &[Matrix], p: &Matrix, tau: f64) -> Vec<f64> {
    average(attention(t, heads, tau).into_iter().enumerate(), p)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[[f64; 2]]) -> Matrix {
        Matrix {
            rows: rows.len(),
            cols: 2,
            data: rows.concat(),
        }
    }

    #[test]
    fn attention_is_causal_and_a_mean_over_heads() {
        let heads = [
            table(&[[1.0, 0.0], [0.0, 1.0], [2.0, 0.0]]),
            table(&[[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]),
        ];
        assert_eq!(attention(0, &heads, 1.0), [1.0]);
        let w = attention(2, &heads, 1.0);
        // Scores 2, 0, 4 over √2 in the first head; equal weights in the second.
        let e = [2.0, 0.0, 4.0].map(|v: f64| crate::core::num::exp(v / 2.0_f64.sqrt()));
        let sum: f64 = e.iter().sum();
        for (w, e) in w.iter().zip(e) {
            assert!((w - 0.5 * (e / sum + 1.0 / 3.0)).abs() < 1e-12, "{w}");
        }
        let p = table(&[[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]]);
        let mixed = by_attention(2, &heads, &p, 1.0);
        assert!(
            (mixed.iter().sum::<f64>() - 1.0).abs() < 1e-12,
            "still shares"
        );
        assert_eq!(by_attention(0, &heads, &p, 1.0), [1.0, 0.0]);
    }

    #[test]
    fn a_hot_similarity_averages_all_and_a_cold_one_keeps_the_token() {
        let x = table(&[[3.0, 0.0], [0.0, 3.0]]);
        let p = table(&[[1.0, 0.0], [0.0, 1.0]]);
        let hot = by_similarity(0, &x, &p, 1e9);
        assert!((hot[0] - 0.5).abs() < 1e-6);
        let cold = by_similarity(0, &x, &p, 0.1);
        assert!((cold[0] - 1.0).abs() < 1e-12);
    }
}
