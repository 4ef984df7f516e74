//! Erdős-Rényi(-kernel) densities: small layers stay denser. Rule and the make-dense loop as in
//! google-research/rigl, `sparse_utils.py`.
//!
//! raw = (out + in) / (out · in), or Σ dims / Π dims with the kernel; density = min(1, ε · raw),
//! ε from Σ_sparse ε raw n = Σ_sparse (n - ⌊s n⌋) - Σ_dense ⌊s n⌋; while the largest ε · raw
//! exceeds 1, the layers that share it become dense and ε is computed again.

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
