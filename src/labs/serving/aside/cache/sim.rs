//! The cache at work: one pass over the queries.

use super::super::sphere::cosine;
use super::config::{CacheConfig, CachePolicy};
use super::queries::Queries;
use std::collections::VecDeque;

/// What became of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// The right answer from the cache.
    Right,
    /// The answer to another question.
    Wrong,
    /// An answer that has changed since.
    Stale,
    /// The model answered.
    Miss,
}

/// A query served.
#[derive(Debug, Clone, Copy)]
pub(super) struct Served {
    pub(super) fate: Fate,
    /// Largest cosine to a fresh question in the cache, and whose it is; −1 in an empty cache.
    pub(super) nearest: (f64, u32),
    /// The threshold then.
    pub(super) threshold: f64,
    /// Share of the model's servers that were busy.
    pub(super) load: f64,
    /// Arrival to answer in seconds.
    pub(super) latency: f64,
}

/// An answer in the cache.
#[derive(Debug, Clone, Copy)]
struct Entry {
    query: u32,
    made: f64,
    used: f64,
}

/// The cache, its servers, and what was served so far.
pub(super) struct Sim {
    config: CacheConfig,
    /// One part per category, or one for all.
    parts: Vec<Vec<Entry>>,
    /// When each server is free.
    free: Vec<f64>,
    /// Answers that the model is still writing, by their ends.
    writing: VecDeque<(f64, u32)>,
    pub(super) served: Vec<Served>,
    /// Entries of every category after each query.
    pub(super) held: Vec<[u16; 4]>,
}

impl Sim {
    pub(super) fn new(config: &CacheConfig) -> Self {
        Self {
            parts: vec![Vec::new(); 4],
            free: vec![0.0; config.servers.max(1) as usize],
            writing: VecDeque::new(),
            served: Vec::new(),
            held: Vec::new(),
            config: config.clone(),
        }
    }

    fn part(&self, category: usize) -> usize {
        match self.config.policy {
            CachePolicy::Uniform => 0,
            CachePolicy::ByCategory => category,
        }
    }

    fn keep(&mut self, queries: &Queries, query: u32, at: f64) {
        let category = usize::from(queries.category[query as usize]);
        let places = match self.config.policy {
            CachePolicy::Uniform => self.config.entries.max(1) as usize,
            CachePolicy::ByCategory => self.config.places()[category],
        };
        let part = self.part(category);
        let part = &mut self.parts[part];
        if part.len() >= places {
            // The one not used for longest.
            let oldest = (0..part.len()).min_by(|&a, &b| part[a].used.total_cmp(&part[b].used));
            if let Some(oldest) = oldest {
                part.swap_remove(oldest);
            }
        }
        part.push(Entry {
            query,
            made: at,
            used: at,
        });
    }

    /// Answers that were written by a moment enter the cache.
    fn settle(&mut self, queries: &Queries, at: f64) {
        while let Some(&(end, query)) = self.writing.front() {
            if end > at {
                break;
            }
            self.writing.pop_front();
            self.keep(queries, query, end);
        }
    }

    /// Serves the next few queries; whether all are served.
    pub(super) fn advance(&mut self, queries: &Queries, count: usize) -> bool {
        let from = self.served.len();
        let upto = (from + count).min(queries.arrival.len());
        for q in from..upto {
            self.serve(queries, q);
        }
        upto == queries.arrival.len()
    }

    fn serve(&mut self, queries: &Queries, q: usize) {
        let now = queries.arrival[q];
        self.settle(queries, now);
        let category = usize::from(queries.category[q]);
        let busy = self.free.iter().filter(|f| **f > now).count();
        let load = busy as f64 / self.free.len() as f64;
        let (threshold, ttl) = (
            self.config.threshold(category, load),
            self.config.ttl(category),
        );
        let part = self.part(category);
        let mut best = (-1.0, None);
        for (i, entry) in self.parts[part].iter().enumerate() {
            if now - entry.made <= ttl {
                let near = cosine(&queries.meaning[q], &queries.meaning[entry.query as usize]);
                if near > best.0 {
                    best = (near, Some(i));
                }
            }
        }
        let search = 1e-3 * self.config.search_millis;
        let found = best.1.filter(|_| best.0 >= threshold);
        let nearest = (
            best.0,
            best.1.map_or(u32::MAX, |i| self.parts[part][i].query),
        );
        let (fate, latency) = if let Some(i) = found {
            let entry = &mut self.parts[part][i];
            entry.used = now;
            let of = entry.query as usize;
            let same = queries.category[of] == queries.category[q]
                && queries.intent[of] == queries.intent[q];
            let fate = if !same {
                Fate::Wrong
            } else if queries.version[of] == queries.version[q] {
                Fate::Right
            } else {
                Fate::Stale
            };
            (fate, search + 1e-3 * self.config.fetch_millis)
        } else {
            let ready = now + search;
            let server = (0..self.free.len())
                .min_by(|&a, &b| self.free[a].total_cmp(&self.free[b]))
                .unwrap_or(0);
            let end = ready.max(self.free[server]) + queries.service[q];
            self.free[server] = end;
            let place = self.writing.partition_point(|w| w.0 <= end);
            self.writing.insert(place, (end, q as u32));
            (Fate::Miss, end - now)
        };
        self.served.push(Served {
            fate,
            nearest,
            threshold,
            load,
            latency,
        });
        let mut held = [0_u16; 4];
        for entry in self.parts.iter().flatten() {
            held[usize::from(queries.category[entry.query as usize])] += 1;
        }
        self.held.push(held);
    }
}

/// Latencies when the model answers everything.
pub(super) fn without_cache(config: &CacheConfig, queries: &Queries) -> Vec<f64> {
    let mut free = vec![0.0_f64; config.servers.max(1) as usize];
    let all = queries.arrival.iter().zip(&queries.service);
    all.map(|(&now, &service)| {
        let server = (0..free.len())
            .min_by(|&a, &b| free[a].total_cmp(&free[b]))
            .unwrap_or(0);
        free[server] = now.max(free[server]) + service;
        free[server] - now
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::super::queries::queries;
    use super::*;

    fn served(config: &CacheConfig) -> (Queries, Vec<Served>) {
        let queries = queries(config, 1);
        let mut sim = Sim::new(config);
        while !sim.advance(&queries, 64) {}
        (queries, sim.served)
    }

    fn count(served: &[Served], fate: Fate) -> usize {
        served.iter().filter(|s| s.fate == fate).count()
    }

    #[test]
    fn nothing_is_found_above_a_cosine_of_one_and_then_the_search_is_all_that_is_added() {
        let mut config = CacheConfig {
            policy: CachePolicy::Uniform,
            threshold: 1.1,
            queries: 300,
            ..CacheConfig::default()
        };
        let (queries, none) = served(&config);
        assert_eq!(count(&none, Fate::Miss), 300);
        let alone = without_cache(&config, &queries);
        for (served, alone) in none.iter().zip(&alone) {
            let added = served.latency - alone;
            assert!((added - 0.002).abs() < 1e-9, "{added}");
        }
        config.threshold = -1.0;
        config.ttl_secs = 1e6;
        let (_, all) = served(&config);
        // Nothing but what comes before the first answer is written.
        assert!(count(&all, Fate::Miss) < 20, "{}", count(&all, Fate::Miss));
        assert!(count(&all, Fate::Wrong) > 200);
    }

    #[test]
    fn hits_are_fresh_near_and_inside_their_quota() {
        let config = CacheConfig {
            queries: 500,
            ..CacheConfig::default()
        };
        let queries = queries(&config, 2);
        let mut sim = Sim::new(&config);
        while !sim.advance(&queries, 64) {}
        let places = config.places();
        for held in &sim.held {
            for (c, places) in places.iter().enumerate() {
                assert!(usize::from(held[c]) <= *places);
            }
        }
        for (q, s) in sim.served.iter().enumerate() {
            let (near, of) = s.nearest;
            assert_eq!(s.fate != Fate::Miss, near >= s.threshold, "{q}");
            if s.fate != Fate::Miss {
                let of = of as usize;
                assert_eq!(queries.category[of], queries.category[q]);
                let age = queries.arrival[q] - queries.arrival[of];
                let ttl = config.ttl(usize::from(queries.category[q]));
                assert!(age <= ttl + 10.0, "written some time after it was asked");
            }
        }
    }

    #[test]
    fn under_load_thresholds_are_lower_by_the_gain() {
        let config = CacheConfig {
            load_gain: 0.1,
            queries: 300,
            ..CacheConfig::default()
        };
        let (queries, all) = served(&config);
        for (q, s) in all.iter().enumerate() {
            let own = config.categories()[usize::from(queries.category[q])].threshold;
            assert!((own - 0.1 * s.load - s.threshold).abs() < 1e-15);
        }
        assert!(all.iter().any(|s| s.load == 1.0) && all.iter().any(|s| s.load == 0.0));
    }
}
