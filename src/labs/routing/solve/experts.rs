//! Every expert takes its best tokens; ties to the lower token.

use super::super::config::Config;
use super::{Choice, ENTRIES, Scores, Solver, lines};
use crate::core::gate;
use crate::core::matrix::Matrix;

/// The work of choosing tokens.
pub(super) struct Experts {
    /// Probabilities of the tokens so far.
    p: Matrix,
    /// Tokens, then experts that are done.
    scored: usize,
    chosen: usize,
    /// Choices of each token by the experts so far.
    taken: Vec<Vec<Choice>>,
}

impl Experts {
    pub(super) fn new(tokens: usize, experts: usize) -> Self {
        Self {
            p: Matrix::zeros(0, experts),
            scored: 0,
            chosen: 0,
            taken: vec![Vec::new(); tokens],
        }
    }

    fn choose(&mut self, expert: usize, places: usize) {
        for t in gate::top_k(&self.p.column(expert), places) {
            let gate = self.p.at(t, expert);
            self.taken[t].push(Choice {
                expert,
                gate,
                weight: gate,
            });
        }
    }
}

impl Solver for Experts {
    fn step(&mut self, config: &Config, scores: &Scores) -> bool {
        let (rows, columns, places) = (scores.z.rows, scores.z.cols, config.places());
        let mut left = ENTRIES;
        while left > 0 {
            if self.scored < rows {
                for t in lines(&mut self.scored, rows, columns, &mut left) {
                    self.p.push_row(gate::softmax(scores.z.row(t)));
                }
            } else if self.chosen < columns {
                let each = rows * (1 + places / 32);
                for expert in lines(&mut self.chosen, columns, each, &mut left) {
                    self.choose(expert, places);
                }
            } else {
                return true;
            }
        }
        self.chosen == columns
    }

    fn choices(&self, _: &Config, _: &Scores, token: usize) -> Vec<Choice> {
        let mut own = self.taken[token].clone();
        own.sort_by(|a, b| b.gate.total_cmp(&a.gate).then(a.expert.cmp(&b.expert)));
        own
    }
}
