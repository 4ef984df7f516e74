//! Which share of the samples may skip each block (FTP's sparsity scheduler, arXiv 2412.11494): the
//! same everywhere, or allocated block by block where it hurts least.

use super::net::{Net, cross_entropy};
use crate::core::digits::PIXELS;
use crate::core::gate;

/// Step of a block's sparsity in the allocation.
const GRAIN: f64 = 0.1;

/// What becomes of samples of which some skip.
#[derive(Debug, Default)]
pub(super) struct Skipped {
    /// 1 where a block was run, 0 where it was skipped (samples × blocks).
    pub(super) actions: Vec<u8>,
    /// Class of the largest output.
    pub(super) classes: Vec<u8>,
    /// Mean cross-entropy.
    pub(super) loss: f64,
}

/// Runs samples, one block a step; before each block, the share of them that the exit so far is
/// surest of skips it. The first block, which has no exit before it, is run by all.
#[derive(Debug)]
pub(super) struct Skipping {
    shares: Vec<f64>,
    streams: Vec<Vec<f64>>,
    actions: Vec<u8>,
    /// The next block.
    next: usize,
}

impl Skipping {
    /// Starts with a share for every block.
    pub(super) fn new(shares: Vec<f64>) -> Self {
        Self {
            shares,
            streams: Vec::new(),
            actions: Vec::new(),
            next: 0,
        }
    }

    /// The stem, the next block or the outputs of all samples; what becomes of them when that is done.
    /// The samples must be the same every time.
    pub(super) fn step(&mut self, net: &Net, x: &[f64], labels: &[u8]) -> Option<Skipped> {
        if self.streams.is_empty() {
            self.streams = x.chunks_exact(PIXELS).map(|x| net.start(x)).collect();
            self.actions = vec![1; self.streams.len() * self.shares.len()];
            return None;
        }
        if self.next < self.shares.len() {
            self.run(net, self.next);
            self.next += 1;
            return None;
        }
        let n = self.streams.len();
        let (mut loss, mut classes) = (0.0, Vec::with_capacity(n));
        for (h, &label) in self.streams.iter().zip(labels) {
            let z = net.output(h);
            loss += cross_entropy(&z, usize::from(label)) / n as f64;
            classes.push(gate::argmax(&z) as u8);
        }
        Some(Skipped {
            actions: std::mem::take(&mut self.actions),
            classes,
            loss,
        })
    }

    /// One block.
    fn run(&mut self, net: &Net, l: usize) {
        let (n, share) = (self.streams.len(), self.shares[l]);
        let mut skips = vec![false; n];
        if l > 0 && share > 0.0 {
            let sure: Vec<f64> = self
                .streams
                .iter()
                .map(|h| {
                    let p = gate::softmax(&net.leave(l - 1, h).0);
                    p.iter().copied().fold(0.0, f64::max)
                })
                .collect();
            let count = (share * n as f64).round() as usize;
            for &i in gate::descending(&sure).iter().take(count) {
                skips[i] = true;
                self.actions[i * self.shares.len() + l] = 0;
            }
        }
        for (h, skip) in self.streams.iter_mut().zip(skips) {
            if !skip {
                *h = net.after(l, h);
            }
        }
    }
}

/// The search for an allocation, a block of a candidate at a time.
pub(super) struct Allocation {
    shares: Vec<f64>,
    wanted: f64,
    next: usize,
    best: Option<(f64, usize)>,
    /// The candidate that is tried: its block.
    trying: Option<(usize, Skipping)>,
}

impl Allocation {
    /// Starts at no sparsity; the mean over the blocks is to reach `wanted`.
    pub(super) fn new(blocks: usize, wanted: f64) -> Self {
        Self {
            shares: vec![0.0; blocks],
            wanted,
            next: 1,
            best: None,
            trying: None,
        }
    }

    /// The same mean sparsity in every block but the first.
    pub(super) fn uniform(blocks: usize, wanted: f64) -> Vec<f64> {
        let share = (wanted * blocks as f64 / (blocks as f64 - 1.0)).min(1.0);
        let mut out = vec![share; blocks];
        out[0] = 0.0;
        out
    }

    /// A step of trying the next candidate on labelled samples; the shares when the mean is reached.
    pub(super) fn step(&mut self, net: &Net, x: &[f64], labels: &[u8]) -> Option<Vec<f64>> {
        if let Some((l, mut work)) = self.trying.take() {
            match work.step(net, x, labels) {
                None => self.trying = Some((l, work)),
                Some(done) if self.best.is_none_or(|(b, _)| done.loss < b) => {
                    self.best = Some((done.loss, l));
                }
                Some(_) => {}
            }
            return None;
        }
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
                self.trying = Some((l, Skipping::new(tried)));
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

#[cfg(test)]
mod tests {
    use super::super::net::samples;
    use super::*;

    #[test]
    fn a_step_is_one_block_and_steps_change_no_bit() {
        let net = Net::new(4, 3);
        let data = samples(3, true, 0.5, 0, 40);
        let shares = vec![0.0, 0.3, 0.0, 0.5];
        let mut work = Skipping::new(shares.clone());
        let mut steps = 0;
        let done = loop {
            let before = work.next;
            if let Some(done) = work.step(&net, &data.x, &data.labels) {
                break done;
            }
            assert!(work.next <= before + 1, "one block at most");
            steps += 1;
        };
        assert_eq!(steps, 5, "the stem and four blocks");
        // As it is written down, all blocks in one go.
        let mut streams: Vec<Vec<f64>> =
            data.x.chunks_exact(PIXELS).map(|x| net.start(x)).collect();
        let mut actions = vec![1; 160];
        for l in 0..4 {
            let sure: Vec<f64> = streams
                .iter()
                .map(|h| {
                    let p = gate::softmax(&net.leave(l.max(1) - 1, h).0);
                    p.into_iter().fold(0.0, f64::max)
                })
                .collect();
            let skip = &gate::descending(&sure)[..(40.0 * shares[l]) as usize];
            for i in 0..40 {
                if skip.contains(&i) {
                    actions[4 * i + l] = 0;
                } else {
                    streams[i] = net.after(l, &streams[i]);
                }
            }
        }
        let z: Vec<Vec<f64>> = streams.iter().map(|h| net.output(h)).collect();
        let mut loss = 0.0;
        for (z, &label) in z.iter().zip(&data.labels) {
            loss += cross_entropy(z, usize::from(label)) / 40.0;
        }
        assert_eq!((done.actions, done.loss), (actions, loss));
        let classes: Vec<u8> = z.iter().map(|z| gate::argmax(z) as u8).collect();
        assert_eq!(done.classes, classes);
    }
}
