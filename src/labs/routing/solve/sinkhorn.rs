//! Sinkhorn's passes, until the rows' sums are even.

use super::super::config::Config;
use super::super::rules::sinkhorn::LogDomain;
use super::{Choice, ENTRIES, Scores, Solver, lines, listed};
use crate::core::gate;
use crate::core::num;

/// Passes at most.
const PASSES: usize = 400;
/// Largest relative error of a row sum at which it stops.
const ROW_ERROR: f64 = 1e-3;

/// What is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The table is taken over.
    Load,
    Rows,
    Columns,
    /// The error of the row sums is looked for.
    Check,
    Done,
}

/// The work of balancing.
pub(super) struct Balanced {
    work: LogDomain,
    stage: Stage,
    /// Rows or columns of the stage that are done.
    at: usize,
    passes: usize,
    /// Largest deviation of a row's sum from its share.
    error: f64,
}

impl Balanced {
    pub(super) fn new(columns: usize) -> Self {
        Self {
            work: LogDomain::of_columns(columns),
            stage: Stage::Load,
            at: 0,
            passes: 0,
            error: 0.0,
        }
    }

    fn enter(&mut self, stage: Stage) {
        self.stage = stage;
        self.at = 0;
    }
}

impl Solver for Balanced {
    fn step(&mut self, config: &Config, scores: &Scores) -> bool {
        let (rows, columns) = (scores.z.rows, scores.z.cols);
        // Small tables are looked at after several passes only.
        let between = (20_000 / (rows * columns).max(1)).max(1);
        let mut left = ENTRIES;
        while left > 0 {
            match self.stage {
                Stage::Load => {
                    for i in lines(&mut self.at, rows, columns, &mut left) {
                        self.work.push(scores.z.row(i), config.temperature);
                    }
                    if self.at == rows {
                        self.enter(Stage::Rows);
                    }
                }
                Stage::Rows => {
                    let next = lines(&mut self.at, rows, columns, &mut left);
                    self.work.pass_rows(next);
                    if self.at == rows {
                        self.enter(Stage::Columns);
                    }
                }
                Stage::Columns => {
                    let next = lines(&mut self.at, columns, rows, &mut left);
                    self.work.pass_columns(next);
                    if self.at == columns {
                        self.passes += 1;
                        self.error = 0.0;
                        let check = self.passes.is_multiple_of(between);
                        self.enter(if check { Stage::Check } else { Stage::Rows });
                    }
                }
                Stage::Check => {
                    for i in lines(&mut self.at, rows, columns, &mut left) {
                        let sum: f64 = self.work.plan_row(i).iter().sum();
                        self.error = self.error.max((sum - 1.0 / rows as f64).abs());
                    }
                    if self.at == rows {
                        let stops = rows as f64 * self.error < ROW_ERROR || self.passes >= PASSES;
                        self.error *= rows as f64;
                        self.enter(if stops { Stage::Done } else { Stage::Rows });
                    }
                }
                Stage::Done => return true,
            }
        }
        self.stage == Stage::Done
    }

    fn choices(&self, config: &Config, scores: &Scores, token: usize) -> Vec<Choice> {
        let k = config.choices();
        let picks = gate::top_k(&self.work.plan_row(token), k);
        let z = gate::pick(scores.z.row(token), &picks);
        let weights = if k == 1 {
            z.iter().map(|&z| num::sigmoid(z)).collect()
        } else {
            gate::softmax(&z)
        };
        listed(&picks, &gate::softmax(scores.z.row(token)), &weights)
    }

    /// Largest relative error of a row sum.
    fn residual(&self) -> f64 {
        self.error
    }
}
