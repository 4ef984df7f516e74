//! Rules that set the next rate from what the run has shown.

use super::super::config::{Config, Hyper};
use super::super::plateau::Plateau;
use super::super::schedule::{Schedule, Shape};
use crate::core::{num, stats};

/// Observations behind the short and the long volatility (VolSched).
const WINDOWS: [usize; 2] = [5, 20];
/// Exponent of their ratio (VolSched).
const POWER: f64 = 0.1;
/// Lowest rate as a share of the peak: VolSched and hypergradient.
const LOWEST: [f64; 2] = [0.01, 0.001];

/// A rule with its state.
#[derive(Debug, Clone)]
pub(super) enum Control {
    /// Known beforehand.
    Fixed(Vec<f64>),
    /// ReduceLROnPlateau.
    Plateau(Plateau),
    /// The angle between neighbouring gradients (Baydin et al., 2018).
    Hyper {
        rate: f64,
        range: [f64; 2],
        kappa: f64,
        form: Hyper,
    },
    /// Volatility of the accuracy.
    Volatility(Volatility),
    /// What the task's own theory asks for, up to the peak.
    Wanted(f64),
}

impl Control {
    /// The rule of a schedule's shape.
    pub(super) fn of(config: &Config, schedule: &Schedule) -> crate::core::Result<Self> {
        let peak = schedule.peak;
        Ok(match schedule.shape {
            Shape::Plateau => Self::Plateau(Plateau {
                lr: peak,
                factor: config.gamma,
                patience: config.patience as usize,
                min_lr: config.floor * peak,
                ..Plateau::default()
            }),
            Shape::Hypergradient => Self::Hyper {
                rate: config.first_rate.max(LOWEST[1]) * peak,
                range: [LOWEST[1] * peak, peak],
                kappa: config.kappa,
                form: config.hyper,
            },
            Shape::VolSched => Self::Volatility(Volatility::new(peak)),
            Shape::DriftOptimal => Self::Wanted(peak),
            _ => Self::Fixed(schedule.rates()?),
        })
    }

    /// The rate of update `i`; `wanted` is what the task's theory asks for.
    pub(super) fn rate(&self, i: usize, wanted: f64) -> f64 {
        match self {
            Self::Fixed(rates) => rates.get(i).copied().unwrap_or(0.0),
            Self::Plateau(state) => state.lr,
            Self::Hyper { rate, .. } => *rate,
            Self::Volatility(state) => state.rate,
            Self::Wanted(peak) => wanted.min(*peak),
        }
    }

    /// Takes the alignment of the last two gradients in.
    pub(super) fn aligned(&mut self, [inner, cosine]: [f64; 2]) {
        if let Self::Hyper {
            rate,
            range,
            kappa,
            form,
        } = self
            && inner.is_finite()
            && cosine.is_finite()
        {
            let new = match form {
                Hyper::Multiplicative => *rate * (1.0 + *kappa * cosine),
                Hyper::Additive => *rate + *kappa * inner,
            };
            *rate = new.clamp(range[0], range[1]);
        }
    }

    /// Takes an observation in: mean loss and accuracy since the last one.
    pub(super) fn look(&mut self, loss: f64, accuracy: f64) {
        match self {
            Self::Plateau(state) => state.observe(loss),
            Self::Volatility(state) => state.observe(accuracy),
            _ => {}
        }
    }
}

/// VolSched (arXiv 2507.10575, from the abstract): the rate follows the ratio of the long to the
/// short volatility of the accuracy's log-returns.
#[derive(Debug, Clone)]
pub(super) struct Volatility {
    pub(super) rate: f64,
    peak: f64,
    last: f64,
    returns: Vec<f64>,
}

impl Volatility {
    pub(super) fn new(peak: f64) -> Self {
        Self {
            rate: peak,
            peak,
            last: f64::NAN,
            returns: Vec::new(),
        }
    }

    /// Takes an accuracy in, 0 to 1; one that is not above 0 says nothing.
    pub(super) fn observe(&mut self, accuracy: f64) {
        if accuracy.is_nan() || accuracy <= 0.0 {
            return;
        }
        if self.last.is_finite() {
            self.returns.push(num::ln(accuracy / self.last));
        }
        self.last = accuracy;
        // The short window must be full before the two differ.
        if self.returns.len() <= WINDOWS[0] {
            return;
        }
        let spread = |n: usize| {
            let from = self.returns.len().saturating_sub(n);
            stats::std_dev(&self.returns[from..])
        };
        let ratio = spread(WINDOWS[1]) / (spread(WINDOWS[0]) + 1e-8);
        self.rate = (self.rate * num::pow(ratio, POWER)).clamp(LOWEST[0] * self.peak, self.peak);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volatility_raises_the_rate_on_a_flat_series_and_lowers_it_on_a_jumpy_one() {
        let wave =
            |n: usize, size: f64| (0..n).map(move |i| 0.5 + size * (1.0 - 2.0 * (i % 2) as f64));
        let mut state = Volatility::new(1.0);
        state.rate = 0.1;
        wave(15, 0.1).for_each(|a| state.observe(a));
        let before = state.rate;
        wave(10, 1e-4).for_each(|a| state.observe(a));
        assert!(state.rate > 1.5 * before, "{} {before}", state.rate);
        let before = state.rate;
        wave(4, 0.2).for_each(|a| state.observe(a));
        assert!(state.rate < before, "{} {before}", state.rate);
    }

    #[test]
    fn the_hypergradient_rises_while_gradients_agree_and_stays_in_its_range() {
        let mut rule = Control::Hyper {
            rate: 0.1,
            range: [0.01, 0.2],
            kappa: 0.1,
            form: Hyper::Multiplicative,
        };
        rule.aligned([1.0, 1.0]);
        assert!((rule.rate(0, 0.0) - 0.11).abs() < 1e-15);
        rule.aligned([f64::NAN, f64::NAN]);
        assert!((rule.rate(0, 0.0) - 0.11).abs() < 1e-15);
        for _ in 0..100 {
            rule.aligned([1.0, 1.0]);
        }
        assert_eq!(rule.rate(0, 0.0), 0.2);
        for _ in 0..100 {
            rule.aligned([-1.0, -1.0]);
        }
        assert_eq!(rule.rate(0, 0.0), 0.01);
    }
}
