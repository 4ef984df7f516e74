//! Everything a run of the lab knows.

use super::config::{Config, Regime};
use super::kinds::{Surgery, Transfer};
use super::measure::{Bytes, Effective, Overlap};
use super::plan::{Layer, Plan};
use super::tally::{Histogram, Strip};
use super::training::Film;
use crate::core::mlp::{Evaluation, Mlp};
use crate::core::{Chart, Timeline};
use std::sync::Arc;

/// One point of the sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Sparsity asked for, in per cent.
    pub asked: f64,
    /// Weights pruned.
    pub pruned: u64,
    /// Loss and accuracy on the test images; none for an opened file.
    pub judged: Option<Evaluation>,
    /// Surviving paths; none for an opened file.
    pub effective: Option<Effective>,
    /// Bytes in the storage formats.
    pub bytes: Bytes,
    /// Share of the groups of four neighbours that keep at most two weights.
    pub two_four: f64,
}

/// Accuracy of another method at some sparsities.
#[derive(Debug, Clone, PartialEq)]
pub struct Rival {
    /// Its name.
    pub name: &'static str,
    /// Sparsity in per cent, accuracy in per cent.
    pub accuracy: Vec<[f64; 2]>,
    /// Sparsity in per cent, overlap of its mask with that of the run.
    pub overlap: Vec<(f64, Overlap)>,
}

/// Everything computed, shared between clones.
#[derive(Debug)]
pub struct Results {
    /// The config it was computed for.
    pub config: Config,
    /// The prunable layers.
    pub layers: Arc<[Layer]>,
    /// Which weight goes when.
    pub plan: Arc<Plan>,
    /// The sweep.
    pub points: Vec<Point>,
    /// Step of the config's sparsity.
    pub chosen: usize,
    /// Other methods on the same network.
    pub rivals: Vec<Rival>,
    /// Magnitudes per layer.
    pub histograms: Vec<Histogram>,
    /// Magnitudes of all layers together.
    pub histogram: Histogram,
    /// Entropy in bits of the byte planes of all weights, each rotated by a bit so that the exponent
    /// fills the top byte; the lowest byte first.
    pub planes: Vec<f64>,
    /// Density of the sections of every layer at every step.
    pub strips: Vec<Strip>,
    /// Linked charts.
    pub charts: Vec<Chart>,
    /// Number of prunable weights.
    pub total: u64,
    /// Remarks on the tensors.
    pub remarks: Vec<String>,
    /// The network that was trained here.
    pub net: Option<Arc<Mlp>>,
    /// The opened file.
    pub raw: Arc<[u8]>,
    /// The training, where the mask changes while it goes on.
    pub film: Option<Film>,
}

/// Everything computed.
#[derive(Debug, Clone)]
pub struct Run {
    pub(super) results: Arc<Results>,
    pub(super) timeline: Timeline,
}

/// What a weight looks like at a moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell {
    /// Kept; |w| over the largest of its layer.
    Kept(f32),
    /// Pruned at this very moment.
    Going,
    /// Back since the moment before; |w| over the largest of its layer.
    Back(f32),
    /// Pruned.
    Gone,
}

impl Results {
    /// What the blank weights are, and what the dark ones are.
    pub fn words(&self) -> [&'static str; 2] {
        if self.config.regime == Regime::Dynamic {
            return ["off here", "on"];
        }
        if self.config.regime == Regime::Data {
            return ["of the images", "in use"];
        }
        if self.config.regime == Regime::Surgery && self.config.surgery == Surgery::LowRank {
            return ["of low rank", "in columns"];
        }
        match (self.config.regime, self.config.transfer) {
            (Regime::Transfer, Transfer::Half) => ["frozen", "tuned"],
            (Regime::Transfer, Transfer::Mask) => ["left out", "kept"],
            _ => ["pruned", "kept"],
        }
    }

    /// A weight at a step.
    pub fn cell(&self, layer: usize, i: usize, step: usize) -> Cell {
        if let Some(film) = &self.film {
            let cell = film.cell(layer, i, step);
            // Every image has a mask of its own: nothing goes or comes back.
            return match cell {
                Cell::Going if self.config.regime == Regime::Dynamic => Cell::Gone,
                Cell::Back(shade) if self.config.regime == Regime::Dynamic => Cell::Kept(shade),
                other => other,
            };
        }
        let at = self.plan.pruned_at.get(layer).and_then(|at| at.get(i));
        let value = self.layers.get(layer).and_then(|l| l.values.get(i));
        let (Some(&gone), Some(&value)) = (at, value) else {
            return Cell::Gone;
        };
        match usize::from(gone) {
            gone if gone > step => {
                let top = self.histograms.get(layer).map_or(1.0, |h| h.largest);
                Cell::Kept(value.abs() / top)
            }
            gone if gone == step && step > 0 => Cell::Going,
            _ => Cell::Gone,
        }
    }
}

impl Run {
    /// The results behind the pictures.
    pub fn results(&self) -> &Results {
        &self.results
    }
}
