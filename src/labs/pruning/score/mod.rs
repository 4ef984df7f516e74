//! Scores that need the network and images, not the weights alone: found in short steps, handed to
//! the planner as integer keys in their order.

mod saap;

use crate::core::digits::PIXELS;
use crate::core::mask::Mask;
use crate::core::mlp::{Mlp, Workspace};
use crate::core::num;
use crate::core::rng::{Stream, StreamId};
use crate::core::select::{count_rule, prune_by_magnitude};
use crate::core::stats::ascending;
use crate::labs::pruning::config::Method;
use crate::labs::pruning::criteria::at_init::{Net, PerWeight, join};
use crate::labs::pruning::criteria::wanda::contribution;
use crate::labs::pruning::kinds::Choosing;
use crate::labs::pruning::network;
use crate::labs::pruning::plan::{Known, Rule};
use crate::labs::pruning::systems::n_of_m::{block_means, block_places};
use std::sync::Arc;

/// Training images that scores are computed on.
pub(super) const CALIBRATION: usize = 256;
/// Of these, images on which layer distortions are measured.
const DISTORTION_IMAGES: usize = 128;
/// Images taken in one step.
const IMAGES: usize = 2;
/// Density at which the rounds of SynFlow end.
const LAST_DENSITY: f64 = 1e-3;
/// Rates at which the distortion of a layer is measured.
const GRID: usize = 40;
/// GraSP divides the logits by this.
const TEMPERATURE: f64 = 200.0;

/// Key of a score: the order of its single-precision value as unsigned integers.
pub fn score_key(score: f64) -> u32 {
    // Adding 0 makes -0 equal to +0.
    let bits = (score as f32 + 0.0).to_bits();
    bits ^ if bits >> 31 == 1 { u32::MAX } else { 1 << 31 }
}

/// The score of a key.
pub fn key_score(key: u32) -> f32 {
    f32::from_bits(key ^ if key >> 31 == 1 { 1 << 31 } else { u32::MAX })
}

/// Rates at which a layer was pruned alone, and what that did to the logits.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Distortion {
    /// Rates, ascending from 0.
    pub grid: Vec<f64>,
    /// Mean squared change of the logits, by layer and rate.
    pub change: Vec<Vec<f64>>,
}

/// Images in a batch of SAAP.
const SAAP_BATCH: usize = 32;

/// Key of a draw without replacement: ordered by it, weights come as draws with probabilities
/// proportional to `weight` bring them (the first draw last). `luck` is uniform.
fn drawn(weight: f64, luck: f64) -> f64 {
    if weight > 0.0 {
        // The waiting time of an exponential clock of this rate, the longest first.
        num::ln(1.0 - luck).min(-f64::MIN_POSITIVE) / weight
    } else {
        f64::MIN
    }
}

enum Stage {
    /// Next image of a sum over images; the pass of those methods that need two.
    Images {
        next: usize,
        second: Option<PerWeight>,
    },
    /// Next round of SynFlow, and what is left.
    Rounds {
        next: usize,
        left: Vec<Mask>,
        order: u32,
    },
    /// Next layer and rate.
    Rates {
        layer: usize,
        rate: usize,
        dense: Vec<f32>,
    },
    /// Nothing but the weights is needed.
    Weights,
}

/// Scores a network.
pub(super) struct Scorer {
    rule: Rule,
    mlp: Arc<Mlp>,
    net: Net,
    stage: Stage,
    sums: PerWeight,
    /// Mean squares, for scores that need a spread.
    squares: PerWeight,
    /// Importances of all units, vector-wise and element-wise, by batch.
    batches: Vec<[Vec<f64>; 2]>,
    keys: Vec<Vec<u32>>,
    distortion: Distortion,
    work: Workspace,
}

impl Scorer {
    /// A scorer, for methods that need one.
    pub(super) fn new(mlp: &Arc<Mlp>, rule: &Rule) -> Option<Self> {
        let stage = match rule.method {
            Method::Wanda
            | Method::Contribution
            | Method::Obd
            | Method::Snr
            | Method::Saap
            | Method::Sketch
            | Method::Snip
            | Method::Grasp => Stage::Images {
                next: 0,
                second: None,
            },
            Method::SynFlow => Stage::Rounds {
                next: 1,
                left: (0..mlp.layers())
                    .map(|l| Mask::all(mlp.weights(l).len()))
                    .collect(),
                order: 0,
            },
            Method::JointDp => Stage::Rates {
                layer: 0,
                rate: 0,
                dense: Vec::new(),
            },
            Method::Units | Method::Block => Stage::Weights,
            Method::Magnitude
            | Method::Random
            | Method::Lamp
            | Method::Erk
            | Method::NOfM
            | Method::Manual
            | Method::Movement => {
                return None;
            }
        };
        let wide = |v: &[f32]| v.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
        let net = Net {
            dims: mlp.sizes().to_vec(),
            weights: (0..mlp.layers()).map(|l| wide(mlp.weights(l))).collect(),
            biases: (0..mlp.layers()).map(|l| wide(mlp.biases(l))).collect(),
        };
        Some(Self {
            sums: net.weights.iter().map(|w| vec![0.0; w.len()]).collect(),
            squares: net.weights.iter().map(|w| vec![0.0; w.len()]).collect(),
            keys: net.weights.iter().map(|w| vec![0; w.len()]).collect(),
            distortion: Distortion {
                grid: (0..=GRID).map(|j| j as f64 / GRID as f64).collect(),
                change: vec![Vec::new(); mlp.layers()],
            },
            batches: Vec::new(),
            rule: rule.clone(),
            mlp: mlp.clone(),
            net,
            stage,
            work: Workspace::default(),
        })
    }

    /// One short step; what the planner must know when it is complete.
    pub(super) fn step(&mut self) -> Option<Known> {
        match std::mem::replace(&mut self.stage, Stage::Weights) {
            Stage::Images { next, second } if next < CALIBRATION => {
                self.images(next, second.as_ref());
                let next = next + IMAGES;
                self.stage = Stage::Images { next, second };
                None
            }
            Stage::Images { second: None, .. } if self.rule.method == Method::Grasp => {
                let zeros = self.sums.iter().map(|s| vec![0.0; s.len()]).collect();
                let gradient = std::mem::replace(&mut self.sums, zeros);
                self.stage = Stage::Images {
                    next: 0,
                    second: Some(gradient),
                };
                None
            }
            Stage::Images { .. } => Some(self.scored()),
            Stage::Rounds {
                next,
                mut left,
                mut order,
            } => {
                self.round(next, &mut left, &mut order);
                if next >= self.rule.rounds {
                    return Some(self.keyed());
                }
                self.stage = Stage::Rounds {
                    next: next + 1,
                    left,
                    order,
                };
                None
            }
            Stage::Rates { layer, rate, dense } => self.rate(layer, rate, dense),
            Stage::Weights if self.rule.method == Method::Block => Some(self.blocks()),
            Stage::Weights => Some(self.units()),
        }
    }

    /// Share done, 0 to 1.
    pub(super) fn progress(&self) -> f64 {
        match &self.stage {
            Stage::Images { next, .. } => *next as f64 / CALIBRATION as f64,
            Stage::Rounds { next, .. } => *next as f64 / self.rule.rounds.max(1) as f64,
            Stage::Rates { layer, rate, .. } => {
                (layer * GRID + rate) as f64 / (self.mlp.layers() * GRID).max(1) as f64
            }
            Stage::Weights => 1.0,
        }
    }

    /// Adds what some images say.
    fn images(&mut self, first: usize, gradient: Option<&PerWeight>) {
        let train = &network::data().0;
        for i in first..(first + IMAGES).min(train.len()) {
            let x: Vec<f64> = train.image(i).iter().map(|&v| f64::from(v)).collect();
            let label = [usize::from(train.labels[i])];
            let share = 1.0 / CALIBRATION as f64;
            match self.rule.method {
                Method::Wanda | Method::Sketch => {
                    let inputs = self.net.inputs(&x);
                    for (sums, a) in self.sums.iter_mut().zip(&inputs) {
                        // Only the first row is used: every row has the same inputs.
                        for (s, a) in sums.iter_mut().zip(a) {
                            *s += a * a;
                        }
                    }
                }
                Method::Contribution => {
                    let inputs = self.net.inputs(&x);
                    for (l, a) in inputs.iter().enumerate() {
                        let shares = contribution(&self.net.weights[l], a);
                        for (i, c) in shares.into_iter().enumerate() {
                            self.sums[l][i] += c * share;
                            self.squares[l][i] += c * c * share;
                        }
                    }
                }
                Method::Obd | Method::Snr => {
                    let g = self.net.gradient(&x, &label);
                    join(&mut self.sums, &g, |s, g| s + g * g * share);
                }
                Method::Saap => {
                    let g = self.net.gradient(&x, &label);
                    join(&mut self.sums, &g, |s, g| s + g);
                    join(&mut self.squares, &g, |s, g| s + g * g);
                    if (i + 1).is_multiple_of(SAAP_BATCH) {
                        self.batch();
                    }
                }
                Method::Grasp => {
                    let g = self.net.over_samples(&x, &label, TEMPERATURE, gradient);
                    join(&mut self.sums, &g, |s, g| s + g * share);
                }
                _ => {
                    let g = self.net.gradient(&x, &label);
                    join(&mut self.sums, &g, |s, g| s + g * share);
                }
            }
        }
    }

    /// Turns the sums into scores.
    fn scored(&mut self) -> Known {
        let method = self.rule.method;
        if method == Method::Saap {
            return self.rows();
        }
        let mut luck = Stream::new(self.rule.seed, StreamId::Policy);
        for (l, keys) in self.keys.iter_mut().enumerate() {
            let (w, sums) = (&self.net.weights[l], &self.sums[l]);
            let cols = self.net.dims[l].max(1);
            for (i, key) in keys.iter_mut().enumerate() {
                let score = match method {
                    // w² Σx² has the order of |w| ‖x‖ and needs no root.
                    Method::Wanda => w[i] * w[i] * sums[i % cols],
                    Method::Contribution => {
                        let spread = (self.squares[l][i] - sums[i] * sums[i]).max(0.0).sqrt();
                        sums[i] + self.rule.spread * spread
                    }
                    Method::Obd => 0.5 * sums[i] * w[i] * w[i],
                    // |μ| / σ squared, σ² = 1 / (F + λ).
                    Method::Snr => w[i] * w[i] * (sums[i] + self.rule.damping),
                    Method::Sketch => match self.rule.choosing {
                        Choosing::Top => w[i] * w[i] * sums[i % cols],
                        Choosing::Free => w[i] * w[i],
                        Choosing::Drawn => {
                            let weight = (w[i] * w[i] * sums[i % cols]).sqrt();
                            drawn(weight, luck.uniform())
                        }
                    },
                    Method::Grasp => w[i] * sums[i],
                    _ => (w[i] * sums[i]).abs(),
                };
                *key = score_key(score);
            }
        }
        self.keyed()
    }

    fn keyed(&mut self) -> Known {
        Known {
            keys: Some(
                std::mem::take(&mut self.keys)
                    .into_iter()
                    .map(Arc::from)
                    .collect(),
            ),
            distortion: None,
        }
    }

    /// One round: the weights with the lowest scores of those left go; a key is the place in the
    /// order of going.
    fn round(&mut self, round: usize, left: &mut [Mask], order: &mut u32) {
        let n: usize = left.iter().map(Mask::len).sum();
        let share = 1.0 - num::pow(LAST_DENSITY, round as f64 / self.rule.rounds.max(1) as f64);
        let last = round >= self.rule.rounds;
        let goal = if last { n } else { count_rule(share, n) };
        let (_, scores) = self.net.synflow(Some(left));
        let mut open: Vec<(u64, usize, usize)> = Vec::new();
        for (l, scores) in scores.iter().enumerate() {
            let still = (0..scores.len()).filter(|&i| left[l].kept(i));
            // Scores are not negative: their bits have their order.
            open.extend(still.map(|i| (scores[i].to_bits(), l, i)));
        }
        open.sort_unstable();
        let goes = goal.saturating_sub(n - open.len());
        for &(_, l, i) in open.iter().take(goes) {
            left[l].set(i, false);
            self.keys[l][i] = *order;
            *order += 1;
        }
    }

    /// Distortion of one layer at one rate.
    fn rate(&mut self, layer: usize, rate: usize, mut dense: Vec<f32>) -> Option<Known> {
        let train = &network::data().0;
        let x = &train.x[..DISTORTION_IMAGES.min(train.len()) * PIXELS];
        if dense.is_empty() {
            dense = self.mlp.logits(x, None, &mut self.work).to_vec();
        }
        let weights = self.mlp.weights(layer);
        let k = count_rule(self.distortion.grid[rate], weights.len()) as u64;
        let (_, masks) = prune_by_magnitude(&[weights], k);
        let mut pruned = (*self.mlp).clone();
        for (i, w) in pruned.weights_mut(layer).iter_mut().enumerate() {
            if !masks[0].kept(i) {
                *w = 0.0;
            }
        }
        let now = pruned.logits(x, None, &mut self.work);
        let square = |(a, b): (&f32, &f32)| f64::from(a - b) * f64::from(a - b);
        let change = now.iter().zip(&dense).map(square).sum::<f64>() / dense.len().max(1) as f64;
        self.distortion.change[layer].push(change);
        let (layer, rate) = if rate == GRID {
            (layer + 1, 0)
        } else {
            (layer, rate + 1)
        };
        if layer == self.mlp.layers() {
            return Some(Known {
                keys: None,
                distortion: Some(std::mem::take(&mut self.distortion)),
            });
        }
        self.stage = Stage::Rates { layer, rate, dense };
        None
    }

    /// Every weight has the place of its block in the order of going: by the mean square over the
    /// block's weights, equal ones by their place in the matrix.
    fn blocks(&mut self) -> Known {
        for (l, keys) in self.keys.iter_mut().enumerate() {
            let (cols, weights) = (self.net.dims[l], &self.net.weights[l]);
            let means = block_means(weights, cols, self.rule.block);
            let order = ascending(&means);
            let mut turn = vec![0; order.len()];
            for (at, &block) in order.iter().enumerate() {
                turn[block] = at as u32;
            }
            let places = block_places(weights.len(), cols, self.rule.block);
            for (key, block) in keys.iter_mut().zip(places) {
                *key = turn[block];
            }
        }
        self.keyed()
    }

    /// Every weight has the mean square of its row: whole rows go.
    fn units(&mut self) -> Known {
        for (l, keys) in self.keys.iter_mut().enumerate() {
            let cols = self.net.dims[l].max(1);
            for (row, keys) in self.net.weights[l].chunks(cols).zip(keys.chunks_mut(cols)) {
                let norm = num::sum(row.iter().map(|w| w * w));
                keys.fill(score_key(norm));
            }
        }
        self.keyed()
    }
}

/// Scores at once.
pub(super) fn known(mlp: &Arc<Mlp>, rule: &Rule) -> Known {
    let Some(mut scorer) = Scorer::new(mlp, rule) else {
        return Known::default();
    };
    loop {
        if let Some(known) = scorer.step() {
            return known;
        }
    }
}

#[cfg(test)]
mod tests;
