//! An optimizer step of a course: what takes part, the update, and what presses.

use super::{Course, Leg, Profile};
use crate::core::rng::{Stream, StreamId};
use crate::core::{Result, num};
use crate::labs::pruning::config::{Fade, Granularity, Method, Switching};
use crate::labs::pruning::criteria::regularise::{annealed, hyper_sparse};
use crate::labs::pruning::network::{DECAY, MOMENTUM, falling};

impl Course {
    pub(super) fn see(&mut self) {
        let seen = self.seen.params_mut().iter_mut();
        for ((s, w), on) in seen.zip(self.net.params()).zip(&self.on) {
            *s = w * on;
        }
    }

    /// Part of an optimizer step; whether it is done.
    pub(super) fn train(&mut self) -> Result<bool> {
        let t = self.t;
        if self.leg == Some(Leg::Dynamic) {
            self.choose_units();
            self.t += 1;
            return Ok(true);
        }
        if self.leg == Some(Leg::Surgery) {
            let done = self.operate()?;
            self.t += u64::from(done);
            return Ok(done);
        }
        if self.leg == Some(Leg::Part) && self.images.kept.is_none() {
            self.choose_images()?;
            return Ok(false);
        }
        if self.leg == Some(Leg::Bend) && !self.cut_done && self.push.is_none() {
            self.push = Some(self.pressure());
            return Ok(false);
        }
        if self.leg == Some(Leg::Flicker) {
            self.flicker();
        }
        let skip = match self.leg {
            Some(Leg::Round(r)) if r > 0 => self.rewind(),
            _ => 0,
        };
        if self.leg == Some(Leg::Round(0)) && t == self.rewind() {
            self.start = self.net.clone();
        }
        let (x, y) = self.batches.at(t + skip);
        self.batch_loss = self
            .seen
            .gradient(&x, &y, None, &mut self.grad, &mut self.work);
        self.density_sum += self.kept() as f64 / self.size().max(1) as f64;
        self.trained += 1;
        if self.config.method == Method::Movement {
            let moves = self.moved.iter_mut().zip(self.net.params());
            for ((s, w), g) in moves.zip(&self.grad) {
                *s -= f64::from(*w) * f64::from(*g);
            }
        }
        self.help(&x, &y);
        if self.exchange_due() {
            self.exchange();
        } else if self.leg == Some(Leg::Masks) {
            self.tune_masks();
        } else if self.leg == Some(Leg::Compress) {
            self.update_learnt();
        } else if self.leg == Some(Leg::Code) {
            self.update_through();
        } else if self.compands() {
            self.update_companded();
        } else {
            self.update();
        }
        self.push = None;
        self.t += 1;
        Ok(true)
    }

    /// The optimizer's rule on the weights that take part.
    pub(super) fn update(&mut self) {
        let rate = self.rate() as f32;
        let share = self.share() as f32;
        let half = self.leg == Some(Leg::Half);
        for (i, w) in self.net.params_mut().iter_mut().enumerate() {
            if half && self.open[i] == 0.0 {
                continue;
            }
            let v = &mut self.velocity[i];
            let extra = self.push.as_ref().map_or(0.0, |p| p[i]);
            let g = (self.grad[i] + extra) + DECAY * *w;
            let g = match self.on[i] {
                0.0 if share == 0.0 => {
                    *v = 0.0;
                    continue;
                }
                0.0 => share * g,
                _ => g,
            };
            *v = MOMENTUM * *v + g;
            *w -= rate * *v;
        }
    }

    /// Share of their gradient that pruned weights get now.
    pub(super) fn share(&self) -> f64 {
        let (alpha, t, end) = (self.config.alpha, self.t as f64, self.leg_steps as f64);
        match (self.leg, self.config.fade) {
            (Some(Leg::Gradual), Fade::Cosine) => annealed(alpha, t, end).0,
            (Some(Leg::Gradual), Fade::Linear) => annealed(alpha, t, end).1,
            (Some(Leg::Gradual), Fade::Constant) => alpha,
            _ => 0.0,
        }
    }

    /// Draws which pruned weights take part in this step.
    pub(super) fn flicker(&mut self) {
        let settled = self.config.settle / 100.0 * self.leg_steps as f64;
        let t = self.t as f64;
        let p = if t >= settled {
            0.0
        } else {
            match self.config.switching {
                Switching::Random => 1.0 - t / settled,
                Switching::Temperature => 0.5 * falling(t / settled),
            }
        };
        let mut luck = Stream::new(self.config.seed, StreamId::Policy).step(self.t as u32);
        for (on, open) in self.on.iter_mut().zip(&self.open) {
            *on = *open;
            if *open == 0.0 && p > 0.0 && luck.uniform() < p {
                *on = 1.0;
            }
        }
        self.see();
    }

    /// Gradient of the `HyperSparse` term, times its weight.
    pub(super) fn pressure(&mut self) -> Vec<f32> {
        let c = &self.config;
        let weight = c.pressure * num::pow(1.0 + c.growth / 100.0, self.t as f64);
        let mut out = vec![0.0; self.open.len()];
        let groups: Vec<Vec<usize>> = match c.granularity {
            Granularity::Global => vec![(0..self.net.layers()).collect()],
            Granularity::Layer => (0..self.net.layers()).map(|l| vec![l]).collect(),
        };
        for group in groups {
            let places: Vec<usize> = group
                .iter()
                .flat_map(|&l| self.net.weight_range(l))
                .collect();
            let w: Vec<f64> = places
                .iter()
                .map(|&i| f64::from(self.net.params()[i]))
                .collect();
            let Some(term) = hyper_sparse(&w, c.sparsity / 100.0) else {
                continue;
            };
            if !term.sigma.is_finite() {
                // The weight at the rate is exactly 0: there is nothing left to press.
                continue;
            }
            for (&i, g) in places.iter().zip(&term.gradient) {
                out[i] = (weight * g) as f32;
            }
            let bent = num::sum(w.iter().map(|w| num::tanh(term.sigma * w.abs())));
            self.profile = Some(Profile {
                sigma: term.sigma,
                ratio: term.surrogate / bent,
            });
        }
        out
    }
}
