//! Update rules: SGD with momentum and AdamW.

use crate::core::num;

/// An update rule (PyTorch's semantics).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Optimizer {
    /// v ← μ v + (g + wd w); w ← w - η v.
    Sgd {
        /// μ.
        momentum: f32,
        /// wd, added to the gradient.
        weight_decay: f32,
    },
    /// w ← w (1 - η wd), then w ← w - η m̂ / (√v̂ + 1e-8).
    AdamW {
        /// Decay of the first moment.
        beta1: f32,
        /// Decay of the second moment.
        beta2: f32,
        /// wd, decoupled.
        weight_decay: f32,
    },
}

/// ε of AdamW.
pub const ADAM_EPS: f32 = 1e-8;

/// Moments of an optimizer, in the layout of the parameters.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OptimizerState {
    /// Velocity of SGD, first moment of AdamW.
    pub first: Vec<f32>,
    /// Second moment of AdamW.
    pub second: Vec<f32>,
    /// Updates done.
    pub updates: u32,
}

impl Optimizer {
    /// Fresh state for `n` parameters.
    pub fn state(&self, n: usize) -> OptimizerState {
        OptimizerState {
            first: vec![0.0; n],
            second: match self {
                Self::Sgd { .. } => Vec::new(),
                Self::AdamW { .. } => vec![0.0; n],
            },
            updates: 0,
        }
    }

    /// (1 / (1 - β₁ᵗ), 1 / √(1 - β₂ᵗ)) of AdamW at update t = 1, 2, …; (1, 1) for SGD.
    pub fn corrections(&self, t: u32) -> (f32, f32) {
        match *self {
            Self::Sgd { .. } => (1.0, 1.0),
            Self::AdamW { beta1, beta2, .. } => {
                let t = f64::from(t);
                (
                    (1.0 / (1.0 - num::pow(f64::from(beta1), t))) as f32,
                    (1.0 / (1.0 - num::pow(f64::from(beta2), t)).sqrt()) as f32,
                )
            }
        }
    }

    /// One update of `params` with learning rate `lr`.
    pub fn update(&self, state: &mut OptimizerState, params: &mut [f32], grad: &[f32], lr: f32) {
        state.updates += 1;
        let (c1, c2) = self.corrections(state.updates);
        match *self {
            Self::Sgd {
                momentum,
                weight_decay,
            } => {
                for ((w, v), &g) in params.iter_mut().zip(&mut state.first).zip(grad) {
                    *v = momentum * *v + (g + weight_decay * *w);
                    *w -= lr * *v;
                }
            }
            Self::AdamW {
                beta1,
                beta2,
                weight_decay,
            } => {
                let keep = 1.0 - lr * weight_decay;
                let moments = state.first.iter_mut().zip(&mut state.second);
                for ((w, (m, v)), &g) in params.iter_mut().zip(moments).zip(grad) {
                    *m = beta1 * *m + (1.0 - beta1) * g;
                    *v = beta2 * *v + (1.0 - beta2) * (g * g);
                    *w = *w * keep - lr * (c1 * *m) / (v.sqrt() * c2 + ADAM_EPS);
                }
            }
        }
    }
}

/// Zeroes the momentum of masked parameters, so that a pruned weight stays where it is.
pub fn mask_state(state: &mut OptimizerState, mask: &[f32]) {
    for (v, m) in state.first.iter_mut().zip(mask) {
        *v *= m;
    }
}
