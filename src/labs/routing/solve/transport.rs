//! Ascent on the dual of sparse transport, then the plan column by column.

use super::super::config::Config;
use super::super::rules::sparse_ot::{Adam, Ascent, Problem};
use super::{Choice, ENTRIES, Scores, Solver, lines, listed};
use crate::core::gate;
use crate::core::matrix::Matrix;

/// What is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The costs are the gates, with the other sign.
    Load,
    Ascend,
    /// Columns of the plan are read.
    Plan,
    Done,
}

/// The work of transporting.
pub(super) struct Transport {
    problem: Problem,
    ascent: Ascent,
    stage: Stage,
    /// Rows or columns of the stage that are done.
    at: usize,
    /// Experts of each token in the plan, ascending, and the mass they have of it.
    taken: Vec<Vec<usize>>,
    sums: Vec<f64>,
    /// Mean error of a row sum.
    error: f64,
}

/// Mass below which the plan sends nothing.
const NOTHING: f64 = 1e-12;

impl Transport {
    pub(super) fn new(config: &Config, tokens: usize, experts: usize) -> Self {
        let adam = Adam {
            lr: 0.01,
            b1: 0.9,
            b2: 0.999,
            eps: 1e-8,
            steps: config.transport_steps as usize,
        };
        Self {
            problem: Problem {
                cost: Matrix::zeros(0, experts),
                a: vec![1.0; tokens],
                b: vec![tokens as f64 / experts as f64; experts],
                gamma: config.transport_gamma,
                k: config.places(),
            },
            ascent: Ascent::new(tokens, adam),
            stage: Stage::Load,
            at: 0,
            taken: vec![Vec::new(); tokens],
            sums: vec![0.0; tokens],
            error: 0.0,
        }
    }

    fn enter(&mut self, stage: Stage) {
        self.stage = stage;
        self.at = 0;
    }

    /// Entries that a column is worth: each of its places is found among the rows.
    fn column(&self) -> usize {
        self.problem.a.len() * (1 + self.problem.k / 32)
    }

    fn read(&mut self, column: usize) {
        let plan = self.problem.plan_column(&self.ascent.alpha, column);
        let rows = self.taken.iter_mut().zip(&mut self.sums);
        for ((taken, sum), mass) in rows.zip(plan) {
            *sum += mass;
            if mass > NOTHING {
                taken.push(column);
            }
        }
    }
}

impl Solver for Transport {
    fn step(&mut self, _: &Config, scores: &Scores) -> bool {
        let (rows, columns) = (scores.z.rows, scores.z.cols);
        let mut left = ENTRIES;
        while left > 0 {
            match self.stage {
                Stage::Load => {
                    for i in lines(&mut self.at, rows, columns, &mut left) {
                        let gates = gate::softmax(scores.z.row(i));
                        self.problem.cost.push_row(gates.iter().map(|p| -p));
                    }
                    if self.at == rows {
                        self.enter(Stage::Ascend);
                    }
                }
                Stage::Ascend => {
                    left = left.saturating_sub(self.column());
                    if self.ascent.step(&self.problem) {
                        self.enter(Stage::Plan);
                    }
                }
                Stage::Plan => {
                    let each = self.column();
                    for column in lines(&mut self.at, columns, each, &mut left) {
                        self.read(column);
                    }
                    if self.at == columns {
                        let errors = self.sums.iter().zip(&self.problem.a);
                        let total: f64 = errors.map(|(s, a)| (s - a).abs()).sum();
                        self.error = total / rows as f64;
                        self.enter(Stage::Done);
                    }
                }
                Stage::Done => return true,
            }
        }
        self.stage == Stage::Done
    }

    fn choices(&self, _: &Config, scores: &Scores, token: usize) -> Vec<Choice> {
        let own = gate::softmax(scores.z.row(token));
        let mut picks = self.taken[token].clone();
        picks.sort_by(|&a, &b| own[b].total_cmp(&own[a]));
        let weights = gate::pick(&own, &picks);
        listed(&picks, &own, &weights)
    }

    fn residual(&self) -> f64 {
        self.error
    }
}
