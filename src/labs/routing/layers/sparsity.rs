//! Which share of the samples may skip each block (FTP's sparsity scheduler, arXiv 2412.11494): the
//! same everywhere, or allocated block by block where it hurts least.

use super::super::rules::gate;
use super::net::{Net, cross_entropy};
use crate::core::digits::PIXELS;

/// Step of a block's sparsity in the allocation.
const GRAIN: f64 = 0.1;

/// What becomes of samples of which some skip.
pub(super) struct Skipped {
    /// 1 where a block was run, 0 where it was skipped (samples × blocks).
    pub(super) actions: Vec<u8>,
    /// Class of the largest output.
    pub(super) classes: Vec<u8>,
    /// Mean cross-entropy.
    pub(super) loss: f64,
}

/// Runs samples; before each block, the share of them that the exit so far is surest of skips it.
/// The first block, which has no exit before it, is run by all.
pub(super) fn skipping(net: &Net, x: &[f64], labels: &[u8], shares: &[f64]) -> Skipped {
    let mut streams: Vec<Vec<f64>> = x.chunks_exact(PIXELS).map(|x| net.start(x)).collect();
    let n = streams.len();
    let mut actions = vec![1; n * shares.len()];
    for (l, &share) in shares.iter().enumerate() {
        let mut skips = vec![false; n];
        if l > 0 && share > 0.0 {
            let sure: Vec<f64> = streams
                .iter()
                .map(|h| {
                    let p = gate::softmax(&net.leave(l - 1, h).0);
                    p.iter().copied().fold(0.0, f64::max)
                })
                .collect();
            let count = (share * n as f64).round() as usize;
            for &i in gate::descending(&sure).iter().take(count) {
                skips[i] = true;
                actions[i * shares.len() + l] = 0;
            }
        }
        for (h, skip) in streams.iter_mut().zip(skips) {
            if !skip {
                *h = net.after(l, h);
            }
        }
    }
    let (mut loss, mut classes) = (0.0, Vec::with_capacity(n));
    for (h, &label) in streams.iter().zip(labels) {
        let z = net.output(h);
        loss += cross_entropy(&z, usize::from(label)) / n as f64;
        classes.push(gate::argmax(&z) as u8);
    }
    Skipped {
        actions,
        classes,
        loss,
    }
}

/// The search for an allocation, one candidate at a time.
pub(super) struct Allocation {
    shares: Vec<f64>,
    wanted: f64,
    next: usize,
    best: Option<(f64, usize)>,
}

impl Allocation {
    /// Starts at no sparsity; the mean over the blocks is to reach `wanted`.
    pub(super) fn new(blocks: usize, wanted: f64) -> Self {
        Self {
            shares: vec![0.0; blocks],
            wanted,
            next: 1,
            best: None,
        }
    }

    /// The same mean sparsity in every block but the first.
    pub(super) fn uniform(blocks: usize, wanted: f64) -> Vec<f64> {
        let share = (wanted * blocks as f64 / (blocks as f64 - 1.0)).min(1.0);
        let mut out = vec![share; blocks];
        out[0] = 0.0;
        out
    }

    /// Tries the next candidate on labelled samples; the shares when the mean is reached.
    pub(super) fn step(&mut self, net: &Net, x: &[f64], labels: &[u8]) -> Option<Vec<f64>> {
        let blocks = self.shares.len();
        let total: f64 = self.shares.iter().sum();
        let left = self.wanted * blocks as f64 - total;
        if left < 1e-9 || blocks < 2 {
            return Some(self.shares.clone());
        }
        let grain = GRAIN.min(left);
        if self.next < blocks {
            let l = self.next;
            self.next += 1;
            let room = grain.min(1.0 - self.shares[l]);
            if room > 1e-9 {
                let mut tried = self.shares.clone();
                tried[l] += room;
                let loss = skipping(net, x, labels, &tried).loss;
                if self.best.is_none_or(|(b, _)| loss < b) {
                    self.best = Some((loss, l));
                }
            }
            return None;
        }
        let Some((_, l)) = self.best.take() else {
            return Some(self.shares.clone());
        };
        self.shares[l] = (self.shares[l] + grain).min(1.0);
        self.next = 1;
        None
    }
}
