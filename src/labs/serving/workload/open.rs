//! Requests that arrive by the clock, whatever happens to others.

use super::arrivals::Times;
use super::lengths::Sampler;
use super::people::People;
use super::{Source, Workload};
use crate::core::rng::{Stream, StreamId};
use crate::labs::serving::config::Config;
use crate::labs::serving::engine::Tags;

/// Requests at times of their own.
pub(super) struct Open {
    wanted: usize,
    /// Whether there is more than one user, and more than one class.
    users: bool,
    classes: bool,
    times: Times,
    lengths: Stream,
    people: People,
    sampler: Sampler,
    tags: Tags,
    out: Workload,
}

impl Open {
    pub(super) fn new(config: &Config, sampler: Sampler) -> Self {
        Self {
            wanted: config.requests as usize,
            users: config.users > 1,
            classes: config.batch_share > 0.0,
            times: Times::new(config, config.rate),
            lengths: Stream::new(config.seed, StreamId::Lengths),
            people: People::new(config),
            sampler,
            tags: Tags::default(),
            out: Workload::default(),
        }
    }
}

impl Source for Open {
    fn advance(&mut self, most: usize) -> bool {
        let most = most.min(self.wanted - self.made());
        for _ in 0..most {
            if self.users {
                self.tags.user.push(self.people.user());
            }
            let class = if self.classes { self.people.class() } else { 0 };
            if self.classes {
                self.tags.class.push(class);
            }
            let (prompt, output) = self.sampler.draw(&mut self.lengths, class);
            self.out.arrival.push(self.times.draw());
            self.out.prefill.push(prompt);
            self.out.decode.push(output);
        }
        self.made() == self.wanted
    }

    fn take(&mut self) -> Workload {
        Workload {
            tags: std::mem::take(&mut self.tags).into(),
            ..std::mem::take(&mut self.out)
        }
    }

    fn made(&self) -> usize {
        self.out.arrival.len()
    }
}
