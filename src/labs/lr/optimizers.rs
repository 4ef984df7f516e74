//! Optimizers in double precision on a small quadratic: PyTorch's update rules, and Schedule-Free
//! SGD, AdamW and RAdam ("The Road Less Scheduled", arXiv 2405.15682;
//! facebookresearch/schedule_free).

use crate::core::{Error, Result, num};

/// An update rule of PyTorch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// SGD with momentum.
    Sgd {
        /// μ.
        momentum: f64,
        /// Share taken off the gradient after the first update.
        dampening: f64,
        /// Whether the step looks ahead along the momentum.
        nesterov: bool,
    },
    /// Adam; with `decoupled` decay it is AdamW.
    Adam {
        /// Decays of the two moments.
        betas: [f64; 2],
        /// Whether weight decay shrinks the weights directly.
        decoupled: bool,
    },
    /// Adagrad.
    Adagrad,
    /// RMSprop without momentum, not centred.
    RmsProp {
        /// Decay of the second moment.
        alpha: f64,
    },
}

/// One optimizer run in double precision.
#[derive(Debug, Clone)]
pub struct Optimizer {
    rule: Rule,
    weight_decay: f64,
    first: Vec<f64>,
    second: Vec<f64>,
    updates: u32,
}

impl Optimizer {
    /// A fresh optimizer for `n` weights.
    pub fn new(rule: Rule, weight_decay: f64, n: usize) -> Self {
        Self {
            rule,
            weight_decay,
            first: vec![0.0; n],
            second: vec![0.0; n],
            updates: 0,
        }
    }

    /// One update with learning rate `lr`.
    pub fn update(&mut self, x: &mut [f64], gradient: &[f64], lr: f64) {
        self.updates += 1;
        let t = f64::from(self.updates);
        let decay = self.weight_decay;
        let corrections = match self.rule {
            Rule::Adam { betas, .. } => betas.map(|b| 1.0 - num::pow(b, t)),
            _ => [1.0; 2],
        };
        for (i, w) in x.iter_mut().enumerate() {
            let g = gradient[i];
            let (m, v) = (&mut self.first[i], &mut self.second[i]);
            match self.rule {
                Rule::Sgd {
                    momentum,
                    dampening,
                    nesterov,
                } => {
                    let g = g + decay * *w;
                    let mut step = g;
                    if momentum != 0.0 {
                        *m = if self.updates == 1 {
                            g
                        } else {
                            momentum * *m + (1.0 - dampening) * g
                        };
                        step = if nesterov { g + momentum * *m } else { *m };
                    }
                    *w -= lr * step;
                }
                Rule::Adam { betas, decoupled } => {
                    let [b1, b2] = betas;
                    let mut g = g;
                    if decoupled {
                        *w *= 1.0 - lr * decay;
                    } else {
                        g += decay * *w;
                    }
                    *m = b1 * *m + (1.0 - b1) * g;
                    *v = b2 * *v + (1.0 - b2) * g * g;
                    let [first, second] = corrections;
                    *w -= lr / first * *m / (v.sqrt() / second.sqrt() + 1e-8);
                }
                Rule::Adagrad => {
                    let g = g + decay * *w;
                    *v += g * g;
                    *w -= lr * g / (v.sqrt() + 1e-10);
                }
                Rule::RmsProp { alpha } => {
                    let g = g + decay * *w;
                    *v = alpha * *v + (1.0 - alpha) * g * g;
                    *w -= lr * g / (v.sqrt() + 1e-8);
                }
            }
        }
    }
}

/// Which Schedule-Free method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FreeKind {
    /// Plain SGD steps.
    Sgd,
    /// Steps divided by the root of the second moment.
    AdamW,
    /// The same with RAdam's rectification in the place of a warmup.
    RAdam,
}

/// Settings of a Schedule-Free run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FreeConfig {
    /// Method.
    pub kind: FreeKind,
    /// Learning rate γ.
    pub lr: f64,
    /// Interpolation β between z and x, inside (0, 1).
    pub beta: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Warmup updates.
    pub warmup: usize,
    /// Weight decay, at y.
    pub weight_decay: f64,
    /// Power r of the step in the averaging weights.
    pub r: f64,
    /// Power p of the largest rate so far in the averaging weights.
    pub weight_lr_power: f64,
    /// RAdam: whether nothing moves until the rectification is defined (otherwise factor 1).
    pub silent_sgd_phase: bool,
}

/// The averaging weights c of Schedule-Free. They depend on the rates' ratios alone, so runs of one
/// schedule at different peak rates share them.
#[derive(Debug, Clone)]
pub struct Averaging {
    r: f64,
    power: f64,
    largest: f64,
    sum: f64,
    updates: u32,
}

impl Averaging {
    /// Before the first update.
    pub fn new(config: &FreeConfig) -> Self {
        Self {
            r: config.r,
            power: config.weight_lr_power,
            largest: 0.0,
            sum: 0.0,
            updates: 0,
        }
    }

    /// c of the next update, made at rate `gamma`; 0 while all rates were 0.
    pub fn next(&mut self, gamma: f64) -> f64 {
        self.updates += 1;
        self.largest = self.largest.max(gamma);
        let weight = num::pow(f64::from(self.updates), self.r) * num::pow(self.largest, self.power);
        self.sum += weight;
        if self.sum > 0.0 {
            weight / self.sum
        } else {
            0.0
        }
    }
}

/// A Schedule-Free run: z takes the steps, x averages them, gradients are taken at y.
#[derive(Debug, Clone)]
pub struct ScheduleFree {
    config: FreeConfig,
    /// Base iterate.
    pub z: Vec<f64>,
    /// Where the gradient is taken.
    pub y: Vec<f64>,
    /// Second moment of the gradient (0 for SGD).
    pub second: Vec<f64>,
    averaging: Averaging,
    updates: u32,
}

impl ScheduleFree {
    /// Starts at `x0`.
    ///
    /// # Errors
    /// β outside (0, 1).
    pub fn new(config: FreeConfig, x0: &[f64]) -> Result<Self> {
        if !(config.beta > 0.0 && config.beta < 1.0) {
            return Err(Error::out_of_range("beta", config.beta, "between 0 and 1"));
        }
        Ok(Self {
            averaging: Averaging::new(&config),
            config,
            z: x0.to_vec(),
            y: x0.to_vec(),
            second: vec![0.0; x0.len()],
            updates: 0,
        })
    }

    /// The averaged iterate x, at which the model is evaluated.
    pub fn x(&self) -> Vec<f64> {
        let k = 1.0 - 1.0 / self.config.beta;
        self.y
            .iter()
            .zip(&self.z)
            .map(|(y, z)| y + k * (z - y))
            .collect()
    }

    /// γ of the next update and whether RAdam's moment is used raw.
    fn rate(&self) -> (f64, bool) {
        let c = &self.config;
        let t = f64::from(self.updates) + 1.0;
        if c.kind == FreeKind::RAdam {
            let power = num::pow(c.beta2, t);
            let limit = 2.0 / (1.0 - c.beta2) - 1.0;
            let rho = limit - 2.0 * t * power / (1.0 - power);
            if rho > 4.0 {
                let rect = ((rho - 4.0) * (rho - 2.0) * limit
                    / ((limit - 4.0) * (limit - 2.0) * rho))
                    .sqrt();
                return (c.lr * rect, false);
            }
            let factor = if c.silent_sgd_phase { 0.0 } else { 1.0 };
            return (c.lr * factor, true);
        }
        let ramp = if c.warmup == 0 {
            1.0
        } else {
            (t / c.warmup as f64).min(1.0)
        };
        (c.lr * ramp, false)
    }

    /// One update with the gradient at y.
    pub fn update(&mut self, gradient: &[f64]) {
        let (gamma, raw) = self.rate();
        self.update_at(gradient, gamma, raw);
    }

    /// One update at rate `gamma`; `raw` leaves the gradient undivided.
    pub fn update_at(&mut self, gradient: &[f64], gamma: f64, raw: bool) {
        let config = self.config;
        let t = f64::from(self.updates) + 1.0;
        let c = self.averaging.next(gamma);
        let correction = 1.0 - num::pow(config.beta2, t);
        for i in 0..self.y.len() {
            let mut g = gradient[i];
            if config.kind != FreeKind::Sgd {
                let v = &mut self.second[i];
                *v = config.beta2 * *v + (1.0 - config.beta2) * g * g;
                if !raw {
                    g /= (*v / correction).sqrt() + 1e-8;
                }
            }
            g += config.weight_decay * self.y[i];
            self.y[i] += c * (self.z[i] - self.y[i]);
            self.y[i] += gamma * (config.beta * (1.0 - c) - 1.0) * g;
            self.z[i] -= gamma * g;
        }
        self.updates += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_adam_step_is_the_rate_times_the_sign() {
        let rule = Rule::Adam {
            betas: [0.9, 0.999],
            decoupled: false,
        };
        let mut x = [1.0, -1.0];
        Optimizer::new(rule, 0.0, 2).update(&mut x, &[0.3, -20.0], 0.1);
        assert!(
            (x[0] - 0.9).abs() < 1e-7 && (x[1] + 0.9).abs() < 1e-7,
            "{x:?}"
        );
    }

    #[test]
    fn schedule_free_averages_the_base_iterates() {
        let config = FreeConfig {
            kind: FreeKind::Sgd,
            lr: 0.1,
            beta: 0.9,
            beta2: 0.999,
            warmup: 0,
            weight_decay: 0.0,
            r: 0.0,
            weight_lr_power: 2.0,
            silent_sgd_phase: true,
        };
        let mut run = ScheduleFree::new(config, &[1.0]).unwrap();
        let mut sum = 0.0;
        for t in 1..=5 {
            run.update(&[f64::from(t)]);
            sum += run.z[0];
            // Equal rates give equal weights: x is the plain mean of z.
            assert!((run.x()[0] - sum / f64::from(t)).abs() < 1e-12, "{t}");
        }
        assert!(
            ScheduleFree::new(
                FreeConfig {
                    beta: 1.0,
                    ..config
                },
                &[1.0]
            )
            .is_err()
        );
    }
}
