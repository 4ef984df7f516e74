//! Second-order pruning of one layer against its inputs: SparseGPT (arXiv 2301.00774) and the
//! optimal brain surgeon (Hassibi and Stork 1993), both on H = (2/n) XᵀX, damped.

use crate::core::stats::ascending;
use crate::labs::pruning::mask::Mask;

/// A square matrix, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct Square {
    n: usize,
    a: Vec<f64>,
}

impl Square {
    fn at(&self, i: usize, j: usize) -> f64 {
        self.a[i * self.n + j]
    }

    /// Inverse by elimination with pivoting; `None` when singular.
    pub fn inverse(&self) -> Option<Self> {
        let n = self.n;
        let mut a = self.a.clone();
        let mut b = vec![0.0; n * n];
        for i in 0..n {
            b[i * n + i] = 1.0;
        }
        for c in 0..n {
            let pivot =
                (c..n).max_by(|&i, &j| a[i * n + c].abs().total_cmp(&a[j * n + c].abs()))?;
            if a[pivot * n + c] == 0.0 {
                return None;
            }
            for j in 0..n {
                a.swap(pivot * n + j, c * n + j);
                b.swap(pivot * n + j, c * n + j);
            }
            let p = a[c * n + c];
            for j in 0..n {
                a[c * n + j] /= p;
                b[c * n + j] /= p;
            }
            for i in (0..n).filter(|&i| i != c) {
                let f = a[i * n + c];
                if f != 0.0 {
                    for j in 0..n {
                        a[i * n + j] -= f * a[c * n + j];
                        b[i * n + j] -= f * b[c * n + j];
                    }
                }
            }
        }
        Some(Self { n, a: b })
    }

    /// U with UᵀU = this matrix, upper triangular; `None` when it is not positive definite.
    pub fn upper_cholesky(&self) -> Option<Self> {
        let n = self.n;
        let mut u = vec![0.0; n * n];
        for i in 0..n {
            for j in i..n {
                let inner: f64 = (0..i).map(|k| u[k * n + i] * u[k * n + j]).sum();
                let rest = self.at(i, j) - inner;
                if i == j {
                    if rest <= 0.0 {
                        return None;
                    }
                    u[i * n + i] = rest.sqrt();
                } else {
                    u[i * n + j] = rest / u[i * n + i];
                }
            }
        }
        Some(Self { n, a: u })
    }
}

/// The damped Hessian of a layer's squared error, and which inputs were never active.
pub fn hessian(x: &[f64], inputs: usize) -> (Square, Vec<bool>) {
    let n = inputs.max(1);
    let mut a = vec![0.0; n * n];
    let mut samples = 0.0;
    for sample in x.chunks_exact(n) {
        samples += 1.0;
        for i in 0..n {
            for j in 0..n {
                a[i * n + j] += sample[i] * sample[j];
            }
        }
    }
    for v in &mut a {
        *v *= 2.0 / samples;
    }
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

/// SparseGPT on a layer `w` (rows of `inputs`) with calibration inputs `x`, in blocks of `block`
/// columns; `None` when the Hessian cannot be inverted.
pub fn sparse_gpt(
    w: &[f64],
    x: &[f64],
    inputs: usize,
    block: usize,
    target: Target,
) -> Option<Pruned> {
    let cols = inputs.max(1);
    let rows = w.len() / cols;
    let (h, dead) = hessian(x, cols);
    let u = h.inverse()?.upper_cholesky()?;
    let mut w = w.to_vec();
    for (i, v) in w.iter_mut().enumerate() {
        if dead[i % cols] {
            *v = 0.0;
        }
    }
    let mut mask = Mask::all(w.len());
    let mut loss = 0.0;
    let block = block.max(1);
    for from in (0..cols).step_by(block) {
        let to = (from + block).min(cols);
        if let Target::Fraction(s) = target {
            mark_block(&w, &u, [from, to], s, &mut mask);
        }
        let mut errors = vec![0.0; rows * (to - from)];
        for j in from..to {
            if let Target::Groups { n, m } = target
                && (j - from).is_multiple_of(m.max(1))
            {
                mark_group(&w, &u, [j, (j + m).min(to)], n, &mut mask);
            }
            let d = u.at(j, j);
            for r in 0..rows {
                let value = w[r * cols + j];
                let kept = mask.kept(r * cols + j);
                let e = if kept { 0.0 } else { value / d };
                for k in j..to {
                    w[r * cols + k] -= e * u.at(j, k);
                }
                if !kept {
                    w[r * cols + j] = 0.0;
                }
                loss += e * e / 2.0;
                errors[r * (to - from) + j - from] = e;
            }
        }
        for r in 0..rows {
            for k in to..cols {
                let pull = |j: usize| errors[r * (to - from) + j - from] * u.at(j, k);
                w[r * cols + k] -= (from..to).map(pull).sum::<f64>();
            }
        }
    }
    Some(Pruned {
        weights: w,
        mask,
        predicted_loss: loss,
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

/// Removes weights of one row one at a time, each time the one with the smallest saliency, and
/// adjusts the others; `None` when the Hessian cannot be inverted.
pub fn brain_surgeon(row: &[f64], x: &[f64], removals: usize) -> Option<Vec<Removal>> {
    let n = row.len();
    let mut inverse = hessian(x, n).0.inverse()?;
    let (mut w, mut present) = (row.to_vec(), vec![true; n]);
    let mut out = Vec::new();
    for _ in 0..removals.min(n) {
        let saliency = |q: usize| w[q] * w[q] / (2.0 * inverse.at(q, q));
        let q = (0..n)
            .filter(|&q| present[q])
            .min_by(|&a, &b| saliency(a).total_cmp(&saliency(b)))?;
        let cost = saliency(q);
        let (d, weight) = (inverse.at(q, q), w[q]);
        for i in 0..n {
            w[i] -= weight / d * inverse.at(i, q);
        }
        present[q] = false;
        w[q] = 0.0;
        let old = inverse.clone();
        for i in 0..n {
            for j in 0..n {
                inverse.a[i * n + j] -= old.at(i, q) * old.at(q, j) / d;
            }
        }
        for (v, p) in w.iter_mut().zip(&present) {
            if !p {
                *v = 0.0;
            }
        }
        out.push(Removal {
            removed: q,
            saliency: cost,
            weights: w.clone(),
        });
    }
    Some(out)
}
