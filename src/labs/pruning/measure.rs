//! What a mask is worth: paths that survive, overlap of masks, and bytes on disk.

use crate::core::mask::Mask;
use crate::core::num;

/// Weights and units on a path from an input to an output.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Effective {
    /// Per layer, weights on a path.
    pub kept: Vec<u64>,
    /// Units on a path: the inputs first, then each layer's outputs.
    pub alive: Vec<Vec<bool>>,
}

impl Effective {
    /// Units off every path, of all layers but the inputs.
    pub fn dead_units(&self) -> usize {
        let dead = |units: &Vec<bool>| units.iter().filter(|a| !**a).count();
        self.alive.iter().skip(1).map(dead).sum()
    }
}

/// Whether a weight is kept: by layer and flat index.
pub type Kept<'a> = &'a dyn Fn(usize, usize) -> bool;

/// Follows the kept weights of fully connected layers (`dims` = rows and columns of each) forward
/// from the inputs and backward from the outputs. A weight is effective if its source can be
/// reached and its target leads on; a bias carries no path.
pub fn effective(dims: &[[usize; 2]], kept: Kept<'_>) -> Effective {
    let inputs = dims.first().map_or(0, |d| d[1]);
    let mut forward = vec![vec![true; inputs]];
    for (l, &[rows, cols]) in dims.iter().enumerate() {
        let from = &forward[l];
        let reached = |r: usize| (0..cols).any(|c| from[c] && kept(l, r * cols + c));
        let units = (0..rows).map(reached).collect();
        forward.push(units);
    }
    let mut backward = vec![vec![true; dims.last().map_or(0, |d| d[0])]];
    for (l, &[rows, cols]) in dims.iter().enumerate().rev() {
        let to = &backward[backward.len() - 1];
        let leads = |c: usize| (0..rows).any(|r| to[r] && kept(l, r * cols + c));
        let units = (0..cols).map(leads).collect();
        backward.push(units);
    }
    backward.reverse();
    let on_path = |l: usize, i: usize| {
        let cols = dims[l][1].max(1);
        kept(l, i) && forward[l][i % cols] && backward[l + 1][i / cols]
    };
    let count = |l: usize| {
        (0..dims[l][0] * dims[l][1])
            .filter(|&i| on_path(l, i))
            .count() as u64
    };
    let both = |(f, b): (&Vec<bool>, &Vec<bool>)| f.iter().zip(b).map(|(f, b)| *f && *b).collect();
    Effective {
        kept: (0..dims.len()).map(count).collect(),
        alive: forward.iter().zip(&backward).map(both).collect(),
    }
}

/// How far two masks agree.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Overlap {
    /// Weights on which they differ.
    pub hamming: usize,
    /// |a ∧ b| / |a ∨ b|; 1 if both are empty.
    pub jaccard: f64,
    /// |a ∧ b| / min(|a|, |b|); 0 if either is empty.
    pub of_kept: f64,
    /// Jaccard index of independent masks of the same densities.
    pub chance: f64,
}

/// Overlap of two masks of one tensor.
pub fn overlap(a: &Mask, b: &Mask) -> Overlap {
    let both = a.and(b).count() as f64;
    let (na, nb) = (a.count() as f64, b.count() as f64);
    let either = na + nb - both;
    let n = a.len().max(1) as f64;
    let (da, db) = (na / n, nb / n);
    let share = |x: f64, of: f64, empty: f64| if of > 0.0 { x / of } else { empty };
    Overlap {
        hamming: a.hamming(b),
        jaccard: share(both, either, 1.0),
        of_kept: share(both, na.min(nb), 0.0),
        chance: share(da * db, da + db - da * db, 1.0),
    }
}

/// Entropy in bits of a distribution given by counts.
pub fn entropy(counts: &[u64]) -> f64 {
    let total: u64 = counts.iter().sum();
    let term = |&c: &u64| {
        let p = c as f64 / total as f64;
        -p * num::log2(p)
    };
    num::sum(counts.iter().filter(|c| **c > 0).map(term))
}

/// Entropy in bits of one weight's mask bit at a density.
pub fn mask_entropy(density: f64) -> f64 {
    let term = |p: f64| if p > 0.0 { -p * num::log2(p) } else { 0.0 };
    term(density) + term(1.0 - density)
}

/// What is left of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Left {
    /// Kept weights.
    pub kept: u64,
    /// Blocks of 4 × 4 with a kept weight in them.
    pub blocks: u64,
    /// Share of the groups of four neighbours that keep at most two.
    pub two_four: f64,
    /// Bits of information in a kept value, its byte planes apart.
    pub plane_bits: f64,
}

/// Bytes of one layer in the storage formats, biases and other tensors left out.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Bytes {
    /// Every weight.
    pub dense: f64,
    /// One bit per weight, then the kept values.
    pub bitmap: f64,
    /// Row starts (u32), column of every kept value (u16, or u32 past 65,536 columns), values.
    pub csr: f64,
    /// Row starts (u32), column of every block of 4 × 4 with a kept weight, all its values.
    pub blocks: f64,
    /// Two values of every four neighbours and two bits for the place of each; infinite where a
    /// group keeps more.
    pub two_four: f64,
    /// No lossless code that sees masks and byte planes as independent draws can be shorter.
    pub bound: f64,
}

impl Bytes {
    /// Bytes of what is left of `rows × cols` weights of `width` bytes.
    pub fn of([rows, cols]: [usize; 2], width: u64, left: Left) -> Self {
        let (n, kept, width) = ((rows * cols) as f64, left.kept as f64, width as f64);
        let index = if cols > 1 << 16 { 4.0 } else { 2.0 };
        let slots = (rows * 2 * cols.div_ceil(4)) as f64;
        Self {
            dense: n * width,
            bitmap: (n / 8.0).ceil() + kept * width,
            csr: 4.0 * (rows + 1) as f64 + kept * (index + width),
            blocks: 4.0 * (rows.div_ceil(4) + 1) as f64
                + left.blocks as f64 * (index + 16.0 * width),
            two_four: if left.two_four < 1.0 {
                f64::INFINITY
            } else {
                slots * width + (slots / 4.0).ceil()
            },
            bound: n * mask_entropy(kept / n.max(1.0)) / 8.0 + kept * left.plane_bits / 8.0,
        }
    }

    /// Densities below which bitmap and CSR are smaller than the dense form, for `rows × cols`
    /// weights of `width` bytes; at most 1, 0 where a format never pays.
    pub fn pays_below([rows, cols]: [usize; 2], width: u64) -> [f64; 2] {
        let with = |kept: u64| {
            let left = Left {
                kept,
                ..Left::default()
            };
            Self::of([rows, cols], width, left)
        };
        let (all, none) = (with((rows * cols) as u64), with(0));
        // Both sizes are linear in the density.
        let meets = |none: f64, full: f64| ((all.dense - none) / (full - none)).clamp(0.0, 1.0);
        [meets(none.bitmap, all.bitmap), meets(none.csr, all.csr)]
    }

    /// Adds another layer's bytes.
    pub fn add(&mut self, other: Self) {
        self.dense += other.dense;
        self.bitmap += other.bitmap;
        self.csr += other.csr;
        self.blocks += other.blocks;
        self.two_four += other.two_four;
        self.bound += other.bound;
    }
}

/// Counts of byte values per byte plane of some weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Planes {
    counts: Vec<[u64; 256]>,
}

impl Planes {
    /// No values yet, `width` planes.
    pub fn new(width: usize) -> Self {
        Self {
            counts: vec![[0; 256]; width],
        }
    }

    /// Counts the bytes of a value, lowest first.
    pub fn add(&mut self, bytes: &[u8]) {
        for (plane, &byte) in self.counts.iter_mut().zip(bytes) {
            plane[usize::from(byte)] += 1;
        }
    }

    /// Counts the values of another set as well.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            for (a, b) in mine.iter_mut().zip(theirs) {
                *a += b;
            }
        }
    }

    /// Number of planes.
    pub fn width(&self) -> usize {
        self.counts.len()
    }

    /// Entropy of each plane in bits.
    pub fn entropies(&self) -> Vec<f64> {
        self.counts.iter().map(|c| entropy(c)).collect()
    }
}

/// How unevenly classes suffer.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupGap {
    /// Accuracy lost per class.
    pub gap: Vec<f64>,
    /// Accuracy lost over all samples.
    pub overall: f64,
    /// Loss of each class beyond the overall loss.
    pub excess: Vec<f64>,
    /// The largest excess.
    pub max_excess: f64,
}

/// Gaps from the accuracies before and after, per class, and the classes' sample counts.
pub fn group_gap(dense: &[f64], sparse: &[f64], counts: &[f64]) -> GroupGap {
    let gap: Vec<f64> = dense.iter().zip(sparse).map(|(d, s)| d - s).collect();
    let weighted = num::sum(gap.iter().zip(counts).map(|(g, n)| g * n));
    let overall = weighted / num::sum(counts.iter().copied());
    let excess: Vec<f64> = gap.iter().map(|g| g - overall).collect();
    GroupGap {
        max_excess: excess.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        gap,
        overall,
        excess,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_pay_exactly_below_their_density() {
        for (dims, width) in [([128, 64], 4), ([10, 64], 2), ([7, 70_000], 2)] {
            let n = dims[0] * dims[1];
            let [bitmap, csr] = Bytes::pays_below(dims, width);
            let size = |density: f64| {
                let left = Left {
                    kept: (density * n as f64) as u64,
                    ..Left::default()
                };
                Bytes::of(dims, width, left)
            };
            assert!(size(bitmap - 0.02).bitmap < size(0.0).dense);
            assert!(size(bitmap + 0.02).bitmap > size(0.0).dense);
            assert!(size(csr - 0.02).csr < size(0.0).dense);
            assert!(size(csr + 0.02).csr > size(0.0).dense);
        }
        // One bit beside 32.
        assert_eq!(Bytes::pays_below([128, 64], 4)[0], 1.0 - 1.0 / 32.0);
    }
}
