//! What is asked, when, and how long the model would take: the same whatever the cache does.

use super::super::sphere::{Unit, anywhere, around};
use super::config::CacheConfig;
use crate::core::rng::{Stream, StreamId};

/// Queries, one array per field.
#[derive(Debug, Clone, Default)]
pub(super) struct Queries {
    pub(super) arrival: Vec<f64>,
    pub(super) category: Vec<u8>,
    /// Number of the intent within the category.
    pub(super) intent: Vec<u32>,
    /// How often its answer had changed by then.
    pub(super) version: Vec<u32>,
    pub(super) meaning: Vec<Unit>,
    /// Seconds of the model.
    pub(super) service: Vec<f64>,
}

/// Intents of a category.
struct Topic {
    centres: Vec<Unit>,
    /// Popularity summed up.
    upto: Vec<f64>,
    /// How often each answer has changed, and when it does next.
    versions: Vec<(u32, f64)>,
    changes: Stream,
    stale_secs: f64,
}

impl Topic {
    fn new(config: &CacheConfig, number: usize, seed: u64) -> Self {
        let c = config.categories()[number];
        let mut rng = Stream::new(seed, StreamId::Data).step(number as u32);
        let middle = anywhere(&mut rng);
        let mut total = 0.0;
        let upto = (1..=c.intents).map(|k| {
            total += crate::core::num::pow(k as f64, -c.popularity);
            total
        });
        let upto = upto.collect();
        let mut changes = Stream::new(seed, StreamId::Phases).step(number as u32);
        Self {
            centres: (0..c.intents)
                .map(|_| around(&mut rng, &middle, c.density))
                .collect(),
            upto,
            versions: (0..c.intents)
                .map(|_| (0, c.stale_secs * changes.exponential()))
                .collect(),
            changes,
            stale_secs: c.stale_secs,
        }
    }

    fn draw(&self, rng: &mut Stream) -> usize {
        let at = rng.uniform() * self.upto.last().copied().unwrap_or(0.0);
        (self.upto.partition_point(|&u| u <= at)).min(self.upto.len() - 1)
    }

    fn version(&mut self, intent: usize, at: f64) -> u32 {
        let (version, next) = &mut self.versions[intent];
        while *next <= at {
            *version += 1;
            *next += self.stale_secs * self.changes.exponential();
        }
        *version
    }
}

/// Draws the queries.
pub(super) fn queries(config: &CacheConfig, seed: u64) -> Queries {
    let stream = |id| Stream::new(seed, id);
    let (mut arrivals, mut services) = (stream(StreamId::Arrivals), stream(StreamId::Lengths));
    let (mut kinds, mut picks) = (stream(StreamId::Classes), stream(StreamId::Users));
    let mut words = stream(StreamId::Logits);
    let shares: Vec<f64> = config.categories().iter().map(|c| c.share).collect();
    let all: f64 = shares.iter().sum();
    let mut topics: Vec<Topic> = (0..shares.len())
        .map(|i| Topic::new(config, i, seed))
        .collect();
    let mut out = Queries::default();
    let mut now = 0.0;
    for _ in 0..config.queries {
        now += arrivals.exponential() / config.rate;
        let mut left = kinds.uniform() * all;
        let mut category = 0;
        for (i, share) in shares.iter().enumerate() {
            if *share > 0.0 {
                category = i;
                if left < *share {
                    break;
                }
            }
            left -= share;
        }
        let c = config.categories()[category];
        let topic = &mut topics[category];
        let intent = topic.draw(&mut picks);
        out.version.push(topic.version(intent, now));
        out.meaning
            .push(around(&mut words, &topic.centres[intent], c.wording));
        out.arrival.push(now);
        out.category.push(category as u8);
        out.intent.push(intent as u32);
        out.service
            .push(1e-3 * c.model_millis * services.exponential());
    }
    out
}
