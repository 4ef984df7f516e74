//! What is counted once for every layer: magnitudes, densities of its sections, and the
//! information in its bytes, at every step of the sweep.

use super::measure::Planes;
use super::packing::{Packed, Packing};
use super::plan::Layer;
use crate::core::num;
use crate::core::select::magnitude_key;

/// Magnitudes of a layer, counted in bins of an eighth of a power of two.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Histogram {
    /// Weights that are exactly 0.
    pub zeros: u64,
    /// Key of the first bin: its lower edge is the magnitude with the bits `first << 20`.
    pub first: u32,
    /// Counts.
    pub counts: Vec<u64>,
    /// The largest finite magnitude, at least the smallest positive number.
    pub largest: f32,
}

impl Histogram {
    /// From counts by the upper 11 bits of the magnitude key.
    pub(super) fn from_bins(bins: &[u64], zeros: u64, largest: f32) -> Self {
        let first = bins.iter().position(|c| *c > 0).unwrap_or(0);
        let last = bins.iter().rposition(|c| *c > 0).unwrap_or(0);
        Self {
            zeros,
            first: first as u32,
            counts: bins.get(first..=last).unwrap_or(&[]).to_vec(),
            largest,
        }
    }

    /// The counts of two layers together.
    pub(super) fn join(&self, other: &Self) -> Self {
        let full = |h: &Self, key: usize| {
            let i = key.checked_sub(h.first as usize);
            i.and_then(|i| h.counts.get(i)).copied().unwrap_or(0)
        };
        let ends = [self, other].map(|h| h.first as usize + h.counts.len());
        let first = self.first.min(other.first) as usize;
        let last = ends[0].max(ends[1]);
        Self {
            zeros: self.zeros + other.zeros,
            first: first as u32,
            counts: (first..last)
                .map(|k| full(self, k) + full(other, k))
                .collect(),
            largest: self.largest.max(other.largest),
        }
    }

    /// Weights per doubling of the magnitude in bin `i`: the bins of one power of two are equally
    /// wide in magnitude, so not in its logarithm.
    pub fn density(&self, i: usize) -> f64 {
        let width = num::log2(self.edge(i + 1) / self.edge(i));
        let count = self.counts.get(i).map_or(0.0, |&c| c as f64);
        if width.is_finite() && width > 0.0 {
            count / width
        } else {
            count
        }
    }

    /// Lower edge of bin `i` as a magnitude.
    pub fn edge(&self, i: usize) -> f64 {
        f64::from(f32::from_bits((self.first + i as u32) << 20))
    }
}

/// Sections a layer is cut into for its strip.
pub(super) const SECTIONS: usize = 96;

/// Density of equal sections of a layer (in flat order) along the sweep.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Strip {
    /// Per step, the density of every section, 255 = all kept.
    shades: Vec<[u8; SECTIONS]>,
}

impl Strip {
    /// Densities of the sections at a step, 255 = all kept.
    pub fn at(&self, step: usize) -> &[u8] {
        self.shades.get(step).map_or(&[], |s| s)
    }
}

/// Weights counted in one step of the job.
const CHUNK: usize = 1 << 15;

/// The finished counts of a layer.
#[derive(Debug)]
pub(super) struct Counts {
    pub(super) histogram: Histogram,
    pub(super) strip: Strip,
    /// Per step, bits of information in a kept value, its byte planes apart.
    pub(super) plane_bits: Vec<f64>,
    pub(super) packed: Packed,
    /// Bytes of all weights, each rotated by a bit so that the exponent fills the top byte.
    pub(super) rotated: Planes,
}

/// Counts one layer in short steps.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) layer: usize,
    offset: usize,
    bins: Vec<u64>,
    zeros: u64,
    largest: f32,
    /// Per step (and one more for what is never pruned), the weights that go at it.
    falls: Vec<[u32; SECTIONS]>,
    planes: Vec<Planes>,
    packing: Packing,
    rotated: Planes,
}

impl Tally {
    pub(super) fn new(layer: usize, dims: [usize; 2], width: u64, steps: usize) -> Self {
        Self {
            layer,
            offset: 0,
            bins: vec![0; 1 << 11],
            zeros: 0,
            largest: f32::MIN_POSITIVE,
            falls: vec![[0; SECTIONS]; steps + 1],
            planes: vec![Planes::new(width as usize); steps + 1],
            packing: Packing::new(dims),
            rotated: Planes::new(width as usize),
        }
    }

    /// Counts some more weights; whether the layer is through.
    pub(super) fn advance(&mut self, layer: &Layer, pruned_at: &[u8]) -> bool {
        let (n, last) = (layer.values.len(), self.falls.len() - 1);
        let to = (self.offset + CHUNK).min(n);
        for i in self.offset..to {
            let (w, step) = (layer.values[i], usize::from(pruned_at[i]).min(last));
            match magnitude_key(w) {
                0 => self.zeros += 1,
                key => self.bins[(key >> 20) as usize] += 1,
            }
            if w.is_finite() {
                self.largest = self.largest.max(w.abs());
            }
            self.falls[step][i * SECTIONS / n] += 1;
            self.packing.push(pruned_at[i]);
            let planes = &mut self.planes[step];
            let half = match layer.dtype.as_str() {
                "F16" => Some(half::f16::from_f32(w).to_bits()),
                "BF16" => Some(half::bf16::from_f32(w).to_bits()),
                _ => None,
            };
            match half {
                Some(bits) => {
                    planes.add(&bits.to_le_bytes());
                    self.rotated.add(&bits.rotate_left(1).to_le_bytes());
                }
                None if layer.dtype == "F64" => {
                    let bits = f64::from(w).to_bits();
                    planes.add(&bits.to_le_bytes());
                    self.rotated.add(&bits.rotate_left(1).to_le_bytes());
                }
                None => {
                    planes.add(&w.to_le_bytes());
                    let bits = w.to_bits().rotate_left(1);
                    self.rotated.add(&bits.to_le_bytes());
                }
            }
        }
        self.offset = to;
        to == n
    }

    /// Adds up from the end: what is kept at a step goes at a later one.
    pub(super) fn finish(mut self) -> Counts {
        let steps = self.falls.len() - 1;
        let mut plane_bits = vec![0.0; steps];
        let mut kept = self.falls[steps];
        let mut left = vec![[0_u32; SECTIONS]; steps];
        for step in (0..steps).rev() {
            left[step] = kept;
            for (k, fall) in kept.iter_mut().zip(&self.falls[step]) {
                *k += fall;
            }
            let (before, after) = self.planes.split_at_mut(step + 1);
            plane_bits[step] = after[0].entropies().iter().sum();
            before[step].merge(&after[0]);
        }
        let sizes = kept;
        let shade = |left: &[u32; SECTIONS]| {
            let mut out = [0; SECTIONS];
            for ((out, &left), &size) in out.iter_mut().zip(left).zip(&sizes) {
                *out = (255 * u64::from(left) / u64::from(size.max(1))) as u8;
            }
            out
        };
        Counts {
            histogram: Histogram::from_bins(&self.bins, self.zeros, self.largest),
            strip: Strip {
                shades: left.iter().map(shade).collect(),
            },
            plane_bits,
            packed: self.packing.finish(steps),
            rotated: self.rotated,
        }
    }
}
