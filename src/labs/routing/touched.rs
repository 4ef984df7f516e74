//! How many experts a few tokens touch: what must be read from memory to decode them together
//! (MoE-CAP, arXiv 2412.07067).

use super::config::Config;
use super::fill::{SLICE, slice};
use super::route::Batch;
use crate::core::{Axis, Chart, Series, num};

/// Mean number of distinct experts that keep a token of a window of consecutive tokens; NaN when no
/// batch holds a whole window.
pub(super) fn touched(batches: &[Batch], experts: usize, window: usize) -> f64 {
    let mut count = Count::new(experts, window);
    loop {
        if let Some(mean) = count.step(batches) {
            return mean;
        }
    }
}

/// The work of [`touched`], window after window.
#[derive(Debug)]
struct Count {
    window: usize,
    /// Batch and token that it has got to.
    at: (usize, usize),
    /// The last window in which each expert was seen, from 1.
    seen: Vec<usize>,
    total: usize,
    windows: usize,
}

impl Count {
    fn new(experts: usize, window: usize) -> Self {
        Self {
            window,
            at: (0, 0),
            seen: vec![0; experts],
            total: 0,
            windows: 0,
        }
    }

    /// The next windows, of one batch; the mean when there is none left.
    fn step(&mut self, batches: &[Batch]) -> Option<f64> {
        let (batch, token) = &mut self.at;
        let Some(b) = batches.get(*batch) else {
            return Some(self.total as f64 / self.windows as f64);
        };
        let tokens = b.clusters.len() / self.window * self.window;
        let windows = SLICE * tokens / (b.pairs.len().max(1) * self.window);
        for t in slice(token, tokens, windows.max(1) * self.window) {
            self.windows += usize::from(t % self.window == 0);
            for pair in b.of_token(t).iter().filter(|p| p.kept()) {
                let last = &mut self.seen[usize::from(pair.expert)];
                self.total += usize::from(*last < self.windows);
                *last = self.windows;
            }
        }
        if *token == tokens {
            self.at = (*batch + 1, 0);
        }
        None
    }
}

/// The same for tokens that choose k of E experts uniformly and independently:
/// E (1 - (1 - k/E)^B).
pub(super) fn expected(experts: usize, k: f64, window: usize) -> f64 {
    let e = experts as f64;
    e * (1.0 - num::pow(1.0 - (k / e).min(1.0), window as f64))
}

/// Windows compared: powers of two up to this.
const WIDEST: usize = 256;

/// Experts touched by windows of growing size, one size at a time.
#[derive(Debug, Default)]
pub(super) struct Growing {
    /// Tokens together, and the experts they touch.
    pub(super) points: Vec<[f64; 2]>,
    /// The size at hand.
    count: Option<Count>,
}

impl Growing {
    /// A slice of the next size; `false` when there is none.
    pub(super) fn step(&mut self, config: &Config, batches: &[Batch]) -> bool {
        let tokens = batches.first().map_or(0, |b| b.clusters.len());
        let window = 1 << self.points.len();
        let more = window <= tokens.min(WIDEST);
        if more {
            let start = || Count::new(config.experts as usize, window);
            let count = self.count.get_or_insert_with(start);
            if let Some(own) = count.step(batches) {
                self.points.push([window as f64, own]);
                self.count = None;
            }
        }
        more
    }
}

/// Experts read against tokens decoded together.
pub(super) fn touched_chart(config: &Config, batches: &[Batch], growing: &Growing) -> Chart {
    let experts = config.experts as usize;
    let line = |get: &dyn Fn(usize) -> f64| -> Vec<[f64; 2]> {
        let all = growing.points.iter();
        all.map(|[w, _]| [*w, get(*w as usize)]).collect()
    };
    // Rules that choose a varying number are held against what they choose on average.
    let per_token = touched_pairs(batches);
    Chart {
        id: "touched",
        title: "Experts read by tokens decoded together",
        doc: "Distinct experts that consecutive tokens use: the weights that a step of decoding must read. A utilisation of memory bandwidth that counts all experts is too high by the number of experts over this (S-MBU counts only these). The reference is independent uniform routing.",
        x: Axis::log("tokens together", ""),
        y: Axis::zero_based("experts read", "per layer"),
        series: vec![
            Series::line("this router", growing.points.as_slice()),
            Series::line(
                "independent uniform routing",
                line(&|w| expected(experts, per_token, w)),
            )
            .as_reference(),
        ],
        marks: Vec::new(),
        on_timeline: false,
    }
}

/// Experts that keep a token, on average.
pub(super) fn touched_pairs(batches: &[Batch]) -> f64 {
    let tokens: usize = batches.iter().map(|b| b.clusters.len()).sum();
    let pairs: u32 = batches.iter().flat_map(|b| b.carried.iter()).sum();
    f64::from(pairs) / tokens as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_token_touches_its_own_experts_and_many_touch_all() {
        assert!((expected(8, 2.0, 1) - 2.0).abs() < 1e-12);
        assert!((expected(64, 8.0, 256) - 64.0).abs() < 1e-9);
        // 8 (1 - 0.75²) = 3.5
        assert!((expected(8, 2.0, 2) - 3.5).abs() < 1e-12);
    }
}
