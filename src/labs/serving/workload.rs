//! The requests of a run: generated from distributions, or taken from a trace. Gaps and lengths
//! come from their own random streams, so changing the scheduler, the rate or the number of
//! requests changes nothing else about them.

use super::config::{Arrivals, Config};
use super::engine::Tags;
use super::trace::Trace;
use crate::core::rng::{Stream, StreamId};
use crate::core::{Error, Result, num};
use crate::labs::{Dataset, Library};
use std::sync::Arc;

/// Arrival times and lengths, in order of arrival.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Workload {
    /// Arrival times in seconds, ascending.
    pub arrival: Vec<f64>,
    /// Prompt tokens.
    pub prefill: Vec<u32>,
    /// Output tokens.
    pub decode: Vec<u32>,
    /// What is known about each request beside its lengths.
    pub tags: Arc<Tags>,
    /// Requests whose output was cut to the longest sequence.
    pub clipped: usize,
    /// Requests of the trace that were left out because their prompt exceeds the longest sequence.
    pub too_long: usize,
}

/// The workload of a config.
///
/// # Errors
/// A trace that is not loaded, or holds no request that fits.
pub fn workload(config: &Config, data: &Library) -> Result<Workload> {
    let mut workload = match (config.arrivals, &config.trace) {
        (Arrivals::Trace, Some(key)) => match data.get(key)? {
            Dataset::Trace(trace) => from_trace(config, trace),
            other @ Dataset::Tensors(_) => {
                return Err(Error::Unsupported(format!(
                    "{} ({}) as a request trace",
                    key.name,
                    other.words()
                )));
            }
        },
        _ => generated(config),
    };
    clip(&mut workload, config.max_tokens_per_sequence as u32);
    if workload.arrival.is_empty() {
        return Err(Error::out_of_range(
            "max_tokens_per_sequence",
            config.max_tokens_per_sequence,
            "more than the shortest prompt of the trace",
        ));
    }
    Ok(workload)
}

fn generated(config: &Config) -> Workload {
    let n = config.requests as usize;
    let mut lengths = Stream::new(config.seed, StreamId::Lengths);
    let mut workload = Workload {
        arrival: arrival_times(config, n),
        ..Workload::default()
    };
    for _ in 0..n {
        let mut draw = |median: f64, sigma: f64, longest: u64| {
            let tokens = median * num::exp(sigma * lengths.normal());
            tokens.round().clamp(1.0, longest as f64) as u32
        };
        let prompt = draw(config.prompt_median, config.prompt_sigma, config.prompt_max);
        let output = draw(config.output_median, config.output_sigma, config.output_max);
        workload.prefill.push(prompt);
        workload.decode.push(output);
    }
    workload
}

fn arrival_times(config: &Config, n: usize) -> Vec<f64> {
    let mut gaps = Stream::new(config.seed, StreamId::Arrivals);
    let mut at = 0.0;
    (0..n)
        .map(|i| {
            let gap = match config.arrivals {
                Arrivals::Burst => 0.0,
                Arrivals::Steady if i == 0 => 0.0,
                Arrivals::Steady => 1.0,
                Arrivals::Gamma => unit_mean_gamma(&mut gaps, i as u32, config.gap_cv),
                Arrivals::Poisson | Arrivals::Trace => gaps.exponential(),
            };
            at += gap / config.rate;
            at
        })
        .collect()
}

/// Gamma with mean 1 and coefficient of variation `cv` (Marsaglia and Tsang). Each draw has its
/// own replicate of the stream, because the number of tries differs.
fn unit_mean_gamma(stream: &mut Stream, index: u32, cv: f64) -> f64 {
    let mut tries = stream.clone().step(index);
    let shape = 1.0 / (cv * cv);
    // For shapes below 1: gamma(shape + 1) · u^(1 / shape).
    let boost = if shape < 1.0 {
        num::pow(tries.open_uniform(), 1.0 / shape)
    } else {
        1.0
    };
    let d = if shape < 1.0 { shape + 1.0 } else { shape } - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    // The acceptance rate is above 95 %, so the bound is never met in practice.
    for _ in 0..1000 {
        let x = tries.normal();
        let v = 1.0 + c * x;
        if v <= 0.0 {
            continue;
        }
        let v = v * v * v;
        if num::ln(tries.open_uniform()) < 0.5 * x * x + d - d * v + d * num::ln(v) {
            return d * v * boost / shape;
        }
    }
    1.0
}

fn from_trace(config: &Config, trace: &Trace) -> Workload {
    let n = (config.requests as usize).min(trace.len());
    let start = trace.arrival.first().copied().unwrap_or(0.0);
    Workload {
        arrival: trace.arrival[..n]
            .iter()
            .map(|at| (at - start) / config.rate_scale)
            .collect(),
        prefill: trace.prompt[..n].to_vec(),
        decode: trace.output[..n].to_vec(),
        ..Workload::default()
    }
}

/// Cuts outputs to the longest sequence and leaves out prompts that fill it alone.
fn clip(workload: &mut Workload, longest: u32) {
    let keep: Vec<bool> = workload.prefill.iter().map(|&p| p < longest).collect();
    workload.too_long = keep.iter().filter(|k| !**k).count();
    if workload.too_long > 0 {
        let kept = |values: &[u32]| -> Vec<u32> {
            values
                .iter()
                .zip(&keep)
                .filter(|(_, k)| **k)
                .map(|(v, _)| *v)
                .collect()
        };
        workload.prefill = kept(&workload.prefill);
        workload.decode = kept(&workload.decode);
        Arc::make_mut(&mut workload.tags).retain(&keep);
        let mut flags = keep.iter();
        workload
            .arrival
            .retain(|_| flags.next().copied().unwrap_or(false));
    }
    for (d, &p) in workload.decode.iter_mut().zip(&workload.prefill) {
        let room = longest - p;
        if *d > room {
            *d = room;
            workload.clipped += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(config: &Config) -> Workload {
        workload(config, &Library::default()).unwrap()
    }

    #[test]
    fn the_scheduler_does_not_change_the_workload() {
        let base = Config::default();
        for &scheduler in super::super::config::Scheduler::ALL {
            let other = Config {
                scheduler,
                ..base.clone()
            };
            assert_eq!(of(&base), of(&other), "{scheduler:?}");
        }
    }

    #[test]
    fn more_requests_extend_the_workload_and_the_rate_only_stretches_it() {
        let few = of(&Config::default());
        let more = of(&Config {
            requests: 100,
            ..Config::default()
        });
        assert_eq!(few.arrival, more.arrival[..60]);
        assert_eq!(few.prefill, more.prefill[..60]);
        let faster = of(&Config {
            rate: 5.0,
            ..Config::default()
        });
        assert_eq!(few.prefill, faster.prefill);
        assert!((few.arrival[59] / faster.arrival[59] - 2.0).abs() < 1e-12);
    }

    #[test]
    fn gaps_have_the_mean_and_the_variation_asked_for() {
        for (arrivals, cv) in [
            (Arrivals::Poisson, 1.0),
            (Arrivals::Gamma, 0.5),
            (Arrivals::Gamma, 3.0),
        ] {
            let w = of(&Config {
                arrivals,
                gap_cv: cv,
                rate: 2.0,
                requests: 40_000,
                ..Config::default()
            });
            let gaps: Vec<f64> = w.arrival.windows(2).map(|a| a[1] - a[0]).collect();
            let mean = crate::core::stats::mean(&gaps);
            let spread = crate::core::stats::std_dev(&gaps) / mean;
            assert!((mean * 2.0 - 1.0).abs() < 0.05, "{arrivals:?} {cv}: {mean}");
            assert!(
                (spread / cv - 1.0).abs() < 0.06,
                "{arrivals:?} {cv}: {spread}"
            );
        }
    }

    #[test]
    fn outputs_are_cut_to_the_longest_sequence_and_counted() {
        let w = of(&Config {
            max_tokens_per_sequence: 2100,
            ..Config::default()
        });
        assert!(
            w.clipped > 0 && w.too_long > 0,
            "{} {}",
            w.clipped,
            w.too_long
        );
        assert_eq!(w.arrival.len() + w.too_long, 60);
        for (p, d) in w.prefill.iter().zip(&w.decode) {
            assert!(p + d <= 2100 && *d >= 1, "{p} {d}");
        }
    }
}
