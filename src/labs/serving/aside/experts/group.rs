//! The monolithic group: clients and experts in lockstep, expert parallelism with the same copies.

use super::config::ExpertsConfig;
use super::placement::{Choices, place};
use super::served::{Outage, OutageKind, Served, Stepped};

/// The state.
pub(super) struct Group {
    config: ExpertsConfig,
    choices: Choices,
    holders: Vec<Vec<u16>>,
    now: f64,
    step: u32,
    /// Whether it stopped for its fault, or never will.
    stopped: bool,
    served: Served,
}

impl Group {
    pub(super) fn new(config: &ExpertsConfig, seed: u64) -> Self {
        let all: Vec<u16> = (0..config.servers as u16).collect();
        let mut served = Served::new(config);
        served.ill(config);
        Self {
            choices: Choices::new(config, seed),
            holders: place(config, &all),
            now: 0.0,
            step: 0,
            stopped: !config.fault.dies(),
            served,
            config: config.clone(),
        }
    }

    /// What happened.
    pub(super) fn finish(self) -> Served {
        self.served
    }

    /// Makes some steps; whether the run is over.
    pub(super) fn advance(&mut self, count: usize) -> bool {
        for _ in 0..count {
            if self.now >= self.config.secs {
                return true;
            }
            self.make_step();
        }
        false
    }

    /// Seconds of every server in a round that its experts begin at a moment.
    fn work(&self, round: u32, at: f64) -> Vec<f64> {
        let c = &self.config;
        let mut sums = vec![0; self.holders.len()];
        for client in 0..c.clients as usize {
            let tokens = self.choices.tokens(client, self.step, round);
            for (sum, t) in sums.iter_mut().zip(tokens) {
                *sum += t;
            }
        }
        let mut secs = vec![0.0; c.servers as usize];
        for (own, tokens) in self.holders.iter().zip(sums) {
            let share = f64::from(tokens) / own.len() as f64;
            for &s in own.iter().filter(|_| tokens > 0) {
                let s = usize::from(s);
                secs[s] += c.fault.factor(s, at) * c.expert_secs(share);
            }
        }
        secs
    }

    fn make_step(&mut self) {
        let c = &self.config;
        let from = self.now;
        let mut now = from;
        let mut busy = Vec::new();
        let mut slowest = (0.0, 0, 0);
        for round in 0..c.rounds as u32 {
            // All wait for the slowest link.
            let slower = c.fault.link_factor(c.fault.server as usize, now) - 1.0;
            now +=
                c.per_round(c.attention_micros + c.hop_micros) + slower * c.per_round(c.hop_micros);
            let secs = self.work(round, now);
            for (s, secs) in secs.iter().enumerate() {
                busy.push((s, [now, now + secs]));
                if *secs > slowest.0 {
                    slowest = (*secs, s as u16, round);
                }
            }
            let longest = secs.iter().copied().fold(0.0, f64::max);
            let slower = (c.fault).link_factor(c.fault.server as usize, now + longest);
            now += longest + slower * c.per_round(c.hop_micros);
        }
        let ill = c.fault.span()[0];
        if !self.stopped && now > ill {
            return self.stop(ill);
        }
        self.now = now;
        self.step += 1;
        for (s, span) in busy {
            self.served.worked(s, span);
        }
        for client in 0..self.config.clients as u16 {
            self.served.stepped(Stepped {
                client,
                span: [from, now],
                slowest: slowest.0,
                server: slowest.1,
                round: slowest.2,
                again: 0,
            });
        }
    }

    /// The step is lost; all start again, without the server that died unless it is back by then.
    fn stop(&mut self, ill: f64) {
        let c = &self.config;
        self.stopped = true;
        let well = c.fault.span()[1];
        self.now = ill + c.restart_secs;
        if well > self.now {
            let sound = |s: &u16| u64::from(*s) != c.fault.server;
            let left: Vec<u16> = (0..c.servers as u16).filter(sound).collect();
            if left.is_empty() {
                self.now = well + c.restart_secs;
            } else {
                self.holders = place(c, &left);
            }
        }
        let span = [ill, self.now];
        for server in 0..c.servers as u16 {
            self.served.outages.push(Outage {
                server,
                kind: OutageKind::Stopped,
                span,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_death_stops_all_for_a_restart() {
        let mut group = Group::new(&ExpertsConfig::default(), 1);
        while !group.advance(100) {}
        let served = group.finish();
        assert_eq!(served.count([3.0, 13.0]), 0);
        assert!(served.count([13.0, 16.0]) > 100);
    }
}
