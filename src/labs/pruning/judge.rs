//! Loss and accuracy along a sweep.

use super::network::{self, EVAL_PARTS};
use super::plan::Plan;
use crate::core::mlp::{Evaluation, Mlp, Workspace};
use std::sync::Arc;

/// Judges a network at every step of a plan.
pub(super) struct Judge {
    net: Mlp,
    plan: Arc<Plan>,
    layers: usize,
    pub(super) steps: usize,
    pub(super) step: usize,
    part: usize,
    total: Evaluation,
    pub(super) done: Vec<Evaluation>,
}

impl Judge {
    pub(super) fn new(net: &Mlp, plan: Arc<Plan>) -> Self {
        let layers = plan.pruned_at.len();
        let mut judge = Self {
            net: net.clone(),
            steps: plan.kept.first().map_or(0, Vec::len),
            plan,
            layers,
            step: 0,
            part: 0,
            total: EMPTY,
            done: Vec::new(),
        };
        judge.prune();
        judge
    }

    /// Zeroes the weights that go at the current step (earlier ones are 0 already).
    fn prune(&mut self) {
        for l in 0..self.layers {
            let at = &self.plan.pruned_at[l];
            for (w, &gone) in self.net.weights_mut(l).iter_mut().zip(at.iter()) {
                if usize::from(gone) == self.step {
                    *w = 0.0;
                }
            }
        }
    }

    /// One part of one step; whether all steps are judged.
    pub(super) fn advance(&mut self, work: &mut Workspace) -> bool {
        if self.step >= self.steps {
            return true;
        }
        network::add(
            &mut self.total,
            network::evaluate_part(&self.net, self.part, work),
        );
        self.part += 1;
        if self.part == EVAL_PARTS {
            self.done.push(self.total);
            (self.part, self.total) = (0, EMPTY);
            self.step += 1;
            self.prune();
        }
        self.step >= self.steps
    }
}

const EMPTY: Evaluation = Evaluation {
    loss: 0.0,
    correct: 0,
    count: 0,
};
