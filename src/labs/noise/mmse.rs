//! The one curve that decides which levels matter: m(s) = E |x0 - D(x0 + s eps, s)|^2, the smallest
//! mean squared error any denoiser can have at noise level s. Estimated as the mean posterior
//! variance over a fixed sample with the same noise at every level, which has little noise of its
//! own and keeps the curve smooth.

use super::data;
use super::mixture::Mixture;
use crate::core::num;
use crate::core::rng::{Stream, StreamId, integer_normal};
use std::sync::Arc;

/// The curve on a grid of levels equally spaced in ln s, ascending.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Levels, data units.
    pub grid: Arc<[f64]>,
    /// Error at each, summed over coordinates, data units squared; never falls.
    pub mmse: Arc<[f64]>,
}

impl Curve {
    /// m(s), straight in ln s between the grid's levels, constant outside.
    pub fn at(&self, s: f64) -> f64 {
        let last = self.grid.len() - 1;
        if s <= self.grid[0] {
            return self.mmse[0];
        }
        let place = num::ln(s / self.grid[0]) / num::ln(self.grid[last] / self.grid[0]);
        super::schedule::along(&self.mmse, place.min(1.0))
    }

    /// The level at which the error reaches `share` of its largest value.
    pub fn level_at_share(&self, share: f64) -> f64 {
        let want = share * self.mmse[self.mmse.len() - 1];
        let i = self
            .mmse
            .partition_point(|m| *m < want)
            .clamp(1, self.mmse.len() - 1);
        let t = (want - self.mmse[i - 1]) / (self.mmse[i] - self.mmse[i - 1]).max(1e-300);
        let (a, b) = (num::ln(self.grid[i - 1]), num::ln(self.grid[i]));
        num::exp(a + t.clamp(0.0, 1.0) * (b - a))
    }

    /// The path divergence (KLUB) of falling levels, nats: the area between the staircase
    /// m(s_k) and the curve over SNR = 1 / s^2, halved.
    pub fn klub(&self, levels: &[f64]) -> f64 {
        const PIECES: usize = 32;
        let steps = levels.windows(2).filter(|w| w[1] > 0.0);
        num::sum(steps.map(|w| {
            let h = num::ln(w[0] / w[1]) / PIECES as f64;
            let top = self.at(w[0]);
            let value = |i: usize| {
                let s = w[1] * num::exp(h * i as f64);
                (top - self.at(s)) / (s * s)
            };
            num::sum((0..PIECES).map(|i| 0.5 * h * (value(i) + value(i + 1))))
        }))
    }
}

/// Computes the curve one level at a time.
#[derive(Debug, Clone)]
pub struct Builder {
    mixture: Arc<Mixture>,
    grid: Arc<[f64]>,
    clean: Vec<f64>,
    noise: Vec<f64>,
    values: Vec<f64>,
}

impl Builder {
    /// `samples` stratified points on `points` levels from `min` to `max`.
    pub fn new(
        mixture: Arc<Mixture>,
        seed: u64,
        [min, max]: [f64; 2],
        points: usize,
        samples: usize,
    ) -> Self {
        let stream = Stream::new(seed, StreamId::Data).replicate(9);
        let clean = data::draw_stratified(&mixture, &stream, samples);
        let noise = Stream::new(seed, StreamId::Noise).replicate(9);
        Self {
            noise: (0..clean.len() as u64)
                .map(|e| f64::from(integer_normal(noise.at(e))))
                .collect(),
            grid: num::logspace(min, max, points).into(),
            clean,
            mixture,
            values: Vec::new(),
        }
    }

    /// Share of the levels done.
    pub fn progress(&self) -> f64 {
        self.values.len() as f64 / self.grid.len() as f64
    }

    /// One level; `None` until all are done.
    pub fn advance(&mut self) -> Option<Curve> {
        if let Some(&s) = self.grid.get(self.values.len()) {
            let mut at = self.mixture.level(1.0, s);
            let mut mean = [0.0; 2];
            let mut total = 0.0;
            for (x, e) in self.clean.chunks_exact(2).zip(self.noise.chunks_exact(2)) {
                total += at.posterior_variance(&[x[0] + s * e[0], x[1] + s * e[1]], &mut mean);
            }
            let value = total / (self.clean.len() / 2).max(1) as f64;
            // More noise never helps: what falls is sampling error.
            let before = self.values.last().copied().unwrap_or(0.0);
            self.values.push(value.max(before));
            return None;
        }
        Some(Curve {
            grid: self.grid.clone(),
            mmse: self.values.clone().into(),
        })
    }

    /// All levels at once.
    pub fn finish(mut self) -> Curve {
        loop {
            if let Some(curve) = self.advance() {
                return curve;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_gaussian_has_its_closed_form() {
        let m = Arc::new(Mixture::round(&[1.0], &[[0.3, -1.0]], &[0.5]).unwrap());
        let curve = Builder::new(m, 1, [0.01, 50.0], 60, 16).finish();
        for (s, got) in curve.grid.iter().zip(curve.mmse.iter()) {
            let want = 2.0 * 0.25 * s * s / (0.25 + s * s);
            assert!((got / want - 1.0).abs() < 1e-9, "{s}: {got} {want}");
        }
        let half = curve.level_at_share(0.5);
        assert!((half - 0.5).abs() < 0.01, "{half}");
    }

    #[test]
    fn the_posterior_variance_is_the_mean_squared_error() {
        let m = Arc::new(
            super::super::data::DataSet::Grid9
                .mixture(0.05, 0.0)
                .unwrap(),
        );
        let s = 0.4;
        let curve = Builder::new(m.clone(), 3, [s, 2.0], 2, 20_000).finish();
        let clean = data::draw(&m, &Stream::new(8, StreamId::Data), 0..20_000);
        let noise = Stream::new(8, StreamId::Noise);
        let mut at = m.level(1.0, s);
        let (mut total, mut d) = (0.0, [0.0; 2]);
        for (i, x) in clean.chunks_exact(2).enumerate() {
            let e = [0, 1].map(|c| f64::from(integer_normal(noise.at(2 * i as u64 + c))));
            at.denoise(&[x[0] + s * e[0], x[1] + s * e[1]], &mut d);
            total += (x[0] - d[0]).powi(2) + (x[1] - d[1]).powi(2);
        }
        let direct = total / 20_000.0;
        assert!(
            (curve.mmse[0] / direct - 1.0).abs() < 0.03,
            "{} {direct}",
            curve.mmse[0]
        );
    }

    #[test]
    fn the_divergence_of_a_gaussian_schedule_is_the_closed_form() {
        use super::super::optimal::{Range, gaussian_klub, gaussian_klub_value};
        let c = 0.7;
        let m = Arc::new(Mixture::round(&[1.0], &[[0.0, 0.0]], &[c]).unwrap());
        let curve = Builder::new(m, 1, [0.01, 20.0], 800, 4).finish();
        let range = Range {
            min: 0.05,
            max: 10.0,
            steps: 8,
        };
        let got = curve.klub(&gaussian_klub(c, range));
        let want = 2.0 * gaussian_klub_value(c, range);
        assert!((got / want - 1.0).abs() < 0.01, "{got} {want}");
    }
}
