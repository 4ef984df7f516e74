//! A small multilayer perceptron in single precision: ReLU hidden layers, softmax cross-entropy,
//! SGD with momentum and AdamW (PyTorch's update rules). The same operations in the same order on
//! every platform, so results agree bit for bit between native and wasm; the trainer kernels are
//! compared with it.
//!
//! Parameters lie in one flat vector, layer by layer: weights as `out × in` rows, then biases.
//! Gradients, masks and optimizer state use the same layout.

mod optimizer;

pub use optimizer::{ADAM_EPS, LateDecay, Optimizer, OptimizerState, mask_state};

use super::rng::Stream;
use super::{Error, Result, num};
use std::ops::Range;

/// A fully connected network.
#[derive(Debug, Clone, PartialEq)]
pub struct Mlp {
    sizes: Vec<usize>,
    params: Vec<f32>,
}

/// Buffers reused between calls, so that a training step allocates nothing.
#[derive(Debug, Clone, Default)]
pub struct Workspace {
    /// Per layer, the outputs of the batch; the last are the logits.
    outputs: Vec<Vec<f32>>,
    delta: Vec<f32>,
    below: Vec<f32>,
    masked: Vec<f32>,
}

/// Loss and accuracy on a set of samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evaluation {
    /// Mean cross-entropy in nats.
    pub loss: f64,
    /// Samples whose largest logit is the label's (lowest index wins ties).
    pub correct: usize,
    /// Number of samples.
    pub count: usize,
}

impl Evaluation {
    /// Share of samples classified correctly.
    pub fn accuracy(&self) -> f64 {
        self.correct as f64 / self.count as f64
    }
}

impl Mlp {
    /// A network with these layer sizes (input first), He-normal weights drawn layer by layer
    /// from `stream` (standard deviation √(2 / fan-in)) and zero biases.
    ///
    /// # Errors
    /// Fewer than two sizes, or a size of zero.
    pub fn new(sizes: &[usize], stream: &mut Stream) -> Result<Self> {
        let mut net = Self::zeros(sizes)?;
        for layer in 0..net.layers() {
            let std = (2.0 / sizes[layer] as f32).sqrt();
            for w in net.weights_mut(layer) {
                *w = stream.normal_f32() * std;
            }
        }
        Ok(net)
    }

    /// A network with all parameters zero.
    ///
    /// # Errors
    /// Fewer than two sizes, or a size of zero.
    pub fn zeros(sizes: &[usize]) -> Result<Self> {
        if sizes.len() < 2 || sizes.contains(&0) {
            return Err(Error::out_of_range(
                "sizes",
                format!("{sizes:?}"),
                "at least two layer sizes, each at least 1",
            ));
        }
        let count = sizes.windows(2).map(|w| (w[0] + 1) * w[1]).sum();
        Ok(Self {
            sizes: sizes.to_vec(),
            params: vec![0.0; count],
        })
    }

    /// Layer sizes, input first.
    pub fn sizes(&self) -> &[usize] {
        &self.sizes
    }

    /// Number of weight layers.
    pub fn layers(&self) -> usize {
        self.sizes.len() - 1
    }

    /// All parameters.
    pub fn params(&self) -> &[f32] {
        &self.params
    }

    /// All parameters, writable.
    pub fn params_mut(&mut self) -> &mut [f32] {
        &mut self.params
    }

    /// Where a layer's weights lie in the flat vector.
    pub fn weight_range(&self, layer: usize) -> Range<usize> {
        let start: usize = self.sizes[..=layer]
            .windows(2)
            .map(|w| (w[0] + 1) * w[1])
            .sum();
        start..start + self.sizes[layer] * self.sizes[layer + 1]
    }

    /// Where a layer's biases lie in the flat vector.
    pub fn bias_range(&self, layer: usize) -> Range<usize> {
        let end = self.weight_range(layer).end;
        end..end + self.sizes[layer + 1]
    }

    /// A layer's weights, `out × in` rows.
    pub fn weights(&self, layer: usize) -> &[f32] {
        &self.params[self.weight_range(layer)]
    }

    /// A layer's weights, writable.
    pub fn weights_mut(&mut self, layer: usize) -> &mut [f32] {
        let range = self.weight_range(layer);
        &mut self.params[range]
    }

    /// A layer's biases.
    pub fn biases(&self, layer: usize) -> &[f32] {
        &self.params[self.bias_range(layer)]
    }

    /// Logits of a batch (`x` holds one sample after the other), with the parameters multiplied
    /// by `mask` where one is given. A mask has the layout of the parameters.
    pub fn logits<'w>(
        &self,
        x: &[f32],
        mask: Option<&[f32]>,
        work: &'w mut Workspace,
    ) -> &'w [f32] {
        self.forward(x, mask, work);
        work.outputs.last().map_or(&[], Vec::as_slice)
    }

    /// Loss and accuracy on samples, with an optional mask.
    pub fn evaluate(
        &self,
        x: &[f32],
        labels: &[u8],
        mask: Option<&[f32]>,
        work: &mut Workspace,
    ) -> Evaluation {
        let classes = self.sizes[self.layers()];
        let logits = self.logits(x, mask, work);
        let (mut loss, mut correct) = (0.0, 0);
        for (row, &label) in logits.chunks_exact(classes).zip(labels) {
            let label = usize::from(label);
            loss += cross_entropy(row, label);
            correct += usize::from(argmax(row) == label);
        }
        Evaluation {
            loss: loss / labels.len() as f64,
            correct,
            count: labels.len(),
        }
    }

    /// Mean loss of a batch and its gradient, written to `grad`. With a mask the loss is that of
    /// the masked network and the gradient is multiplied by the mask.
    pub fn gradient(
        &self,
        x: &[f32],
        labels: &[u8],
        mask: Option<&[f32]>,
        grad: &mut [f32],
        work: &mut Workspace,
    ) -> f64 {
        self.forward(x, mask, work);
        let classes = self.sizes[self.layers()];
        let logits = &work.outputs[self.layers() - 1];
        let loss = loss_delta(logits, labels, classes, &mut work.delta);
        self.backward(x, mask, grad, work);
        loss
    }

    /// Mean squared error of the outputs of a batch and its gradient, written to `grad`: a network
    /// for regression. The mean is over samples, the square summed over outputs.
    pub fn squared_gradient(
        &self,
        x: &[f32],
        targets: &[f32],
        grad: &mut [f32],
        work: &mut Workspace,
    ) -> f64 {
        self.forward(x, None, work);
        let Workspace { outputs, delta, .. } = work;
        let batch = (targets.len() / self.sizes[self.layers()]).max(1);
        let mut loss = 0.0;
        delta.clear();
        delta.extend(
            outputs[self.layers() - 1]
                .iter()
                .zip(targets)
                .map(|(y, t)| {
                    loss += f64::from(y - t) * f64::from(y - t);
                    2.0 * (y - t) / batch as f32
                }),
        );
        self.backward(x, None, grad, work);
        loss / batch as f64
    }

    /// The gradient from `work.delta`, the derivative by the outputs of the last forward pass.
    fn backward(&self, x: &[f32], mask: Option<&[f32]>, grad: &mut [f32], work: &mut Workspace) {
        let Workspace {
            outputs,
            delta,
            below,
            masked,
        } = work;
        let params: &[f32] = if mask.is_some() { masked } else { &self.params };
        let batch = delta.len() / self.sizes[self.layers()];
        count_products(2, batch, self.params.len());
        grad.fill(0.0);
        for layer in (0..self.layers()).rev() {
            let (fan_in, fan_out) = (self.sizes[layer], self.sizes[layer + 1]);
            let input: &[f32] = if layer == 0 { x } else { &outputs[layer - 1] };
            let (wr, br) = (self.weight_range(layer), self.bias_range(layer));
            below.clear();
            below.resize(if layer == 0 { 0 } else { batch * fan_in }, 0.0);
            for (b, row) in delta.chunks_exact(fan_out).enumerate() {
                let a = &input[b * fan_in..(b + 1) * fan_in];
                for (o, &d) in row.iter().enumerate() {
                    if d == 0.0 {
                        continue;
                    }
                    let at = wr.start + o * fan_in;
                    axpy(d, a, &mut grad[at..at + fan_in]);
                    grad[br.start + o] += d;
                    if layer > 0 {
                        axpy(
                            d,
                            &params[at..at + fan_in],
                            &mut below[b * fan_in..(b + 1) * fan_in],
                        );
                    }
                }
            }
            if layer > 0 {
                for (d, &a) in below.iter_mut().zip(input) {
                    if a <= 0.0 {
                        *d = 0.0;
                    }
                }
                std::mem::swap(delta, below);
            }
        }
        if let Some(mask) = mask {
            for (g, m) in grad.iter_mut().zip(mask) {
                *g *= m;
            }
        }
    }

    /// Fills `work.outputs`.
    fn forward(&self, x: &[f32], mask: Option<&[f32]>, work: &mut Workspace) {
        if let Some(mask) = mask {
            work.masked.clear();
            work.masked
                .extend(self.params.iter().zip(mask).map(|(p, m)| p * m));
        }
        let params: &[f32] = if mask.is_some() {
            &work.masked
        } else {
            &self.params
        };
        let batch = x.len() / self.sizes[0];
        count_products(1, batch, self.params.len());
        work.outputs.resize_with(self.layers(), Vec::new);
        for layer in 0..self.layers() {
            let (fan_in, fan_out) = (self.sizes[layer], self.sizes[layer + 1]);
            let (done, rest) = work.outputs.split_at_mut(layer);
            let input: &[f32] = done.last().map_or(x, Vec::as_slice);
            let out = &mut rest[0];
            out.resize(batch * fan_out, 0.0);
            let weights = &params[self.weight_range(layer)];
            let biases = &params[self.bias_range(layer)];
            let hidden = layer + 1 < self.layers();
            for (a, y) in input
                .chunks_exact(fan_in)
                .zip(out.chunks_exact_mut(fan_out))
            {
                for ((y, w), &bias) in y.iter_mut().zip(weights.chunks_exact(fan_in)).zip(biases) {
                    let z = dot(w, a) + bias;
                    // A NaN passes through (`max` would turn it into 0).
                    *y = if hidden && z < 0.0 { 0.0 } else { z };
                }
            }
        }
    }
}

thread_local! {
    static PRODUCTS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Products of a weight and a number that networks of this thread have done (those that zeros save
/// included): tests measure work by it.
pub fn products_done() -> u64 {
    PRODUCTS.get()
}

fn count_products(passes: usize, batch: usize, params: usize) {
    PRODUCTS.set(PRODUCTS.get() + (passes * batch * params) as u64);
}

/// Σ aᵢ bᵢ in eight interleaved partial sums: a fixed order that the compiler can vectorise.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; 8];
    let (chunks_a, chunks_b) = (a.chunks_exact(8), b.chunks_exact(8));
    let tail: f32 = chunks_a
        .remainder()
        .iter()
        .zip(chunks_b.remainder())
        .map(|(x, y)| x * y)
        .sum();
    for (x, y) in chunks_a.zip(chunks_b) {
        for i in 0..8 {
            lanes[i] += x[i] * y[i];
        }
    }
    let [l0, l1, l2, l3, l4, l5, l6, l7] = lanes;
    (((l0 + l4) + (l1 + l5)) + ((l2 + l6) + (l3 + l7))) + tail
}

/// y += k x.
fn axpy(k: f32, x: &[f32], y: &mut [f32]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += k * x;
    }
}

/// Index of the largest value, the first of equals.
fn argmax(row: &[f32]) -> usize {
    let mut best = 0;
    for (i, &v) in row.iter().enumerate() {
        if v > row[best] {
            best = i;
        }
    }
    best
}

fn max_of(row: &[f32]) -> f32 {
    row.iter().copied().fold(f32::NEG_INFINITY, f32::max)
}

/// -ln softmax(row)[label], in double precision from the logits on; NaN when a logit is NaN.
fn cross_entropy(row: &[f32], label: usize) -> f64 {
    let top = f64::from(max_of(row));
    let total: f64 = row.iter().map(|&z| num::exp(f64::from(z) - top)).sum();
    num::ln(total) + top - f64::from(row.get(label).copied().unwrap_or(f32::NAN))
}

/// Mean loss of a batch; `delta` = (softmax - one-hot) / batch.
fn loss_delta(logits: &[f32], labels: &[u8], classes: usize, delta: &mut Vec<f32>) -> f64 {
    delta.clear();
    let scale = 1.0 / labels.len() as f32;
    let mut loss = 0.0;
    for (row, &label) in logits.chunks_exact(classes).zip(labels) {
        let top = max_of(row);
        let start = delta.len();
        delta.extend(row.iter().map(|&z| num::expf(z - top)));
        let total: f32 = delta[start..].iter().sum();
        for (c, d) in delta[start..].iter_mut().enumerate() {
            let hot = f32::from(u8::from(c == usize::from(label)));
            *d = (*d / total - hot) * scale;
        }
        let z = row.get(usize::from(label)).copied().unwrap_or(f32::NAN);
        loss += num::ln(f64::from(total)) + f64::from(top - z);
    }
    loss / labels.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::StreamId;

    fn data(n: usize, seed: u64) -> (Vec<f32>, Vec<u8>) {
        let mut s = Stream::new(seed, StreamId::Data);
        let x = (0..n * 6).map(|_| s.normal_f32()).collect();
        (x, (0..n).map(|_| s.below(3) as u8).collect())
    }

    fn net(seed: u64) -> Mlp {
        Mlp::new(&[6, 9, 5, 3], &mut Stream::new(seed, StreamId::Weights)).unwrap()
    }

    /// Central differences; the step is chosen for single precision: the rounding noise of the
    /// loss (about 1e-7) divided by 2h stays below the bound, and h is small enough that no
    /// hidden unit of these data crosses its kink.
    fn check_gradient(mask: Option<&[f32]>) {
        let (x, labels) = data(16, 5);
        let mut net = net(3);
        let mut work = Workspace::default();
        let mut grad = vec![0.0; net.params().len()];
        let loss = net.gradient(&x, &labels, mask, &mut grad, &mut work);
        let direct = net.evaluate(&x, &labels, mask, &mut work).loss;
        assert!((loss - direct).abs() < 1e-6, "{loss} against {direct}");
        let h = 2e-4_f32;
        let mut worst: f64 = 0.0;
        for i in 0..net.params().len() {
            let w = net.params()[i];
            net.params_mut()[i] = w + h;
            let up = net.evaluate(&x, &labels, mask, &mut work).loss;
            net.params_mut()[i] = w - h;
            let down = net.evaluate(&x, &labels, mask, &mut work).loss;
            net.params_mut()[i] = w;
            let slope = (up - down) / (2.0 * f64::from(h));
            worst = worst.max((slope - f64::from(grad[i])).abs());
        }
        assert!(worst < 2e-3, "largest deviation {worst}");
        assert!(
            grad.iter().any(|g| g.abs() > 0.05),
            "a gradient that is not zero"
        );
    }

    #[test]
    fn the_gradient_agrees_with_finite_differences() {
        check_gradient(None);
    }

    #[test]
    fn the_masked_gradient_agrees_with_finite_differences_and_is_zero_where_masked() {
        let n = net(3).params().len();
        let mask: Vec<f32> = (0..n).map(|i| f32::from(u8::from(i % 3 != 0))).collect();
        check_gradient(Some(&mask));
        let (x, labels) = data(16, 5);
        let mut grad = vec![1.0; n];
        net(3).gradient(
            &x,
            &labels,
            Some(&mask),
            &mut grad,
            &mut Workspace::default(),
        );
        assert!(grad.iter().step_by(3).all(|g| *g == 0.0));
    }

    #[test]
    fn the_gradient_of_the_squared_error_agrees_with_finite_differences() {
        let (x, _) = data(16, 5);
        let (targets, _) = data(8, 6);
        let mut net = net(3);
        let mut work = Workspace::default();
        let mut grad = vec![0.0; net.params().len()];
        net.squared_gradient(&x, &targets, &mut grad, &mut work);
        let direct = |net: &Mlp, work: &mut Workspace| -> f64 {
            let pairs = net.logits(&x, None, work).iter().zip(&targets);
            pairs.map(|(y, t)| f64::from(y - t).powi(2)).sum::<f64>() / 16.0
        };
        let h = 2e-4_f32;
        for i in (0..net.params().len()).step_by(5) {
            let w = net.params()[i];
            net.params_mut()[i] = w + h;
            let up = direct(&net, &mut work);
            net.params_mut()[i] = w - h;
            let down = direct(&net, &mut work);
            net.params_mut()[i] = w;
            let slope = (up - down) / (2.0 * f64::from(h));
            let want = f64::from(grad[i]);
            assert!((slope - want).abs() < 2e-2, "{i}: {slope} {want}");
        }
    }

    #[test]
    fn a_mask_equals_a_network_with_zeroed_weights() {
        let (x, labels) = data(20, 8);
        let mut pruned = net(4);
        let mask: Vec<f32> = (0..pruned.params().len())
            .map(|i| f32::from(u8::from(i % 2 == 0)))
            .collect();
        let masked = pruned.evaluate(&x, &labels, Some(&mask), &mut Workspace::default());
        for (w, m) in pruned.params_mut().iter_mut().zip(&mask) {
            *w *= m;
        }
        let direct = pruned.evaluate(&x, &labels, None, &mut Workspace::default());
        assert_eq!(masked, direct);
    }

    #[test]
    fn initial_weights_have_the_he_variance() {
        let net = Mlp::new(&[100, 200, 10], &mut Stream::new(1, StreamId::Weights)).unwrap();
        let w = net.weights(0);
        let var = w.iter().map(|w| f64::from(w * w)).sum::<f64>() / w.len() as f64;
        assert!((var - 0.02).abs() < 0.001, "{var}");
        assert!(net.biases(0).iter().all(|b| *b == 0.0));
        assert_eq!(net.bias_range(1).end, net.params().len());
    }

    #[test]
    fn sgd_and_adamw_follow_the_rules_by_hand() {
        let sgd = Optimizer::Sgd {
            momentum: 0.5,
            weight_decay: 0.1,
        };
        let (mut w, mut s) = ([1.0_f32], sgd.state(1));
        sgd.update(&mut s, &mut w, &[1.0], 0.1);
        assert!((w[0] - 0.89).abs() < 1e-6, "{w:?}");
        sgd.update(&mut s, &mut w, &[0.0], 0.1);
        // v = 0.5 * 1.1 + 0.089
        assert!((w[0] - (0.89 - 0.0639)).abs() < 1e-6, "{w:?}");
        let adamw = Optimizer::AdamW {
            beta1: 0.9,
            beta2: 0.99,
            weight_decay: 0.1,
        };
        let (mut w, mut s) = ([1.0_f32], adamw.state(1));
        adamw.update(&mut s, &mut w, &[-3.0], 0.01);
        // The first step is lr times the sign, after the decay by 1 - 0.001.
        assert!((w[0] - (0.999 + 0.01)).abs() < 1e-6, "{w:?}");
    }

    #[test]
    fn training_on_the_digits_reaches_high_accuracy() {
        let (train, test) = crate::digits::digits().pruning_split();
        let mut net = Mlp::new(&[64, 32, 10], &mut Stream::new(0, StreamId::Weights)).unwrap();
        let rule = Optimizer::Sgd {
            momentum: 0.9,
            weight_decay: 1e-4,
        };
        let mut state = rule.state(net.params().len());
        let (mut work, mut grad) = (Workspace::default(), vec![0.0; net.params().len()]);
        let mut order: Vec<usize> = (0..train.len()).collect();
        for epoch in 0..8 {
            Stream::new(0, StreamId::DataOrder)
                .step(epoch)
                .shuffle(&mut order);
            for batch in order.chunks(64) {
                let x: Vec<f32> = batch
                    .iter()
                    .flat_map(|&i| train.image(i))
                    .copied()
                    .collect();
                let y: Vec<u8> = batch.iter().map(|&i| train.labels[i]).collect();
                net.gradient(&x, &y, None, &mut grad, &mut work);
                rule.update(&mut state, net.params_mut(), &grad, 0.1);
            }
        }
        let result = net.evaluate(&test.x, &test.labels, None, &mut work);
        assert!(result.accuracy() > 0.93, "{result:?}");
    }

    #[test]
    fn a_diverged_network_gives_nan_not_a_wrong_number() {
        let (x, labels) = data(4, 1);
        let mut net = net(1);
        net.params_mut()[0] = f32::NAN;
        let mut grad = vec![0.0; net.params().len()];
        let loss = net.gradient(&x, &labels, None, &mut grad, &mut Workspace::default());
        assert!(loss.is_nan(), "{loss}");
        assert!(Mlp::zeros(&[3]).is_err() && Mlp::zeros(&[3, 0]).is_err());
    }
}
