//! Online linear regression under drift ("Learning Rate Schedules in the Presence of Distribution
//! Shift", arXiv 2303.15634): x ~ N(0, I_d), label noise s2, batches of B, an optimum that moves by
//! independent steps of mean square g. Exact expectation of the squared distance (own derivation):
//! v ← v (1 - 2 η + η² (1 + (d + 1) / B)) + η² d s2 / B + g.
//! The right side grows with v, so the minimiser of every step minimises the whole regret:
//! η* = v / (v (1 + (d + 1) / B) + d s2 / B).

use super::super::config::Config;
use super::task::Task;

/// Dimensions d, batch B, label noise s2 and the squared distance at the start.
const DIMS: f64 = 50.0;
const BATCH: f64 = 16.0;
const LABEL_NOISE: f64 = 1.0;
const START: f64 = 10.0;

/// The expected state.
#[derive(Debug, Clone)]
pub(in crate::labs::lr) struct Drift {
    /// Expected squared distance to the optimum.
    distance: f64,
    done: u64,
    moves: f64,
    from: u64,
    until: u64,
    regret: f64,
}

impl Drift {
    pub(super) fn of(config: &Config) -> Self {
        let at = |share: f64| (share * config.horizon as f64).round() as u64;
        Self {
            until: at(config.drift_until),
            ..Self::new(config.drift, at(config.drift_from))
        }
    }

    /// An optimum that moves by `drift` (mean square) per update from update `from` on.
    pub(in crate::labs::lr) fn new(drift: f64, from: u64) -> Self {
        Self {
            distance: START,
            done: 0,
            moves: drift,
            from,
            until: u64::MAX,
            regret: 0.0,
        }
    }

    /// At a squared distance, with an optimum that stands still.
    pub(in crate::labs::lr) fn at(distance: f64) -> Self {
        Self {
            distance,
            ..Self::new(0.0, 0)
        }
    }

    /// The squared distance now.
    pub(in crate::labs::lr) fn distance(&self) -> f64 {
        self.distance
    }

    /// One update at a rate.
    pub(in crate::labs::lr) fn advance(&mut self, rate: f64) {
        let grow = 1.0 - 2.0 * rate + rate * rate * (1.0 + (DIMS + 1.0) / BATCH);
        let moved = if (self.from..self.until).contains(&self.done) {
            self.moves
        } else {
            0.0
        };
        self.distance = self.distance * grow + rate * rate * DIMS * LABEL_NOISE / BATCH + moved;
        self.done += 1;
        self.regret += self.distance;
    }

    /// The best rate now.
    pub(in crate::labs::lr) fn best(&self) -> f64 {
        let v = self.distance;
        v / (v * (1.0 + (DIMS + 1.0) / BATCH) + DIMS * LABEL_NOISE / BATCH)
    }
}

impl Task for Drift {
    fn update(&mut self, rate: f64) {
        self.advance(rate);
    }

    fn loss(&self) -> f64 {
        self.distance
    }

    fn gradient(&self) -> f64 {
        let v = self.distance;
        (v * (1.0 + (DIMS + 1.0) / BATCH) + DIMS * LABEL_NOISE / BATCH).sqrt()
    }

    fn is_exact(&self) -> bool {
        true
    }

    fn wanted(&self) -> f64 {
        self.best()
    }

    fn finish(&mut self) -> [f64; 2] {
        [self.regret / self.done.max(1) as f64, f64::NAN]
    }

    fn copy(&self) -> Box<dyn Task> {
        Box::new(self.clone())
    }

    fn slice(&self) -> usize {
        5000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The best rates at some updates.
    fn best(drift: f64, from: u64, at: &[u64]) -> Vec<f64> {
        let mut run = Drift::new(drift, from);
        let mut out = Vec::new();
        for i in 0..300 {
            if at.contains(&i) {
                out.push(run.best());
            }
            run.update(run.best());
        }
        out
    }

    #[test]
    fn the_best_rate_falls_without_drift_settles_under_it_and_jumps_when_it_starts() {
        let close =
            |got: f64, want: f64, tol: f64| assert!((got - want).abs() < tol, "{got} {want}");
        let still = best(0.0, 0, &[0, 50, 299]);
        close(still[0], 0.222, 1e-3);
        close(still[1], 0.026, 1e-3);
        close(still[2], 0.0036, 1e-4);
        close(best(0.02, 0, &[299])[0], 0.0677, 1e-4);
        let sudden = best(0.05, 150, &[150, 299]);
        close(sudden[0], 0.0075, 2e-4);
        close(sudden[1], 0.097, 6e-3);
    }

    #[test]
    fn a_drift_that_ends_lets_the_best_rate_fall_again() {
        let config = Config {
            drift_from: 0.4,
            drift_until: 0.6,
            horizon: 300,
            ..Config::default()
        };
        let mut run = Drift::of(&config);
        let mut rates = Vec::new();
        for _ in 0..300 {
            rates.push(run.best());
            run.update(run.best());
        }
        // The first moved step shows at the next update, and so does the last.
        assert!(
            rates[119] > rates[120] && rates[121] > rates[120],
            "{:?}",
            &rates[118..123]
        );
        assert!(rates[180] > 5.0 * rates[120] && rates[181] < rates[180]);
        assert!(rates[299] < 0.2 * rates[180]);
    }

    #[test]
    fn no_other_rate_gets_lower_in_one_step() {
        let mut run = Drift::new(0.02, 0);
        for _ in 0..40 {
            run.update(run.best());
        }
        let after = |rate: f64| {
            let mut copy = run.clone();
            copy.update(rate);
            copy.distance
        };
        let best = run.best();
        for k in [0.5, 0.9, 1.1, 2.0] {
            assert!(after(best) < after(k * best), "{k}");
        }
    }
}
