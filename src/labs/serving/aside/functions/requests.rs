//! Who calls which function when.

use super::config::FunctionsConfig;
use crate::core::num;
use crate::core::rng::{Stream, StreamId};

/// Requests in order of arrival, one array per field.
#[derive(Debug, Clone, Default)]
pub(super) struct Requests {
    pub(super) arrival: Vec<f64>,
    pub(super) function: Vec<usize>,
    pub(super) prompt: Vec<f64>,
    pub(super) output: Vec<f64>,
}

/// Draws them: bursts come as a Poisson process, each of one function and of geometric size.
pub(super) fn requests(config: &FunctionsConfig, seed: u64) -> Requests {
    let stream = |id| Stream::new(seed, id);
    let (mut gaps, mut sizes) = (stream(StreamId::Arrivals), stream(StreamId::Sessions));
    let (mut who, mut lengths) = (stream(StreamId::Users), stream(StreamId::Lengths));
    let shares = config.shares();
    let mut out = Requests::default();
    let mut now = 0.0;
    while out.arrival.len() < config.requests as usize {
        now += config.burst * gaps.exponential() / config.rate;
        let mut left = who.uniform();
        let mut function = 0;
        for (f, share) in shares.iter().enumerate() {
            function = f;
            if left < *share {
                break;
            }
            left -= share;
        }
        loop {
            let mut length = |typical: f64| {
                let tokens = typical * num::exp(0.5 * lengths.normal());
                tokens.round().max(1.0)
            };
            out.arrival.push(now);
            out.function.push(function);
            out.prompt.push(length(config.prompt));
            out.output.push(length(config.output));
            let full = out.arrival.len() == config.requests as usize;
            if full || sizes.uniform() < 1.0 / config.burst {
                break;
            }
        }
    }
    out
}
