//! Erdős-Rényi(-kernel) densities: small layers stay denser. Rule and the make-dense loop as in
//! google-research/rigl, `sparse_utils.py`.
//!
//! raw = (out + in) / (out · in), or Σ dims / Π dims with the kernel; density = min(1, ε · raw),
//! ε from Σ_sparse ε raw n = Σ_sparse (n - ⌊s n⌋) - Σ_dense ⌊s n⌋; while the largest ε · raw
//! exceeds 1, the layers that share it become dense and ε is computed again.

use super::experiment::{Contest, Entrant};
use crate::core::{ClaimResult, Job};
use crate::labs::pruning::{Config, Granularity, Method};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub static ERK: Exhibit = Exhibit {
    id: "erk",
    lab: LabKind::Pruning,
    title: "ERK magnitude",
    idea: "Density in proportion to a layer's perimeter over its area: small layers stay dense, large ones pay. Inside a layer the smallest weights go.",
    paper: Paper {
        title: "Rigging the Lottery: Making All Tickets Winners",
        authors: "Evci and others",
        year: 2019,
        arxiv: "1911.11134",
    },
    basis: Basis::Code,
    deviations: "The paper uses the densities for random masks at the start of training; here they allocate magnitude pruning after it.",
    equation: "d_l = min(1, ε · Σ dims / Π dims), ε such that the kept weights add up",
    symbols: &[
        ("d_l", "density of layer l"),
        ("ε", "one factor for all layers that are not dense"),
        ("dims", "outputs, inputs and kernel sides of the layer"),
    ],
    setup: || {
        Setup::Pruning(Config {
            method: Method::Erk,
            sparsity: 95.0,
            ..Config::default()
        })
    },
    claim: Some(Claim {
        statement: "At high sparsity ERK densities keep more accuracy than the same sparsity in every layer.",
        experiment: "Digit readers 64-128-64-10 from several seeds, pruned once to 95 % without retraining; difference in test accuracy, ERK minus per layer, smallest weights first in both.",
        start: against_uniform,
    }),
};

fn against_uniform(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Box::new(Contest::new(
        effort,
        95.0,
        Entrant::new("ERK", Method::Erk, Granularity::Global),
        Entrant::new("per-layer magnitude", Method::Magnitude, Granularity::Layer),
    ))
}

/// Which dimensions count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only the first two.
    Er,
    /// All, with those of a convolution kernel.
    Erk,
}

/// Densities of a network's layers.
#[derive(Debug, Clone, PartialEq)]
pub struct Densities {
    /// Share of kept weights per layer.
    pub density: Vec<f64>,
    /// The last ε.
    pub epsilon: f64,
    /// Layers that had to stay dense.
    pub dense: Vec<bool>,
    /// How often ε was computed.
    pub rounds: usize,
}

/// Densities of layers with these shapes (`[out, in, …]`) at a global sparsity.
pub fn densities(shapes: &[Vec<u64>], sparsity: f64, kind: Kind) -> Densities {
    let size = |s: &Vec<u64>| s.iter().product::<u64>() as f64;
    let raw = |s: &Vec<u64>| {
        let dims = match kind {
            Kind::Er => s.get(..2).unwrap_or(s),
            Kind::Erk => s,
        };
        dims.iter().sum::<u64>() as f64 / dims.iter().product::<u64>() as f64
    };
    let raws: Vec<f64> = shapes.iter().map(raw).collect();
    let sizes: Vec<f64> = shapes.iter().map(size).collect();
    let zeros: Vec<f64> = sizes.iter().map(|n| (sparsity * n).floor()).collect();
    let mut dense = vec![false; shapes.len()];
    let (mut epsilon, mut rounds) = (0.0, 0);
    while dense.contains(&false) {
        let (mut ones, mut divisor, mut largest) = (0.0, 0.0, 0.0_f64);
        for l in 0..shapes.len() {
            if dense[l] {
                ones -= zeros[l];
            } else {
                ones += sizes[l] - zeros[l];
                divisor += raws[l] * sizes[l];
                largest = largest.max(raws[l]);
            }
        }
        epsilon = ones / divisor;
        rounds += 1;
        if largest * epsilon <= 1.0 || epsilon.is_nan() {
            break;
        }
        for l in 0..shapes.len() {
            dense[l] |= raws[l] == largest;
        }
    }
    let density = |(l, raw): (usize, &f64)| {
        if dense[l] {
            1.0
        } else {
            (epsilon * raw).min(1.0)
        }
    };
    Densities {
        density: raws.iter().enumerate().map(density).collect(),
        epsilon,
        dense,
        rounds,
    }
}
