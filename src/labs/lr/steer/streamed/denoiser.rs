//! The noise lab's small denoiser: a network that learns to take the noise off points of a spiral,
//! under any rule and schedule. The exact denoiser of the spiral is known, so a run is judged by its
//! distance to it. The task stands in for the one of "Optimization Benchmark for Diffusion Models on
//! Dynamical Systems" (arXiv 2510.19376), whose networks and flows are beyond this machine.

use super::super::super::matrices::Matrix;
use super::Model;
use super::domains::put;
use crate::core::Result;
use crate::core::mlp::{Mlp, Workspace};
use crate::core::rng::{Stream, StreamId};
use crate::labs::noise::data::DataSet;
use crate::labs::noise::training::{Density, Exam, SIZES, Source};
use std::ops::Range;
use std::sync::OnceLock;

/// Spread of the spiral's modes.
const WIDTH: f64 = 0.03;
/// Held-out samples a run is judged on, and every how manieth is looked at along it.
const JUDGED: usize = 2048;
const LOOKED: usize = 8;
/// Samples whose curvature is measured.
const FIXED: usize = 64;

/// Names of the traces.
pub(in crate::labs::lr) const TRACES: [&str; 1] = ["excess error to the exact denoiser"];

/// Held-out samples with the exact answers: the same for every run.
fn exam() -> Result<&'static Exam> {
    static EXAM: OnceLock<Result<Exam>> = OnceLock::new();
    let exam = EXAM.get_or_init(|| Ok(Exam::new(&source(0)?, JUDGED)));
    exam.as_ref().map_err(Clone::clone)
}

fn source(seed: u64) -> Result<Source> {
    Ok(Source {
        density: Density::Cosine,
        mixture: DataSet::Spiral.mixture(WIDTH, 0.0)?.into(),
        seed,
    })
}

/// The error that even the exact denoiser makes, which every run's loss contains.
///
/// # Errors
/// Never for this data.
pub(in crate::labs::lr) fn floor() -> Result<f64> {
    Ok(exam()?.floor)
}

/// One run's data.
#[derive(Debug, Clone)]
pub(super) struct Denoiser {
    source: Source,
    batch: usize,
    exam: &'static Exam,
    net: Mlp,
    work: Workspace,
    inputs: Vec<f32>,
    targets: Vec<f32>,
    slopes: Vec<f32>,
}

impl Denoiser {
    pub(super) fn new(seed: u64, batch: usize) -> Result<Self> {
        let net = Mlp::new(&SIZES, &mut Stream::new(seed, StreamId::Weights))?;
        Ok(Self {
            source: source(seed)?,
            batch,
            exam: exam()?,
            slopes: vec![0.0; net.params().len()],
            net,
            work: Workspace::default(),
            inputs: Vec::new(),
            targets: Vec::new(),
        })
    }

    /// The weights of some layers.
    fn matrices_of(&self, layers: Range<usize>) -> Vec<Matrix> {
        layers
            .map(|layer| Matrix {
                start: self.net.weight_range(layer).start,
                rows: SIZES[layer + 1],
                columns: SIZES[layer],
            })
            .collect()
    }

    /// Loss and gradient on the batch that was drawn last.
    fn slope(&mut self, w: &[f64], out: &mut [f64]) -> f64 {
        put(&mut self.net, w);
        let loss = self.net.squared_gradient(
            &self.inputs,
            &self.targets,
            &mut self.slopes,
            &mut self.work,
        );
        for (o, g) in out.iter_mut().zip(&self.slopes) {
            *o = f64::from(*g);
        }
        loss
    }
}

impl Model for Denoiser {
    fn start(&mut self) -> Vec<f64> {
        self.net.params().iter().map(|w| f64::from(*w)).collect()
    }

    fn gradient(&mut self, w: &[f64], step: u64, out: &mut [f64]) -> f64 {
        self.source
            .batch(step as u32, self.batch, &mut self.inputs, &mut self.targets);
        self.slope(w, out)
    }

    fn fixed_gradient(&mut self, w: &[f64], out: &mut [f64]) {
        self.source
            .batch(u32::MAX, FIXED, &mut self.inputs, &mut self.targets);
        self.slope(w, out);
    }

    fn judge(&mut self, w: &[f64]) -> [f64; 2] {
        put(&mut self.net, w);
        [self.exam.excess(&self.net, 1, &mut self.work), f64::NAN]
    }

    fn matrices(&self) -> Vec<Matrix> {
        // The hidden ones: neither the first layer nor the last.
        self.matrices_of(1..self.net.layers() - 1)
    }

    fn all_matrices(&self) -> Vec<Matrix> {
        self.matrices_of(0..self.net.layers())
    }

    fn traces(&mut self, w: &[f64], _done: u64) -> Vec<(&'static str, f64)> {
        put(&mut self.net, w);
        let excess = self.exam.excess(&self.net, LOOKED, &mut self.work);
        vec![(TRACES[0], excess)]
    }

    fn slice(&self) -> usize {
        1
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::trained;
    use super::*;

    #[test]
    fn training_comes_closer_to_the_exact_denoiser() {
        let mut model = Denoiser::new(3, 32).unwrap();
        let [before, after] = trained(&mut model, 0.05, 150);
        assert!(after < 0.5 * before, "{before} {after}");
        let floor = floor().unwrap();
        assert!(floor > 0.0 && floor < before, "{floor}");
    }

    #[test]
    fn the_gradient_agrees_with_a_finite_difference() {
        let mut model = Denoiser::new(1, 16).unwrap();
        let w = model.start();
        let mut g = vec![0.0; w.len()];
        model.gradient(&w, 0, &mut g);
        // Along the gradient itself, where the difference is large against single precision.
        let size = g.iter().map(|v| v * v).sum::<f64>().sqrt();
        let mut scratch = vec![0.0; w.len()];
        let mut at = |h: f64| {
            let moved: Vec<f64> = w.iter().zip(&g).map(|(w, g)| w + h * g / size).collect();
            model.gradient(&moved, 0, &mut scratch)
        };
        let slope = (at(1e-3) - at(-1e-3)) / 2e-3;
        assert!((slope / size - 1.0).abs() < 0.02, "{slope} {size}");
    }

    #[test]
    fn the_hidden_matrices_are_the_square_ones() {
        let model = Denoiser::new(1, 8).unwrap();
        let found = model.matrices();
        assert_eq!(found.len(), 2);
        assert!(found.iter().all(|m| m.rows == 64 && m.columns == 64));
        assert_eq!(found[0].start, 5 * 64 + 64);
        let all = model.all_matrices();
        assert_eq!(all.len(), SIZES.len() - 1);
        assert_eq!(all[1..3], found[..]);
        let weights: usize = all.iter().map(|m| m.rows * m.columns).sum();
        let biases: usize = SIZES[1..].iter().sum();
        assert_eq!(weights + biases, model.net.params().len());
    }
}
