//! Consistency models: the map from a noisy point to the end of its flow (Song et al., arXiv
//! 2303.01469), the discretisation and loss scale of improved consistency training (arXiv
//! 2310.14189, constants recalled), and the losses of improved training for latent consistency
//! models (Dao et al., arXiv 2502.01441), which outliers of the data pull less.

use super::mixture::Mixture;
use super::solver::Model;
use crate::core::rng::{Stream, StreamId};
use crate::core::{Job, Result, Step, num};

/// Level at which the flow is taken to have ended, as a share of where it is asked for, and at most
/// as an absolute level.
const END: [f64; 2] = [1e-3, 1e-3];
/// Largest Runge-Kutta step in ln s.
const STEP: f64 = 0.3;

/// The exact consistency function: where the probability flow takes the points from `level`.
/// dX / d ln s = X - D, classical Runge-Kutta, and the denoised estimate at its end.
pub fn endpoint(model: &mut dyn Model, points: &[f64], level: f64, out: &mut [f64]) {
    let end = (END[0] * level).min(END[1]);
    let count = (num::ln(level / end) / STEP).ceil().max(1.0);
    let h = -num::ln(level / end) / count;
    let mut x = points.to_vec();
    let mut d = vec![0.0; x.len()];
    let mut slope = |x: &[f64], ln: f64| -> Vec<f64> {
        model.denoise(x, num::exp(ln), &mut d);
        x.iter().zip(&d).map(|(x, d)| x - d).collect()
    };
    let moved = |x: &[f64], k: &[f64], by: f64| -> Vec<f64> {
        x.iter().zip(k).map(|(x, k)| x + by * k).collect()
    };
    let mut ln = num::ln(level);
    for _ in 0..count as usize {
        let a = slope(&x, ln);
        let b = slope(&moved(&x, &a, 0.5 * h), ln + 0.5 * h);
        let c = slope(&moved(&x, &b, 0.5 * h), ln + 0.5 * h);
        let d = slope(&moved(&x, &c, h), ln + h);
        for (i, x) in x.iter_mut().enumerate() {
            *x += h / 6.0 * (a[i] + 2.0 * b[i] + 2.0 * c[i] + d[i]);
        }
        ln += h;
    }
    model.denoise(&x, end, out);
}

/// Number of levels after a share of the training: doubled from `s0` to `s1`, plus one.
pub fn discretisation(share: f64, s0: u32, s1: u32) -> u32 {
    let doublings = num::ln(f64::from(s1) / f64::from(s0)) / num::ln(2.0);
    let stage = (share.clamp(0.0, 1.0) * (doublings + 1.0))
        .floor()
        .min(doublings.floor());
    (f64::from(s0) * num::pow(2.0, stage)).min(f64::from(s1)) as u32 + 1
}

/// Scale of the loss for a number of levels: errors above it count as outliers.
pub fn loss_scale(levels: u32) -> f64 {
    num::exp(-1.18 * num::ln(f64::from(levels.max(2) - 1)) - 0.72)
}

/// Loss of the difference between two neighbouring levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// d^2 / 2.
    Square,
    /// sqrt(d^2 + c^2) - c.
    PseudoHuber,
    /// ln(1 + d^2 / (2 c^2)).
    Cauchy,
}

impl Loss {
    /// All, from the least to the most robust.
    pub const ALL: [Self; 3] = [Self::Square, Self::PseudoHuber, Self::Cauchy];

    /// Its name in legends.
    pub fn name(self) -> &'static str {
        match self {
            Self::Square => "squared error",
            Self::PseudoHuber => "pseudo-Huber",
            Self::Cauchy => "Cauchy",
        }
    }

    /// Pull of a difference on the parameters: the derivative of the loss.
    pub fn pull(self, d: f64, c: f64) -> f64 {
        match self {
            Self::Square => d,
            Self::PseudoHuber => d / (d * d + c * c).sqrt(),
            Self::Cauchy => d / (c * c + 0.5 * d * d),
        }
    }
}

/// Bumps along the scaled point and along ln s.
const BUMPS: [usize; 2] = [28, 9];
/// Training steps, pairs in each, and Adam's rate.
const ITERATIONS: usize = 3000;
const BATCH: usize = 48;
const RATE: f64 = 0.02;
/// First and last number of levels minus one.
const STAGES: [u32; 2] = [10, 160];
/// Levels between which is trained.
const LIMITS: [f64; 2] = [0.02, 20.0];
/// Spread of the clean data, for the coefficients that make f(x, s) = x at s = 0.
const SPREAD: f64 = 1.0;
/// Share of training points that are outliers, and how far away they lie.
const OUTLIERS: f64 = 0.005;
const FAR: [f64; 2] = [8.0, 25.0];

/// Consistency training on the line: two modes at -1 and 1 with a few outliers far away, a linear
/// combination of bumps for the model. Slices of a few steps.
#[derive(Debug, Clone)]
pub struct Training {
    loss: Loss,
    stream: Stream,
    weights: Vec<f64>,
    momentum: Vec<f64>,
    square: Vec<f64>,
    done: usize,
}

/// Weights of the bumps at a point: those along x times those along ln s, which sum to 1.
fn bumps(x: f64, s: f64) -> Vec<(usize, f64)> {
    let scaled = x / (s * s + SPREAD * SPREAD).sqrt();
    let at = [
        (scaled + 3.0) / 6.0,
        num::ln(s / LIMITS[0]) / num::ln(LIMITS[1] / LIMITS[0]),
    ];
    // Straight between neighbouring bumps along both axes: four weights at most.
    let sides = [0, 1].map(|a| {
        let place = at[a].clamp(0.0, 1.0) * (BUMPS[a] - 1) as f64;
        let low = (place.floor() as usize).min(BUMPS[a] - 2);
        (low, place - low as f64)
    });
    let mut out = Vec::with_capacity(4);
    for (i, wx) in [(0, 1.0 - sides[0].1), (1, sides[0].1)] {
        for (j, ws) in [(0, 1.0 - sides[1].1), (1, sides[1].1)] {
            out.push(((sides[0].0 + i) * BUMPS[1] + sides[1].0 + j, wx * ws));
        }
    }
    out
}

fn skip_and_out(s: f64) -> [f64; 2] {
    let d2 = SPREAD * SPREAD;
    [d2 / (d2 + s * s), s * SPREAD / (d2 + s * s).sqrt()]
}

impl Training {
    /// Before the first step.
    pub fn new(loss: Loss, seed: u64) -> Self {
        let n = BUMPS[0] * BUMPS[1];
        Self {
            loss,
            stream: Stream::new(seed, StreamId::Data),
            weights: vec![0.0; n],
            momentum: vec![0.0; n],
            square: vec![0.0; n],
            done: 0,
        }
    }

    /// The model's end of the flow from `x` at level `s`.
    pub fn end(&self, x: f64, s: f64) -> f64 {
        let [skip, out] = skip_and_out(s);
        let sum = num::sum(bumps(x, s).into_iter().map(|(i, w)| w * self.weights[i]));
        skip * x + out * sum
    }

    /// A clean point of the two modes.
    fn clean(stream: &mut Stream) -> f64 {
        let side = if stream.uniform() < 0.5 { -1.0 } else { 1.0 };
        side + 0.15 * f64::from(stream.normal_f32())
    }

    /// One step; `false` at the end.
    pub fn advance(&mut self) -> bool {
        const BETAS: [f64; 2] = [0.9, 0.99];
        if self.done == ITERATIONS {
            return false;
        }
        let share = self.done as f64 / ITERATIONS as f64;
        let count = discretisation(share, STAGES[0], STAGES[1]);
        let c = loss_scale(count);
        let levels = num::logspace(LIMITS[0], LIMITS[1], count as usize);
        let mut gradient = vec![0.0; self.weights.len()];
        for _ in 0..BATCH {
            let mut x0 = Self::clean(&mut self.stream);
            let u = self.stream.uniform();
            let (far, side) = (self.stream.uniform(), self.stream.uniform());
            if u < OUTLIERS {
                x0 = (FAR[0] + far * (FAR[1] - FAR[0])) * if side < 0.5 { -1.0 } else { 1.0 };
            }
            let z = f64::from(self.stream.normal_f32());
            let n = self.stream.below(count - 1) as usize;
            let (low, high) = (levels[n], levels[n + 1]);
            let target = if n == 0 {
                x0
            } else {
                self.end(x0 + low * z, low)
            };
            let x = x0 + high * z;
            let d = self.end(x, high) - target;
            let pull = self.loss.pull(d, c) * skip_and_out(high)[1];
            for (i, w) in bumps(x, high) {
                gradient[i] += pull * w / BATCH as f64;
            }
        }
        self.done += 1;
        let t = self.done as f64;
        let rate = RATE * (1.0 - share);
        let correct = BETAS.map(|b| 1.0 - num::pow(b, t));
        for (i, g) in gradient.into_iter().enumerate() {
            self.momentum[i] += (1.0 - BETAS[0]) * (g - self.momentum[i]);
            self.square[i] += (1.0 - BETAS[1]) * (g * g - self.square[i]);
            let size = (self.square[i] / correct[1]).sqrt();
            self.weights[i] -= rate * self.momentum[i] / correct[0] / (size + 1e-8);
        }
        true
    }

    /// Root mean square distance of the model from the exact end of the flow of the clean modes,
    /// over clean points at levels from 0.3 up.
    ///
    /// # Errors
    /// Never: the two modes are a mixture.
    pub fn error(&self, seed: u64) -> Result<f64> {
        const POINTS: usize = 300;
        let modes = Mixture::new(1, &[0.5, 0.5], &[-1.0, 1.0], &[0.0225, 0.0225])?;
        let mut stream = Stream::new(seed, StreamId::Noise);
        let mut total = 0.0;
        for _ in 0..POINTS {
            let s = 0.3 * num::exp(stream.uniform() * num::ln(LIMITS[1] / 0.3));
            let x = Self::clean(&mut stream) + s * f64::from(stream.normal_f32());
            let mut exact = [0.0];
            endpoint(&mut OnLine(&modes), &[x], s, &mut exact);
            let e = self.end(x, s) - exact[0];
            total += e * e;
        }
        Ok((total / POINTS as f64).sqrt())
    }
}

struct OnLine<'a>(&'a Mixture);

impl Model for OnLine<'_> {
    fn denoise(&mut self, points: &[f64], level: f64, out: &mut [f64]) {
        let mut at = self.0.level(1.0, level);
        for (x, d) in points.chunks_exact(1).zip(out.chunks_exact_mut(1)) {
            at.denoise(x, d);
        }
    }

    fn noise(&mut self, _step: usize, out: &mut [f64]) {
        out.fill(0.0);
    }
}

/// Error after training with one loss over that with another, on the same draws.
#[derive(Debug)]
pub struct Contest {
    seed: u64,
    pair: [Training; 2],
}

impl Contest {
    /// Both before their first step.
    pub fn new(losses: [Loss; 2], seed: u64) -> Self {
        Self {
            seed,
            pair: losses.map(|loss| Training::new(loss, seed)),
        }
    }
}

impl Job for Contest {
    type Out = f64;

    fn step(&mut self) -> Result<Step<f64>> {
        const PER_SLICE: usize = 20;
        for training in &mut self.pair {
            let mut moved = false;
            for _ in 0..PER_SLICE {
                moved = training.advance();
            }
            if moved {
                return Ok(Step::Working);
            }
        }
        let [a, b] = &self.pair;
        Ok(Step::Done(a.error(self.seed)? / b.error(self.seed)?))
    }

    fn progress(&self) -> f64 {
        let done: usize = self.pair.iter().map(|t| t.done).sum();
        done as f64 / (2 * ITERATIONS) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flow_of_a_gaussian_ends_at_its_closed_form() {
        let c = 0.4;
        let m = Mixture::new(1, &[1.0], &[0.0], &[c * c]).unwrap();
        for s in [0.1, 1.0, 30.0] {
            let mut end = [0.0];
            endpoint(&mut OnLine(&m), &[2.0], s, &mut end);
            let want = 2.0 * c / (c * c + s * s).sqrt();
            assert!((end[0] / want - 1.0).abs() < 1e-3, "{s}: {} {want}", end[0]);
        }
    }

    #[test]
    fn levels_double_to_their_most_and_the_scale_falls_with_them() {
        let count: Vec<u32> = [0.0, 0.13, 0.5, 0.99, 1.0]
            .map(|share| discretisation(share, 10, 1280))
            .to_vec();
        assert_eq!(count, [11, 21, 161, 1281, 1281]);
        assert!(loss_scale(1281) < 1e-3 * 0.11 && loss_scale(11) > 0.03);
    }

    #[test]
    fn an_outlier_pulls_without_end_a_little_or_less_and_less() {
        let c = 0.03;
        let pull = |loss: Loss, d| loss.pull(d, c).abs() / loss.pull(c, c).abs();
        assert!(pull(Loss::Square, 10.0) > 300.0);
        assert!(pull(Loss::PseudoHuber, 10.0) < 1.5);
        assert!(pull(Loss::Cauchy, 10.0) < 0.02);
    }

    #[test]
    fn training_brings_the_model_towards_the_exact_map() {
        let mut training = Training::new(Loss::PseudoHuber, 3);
        let before = training.error(1).unwrap();
        while training.advance() {}
        let after = training.error(1).unwrap();
        assert!(after < 0.6 * before, "{before} {after}");
    }
}
