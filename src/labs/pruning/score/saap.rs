//! SAAP: importance of whole units, from batch to batch.

use super::{SAAP_BATCH, Scorer, score_key};
use crate::core::{num, stats};
use crate::labs::pruning::criteria::at_init::PerWeight;
use crate::labs::pruning::kinds::Fusion;
use crate::labs::pruning::plan::Known;

impl Scorer {
    /// Closes a batch of SAAP: what the loss would change by, to second order with the mean squared
    /// gradient as curvature, if all weights of a unit, or each alone, went.
    pub(super) fn batch(&mut self) {
        let zeros = |of: &PerWeight| of.iter().map(|s| vec![0.0; s.len()]).collect();
        let empty: PerWeight = zeros(&self.sums);
        let sums = std::mem::replace(&mut self.sums, empty);
        let empty: PerWeight = zeros(&self.squares);
        let squares = std::mem::replace(&mut self.squares, empty);
        let mut batch = [Vec::new(), Vec::new()];
        for (l, w) in self.net.weights.iter().enumerate() {
            let cols = self.net.dims[l].max(1);
            let n = SAAP_BATCH as f64;
            let change = |i: usize| sums[l][i] / n * w[i] - 0.5 * squares[l][i] / n * w[i] * w[i];
            let unit = |u: usize| u * cols..(u + 1) * cols;
            let units = w.len() / cols;
            batch[0].extend((0..units).map(|u| unit(u).map(change).sum::<f64>().abs()));
            batch[1].extend((0..units).map(|u| unit(u).map(|i| change(i).abs()).sum::<f64>()));
        }
        self.batches.push(batch);
    }

    /// Importance of every unit, layer by layer: that of one kind, or Σ I / (2 σ²) over both, σ the
    /// spread of the kind from batch to batch, mean of all units. The + log σ of the loss weights
    /// is the same for all units.
    fn importances(&self) -> Vec<f64> {
        let kinds: &[usize] = match self.rule.fusion {
            Fusion::Both => &[0, 1],
            Fusion::Vector => &[0],
            Fusion::Element => &[1],
        };
        let units = self.batches.first().map_or(0, |b| b[0].len());
        let mut out = vec![0.0; units];
        for &kind in kinds {
            let of = |u: usize| {
                self.batches
                    .iter()
                    .map(|b| b[kind][u])
                    .collect::<Vec<f64>>()
            };
            let spread = |u: usize| {
                let all = of(u);
                let mean = stats::mean(&all);
                let square = |v: &f64| (v - mean) * (v - mean);
                (num::sum(all.iter().map(square)) / all.len().max(1) as f64).sqrt()
            };
            let sigma = num::sum((0..units).map(spread)) / units.max(1) as f64;
            for (u, total) in out.iter_mut().enumerate() {
                *total += stats::mean(&of(u)) / (2.0 * sigma * sigma).max(f64::MIN_POSITIVE);
            }
        }
        out
    }

    /// SAAP: every weight has the importance of its row.
    pub(super) fn rows(&mut self) -> Known {
        let importances = self.importances();
        let mut start = 0;
        for (l, keys) in self.keys.iter_mut().enumerate() {
            for row in keys.chunks_mut(self.net.dims[l].max(1)) {
                row.fill(score_key(importances[start]));
                start += 1;
            }
        }
        self.keyed()
    }
}
