//! Soft MoE: the weight of an expert is what its slots get in the token's softmax over all slots;
//! the gate is what the token puts into them, relative to an even share of every slot.

use super::super::config::Config;
use super::{Choice, ENTRIES, Scores, Solver, lines};
use crate::core::gate;
use crate::core::matrix::Matrix;

/// The work of mixing.
pub(super) struct Slots {
    /// What each token puts into the slots so far: slot × token.
    dispatch: Matrix,
    done: usize,
}

impl Slots {
    pub(super) fn new(tokens: usize) -> Self {
        Self {
            dispatch: Matrix::zeros(0, tokens),
            done: 0,
        }
    }
}

impl Solver for Slots {
    fn step(&mut self, _: &Config, scores: &Scores) -> bool {
        let mut left = ENTRIES;
        for slot in lines(&mut self.done, scores.z.cols, scores.z.rows, &mut left) {
            let column = scores.z.column(slot);
            self.dispatch.push_row(gate::softmax(&column));
        }
        self.done == scores.z.cols
    }

    fn choices(&self, config: &Config, scores: &Scores, token: usize) -> Vec<Choice> {
        let slots = config.slots();
        let (tokens, experts) = (scores.z.rows, scores.z.cols / slots);
        let combine = gate::softmax(scores.z.row(token));
        let of_expert = |expert: usize| {
            let columns = expert * slots..(expert + 1) * slots;
            let given = columns.clone().map(|s| self.dispatch.at(s, token));
            Choice {
                expert,
                gate: given.sum::<f64>() * tokens as f64 / (slots * experts) as f64,
                weight: columns.map(|s| combine[s]).sum(),
            }
        };
        let mut own: Vec<Choice> = (0..experts).map(of_expert).collect();
        own.sort_by(|a, b| b.weight.total_cmp(&a.weight).then(a.expert.cmp(&b.expert)));
        own
    }
}
