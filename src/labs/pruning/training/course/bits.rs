//! Weights that lose bits while they train: bits and exponent of every unit learnt with the weights,
//! or cut and rounded to a budget of entropy.

use super::{Course, Leg};
use crate::core::num;
use crate::labs::pruning::criteria::coding::{Coded, choose, cut_and_round, grid_step, offers};
use crate::labs::pruning::criteria::regularise::Quantiser;
use crate::labs::pruning::network::{DECAY, MOMENTUM, falling};

/// Adam on bits and exponents.
const BIT_RATE: f64 = 0.05;
const EXPONENT_RATE: f64 = 0.02;
const BETA1: f64 = 0.9;
const BETA2: f64 = 0.99;
const TINY: f64 = 1e-8;

/// A number that Adam trains.
#[derive(Debug, Clone, Copy, Default)]
struct Learnt {
    value: f64,
    mean: f64,
    square: f64,
}

impl Learnt {
    fn of(value: f64) -> Self {
        Self {
            value,
            ..Self::default()
        }
    }

    /// One step against a gradient; `t` counts from 1.
    fn descend(&mut self, gradient: f64, rate: f64, t: u64) {
        self.mean = BETA1 * self.mean + (1.0 - BETA1) * gradient;
        self.square = BETA2 * self.square + (1.0 - BETA2) * gradient * gradient;
        let mean = self.mean / (1.0 - num::pow(BETA1, t as f64));
        let square = self.square / (1.0 - num::pow(BETA2, t as f64));
        self.value -= rate * mean / (square.sqrt() + TINY);
    }
}

/// Bits and exponent of the weights into a unit.
#[derive(Debug, Clone, Copy)]
struct Unit {
    bits: Learnt,
    exponent: Learnt,
}

impl Unit {
    fn quantiser(&self) -> Quantiser {
        Quantiser::new(self.bits.value, self.exponent.value)
    }
}

/// How the weights of every layer are stored now.
#[derive(Debug, Clone, Default)]
pub(crate) struct Coding {
    units: Vec<Vec<Unit>>,
    /// By layer: where it is cut, and the step of its grid.
    cuts: Vec<(Coded, f64)>,
}

impl Coding {
    /// Bits a weight of a layer costs: whole bits of every unit, or the entropy.
    fn cost(&self, layer: usize, weights: usize) -> f64 {
        if let Some(units) = self.units.get(layer) {
            let whole = units.iter().map(|u| u.bits.value.ceil());
            return num::sum(whole) / units.len().max(1) as f64;
        }
        let cut = self.cuts.get(layer);
        cut.map_or(32.0, |(c, _)| c.bits / weights.max(1) as f64)
    }
}

impl Course {
    /// Bits that a weight costs, by layer; empty where weights keep all of theirs.
    pub(crate) fn bits(&self) -> Vec<f64> {
        if !matches!(self.leg, Some(Leg::Compress | Leg::Code)) {
            return Vec::new();
        }
        let of = |l: usize| self.coding.cost(l, self.net.weight_range(l).len());
        (0..self.net.layers()).map(of).collect()
    }

    /// Bits that a weight costs, mean of all; 32 where they keep all of theirs.
    pub(crate) fn mean_bits(&self) -> f64 {
        let bits = self.bits();
        let sizes = (0..bits.len()).map(|l| self.net.weight_range(l).len() as f64);
        let sum = num::sum(bits.iter().zip(sizes).map(|(b, n)| b * n));
        if bits.is_empty() {
            32.0
        } else {
            sum / self.size().max(1) as f64
        }
    }

    /// Whole bits of every unit of a layer; none where they are not learnt.
    pub(crate) fn unit_bits(&self, layer: usize) -> Option<Vec<u8>> {
        let units = self.coding.units.get(layer)?;
        Some(units.iter().map(|u| u.bits.value.ceil() as u8).collect())
    }

    /// Gives every unit its first bits, and the exponent with which its largest weight fits.
    pub(super) fn start_bits(&mut self) {
        let bits = self.config.first_bits;
        self.coding.units = (0..self.net.layers())
            .map(|l| {
                let rows = self.net.weights(l).chunks(self.net.sizes()[l]);
                rows.map(|row| {
                    let top = row.iter().fold(f32::MIN_POSITIVE, |m, w| m.max(w.abs()));
                    Unit {
                        bits: Learnt::of(bits),
                        exponent: Learnt::of(num::log2(f64::from(top)) - (bits - 1.0)),
                    }
                })
                .collect()
            })
            .collect();
    }

    /// Chooses where every layer is cut, within the budget.
    pub(super) fn choose_cuts(&mut self) {
        let (grid, layers) = (self.config.grid_bits, self.net.layers());
        let of = |l: usize| offers(self.net.weights(l), grid);
        let all: Vec<Vec<Coded>> = (0..layers).map(of).collect();
        let budget = self.config.bit_budget * self.size() as f64;
        let step = |l: usize| {
            let weights = self.net.weights(l).iter();
            let top = weights.fold(0.0_f32, |m, w| m.max(w.abs()));
            grid_step(f64::from(top), grid)
        };
        let chosen = choose(&all, budget);
        self.coding.cuts = chosen.into_iter().zip((0..layers).map(step)).collect();
    }

    /// The forward pass sees the weights as they are stored; a weight stored as 0 is gone.
    pub(super) fn see_coded(&mut self) {
        self.seen.params_mut().copy_from_slice(self.net.params());
        for l in 0..self.net.layers() {
            let (range, cols) = (self.net.weight_range(l), self.net.sizes()[l]);
            let cut = self.coding.cuts.get(l);
            for (row, at) in range.step_by(cols).enumerate() {
                let unit = self.coding.units.get(l).and_then(|u| u.get(row));
                let quantiser = unit.map(Unit::quantiser);
                for i in at..at + cols {
                    let w = f64::from(self.net.params()[i]);
                    let q = match (quantiser, cut) {
                        (Some(quantiser), _) => quantiser.of(w),
                        (None, Some((cut, step))) => cut_and_round(w, cut.edge, *step),
                        (None, None) => w,
                    };
                    self.seen.params_mut()[i] = q as f32;
                    self.open[i] = f32::from(u8::from(q != 0.0));
                }
            }
        }
    }

    /// One step of weights, bits and exponents.
    pub(super) fn update_learnt(&mut self) {
        let rate = self.rate();
        let falls = falling(self.t as f64 / self.leg_steps.max(1) as f64);
        let price = self.config.bit_price / self.size().max(1) as f64;
        for l in 0..self.net.layers() {
            let (range, cols) = (self.net.weight_range(l), self.net.sizes()[l]);
            for (unit, u) in self.coding.units[l].iter_mut().enumerate() {
                if u.bits.value == 0.0 {
                    // Gone for good: its outputs are its bias alone.
                    continue;
                }
                let quantiser = u.quantiser();
                let (mut by_bits, mut by_exponent) = (price * cols as f64, 0.0);
                for i in range.start + unit * cols..range.start + (unit + 1) * cols {
                    let (w, g) = (self.net.params()[i], f64::from(self.grad[i]));
                    let slopes = quantiser.slopes(f64::from(w));
                    by_bits += g * slopes[1];
                    by_exponent += g * slopes[2];
                    let v = &mut self.velocity[i];
                    *v = MOMENTUM * *v + ((g * slopes[0]) as f32 + DECAY * w);
                    self.net.params_mut()[i] -= rate as f32 * *v;
                }
                u.bits.descend(by_bits, BIT_RATE * falls, self.t + 1);
                u.exponent
                    .descend(by_exponent, EXPONENT_RATE * falls, self.t + 1);
                u.bits.value = u.bits.value.max(0.0);
            }
            self.update_biases(l);
        }
    }

    /// One step of all weights through cut and rounding, as if there were none.
    pub(super) fn update_through(&mut self) {
        let rate = self.rate() as f32;
        for l in 0..self.net.layers() {
            for i in self.net.weight_range(l) {
                let w = self.net.params()[i];
                let v = &mut self.velocity[i];
                *v = MOMENTUM * *v + (self.grad[i] + DECAY * w);
                self.net.params_mut()[i] = w - rate * *v;
            }
            self.update_biases(l);
        }
    }

    fn update_biases(&mut self, layer: usize) {
        let rate = self.rate() as f32;
        for i in self.net.bias_range(layer) {
            let w = self.net.params()[i];
            let v = &mut self.velocity[i];
            *v = MOMENTUM * *v + (self.grad[i] + DECAY * w);
            self.net.params_mut()[i] = w - rate * *v;
        }
    }
}
