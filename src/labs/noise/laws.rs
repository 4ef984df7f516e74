//! The training-time laws a setup can choose, as alpha-bar over the training times of a table:
//! beta laws (tables), laws of alpha-bar and laws of the log-SNR (families).

use super::config::Config;
use super::families;
use super::schedule::{ScheduleKind, TRAIN_TIMES};
use super::tables::{BetaLaw, Table, TableSpec, alpha_bar_from_sigma};
use crate::core::rng::normal_quantile;
use crate::core::{Result, num};

/// Laws that reach infinite log-SNR are cut where |lambda| exceeds this (s from 0.001 to 1000).
const LAMBDA_LIMIT: f64 = 13.815_510_557_964_274;

/// What diffusers puts in the place of an alpha-bar of exactly 0, so that s stays finite.
const LEAST_ALPHA_BAR: f64 = 1.0 / 16_777_216.0;

/// alpha-bar over the training times of a training law; `None` for pure sampling laws.
///
/// # Errors
/// Parameters of the law out of range.
pub fn alpha_bars(config: &Config) -> Result<Option<Vec<f64>>> {
    let c = config;
    Ok(Some(match c.schedule {
        ScheduleKind::Linear => beta_table(c, BetaLaw::Linear)?,
        ScheduleKind::ScaledLinear => beta_table(c, BetaLaw::ScaledLinear)?,
        ScheduleKind::Cosine => beta_table(c, BetaLaw::SquaredCosine)?,
        ScheduleKind::BetaSigmoid => beta_table(c, BetaLaw::Sigmoid)?,
        ScheduleKind::Sigmoid => {
            ends(|t| families::chen_sigmoid(t, c.sigmoid_start, c.sigmoid_end, c.tau))
        }
        ScheduleKind::ChenLinear => ends(families::chen_linear),
        ScheduleKind::ChenCosine => {
            ends(|t| families::chen_cosine(t, c.cosine_start, c.cosine_end, c.tau))
        }
        ScheduleKind::VpSde => ends(|t| {
            let s2 = num::exp_m1(0.5 * c.vp_beta_d * t * t + c.vp_beta_min * t);
            1.0 / (1.0 + s2)
        }),
        ScheduleKind::Logistic => ends(|t| {
            let at = t * TRAIN_TIMES as f64;
            families::logistic(at, c.logistic_k, c.logistic_t0 * TRAIN_TIMES as f64)
        }),
        ScheduleKind::LogSnrCosine => {
            log_snr(|t| c.cosine_shift + families::hang_cosine_scaled(t, c.cosine_scale))
        }
        ScheduleKind::Laplace => log_snr(|t| families::hang_laplace(t, c.law_mu, c.law_b)),
        ScheduleKind::Cauchy => log_snr(|t| families::hang_cauchy(t, c.law_mu, c.law_b)),
        ScheduleKind::Normal => log_snr(|t| c.normal_mean - c.normal_sd * normal_quantile(t)),
        ScheduleKind::VeSde => log_snr(|t| {
            let (lo, hi) = (num::ln(c.sigma_min), num::ln(c.sigma_max));
            -2.0 * (lo + t * (hi - lo))
        }),
        ScheduleKind::Flow => log_snr(|u| 2.0 * num::ln((1.0 - u) / u)),
        ScheduleKind::Decoupled => log_snr(|t| 2.0 * num::ln((1.0 - t) / t.sqrt())),
        _ => return Ok(None),
    }))
}

fn beta_table(c: &Config, law: BetaLaw) -> Result<Vec<f64>> {
    let table = Table::exact(&TableSpec {
        law,
        times: TRAIN_TIMES,
        beta_start: c.beta_start,
        beta_end: c.beta_end,
        zero_terminal_snr: c.zero_terminal_snr,
    })?;
    let mut bars = table.alpha_bars;
    if let [.., before, last] = bars.as_mut_slice()
        && *last == 0.0
    {
        *last = LEAST_ALPHA_BAR.min(0.999 * *before);
    }
    Ok(bars)
}

/// A law that is finite at its ends, at t = 1 / T, 2 / T, …, 1.
fn ends(alpha_bar: impl Fn(f64) -> f64) -> Vec<f64> {
    (1..=TRAIN_TIMES)
        .map(|i| alpha_bar(i as f64 / TRAIN_TIMES as f64))
        .collect()
}

/// A falling law of lambda(t), at the middles of T equal parts of the times at which lambda stays
/// within the limit.
fn log_snr(lambda: impl Fn(f64) -> f64) -> Vec<f64> {
    let low = crossing(&lambda, LAMBDA_LIMIT, 0.0);
    let high = crossing(&lambda, -LAMBDA_LIMIT, 1.0);
    (0..TRAIN_TIMES)
        .map(|i| {
            let v = (i as f64 + 0.5) / TRAIN_TIMES as f64;
            let at = lambda(low + v * (high - low));
            alpha_bar_from_sigma(num::exp(-0.5 * at))
        })
        .collect()
}

/// The time at which the falling lambda passes `value`; `end` (0 or 1) where it does not.
fn crossing(lambda: &impl Fn(f64) -> f64, value: f64, end: f64) -> f64 {
    let near_end = (end - 1e-6).abs();
    let outside = |t: f64| (lambda(t) - value) * (0.5 - end) > 0.0;
    if !outside(near_end) {
        return end;
    }
    let (mut out, mut inside) = (near_end, 0.5);
    for _ in 0..60 {
        let middle = 0.5 * (out + inside);
        if outside(middle) {
            out = middle;
        } else {
            inside = middle;
        }
    }
    inside
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bars(schedule: ScheduleKind) -> Vec<f64> {
        let config = Config {
            schedule,
            ..Config::default()
        };
        alpha_bars(&config).unwrap().unwrap_or_default()
    }

    #[test]
    fn every_training_law_falls_strictly_from_signal_to_noise() {
        let mut laws = 0;
        for schedule in ScheduleKind::ALL {
            let bars = bars(schedule);
            laws += usize::from(!bars.is_empty());
            assert_eq!(schedule.is_table(), !bars.is_empty(), "{schedule:?}");
            let mut before = 1.0;
            for (t, a) in bars.iter().enumerate() {
                assert!(
                    *a > 0.0 && *a < before,
                    "{schedule:?} at {t}: {a} after {before}"
                );
                before = *a;
            }
        }
        assert!(laws >= 16, "{laws} laws");
    }

    #[test]
    fn the_flow_law_is_uniform_in_u_and_the_decoupled_one_follows_its_path() {
        for (t, a) in bars(ScheduleKind::Flow).iter().enumerate() {
            let s = ((1.0 - a) / a).sqrt();
            let u = s / (1.0 + s);
            // Both ends are cut at s = 0.001 and 1000.
            let want = 1.0 / 1001.0 + (t as f64 + 0.5) / 1000.0 * (999.0 / 1001.0);
            assert!((u - want).abs() < 1e-6, "{u} {want}");
        }
        let decoupled = bars(ScheduleKind::Decoupled);
        let s = ((1.0 - decoupled[500]) / decoupled[500]).sqrt();
        assert!((s - 0.5_f64.sqrt() / 0.5).abs() < 0.01, "{s}");
    }

    #[test]
    fn zero_terminal_snr_ends_in_noise_at_a_finite_level() {
        let config = Config {
            schedule: ScheduleKind::ScaledLinear,
            zero_terminal_snr: true,
            ..Config::default()
        };
        let bars = alpha_bars(&config).unwrap().unwrap();
        assert_eq!(bars[999], LEAST_ALPHA_BAR);
        assert!(bars[998] > LEAST_ALPHA_BAR, "only the last time is cut");
    }
}
