//! Two domains and a curriculum between them, after the adaptive curriculum of night-time tracking
//! ("MambaNUT", arXiv 2412.00626; wuyou3474/MambaNUT): daytime data keep their sampling weight of
//! 1, those of the night grow as ratio × share of the run. Here the day is the digits stream and
//! the night the same digits, darkened to a quarter under the same noise.

use super::super::super::config::{Config, Night};
use super::super::super::training::{EVAL_SAMPLES, SIZES, augment_lit, held_out};
use super::Model;
use crate::core::digits::{LR_TRAIN, PIXELS, Samples, digits};
use crate::core::mlp::{Mlp, Workspace};
use crate::core::rng::{Stream, StreamId};
use crate::core::{Result, num};
use std::sync::OnceLock;

/// What is left of the light at night.
const LIGHT: f32 = 0.25;
/// Held-out samples per domain that a run is judged on, and that are looked at along it.
const JUDGED: usize = EVAL_SAMPLES / 2;
const LOOKED: usize = 128;

/// Names of the traces.
pub(in crate::labs::lr) const TRACES: [&str; 3] = [
    "share of night samples",
    "held-out loss, day",
    "held-out loss, night",
];

/// The authors' loss of an instance with this overlap (`IoU`, above 0 to 1) in a data set of `n`
/// instances, where the largest set has `largest`:
/// `-(ln(largest / n) + 1/2)^(1 - IoU) ln IoU + IoU (1 - IoU)`. Instances of small sets weigh more, the
/// more so the worse they are found.
pub(in crate::labs::lr) fn overlap_loss(iou: f64, n: f64, largest: f64) -> f64 {
    let weight = num::pow(num::ln(largest / n) + 0.5, 1.0 - iou);
    iou * (1.0 - iou) - weight * num::ln(iou)
}

/// Puts weights into a network in single precision.
pub(super) fn put(net: &mut Mlp, w: &[f64]) {
    for (p, w) in net.params_mut().iter_mut().zip(w) {
        *p = *w as f32;
    }
}

/// Gradient of a network's loss on samples at weights in double precision.
pub(super) fn gradient_of(
    net: &mut Mlp,
    (w, samples): (&[f64], &Samples),
    work: &mut Workspace,
    out: &mut [f64],
) -> f64 {
    put(net, w);
    let mut g = vec![0.0_f32; w.len()];
    let loss = net.gradient(&samples.x, &samples.labels, None, &mut g, work);
    for (o, g) in out.iter_mut().zip(g) {
        *o = f64::from(g);
    }
    loss
}

/// Held-out samples at night: those of the day with their light taken, noise anew.
fn night() -> &'static Samples {
    static SAMPLES: OnceLock<Samples> = OnceLock::new();
    SAMPLES.get_or_init(|| {
        let (_, test) = digits().split(LR_TRAIN);
        drawn(test, &vec![true; JUDGED], 0x6e69_6768, 0)
    })
}

/// One shifted, noisy sample per entry; `true` ones at night.
fn drawn(images: &[usize], dark: &[bool], seed: u64, step: u32) -> Samples {
    augment_lit(images, dark.len(), (seed, step), |k| {
        if dark[k] { LIGHT } else { 1.0 }
    })
}

/// One run.
#[derive(Debug, Clone)]
pub(super) struct Domains {
    seed: u64,
    batch: usize,
    updates: u64,
    night: Night,
    ratio: f64,
    net: Mlp,
    work: Workspace,
}

impl Domains {
    pub(super) fn new(config: &Config, seed: u64) -> Result<Self> {
        Ok(Self {
            seed,
            batch: config.batch as usize,
            updates: config.horizon,
            night: config.night,
            ratio: config.night_ratio,
            net: Mlp::new(&SIZES, &mut Stream::new(seed, StreamId::Weights))?,
            work: Workspace::default(),
        })
    }

    /// Share of the samples of an update that come from the night.
    fn share(&self, step: u64) -> f64 {
        let r = self.ratio;
        match self.night {
            Night::Ramped => {
                let weight = r * step as f64 / self.updates.max(1) as f64;
                weight / (1.0 + weight)
            }
            // The ramp's mean over the run: ∫ r q / (1 + r q) dq.
            Night::Even if r > 0.0 => 1.0 - num::ln_1p(r) / r,
            Night::Even | Night::Never => 0.0,
        }
    }

    fn samples(&self, step: u64) -> Samples {
        let share = self.share(step);
        let mut stream = Stream::new(self.seed, StreamId::Classes).step(step as u32);
        let dark: Vec<bool> = (0..self.batch).map(|_| stream.uniform() < share).collect();
        let (train, _) = digits().split(LR_TRAIN);
        drawn(train, &dark, self.seed, step as u32)
    }

    /// Held-out losses and accuracies by day and by night.
    fn judged(&mut self, w: &[f64], samples: usize) -> [[f64; 2]; 2] {
        put(&mut self.net, w);
        let day = held_out();
        let pixels = samples * PIXELS;
        [
            (&day.x[..pixels], &day.labels[..samples]),
            (&night().x[..pixels], &night().labels[..samples]),
        ]
        .map(|(x, labels)| {
            let e = self.net.evaluate(x, labels, None, &mut self.work);
            [e.loss, e.accuracy()]
        })
    }
}

impl Model for Domains {
    fn start(&mut self) -> Vec<f64> {
        self.net.params().iter().map(|w| f64::from(*w)).collect()
    }

    fn gradient(&mut self, w: &[f64], step: u64, out: &mut [f64]) -> f64 {
        let samples = self.samples(step);
        gradient_of(&mut self.net, (w, &samples), &mut self.work, out)
    }

    fn fixed_gradient(&mut self, w: &[f64], out: &mut [f64]) {
        let half = Samples {
            x: held_out().x[..64 * PIXELS].to_vec(),
            labels: held_out().labels[..64].to_vec(),
        };
        gradient_of(&mut self.net, (w, &half), &mut self.work, out);
    }

    fn judge(&mut self, w: &[f64]) -> [f64; 2] {
        let [day, night] = self.judged(w, JUDGED);
        [0.5 * (day[0] + night[0]), 0.5 * (day[1] + night[1])]
    }

    fn traces(&mut self, w: &[f64], done: u64) -> Vec<(&'static str, f64)> {
        let share = self.share(done.saturating_sub(1));
        let [day, night] = self.judged(w, LOOKED);
        TRACES.into_iter().zip([share, day[0], night[0]]).collect()
    }

    fn slice(&self) -> usize {
        8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(night: Night, ratio: f64) -> Domains {
        let config = Config {
            night,
            night_ratio: ratio,
            horizon: 200,
            batch: 32,
            ..Config::default()
        };
        Domains::new(&config, 3).unwrap()
    }

    #[test]
    fn the_ramp_and_the_even_mixture_spend_the_same_on_the_night() {
        let (ramped, even) = (model(Night::Ramped, 2.0), model(Night::Even, 2.0));
        let mean = (0..2000).map(|k| ramped.share(k / 10)).sum::<f64>() / 2000.0;
        assert!((mean - even.share(0)).abs() < 2e-3, "{mean}");
        assert_eq!(ramped.share(0), 0.0);
        assert!((ramped.share(199) - 2.0 / 3.0).abs() < 2e-3);
        assert_eq!(model(Night::Never, 2.0).share(150), 0.0);
    }

    #[test]
    fn overlaps_of_small_sets_weigh_more_and_a_perfect_one_costs_nothing() {
        // A set e^1.5 times smaller than the largest at half overlap: (1.5 + 1/2)^(1/2) ln 2 + 1/4.
        let n = num::exp(-1.5);
        let want = std::f64::consts::SQRT_2 * std::f64::consts::LN_2 + 0.25;
        assert!((overlap_loss(0.5, n, 1.0) - want).abs() < 1e-14);
        assert_eq!(overlap_loss(1.0, 0.01, 1.0), 0.0);
        assert!(overlap_loss(0.3, 0.01, 1.0) > overlap_loss(0.3, 1.0, 1.0));
    }

    #[test]
    fn the_night_is_harder_and_both_are_learnt() {
        let mut m = model(Night::Even, 2.0);
        let mut w = m.start();
        let mut g = vec![0.0; w.len()];
        let before = m.judged(&w, LOOKED);
        for step in 0..150 {
            m.gradient(&w, step, &mut g);
            for (w, g) in w.iter_mut().zip(&g) {
                *w -= 0.2 * g;
            }
        }
        let after = m.judged(&w, LOOKED);
        assert!(after[0][0] < before[0][0] && after[1][0] < before[1][0]);
        assert!(after[0][0] < after[1][0], "{after:?}");
    }
}
