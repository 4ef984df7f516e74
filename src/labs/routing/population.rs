//! Where the tokens come from: Gaussian clusters in R^D with Zipf weights, words of a text, or images
//! of digits; and a random linear router. z = W x + o, W ~ N(0, scale²/(D (1+σ²))), o ~ N(0, skew²);
//! centres ~ N(0, 1). Words and images have mean square 1, or nearly, and σ is 0 for them.
//!
//! Logits are rounded to single precision before anything is chosen, so that a GPU that works in
//! single precision sees the very same numbers.

use super::config::{Config, HashTable, Precision, Router};
use super::dump::{Content, Layer};
use super::gates::Token;
use super::rules::{models, precision};
use super::source::TokenSource;
use super::text::{Vocabulary, Words};
use crate::core::digits;
use crate::core::gate;
use crate::core::matrix::Matrix;
use crate::core::num;
use crate::core::rng::{Stream, StreamId};
use std::sync::Arc;

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
    /// Columns of scores per expert: slots of Soft MoE, otherwise 1.
    slots: usize,
    /// Precision to which logits are rounded.
    precision: Precision,
    correlation: f64,
    /// Parts of the cosine router, where it is used.
    cosine: Option<Cosine>,
    /// Layer of a file whose tokens are routed instead, and tokens per batch.
    file: Option<(Layer, usize)>,
    /// Expert by token id, where hash routing is used.
    table: Vec<usize>,
    /// What is drawn, and the words once they are made.
    source: TokenSource,
    words: Option<Words>,
}

/// Distinct token ids of each cluster; their frequencies follow Zipf's law.
const WORDS: usize = 32;
/// Tokens whose deviations are averaged when tokens are correlated.
const MEMORY: usize = 16;

/// The cosine router's parts.
#[derive(Debug, Clone)]
struct Cosine {
    projection: Matrix,
    bias: Vec<f64>,
    experts: Matrix,
    temperature: f64,
}

impl Cosine {
    /// Projection to half the width, biases 0, expert vectors; all normal.
    fn new(config: &Config) -> Self {
        let dim = config.width();
        let (half, experts) = (dim.div_ceil(2), config.experts as usize);
        let mut draw = Stream::new(config.seed, StreamId::Weights).replicate(1);
        let scale = 1.0 / (dim as f64).sqrt();
        Self {
            projection: Matrix::from_fn(half, dim, |_, _| scale * f64::from(draw.normal_f32())),
            bias: vec![0.0; half],
            experts: Matrix::from_fn(half, experts, |_, _| f64::from(draw.normal_f32())),
            temperature: config.temperature,
        }
    }
}

impl Population {
    pub(super) fn new(config: &Config) -> Self {
        let (dim, experts) = (config.width(), config.experts as usize);
        let source = config.source();
        let clusters = config.clusters as usize;
        let weights: Vec<f64> = (0..clusters)
            .map(|c| num::pow(c as f64 + 1.0, -config.cluster_skew))
            .collect();
        let total: f64 = weights.iter().sum();
        let mut centre = Stream::new(config.seed, StreamId::Data).replicate(1);
        let mut weight = Stream::new(config.seed, StreamId::Weights);
        let mut offset = Stream::new(config.seed, StreamId::Logits);
        let size = match source {
            TokenSource::Clusters => 1.0 + config.spread * config.spread,
            TokenSource::Text | TokenSource::Digits => 1.0,
        };
        let norm = (dim as f64 * size).sqrt();
        let slots = config.slots();
        let weights: Vec<f64> = weights.iter().map(|w| w / total).collect();
        Self {
            table: match source {
                TokenSource::Clusters => {
                    let by_word = weights
                        .iter()
                        .flat_map(|w| word_shares().map(move |s| w * s));
                    hash_table(config, &by_word.collect::<Vec<f64>>())
                }
                TokenSource::Digits => {
                    hash_table(config, &[1.0 / digits::COUNT as f64; digits::COUNT])
                }
                // Its words are not there yet.
                TokenSource::Text => Vec::new(),
            },
            source,
            words: None,
            file: None,
            cosine: (config.router == Router::Cosine).then(|| Cosine::new(config)),
            slots,
            precision: config.precision,
            correlation: match source {
                TokenSource::Clusters => config.correlation,
                TokenSource::Text | TokenSource::Digits => 0.0,
            },
            seed: config.seed,
            dim,
            experts,
            spread: config.spread,
            drift: config.drift,
            weights,
            centres: (0..clusters * dim)
                .map(|_| f64::from(centre.normal_f32()))
                .collect(),
            router: (0..experts * slots * dim)
                .map(|_| f64::from(weight.normal_f32()) * config.logit_scale / norm)
                .collect(),
            offsets: (0..experts)
                .map(|_| f64::from(offset.normal_f32()) * config.router_skew)
                .collect(),
        }
    }

    /// The tokens of a layer of a file, in its order.
    pub(super) fn of_file(config: &Config, layer: Layer) -> Self {
        Self {
            file: Some((layer, config.tokens as usize)),
            ..Self::new(config)
        }
    }

    /// Takes the words of a text, which come after the rest.
    pub(super) fn take_words(&mut self, config: &Config, vocabulary: Vocabulary) {
        let text = &vocabulary.text;
        let all = text.ids.len();
        let shares: Vec<f64> = text.counts.iter().map(|n| n / all as f64).collect();
        self.table = hash_table(config, &shares);
        let mut draw = Stream::new(self.seed, StreamId::Data).replicate(2);
        self.words = Some(Words {
            from: draw.below(all as u32) as usize,
            tokens: config.tokens as usize,
            vocabulary: Arc::new(vocabulary),
        });
    }

    /// Number of the image at a token.
    fn image(&self, batch: usize, token: usize) -> usize {
        let draw = Stream::new(self.seed, StreamId::Data)
            .replicate(3)
            .step(batch as u32);
        ((u64::from(draw.at(token as u64)) * digits::COUNT as u64) >> 32) as usize
    }

    /// What a token is: a word, an image; none of a cluster.
    pub(super) fn name(&self, batch: usize, token: usize) -> Option<String> {
        match (self.source, &self.words) {
            _ if self.file.is_some() => None,
            (TokenSource::Text, Some(words)) => {
                let id = words.id(batch, token);
                Some(format!("\"{}\"", words.vocabulary.text.names[id]))
            }
            (TokenSource::Digits, _) => Some(format!("image {}", self.image(batch, token))),
            _ => None,
        }
    }

    /// The same tokens with logits of this precision; none where they have it.
    pub(super) fn rounded(&self, precision: Precision) -> Option<Self> {
        let other = precision != self.precision;
        other.then(|| Self {
            precision,
            ..self.clone()
        })
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

    /// Work of scoring a token, about, in multiplications.
    pub(super) fn effort(&self) -> usize {
        let columns = self.experts * self.slots;
        if self.file.is_some() {
            return 16 * columns;
        }
        let vectors = if self.correlation > 0.0 {
            1 + MEMORY
        } else {
            1
        };
        columns * (self.dim + 16) + 8 * vectors * self.dim
    }

    /// Clusters of a batch's tokens.
    pub(super) fn clusters(&self, batch: usize, tokens: usize) -> Vec<u8> {
        if self.file.is_some() {
            return (0..tokens).map(|t| (8 * t / tokens) as u8).collect();
        }
        match (self.source, &self.words) {
            (TokenSource::Text, Some(words)) => {
                let group = |t| words.vocabulary.text.groups[words.id(batch, t)];
                return (0..tokens).map(group).collect();
            }
            (TokenSource::Digits, _) => {
                let labels = digits::digits().labels();
                return (0..tokens).map(|t| labels[self.image(batch, t)]).collect();
            }
            _ => {}
        }
        let shares = self.shares(batch);
        let mut stream = Stream::new(self.seed, StreamId::Data).step(batch as u32);
        let mut stay = Stream::new(self.seed, StreamId::DataOrder).step(batch as u32);
        let mut last = None;
        (0..tokens)
            .map(|_| {
                let mut left = stream.uniform();
                let hit = shares.iter().position(|s| {
                    left -= s;
                    left < 0.0
                });
                let fresh = hit.unwrap_or(shares.len() - 1) as u8;
                let stays = self.correlation > 0.0 && stay.uniform() < self.correlation;
                let cluster = last.filter(|_| stays).unwrap_or(fresh);
                last = Some(cluster);
                cluster
            })
            .collect()
    }

    /// Id of a token: its word's or image's number; of a cluster's words, the first most frequent.
    pub(super) fn token_id(&self, batch: usize, token: usize, cluster: u8) -> usize {
        match (self.source, &self.words) {
            (TokenSource::Text, Some(words)) => return words.id(batch, token),
            (TokenSource::Digits, _) => return self.image(batch, token),
            _ => {}
        }
        let mut draw = Stream::new(self.seed, StreamId::Lengths)
            .step(batch as u32)
            .replicate(token as u32);
        let mut left = draw.uniform();
        let word = word_shares().position(|share| {
            left -= share;
            left < 0.0
        });
        usize::from(cluster) * WORDS + word.unwrap_or(WORDS - 1)
    }

    /// Expert of a token id by the table of hash routing.
    fn hashed(&self, id: usize) -> usize {
        self.table.get(id).copied().unwrap_or(0)
    }

    /// Deviation of a token from its cluster's centre, in units of the spread.
    fn deviation(&self, batch: usize, token: usize) -> Vec<f64> {
        let fresh = |token: usize| {
            let mut noise = Stream::new(self.seed, StreamId::Noise)
                .step(batch as u32)
                .replicate(token as u32);
            (0..self.dim)
                .map(|_| f64::from(noise.normal_f32()))
                .collect::<Vec<f64>>()
        };
        let mut out = fresh(token);
        if self.correlation > 0.0 {
            let (mut weight, mut power) = (1.0, 1.0);
            for back in 1..=MEMORY.min(token) {
                weight *= self.correlation;
                power += weight * weight;
                for (o, v) in out.iter_mut().zip(fresh(token - back)) {
                    *o += weight * v;
                }
            }
            let root = f64::sqrt(power);
            for o in &mut out {
                *o /= root;
            }
        }
        out
    }

    /// Embedding of a token.
    pub(super) fn embedding(&self, batch: usize, token: usize, cluster: u8) -> Vec<f64> {
        match (self.source, &self.words) {
            (TokenSource::Text, Some(words)) => {
                return words.vocabulary.row(words.id(batch, token)).to_vec();
            }
            (TokenSource::Digits, _) => {
                let pixels = digits::digits().raw(self.image(batch, token)).iter();
                return pixels
                    .map(|&v| (f64::from(v) / 16.0 - 0.3) / 0.38)
                    .collect();
            }
            _ => {}
        }
        let start = usize::from(cluster) * self.dim;
        self.centres[start..start + self.dim]
            .iter()
            .zip(self.deviation(batch, token))
            .map(|(c, d)| c + self.spread * d)
            .collect()
    }

    /// What a router sees of a token.
    pub(super) fn token(&self, batch: usize, index: usize, cluster: u8) -> Token {
        let recorded = match &self.file {
            Some((layer, tokens)) if layer.content == Content::Choices => {
                layer.choices(batch * tokens + index)
            }
            _ => Vec::new(),
        };
        let hashed = if self.table.is_empty() {
            0
        } else {
            self.hashed(self.token_id(batch, index, cluster))
        };
        Token {
            batch,
            index,
            logits: self.logits(batch, index, cluster),
            hashed,
            recorded,
        }
    }

    /// Logits of one token, each exactly a single-precision number; slot after slot of expert after
    /// expert.
    pub(super) fn logits(&self, batch: usize, token: usize, cluster: u8) -> Vec<f64> {
        let logits = match &self.file {
            // A file of choices has no scores.
            Some((layer, _)) if layer.content == Content::Choices => vec![0.0; self.experts],
            Some((layer, tokens)) => layer.logits(batch * tokens + token),
            None => self.logits_of(&self.embedding(batch, token, cluster)),
        };
        let format = match self.precision {
            Precision::Full => return logits,
            Precision::Bfloat16 => precision::BFLOAT16,
            Precision::E4m3 => precision::E4M3,
        };
        logits.into_iter().map(|z| format.nearest(z)).collect()
    }

    /// Logits of an embedding.
    pub(super) fn logits_of(&self, x: &[f64]) -> Vec<f64> {
        let rounded = |z: f64| f64::from(z as f32);
        if let Some(c) = &self.cosine {
            let row = Matrix {
                rows: 1,
                cols: x.len(),
                data: x.to_vec(),
            };
            let z = models::cosine_logits(&row, &c.projection, &c.bias, &c.experts, c.temperature);
            return z.data.into_iter().map(rounded).collect();
        }
        (0..self.experts * self.slots)
            .map(|column| {
                let row = &self.router[column * self.dim..(column + 1) * self.dim];
                let z: f64 = row.iter().zip(x).map(|(w, v)| w * v).sum();
                rounded(z + self.offsets[column / self.slots])
            })
            .collect()
    }
}

/// Frequencies of a cluster's words by Zipf's law, the first most frequent.
fn word_shares() -> impl Iterator<Item = f64> {
    let total: f64 = (1..=WORDS).map(|r| 1.0 / r as f64).sum();
    (1..=WORDS).map(move |r| 1.0 / r as f64 / total)
}

/// Expert of every token id, of which these shares of the tokens are expected; none for other
/// routers.
fn hash_table(config: &Config, expected: &[f64]) -> Vec<usize> {
    let experts = config.experts as usize;
    if config.router != Router::Hash {
        return Vec::new();
    }
    let mut draw = Stream::new(config.seed, StreamId::Policy).replicate(1);
    if config.hash_table == HashTable::Random {
        return (0..expected.len())
            .map(|_| draw.below(experts as u32) as usize)
            .collect();
    }
    let mut table = vec![0; expected.len()];
    let mut load = vec![0.0; experts];
    for id in gate::descending(expected) {
        let mut least = 0;
        for e in 1..experts {
            if load[e] < load[least] {
                least = e;
            }
        }
        load[least] += expected[id];
        table[id] = least;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::digits::CLASSES;

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
    fn digits_are_images_with_their_labels() {
        let config = Config {
            source: TokenSource::Digits,
            ..Config::default()
        };
        assert_eq!((config.width(), config.cluster_count()), (64, CLASSES));
        let population = Population::new(&config);
        let labels = population.clusters(1, 500);
        let mut seen = [0; CLASSES];
        for (t, &label) in labels.iter().enumerate() {
            let image = population.image(1, t);
            assert_eq!(label, digits::digits().labels()[image]);
            let x = population.embedding(1, t, label);
            let raw = digits::digits().raw(image);
            assert_eq!(x.len(), raw.len());
            assert_eq!(x[20], (f64::from(raw[20]) / 16.0 - 0.3) / 0.38);
            assert_eq!(population.name(1, t), Some(format!("image {image}")));
            seen[usize::from(label)] += 1;
        }
        assert!(seen.iter().all(|n| *n > 20), "{seen:?}");
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
