//! Config of the semantic cache.

use crate::core::{Error, Result};
use serde::{Deserialize, Serialize};

/// Whose thresholds, times to live and quotas hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum CachePolicy {
    /// One of each for all queries, in one cache.
    Uniform,
    /// Those of the query's category, in a part of the cache of its own.
    #[default]
    ByCategory,
}

/// A category of queries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Category {
    /// Its part of the queries, relative to the others.
    pub share: f64,
    /// How many different things are asked.
    pub intents: u64,
    /// Exponent of Zipf's law of their popularity.
    pub popularity: f64,
    /// Concentration of the intents around the direction of the category.
    pub density: f64,
    /// Concentration of the wordings around their intent.
    pub wording: f64,
    /// Mean time until an answer changes, in seconds.
    pub stale_secs: f64,
    /// Mean time of the model for an answer, in milliseconds.
    pub model_millis: f64,
    /// Least cosine of a hit.
    pub threshold: f64,
    /// Age up to which an answer is used, in seconds.
    pub ttl_secs: f64,
    /// Part of the cache, relative to the others.
    pub quota: f64,
}

/// Every input of the experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CacheConfig {
    /// Whose thresholds hold.
    pub policy: CachePolicy,
    /// Answers that fit into the cache.
    pub entries: u64,
    /// Least cosine of a hit under one policy for all.
    pub threshold: f64,
    /// Age up to which an answer is used under one policy for all, in seconds.
    pub ttl_secs: f64,
    /// Time of a search, paid by every query, in milliseconds.
    pub search_millis: f64,
    /// Time to fetch an answer, paid by a hit, in milliseconds.
    pub fetch_millis: f64,
    /// How much lower thresholds are when all servers are busy.
    pub load_gain: f64,
    /// Queries asked.
    pub queries: u64,
    /// Queries per second.
    pub rate: f64,
    /// Queries that the model answers at once.
    pub servers: u64,
    /// Code: dense, repetitive, stable.
    pub code: Category,
    /// Frequent questions to a service.
    pub support: Category,
    /// Quotes and news: repetitive, but soon out of date.
    pub news: Category,
    /// Conversation: sparse, rarely repeated.
    pub chat: Category,
}

impl Default for CacheConfig {
    /// Own choice in the directions that the abstract names; time is compressed so that answers go
    /// stale within the run.
    fn default() -> Self {
        let category = Category {
            share: 1.0,
            intents: 120,
            popularity: 1.0,
            density: 60.0,
            wording: 300.0,
            stale_secs: 2000.0,
            model_millis: 200.0,
            threshold: 0.85,
            ttl_secs: 1000.0,
            quota: 1.0,
        };
        Self {
            policy: CachePolicy::ByCategory,
            entries: 240,
            threshold: 0.85,
            ttl_secs: 60.0,
            search_millis: 2.0,
            fetch_millis: 5.0,
            load_gain: 0.0,
            queries: 900,
            rate: 12.0,
            servers: 4,
            code: Category {
                share: 3.0,
                popularity: 1.1,
                density: 150.0,
                wording: 900.0,
                stale_secs: 20_000.0,
                model_millis: 300.0,
                threshold: 0.93,
                ..category.clone()
            },
            support: Category {
                share: 3.0,
                popularity: 0.8,
                ..category.clone()
            },
            news: Category {
                share: 2.0,
                intents: 60,
                stale_secs: 15.0,
                model_millis: 150.0,
                ttl_secs: 5.0,
                quota: 0.5,
                ..category.clone()
            },
            chat: Category {
                share: 2.0,
                intents: 600,
                popularity: 0.0,
                density: 10.0,
                wording: 120.0,
                threshold: 0.65,
                quota: 1.5,
                ..category
            },
        }
    }
}

impl CacheConfig {
    /// Names of the categories.
    pub const NAMES: [&'static str; 4] = ["code", "support", "news", "chat"];

    /// The categories in the order of their names.
    pub fn categories(&self) -> [&Category; 4] {
        [&self.code, &self.support, &self.news, &self.chat]
    }

    /// Answers of each category that fit, and of all in one cache.
    pub(super) fn places(&self) -> [usize; 4] {
        let all: f64 = self.categories().iter().map(|c| c.quota).sum();
        let entries = self.entries as f64;
        self.categories()
            .map(|c| ((entries * c.quota / all.max(f64::MIN_POSITIVE)).floor() as usize).max(1))
    }

    /// The threshold of a category at a load between 0 and 1.
    pub(super) fn threshold(&self, category: usize, load: f64) -> f64 {
        let own = match self.policy {
            CachePolicy::Uniform => self.threshold,
            CachePolicy::ByCategory => self.categories()[category].threshold,
        };
        own - self.load_gain * load
    }

    /// The time to live of a category.
    pub(super) fn ttl(&self, category: usize) -> f64 {
        match self.policy {
            CachePolicy::Uniform => self.ttl_secs,
            CachePolicy::ByCategory => self.categories()[category].ttl_secs,
        }
    }

    /// What it runs, in a few words.
    pub(in super::super) fn label(&self) -> String {
        let policy = match self.policy {
            CachePolicy::Uniform => format!("one threshold {}", self.threshold),
            CachePolicy::ByCategory => "by category".to_owned(),
        };
        let mut label = format!("Semantic cache, {policy}, search {} ms", self.search_millis);
        if self.load_gain > 0.0 {
            label = format!("{label}, lower under load");
        }
        label
    }

    /// Refuses queries that belong nowhere, and a cache without quotas.
    pub(in super::super) fn check(&self) -> Result<()> {
        if self.categories().iter().all(|c| c.share <= 0.0) {
            return Err(Error::out_of_range(
                "cache.code.share",
                self.code.share,
                "more than 0 for at least one category",
            ));
        }
        if self.policy == CachePolicy::ByCategory
            && self.categories().iter().all(|c| c.quota <= 0.0)
        {
            return Err(Error::out_of_range(
                "cache.code.quota",
                self.code.quota,
                "more than 0 for at least one category",
            ));
        }
        Ok(())
    }
}
