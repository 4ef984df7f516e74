//! The second task: what stays of the network that the first task left, and what is learnt.

use super::{Course, Leg};
use crate::core::rng::{Stream, StreamId};
use crate::labs::pruning::kinds::Transfer;
use crate::labs::pruning::network::MOMENTUM;

/// Scores of the mask at first, and the score above which a weight is kept.
const FIRST_SCORE: f32 = 0.01;
const THRESHOLD: f32 = 0.005;
/// Learning rate of the scores over that of the weights.
const SCORE_RATE: f64 = 0.1;

impl Course {
    /// The leg on the first task.
    pub(super) fn first_task(&self) -> Leg {
        match self.config.transfer {
            Transfer::Mask | Transfer::Half => Leg::Dense,
            Transfer::Open | Transfer::Shut => Leg::Exchange,
        }
    }

    /// The leg on the second.
    pub(super) fn second_task(&self) -> Leg {
        match self.config.transfer {
            Transfer::Mask => Leg::Masks,
            Transfer::Half => Leg::Half,
            Transfer::Open | Transfer::Shut => Leg::Open,
        }
    }

    /// What is open to the second task at its start.
    pub(super) fn open_task(&mut self) {
        match self.config.transfer {
            Transfer::Mask => self.scores = vec![FIRST_SCORE; self.open.len()],
            Transfer::Half => {
                let share = self.config.frozen / 100.0;
                let mut luck = Stream::new(self.config.seed, StreamId::Policy);
                for l in 0..self.net.layers() {
                    for open in &mut self.open[self.net.weight_range(l)] {
                        *open = f32::from(u8::from(luck.uniform() >= share));
                    }
                }
            }
            Transfer::Open => self.open.fill(1.0),
            Transfer::Shut => {}
        }
    }

    /// One step of the mask's scores, weights as they are: the gradient of a mask entry is w ∂L/∂w,
    /// passed straight through the threshold.
    pub(super) fn tune_masks(&mut self) {
        let rate = (SCORE_RATE * self.config.rate) as f32;
        for l in 0..self.net.layers() {
            for i in self.net.weight_range(l) {
                let v = &mut self.velocity[i];
                *v = MOMENTUM * *v + self.grad[i] * self.net.params()[i];
                self.scores[i] -= rate * *v;
                self.open[i] = f32::from(u8::from(self.scores[i] > THRESHOLD));
            }
        }
    }
}
