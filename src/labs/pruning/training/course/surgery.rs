//! One layer after the other is pruned against what the pruned layers before it give.

use super::Course;
use crate::core::digits::PIXELS;
use crate::core::{Error, Result};
use crate::labs::pruning::config::Config;
use crate::labs::pruning::criteria::at_init::Net;
use crate::labs::pruning::criteria::low_rank::{Rotations, Svd, residual};
use crate::labs::pruning::criteria::second_order::{Gram, Surgeon, Sweep, Target};
use crate::labs::pruning::criteria::square::{Elimination, Root, Square};
use crate::labs::pruning::criteria::wanda::{Share, row_mask, scores};
use crate::labs::pruning::kinds::{Pattern, Surgery};
use crate::labs::pruning::network;
use crate::labs::pruning::score::CALIBRATION;

/// Calibration images looked at in one short step.
const IMAGES: usize = 2;
/// Columns eliminated, or rows of a factor found, in one short step.
const LINES: usize = 4;

enum Stage {
    /// Next calibration image.
    Look(usize),
    Eliminate(Elimination),
    Root(Root),
    Columns(Sweep),
    /// The inverse Hessian, the row under way, and what is removed from it.
    Rows(Square, usize, Option<Surgeon>),
    Rank,
    /// Towards the directions of the layer.
    Turn(Rotations),
    /// Next row whose output error is added, and the sums of error and output.
    Errors(usize, [f64; 2]),
}

/// Rank and stored columns of the low-rank form of a layer of `rows × cols`, within 1 - sparsity of
/// its numbers (but at least one direction where any are wanted).
pub(crate) fn budget(config: &Config, [rows, cols]: [usize; 2]) -> [usize; 2] {
    let numbers = (1.0 - config.sparsity / 100.0) * (rows * cols) as f64;
    let share = config.directions / 100.0;
    let most = rows.min(cols);
    let rank = if share > 0.0 {
        ((share * numbers / (rows + cols) as f64) as usize).clamp(1, most)
    } else {
        0
    };
    let left = (numbers - (rank * (rows + cols)) as f64).max(0.0);
    let columns = if share < 1.0 {
        (left / rows as f64) as usize
    } else {
        0
    };
    [rank, columns.min(cols)]
}

/// The operation on one layer.
pub(super) struct Operation {
    layer: usize,
    net: Net,
    gram: Gram,
    dead: Vec<bool>,
    stage: Stage,
}

impl Operation {
    fn new(course: &Course, layer: usize) -> Self {
        let seen = course.network();
        let wide = |v: &[f32]| v.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
        Self {
            net: Net {
                dims: seen.sizes().to_vec(),
                weights: (0..seen.layers()).map(|l| wide(seen.weights(l))).collect(),
                biases: (0..seen.layers()).map(|l| wide(seen.biases(l))).collect(),
            },
            gram: Gram::new(seen.sizes()[layer]),
            dead: Vec::new(),
            stage: Stage::Look(0),
            layer,
        }
    }
}

impl Course {
    /// Looks of the operation: columns, rows or layers.
    pub(super) fn units(&self) -> u64 {
        let sizes = self.config.sizes();
        let count = match self.config.surgery {
            Surgery::SparseGpt => sizes[..sizes.len() - 1].iter().sum(),
            Surgery::Surgeon => sizes[1..].iter().sum(),
            Surgery::Wanda | Surgery::Magnitude | Surgery::LowRank => sizes.len() - 1,
        };
        count as u64
    }

    /// Weights that go from a row of so many.
    fn row_loses(&self, cols: usize) -> usize {
        let c = &self.config;
        match c.pattern {
            Pattern::Free => (cols as f64 * c.sparsity / 100.0).floor() as usize,
            Pattern::Groups => {
                let (n, m) = (c.keep_n as usize, c.group_m.max(1) as usize);
                let gone = |from: usize| m.min(cols - from).saturating_sub(n);
                (0..cols).step_by(m).map(gone).sum()
            }
        }
    }

    /// One short step; whether a column, row or layer is done.
    pub(super) fn operate(&mut self) -> Result<bool> {
        let mut op = match self.operation.take() {
            Some(op) => op,
            None => Operation::new(self, self.errors.len()),
        };
        let (l, cols) = (op.layer, op.net.dims[op.layer]);
        let singular = || Error::Stuck(format!("layer {}: the Hessian has no inverse", l + 1));
        let mut done = false;
        op.stage = match std::mem::replace(&mut op.stage, Stage::Rank) {
            Stage::Look(next) if next < CALIBRATION => {
                let train = &network::data().0;
                for i in next..next + IMAGES {
                    let image = &train.x[i * PIXELS..(i + 1) * PIXELS];
                    let x: Vec<f64> = image.iter().map(|&v| f64::from(v)).collect();
                    op.gram.add(&op.net.inputs(&x)[l]);
                }
                Stage::Look(next + IMAGES)
            }
            Stage::Look(_) => {
                let (h, dead) = op.gram.hessian();
                op.dead = dead;
                match self.config.surgery {
                    Surgery::SparseGpt | Surgery::Surgeon => Stage::Eliminate(Elimination::new(&h)),
                    Surgery::Wanda | Surgery::Magnitude => Stage::Rank,
                    Surgery::LowRank => Stage::Turn(Rotations::new(&op.net.weights[l], cols)),
                }
            }
            Stage::Eliminate(mut elimination) => {
                let mut ended = false;
                for _ in 0..LINES {
                    ended = elimination.step().ok_or_else(singular)?;
                }
                match (ended, self.config.surgery) {
                    (false, _) => Stage::Eliminate(elimination),
                    (true, Surgery::SparseGpt) => Stage::Root(Root::new(&elimination.inverse())),
                    (true, _) => Stage::Rows(elimination.inverse(), 0, None),
                }
            }
            Stage::Root(mut root) => {
                let mut ended = false;
                for _ in 0..LINES {
                    ended = root.step().ok_or_else(singular)?;
                }
                if ended {
                    let (c, w) = (&self.config, &op.net.weights[l]);
                    let target = match c.pattern {
                        Pattern::Free => Target::Fraction(c.sparsity / 100.0),
                        Pattern::Groups => Target::Groups {
                            n: c.keep_n as usize,
                            m: c.group_m as usize,
                        },
                    };
                    let block = c.columns as usize;
                    Stage::Columns(Sweep::new(w, &op.dead, root.upper(), block, target))
                } else {
                    Stage::Root(root)
                }
            }
            Stage::Columns(mut sweep) => {
                let last = sweep.column();
                let gone = sweep.done() - 1;
                self.put(l, sweep.weights());
                let start = self.net.weight_range(l).start;
                for r in 0..sweep.weights().len() / cols {
                    let i = r * cols + gone;
                    self.open[start + i] = f32::from(u8::from(sweep.kept(i)));
                }
                done = !last;
                if last {
                    Stage::Errors(0, [0.0; 2])
                } else {
                    Stage::Columns(sweep)
                }
            }
            Stage::Rows(inverse, row, surgeon) => {
                let weights = &op.net.weights[l];
                let own = &weights[row * cols..(row + 1) * cols];
                let mut surgeon = surgeon.unwrap_or_else(|| Surgeon::new(own, inverse.clone()));
                let gone = surgeon.present().iter().filter(|p| !**p).count();
                if gone < self.row_loses(cols) {
                    let groups = self.config.pattern == Pattern::Groups;
                    let (n, m) = (self.config.keep_n as usize, self.config.group_m as usize);
                    let present = surgeon.present().to_vec();
                    surgeon.remove(|q| {
                        let group = present[q / m * m..].iter().take(m);
                        !groups || group.filter(|p| **p).count() > n
                    });
                    Stage::Rows(inverse, row, Some(surgeon))
                } else {
                    let start = self.net.weight_range(l).start + row * cols;
                    for (i, (w, p)) in surgeon.weights().iter().zip(surgeon.present()).enumerate() {
                        self.net.params_mut()[start + i] = *w as f32;
                        self.open[start + i] = f32::from(u8::from(*p));
                    }
                    let last = (row + 1) * cols >= weights.len();
                    done = !last;
                    if last {
                        Stage::Errors(0, [0.0; 2])
                    } else {
                        Stage::Rows(inverse, row + 1, None)
                    }
                }
            }
            Stage::Turn(mut rotations) => {
                if rotations.step() {
                    self.split(l, &op.net.weights[l], &rotations.finish());
                    Stage::Errors(0, [0.0; 2])
                } else {
                    Stage::Turn(rotations)
                }
            }
            Stage::Rank => {
                let c = &self.config;
                let factors = match c.surgery {
                    Surgery::Wanda => op.gram.squares().into_iter().map(f64::sqrt).collect(),
                    _ => vec![1.0; cols],
                };
                let share = match c.pattern {
                    Pattern::Free => Share::Fraction(c.sparsity / 100.0),
                    Pattern::Groups => Share::Groups {
                        n: c.keep_n as usize,
                        m: c.group_m as usize,
                    },
                };
                let mask = row_mask(&scores(&op.net.weights[l], &factors), cols, share);
                self.take(l, &mask);
                self.zero_pruned();
                Stage::Errors(0, [0.0; 2])
            }
            Stage::Errors(row, [mut error, mut output]) => {
                let before = &op.net.weights[l][row * cols..(row + 1) * cols];
                let now = &self.net.weights(l)[row * cols..(row + 1) * cols];
                let moved: Vec<f64> = now
                    .iter()
                    .zip(before)
                    .map(|(a, b)| f64::from(*a) - b)
                    .collect();
                error += op.gram.energy(&moved);
                output += op.gram.energy(before);
                if (row + 1) * cols >= op.net.weights[l].len() {
                    self.errors.push(error / output);
                    return Ok(true);
                }
                Stage::Errors(row + 1, [error, output])
            }
        };
        self.operation = Some(op);
        Ok(done)
    }

    /// Replaces a layer by its first directions and the columns that these leave the furthest off.
    fn split(&mut self, layer: usize, weights: &[f64], svd: &Svd) {
        let (cols, rows) = (self.net.sizes()[layer], self.net.sizes()[layer + 1]);
        let [rank, count] = budget(&self.config, [rows, cols]);
        let mut product = svd.product(rank);
        let columns = residual(weights, &product, cols, count).columns;
        let start = self.net.weight_range(layer).start;
        for i in 0..product.len() {
            let stored = columns.binary_search(&(i % cols)).is_ok();
            if stored {
                product[i] = weights[i];
            }
            self.open[start + i] = f32::from(u8::from(stored));
        }
        self.put(layer, &product);
    }

    fn put(&mut self, layer: usize, weights: &[f64]) {
        for (to, w) in self.net.weights_mut(layer).iter_mut().zip(weights) {
            *to = *w as f32;
        }
    }
}
