//! The memory of the GPUs: who holds it, and who gives it up.

use super::Sim;
use crate::core::Arrange as _;

impl Sim {
    /// Memory times time until `end`, in GB·s.
    pub(in super::super) fn held(&self, end: f64) -> f64 {
        let left = self.copies.iter().filter(|c| !c.gone.is_finite());
        self.held
            + left
                .map(|c| c.place[1] * (end - c.born).max(0.0))
                .sum::<f64>()
    }

    pub(super) fn alive(&self, key: usize) -> Option<u32> {
        let found = (self.copies.iter()).position(|c| c.key == key && !c.gone.is_finite());
        found.map(|i| i as u32)
    }

    /// First gap of a GPU's memory that is large enough.
    fn gap(&self, gpu: usize, size: f64) -> Option<f64> {
        let here = self.copies.iter();
        let here = here.filter(|c| c.gpu == gpu && !c.gone.is_finite());
        let mut taken: Vec<[f64; 2]> = here.map(|c| c.place).collect();
        taken.arrange_by(|a, b| a[0].total_cmp(&b[0]));
        let mut from = 0.0;
        for [start, length] in taken {
            if start - from >= size {
                break;
            }
            from = start + length;
        }
        (from + size <= self.config.gpu_gb).then_some(from)
    }

    fn used(&self, gpu: usize) -> f64 {
        let here = self.copies.iter();
        here.filter(|c| c.gpu == gpu && !c.gone.is_finite())
            .map(|c| c.place[1])
            .sum()
    }

    /// The GPU with the least memory in use among those with room, and the place there.
    pub(super) fn room(&self, size: f64) -> Option<(usize, f64)> {
        let alive = |g: &usize| !self.dead || *g as u64 != self.config.fault.server;
        let all = (0..self.config.gpus as usize).filter(alive);
        let fits = all.filter_map(|g| Some((g, self.gap(g, size)?)));
        fits.min_by(|a, b| self.used(a.0).total_cmp(&self.used(b.0)))
    }

    /// Gives the memory of a copy back.
    pub(super) fn drop_copy(&mut self, copy: u32) {
        let now = self.now;
        let c = &mut self.copies[copy as usize];
        c.gone = now;
        self.held += c.place[1] * (now - c.born);
    }

    /// Room for a copy, by giving up idle ones, those loaded in advance last and otherwise by age of
    /// their last use.
    pub(super) fn make_room(&mut self, size: f64) -> Option<(usize, f64)> {
        loop {
            if let Some(found) = self.room(size) {
                return Some(found);
            }
            let idle = self.copies.iter().enumerate().filter(|(_, c)| {
                let loading = c.ready > self.now || c.adapters.iter().any(|a| a.1 > self.now);
                !c.gone.is_finite() && c.active == 0 && !loading && c.queue.is_empty()
            });
            let oldest = idle
                .min_by(|a, b| (a.1.advance.cmp(&b.1.advance)).then(a.1.used.total_cmp(&b.1.used)));
            let oldest = oldest.map(|(i, _)| i as u32)?;
            self.drop_copy(oldest);
        }
    }
}
