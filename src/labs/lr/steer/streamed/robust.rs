//! A robust loss whose scale follows a schedule, after the adaptive scaling-c of latent consistency
//! training ("Improved Training Technique for Latent Consistency Models", arXiv 2502.01441): the
//! loss ln(1 + d² / (2 c²)) with c = exp(-1.18 ln NFE - 0.72), where NFE, the number of
//! discretisation steps, doubles over training.
//!
//! The task is our own: linear regression whose inlying residuals shrink as 1 / NFE, as those
//! between neighbouring steps of a consistency model do, while a tenth of the targets is off by a
//! scale that stays.

use super::super::super::config::{Config, Scaling};
use super::Model;
use crate::core::num;
use crate::core::rng::{Stream, StreamId};
use std::sync::OnceLock;

const INPUTS: usize = 16;
/// Discretisation steps at the start and at the end.
pub(in crate::labs::lr) const LEVELS: [u32; 2] = [10, 640];
/// Share of targets that are off, and by what deviation.
const OUTLIERS: f64 = 0.1;
const OFF: f64 = 1.0;
/// Deviation of the other residuals times NFE.
const INLYING: f64 = 0.3;

/// Names of the traces.
pub(in crate::labs::lr) const TRACES: [&str; 3] =
    ["scale c", "discretisation steps", "distance to the truth"];

/// c at a number of discretisation steps.
pub(in crate::labs::lr) fn scale_of(nfe: f64) -> f64 {
    num::exp(-1.18 * num::ln(nfe) - 0.72)
}

/// The true weights: the same for every run.
fn truth() -> &'static [f64] {
    static TRUTH: OnceLock<Vec<f64>> = OnceLock::new();
    TRUTH.get_or_init(|| {
        let mut stream = Stream::new(1, StreamId::Data);
        (0..INPUTS)
            .map(|_| stream.normal() / (INPUTS as f64).sqrt())
            .collect()
    })
}

/// One run's data.
#[derive(Debug, Clone)]
pub(super) struct Robust {
    seed: u64,
    batch: usize,
    updates: u64,
    scaling: Scaling,
}

impl Robust {
    pub(super) fn new(config: &Config, seed: u64) -> Self {
        Self {
            seed,
            batch: config.batch as usize,
            updates: config.horizon,
            scaling: config.scaling,
        }
    }

    /// Discretisation steps of an update: they double in stages of equal length.
    fn level(&self, step: u64) -> f64 {
        let stages = u64::from((LEVELS[1] / LEVELS[0]).ilog2()) + 1;
        let stage = (step * stages / self.updates.max(1)).min(stages - 1);
        f64::from(LEVELS[0] << stage)
    }

    fn scale(&self, step: u64) -> f64 {
        match self.scaling {
            Scaling::Adaptive => scale_of(self.level(step)),
            Scaling::Wide => scale_of(f64::from(LEVELS[0])),
            Scaling::Narrow => scale_of(f64::from(LEVELS[1])),
        }
    }

    fn distance(w: &[f64]) -> f64 {
        num::sum(w.iter().zip(truth()).map(|(w, t)| (w - t) * (w - t))).sqrt()
    }

    fn on(&self, w: &[f64], mut stream: Stream, step: u64, out: &mut [f64]) -> f64 {
        let (c, inlying) = (self.scale(step), INLYING / self.level(step));
        let share = 1.0 / self.batch as f64;
        out.fill(0.0);
        let mut loss = 0.0;
        for _ in 0..self.batch {
            let x: [f64; INPUTS] = std::array::from_fn(|_| stream.normal());
            let off = stream.uniform() < OUTLIERS;
            let noise = stream.normal() * if off { OFF } else { inlying };
            let d = num::sum((0..INPUTS).map(|j| (w[j] - truth()[j]) * x[j])) - noise;
            let r = d * d / (2.0 * c * c);
            loss += share * num::ln_1p(r);
            let slope = share * d / (c * c) / (1.0 + r);
            for (g, x) in out.iter_mut().zip(x) {
                *g += slope * x;
            }
        }
        loss
    }
}

impl Model for Robust {
    fn start(&mut self) -> Vec<f64> {
        vec![0.0; INPUTS]
    }

    fn gradient(&mut self, w: &[f64], step: u64, out: &mut [f64]) -> f64 {
        let stream = Stream::new(self.seed, StreamId::DataOrder).step(step as u32);
        self.on(w, stream, step, out)
    }

    fn fixed_gradient(&mut self, w: &[f64], out: &mut [f64]) {
        self.on(w, Stream::new(0, StreamId::Test), 0, out);
    }

    fn judge(&mut self, w: &[f64]) -> [f64; 2] {
        [Self::distance(w), f64::NAN]
    }

    fn traces(&mut self, w: &[f64], done: u64) -> Vec<(&'static str, f64)> {
        let last = done.saturating_sub(1);
        let values = [self.scale(last), self.level(last), Self::distance(w)];
        TRACES.into_iter().zip(values).collect()
    }

    fn slice(&self) -> usize {
        (1600 / self.batch.max(1)).clamp(1, 60)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::gradient_error;
    use super::*;

    fn model(scaling: Scaling) -> Robust {
        let config = Config {
            scaling,
            horizon: 70,
            batch: 16,
            ..Config::default()
        };
        Robust::new(&config, 2)
    }

    #[test]
    fn the_scale_is_the_published_curve_and_follows_the_steps() {
        // exp(-1.18 ln 10 - 0.72) and the same at 640.
        assert!(
            (scale_of(10.0) - 0.032_160).abs() < 1e-5,
            "{}",
            scale_of(10.0)
        );
        assert!((scale_of(640.0) / scale_of(10.0) - num::pow(64.0, -1.18)).abs() < 1e-12);
        let adaptive = model(Scaling::Adaptive);
        let levels: Vec<f64> = (0..70).step_by(10).map(|s| adaptive.level(s)).collect();
        assert_eq!(levels, [10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 640.0]);
        assert_eq!(adaptive.scale(0), model(Scaling::Wide).scale(69));
        assert_eq!(adaptive.scale(69), model(Scaling::Narrow).scale(0));
    }

    #[test]
    fn the_gradient_agrees_with_finite_differences_and_outliers_lose_their_pull() {
        let places: Vec<usize> = (0..INPUTS).collect();
        let w = vec![0.1; INPUTS];
        let error = gradient_error(&mut model(Scaling::Wide), &w, &places);
        assert!(error < 1e-3, "{error}");
        // d / (c² + d²/2) falls beyond √2 c.
        let pull = |d: f64, c: f64| d / (c * c) / (1.0 + d * d / (2.0 * c * c));
        assert!(pull(10.0, 1.0) < pull(1.5, 1.0));
    }
}
