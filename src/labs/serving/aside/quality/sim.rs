//! Requests on a pool of servers that write answers of any model, first come first.

use super::super::phases::Phases;
use super::config::QualityConfig;
use super::policy::{Policy, Seen};
use crate::core::num;
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
    let coming = Phases {
        rate: config.rate,
        busy_factor: config.busy_factor,
        means: [config.quiet_secs, config.busy_secs],
    };
    let arrival = coming.arrivals(config.requests as usize, &mut gaps, &mut phases);
    Requests {
        length: (arrival.iter())
            .map(|_| num::exp(SIGMA * lengths.normal() - 0.5 * SIGMA * SIGMA))
            .collect(),
        arrival,
    }
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
    /// Machines that died with it.
    pub(super) losses: u32,
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
    request: usize,
    known: f64,
    situation: usize,
    size: usize,
    reward: f64,
    next: Option<usize>,
}

/// The servers, and what they do.
struct Pool<'a> {
    config: &'a QualityConfig,
    requests: &'a Requests,
    /// When each is free.
    free: Vec<f64>,
    /// Server of each request so far.
    on: Vec<usize>,
    got: Vec<Got>,
    /// Requests in the system, and when they leave it.
    inside: Vec<(usize, f64)>,
    open: VecDeque<Open>,
    /// Whether the fault is still to come.
    fault_ahead: bool,
}

impl Pool<'_> {
    /// Puts a request, at a moment, on the server that is free first; it leaves at its deadline if
    /// it has not begun by then. When its reward is known.
    fn put(&mut self, r: usize, now: f64) -> f64 {
        let size = self.config.sizes()[usize::from(self.got[r].size)];
        let server = (0..self.free.len())
            .min_by(|&a, &b| self.free[a].total_cmp(&self.free[b]))
            .unwrap_or(0);
        let start = now.max(self.free[server]);
        let deadline = self.requests.arrival[r] + self.config.deadline_secs;
        self.on[r] = server;
        let got = &mut self.got[r];
        (got.start, got.end, got.reward) = (start, f64::NAN, 0.0);
        if start >= deadline {
            // It waits until its deadline, then leaves.
            self.inside.push((r, deadline));
            return deadline;
        }
        let failing = self.config.failing().contains(&server);
        let fault = &self.config.fault;
        let slower = if failing {
            fault.factor(fault.server as usize, start)
        } else {
            1.0
        };
        got.end = start + self.requests.length[r] * size.secs * slower;
        if got.end <= deadline {
            got.reward = size.quality;
        }
        self.free[server] = got.end;
        self.inside.push((r, got.end));
        got.end.min(deadline)
    }

    /// A machine dies: who was on its servers starts again on others, at the end of their queues.
    fn die(&mut self) {
        self.fault_ahead = false;
        let [from, to] = self.config.fault.span();
        let failing = self.config.failing();
        for server in failing.clone() {
            self.free[server] = to;
        }
        let again: Vec<usize> = (0..self.got.len())
            .filter(|r| failing.contains(&self.on[*r]) && self.got[*r].end > from)
            .collect();
        for r in again {
            self.inside.retain(|i| i.0 != r);
            self.got[r].losses += 1;
            let known = self.put(r, from);
            let reward = self.got[r].reward;
            if let Some(open) = self.open.iter_mut().find(|o| o.request == r) {
                (open.known, open.reward) = (known, reward);
            }
        }
    }
}

/// Serves all requests under a rule.
pub(super) fn serve(
    config: &QualityConfig,
    requests: &Requests,
    policy: &mut Policy<'_>,
) -> Vec<Got> {
    let mut pool = Pool {
        config,
        requests,
        free: vec![0.0; config.servers.max(1) as usize],
        on: Vec::new(),
        got: Vec::new(),
        inside: Vec::new(),
        open: VecDeque::new(),
        fault_ahead: config.fault.dies(),
    };
    let (mut last, mut gap) = (0.0, 1.0 / config.rate);
    for (r, &now) in requests.arrival.iter().enumerate() {
        if pool.fault_ahead && now >= config.fault.at_secs {
            pool.die();
        }
        pool.inside.retain(|i| i.1 > now);
        gap += RECENT * (now - last - gap);
        last = now;
        let seen = Seen {
            in_system: pool.inside.len() as f64 / pool.free.len() as f64,
            rate: 1.0 / (gap * config.rate),
        };
        let situation = seen.situation();
        if let Some(before) = pool.open.back_mut() {
            before.next = Some(situation);
        }
        // Rewards are known when answers are complete, or their deadline is over.
        pool.open.retain(|o| match o.next {
            Some(next) if o.known <= now => {
                policy.learn(o.situation, o.size, o.reward, next);
                false
            }
            _ => true,
        });
        let size = policy.pick(seen);
        pool.on.push(0);
        pool.got.push(Got {
            size: size as u8,
            start: f64::NAN,
            end: f64::NAN,
            reward: 0.0,
            losses: 0,
            seen,
        });
        let known = pool.put(r, now);
        pool.open.push_back(Open {
            request: r,
            known,
            situation,
            size,
            reward: pool.got[r].reward,
            next: None,
        });
    }
    if pool.fault_ahead {
        pool.die();
    }
    pool.got
}

#[cfg(test)]
mod tests {
    use super::super::super::fault::{Fault, ServerFault};
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
    fn who_is_on_a_machine_that_dies_starts_again_on_another() {
        let config = QualityConfig {
            requests: 600,
            rate: 5.0,
            busy_factor: 1.0,
            fault: Fault {
                what: ServerFault::Dies,
                server: 1,
                at_secs: 30.0,
                secs: 40.0,
                ..Fault::default()
            },
            ..QualityConfig::default()
        };
        let requests = requests(&config, 1, 0);
        let got = serve(&config, &requests, &mut Policy::Always(1));
        let losses: u32 = got.iter().map(|g| g.losses).sum();
        assert!(losses > 0, "{losses}");
        for (g, at) in got.iter().zip(&requests.arrival) {
            assert!(
                g.end.is_finite() || g.start - at >= config.deadline_secs,
                "{g:?}"
            );
            assert!(g.losses == 0 || g.start >= 30.0, "{g:?}");
        }
        for at in got.iter().filter(|g| !g.dropped()).map(|g| g.start) {
            let running = got.iter().filter(|g| g.start <= at && at < g.end).count();
            let most = if (30.0..70.0).contains(&at) { 8 } else { 16 };
            assert!(running <= most, "{running} at {at}");
        }
        let slow = QualityConfig {
            fault: Fault {
                what: ServerFault::Slows,
                ..config.fault
            },
            ..config.clone()
        };
        let mean = |config: &QualityConfig| {
            let got = serve(config, &requests, &mut Policy::Always(1));
            got.iter().map(|g| g.reward).sum::<f64>()
        };
        assert!(mean(&slow) < mean(&QualityConfig::default()));
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
