//! Every test image chooses the hidden units that answer it.

use super::Course;
use crate::core::mlp::Evaluation;
use crate::labs::pruning::criteria::dynamic::answer;
use crate::labs::pruning::network;

impl Course {
    /// The next image: its units, and the answer that these alone give.
    pub(super) fn choose_units(&mut self) {
        let test = &network::data().1;
        let i = self.t as usize;
        let c = &self.config;
        let found = answer(&self.net, test.image(i), c.mass / 100.0, c.crossing);
        for (l, kept) in found.kept.iter().enumerate() {
            let (range, cols) = (self.net.weight_range(l), self.net.sizes()[l]);
            for (row, stays) in self.open[range].chunks_mut(cols).zip(kept.iter()) {
                row.fill(f32::from(u8::from(stays)));
            }
        }
        let label = usize::from(test.labels.get(i).copied().unwrap_or(0));
        let one = Evaluation {
            loss: found.loss(label),
            correct: usize::from(found.class() == label),
            count: 1,
        };
        let mut all = self.running.filter(|_| i > 0).unwrap_or(Evaluation {
            loss: 0.0,
            correct: 0,
            count: 0,
        });
        network::add(&mut all, one);
        self.running = Some(all);
        self.density_sum += self.kept() as f64 / self.size().max(1) as f64;
        self.trained += 1;
    }
}
