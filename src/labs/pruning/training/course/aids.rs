//! What helps a training to become sparse: sharpness-aware steps, extra decay, a compander,
//! feature flow, and class weights.

use super::{Course, Leg};
use crate::core::digits::CLASSES;
use crate::core::num;
use crate::labs::pruning::config::Regime;
use crate::labs::pruning::criteria::flow;
use crate::labs::pruning::kinds::Aid;
use crate::labs::pruning::network::{DECAY, MOMENTUM, answers};
use std::collections::VecDeque;

/// Radius of the weakest and of the strongest unit of a layer, over the mean one (`AdaSAP`).
const WEAKEST: f32 = 1.7;
const STRONGEST: f32 = 0.3;
/// Answers a class remembers.
const REMEMBERED: usize = 40;
/// Share by which a class may fall behind the others.
const TOLERANCE: f64 = 0.01;

/// Multipliers of the classes, and the answers they follow.
#[derive(Debug, Clone, Default)]
pub(super) struct ClassWeights {
    pub(super) lambda: [f64; CLASSES],
    /// By class: whether the dense and the sparse network had the last images right.
    answers: [VecDeque<[bool; 2]>; CLASSES],
}

impl ClassWeights {
    fn note(&mut self, label: u8, right: [bool; 2]) {
        if let Some(list) = self.answers.get_mut(usize::from(label)) {
            list.push_back(right);
            if list.len() > REMEMBERED {
                list.pop_front();
            }
        }
    }

    /// λ ← λ + η (e - ε), e = gap of the class minus that of all; back to 0 as soon as e ≤ ε.
    fn climb(&mut self, step: f64) {
        let lost = |list: &VecDeque<[bool; 2]>| -> f64 {
            let gap = |[dense, sparse]: &[bool; 2]| f64::from(*dense) - f64::from(*sparse);
            list.iter().map(gap).sum()
        };
        let seen: usize = self.answers.iter().map(VecDeque::len).sum();
        let overall = self.answers.iter().map(lost).sum::<f64>() / seen.max(1) as f64;
        for (lambda, list) in self.lambda.iter_mut().zip(&self.answers) {
            let gap = lost(list) / list.len().max(1) as f64;
            let beyond = gap - overall - TOLERANCE;
            *lambda = if beyond > 0.0 {
                *lambda + step * beyond
            } else {
                0.0
            };
        }
    }
}

impl Course {
    /// The help that acts in this leg.
    fn aid(&self) -> Aid {
        let c = &self.config;
        match (c.regime, self.leg) {
            (Regime::Tune, Some(Leg::Tune)) => c.aid,
            (Regime::Gradual | Regime::Tune, _) if c.aid != Aid::Balance => c.aid,
            _ => Aid::Plain,
        }
    }

    /// Whether weights pass through the compander.
    pub(super) fn compands(&self) -> bool {
        self.aid() == Aid::Compander
    }

    /// Changes the gradient of this batch.
    pub(super) fn help(&mut self, x: &[f32], y: &[u8]) {
        match self.aid() {
            Aid::Plain | Aid::Compander => {}
            Aid::Sharpness | Aid::AdaSap => self.uphill(x, y),
            Aid::Shrink => self.shrink(),
            Aid::Flow => flow::add_gradient(&self.seen, x, self.config.strength, &mut self.grad),
            Aid::Balance => self.balance(x, y),
        }
    }

    /// Takes the gradient where the loss is higher: at w + ρ g / ‖g‖.
    fn uphill(&mut self, x: &[f32], y: &[u8]) {
        let parts = self.grad.iter().zip(&self.on);
        let square = |(g, on): (&f32, &f32)| f64::from(g * on) * f64::from(g * on);
        let norm = num::sum(parts.map(square)).sqrt();
        if norm == 0.0 {
            return;
        }
        let by = (self.config.radius / norm) as f32;
        let adaptive = self.aid() == Aid::AdaSap;
        for l in 0..self.net.layers() {
            let (weights, biases) = (self.net.weight_range(l), self.net.bias_range(l));
            let cols = self.net.sizes()[l];
            let size = |row: &[f32]| row.iter().map(|w| w * w).sum::<f32>().sqrt();
            let sizes: Vec<f32> = self.seen.weights(l).chunks(cols).map(size).collect();
            let top = sizes.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
            for (unit, size) in sizes.iter().enumerate() {
                let share = if adaptive {
                    WEAKEST - (WEAKEST - STRONGEST) * size / top
                } else {
                    1.0
                };
                let row = weights.start + unit * cols..weights.start + (unit + 1) * cols;
                for i in row.chain([biases.start + unit]) {
                    self.seen.params_mut()[i] += share * by * self.grad[i] * self.on[i];
                }
            }
        }
        self.seen
            .gradient(x, y, None, &mut self.grad, &mut self.work);
        self.see();
    }

    /// Extra decay of weights that the loss does not ask for: λ max(0, 1 - |g| / max |g|) w.
    fn shrink(&mut self) {
        let mut push = vec![0.0; self.open.len()];
        for l in 0..self.net.layers() {
            let range = self.net.weight_range(l);
            let top = self.grad[range.clone()]
                .iter()
                .fold(f32::MIN_POSITIVE, |m, g| m.max(g.abs()));
            for i in range {
                let irrelevance = (1.0 - self.grad[i].abs() / top).max(0.0);
                push[i] = self.config.strength as f32 * irrelevance * self.net.params()[i];
            }
        }
        self.push = Some(push);
    }

    /// The optimizer's rule on v, w = atan(s v).
    pub(super) fn update_companded(&mut self) {
        let (rate, slope) = (self.rate(), self.config.slope);
        let biases: Vec<std::ops::Range<usize>> = (0..self.net.layers())
            .map(|l| self.net.bias_range(l))
            .collect();
        for (i, w) in self.net.params_mut().iter_mut().enumerate() {
            let velocity = &mut self.velocity[i];
            if self.on[i] == 0.0 {
                *velocity = 0.0;
                continue;
            }
            if biases.iter().any(|b| b.contains(&i)) {
                *velocity = MOMENTUM * *velocity + (self.grad[i] + DECAY * *w);
                *w -= rate as f32 * *velocity;
                continue;
            }
            let v = num::tan(f64::from(*w)) / slope;
            let steep = slope / (1.0 + slope * v * slope * v);
            let g = f64::from(self.grad[i]) * steep + f64::from(DECAY) * v;
            *velocity = MOMENTUM * *velocity + g as f32;
            *w = num::atan(slope * (v - rate * f64::from(*velocity))) as f32;
        }
    }

    /// Adds Σ λ_c (∇L_c - ∇L), and moves the λ by the answers to this batch.
    fn balance(&mut self, x: &[f32], y: &[u8]) {
        let dense = answers(&self.start, x, &mut self.work);
        let sparse = answers(&self.seen, x, &mut self.work);
        for ((d, s), &label) in dense.iter().zip(&sparse).zip(y) {
            let right = usize::from(label);
            self.classes.note(label, [*d == right, *s == right]);
        }
        self.classes.climb(self.config.strength);
        let pixels = crate::core::digits::PIXELS;
        let mean = self.grad.clone();
        let mut of_class = vec![0.0; mean.len()];
        for (class, lambda) in self.classes.lambda.into_iter().enumerate() {
            let own: Vec<usize> = (0..y.len())
                .filter(|&i| usize::from(y[i]) == class)
                .collect();
            if lambda == 0.0 || own.is_empty() {
                continue;
            }
            let images: Vec<f32> = own
                .iter()
                .flat_map(|&i| &x[i * pixels..(i + 1) * pixels])
                .copied()
                .collect();
            let labels = vec![class as u8; own.len()];
            self.seen
                .gradient(&images, &labels, None, &mut of_class, &mut self.work);
            for ((g, c), m) in self.grad.iter_mut().zip(&of_class).zip(&mean) {
                *g += lambda as f32 * (c - m);
            }
        }
    }
}
