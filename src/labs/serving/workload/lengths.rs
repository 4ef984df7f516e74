//! Lengths of prompts and outputs: every draw is the quantile of one uniform number, so another
//! distribution moves no other draw.

use crate::core::num;
use crate::core::rng::{Stream, normal_quantile};
use crate::labs::serving::config::{Config, Lengths};
use crate::labs::serving::trace::Trace;
use std::sync::Arc;

/// One of the two lengths.
enum Quantile {
    Lognormal {
        median: f64,
        sigma: f64,
        longest: f64,
    },
    Uniform {
        shortest: f64,
        longest: f64,
    },
    Fixed(f64),
    Geometric {
        mean: f64,
        longest: f64,
    },
    /// Cumulative probabilities of the lengths from the shortest.
    Zipf {
        shortest: u32,
        upto: Vec<f64>,
    },
}

impl Quantile {
    fn zipf(shortest: u64, longest: u64, exponent: f64) -> Self {
        let mut total = 0.0;
        let upto = (shortest..=longest)
            .map(|k| {
                total += num::pow(k as f64, -exponent);
                total
            })
            .collect();
        Self::Zipf {
            shortest: shortest as u32,
            upto,
        }
    }

    fn at(&self, u: f64) -> u32 {
        match self {
            Self::Lognormal {
                median,
                sigma,
                longest,
            } => {
                let tokens = median * num::exp(sigma * normal_quantile(u));
                tokens.round().clamp(1.0, *longest) as u32
            }
            Self::Uniform { shortest, longest } => {
                (shortest + (u * (longest - shortest + 1.0)).floor()).min(*longest) as u32
            }
            Self::Fixed(tokens) => tokens.round().max(1.0) as u32,
            Self::Geometric { mean, .. } if *mean <= 1.0 => 1,
            Self::Geometric { mean, longest } => {
                // P(X > k) = (1 − 1/mean)^k.
                let tokens = (num::ln(1.0 - u) / num::ln_1p(-1.0 / mean)).ceil();
                tokens.clamp(1.0, *longest) as u32
            }
            Self::Zipf { shortest, upto } => {
                let total = upto.last().copied().unwrap_or(1.0);
                let place = upto.partition_point(|c| *c < u * total);
                shortest + place.min(upto.len().saturating_sub(1)) as u32
            }
        }
    }
}

/// Draws pairs of lengths.
pub(super) struct Sampler {
    kind: Kind,
}

enum Kind {
    /// Prompt and output of each class.
    Apart([[Quantile; 2]; 2]),
    /// Pairs of a trace.
    Together(Arc<Trace>),
}

impl Sampler {
    /// The sampler of a config; `pairs` is the trace that [`Lengths::Resampled`] draws from.
    pub(super) fn new(config: &Config, pairs: Option<Arc<Trace>>) -> Self {
        if let (Lengths::Resampled, Some(trace)) = (config.lengths, pairs) {
            return Self {
                kind: Kind::Together(trace),
            };
        }
        let quantile = |typical: f64, sigma: f64, shortest: u64, longest: u64| match config.lengths
        {
            Lengths::Lognormal | Lengths::Resampled => Quantile::Lognormal {
                median: typical,
                sigma,
                longest: longest as f64,
            },
            Lengths::Uniform => Quantile::Uniform {
                shortest: shortest as f64,
                longest: longest as f64,
            },
            Lengths::Fixed => Quantile::Fixed(typical),
            Lengths::Geometric => Quantile::Geometric {
                mean: typical,
                longest: longest as f64,
            },
            Lengths::Zipf => Quantile::zipf(shortest, longest, config.zipf_exponent),
        };
        let class = |prompt: f64, output: f64| {
            [
                quantile(
                    prompt,
                    config.prompt_sigma,
                    config.prompt_min,
                    config.prompt_max,
                ),
                quantile(
                    output,
                    config.output_sigma,
                    config.output_min,
                    config.output_max,
                ),
            ]
        };
        Self {
            kind: Kind::Apart([
                class(config.prompt_median, config.output_median),
                class(config.batch_prompt_median, config.batch_output_median),
            ]),
        }
    }

    /// Prompt and output of the next request, of class `class`.
    pub(super) fn draw(&self, stream: &mut Stream, class: u8) -> (u32, u32) {
        let (first, second) = (stream.open_uniform(), stream.open_uniform());
        match &self.kind {
            Kind::Apart(classes) => {
                let [prompt, output] = &classes[usize::from(class.min(1))];
                (prompt.at(first), output.at(second))
            }
            Kind::Together(trace) => {
                let i = ((first * trace.len() as f64) as usize).min(trace.len() - 1);
                (trace.prompt[i], trace.output[i])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::rng::StreamId;
    use crate::core::stats::{mean, percentile};

    fn prompts(config: &Config) -> Vec<f64> {
        let sampler = Sampler::new(config, None);
        let mut stream = Stream::new(3, StreamId::Lengths);
        (0..40_000)
            .map(|_| f64::from(sampler.draw(&mut stream, 0).0))
            .collect()
    }

    #[test]
    fn every_distribution_has_its_own_mean_or_median() {
        let of = |lengths| Config {
            lengths,
            prompt_median: 300.0,
            prompt_min: 100,
            prompt_max: 5000,
            zipf_exponent: 2.0,
            ..Config::default()
        };
        let lognormal = prompts(&of(Lengths::Lognormal));
        assert!((percentile(&lognormal, 50.0) / 300.0 - 1.0).abs() < 0.02);
        let uniform = prompts(&of(Lengths::Uniform));
        assert!((mean(&uniform) / 2550.0 - 1.0).abs() < 0.02);
        let geometric = prompts(&of(Lengths::Geometric));
        assert!((mean(&geometric) / 300.0 - 1.0).abs() < 0.02);
        let fixed = prompts(&of(Lengths::Fixed));
        assert!(fixed.iter().all(|p| *p == 300.0));
        // Σk·k⁻² / Σk⁻² from 100 to 5000: (H(5000) − H(99)) / (ζ-like tail) ≈ 3.917 / 0.009850.
        let zipf = prompts(&of(Lengths::Zipf));
        assert!((mean(&zipf) / 397.6 - 1.0).abs() < 0.03, "{}", mean(&zipf));
        assert!(zipf.iter().all(|p| (100.0..=5000.0).contains(p)));
    }

    #[test]
    fn pairs_of_a_trace_stay_together() {
        let trace = Trace {
            arrival: vec![0.0, 1.0, 2.0],
            prompt: vec![10, 20, 30],
            output: vec![1, 2, 3],
            ..Trace::default()
        };
        let config = Config {
            lengths: Lengths::Resampled,
            ..Config::default()
        };
        let sampler = Sampler::new(&config, Some(Arc::new(trace)));
        let mut stream = Stream::new(3, StreamId::Lengths);
        let mut seen = [0; 3];
        for _ in 0..3000 {
            let (p, d) = sampler.draw(&mut stream, 0);
            assert_eq!(p, 10 * d);
            seen[d as usize - 1] += 1;
        }
        assert!(seen.iter().all(|n| (900..1100).contains(n)), "{seen:?}");
    }
}
