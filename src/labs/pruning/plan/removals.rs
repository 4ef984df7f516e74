//! How many weights of every group go at each step of a sweep.

use super::{Layer, Planner};
use crate::core::select::count_rule;
use crate::labs::pruning::config::Method;
use crate::labs::pruning::criteria::joint_dp::allocate;
use crate::labs::pruning::systems::erk::{Kind, densities};
use crate::labs::pruning::systems::lamp;
use std::sync::Arc;

/// Budget of the joint allocation in units of weights.
const BUDGET_UNITS: f64 = 1000.0;

/// A rate of one's own along a sweep: it grows with the sparsity, is met at `at`, and all go at 1.
fn grown(own: f64, sparsity: f64, at: f64) -> f64 {
    if sparsity <= at {
        // Exactly the own rate at the total: x · 1.
        own * if at > 0.0 { sparsity / at } else { 0.0 }
    } else {
        1.0 - (1.0 - own) * ((1.0 - sparsity) / (1.0 - at))
    }
}

impl Planner {
    pub(super) fn removals(&self) -> Vec<Vec<u64>> {
        let sizes: Vec<usize> = self.layers.iter().map(|l| l.values.len()).collect();
        let total: usize = sizes.iter().sum();
        let mut rates = vec![0; sizes.len()];
        let by_step: Vec<Vec<u64>> = self
            .steps
            .iter()
            .map(|&s| match self.rule.method {
                _ if self.rule.fixed.is_some() => self.mixed(&sizes, s),
                Method::Lamp => lamp::removals(&self.scores, count_rule(s, total) as u64),
                Method::Erk => {
                    let shapes: Vec<Vec<u64>> =
                        self.layers.iter().map(|l| l.shape.clone()).collect();
                    let densities = densities(&shapes, s, Kind::Erk).density;
                    let gone = |(d, &n): (&f64, &usize)| count_rule(1.0 - d, n) as u64;
                    densities.iter().zip(&sizes).map(gone).collect()
                }
                Method::Units | Method::Saap => self.units(s),
                Method::Block => self.blocks(s),
                Method::Manual => self.by_hand(&sizes, s),
                Method::JointDp => self.joint(&sizes, s, &mut rates),
                _ if self.rule.global() => vec![count_rule(s, total) as u64],
                _ => sizes.iter().map(|&n| count_rule(s, n) as u64).collect(),
            })
            .collect();
        let column = |g: usize| {
            let mut ks: Vec<u64> = by_step.iter().map(|row| row[g]).collect();
            // Rounding of a density may step back by a weight; masks stay nested.
            for i in 1..ks.len() {
                ks[i] = ks[i].max(ks[i - 1]);
            }
            ks
        };
        (0..self.groups.len()).map(column).collect()
    }

    /// Whole rows of the hidden layers; the outputs stay.
    fn units(&self, sparsity: f64) -> Vec<u64> {
        let last = self.layers.len().saturating_sub(1);
        let of = |(l, layer): (usize, &Layer)| {
            let rows = if l == last { 0 } else { layer.rows };
            (count_rule(sparsity, rows) * layer.cols) as u64
        };
        self.layers.iter().enumerate().map(of).collect()
    }

    /// Whole blocks of every layer: keys are the places of the blocks in their order of going.
    fn blocks(&self, sparsity: f64) -> Vec<u64> {
        let Some(keys) = &self.known.keys else {
            return vec![0; self.layers.len()];
        };
        let of = |keys: &Arc<[u32]>| {
            let blocks = keys.iter().max().map_or(0, |&last| last as usize + 1);
            let gone = count_rule(sparsity, blocks) as u32;
            keys.iter().filter(|&&place| place < gone).count() as u64
        };
        keys.iter().map(of).collect()
    }

    /// One's own rates where the sweep meets their total; before it all are smaller by the same
    /// factor, after it the kept shares are.
    fn by_hand(&self, sizes: &[usize], sparsity: f64) -> Vec<u64> {
        let Some((rates, total)) = &self.rule.own else {
            return vec![0; sizes.len()];
        };
        let gone = |(n, own): (&usize, &f64)| {
            count_rule(grown(own / 100.0, sparsity, total / 100.0), *n) as u64
        };
        sizes.iter().zip(rates).map(gone).collect()
    }

    /// Rates of one's own where there are some; the method spreads its rate over the other layers.
    fn mixed(&self, sizes: &[usize], sparsity: f64) -> Vec<u64> {
        let at = self.rule.fixed.as_ref().map_or(0.0, |(_, at)| at / 100.0);
        let free: Vec<usize> = (0..sizes.len())
            .filter(|&l| self.fixed_rate(l).is_none())
            .collect();
        let k = count_rule(sparsity, free.iter().map(|&l| sizes[l]).sum()) as u64;
        let spread: Vec<u64> = match self.rule.method {
            Method::Erk => {
                let shape = |&l: &usize| self.layers[l].shape.clone();
                let shapes: Vec<Vec<u64>> = free.iter().map(shape).collect();
                let densities = densities(&shapes, sparsity, Kind::Erk).density;
                let gone = |(d, &l): (&f64, &usize)| count_rule(1.0 - d, sizes[l]) as u64;
                densities.iter().zip(&free).map(gone).collect()
            }
            _ if self.scores_first() => lamp::removals(&self.scores, k),
            _ => free
                .iter()
                .map(|&l| count_rule(sparsity, sizes[l]) as u64)
                .collect(),
        };
        let mut spread = spread.into_iter();
        let gone = |(l, &n): (usize, &usize)| match self.fixed_rate(l) {
            Some(own) => count_rule(grown(own / 100.0, sparsity, at), n) as u64,
            None => spread.next().unwrap_or(0),
        };
        sizes.iter().enumerate().map(gone).collect()
    }

    /// Rates by the exact knapsack over the distortions. Along a sweep they only grow, as in the
    /// iterative use of the method: `rates` holds the grid points of the step before.
    fn joint(&self, sizes: &[usize], sparsity: f64, rates: &mut Vec<usize>) -> Vec<u64> {
        let Some(d) = &self.known.distortion else {
            return vec![0; sizes.len()];
        };
        let total: usize = sizes.iter().sum();
        let unit = (total as f64 / BUDGET_UNITS).ceil().max(1.0);
        let mut open = d.change.clone();
        for (costs, &from) in open.iter_mut().zip(rates.iter()) {
            costs[..from].fill(f64::INFINITY);
        }
        let found = allocate(sizes, unit, &d.grid, &open, sparsity).best;
        *rates = found.map_or_else(|| vec![d.grid.len() - 1; sizes.len()], |(_, picks)| picks);
        let gone = |(&j, &n): (&usize, &usize)| count_rule(d.grid[j], n) as u64;
        rates.iter().zip(sizes).map(gone).collect()
    }
}
