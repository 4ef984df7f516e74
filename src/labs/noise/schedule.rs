//! The schedules a setup can choose: which noise levels, in which order, from a config.

use super::config::{Config, World};
use super::grids;
use super::lists;
use super::tables::Table;
use crate::core::{Error, Result, num};
use serde::{Deserialize, Serialize};

pub use super::laws::alpha_bars;

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
    /// diffusers' "sigmoid": beta along a logistic curve.
    BetaSigmoid,
    /// Chen 2023: alpha-bar a straight line.
    ChenLinear,
    /// Chen 2023: alpha-bar along a part of a cosine.
    ChenCosine,
    /// The VP-SDE of score matching.
    VpSde,
    /// The VE-SDE: ln sigma uniform in time.
    VeSde,
    /// Schedule Your Edit: alpha-bar logistic in time, log-SNR a straight line.
    Logistic,
    /// The cosine law in log-SNR, shifted (simple diffusion) and scaled.
    LogSnrCosine,
    /// Hang et al.: Laplace density over the log-SNR.
    Laplace,
    /// Hang et al.: Cauchy density over the log-SNR.
    Cauchy,
    /// Normal density over the log-SNR: EDM's training noise, SD3's logit-normal flow.
    Normal,
    /// Flow matching: x = (1 - u) x0 + u eps, u uniform.
    Flow,
    /// DiffusionEdge's decoupled path x = (1 - t) x0 + sqrt(t) eps.
    Decoupled,
    /// ln sigma in equal steps.
    Exponential,
    /// ln sigma along a power of equal steps.
    Polyexponential,
    /// atan(sigma / c) in equal steps.
    Tangent,
    /// Beta(0.6, 0.6) quantiles of sigma, as diffusers reads "beta".
    BetaSigma,
    /// Mochi's linear-quadratic flow times.
    LinearQuadratic,
    /// A published list, resampled to the number of steps.
    Published,
    /// Best for this data by dynamic programming on the denoising error.
    Optimal,
    /// Align Your Steps: local search of the same bound, coordinate by coordinate.
    AlignYourSteps,
    /// Optimal Stepsize Distillation of a teacher trajectory.
    StepsizeDistillation,
    /// Learnt by gradient descent on the variational bound (CVDM).
    Learned,
}

impl ScheduleKind {
    /// All, in the order of the menu.
    pub const ALL: [Self; 28] = [
        Self::Edm,
        Self::Exponential,
        Self::Polyexponential,
        Self::Tangent,
        Self::BetaSigma,
        Self::LinearQuadratic,
        Self::Published,
        Self::Optimal,
        Self::AlignYourSteps,
        Self::StepsizeDistillation,
        Self::Learned,
        Self::Custom,
        Self::Linear,
        Self::ScaledLinear,
        Self::Cosine,
        Self::BetaSigmoid,
        Self::ChenLinear,
        Self::ChenCosine,
        Self::Sigmoid,
        Self::VpSde,
        Self::VeSde,
        Self::Logistic,
        Self::LogSnrCosine,
        Self::Laplace,
        Self::Cauchy,
        Self::Normal,
        Self::Flow,
        Self::Decoupled,
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
            Self::BetaSigmoid => "beta sigmoid",
            Self::ChenLinear => "Chen linear",
            Self::ChenCosine => "Chen cosine",
            Self::VpSde => "VP-SDE",
            Self::VeSde => "VE-SDE",
            Self::Logistic => "logistic",
            Self::LogSnrCosine => "log-SNR cosine",
            Self::Laplace => "Laplace",
            Self::Cauchy => "Cauchy",
            Self::Normal => "log-SNR normal",
            Self::Flow => "flow",
            Self::Decoupled => "decoupled",
            Self::Exponential => "exponential",
            Self::Polyexponential => "polyexponential",
            Self::Tangent => "tangent",
            Self::BetaSigma => "beta",
            Self::LinearQuadratic => "linear-quadratic",
            Self::Published => "published list",
            Self::Optimal => "optimal",
            Self::AlignYourSteps => "AYS",
            Self::StepsizeDistillation => "OSS",
            Self::Learned => "learned",
        }
    }

    /// Whether it is a training law: a table over training times.
    pub fn is_table(self) -> bool {
        !self.between_limits()
            && !self.is_searched()
            && !matches!(self, Self::Custom | Self::LinearQuadratic | Self::Published)
            || self == Self::VeSde
    }

    /// Whether it runs between a smallest and a largest level of the user.
    pub fn between_limits(self) -> bool {
        matches!(
            self,
            Self::Edm
                | Self::Exponential
                | Self::Polyexponential
                | Self::Tangent
                | Self::BetaSigma
                | Self::VeSde
        )
    }

    /// Whether it is found by a search on the data, before the particles start.
    pub fn is_searched(self) -> bool {
        matches!(
            self,
            Self::Optimal | Self::AlignYourSteps | Self::StepsizeDistillation | Self::Learned
        )
    }
}

/// Which times of a training table a sampler visits, as the libraries name it.
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

/// Which levels of a training law a setup visits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Visit {
    /// diffusers' leading.
    Leading,
    /// diffusers' linspace.
    Linspace,
    /// diffusers' trailing.
    #[default]
    Trailing,
    /// ComfyUI's simple: every T / n-th time from the back.
    Simple,
    /// ComfyUI's sgm_uniform: n + 1 times with both ends, without the last one.
    SgmUniform,
    /// ComfyUI's beta: Beta(0.6, 0.6) quantiles of the time.
    BetaTime,
    /// Equal steps of the log-SNR between the table's ends.
    LogSnr,
}

impl Visit {
    /// All, in the order of the menu.
    pub const ALL: [Self; 7] = [
        Self::Leading,
        Self::Linspace,
        Self::Trailing,
        Self::Simple,
        Self::SgmUniform,
        Self::BetaTime,
        Self::LogSnr,
    ];

    /// The levels, descending, without the final 0.
    fn levels(self, bars: Vec<f64>, n: usize) -> Vec<f64> {
        let table = Table {
            betas: Vec::new(),
            alpha_bars: bars,
        };
        let sigmas = table.sigmas();
        let last = sigmas.len() - 1;
        let spaced = |spacing| {
            grids::spaced_times(spacing, sigmas.len(), n, 0)
                .into_iter()
                .map(|t| sigmas[t.min(last)])
                .collect()
        };
        match self {
            Self::Leading => spaced(Spacing::Leading),
            Self::Linspace => spaced(Spacing::Linspace),
            Self::Trailing => spaced(Spacing::Trailing),
            Self::Simple => (0..n)
                .map(|i| sigmas[last - (i * sigmas.len() / n).min(last)])
                .collect(),
            Self::SgmUniform => (0..n)
                .map(|i| interpolated(&sigmas, last as f64 * (1.0 - i as f64 / n as f64)))
                .collect(),
            Self::BetaTime => {
                let mut list = grids::beta_time_space(n, &table);
                list.pop();
                list
            }
            Self::LogSnr => grids::exponential(n, sigmas[0], sigmas[last]),
        }
    }
}

/// ln s straight between the entries of a table.
fn interpolated(sigmas: &[f64], at: f64) -> f64 {
    let i = (at.floor() as usize).min(sigmas.len() - 1);
    let next = sigmas[(i + 1).min(sigmas.len() - 1)];
    let (a, b) = (num::ln(sigmas[i]), num::ln(next));
    num::exp(a + (b - a) * (at - i as f64))
}

/// Number of training times of the tables in this lab.
pub const TRAIN_TIMES: usize = 1000;

/// Noise levels of falling flow times. A start at u = 1, which is infinite noise, becomes the level
/// of u = 0.9995, or twice the second level if that is more.
pub fn sigmas_from_flow(times: &[f64]) -> Vec<f64> {
    let mut list: Vec<f64> = times.iter().map(|u| u / (1.0 - u)).collect();
    if list.first().is_some_and(|s| !s.is_finite()) {
        let second = list.get(1).copied().unwrap_or(0.0);
        list[0] = (2.0 * second).max(1999.0);
    }
    list
}

/// The factor on every level: the shift, times what the number of image tokens asks of a flow.
pub fn shift_of(config: &Config) -> f64 {
    if config.schedule == ScheduleKind::Flow && config.dynamic_shift {
        config.shift * num::exp(dynamic_mu(config.tokens as f64))
    } else {
        config.shift
    }
}

/// Shift exponent mu of a number of image tokens: a line through (256, 0.5) and (4096, 1.15).
pub fn dynamic_mu(tokens: f64) -> f64 {
    0.5 + (tokens - 256.0) * (1.15 - 0.5) / (4096.0 - 256.0)
}

/// The levels a sampler visits: `steps` descending values, then 0.
///
/// # Errors
/// Parameters that give no descending list, and schedules that have to be searched first
/// ([`super::search`]).
pub fn levels(config: &Config) -> Result<Vec<f64>> {
    let n = config.steps as usize;
    let (min, max) = (config.sigma_min, config.sigma_max);
    let list = match config.schedule {
        ScheduleKind::Custom => drawn(&config.custom, n),
        ScheduleKind::Edm => grids::karras(n, min, max, config.rho),
        ScheduleKind::Exponential => grids::exponential(n, min, max),
        ScheduleKind::Polyexponential => grids::polyexponential(n, min, max, config.rho),
        ScheduleKind::Tangent => {
            let c = if config.tangent_auto && config.world == World::Fields {
                1.0
            } else if config.tangent_auto {
                config.mixture()?.std_dev()
            } else {
                config.tangent_c
            };
            grids::tangent(n, min, max, c)
        }
        ScheduleKind::BetaSigma => grids::beta_sigma_space(n, min, max),
        ScheduleKind::LinearQuadratic => {
            let mut list = grids::linear_quadratic(n);
            list.truncate(n);
            sigmas_from_flow(&list)
        }
        ScheduleKind::Published => {
            let mut list = grids::resample(&config.published.sigmas(), n);
            list.truncate(n);
            list
        }
        ScheduleKind::Optimal
        | ScheduleKind::AlignYourSteps
        | ScheduleKind::StepsizeDistillation
        | ScheduleKind::Learned => {
            return Err(Error::Unsupported(
                "the levels of a searched schedule before its search".to_owned(),
            ));
        }
        _ => match alpha_bars(config)? {
            Some(bars) => config.spacing.levels(bars, n),
            None => Vec::new(),
        },
    };
    Ok(finished(list, shift_of(config)))
}

/// Multiplies by the shift and appends the final 0.
pub(super) fn finished(mut list: Vec<f64>, shift: f64) -> Vec<f64> {
    for level in &mut list {
        *level *= shift;
    }
    list.push(0.0);
    list
}

/// A published list by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PublishedList {
    /// Align Your Steps, Stable Diffusion 1.5.
    #[default]
    AysSd15,
    /// Align Your Steps, SDXL.
    AysSdxl,
    /// Align Your Steps, Stable Video Diffusion.
    AysSvd,
    /// Optimal Stepsize Distillation, FLUX, 10 steps.
    OssFlux,
    /// Optimal Stepsize Distillation, Wan, 20 steps.
    OssWan,
    /// GITS, Stable Diffusion 1.5, coefficient 1.00, 10 steps.
    Gits,
}

impl PublishedList {
    /// All, in the order of the menu.
    pub const ALL: [Self; 6] = [
        Self::AysSd15,
        Self::AysSdxl,
        Self::AysSvd,
        Self::OssFlux,
        Self::OssWan,
        Self::Gits,
    ];

    /// The list as noise levels.
    pub fn sigmas(self) -> Vec<f64> {
        let of = |lists, name| lists::named(lists, name).unwrap_or_default().to_vec();
        match self {
            Self::AysSd15 => of(lists::AYS_SIGMAS, "SD15"),
            Self::AysSdxl => of(lists::AYS_SIGMAS, "SDXL"),
            Self::AysSvd => of(lists::AYS_SIGMAS, "SVD"),
            Self::OssFlux => sigmas_from_flow(&of(lists::OSS, "oss_flux10")),
            Self::OssWan => sigmas_from_flow(&of(lists::OSS, "oss_wan20")),
            Self::Gits => of(lists::GITS, "1.00_10"),
        }
    }
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
        for schedule in ScheduleKind::ALL.into_iter().filter(|s| !s.is_searched()) {
            for spacing in Visit::ALL {
                for steps in [1, 2, 7, 18, 200] {
                    let config = Config {
                        schedule,
                        spacing,
                        steps,
                        ..Config::default()
                    };
                    let levels = levels(&config).unwrap();
                    // Quantiles of the time that fall on one index are visited once.
                    if spacing != Visit::BetaTime {
                        assert_eq!(levels.len() as u64, steps + 1, "{schedule:?}");
                    }
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
    fn every_published_list_resamples_to_any_number_of_steps() {
        for published in PublishedList::ALL {
            for steps in [1, 4, 10, 33] {
                let config = Config {
                    schedule: ScheduleKind::Published,
                    published,
                    steps,
                    ..Config::default()
                };
                let levels = levels(&config).unwrap();
                assert_eq!(levels.len() as u64, steps + 1);
                assert!((levels[0] / published.sigmas()[0] - 1.0).abs() < 1e-12);
                assert!(
                    levels.windows(2).all(|w| w[0] > w[1]),
                    "{published:?}: {levels:?}"
                );
            }
        }
    }

    #[test]
    fn more_tokens_shift_a_flow_to_more_noise() {
        let at = |tokens| {
            shift_of(&Config {
                schedule: ScheduleKind::Flow,
                dynamic_shift: true,
                tokens,
                ..Config::default()
            })
        };
        assert!((at(256) - num::exp(0.5)).abs() < 1e-12);
        assert!((at(4096) - num::exp(1.15)).abs() < 1e-12);
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
