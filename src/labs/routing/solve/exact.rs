//! Token after token enters the exact assignment.

use super::super::config::Config;
use super::super::rules::assignment::Assigner;
use super::{Choice, Scores, Solver, listed};
use crate::core::gate;
use crate::core::num;

/// The work of assigning.
pub(super) struct Exact(Assigner);

impl Exact {
    pub(super) fn new(tokens: usize, experts: usize) -> Self {
        Self(Assigner::new(experts, tokens.div_ceil(experts)))
    }
}

impl Solver for Exact {
    fn step(&mut self, _: &Config, scores: &Scores) -> bool {
        self.0.slice(&scores.z)
    }

    fn choices(&self, _: &Config, scores: &Scores, token: usize) -> Vec<Choice> {
        let z = scores.z.row(token);
        let own = self.0.experts()[token];
        listed(&[own], &gate::softmax(z), &[num::sigmoid(z[own])])
    }
}
