//! Second-order pruning of one layer against its inputs: SparseGPT (arXiv 2301.00774) and the
//! optimal brain surgeon (Hassibi and Stork 1993), both on H = (2/n) XᵀX, damped.

use super::square::Square;
use crate::core::mask::Mask;
use crate::core::stats::ascending;

/// Σ x xᵀ over calibration inputs.
#[derive(Debug, Clone, PartialEq)]
pub struct Gram {
    n: usize,
    a: Vec<f64>,
    samples: f64,
}

impl Gram {
    /// No inputs yet.
    pub fn new(inputs: usize) -> Self {
        let n = inputs.max(1);
        Self {
            n,
            a: vec![0.0; n * n],
            samples: 0.0,
        }
    }

    /// Adds one sample.
    pub fn add(&mut self, sample: &[f64]) {
        let n = self.n;
        self.samples += 1.0;
        for i in 0..n {
            for j in 0..n {
                self.a[i * n + j] += sample[i] * sample[j];
            }
        }
    }

    /// Σ x² of every input.
    pub fn squares(&self) -> Vec<f64> {
        (0..self.n).map(|j| self.a[j * self.n + j]).collect()
    }

    /// Σ over the samples of the squared output of a row of weights.
    pub fn energy(&self, row: &[f64]) -> f64 {
        let line = |i: usize| {
            let inner = self.a[i * self.n..(i + 1) * self.n].iter().zip(row);
            row[i] * inner.map(|(a, w)| a * w).sum::<f64>()
        };
        (0..self.n.min(row.len())).map(line).sum()
    }

    /// The damped Hessian of the layer's squared error, and which inputs were never active.
    pub fn hessian(&self) -> (Square, Vec<bool>) {
        let n = self.n;
        let mut a: Vec<f64> = self.a.iter().map(|v| v * (2.0 / self.samples)).collect();
        let dead: Vec<bool> = (0..n).map(|j| a[j * n + j] == 0.0).collect();
        for j in (0..n).filter(|&j| dead[j]) {
            a[j * n + j] = 1.0;
        }
        let damp = 0.01 * (0..n).map(|j| a[j * n + j]).sum::<f64>() / n as f64;
        for j in 0..n {
            a[j * n + j] += damp;
        }
        (Square { n, a }, dead)
    }
}

/// The damped Hessian of a layer's squared error, and which inputs were never active.
pub fn hessian(x: &[f64], inputs: usize) -> (Square, Vec<bool>) {
    let mut gram = Gram::new(inputs);
    for sample in x.chunks_exact(inputs.max(1)) {
        gram.add(sample);
    }
    gram.hessian()
}

/// What SparseGPT prunes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target {
    /// ⌊size · s⌋ + 1 weights of every block of columns (all for s = 1).
    Fraction(f64),
    /// M - N of every M columns, row by row.
    Groups {
        /// N.
        n: usize,
        /// M.
        m: usize,
    },
}

/// Outcome of SparseGPT.
#[derive(Debug, Clone, PartialEq)]
pub struct Pruned {
    /// Updated weights; pruned ones are 0.
    pub weights: Vec<f64>,
    /// What is kept.
    pub mask: Mask,
    /// Σ e² / 2 over all rows and columns.
    pub predicted_loss: f64,
}

/// SparseGPT under way on a layer, column by column from left to right.
#[derive(Debug, Clone)]
pub struct Sweep {
    cols: usize,
    block: usize,
    target: Target,
    u: Square,
    w: Vec<f64>,
    mask: Mask,
    errors: Vec<f64>,
    loss: f64,
    /// Next column.
    next: usize,
}

impl Sweep {
    /// A layer `w` with the inputs that were never active, the Cholesky factor U of its inverse
    /// Hessian, and blocks of `block` columns.
    pub fn new(w: &[f64], dead: &[bool], u: Square, block: usize, target: Target) -> Self {
        let cols = dead.len().max(1);
        let alive = |(i, v): (usize, &f64)| if dead[i % cols] { 0.0 } else { *v };
        Self {
            w: w.iter().enumerate().map(alive).collect(),
            mask: Mask::all(w.len()),
            errors: Vec::new(),
            loss: 0.0,
            next: 0,
            block: block.max(1),
            cols,
            target,
            u,
        }
    }

    /// Goes over one column: what is pruned there is made up for by the columns to its right.
    /// Whether that was the last.
    pub fn column(&mut self) -> bool {
        let (cols, j) = (self.cols, self.next);
        if j == cols {
            return true;
        }
        let rows = self.w.len() / cols;
        let from = j / self.block * self.block;
        let to = (from + self.block).min(cols);
        if j == from {
            self.errors = vec![0.0; rows * (to - from)];
            if let Target::Fraction(s) = self.target {
                mark_block(&self.w, &self.u, [from, to], s, &mut self.mask);
            }
        }
        if let Target::Groups { n, m } = self.target
            && (j - from).is_multiple_of(m.max(1))
        {
            mark_group(&self.w, &self.u, [j, (j + m).min(to)], n, &mut self.mask);
        }
        let d = self.u.at(j, j);
        for r in 0..rows {
            let value = self.w[r * cols + j];
            let kept = self.mask.kept(r * cols + j);
            let e = if kept { 0.0 } else { value / d };
            for k in j..to {
                self.w[r * cols + k] -= e * self.u.at(j, k);
            }
            if !kept {
                self.w[r * cols + j] = 0.0;
            }
            self.loss += e * e / 2.0;
            self.errors[r * (to - from) + j - from] = e;
        }
        self.next += 1;
        if self.next == to {
            for r in 0..rows {
                for k in to..cols {
                    let pull = |j: usize| self.errors[r * (to - from) + j - from] * self.u.at(j, k);
                    let sum = (from..to).map(pull).sum::<f64>();
                    self.w[r * cols + k] -= sum;
                }
            }
        }
        self.next == cols
    }

    /// Columns done.
    pub fn done(&self) -> usize {
        self.next
    }

    /// The weights as they are now.
    pub fn weights(&self) -> &[f64] {
        &self.w
    }

    /// Whether a weight is kept, as far as that is decided.
    pub fn kept(&self, i: usize) -> bool {
        self.mask.kept(i)
    }
}

/// SparseGPT on a layer `w` (rows of `inputs`) with calibration inputs `x`, in blocks of `block`
/// columns; `None` when the Hessian cannot be inverted.
pub fn sparse_gpt(
    w: &[f64],
    x: &[f64],
    inputs: usize,
    block: usize,
    target: Target,
) -> Option<Pruned> {
    let (h, dead) = hessian(x, inputs);
    let u = h.inverse()?.upper_cholesky()?;
    let mut sweep = Sweep::new(w, &dead, u, block, target);
    while !sweep.column() {}
    Some(Pruned {
        weights: sweep.w,
        mask: sweep.mask,
        predicted_loss: sweep.loss,
    })
}

fn mark_block(w: &[f64], u: &Square, [from, to]: [usize; 2], s: f64, mask: &mut Mask) {
    let cols = u.n;
    let score = |i: usize| w[i] * w[i] / (u.at(i % cols, i % cols) * u.at(i % cols, i % cols));
    let inside: Vec<usize> = (0..w.len())
        .filter(|i| (from..to).contains(&(i % cols)))
        .collect();
    let mut sorted: Vec<f64> = inside.iter().map(|&i| score(i)).collect();
    sorted.sort_by(f64::total_cmp);
    let cut = (sorted.len() as f64 * s).floor().max(0.0) as usize;
    let threshold = sorted.get(cut).copied().unwrap_or(f64::INFINITY);
    for i in inside {
        mask.set(i, score(i) > threshold);
    }
}

fn mark_group(w: &[f64], u: &Square, [from, to]: [usize; 2], n: usize, mask: &mut Mask) {
    let cols = u.n;
    for r in 0..w.len() / cols {
        let score = |j: usize| {
            let v = w[r * cols + j];
            v * v / (u.at(j, j) * u.at(j, j))
        };
        let scores: Vec<f64> = (from..to).map(score).collect();
        for &j in ascending(&scores)
            .iter()
            .take((to - from).saturating_sub(n))
        {
            mask.set(r * cols + from + j, false);
        }
    }
}

/// Σ over samples and outputs of the squared change of the outputs.
pub fn reconstruction_error(x: &[f64], before: &[f64], after: &[f64], inputs: usize) -> f64 {
    let cols = inputs.max(1);
    let mut total = 0.0;
    for sample in x.chunks_exact(cols) {
        for (a, b) in after.chunks_exact(cols).zip(before.chunks_exact(cols)) {
            let change = |((a, b), x): ((&f64, &f64), &f64)| (a - b) * x;
            let sum: f64 = a.iter().zip(b).zip(sample).map(change).sum();
            total += sum * sum;
        }
    }
    total
}

/// One removal of the optimal brain surgeon.
#[derive(Debug, Clone, PartialEq)]
pub struct Removal {
    /// The column that goes.
    pub removed: usize,
    /// w² / (2 [H⁻¹]_qq).
    pub saliency: f64,
    /// The row after the others have been adjusted.
    pub weights: Vec<f64>,
}

/// The optimal brain surgeon at work on one row.
#[derive(Debug, Clone)]
pub struct Surgeon {
    inverse: Square,
    w: Vec<f64>,
    present: Vec<bool>,
}

impl Surgeon {
    /// A row, with the inverse of its Hessian.
    pub fn new(row: &[f64], inverse: Square) -> Self {
        Self {
            w: row.to_vec(),
            present: vec![true; row.len()],
            inverse,
        }
    }

    /// Removes the weight with the smallest saliency among those present that `may` go, and adjusts
    /// the others; `None` when there is none.
    pub fn remove(&mut self, may: impl Fn(usize) -> bool) -> Option<Removal> {
        let n = self.w.len();
        let (w, inverse) = (&mut self.w, &mut self.inverse);
        let saliency = |q: usize| w[q] * w[q] / (2.0 * inverse.at(q, q));
        let q = (0..n)
            .filter(|&q| self.present[q] && may(q))
            .min_by(|&a, &b| saliency(a).total_cmp(&saliency(b)))?;
        let cost = saliency(q);
        let (d, weight) = (inverse.at(q, q), w[q]);
        for i in 0..n {
            w[i] -= weight / d * inverse.at(i, q);
        }
        self.present[q] = false;
        let column: Vec<f64> = (0..n).map(|i| inverse.at(i, q)).collect();
        let row: Vec<f64> = (0..n).map(|j| inverse.at(q, j)).collect();
        for i in 0..n {
            for j in 0..n {
                inverse.a[i * n + j] -= column[i] * row[j] / d;
            }
        }
        for (v, p) in w.iter_mut().zip(&self.present) {
            if !p {
                *v = 0.0;
            }
        }
        Some(Removal {
            removed: q,
            saliency: cost,
            weights: w.clone(),
        })
    }

    /// The row as it is now.
    pub fn weights(&self) -> &[f64] {
        &self.w
    }

    /// Which weights are present.
    pub fn present(&self) -> &[bool] {
        &self.present
    }
}

/// Removes weights of one row one at a time, each time the one with the smallest saliency, and
/// adjusts the others; `None` when the Hessian cannot be inverted.
pub fn brain_surgeon(row: &[f64], x: &[f64], removals: usize) -> Option<Vec<Removal>> {
    let inverse = hessian(x, row.len()).0.inverse()?;
    let mut surgeon = Surgeon::new(row, inverse);
    (0..removals.min(row.len()))
        .map(|_| surgeon.remove(|_| true))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::rng::{Stream, StreamId};

    /// ½ δᵀ H δ.
    fn cost(h: &Square, delta: &[f64]) -> f64 {
        let n = delta.len();
        let line = |i: usize| {
            (0..n)
                .map(|j| delta[i] * h.at(i, j) * delta[j])
                .sum::<f64>()
        };
        0.5 * (0..n).map(line).sum::<f64>()
    }

    /// The cheapest way of setting some weights to 0 when all others may move: the stationary point
    /// of the quadratic, found by solving for the free weights.
    fn best_without(h: &Square, row: &[f64], gone: &[usize]) -> Vec<f64> {
        let n = row.len();
        let free: Vec<usize> = (0..n).filter(|i| !gone.contains(i)).collect();
        let m = free.len();
        let block = Square {
            n: m,
            a: (0..m * m).map(|i| h.at(free[i / m], free[i % m])).collect(),
        };
        let inverse = block.inverse().unwrap();
        let mut out = vec![0.0; n];
        for (a, &i) in free.iter().enumerate() {
            // H_ff δ_f = -H_fg δ_g, δ_g = -w_g.
            let pull = |k: usize| gone.iter().map(|&g| h.at(k, g) * row[g]).sum::<f64>();
            let delta: f64 = (0..m).map(|b| inverse.at(a, b) * pull(free[b])).sum();
            out[i] = row[i] + delta;
        }
        out
    }

    fn case(n: usize, seed: u64) -> (Vec<f64>, Vec<f64>) {
        let mut s = Stream::new(seed, StreamId::Test);
        let row = (0..n).map(|_| s.normal()).collect();
        let x = (0..n * 3 * n)
            .map(|i| s.normal() * (1.0 + (i % n) as f64))
            .collect();
        (row, x)
    }

    #[test]
    fn every_removal_is_the_cheapest_one_when_all_others_may_move() {
        for seed in 0..5 {
            let (row, x) = case(7, seed);
            let h = hessian(&x, 7).0;
            let steps = brain_surgeon(&row, &x, 6).unwrap();
            let mut gone: Vec<usize> = Vec::new();
            let mut spent = 0.0;
            for step in &steps {
                let price = |q: usize| {
                    let set: Vec<usize> = gone.iter().copied().chain([q]).collect();
                    let after = best_without(&h, &row, &set);
                    let delta: Vec<f64> = after.iter().zip(&row).map(|(a, b)| a - b).collect();
                    cost(&h, &delta)
                };
                let open = (0..7).filter(|q| !gone.contains(q));
                let cheapest = open.min_by(|&a, &b| price(a).total_cmp(&price(b))).unwrap();
                assert_eq!(step.removed, cheapest, "seed {seed} after {gone:?}");
                spent += step.saliency;
                let want = price(step.removed);
                assert!(
                    (spent - want).abs() < 1e-9 * want.max(1.0),
                    "{spent} {want}"
                );
                gone.push(step.removed);
                let best = best_without(&h, &row, &gone);
                for (got, want) in step.weights.iter().zip(&best) {
                    assert!((got - want).abs() < 1e-8, "{got} {want}");
                }
            }
        }
    }

    #[test]
    fn a_sweep_compensates_as_well_as_the_best_move_of_the_columns_to_the_right() {
        let (row, x) = case(6, 9);
        let (h, dead) = hessian(&x, 6);
        let u = h.inverse().unwrap().upper_cholesky().unwrap();
        let target = Target::Groups { n: 2, m: 3 };
        let mut sweep = Sweep::new(&row, &dead, u, 3, target);
        while !sweep.column() {}
        let gone: Vec<usize> = (0..6).filter(|&i| !sweep.kept(i)).collect();
        assert_eq!(gone.len(), 2, "{gone:?}");
        // The first removal is made up for by all columns to its right: the best move of those.
        let first = gone[0];
        let mut free: Vec<usize> = (first + 1..6).collect();
        let m = free.len();
        let block = Square {
            n: m,
            a: (0..m * m).map(|i| h.at(free[i / m], free[i % m])).collect(),
        };
        let inverse = block.inverse().unwrap();
        let mut after = row.clone();
        after[first] = 0.0;
        for (a, &i) in free.iter().enumerate() {
            let pull: f64 = (0..m)
                .map(|b| inverse.at(a, b) * h.at(free[b], first) * row[first])
                .sum();
            after[i] += pull;
        }
        // And so is the second, from the weights that the first left.
        let second = gone[1];
        let moved = after[second];
        free.retain(|&i| i > second);
        after[second] = 0.0;
        let m = free.len();
        let block = Square {
            n: m,
            a: (0..m * m).map(|i| h.at(free[i / m], free[i % m])).collect(),
        };
        let inverse = block.inverse().unwrap();
        for (a, &i) in free.iter().enumerate() {
            let pull: f64 = (0..m)
                .map(|b| inverse.at(a, b) * h.at(free[b], second) * moved)
                .sum();
            after[i] += pull;
        }
        for (got, want) in sweep.weights().iter().zip(&after) {
            assert!((got - want).abs() < 1e-9, "{got} {want}");
        }
    }
}
