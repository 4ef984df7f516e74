//! Softmax regression of a symbol on the one to its left, on a text: convex, and its optimum, the
//! conditional entropy of the text, is known from the counts. Trained on pairs, or as a masked
//! language model ("Dynamic Masking Rate Schedules for MLM Pretraining", arXiv 2305.15096): symbols
//! are hidden at a rate that follows a schedule, the hidden ones are predicted, and a left neighbour
//! that is hidden too shows as a symbol of its own.

use super::super::super::config::Config;
use super::Model;
use super::text::{SYMBOLS, symbols};
use crate::core::num;
use crate::core::rng::{Stream, StreamId};
use std::sync::OnceLock;

/// What stands in for a hidden symbol.
const MASK: usize = SYMBOLS;
/// Rows of the table: every symbol, and the mask.
const ROWS: usize = SYMBOLS + 1;
/// Sequences per batch and their length (masked).
const SEQUENCES: usize = 8;
const LENGTH: usize = 64;

/// Names of the traces.
pub(in crate::labs::lr) const TRACES: [&str; 2] =
    ["masking rate", "excess over the conditional entropy"];

/// Pairs of the text by left and right symbol, and their number.
fn counts() -> &'static ([[f64; SYMBOLS]; SYMBOLS], f64) {
    static COUNTS: OnceLock<([[f64; SYMBOLS]; SYMBOLS], f64)> = OnceLock::new();
    COUNTS.get_or_init(|| {
        let mut table = [[0.0; SYMBOLS]; SYMBOLS];
        let text = symbols();
        for pair in text.windows(2) {
            table[usize::from(pair[0])][usize::from(pair[1])] += 1.0;
        }
        (table, (text.len() - 1) as f64)
    })
}

/// Conditional entropy of a symbol given the one before it, in nats.
fn entropy() -> f64 {
    let (table, total) = counts();
    num::sum(table.iter().flat_map(|row| {
        let all: f64 = row.iter().sum();
        row.iter()
            .filter(|n| **n > 0.0)
            .map(move |n| -n / total * num::ln(n / all))
    }))
}

/// Log-probabilities of a row of logits.
fn log_softmax(row: &[f64]) -> [f64; SYMBOLS] {
    let top = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let total = num::sum(row.iter().map(|v| num::exp(v - top)));
    let log = top + num::ln(total);
    std::array::from_fn(|c| row[c] - log)
}

/// How the stream is drawn.
#[derive(Debug, Clone, Copy)]
enum Stage {
    /// Pairs of neighbours.
    Pairs { batch: usize },
    /// Masked sequences: rate at the start and at the end, updates of the run.
    Masked { from: f64, to: f64, updates: u64 },
}

/// One run's data.
#[derive(Debug, Clone)]
pub(super) struct Bigram {
    seed: u64,
    stage: Stage,
}

impl Bigram {
    pub(super) fn plain(seed: u64, batch: usize) -> Self {
        let stage = Stage::Pairs { batch };
        Self { seed, stage }
    }

    pub(super) fn masked(config: &Config, seed: u64) -> Self {
        let stage = Stage::Masked {
            from: config.mask_from,
            to: config.mask_to,
            updates: config.horizon,
        };
        Self { seed, stage }
    }

    /// The masking rate of an update; NaN without masks.
    fn rate(&self, step: u64) -> f64 {
        match self.stage {
            Stage::Pairs { .. } => f64::NAN,
            Stage::Masked { from, to, updates } => {
                let q = step as f64 / (updates.max(2) - 1) as f64;
                from + (to - from) * q.min(1.0)
            }
        }
    }

    /// (left symbol or mask, symbol) pairs of an update's batch.
    fn batch(&self, step: u64) -> Vec<[usize; 2]> {
        let text = symbols();
        let mut pick = Stream::new(self.seed, StreamId::DataOrder).step(step as u32);
        match self.stage {
            Stage::Pairs { batch } => (0..batch)
                .map(|_| {
                    let at = pick.below(text.len() as u32 - 1) as usize;
                    [usize::from(text[at]), usize::from(text[at + 1])]
                })
                .collect(),
            Stage::Masked { .. } => {
                let rate = self.rate(step);
                // Common random numbers: what a low rate hides, a high rate hides too.
                let mut hide = Stream::new(self.seed, StreamId::Noise).step(step as u32);
                let mut pairs = Vec::new();
                for _ in 0..SEQUENCES {
                    let at = pick.below((text.len() - LENGTH) as u32) as usize;
                    let hidden: [bool; LENGTH] = std::array::from_fn(|_| hide.uniform() < rate);
                    for i in 1..LENGTH {
                        if hidden[i] {
                            let left = if hidden[i - 1] {
                                MASK
                            } else {
                                usize::from(text[at + i - 1])
                            };
                            pairs.push([left, usize::from(text[at + i])]);
                        }
                    }
                }
                pairs
            }
        }
    }

    /// Exact loss over the text with the left neighbour shown, minus the least there is.
    fn excess(w: &[f64]) -> f64 {
        let (table, total) = counts();
        let loss = num::sum(table.iter().enumerate().flat_map(|(a, row)| {
            let logs = log_softmax(&w[a * SYMBOLS..(a + 1) * SYMBOLS]);
            (0..SYMBOLS).map(move |b| -row[b] / total * logs[b])
        }));
        loss - entropy()
    }
}

impl Model for Bigram {
    fn start(&mut self) -> Vec<f64> {
        vec![0.0; ROWS * SYMBOLS]
    }

    fn gradient(&mut self, w: &[f64], step: u64, out: &mut [f64]) -> f64 {
        let pairs = self.batch(step);
        out.fill(0.0);
        if pairs.is_empty() {
            return 0.0;
        }
        let scale = 1.0 / pairs.len() as f64;
        // Pairs with the same left symbol share their probabilities.
        let mut seen = [[0.0; SYMBOLS]; ROWS];
        for [left, symbol] in &pairs {
            seen[*left][*symbol] += scale;
        }
        let mut loss = 0.0;
        for (left, row) in seen.iter().enumerate() {
            let weight: f64 = row.iter().sum();
            if weight > 0.0 {
                let place = left * SYMBOLS..(left + 1) * SYMBOLS;
                let logs = log_softmax(&w[place.clone()]);
                for ((g, log), n) in out[place].iter_mut().zip(logs).zip(row) {
                    *g = weight * num::exp(log) - n;
                    loss -= n * log;
                }
            }
        }
        loss
    }

    fn fixed_gradient(&mut self, w: &[f64], out: &mut [f64]) {
        // The whole text, left neighbours shown.
        let (table, total) = counts();
        out.fill(0.0);
        for (a, row) in table.iter().enumerate() {
            let all: f64 = row.iter().sum();
            let place = a * SYMBOLS..(a + 1) * SYMBOLS;
            let logs = log_softmax(&w[place.clone()]);
            for ((g, log), n) in out[place].iter_mut().zip(logs).zip(row) {
                *g = (all * num::exp(log) - n) / total;
            }
        }
    }

    fn judge(&mut self, w: &[f64]) -> [f64; 2] {
        [Self::excess(w), f64::NAN]
    }

    fn traces(&mut self, w: &[f64], done: u64) -> Vec<(&'static str, f64)> {
        let mut out = vec![(TRACES[1], Self::excess(w))];
        if let Stage::Masked { .. } = self.stage {
            out.push((TRACES[0], self.rate(done.saturating_sub(1))));
        }
        out
    }

    fn slice(&self) -> usize {
        20
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{gradient_error, trained};
    use super::*;

    fn masked(from: f64, to: f64) -> Bigram {
        let config = Config {
            mask_from: from,
            mask_to: to,
            horizon: 100,
            ..Config::default()
        };
        Bigram::masked(&config, 3)
    }

    #[test]
    fn the_gradient_agrees_with_finite_differences() {
        let mut stream = Stream::new(1, StreamId::Test);
        let w: Vec<f64> = (0..ROWS * SYMBOLS).map(|_| 0.3 * stream.normal()).collect();
        let places: Vec<usize> = (0..60).map(|i| (i * 97) % w.len()).collect();
        for mut model in [Bigram::plain(2, 16), masked(0.3, 0.15)] {
            let error = gradient_error(&mut model, &w, &places);
            assert!(error < 1e-6, "{error}");
        }
    }

    #[test]
    fn the_log_frequencies_are_the_optimum() {
        let (table, _) = counts();
        let w: Vec<f64> = (table.iter().flatten())
            .map(|n| num::ln(n.max(1e-12)))
            .chain(std::iter::repeat_n(0.0, SYMBOLS))
            .collect();
        assert!(Bigram::excess(&w).abs() < 1e-9);
        let flat = vec![0.0; ROWS * SYMBOLS];
        assert!((Bigram::excess(&flat) - (num::ln(27.0) - entropy())).abs() < 1e-9);
        let [before, after] = trained(&mut Bigram::plain(1, 32), 2.0, 300);
        assert!(after < 0.7 * before, "{before} {after}");
    }

    #[test]
    fn the_masking_rate_runs_from_one_end_to_the_other_and_hides_as_many() {
        let m = masked(0.3, 0.15);
        assert_eq!((m.rate(0), m.rate(99)), (0.3, 0.15));
        let share =
            |m: &Bigram, step: u64| m.batch(step).len() as f64 / (SEQUENCES * (LENGTH - 1)) as f64;
        let mean = |m: &Bigram| (0..40).map(|s| share(m, s)).sum::<f64>() / 40.0;
        assert!((mean(&masked(0.3, 0.3)) - 0.3).abs() < 0.02);
        // The same draws: a lower rate hides a subset.
        assert!(masked(0.1, 0.1).batch(0).len() < masked(0.4, 0.4).batch(0).len());
    }
}
