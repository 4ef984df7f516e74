//! Time and level lists exactly as the diffusers scheduler classes make them, oddities included,
//! from tables in single precision (huggingface/diffusers 0.42, `schedulers/`).

mod quirks;

pub use quirks::{oddities, paper_levels};

use super::grids;
use super::schedule::Spacing;
use super::tables::{BetaLaw, Table, TableSpec, sigma_from_alpha_bar};
use crate::core::{Error, Result, num};
use serde::Deserialize;

/// Scheduler class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Class {
    /// DDIM.
    #[serde(rename = "DDIMScheduler")]
    Ddim,
    /// DDPM.
    #[serde(rename = "DDPMScheduler")]
    Ddpm,
    /// Euler.
    #[serde(rename = "EulerDiscreteScheduler")]
    Euler,
    /// Heun.
    #[serde(rename = "HeunDiscreteScheduler")]
    Heun,
    /// Linear multistep.
    #[serde(rename = "LMSDiscreteScheduler")]
    Lms,
    /// DPM-Solver++ multistep.
    #[serde(rename = "DPMSolverMultistepScheduler")]
    DpmSolver,
    /// UniPC.
    #[serde(rename = "UniPCMultistepScheduler")]
    UniPc,
    /// Flow-matching Euler.
    #[serde(rename = "FlowMatchEulerDiscreteScheduler")]
    FlowEuler,
    /// EDM Euler.
    #[serde(rename = "EDMEulerScheduler")]
    EdmEuler,
}

/// The fields of a scheduler config that move its grid; others are read and ignored.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the fields of the library's own config files"
)]
pub struct LibraryConfig {
    num_train_timesteps: usize,
    beta_start: f64,
    beta_end: f64,
    beta_schedule: BetaLaw,
    rescale_betas_zero_snr: bool,
    timestep_spacing: Option<Spacing>,
    steps_offset: usize,
    use_karras_sigmas: bool,
    use_exponential_sigmas: bool,
    use_beta_sigmas: bool,
    use_lu_lambdas: bool,
    use_flow_sigmas: bool,
    flow_shift: f64,
    final_sigmas_type: FinalSigma,
    shift: f64,
    use_dynamic_shifting: bool,
    shift_terminal: Option<f64>,
    time_shift_type: TimeShift,
    sigma_min: Option<f64>,
    sigma_max: Option<f64>,
    rho: f64,
    sigma_schedule: Option<String>,
    /// Used by the sampler, not by the grid.
    pub set_alpha_to_one: bool,
    /// Order of UniPC.
    pub solver_order: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum FinalSigma {
    #[default]
    Zero,
    SigmaMin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum TimeShift {
    #[default]
    Exponential,
    Linear,
}

impl Default for LibraryConfig {
    fn default() -> Self {
        Self {
            num_train_timesteps: 1000,
            beta_start: 1e-4,
            beta_end: 0.02,
            beta_schedule: BetaLaw::Linear,
            rescale_betas_zero_snr: false,
            timestep_spacing: None,
            steps_offset: 0,
            use_karras_sigmas: false,
            use_exponential_sigmas: false,
            use_beta_sigmas: false,
            use_lu_lambdas: false,
            use_flow_sigmas: false,
            flow_shift: 1.0,
            final_sigmas_type: FinalSigma::Zero,
            shift: 1.0,
            use_dynamic_shifting: false,
            shift_terminal: None,
            time_shift_type: TimeShift::Exponential,
            sigma_min: None,
            sigma_max: None,
            rho: 7.0,
            sigma_schedule: None,
            set_alpha_to_one: true,
            solver_order: 2,
        }
    }
}

impl LibraryConfig {
    /// The training table's inputs.
    pub fn table_spec(&self) -> TableSpec {
        TableSpec {
            law: self.beta_schedule,
            times: self.num_train_timesteps,
            beta_start: self.beta_start,
            beta_end: self.beta_end,
            zero_terminal_snr: self.rescale_betas_zero_snr,
        }
    }

    /// Whether its levels are flow times.
    pub fn is_flow(&self) -> bool {
        self.use_flow_sigmas
    }

    fn law(&self) -> Option<Law> {
        if self.use_karras_sigmas {
            Some(Law::Karras)
        } else if self.use_exponential_sigmas {
            Some(Law::Exponential)
        } else if self.use_beta_sigmas {
            Some(Law::Beta)
        } else if self.use_lu_lambdas {
            Some(Law::Lu)
        } else {
            None
        }
    }

    /// Times visited by the classes that round theirs, descending.
    pub fn times(&self, spacing: Spacing, n: usize) -> Vec<usize> {
        match spacing {
            // One call of the library's evenly spaced grid is its first point, time 0.
            Spacing::Linspace if n == 1 => vec![0],
            _ => grids::spaced_times(
                spacing,
                self.num_train_timesteps,
                n,
                self.steps_offset_for(spacing),
            ),
        }
    }

    fn steps_offset_for(&self, spacing: Spacing) -> usize {
        if spacing == Spacing::Leading {
            self.steps_offset
        } else {
            0
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Law {
    Karras,
    Exponential,
    Beta,
    Lu,
}

impl Law {
    fn between(self, n: usize, min: f64, max: f64) -> Vec<f64> {
        match self {
            Self::Karras => grids::karras(n, min, max, 7.0),
            Self::Exponential | Self::Lu => grids::exponential(n, min, max),
            Self::Beta => grids::beta_sigma_space(n, min, max),
        }
    }
}

/// How a listed time came about, which decides how it compares.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Time {
    /// Rounded, or whole from the start.
    Whole(f64),
    /// Truncated to a whole number: the value before.
    Truncated(f64),
    /// Not a whole number.
    Fractional(f64),
}

/// A scheduler's grid.
#[derive(Debug, Clone, PartialEq)]
pub struct LibraryGrid {
    /// Training times, in the order of the calls.
    pub times: Vec<Time>,
    /// Noise levels with the final one; `None` for classes that have no list.
    pub sigmas: Option<Vec<f64>>,
}

/// The grid of a class for `n` steps; `mu` is the dynamic shift.
///
/// # Errors
/// A number of steps the class cannot make, or a bad table.
pub fn grid(
    class: Class,
    config: &LibraryConfig,
    n: usize,
    mu: Option<f64>,
) -> Result<LibraryGrid> {
    if n == 0 || n > config.num_train_timesteps {
        return Err(Error::out_of_range(
            "num_inference_steps",
            n,
            format!("1 to {}", config.num_train_timesteps),
        ));
    }
    match class {
        Class::Ddim | Class::Ddpm => {
            let spacing = config.timestep_spacing.unwrap_or(Spacing::Leading);
            let times = config.times(spacing, n).into_iter();
            Ok(LibraryGrid {
                times: times.map(|t| Time::Whole(t as f64)).collect(),
                sigmas: None,
            })
        }
        Class::Euler | Class::Heun | Class::Lms => discrete(class, config, n),
        Class::DpmSolver | Class::UniPc if config.use_flow_sigmas => Ok(multistep_flow(config, n)),
        Class::DpmSolver | Class::UniPc => multistep(config, n),
        Class::FlowEuler => flow(config, n, mu),
        Class::EdmEuler => Ok(edm(config, n)),
    }
}

/// Levels of the training table as the sampler classes hold them.
fn table_sigmas(config: &LibraryConfig) -> Result<Vec<f64>> {
    let mut bars = Table::single(&config.table_spec())?.alpha_bars;
    if let Some(last) = bars.last_mut().filter(|_| config.rescale_betas_zero_snr) {
        *last = 2.0_f64.powi(-24);
    }
    Ok(bars.into_iter().map(sigma_from_alpha_bar).collect())
}

fn interpolate(table: &[f64], t: f64) -> f64 {
    let last = table.len() - 1;
    let t = t.clamp(0.0, last as f64);
    let i = (t as usize).min(last.saturating_sub(1));
    let w = t - i as f64;
    table[i] + (table[(i + 1).min(last)] - table[i]) * w
}

/// The time of a level: the table's index, linear in ln s, within the table.
fn time_of(table: &[f64], sigma: f64) -> f64 {
    let i = table
        .partition_point(|s| *s <= sigma)
        .clamp(1, table.len() - 1)
        - 1;
    let (lo, hi) = (num::ln(table[i]), num::ln(table[i + 1]));
    i as f64 + ((num::ln(sigma) - lo) / (hi - lo)).clamp(0.0, 1.0)
}

fn discrete(class: Class, config: &LibraryConfig, n: usize) -> Result<LibraryGrid> {
    let table = table_sigmas(config)?;
    let spacing = config.timestep_spacing.unwrap_or(Spacing::Linspace);
    let mut times: Vec<f64> = if spacing == Spacing::Linspace {
        let mut t = num::linspace(0.0, (table.len() - 1) as f64, n);
        t.reverse();
        t
    } else {
        config
            .times(spacing, n)
            .into_iter()
            .map(|t| t as f64)
            .collect()
    };
    let mut sigmas: Vec<f64> = times.iter().map(|t| interpolate(&table, *t)).collect();
    if let Some(law) = config.law() {
        sigmas = law.between(n, sigmas[n - 1], sigmas[0]);
        times = sigmas.iter().map(|s| time_of(&table, *s)).collect();
    }
    let twice = |v: &[f64]| -> Vec<f64> {
        v.iter()
            .enumerate()
            .flat_map(|(i, x)| std::iter::repeat_n(*x, 1 + usize::from(i > 0)))
            .collect()
    };
    if class == Class::Heun {
        (times, sigmas) = (twice(&times), twice(&sigmas));
    }
    sigmas.push(0.0);
    let fractional = spacing == Spacing::Linspace || config.law().is_some();
    let wrap = |t| {
        if fractional {
            Time::Fractional(t)
        } else {
            Time::Whole(t)
        }
    };
    Ok(LibraryGrid {
        times: times.into_iter().map(wrap).collect(),
        sigmas: Some(sigmas),
    })
}

fn multistep(config: &LibraryConfig, n: usize) -> Result<LibraryGrid> {
    let table = table_sigmas(config)?;
    let last = config.num_train_timesteps;
    let (times, mut sigmas): (Vec<Time>, Vec<f64>) = if let Some(law) = config.law() {
        let sigmas = law.between(n, table[0], table[table.len() - 1]);
        // The squared cosine is truncated where the other tables are rounded.
        let rounded =
            matches!(law, Law::Karras | Law::Lu) && config.beta_schedule != BetaLaw::SquaredCosine;
        let times = sigmas.iter().map(|s| {
            let t = time_of(&table, *s);
            if rounded {
                Time::Whole(t.round_ties_even())
            } else {
                Time::Truncated(t)
            }
        });
        (times.collect(), sigmas)
    } else {
        let spacing = config.timestep_spacing.unwrap_or(Spacing::Linspace);
        let mut times: Vec<usize> = match spacing {
            Spacing::Linspace => grids::spaced_times(spacing, last, n + 1, 0),
            Spacing::Leading => (0..=n)
                .rev()
                .map(|i| i * (last / (n + 1)) + config.steps_offset)
                .collect(),
            Spacing::Trailing => config.times(spacing, n),
        };
        times.truncate(n);
        let sigmas = times.iter().map(|t| table[(*t).min(last - 1)]).collect();
        (
            times.into_iter().map(|t| Time::Whole(t as f64)).collect(),
            sigmas,
        )
    };
    sigmas.push(match config.final_sigmas_type {
        FinalSigma::Zero => 0.0,
        FinalSigma::SigmaMin => table[0],
    });
    Ok(LibraryGrid {
        times,
        sigmas: Some(sigmas),
    })
}

fn shifted(u: f64, a: f64) -> f64 {
    super::families::flow_shift(u, a)
}

fn multistep_flow(config: &LibraryConfig, n: usize) -> LibraryGrid {
    let t = config.num_train_timesteps as f64;
    let mut u: Vec<f64> = num::linspace(1.0, 1.0 / t, n + 1)
        .into_iter()
        .map(|a| shifted(1.0 - a, config.flow_shift))
        .collect();
    u.reverse();
    u.truncate(n);
    let times = u.iter().map(|u| Time::Truncated(t * u)).collect();
    u.push(match config.final_sigmas_type {
        FinalSigma::Zero => 0.0,
        FinalSigma::SigmaMin => u.last().copied().unwrap_or(0.0),
    });
    LibraryGrid {
        times,
        sigmas: Some(u),
    }
}

fn flow(config: &LibraryConfig, n: usize, mu: Option<f64>) -> Result<LibraryGrid> {
    let t = config.num_train_timesteps as f64;
    let mut u = if config.use_dynamic_shifting {
        let mu =
            mu.ok_or_else(|| Error::malformed("mu", "is missing and dynamic shifting needs it"))?;
        let a = match config.time_shift_type {
            TimeShift::Exponential => num::exp(mu),
            TimeShift::Linear => mu,
        };
        num::linspace(1.0, 1.0 / t, n)
            .into_iter()
            .map(|u| shifted(u, a))
            .collect()
    } else {
        // Known oddity: the ends are shifted when the scheduler is made, and all of it again here.
        let a = config.shift;
        let ends = num::linspace(shifted(1.0, a), shifted(1.0 / t, a), n);
        ends.into_iter()
            .map(|u| shifted(u, a))
            .collect::<Vec<f64>>()
    };
    if let (Some(terminal), Some(&last)) = (config.shift_terminal, u.last()) {
        let stretch = (1.0 - terminal) / (1.0 - last);
        for u in &mut u {
            *u = 1.0 - (1.0 - *u) * stretch;
        }
    }
    if let Some(law) = config.law() {
        u = law.between(n, u[n - 1], u[0]);
    }
    let times = u.iter().map(|u| Time::Fractional(t * u)).collect();
    u.push(0.0);
    Ok(LibraryGrid {
        times,
        sigmas: Some(u),
    })
}

fn edm(config: &LibraryConfig, n: usize) -> LibraryGrid {
    let (min, max) = (
        config.sigma_min.unwrap_or(0.002),
        config.sigma_max.unwrap_or(80.0),
    );
    let mut sigmas = if config.sigma_schedule.as_deref() == Some("exponential") {
        grids::exponential(n, min, max)
    } else {
        grids::karras(n, min, max, config.rho)
    };
    let times = sigmas
        .iter()
        .map(|s| Time::Fractional(0.25 * num::ln(*s)))
        .collect();
    sigmas.push(match config.final_sigmas_type {
        FinalSigma::Zero => 0.0,
        FinalSigma::SigmaMin => min,
    });
    LibraryGrid {
        times,
        sigmas: Some(sigmas),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_table_level_is_its_index() {
        let table = table_sigmas(&LibraryConfig::default()).unwrap();
        for t in [0, 1, 500, 999] {
            assert!((time_of(&table, table[t]) - t as f64).abs() < 1e-9, "{t}");
        }
        assert_eq!(time_of(&table, 1e9), 999.0);
        assert_eq!(time_of(&table, 1e-9), 0.0);
    }

    #[test]
    fn more_steps_than_times_are_refused() {
        let error = grid(Class::Ddim, &LibraryConfig::default(), 1001, None).unwrap_err();
        assert_eq!(error.field(), Some("num_inference_steps"));
        assert!(grid(Class::Euler, &LibraryConfig::default(), 0, None).is_err());
    }
}
