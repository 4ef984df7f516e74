//! Where the tokens come from: Gaussian clusters in R^D with Zipf weights, and a random linear
//! router. z = W x + o, W ~ N(0, scale²/(D (1+σ²))), o ~ N(0, skew²); centres ~ N(0, 1).
//!
//! Logits are rounded to single precision before anything is chosen, so that a GPU that works in
//! single precision sees the very same numbers.

use super::Config;
use crate::core::num;
use crate::core::rng::{Stream, StreamId};

/// Everything about the tokens that is drawn once per run.
#[derive(Debug, Clone)]
pub(super) struct Population {
    seed: u64,
    dim: usize,
    experts: usize,
    spread: f64,
    drift: f64,
    /// Zipf weights by cluster, summing to 1.
    weights: Vec<f64>,
    /// Centres, `clusters × dim`.
    centres: Vec<f64>,
    /// Router rows, `experts × dim`.
    router: Vec<f64>,
    /// Fixed preference of the router.
    offsets: Vec<f64>,
}

impl Population {
    pub(super) fn new(config: &Config) -> Self {
        let (dim, experts) = (config.dim as usize, config.experts as usize);
        let clusters = config.clusters as usize;
        let weights: Vec<f64> = (0..clusters)
            .map(|c| num::pow(c as f64 + 1.0, -config.cluster_skew))
            .collect();
        let total: f64 = weights.iter().sum();
        let mut centre = Stream::new(config.seed, StreamId::Data).replicate(1);
        let mut weight = Stream::new(config.seed, StreamId::Weights);
        let mut offset = Stream::new(config.seed, StreamId::Logits);
        let norm = (dim as f64 * (1.0 + config.spread * config.spread)).sqrt();
        Self {
            seed: config.seed,
            dim,
            experts,
            spread: config.spread,
            drift: config.drift,
            weights: weights.iter().map(|w| w / total).collect(),
            centres: (0..clusters * dim)
                .map(|_| f64::from(centre.normal_f32()))
                .collect(),
            router: (0..experts * dim)
                .map(|_| f64::from(weight.normal_f32()) * config.logit_scale / norm)
                .collect(),
            offsets: (0..experts)
                .map(|_| f64::from(offset.normal_f32()) * config.router_skew)
                .collect(),
        }
    }

    /// Share of each cluster in a batch: the Zipf weights, blended with the same weights moved on
    /// by half the clusters when the topics drift.
    fn shares(&self, batch: usize) -> Vec<f64> {
        let n = self.weights.len();
        let turn = std::f64::consts::TAU * self.drift * batch as f64;
        let blend = 0.5 - 0.5 * num::cos(turn);
        (0..n)
            .map(|c| (1.0 - blend) * self.weights[c] + blend * self.weights[(c + n / 2) % n])
            .collect()
    }

    /// Clusters of a batch's tokens.
    pub(super) fn clusters(&self, batch: usize, tokens: usize) -> Vec<u8> {
        let shares = self.shares(batch);
        let mut stream = Stream::new(self.seed, StreamId::Data).step(batch as u32);
        (0..tokens)
            .map(|_| {
                let mut left = stream.uniform();
                let hit = shares.iter().position(|s| {
                    left -= s;
                    left < 0.0
                });
                hit.unwrap_or(shares.len() - 1) as u8
            })
            .collect()
    }

    /// Logits of one token, each exactly a single-precision number.
    pub(super) fn logits(&self, batch: usize, token: usize, cluster: u8) -> Vec<f64> {
        let mut noise = Stream::new(self.seed, StreamId::Noise)
            .step(batch as u32)
            .replicate(token as u32);
        let start = usize::from(cluster) * self.dim;
        let x: Vec<f64> = self.centres[start..start + self.dim]
            .iter()
            .map(|c| c + self.spread * f64::from(noise.normal_f32()))
            .collect();
        (0..self.experts)
            .map(|e| {
                let row = &self.router[e * self.dim..(e + 1) * self.dim];
                let z: f64 = row.iter().zip(&x).map(|(w, v)| w * v).sum();
                f64::from((z + self.offsets[e]) as f32)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cluster_shares_follow_their_weights_and_drift_away_from_them() {
        let config = Config {
            cluster_skew: 1.0,
            drift: 0.5,
            ..Config::default()
        };
        let population = Population::new(&config);
        let count = |batch| {
            let clusters = population.clusters(batch, 4000);
            clusters
                .iter()
                .map(|&c| f64::from(u8::from(c == 0)))
                .sum::<f64>()
                / 4000.0
        };
        let want = 1.0 / (1..=6).map(|c| 1.0 / f64::from(c)).sum::<f64>();
        assert!((count(0) - want).abs() < 0.03, "{} {want}", count(0));
        assert!(
            (count(1) - want / 4.0).abs() < 0.03,
            "half a turn: cluster 0 takes the place of 3"
        );
    }

    #[test]
    fn logits_are_single_precision_numbers_and_repeat() {
        let population = Population::new(&Config::default());
        let z = population.logits(3, 17, 2);
        assert_eq!(z, population.logits(3, 17, 2));
        assert!(z.iter().all(|&v| f64::from(v as f32) == v), "{z:?}");
        assert_ne!(z, population.logits(4, 17, 2), "another batch");
    }
}
