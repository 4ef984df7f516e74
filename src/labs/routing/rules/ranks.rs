//! What a perfectly balanced router shows when its experts are sorted by load: the busiest of many
//! is over the fair share by chance alone.
//!
//! 400 random balanced routings are sorted, and the 5 % and 95 % quantile taken rank by rank. Up to
//! a mean load of 32 the choices themselves are drawn. Beyond, the loads are normals with the exact
//! variance and covariance of N tokens that choose k of E experts, p = k/E, and nearly their
//! skewness γ = (1 - 2p) / √var (the first term of Cornish and Fisher):
//! `var = N p (1 - p)`, `cov = -var / (E - 1)`, `x = g + γ (g² - 1) / 6`,
//! `load = N p + √(var E/(E-1)) (x - mean x)`.

use super::load::{DRAWN, DRAWS, Draw};
use crate::core::rng::{Stream, StreamId};
use crate::core::stats;
use std::sync::Arc;

/// Loads of random balanced routing, over the fair share.
#[derive(Debug, Clone, PartialEq)]
pub struct Chance {
    /// 5 % and 95 % quantile of any one expert's load (exact, binomial).
    pub each: [f64; 2],
    /// The same of the largest load, the second largest, and so on.
    pub ranks: Arc<[[f64; 2]]>,
}

/// Mean load up to which choices are drawn one by one.
const COUNTED: usize = 32;
/// Ranks whose quantiles are taken in a step.
const RANKS: usize = 16;

/// Computes a [`Chance`] in short steps.
#[derive(Debug, Clone)]
pub struct ChanceWork {
    tokens: usize,
    experts: usize,
    k: usize,
    /// Sorted loads of every draw, the largest first, draw after draw.
    drawn: Vec<f64>,
    /// The next draw, begun.
    draw: Option<Draw>,
    ranks: Vec<[f64; 2]>,
}

impl ChanceWork {
    /// Starts for N tokens that choose k of E experts.
    pub fn new(tokens: usize, experts: usize, k: usize) -> Self {
        Self {
            tokens,
            experts,
            k,
            drawn: Vec::new(),
            draw: None,
            ranks: Vec::new(),
        }
    }

    /// A slice of work; the result when it is done.
    pub fn step(&mut self) -> Option<Chance> {
        let all = DRAWS as usize * self.experts;
        if self.drawn.len() < all {
            self.drawn.reserve_exact(all - self.drawn.len());
            let mut left = (DRAWN / self.k).max(1);
            while left > 0 && self.drawn.len() < all {
                self.draw_more(&mut left);
            }
            return None;
        }
        for rank in self.ranks.len()..self.experts.min(self.ranks.len() + RANKS) {
            let own = self.drawn.iter().skip(rank).step_by(self.experts);
            let mut own: Vec<f64> = own.copied().collect();
            own.sort_by(f64::total_cmp);
            self.ranks
                .push([5.0, 95.0].map(|p| stats::percentile_sorted(&own, p)));
        }
        (self.ranks.len() == self.experts).then(|| Chance {
            each: self.each(),
            ranks: self.ranks.as_slice().into(),
        })
    }

    fn mean(&self) -> f64 {
        (self.tokens * self.k) as f64 / self.experts as f64
    }

    fn each(&self) -> [f64; 2] {
        let share = self.k as f64 / self.experts as f64;
        let edge = |q| stats::binomial_quantile(self.tokens, share, q) as f64;
        [0.05, 0.95].map(|q| edge(q) / self.mean())
    }

    /// A part of the next draw, or all of it.
    fn draw_more(&mut self, left: &mut usize) {
        let index = (self.drawn.len() / self.experts) as u32;
        let mut loads = if self.tokens * self.k <= COUNTED * self.experts {
            let start = || Draw::new(self.experts, index);
            let mut draw = self.draw.take().unwrap_or_else(start);
            let tokens = (*left).min(self.tokens - draw.tokens);
            draw.advance(tokens, self.k);
            // A draw of very few tokens costs its sorting.
            *left = left.saturating_sub(tokens.max(self.experts / self.k));
            if draw.tokens < self.tokens {
                self.draw = Some(draw);
                return;
            }
            draw.loads
        } else {
            *left = left.saturating_sub(4 * self.experts);
            self.normals(index)
        };
        loads.sort_by(|a, b| b.total_cmp(a));
        let mean = self.mean();
        self.drawn.extend(loads.into_iter().map(|l| l / mean));
    }

    /// A draw of normal loads.
    fn normals(&self, index: u32) -> Vec<f64> {
        let mut stream = Stream::new(0, StreamId::Bootstrap).step(index).replicate(1);
        let (e, p) = (self.experts as f64, self.k as f64 / self.experts as f64);
        let var = self.tokens as f64 * p * (1.0 - p);
        // Where all experts get every token there is nothing to be drawn: the variance is 0.
        let skewness = if var > 0.0 {
            (1.0 - 2.0 * p) / var.sqrt()
        } else {
            0.0
        };
        let skewed = |g: f64| g + skewness * (g * g - 1.0) / 6.0;
        let x: Vec<f64> = (0..self.experts).map(|_| skewed(stream.normal())).collect();
        let sd = (var * e / (e - 1.0).max(1.0)).sqrt();
        let middle = stats::mean(&x);
        x.iter()
            .map(|x| (self.mean() + sd * (x - middle)).max(0.0))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::load::FloorWork;
    use super::*;

    fn chance(tokens: usize, experts: usize, k: usize) -> Chance {
        let mut work = ChanceWork::new(tokens, experts, k);
        loop {
            if let Some(chance) = work.step() {
                return chance;
            }
        }
    }

    #[test]
    fn the_busiest_of_drawn_experts_is_the_floor_of_the_largest_load() {
        let (tokens, experts, k) = (100, 8, 2);
        let own = chance(tokens, experts, k);
        let mut floor = FloorWork::new(tokens, experts, k);
        let floor = loop {
            if let Some(floor) = floor.step() {
                break floor;
            }
        };
        let [_, low, high] = floor.max_violation;
        assert!((own.ranks[0][0] - 1.0 - low).abs() < 1e-12, "{own:?}");
        assert!((own.ranks[0][1] - 1.0 - high).abs() < 1e-12, "{own:?}");
    }

    #[test]
    fn ranks_fall_from_the_busiest_on_and_stay_around_the_fair_share() {
        for (tokens, experts, k) in [(60, 16, 1), (3000, 16, 4), (50, 1, 1), (9, 4, 4)] {
            let own = chance(tokens, experts, k);
            assert_eq!(own.ranks.len(), experts);
            for pair in own.ranks.windows(2) {
                assert!(pair[0][0] >= pair[1][0] && pair[0][1] >= pair[1][1]);
            }
            assert!(own.ranks[0][1] >= 1.0 && own.ranks[experts - 1][0] <= 1.0);
            if k == experts {
                assert_eq!(own.ranks[0], [1.0, 1.0], "every expert gets every token");
            }
        }
    }

    #[test]
    fn normals_of_the_exact_moments_agree_with_counted_choices() {
        // Just past the edge the loads are normals; the choices are drawn here by hand.
        let (tokens, experts, k) = (1000, 40, 2);
        let own = chance(tokens, experts, k);
        let mut counted = vec![Vec::new(); experts];
        for d in 0..DRAWS {
            let mut draw = Draw::new(experts, d + DRAWS);
            draw.advance(tokens, k);
            draw.loads.sort_by(|a, b| b.total_cmp(a));
            for (rank, load) in draw.loads.iter().enumerate() {
                counted[rank].push(load / 50.0);
            }
        }
        for (rank, seen) in counted.iter().enumerate() {
            for (i, p) in [5.0, 95.0].into_iter().enumerate() {
                let want = stats::percentile(seen, p);
                let got = own.ranks[rank][i];
                assert!((got - want).abs() < 0.03, "rank {rank}: {got} {want}");
            }
        }
    }

    #[test]
    fn a_step_draws_only_so_much_however_large_the_layer() {
        for (tokens, experts, k) in [(16_000, 512, 1), (1 << 19, 512, 1), (2000, 64, 8)] {
            let mut work = ChanceWork::new(tokens, experts, k);
            let counted = tokens * k <= COUNTED * experts;
            let (mut before, mut ranks) = (0, 0);
            while work.step().is_none() {
                let begun = work.draw.as_ref().map_or(0, |d| d.tokens);
                let (done, most) = if counted {
                    let whole = work.drawn.len() / experts * tokens;
                    ((whole + begun) * k, DRAWN)
                } else {
                    (4 * work.drawn.len(), DRAWN + 4 * experts)
                };
                assert!(done - before <= most, "{experts}: {}", done - before);
                assert!(work.ranks.len() - ranks <= RANKS, "quantiles in a step");
                (before, ranks) = (done, work.ranks.len());
            }
        }
    }
}
