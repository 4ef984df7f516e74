//! Scores at initialisation: SNIP (arXiv 1810.02340), GraSP (arXiv 2002.07376, temperature 200)
//! and SynFlow (arXiv 2006.05467), in the forms of ganguli-lab/Synaptic-Flow; the empirical
//! Fisher diagonal and optimal brain damage with it.
//!
//! A ReLU network with biases, linear last layer and mean softmax cross-entropy, in double
//! precision. Only weights are scored; biases take part in the forward pass as constants.

use crate::core::mask::Mask;
use crate::core::num;
use crate::core::select::{count_rule, prune_by_score};

/// A small network in double precision.
#[derive(Debug, Clone, PartialEq)]
pub struct Net {
    /// Layer sizes, input first.
    pub dims: Vec<usize>,
    /// Weights per layer, `out × in` rows.
    pub weights: Vec<Vec<f64>>,
    /// Biases per layer.
    pub biases: Vec<Vec<f64>>,
}

/// One value per weight, layer by layer.
pub type PerWeight = Vec<Vec<f64>>;

/// Forward pass of one sample: inputs of every layer, then the logits.
struct Pass {
    inputs: Vec<Vec<f64>>,
    logits: Vec<f64>,
}

/// W a.
fn times(w: &[f64], a: &[f64]) -> Vec<f64> {
    let row = |r: &[f64]| r.iter().zip(a).map(|(w, a)| w * a).sum();
    w.chunks_exact(a.len().max(1)).map(row).collect()
}

/// Wᵀ d.
fn transposed_times(w: &[f64], d: &[f64], cols: usize) -> Vec<f64> {
    let mut out = vec![0.0; cols];
    for (row, d) in w.chunks_exact(cols.max(1)).zip(d) {
        for (o, w) in out.iter_mut().zip(row) {
            *o += w * d;
        }
    }
    out
}

fn softmax(z: &[f64]) -> Vec<f64> {
    let top = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let e: Vec<f64> = z.iter().map(|v| num::exp(v - top)).collect();
    let total: f64 = e.iter().sum();
    e.into_iter().map(|v| v / total).collect()
}

impl Net {
    fn layers(&self) -> usize {
        self.weights.len()
    }

    fn pass(&self, x: &[f64]) -> Pass {
        let mut inputs = Vec::new();
        let mut a = x.to_vec();
        for l in 0..self.layers() {
            let mut z = times(&self.weights[l], &a);
            for (z, b) in z.iter_mut().zip(&self.biases[l]) {
                *z += b;
            }
            if l + 1 < self.layers() {
                for z in &mut z {
                    *z = z.max(0.0);
                }
            }
            inputs.push(std::mem::replace(&mut a, z));
        }
        Pass { inputs, logits: a }
    }

    fn zeros(&self) -> PerWeight {
        self.weights.iter().map(|w| vec![0.0; w.len()]).collect()
    }

    /// Adds the gradient of one sample's loss with respect to the weights, and (with a direction
    /// `v`) the derivative of that gradient along `v`. Logits are divided by `temperature`.
    fn back(
        &self,
        x: &[f64],
        label: usize,
        temperature: f64,
        scale: f64,
        v: Option<&PerWeight>,
        grad: &mut PerWeight,
    ) {
        let pass = self.pass(x);
        // Derivatives along v of the layer inputs and logits.
        let mut moved: Vec<Vec<f64>> = Vec::new();
        let mut r = vec![0.0; x.len()];
        for l in 0..self.layers() {
            let mut next = times(&self.weights[l], &r);
            if let Some(v) = v {
                for (n, d) in next.iter_mut().zip(times(&v[l], &pass.inputs[l])) {
                    *n += d;
                }
            }
            if let Some(active) = pass.inputs.get(l + 1) {
                for (n, a) in next.iter_mut().zip(active) {
                    *n *= f64::from(u8::from(*a > 0.0));
                }
            }
            moved.push(std::mem::replace(&mut r, next));
        }
        let z: Vec<f64> = pass.logits.iter().map(|z| z / temperature).collect();
        let p = softmax(&z);
        let dz: Vec<f64> = r.iter().map(|r| r / temperature).collect();
        let mean: f64 = p.iter().zip(&dz).map(|(p, d)| p * d).sum();
        let hot = |i: usize| f64::from(u8::from(i == label));
        let mut delta: Vec<f64> = p
            .iter()
            .enumerate()
            .map(|(i, p)| (p - hot(i)) * scale / temperature)
            .collect();
        let mut turned: Vec<f64> = p
            .iter()
            .zip(&dz)
            .map(|(p, d)| p * (d - mean) * scale / temperature)
            .collect();
        for l in (0..self.layers()).rev() {
            let a = &pass.inputs[l];
            let cols = a.len();
            for (i, g) in grad[l].iter_mut().enumerate() {
                let (o, c) = (i / cols.max(1), i % cols.max(1));
                *g += if v.is_some() {
                    turned[o] * a[c] + delta[o] * moved[l][c]
                } else {
                    delta[o] * a[c]
                };
            }
            let mut below = transposed_times(&self.weights[l], &delta, cols);
            let mut below_turned = transposed_times(&self.weights[l], &turned, cols);
            if let Some(v) = v {
                let extra = transposed_times(&v[l], &delta, cols);
                for (b, e) in below_turned.iter_mut().zip(extra) {
                    *b += e;
                }
            }
            for (c, a) in a.iter().enumerate() {
                if *a <= 0.0 && l > 0 {
                    (below[c], below_turned[c]) = (0.0, 0.0);
                }
            }
            (delta, turned) = (below, below_turned);
        }
    }

    /// Inputs of every layer for one sample.
    pub fn inputs(&self, x: &[f64]) -> Vec<Vec<f64>> {
        self.pass(x).inputs
    }

    /// Gradient of the mean loss with logits divided by `temperature`, or with a direction `v` its
    /// derivative along `v`.
    pub fn over_samples(
        &self,
        x: &[f64],
        labels: &[usize],
        temperature: f64,
        v: Option<&PerWeight>,
    ) -> PerWeight {
        let mut grad = self.zeros();
        let scale = 1.0 / labels.len().max(1) as f64;
        for (sample, &label) in x.chunks_exact(self.dims[0].max(1)).zip(labels) {
            self.back(sample, label, temperature, scale, v, &mut grad);
        }
        grad
    }

    /// Mean cross-entropy of samples.
    pub fn loss(&self, x: &[f64], labels: &[usize]) -> f64 {
        let one = |(sample, &label): (&[f64], &usize)| {
            let p = softmax(&self.pass(sample).logits);
            -num::ln(p.get(label).copied().unwrap_or(f64::NAN))
        };
        let all = x.chunks_exact(self.dims[0].max(1)).zip(labels);
        num::sum(all.map(one)) / labels.len() as f64
    }

    /// Gradient of the mean loss.
    pub fn gradient(&self, x: &[f64], labels: &[usize]) -> PerWeight {
        self.over_samples(x, labels, 1.0, None)
    }

    /// SNIP: |w g| divided by its sum.
    pub fn snip(&self, x: &[f64], labels: &[usize]) -> PerWeight {
        let mut scores = self.gradient(x, labels);
        join(&mut scores, &self.weights, |g, w| (w * g).abs());
        let total = total(&scores);
        for s in scores.iter_mut().flatten() {
            *s /= total;
        }
        scores
    }

    /// GraSP: w (Hg), with logits divided by 200 in gradient and Hessian.
    pub fn grasp(&self, x: &[f64], labels: &[usize]) -> PerWeight {
        const TEMPERATURE: f64 = 200.0;
        let g = self.over_samples(x, labels, TEMPERATURE, None);
        let mut scores = self.over_samples(x, labels, TEMPERATURE, Some(&g));
        join(&mut scores, &self.weights, |hg, w| w * hg);
        scores
    }

    /// Mean over samples of the squared gradient of each sample's loss.
    pub fn fisher(&self, x: &[f64], labels: &[usize]) -> PerWeight {
        let mut out = self.zeros();
        for (sample, &label) in x.chunks_exact(self.dims[0].max(1)).zip(labels) {
            let mut g = self.zeros();
            self.back(sample, label, 1.0, 1.0, None, &mut g);
            join(&mut out, &g, |f, g| f + g * g / labels.len() as f64);
        }
        out
    }

    /// SynFlow: R = 1ᵀ Π|W| 1 and the scores |w ∂R/∂|w||, from one forward and one backward
    /// product of path sums; `masks` leaves weights out.
    pub fn synflow(&self, masks: Option<&[Mask]>) -> (f64, PerWeight) {
        let value = |l: usize, i: usize, w: f64| {
            let kept = masks.is_none_or(|m| m.get(l).is_none_or(|m| m.kept(i)));
            if kept { w.abs() } else { 0.0 }
        };
        let weights: PerWeight = self
            .weights
            .iter()
            .enumerate()
            .map(|(l, w)| w.iter().enumerate().map(|(i, &w)| value(l, i, w)).collect())
            .collect();
        let mut forward = vec![vec![1.0; self.dims[0]]];
        for w in &weights {
            let next = times(w, &forward[forward.len() - 1]);
            forward.push(next);
        }
        let total: f64 = forward[self.layers()].iter().sum();
        let mut backward = vec![1.0; forward[self.layers()].len()];
        let mut scores = weights.clone();
        for l in (0..self.layers()).rev() {
            let cols = forward[l].len().max(1);
            for (i, s) in scores[l].iter_mut().enumerate() {
                *s *= forward[l][i % cols] * backward[i / cols];
            }
            backward = transposed_times(&weights[l], &backward, cols);
        }
        (total, scores)
    }

    /// SynFlow in rounds: after round r the density is ρ^(r/n) of all weights; each round scores
    /// the masked weights. Kept weights per layer after every round.
    pub fn synflow_rounds(&self, density: f64, rounds: usize) -> Vec<Vec<usize>> {
        let sizes: Vec<usize> = self.weights.iter().map(Vec::len).collect();
        let n: usize = sizes.iter().sum();
        let mut masks: Vec<Mask> = sizes.iter().map(|&n| Mask::all(n)).collect();
        let mut out = Vec::new();
        for r in 1..=rounds {
            let (_, scores) = self.synflow(Some(&masks));
            let flat: Vec<f64> = scores.into_iter().flatten().collect();
            let share = 1.0 - num::pow(density, r as f64 / rounds as f64);
            let bits: Vec<bool> = masks.iter().flat_map(Mask::iter).collect();
            let alive = Mask::from_fn(n, |i| bits[i]);
            let gone = n - alive.count();
            let kept = prune_by_score(
                &flat,
                Some(&alive),
                count_rule(share, n).saturating_sub(gone),
            );
            let mut start = 0;
            masks = sizes
                .iter()
                .map(|&size| {
                    let mask = Mask::from_fn(size, |i| kept.kept(start + i));
                    start += size;
                    mask
                })
                .collect();
            out.push(masks.iter().map(Mask::count).collect());
        }
        out
    }
}

/// Combines two values per weight.
pub fn join(a: &mut PerWeight, b: &PerWeight, f: impl Fn(f64, f64) -> f64) {
    for (a, b) in a.iter_mut().flatten().zip(b.iter().flatten()) {
        *a = f(*a, *b);
    }
}

/// Sum over all weights.
pub fn total(a: &PerWeight) -> f64 {
    num::sum(a.iter().flatten().copied())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::rng::{Stream, StreamId};

    fn net() -> (Net, Vec<f64>, Vec<usize>) {
        let mut s = Stream::new(9, StreamId::Test);
        let dims = vec![4, 6, 5, 3];
        let weights = dims
            .windows(2)
            .map(|d| (0..d[0] * d[1]).map(|_| 0.6 * s.normal()).collect())
            .collect();
        let biases = dims[1..]
            .iter()
            .map(|&d| (0..d).map(|_| 0.1 * s.normal()).collect())
            .collect();
        let x = (0..4 * 7).map(|_| s.normal()).collect();
        let labels = (0..7).map(|_| s.below(3) as usize).collect();
        (
            Net {
                dims,
                weights,
                biases,
            },
            x,
            labels,
        )
    }

    #[test]
    fn gradient_and_hessian_product_agree_with_finite_differences() {
        let (net, x, labels) = net();
        let g = net.gradient(&x, &labels);
        let hg = net.over_samples(&x, &labels, 1.0, Some(&g));
        let h = 1e-5;
        for l in 0..3 {
            for i in 0..net.weights[l].len() {
                let mut moved = net.clone();
                moved.weights[l][i] += h;
                let up = moved.loss(&x, &labels);
                moved.weights[l][i] -= 2.0 * h;
                let slope = (up - moved.loss(&x, &labels)) / (2.0 * h);
                assert!((slope - g[l][i]).abs() < 1e-8, "layer {l} weight {i}");
            }
        }
        let mut along = net.clone();
        join(&mut along.weights, &g, |w, g| w + h * g);
        let up = along.gradient(&x, &labels);
        join(&mut along.weights, &g, |w, g| w - 2.0 * h * g);
        let down = along.gradient(&x, &labels);
        for ((u, d), want) in up
            .iter()
            .flatten()
            .zip(down.iter().flatten())
            .zip(hg.iter().flatten())
        {
            assert!(((u - d) / (2.0 * h) - want).abs() < 1e-7, "{want}");
        }
    }

    #[test]
    fn synflow_conserves_the_flow_through_every_layer() {
        let (net, _, _) = net();
        let (total, scores) = net.synflow(None);
        for layer in &scores {
            assert!((layer.iter().sum::<f64>() - total).abs() < 1e-9 * total);
        }
        let kept = net.synflow_rounds(0.1, 10);
        assert_eq!(kept[9].iter().sum::<usize>(), 69 - count_rule(0.9, 69));
        assert!(
            kept[9].iter().all(|k| *k > 0),
            "no layer collapses: {:?}",
            kept[9]
        );
    }
}
