//! Module-wise proximity in fine-tuning, after "MAPS" (arXiv 2511.19878): every pretrained module is
//! held near its weights by μ_m ‖θ_m - θ_m⁰‖², most of all the one that sees first, and less and
//! less along the modules; what was not pretrained is free. Here the modules are the three hidden
//! layers of a digits network, pretrained on shifted, noisy digits. Its head is drawn anew and the
//! whole is fine-tuned on 60 clean images, and judged where fine-tuning has not looked: shifted and
//! noisy.

use super::super::super::config::{Config, Proximity};
use super::super::super::norms::norm;
use super::super::super::training::{Batches, held_out};
use super::Model;
use super::domains::{gradient_of, put};
use crate::core::Result;
use crate::core::digits::{CLASSES, LR_TRAIN, PIXELS, Samples, digits};
use crate::core::mlp::{Mlp, Optimizer, OptimizerState, Workspace};
use crate::core::rng::{Stream, StreamId};

/// Layer sizes.
const SIZES: [usize; 5] = [PIXELS, 32, 24, 16, CLASSES];
/// Number of pretrained modules; the last layer is the new head.
const MODULES: usize = SIZES.len() - 2;
/// Images that are fine-tuned on.
const IMAGES: usize = 60;
/// Held-out samples that are looked at along the run.
const LOOKED: usize = 128;
/// Updates of the pretraining, its batch and its rate.
const PRETRAINING: u64 = 400;
const BATCH: usize = 32;
const RATE: f32 = 5e-3;
const ADAM: Optimizer = Optimizer::AdamW {
    beta1: 0.9,
    beta2: 0.95,
    weight_decay: 0.1,
};

/// Names of the traces.
pub(in crate::labs::lr) const TRACES: [&str; 4] = [
    "distance moved, first layer",
    "distance moved, third layer",
    "loss on clean images",
    "loss on shifted, noisy images",
];

/// One run.
#[derive(Debug, Clone)]
pub(super) struct Modules {
    seed: u64,
    batch: usize,
    net: Mlp,
    state: OptimizerState,
    work: Workspace,
    pretrained: u64,
    /// Weights after pretraining.
    first: Vec<f64>,
    /// Strength of the pull on every module.
    pull: [f64; MODULES],
    tuning: Samples,
    clean: Samples,
}

/// Images as they are.
fn clean(images: &[usize]) -> Samples {
    Samples {
        x: (images.iter())
            .flat_map(|i| digits().raw(*i).iter().map(|v| f32::from(*v) / 16.0))
            .collect(),
        labels: (images.iter()).map(|i| digits().labels()[*i]).collect(),
    }
}

/// The pull on every module: from the whole strength to none, or its mean on all.
fn pulls(proximity: Proximity, strength: f64) -> [f64; MODULES] {
    std::array::from_fn(|m| match proximity {
        Proximity::Free => 0.0,
        Proximity::Uniform => 0.5 * strength,
        Proximity::Modules => strength * (1.0 - m as f64 / (MODULES - 1) as f64),
    })
}

impl Modules {
    pub(super) fn new(config: &Config, seed: u64) -> Result<Self> {
        let (train, test) = digits().split(LR_TRAIN);
        let mut order = train.to_vec();
        Stream::new(seed, StreamId::Data).shuffle(&mut order);
        let net = Mlp::new(&SIZES, &mut Stream::new(seed, StreamId::Weights))?;
        Ok(Self {
            seed,
            batch: config.batch as usize,
            state: ADAM.state(net.params().len()),
            net,
            work: Workspace::default(),
            pretrained: 0,
            first: Vec::new(),
            pull: pulls(config.proximity, config.pull),
            tuning: clean(&order[..IMAGES]),
            clean: clean(test),
        })
    }

    /// Where a module's weights and biases lie.
    fn place(&self, module: usize) -> std::ops::Range<usize> {
        self.net.weight_range(module).start..self.net.bias_range(module).end
    }

    fn moved(&self, w: &[f64], module: usize) -> f64 {
        let place = self.place(module);
        norm((w[place.clone()].iter().zip(&self.first[place])).map(|(a, b)| a - b))
    }

    /// Loss and accuracy on clean and on shifted, noisy images that were held out.
    fn judged(&mut self, w: &[f64], samples: usize) -> [[f64; 2]; 2] {
        put(&mut self.net, w);
        [&self.clean, held_out()].map(|s| {
            let n = samples.min(s.len());
            let (x, labels) = (&s.x[..n * PIXELS], &s.labels[..n]);
            let e = self.net.evaluate(x, labels, None, &mut self.work);
            [e.loss, e.accuracy()]
        })
    }

    /// The whole loss on some samples with the pull, and its gradient.
    fn on(&mut self, w: &[f64], samples: &Samples, out: &mut [f64]) -> f64 {
        let mut loss = gradient_of(&mut self.net, (w, samples), &mut self.work, out);
        for (m, pull) in self.pull.into_iter().enumerate() {
            if pull > 0.0 {
                for i in self.place(m) {
                    let d = w[i] - self.first[i];
                    out[i] += 2.0 * pull * d;
                    loss += pull * d * d;
                }
            }
        }
        loss
    }
}

impl Model for Modules {
    fn prepare(&mut self) -> bool {
        let batches = Batches {
            seed: self.seed,
            size: BATCH,
        };
        let mut g = vec![0.0_f32; self.net.params().len()];
        for _ in 0..12 {
            if self.pretrained == PRETRAINING {
                return true;
            }
            // Apart from the batches of the fine-tuning's seed and step.
            let batch = batches.batch((1 << 30) + self.pretrained);
            (self.net).gradient(&batch.x, &batch.labels, None, &mut g, &mut self.work);
            ADAM.update(&mut self.state, self.net.params_mut(), &g, RATE);
            self.pretrained += 1;
        }
        false
    }

    fn start(&mut self) -> Vec<f64> {
        let head = self.net.weight_range(MODULES);
        let mut stream = Stream::new(self.seed, StreamId::Logits);
        let deviation = (2.0 / SIZES[MODULES] as f32).sqrt();
        let biases = self.net.bias_range(MODULES);
        for w in &mut self.net.params_mut()[head] {
            *w = deviation * stream.normal_f32();
        }
        self.net.params_mut()[biases].fill(0.0);
        self.first = self.net.params().iter().map(|w| f64::from(*w)).collect();
        self.first.clone()
    }

    fn gradient(&mut self, w: &[f64], step: u64, out: &mut [f64]) -> f64 {
        let mut pick = Stream::new(self.seed, StreamId::DataOrder).step(step as u32);
        let mut samples = Samples {
            x: Vec::with_capacity(self.batch * PIXELS),
            labels: Vec::with_capacity(self.batch),
        };
        for _ in 0..self.batch {
            let i = pick.below(IMAGES as u32) as usize;
            (samples.x).extend_from_slice(&self.tuning.x[i * PIXELS..(i + 1) * PIXELS]);
            samples.labels.push(self.tuning.labels[i]);
        }
        self.on(w, &samples, out)
    }

    fn fixed_gradient(&mut self, w: &[f64], out: &mut [f64]) {
        let samples = self.tuning.clone();
        self.on(w, &samples, out);
    }

    fn judge(&mut self, w: &[f64]) -> [f64; 2] {
        self.judged(w, usize::MAX)[1]
    }

    fn traces(&mut self, w: &[f64], _done: u64) -> Vec<(&'static str, f64)> {
        let moved = [0, MODULES - 1].map(|m| self.moved(w, m));
        let [clean, shifted] = self.judged(w, LOOKED);
        let values = [moved[0], moved[1], clean[0], shifted[0]];
        TRACES.into_iter().zip(values).collect()
    }

    fn slice(&self) -> usize {
        6
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(proximity: Proximity, pull: f64) -> Modules {
        let config = Config {
            proximity,
            pull,
            batch: 16,
            ..Config::default()
        };
        let mut m = Modules::new(&config, 1).unwrap();
        while !m.prepare() {}
        m
    }

    #[test]
    fn the_pull_falls_from_the_first_module_to_the_last_with_the_same_mean() {
        let linear = pulls(Proximity::Modules, 0.3);
        assert!((linear[0] - 0.3).abs() < 1e-12 && linear[2] == 0.0);
        assert!(linear.windows(2).all(|p| p[1] < p[0]));
        let mean = |v: [f64; MODULES]| v.iter().sum::<f64>() / MODULES as f64;
        assert!((mean(linear) - mean(pulls(Proximity::Uniform, 0.3))).abs() < 1e-12);
        assert_eq!(pulls(Proximity::Free, 0.3), [0.0; MODULES]);
    }

    #[test]
    fn pretraining_reads_digits_and_the_pull_holds_the_first_layer() {
        let moved = [Proximity::Free, Proximity::Modules].map(|p| {
            let mut m = model(p, 0.1);
            let seen = held_out();
            let e = (m.net).evaluate(&seen.x, &seen.labels, None, &mut m.work);
            assert!(e.accuracy() > 0.6, "{}", e.accuracy());
            let mut w = m.start();
            let mut g = vec![0.0; w.len()];
            for step in 0..60 {
                m.gradient(&w, step, &mut g);
                for (w, g) in w.iter_mut().zip(&g) {
                    *w -= 0.1 * g;
                }
            }
            m.moved(&w, 0)
        });
        assert!(moved[1] < 0.7 * moved[0], "{moved:?}");
    }
}
