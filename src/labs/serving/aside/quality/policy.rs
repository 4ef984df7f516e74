//! Which model a request gets.

use super::super::super::learner::{Table, doubling};
use super::config::{Choice, QualityConfig};
use crate::core::rng::Stream;

/// Coarse steps of the requests in the system, and of the arrival rate.
pub(super) const STEPS: [usize; 2] = [8, 4];
/// Models.
pub(super) const SIZES: usize = 3;
/// Weight of the newest experience.
const RATE: f64 = 0.05;
/// Share of random choices at the start of training; it falls to none at its end.
const EXPLORE: f64 = 0.5;

/// What the router sees: requests in the system per server, and recent arrivals per second over
/// those of quiet phases.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) in_system: f64,
    pub(super) rate: f64,
}

impl Seen {
    /// Number of the situation.
    pub(super) fn situation(self) -> usize {
        // A quarter of the servers busy is the first step.
        let load = doubling(4.0 * self.in_system, STEPS[0]);
        load * STEPS[1] + doubling(2.0 * self.rate, STEPS[1])
    }
}

/// Values of every model in every situation.
#[derive(Debug, Clone)]
pub(super) struct Learned {
    table: Table,
    discount: f64,
}

impl Learned {
    pub(super) fn new(config: &QualityConfig) -> Self {
        // As if all went well: what was not tried yet is worth a try.
        let best = config.peak() / (1.0 - config.discount);
        Self {
            table: Table::new(STEPS[0] * STEPS[1] * SIZES, best, RATE),
            discount: config.discount,
        }
    }

    pub(super) fn value(&self, situation: usize, size: usize) -> f64 {
        self.table.get(situation * SIZES + size)
    }

    /// The model worth most; the larger of equals.
    pub(super) fn best(&self, situation: usize) -> usize {
        let mut best = SIZES - 1;
        for size in (0..SIZES - 1).rev() {
            if self.value(situation, size) > self.value(situation, best) {
                best = size;
            }
        }
        best
    }

    /// Learns from a choice, its reward, and the situation after it.
    pub(super) fn learn(&mut self, situation: usize, size: usize, reward: f64, next: usize) {
        let after = self.value(next, self.best(next));
        self.table
            .learn(situation * SIZES + size, reward + self.discount * after);
    }
}

/// A rule with what it needs.
pub(super) enum Policy<'a> {
    /// Always this one.
    Always(usize),
    /// Large up to the first, middle up to the second number of requests per server.
    Threshold([f64; 2]),
    /// What was learned.
    Learned(&'a mut Learned, Option<Training>),
}

/// Training: how often to try something else.
pub(super) struct Training {
    pub(super) explore: f64,
    pub(super) rng: Stream,
}

impl Training {
    /// The share of random choices of an episode.
    pub(super) fn of(episode: u64, episodes: u64, rng: Stream) -> Self {
        Self {
            explore: EXPLORE * (1.0 - episode as f64 / episodes.max(1) as f64),
            rng,
        }
    }
}

impl<'a> Policy<'a> {
    pub(super) fn of(choice: Choice, config: &QualityConfig, learned: &'a mut Learned) -> Self {
        match choice {
            Choice::Small => Self::Always(0),
            Choice::Middle => Self::Always(1),
            Choice::Large => Self::Always(2),
            Choice::Threshold => Self::Threshold([config.large_below, config.middle_below]),
            Choice::Learned => Self::Learned(learned, None),
        }
    }

    pub(super) fn pick(&mut self, seen: Seen) -> usize {
        match self {
            Self::Always(size) => *size,
            Self::Threshold(below) => {
                // The larger, the lower its threshold.
                let larger = below.iter().filter(|below| seen.in_system < **below);
                larger.count()
            }
            Self::Learned(learned, training) => {
                if let Some(t) = training
                    && t.rng.uniform() < t.explore
                {
                    return t.rng.below(SIZES as u32) as usize;
                }
                learned.best(seen.situation())
            }
        }
    }

    pub(super) fn learn(&mut self, situation: usize, size: usize, reward: f64, next: usize) {
        if let Self::Learned(learned, Some(_)) = self {
            learned.learn(situation, size, reward, next);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_learned_is_the_reward_and_what_follows() {
        let config = QualityConfig {
            discount: 0.5,
            ..QualityConfig::default()
        };
        let mut learned = Learned::new(&config);
        for _ in 0..2000 {
            for (size, reward) in [(0, 0.8), (1, 0.9), (2, 0.0)] {
                learned.learn(3, size, reward, 3);
            }
        }
        assert_eq!(learned.best(3), 1);
        // The fixed point: 0.9/(1 − 0.5), and 0.8 or 0 before it.
        for (size, want) in [(0, 1.7), (1, 1.8), (2, 0.9)] {
            assert!((learned.value(3, size) - want).abs() < 1e-6);
        }
    }
}
