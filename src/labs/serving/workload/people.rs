//! Who sends requests, and of which class they are.

use crate::core::num;
use crate::core::rng::{Stream, StreamId};
use crate::labs::serving::config::Config;

/// Draws users and classes, one after the other.
pub(super) struct People {
    /// Cumulative shares of the users.
    upto: Vec<f64>,
    users: Stream,
    batch_share: f64,
    classes: Stream,
}

impl People {
    pub(super) fn new(config: &Config) -> Self {
        let mut total = 0.0;
        let upto = (1..=config.users)
            .map(|k| {
                total += num::pow(k as f64, -config.user_skew);
                total
            })
            .collect();
        Self {
            upto,
            users: Stream::new(config.seed, StreamId::Users),
            batch_share: config.batch_share,
            classes: Stream::new(config.seed, StreamId::Classes),
        }
    }

    /// User of the next request: shares fall as k^−skew.
    pub(super) fn user(&mut self) -> u32 {
        let u = self.users.uniform() * self.upto.last().copied().unwrap_or(1.0);
        let place = self.upto.partition_point(|c| *c <= u);
        place.min(self.upto.len().saturating_sub(1)) as u32
    }

    /// Class of the next request: 1 for the batch class, else 0.
    pub(super) fn class(&mut self) -> u8 {
        u8::from(self.classes.uniform() < self.batch_share)
    }
}
