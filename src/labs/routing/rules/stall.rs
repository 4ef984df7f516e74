//! How long a layer waits for experts that are not in fast memory: misses on demand stop it, what is
//! fetched ahead only if it comes later than the computing before it ends (ExpertFlow, arXiv
//! 2410.17954).

use super::prefetch::Traffic;

/// The link over which experts come, and the computing that hides it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Link {
    /// Bytes of an expert.
    pub expert_bytes: f64,
    /// Bytes of a token on its way to another device.
    pub token_bytes: f64,
    /// Bytes a second.
    pub bandwidth: f64,
    /// Seconds that a layer computes on a token.
    pub layer_secs: f64,
    /// Layers that are computed between the naming of a token's experts and their use.
    pub lookahead: f64,
}

impl Link {
    /// Seconds of one expert on the link.
    pub fn fetch_secs(&self) -> f64 {
        self.expert_bytes / self.bandwidth
    }

    /// Experts that can be fetched ahead of a token without holding it up.
    pub fn hidden(&self) -> f64 {
        self.lookahead * self.layer_secs / self.fetch_secs()
    }

    /// Seconds in which the layer waits: for experts, and for tokens to reach another device and to
    /// come back.
    pub fn stall_secs(&self, traffic: &Traffic) -> f64 {
        let there_and_back = 2.0 * self.token_bytes / self.bandwidth;
        traffic.waits * self.fetch_secs() + traffic.elsewhere as f64 * there_and_back
    }
}

#[cfg(test)]
mod tests {
    use super::super::prefetch::predictive;
    use super::*;
    use crate::core::rng::{Stream, StreamId};

    const LINK: Link = Link {
        expert_bytes: 4e6,
        token_bytes: 1e4,
        bandwidth: 1e9,
        layer_secs: 0.002,
        lookahead: 3.0,
    };

    #[test]
    fn seconds_follow_from_bytes_and_bandwidth() {
        assert!((LINK.fetch_secs() - 0.004).abs() < 1e-15);
        assert!((LINK.hidden() - 1.5).abs() < 1e-12, "6 ms of computing");
        let traffic = Traffic {
            hits: 9,
            moved: 5,
            elsewhere: 3,
            waits: 2.5,
        };
        assert!((LINK.stall_secs(&traffic) - (0.01 + 6e-5)).abs() < 1e-15);
    }

    #[test]
    fn what_comes_during_the_computing_before_it_costs_nothing() {
        // Three tokens with two new experts each and a perfect predictor: two fetches each.
        let rows = vec![vec![0, 1], vec![2, 3], vec![4, 5]];
        let waits = |window: f64| {
            let stream = Stream::new(1, StreamId::Test);
            predictive(&rows, 6, 2, 1.0, window, stream).waits
        };
        assert_eq!([waits(0.0), waits(0.5), waits(2.0)], [6.0, 4.5, 0.0]);
        // A predictor that is always wrong hides its fetches and leaves the misses.
        let stream = Stream::new(1, StreamId::Test);
        let wrong = predictive(&rows, 6, 2, 0.0, f64::INFINITY, stream);
        assert_eq!(wrong.waits, (6 - wrong.hits) as f64);
    }
}
