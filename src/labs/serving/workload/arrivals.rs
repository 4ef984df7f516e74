//! Arrival times by the clock. Gaps come from one stream in units of the mean gap, so the rate
//! only stretches them; a rate that changes with time stretches them by its integral.

use crate::core::num;
use crate::core::rng::{Stream, StreamId};
use crate::labs::serving::config::{Arrivals, Config};

/// Arrival times in seconds, ascending and without end.
pub(super) struct Times {
    arrivals: Arrivals,
    gap_cv: f64,
    gaps: Stream,
    clock: Clock,
    index: u32,
    at: f64,
    expected: f64,
}

impl Times {
    /// Arrivals at a mean of `rate` per second.
    pub(super) fn new(config: &Config, rate: f64) -> Self {
        let clock = match config.arrivals {
            Arrivals::Mmpp => Clock::Phases(Phases::new(config, rate)),
            Arrivals::DayNight => Clock::Sine {
                rate,
                swing: config.swing,
                period: config.period_secs,
            },
            Arrivals::Ramp => Clock::Ramp {
                low: rate * (1.0 - config.swing),
                high: rate * (1.0 + config.swing),
                period: config.period_secs,
            },
            _ => Clock::Constant(rate),
        };
        Self {
            arrivals: config.arrivals,
            gap_cv: config.gap_cv,
            gaps: Stream::new(config.seed, StreamId::Arrivals),
            clock,
            index: 0,
            at: 0.0,
            expected: 0.0,
        }
    }

    /// The next arrival.
    pub(super) fn draw(&mut self) -> f64 {
        let gap = match self.arrivals {
            Arrivals::Burst => 0.0,
            Arrivals::Steady if self.index == 0 => 0.0,
            Arrivals::Steady => 1.0,
            Arrivals::Gamma => unit_mean_gamma(&mut self.gaps, self.index, self.gap_cv),
            _ => self.gaps.exponential(),
        };
        self.index += 1;
        self.expected += gap;
        self.at = match &mut self.clock {
            Clock::Constant(rate) => self.at + gap / *rate,
            moving => moving.time_of(self.expected, self.at),
        };
        self.at
    }
}

/// A rate over time, known by its integral Λ: the expected number of arrivals until a time.
enum Clock {
    /// Λ = rate · t.
    Constant(f64),
    /// Rate · (1 − swing · cos(2πt / period)): starts at its lowest.
    Sine { rate: f64, swing: f64, period: f64 },
    /// From low to high over the period, then high.
    Ramp { low: f64, high: f64, period: f64 },
    /// Two rates in turns.
    Phases(Phases),
}

impl Clock {
    /// When Λ reaches `expected`; not before `from`.
    fn time_of(&mut self, expected: f64, from: f64) -> f64 {
        match self {
            Self::Constant(rate) => expected / *rate,
            Self::Sine {
                rate,
                swing,
                period,
            } => {
                let turn = std::f64::consts::TAU / *period;
                let integral = |t: f64| *rate * (t - *swing / turn * num::sin(turn * t));
                // The sine moves Λ by at most rate · swing / turn either way.
                let middle = expected / *rate;
                let (mut low, mut high) = (
                    from.max(middle - *swing / turn),
                    middle + *swing / turn + 1e-9,
                );
                // Halving until neighbours: 64 rounds are more than a double has bits.
                for _ in 0..64 {
                    let half = 0.5 * (low + high);
                    if integral(half) < expected {
                        low = half;
                    } else {
                        high = half;
                    }
                }
                high.max(from)
            }
            Self::Ramp { low, high, period } => {
                // Λ(t) = low·t + (high − low)·t² / (2·period) up to the period.
                let at_end = 0.5 * (*low + *high) * *period;
                if expected >= at_end {
                    return *period + (expected - at_end) / *high;
                }
                let slope = (*high - *low) / *period;
                // Root of slope/2·t² + low·t − expected, in the form without cancellation.
                2.0 * expected / (*low + (*low * *low + 2.0 * slope * expected).sqrt())
            }
            Self::Phases(phases) => phases.time_of(expected),
        }
    }
}

/// Phases of a Markov-modulated Poisson process with two states. The mean over time is
/// (λ1·τ1 + λ2·τ2) / (τ1 + τ2).
struct Phases {
    /// Rates of the quiet and the busy phase.
    rates: [f64; 2],
    /// Their mean lengths in seconds.
    stays: [f64; 2],
    /// Lengths come from a stream of their own: the rate does not move the phases.
    lengths: Stream,
    state: usize,
    /// End of the current phase, and Λ at its start.
    start: f64,
    end: f64,
    counted: f64,
}

impl Phases {
    fn new(config: &Config, rate: f64) -> Self {
        let stays = [config.quiet_secs, config.busy_secs];
        let quiet = rate * (stays[0] + stays[1]) / (stays[0] + config.busy_factor * stays[1]);
        let mut lengths = Stream::new(config.seed, StreamId::Phases);
        let end = stays[0] * lengths.exponential();
        Self {
            rates: [quiet, quiet * config.busy_factor],
            stays,
            lengths,
            state: 0,
            start: 0.0,
            end,
            counted: 0.0,
        }
    }

    fn time_of(&mut self, expected: f64) -> f64 {
        loop {
            let rate = self.rates[self.state];
            let at_end = self.counted + rate * (self.end - self.start);
            if expected <= at_end {
                return self.start + (expected - self.counted) / rate;
            }
            self.counted = at_end;
            self.start = self.end;
            self.state = 1 - self.state;
            self.end += self.stays[self.state] * self.lengths.exponential();
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn times(config: &Config, n: usize, rate: f64) -> Vec<f64> {
        let mut times = Times::new(config, rate);
        (0..n).map(|_| times.draw()).collect()
    }

    fn gaps(times: &[f64]) -> Vec<f64> {
        times.windows(2).map(|a| a[1] - a[0]).collect()
    }

    #[test]
    fn gaps_have_the_mean_and_the_variation_asked_for() {
        for (arrivals, cv) in [
            (Arrivals::Poisson, 1.0),
            (Arrivals::Gamma, 0.5),
            (Arrivals::Gamma, 3.0),
        ] {
            let config = Config {
                arrivals,
                gap_cv: cv,
                ..Config::default()
            };
            let gaps = gaps(&times(&config, 40_000, 2.0));
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
    fn phases_keep_the_mean_rate_and_make_gaps_more_varied_than_poisson() {
        let config = Config {
            arrivals: Arrivals::Mmpp,
            quiet_secs: 20.0,
            busy_secs: 5.0,
            busy_factor: 10.0,
            ..Config::default()
        };
        let at = times(&config, 200_000, 4.0);
        let rate = at.len() as f64 / at[at.len() - 1];
        // About 2,000 cycles with a coefficient of variation near 1.5: standard error 3 %.
        assert!((rate / 4.0 - 1.0).abs() < 0.1, "{rate}");
        let gaps = gaps(&at);
        let cv = crate::core::stats::std_dev(&gaps) / crate::core::stats::mean(&gaps);
        assert!(cv > 1.5, "{cv}");
        assert!(gaps.iter().all(|g| *g >= 0.0), "ascending");
    }

    #[test]
    fn the_day_has_its_rate_and_the_night_its_own() {
        let config = Config {
            arrivals: Arrivals::DayNight,
            swing: 0.8,
            period_secs: 100.0,
            ..Config::default()
        };
        let at = times(&config, 50_000, 20.0);
        assert!(at.is_sorted(), "ascending");
        let in_part = |from: f64, to: f64| {
            let hits = at
                .iter()
                .filter(|t| (**t % 100.0) >= from && (**t % 100.0) < to);
            hits.count() as f64
        };
        // Around the middle of the night and of the day: 1 − 0.8 and 1 + 0.8 times the mean.
        let ratio = in_part(45.0, 55.0) / (in_part(0.0, 5.0) + in_part(95.0, 100.0));
        assert!((ratio / 8.4 - 1.0).abs() < 0.1, "{ratio}");
        assert!((at[49_999] / 2500.0 - 1.0).abs() < 0.03, "{}", at[49_999]);
    }

    #[test]
    fn a_ramp_ends_at_its_high_rate() {
        let config = Config {
            arrivals: Arrivals::Ramp,
            swing: 0.5,
            period_secs: 1000.0,
            ..Config::default()
        };
        let at = times(&config, 40_000, 10.0);
        let count =
            |from: f64, to: f64| at.iter().filter(|t| **t >= from && **t < to).count() as f64;
        assert!((count(0.0, 100.0) / 550.0 - 1.0).abs() < 0.15, "low end");
        assert!(
            (count(1000.0, 2000.0) / 15_000.0 - 1.0).abs() < 0.04,
            "after"
        );
    }
}
