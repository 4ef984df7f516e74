//! Routing turned around: experts choose tokens (arXiv 2202.09368), slots mix tokens (Soft MoE,
//! arXiv 2308.00951), blocks choose tokens (Mixture-of-Depths, arXiv 2404.02258). And what happens
//! to pairs over capacity at inference (arXiv 2503.05066).

use crate::core::gate::{descending, top_k};
use crate::core::matrix::{Matrix, dot};

/// Every expert's best `places` tokens, best first.
pub fn expert_choice(p: &Matrix, places: usize) -> Vec<Vec<usize>> {
    (0..p.cols).map(|e| top_k(&p.column(e), places)).collect()
}

/// What Soft MoE computes.
#[derive(Debug, Clone, PartialEq)]
pub struct SoftMoe {
    /// Token × slot scores.
    pub logits: Matrix,
    /// Softmax over tokens.
    pub dispatch: Matrix,
    /// Softmax over slots.
    pub combine: Matrix,
    /// Mixed inputs, slot × width.
    pub slot_inputs: Matrix,
}

impl SoftMoe {
    /// With plain scores X Φ.
    pub fn new(x: &Matrix, phi: &Matrix) -> Self {
        Self::of(x, x.times(phi))
    }

    /// With rows of X and columns of Φ scaled to unit length, times a learned scale; the tokens
    /// mixed are the plain ones.
    pub fn normalised(x: &Matrix, phi: &Matrix, scale: f64) -> Self {
        let unit = |v: &[f64]| {
            let norm = (dot(v, v) + 1e-6).sqrt();
            v.iter().map(|a| a / norm).collect::<Vec<f64>>()
        };
        let (x_unit, phi_unit) = (x.map_rows(unit), phi.transposed().map_rows(unit));
        let mut logits = x_unit.times_transposed(&phi_unit);
        for v in &mut logits.data {
            *v *= scale;
        }
        Self::of(x, logits)
    }

    fn of(x: &Matrix, logits: Matrix) -> Self {
        let dispatch = logits.transposed().softmax_rows().transposed();
        let combine = logits.softmax_rows();
        let slot_inputs = dispatch.transposed().times(x);
        Self {
            logits,
            dispatch,
            combine,
            slot_inputs,
        }
    }

    /// Output when the expert of slot s multiplies by `factor(s)`.
    pub fn output(&self, factor: impl Fn(usize) -> f64) -> Matrix {
        let mut outputs = self.slot_inputs.clone();
        for s in 0..outputs.rows {
            let f = factor(s);
            for v in outputs.row_mut(s) {
                *v *= f;
            }
        }
        self.combine.times(&outputs)
    }
}

/// Mixture-of-Depths: the best `places` tokens by score, in order of position.
pub fn depth_tokens(scores: &[f64], places: usize) -> Vec<usize> {
    let mut out = top_k(scores, places);
    out.sort_unstable();
    out
}

/// Token × expert marks.
pub type Mask = Vec<Vec<bool>>;

/// Marks the chosen experts of each token.
pub fn mask_of(chosen: &[Vec<usize>], experts: usize) -> Mask {
    chosen
        .iter()
        .map(|row| (0..experts).map(|e| row.contains(&e)).collect())
        .collect()
}

/// Each expert keeps the best `places` of its candidates by key, ties to the lower token.
pub fn keep_best(candidates: &Mask, key: impl Fn(usize, usize) -> f64, places: usize) -> Mask {
    let mut kept: Mask = candidates
        .iter()
        .map(|row| vec![false; row.len()])
        .collect();
    let experts = candidates.first().map_or(0, Vec::len);
    for e in 0..experts {
        let tokens: Vec<usize> = (0..candidates.len())
            .filter(|&t| candidates[t][e])
            .collect();
        let keys: Vec<f64> = tokens.iter().map(|&t| key(t, e)).collect();
        for i in descending(&keys).into_iter().take(places) {
            kept[tokens[i]][e] = true;
        }
    }
    kept
}

/// Overflow pairs that found another expert.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rerouted {
    /// Token, from, to; in the order of the moves.
    pub moved: Vec<[usize; 3]>,
    /// Pairs that found none.
    pub unplaced: usize,
}

/// The best of the experts that are open to a token with these scores, ties to the lower.
pub fn best_open(scores: &[f64], open: impl Fn(usize) -> bool) -> Option<usize> {
    let mut best: Option<usize> = None;
    for e in (0..scores.len()).filter(|&e| open(e)) {
        if best.is_none_or(|b| scores[e] > scores[b]) {
            best = Some(e);
        }
    }
    best
}

/// Takes overflow pairs by descending p (ties token, then expert) to the best expert with room that
/// does not hold the token yet.
pub fn reroute(p: &Matrix, wanted: &Mask, kept: &mut Mask, places: usize) -> Rerouted {
    let mut overflow: Vec<(usize, usize)> = Vec::new();
    for t in 0..p.rows {
        overflow.extend(
            (0..p.cols)
                .filter(|&e| wanted[t][e] && !kept[t][e])
                .map(|e| (t, e)),
        );
    }
    overflow.sort_by(|a, b| p.at(b.0, b.1).total_cmp(&p.at(a.0, a.1)).then(a.cmp(b)));
    let mut load: Vec<usize> = (0..p.cols)
        .map(|e| kept.iter().filter(|row| row[e]).count())
        .collect();
    let mut out = Rerouted::default();
    for (t, from) in overflow {
        if let Some(to) = best_open(p.row(t), |e| load[e] < places && !kept[t][e]) {
            kept[t][to] = true;
            load[to] += 1;
            out.moved.push([t, from, to]);
        } else {
            out.unplaced += 1;
        }
    }
    out
}
