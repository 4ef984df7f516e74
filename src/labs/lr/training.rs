//! Real training: a 64-32-10 network on an endless stream of shifted, noisy digits.
//!
//! Each sample is one of 1,437 training images, shifted by -1, 0 or 1 pixel in each direction
//! (zero fill), with Gaussian pixel noise of standard deviation 0.3: no epochs and a loss floor
//! above zero, like one pass over a text corpus. The seed fixes weights and data for all schedules
//! and rates, so their differences are paired.

use crate::core::digits::{CLASSES, LR_TRAIN, PIXELS, Samples, digits};
use crate::core::mlp::{Evaluation, LateDecay, Mlp, Optimizer, OptimizerState, Workspace};
use crate::core::rng::{Stream, StreamId};
use crate::core::{Result, Simulation};
use std::sync::{Arc, OnceLock};

/// Layer sizes.
pub const SIZES: [usize; 3] = [PIXELS, 32, CLASSES];
/// Standard deviation of the pixel noise.
pub const NOISE: f32 = 0.3;
/// Held-out samples.
pub const EVAL_SAMPLES: usize = 2048;
/// Seed of the held-out samples: the same for every run.
const EVAL_SEED: u64 = 0x6469_6769_7473;

/// The endless stream of training batches of one seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batches {
    /// Seed of the run.
    pub seed: u64,
    /// Samples per batch.
    pub size: usize,
}

impl Batches {
    /// The batch of update `step`.
    pub fn batch(&self, step: u64) -> Samples {
        let (train, _) = digits().split(LR_TRAIN);
        augment(train, self.size, self.seed, step as u32)
    }
}

/// `n` augmented samples of the given images.
pub(super) fn augment(images: &[usize], n: usize, seed: u64, step: u32) -> Samples {
    augment_lit(images, n, (seed, step), |_| 1.0)
}

/// `n` augmented samples of the given images, each seen under its light before noise is added.
pub(super) fn augment_lit(
    images: &[usize],
    n: usize,
    (seed, step): (u64, u32),
    light: impl Fn(usize) -> f32,
) -> Samples {
    let mut pick = Stream::new(seed, StreamId::DataOrder).step(step);
    let mut noise = Stream::new(seed, StreamId::Noise).step(step);
    let mut out = Samples {
        x: Vec::with_capacity(n * PIXELS),
        labels: Vec::with_capacity(n),
    };
    for k in 0..n {
        let index = images[pick.below(images.len() as u32) as usize];
        let (dx, dy) = (pick.below(3) as i32 - 1, pick.below(3) as i32 - 1);
        let raw = digits().raw(index);
        for row in 0..8 {
            for col in 0..8 {
                let (r, c) = (row - dy, col - dx);
                let inside = (0..8).contains(&r) && (0..8).contains(&c);
                let v = if inside { raw[(8 * r + c) as usize] } else { 0 };
                let seen = light(k) * f32::from(v) / 16.0;
                out.x.push(seen + NOISE * noise.normal_f32());
            }
        }
        out.labels.push(digits().labels()[index]);
    }
    out
}

/// The fixed held-out samples, augmented like the training data.
pub fn held_out() -> &'static Samples {
    static SAMPLES: OnceLock<Samples> = OnceLock::new();
    SAMPLES.get_or_init(|| {
        let (_, test) = digits().split(LR_TRAIN);
        augment(test, EVAL_SAMPLES, EVAL_SEED, 0)
    })
}

/// One training run, one update at a time.
#[derive(Debug, Clone)]
pub struct Trainer {
    /// The network as it is now.
    pub net: Mlp,
    state: OptimizerState,
    rule: Optimizer,
    late: Option<LateDecay>,
    rates: Arc<[f64]>,
    batches: Batches,
    work: Workspace,
    grad: Vec<f32>,
    loss: f64,
    done: u64,
}

impl Trainer {
    /// A fresh network of the batches' seed.
    ///
    /// # Errors
    /// Never for the sizes used here; passed on from the network.
    pub fn new(rule: Optimizer, rates: Arc<[f64]>, batches: Batches) -> Result<Self> {
        let net = Mlp::new(&SIZES, &mut Stream::new(batches.seed, StreamId::Weights))?;
        let n = net.params().len();
        Ok(Self {
            net,
            state: rule.state(n),
            rule,
            late: None,
            rates,
            batches,
            work: Workspace::default(),
            grad: vec![0.0; n],
            loss: f64::NAN,
            done: 0,
        })
    }

    /// The same run with another decay of the second moment in its cooldown.
    pub fn with_late(self, late: Option<LateDecay>) -> Self {
        Self { late, ..self }
    }

    /// One update on a batch made elsewhere (it must be the one of this step); `false` when all
    /// rates are used up.
    pub fn train_on(&mut self, batch: &Samples) -> bool {
        let Some(&rate) = self.rates.get(self.done as usize) else {
            return false;
        };
        self.train_at(batch, rate);
        true
    }

    /// One update on a batch at a rate given from outside.
    pub fn train_at(&mut self, batch: &Samples, rate: f64) {
        self.loss = self.net.gradient(
            &batch.x,
            &batch.labels,
            None,
            &mut self.grad,
            &mut self.work,
        );
        let (state, params) = (&mut self.state, self.net.params_mut());
        match self.late {
            Some(late) => (self.rule).update_late(late, state, params, &self.grad, rate as f32),
            None => self.rule.update(state, params, &self.grad, rate as f32),
        }
        self.done += 1;
    }

    /// The last gradient.
    pub fn gradient(&self) -> &[f32] {
        &self.grad
    }

    /// Loss of the last batch before its update.
    pub fn loss(&self) -> f64 {
        self.loss
    }

    /// Norm of the last gradient.
    pub fn gradient_norm(&self) -> f64 {
        self.grad
            .iter()
            .map(|g| f64::from(*g) * f64::from(*g))
            .sum::<f64>()
            .sqrt()
    }

    /// Loss and accuracy on the held-out samples.
    pub fn evaluate(&mut self) -> Evaluation {
        evaluate(&self.net, &mut self.work)
    }
}

/// Loss and accuracy of a network on the held-out samples.
pub fn evaluate(net: &Mlp, work: &mut Workspace) -> Evaluation {
    let samples = held_out();
    net.evaluate(&samples.x, &samples.labels, None, work)
}

/// Loss on a quarter of them: for looks along a run.
pub(super) fn glance(net: &Mlp, work: &mut Workspace) -> f64 {
    let samples = held_out();
    let n = EVAL_SAMPLES / 4;
    net.evaluate(&samples.x[..n * PIXELS], &samples.labels[..n], None, work)
        .loss
}

impl Simulation for Trainer {
    fn advance(&mut self) -> bool {
        if self.done as usize >= self.rates.len() {
            return false;
        }
        let batch = self.batches.batch(self.done);
        self.train_on(&batch)
    }

    fn steps(&self) -> u64 {
        self.done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_depend_on_seed_and_step_alone() {
        let b = Batches { seed: 3, size: 4 };
        assert_eq!(b.batch(5), b.batch(5));
        assert_ne!(b.batch(5), b.batch(6));
        assert_ne!(b.batch(5), Batches { seed: 4, ..b }.batch(5));
    }

    #[test]
    fn held_out_samples_come_from_other_images_than_the_batches() {
        let (train, test) = digits().split(LR_TRAIN);
        assert!(test.iter().all(|i| !train.contains(i)));
        assert_eq!((held_out().len(), test.len()), (EVAL_SAMPLES, 360));
    }

    #[test]
    fn a_replayed_run_equals_the_first_bit_for_bit() {
        let rule = Optimizer::AdamW {
            beta1: 0.9,
            beta2: 0.95,
            weight_decay: 0.1,
        };
        let batches = Batches { seed: 1, size: 16 };
        let start = Trainer::new(rule, vec![0.01; 25].into(), batches).unwrap();
        let mut run = start.clone();
        let mut recorder = crate::core::Recorder::new(&start, 10);
        let mut at_13 = None;
        while run.advance() {
            recorder.observe(&run);
            if run.steps() == 13 {
                at_13 = Some(run.net.clone());
            }
        }
        let recording = recorder.close(run);
        assert_eq!(Some(recording.at(13).net), at_13);
        assert_eq!(recording.total_steps(), 25);
    }

    #[test]
    fn training_lowers_the_held_out_loss() {
        let rule = Optimizer::Sgd {
            momentum: 0.9,
            weight_decay: 0.0,
        };
        let batches = Batches { seed: 0, size: 32 };
        let mut run = Trainer::new(rule, vec![0.05; 150].into(), batches).unwrap();
        let before = run.evaluate().loss;
        while run.advance() {}
        let after = run.evaluate();
        assert!(after.loss < 0.7 * before, "{before} to {after:?}");
    }
}
