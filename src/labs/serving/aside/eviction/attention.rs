//! Attention drawn from a law: keys of lasting importance, keys that matter from time to time,
//! noise, and a topic that moves on.

use super::config::EvictionConfig;
use crate::core::num;
use crate::core::rng::{Stream, StreamId};

/// Share of a key's importance that the query heads of a group do not have in common.
const OWN: f64 = 0.5;

/// Weights of all queries so far.
pub(super) struct Attention {
    config: EvictionConfig,
    seed: u64,
    /// Lasting logits before and after the topic moves, by query head and key.
    base: [Vec<f64>; 2],
    /// Whether a key matters from time to time, by KV head and key.
    pub(super) intermittent: Vec<bool>,
    /// Norms of the values, by KV head and key.
    pub(super) values: Vec<f64>,
    /// Weights by query, query head and key; every row adds up to 1.
    weights: Vec<f32>,
    rows: usize,
}

impl Attention {
    pub(super) fn new(config: &EvictionConfig, seed: u64) -> Self {
        let (keys, heads) = (config.keys as usize, config.heads as usize);
        let group = config.group as usize;
        let mut rng = Stream::new(seed, StreamId::Data);
        // Neighbours are alike: a chain of first order along the tokens of each head.
        let alike = if config.locality > 0.0 {
            num::exp(-1.0 / config.locality)
        } else {
            0.0
        };
        let other = (1.0 - alike * alike).sqrt();
        let mut normals = |n: usize| -> Vec<f64> {
            let mut last = 0.0;
            let mut next = |i: usize| {
                let new = f64::from(rng.normal_f32());
                last = if i.is_multiple_of(keys) {
                    new
                } else {
                    alike * last + other * new
                };
                last
            };
            (0..n).map(&mut next).collect()
        };
        let mut drawn = || {
            let shared = normals(heads * keys);
            let own = normals(heads * group * keys);
            let common = (1.0 - OWN * OWN).sqrt();
            let of = own.iter().enumerate().map(|(i, own)| {
                let (head, key) = (i / keys / group, i % keys);
                common * shared[head * keys + key] + OWN * own
            });
            of.collect::<Vec<f64>>()
        };
        let (first, fresh) = (drawn(), drawn());
        let kept = (1.0 - config.shift * config.shift).max(0.0).sqrt();
        let moved = first.iter().zip(&fresh);
        let moved = moved.map(|(a, b)| config.spread * (kept * a + config.shift * b));
        let moved: Vec<f64> = moved.collect();
        let mut picks = Stream::new(seed, StreamId::Classes);
        let mut norms = Stream::new(seed, StreamId::Lengths);
        Self {
            base: [first.iter().map(|a| config.spread * a).collect(), moved],
            intermittent: (0..heads * keys)
                .map(|_| picks.uniform() < config.intermittent)
                .collect(),
            values: (0..heads * keys)
                .map(|_| num::exp(config.values * f64::from(norms.normal_f32())))
                .collect(),
            weights: Vec::new(),
            rows: 0,
            seed,
            config: config.clone(),
        }
    }

    /// Queries drawn so far, those of the window first.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Draws the next query for all heads.
    pub(super) fn draw(&mut self) {
        let c = &self.config;
        let (keys, heads, group) = (c.keys as usize, c.heads as usize, c.group as usize);
        let row = self.rows as u32;
        let mut noise = Stream::new(self.seed, StreamId::Noise).step(row);
        let mut wakes = Stream::new(self.seed, StreamId::Phases).step(row);
        let base = &self.base[usize::from(self.rows >= c.window as usize)];
        let mut logits = vec![0.0; keys];
        for head in 0..heads {
            let awake: Vec<bool> = (0..keys).map(|_| wakes.uniform() < c.active).collect();
            for g in 0..group {
                let from = (head * group + g) * keys;
                let mut top = f64::NEG_INFINITY;
                for (k, logit) in logits.iter_mut().enumerate() {
                    let boost = if awake[k] && self.intermittent[head * keys + k] {
                        c.boost
                    } else {
                        0.0
                    };
                    *logit = base[from + k] + boost + c.noise * f64::from(noise.normal_f32());
                    top = top.max(*logit);
                }
                let mut sum = 0.0;
                for logit in &mut logits {
                    *logit = num::exp(*logit - top);
                    sum += *logit;
                }
                self.weights.extend(logits.iter().map(|e| (e / sum) as f32));
            }
        }
        self.rows += 1;
    }

    /// Weights of a query in a query head.
    pub(super) fn row(&self, query: usize, head: usize) -> &[f32] {
        let (keys, heads) = (
            self.config.keys as usize,
            (self.config.heads * self.config.group) as usize,
        );
        let from = (query * heads + head) * keys;
        self.weights.get(from..from + keys).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn importance_falls_to_a_third_over_the_locality() {
        let config = EvictionConfig {
            keys: 4096,
            locality: 6.0,
            group: 1,
            ..EvictionConfig::default()
        };
        let attention = Attention::new(&config, 2);
        let keys = config.keys as usize;
        let at = |lag: usize| -> f64 {
            let own = attention.base[0].chunks(keys);
            let of = own.flat_map(|h| h.iter().zip(&h[lag..]).map(|(a, b)| a * b));
            let all: Vec<f64> = of.collect();
            crate::core::stats::mean(&all)
        };
        let share = at(6) / at(0);
        assert!((share - num::exp(-1.0)).abs() < 0.05, "{share}");
    }

    #[test]
    fn rows_add_up_and_intermittent_keys_matter_in_their_share_of_queries() {
        let config = EvictionConfig {
            intermittent: 0.3,
            boost: 18.0,
            ..EvictionConfig::default()
        };
        let mut attention = Attention::new(&config, 1);
        for _ in 0..100 {
            attention.draw();
        }
        let (mut big, mut all) = (0, 0);
        for query in 0..attention.rows() {
            let row = attention.row(query, 0);
            let sum: f64 = row.iter().map(|w| f64::from(*w)).sum();
            assert!((sum - 1.0).abs() < 1e-4, "{sum}");
            for (k, weight) in row.iter().enumerate() {
                if attention.intermittent[k] {
                    all += 1;
                    big += u32::from(*weight > 1e-4);
                }
            }
        }
        let share = f64::from(big) / f64::from(all);
        assert!((share - config.active).abs() < 0.03, "{share}");
    }
}
