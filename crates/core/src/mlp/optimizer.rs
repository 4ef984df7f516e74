//! Update rules: SGD with momentum and AdamW.

use crate::num;

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

/// A second moment of AdamW that decays at another pace from some update on.
///
/// Its bias is then the product of all decays so far: E v = (1 - Π β₂) E g². (PyTorch, when its β₂ is
/// changed on the way, corrects as if the new one had held from the start.)
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LateDecay {
    /// Updates before it.
    pub after: u32,
    /// Decay of the second moment from then on.
    pub beta2: f32,
}

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
        self.step(self.corrections(state.updates), state, params, grad, lr);
    }

    /// The same with another decay of AdamW's second moment from some update on.
    pub fn update_late(
        &self,
        late: LateDecay,
        state: &mut OptimizerState,
        params: &mut [f32],
        grad: &[f32],
        lr: f32,
    ) {
        match *self {
            Self::AdamW {
                beta1,
                beta2,
                weight_decay,
            } if state.updates >= late.after => {
                state.updates += 1;
                let (first, _) = self.corrections(state.updates);
                let power = |b: f32, t: u32| num::pow(f64::from(b), f64::from(t));
                let kept = power(beta2, late.after) * power(late.beta2, state.updates - late.after);
                let second = (1.0 / (1.0 - kept).sqrt()) as f32;
                let now = Self::AdamW {
                    beta1,
                    beta2: late.beta2,
                    weight_decay,
                };
                now.step((first, second), state, params, grad, lr);
            }
            _ => self.update(state, params, grad, lr),
        }
    }

    fn step(
        &self,
        (c1, c2): (f32, f32),
        state: &mut OptimizerState,
        params: &mut [f32],
        grad: &[f32],
        lr: f32,
    ) {
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

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Optimizer = Optimizer::AdamW {
        beta1: 0.9,
        beta2: 0.95,
        weight_decay: 0.0,
    };

    /// Weights after 40 updates, the size of the gradient changing when the decay does.
    fn run(late: Option<LateDecay>, sizes: [f32; 2]) -> Vec<f32> {
        let mut state = RULE.state(1);
        let mut w = [0.0];
        (0..40)
            .map(|t| {
                let g = [sizes[usize::from(t >= 20)]];
                match late {
                    Some(late) => RULE.update_late(late, &mut state, &mut w, &g, 0.1),
                    None => RULE.update(&mut state, &mut w, &g, 0.1),
                }
                w[0]
            })
            .collect()
    }

    #[test]
    fn a_late_decay_leaves_what_came_before_and_stays_unbiased() {
        let late = |beta2| Some(LateDecay { after: 20, beta2 });
        let (same, plain) = (run(late(0.95), [1.0, 3.0]), run(None, [1.0, 3.0]));
        for (t, (a, b)) in same.iter().zip(&plain).enumerate() {
            assert!((a - b).abs() < 1e-5, "the same decay, {t}: {a} {b}");
        }
        // A constant gradient is its own mean: every step is the rate, whatever the decay.
        for (t, w) in run(late(0.999), [2.0, 2.0]).iter().enumerate() {
            let want = -0.1 * (t + 1) as f32;
            assert!((w - want).abs() < 1e-4, "{t}: {w} {want}");
        }
        // After a jump of the gradient a slower second moment divides by less.
        let raised = run(late(0.999), [1.0, 3.0]);
        assert_eq!(raised[..20], plain[..20]);
        assert!(raised[39] < plain[39] - 0.1, "{} {}", raised[39], plain[39]);
    }
}
