//! The schedules a setup can choose: which noise levels, in which order, from a config.

use super::config::Config;
use super::families;
use super::grids;
use super::tables::{self, BetaLaw, Table, TableSpec};
use crate::core::{Result, num};
use serde::{Deserialize, Serialize};

/// Family of noise levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleKind {
    /// DDPM: beta in equal steps.
    Linear,
    /// Latent diffusion: the root of beta in equal steps.
    ScaledLinear,
    /// Improved DDPM: alpha-bar along a squared cosine.
    Cosine,
    /// Alpha-bar along a logistic curve.
    Sigmoid,
    /// EDM: sigma^(1/rho) in equal steps.
    #[default]
    Edm,
    /// Control points of the user.
    Custom,
}

impl ScheduleKind {
    /// All, in the order of the menu.
    pub const ALL: [Self; 6] = [
        Self::Linear,
        Self::ScaledLinear,
        Self::Cosine,
        Self::Sigmoid,
        Self::Edm,
        Self::Custom,
    ];

    /// Its name in legends.
    pub fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::ScaledLinear => "scaled linear",
            Self::Cosine => "cosine",
            Self::Sigmoid => "sigmoid",
            Self::Edm => "EDM",
            Self::Custom => "drawn",
        }
    }

    /// Whether it is a table over training times.
    pub fn is_table(self) -> bool {
        !matches!(self, Self::Edm | Self::Custom)
    }
}

/// Which times of a training table a sampler visits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spacing {
    /// From 0 upwards in equal strides: never reaches the last time.
    Leading,
    /// Both ends included.
    Linspace,
    /// From the last time downwards in equal strides.
    #[default]
    Trailing,
}

/// Number of training times of the tables in this lab.
pub const TRAIN_TIMES: usize = 1000;

/// alpha-bar over the training times of a table schedule; `None` for the others.
///
/// # Errors
/// Parameters of the law out of range.
pub fn alpha_bars(config: &Config) -> Result<Option<Vec<f64>>> {
    let beta_table = |law| {
        Table::exact(&TableSpec {
            law,
            times: TRAIN_TIMES,
            beta_start: config.beta_start,
            beta_end: config.beta_end,
            zero_terminal_snr: false,
        })
        .map(|t| t.alpha_bars)
    };
    Ok(Some(match config.schedule {
        ScheduleKind::Linear => beta_table(BetaLaw::Linear)?,
        ScheduleKind::ScaledLinear => beta_table(BetaLaw::ScaledLinear)?,
        ScheduleKind::Cosine => beta_table(BetaLaw::SquaredCosine)?,
        ScheduleKind::Sigmoid => (1..=TRAIN_TIMES)
            .map(|t| {
                let u = t as f64 / TRAIN_TIMES as f64;
                families::chen_sigmoid(u, config.sigmoid_start, config.sigmoid_end, config.tau)
            })
            .collect(),
        ScheduleKind::Edm | ScheduleKind::Custom => return Ok(None),
    }))
}

/// The levels a sampler visits: `steps` descending values, then 0.
///
/// # Errors
/// Parameters that give no descending list.
pub fn levels(config: &Config) -> Result<Vec<f64>> {
    let n = config.steps as usize;
    let mut levels = match alpha_bars(config)? {
        Some(bars) => grids::spaced_times(config.spacing, TRAIN_TIMES, n, 0)
            .into_iter()
            .map(|t| tables::sigma_from_alpha_bar(bars[t.min(TRAIN_TIMES - 1)]))
            .collect(),
        None if config.schedule == ScheduleKind::Custom => drawn(&config.custom, n),
        None => grids::karras(n, config.sigma_min, config.sigma_max, config.rho),
    };
    for level in &mut levels {
        *level *= config.shift;
    }
    levels.push(0.0);
    Ok(levels)
}

/// `n` levels along control points ln s that are equally spaced over the steps.
fn drawn(points: &[f64], n: usize) -> Vec<f64> {
    (0..n)
        .map(|i| {
            let u = if n == 1 {
                0.0
            } else {
                i as f64 / (n - 1) as f64
            };
            num::exp(along(points, u))
        })
        .collect()
}

/// Value at share `u` of equally spaced points, straight in between.
pub fn along(points: &[f64], u: f64) -> f64 {
    let last = points.len().saturating_sub(1);
    let at = (u * last as f64).clamp(0.0, last as f64);
    let i = (at.floor() as usize).min(last.saturating_sub(1));
    let t = at - i as f64;
    match (points.get(i), points.get(i + 1)) {
        (Some(a), Some(b)) => a + (b - a) * t,
        (Some(a), None) => *a,
        _ => f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schedule_falls_from_noise_to_clean() {
        for schedule in ScheduleKind::ALL {
            for spacing in [Spacing::Leading, Spacing::Linspace, Spacing::Trailing] {
                for steps in [1, 2, 7, 18, 200] {
                    let config = Config {
                        schedule,
                        spacing,
                        steps,
                        ..Config::default()
                    };
                    let levels = levels(&config).unwrap();
                    assert_eq!(levels.len() as u64, steps + 1, "{schedule:?}");
                    assert_eq!(levels.last(), Some(&0.0));
                    assert!(
                        levels.windows(2).all(|w| w[0] > w[1] && w[0].is_finite()),
                        "{schedule:?} {spacing:?} {steps}: {levels:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_drawn_schedule_passes_through_its_points() {
        let config = Config {
            schedule: ScheduleKind::Custom,
            custom: vec![3.0, 0.5, -2.0],
            steps: 5,
            ..Config::default()
        };
        let levels = levels(&config).unwrap();
        for (got, want) in levels.iter().zip([3.0, 1.75, 0.5, -0.75, -2.0]) {
            assert!((num::ln(*got) - want).abs() < 1e-12, "{levels:?}");
        }
    }
}
