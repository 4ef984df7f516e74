//! Requests on a pool of servers that write answers of any model, first come first.

use super::config::QualityConfig;
use super::policy::{Policy, Seen};
use crate::core::rng::{Stream, StreamId};
use std::collections::VecDeque;

/// Weight of the newest gap in the recent rate.
const RECENT: f64 = 0.05;
/// Spread of the logarithm of an answer's time.
const SIGMA: f64 = 0.4;

/// Requests: when they come, and how long each is over the mean of its model.
#[derive(Debug, Clone, Default)]
pub(super) struct Requests {
    pub(super) arrival: Vec<f64>,
    pub(super) length: Vec<f64>,
}

/// Draws them; `episode` 0 is the one that is judged.
pub(super) fn requests(config: &QualityConfig, seed: u64, episode: u64) -> Requests {
    let stream = |id| Stream::new(seed, id).replicate(episode as u32);
    let (mut gaps, mut phases) = (stream(StreamId::Arrivals), stream(StreamId::Phases));
    let mut lengths = stream(StreamId::Lengths);
    let mut out = Requests::default();
    let (mut now, mut busy) = (0.0, false);
    let mut until = config.quiet_secs * phases.exponential();
    while out.arrival.len() < config.requests as usize {
        let factor = if busy { config.busy_factor } else { 1.0 };
        let next = now + gaps.exponential() / (config.rate * factor);
        if next > until {
            // Arrivals are memoryless: the rest of the gap is drawn anew at the other rate.
            now = until;
            busy = !busy;
            let mean = if busy {
                config.busy_secs
            } else {
                config.quiet_secs
            };
            until += mean * phases.exponential();
            continue;
        }
        now = next;
        out.arrival.push(now);
        let normal = lengths.normal();
        out.length
            .push(crate::core::num::exp(SIGMA * normal - 0.5 * SIGMA * SIGMA));
    }
    out
}

/// What a request got.
#[derive(Debug, Clone, Copy)]
pub(super) struct Got {
    /// Its model, from small to large.
    pub(super) size: u8,
    /// When it began to be answered; after its deadline it is dropped instead.
    pub(super) start: f64,
    pub(super) end: f64,
    /// Quality in time, otherwise 0.
    pub(super) reward: f64,
    pub(super) seen: Seen,
}

impl Got {
    /// Whether it was dropped.
    pub(super) fn dropped(&self) -> bool {
        self.end.is_nan()
    }
}

/// A choice on its way to be learned from.
struct Open {
    known: f64,
    situation: usize,
    size: usize,
    reward: f64,
    next: Option<usize>,
}

/// Serves all requests under a rule.
pub(super) fn serve(
    config: &QualityConfig,
    requests: &Requests,
    policy: &mut Policy<'_>,
) -> Vec<Got> {
    let sizes = config.sizes();
    let mut free = vec![0.0_f64; config.servers.max(1) as usize];
    let mut ends: Vec<f64> = Vec::new();
    let mut open: VecDeque<Open> = VecDeque::new();
    let (mut last, mut gap) = (0.0, 1.0 / config.rate);
    let each = requests.arrival.iter().zip(&requests.length);
    each.map(|(&now, &length)| {
        ends.retain(|end| *end > now);
        gap += RECENT * (now - last - gap);
        last = now;
        let seen = Seen {
            in_system: ends.len() as f64 / free.len() as f64,
            rate: 1.0 / (gap * config.rate),
        };
        let situation = seen.situation();
        if let Some(before) = open.back_mut() {
            before.next = Some(situation);
        }
        // Rewards are known when answers are complete, or their deadline is over.
        open.retain(|o| match o.next {
            Some(next) if o.known <= now => {
                policy.learn(o.situation, o.size, o.reward, next);
                false
            }
            _ => true,
        });
        let size = policy.pick(seen);
        let server = (0..free.len())
            .min_by(|&a, &b| free[a].total_cmp(&free[b]))
            .unwrap_or(0);
        let start = now.max(free[server]);
        let deadline = now + config.deadline_secs;
        let mut got = Got {
            size: size as u8,
            start,
            end: f64::NAN,
            reward: 0.0,
            seen,
        };
        let mut known = deadline;
        if start < deadline {
            got.end = start + length * sizes[size].secs;
            free[server] = got.end;
            ends.push(got.end);
            known = got.end.min(deadline);
            if got.end <= deadline {
                got.reward = sizes[size].quality;
            }
        } else {
            // It waits until its deadline, then leaves.
            ends.push(deadline);
        }
        open.push_back(Open {
            known,
            situation,
            size,
            reward: got.reward,
            next: None,
        });
        got
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::super::policy::Learned;
    use super::*;

    #[test]
    fn servers_answer_one_at_a_time_and_quality_counts_in_time_only() {
        let config = QualityConfig {
            requests: 800,
            servers: 3,
            rate: 2.0,
            ..QualityConfig::default()
        };
        let requests = requests(&config, 1, 0);
        let got = serve(&config, &requests, &mut Policy::Always(2));
        for (g, at) in got.iter().zip(&requests.arrival) {
            assert!(g.start >= *at);
            let met = g.end - at <= config.deadline_secs;
            assert_eq!(g.reward, if met { 1.0 } else { 0.0 });
            assert!(g.dropped() == (g.start - at >= config.deadline_secs));
        }
        let dropped = got.iter().filter(|g| g.dropped()).count();
        assert!(dropped > 10 && dropped < 790, "{dropped}");
        for at in got.iter().filter(|g| !g.dropped()).map(|g| g.start) {
            let running = got.iter().filter(|g| g.start <= at && at < g.end).count();
            assert!(running <= 3, "{running}");
        }
    }

    #[test]
    fn phases_give_the_mean_rate() {
        let config = QualityConfig {
            requests: 20_000,
            quiet_secs: 10.0,
            busy_secs: 5.0,
            ..QualityConfig::default()
        };
        let requests = requests(&config, 1, 3);
        let rate = requests.arrival.len() as f64 / requests.arrival[19_999];
        let want = 4.0 * (10.0 + 5.0 * 5.0) / 15.0;
        assert!((rate / want - 1.0).abs() < 0.1, "{rate} {want}");
    }

    #[test]
    fn training_finds_the_small_model_under_overload_and_the_large_one_without_load() {
        let learn = |rate: f64| {
            let config = QualityConfig {
                rate,
                busy_factor: 1.0,
                requests: 1500,
                ..QualityConfig::default()
            };
            let mut learned = Learned::new(&config);
            for episode in 1..=20 {
                let requests = requests(&config, 1, episode);
                let rng = Stream::new(1, StreamId::Policy).replicate(episode as u32);
                let training = super::super::policy::Training::of(episode, 20, rng);
                serve(
                    &config,
                    &requests,
                    &mut Policy::Learned(&mut learned, Some(training)),
                );
            }
            let requests = requests(&config, 1, 0);
            let got = serve(&config, &requests, &mut Policy::Learned(&mut learned, None));
            got.iter().map(|g| g.reward).sum::<f64>() / got.len() as f64
        };
        assert!(learn(1.0) > 0.95, "{}", learn(1.0));
        // Sixteen servers bear 64 small answers a second.
        assert!(learn(45.0) > 0.7, "{}", learn(45.0));
    }
}
