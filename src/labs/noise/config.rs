//! Config of the lab and its parameters.

use super::data::DataSet;
use super::schedule::{ScheduleKind, Spacing};
use super::solver::SolverKind;
use crate::core::{Error, Param, Result};
use serde::{Deserialize, Serialize};

/// What the run shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Data is noised up to the first level, then denoised again.
    #[default]
    ThereAndBack,
    /// Pure noise of the first level is denoised, as a sampler is used.
    Generate,
    /// Data is carried to the first level by the reversed sampler, then sampled back (inversion).
    Invert,
}

/// Every input that changes a number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Seed of every random draw.
    pub seed: u64,
    /// The distribution to be learnt.
    pub data: DataSet,
    /// Standard deviation of each mode, data units.
    pub mode_sd: f64,
    /// Share by which each mode is rarer than the one before; 0 makes them equal.
    pub imbalance: f64,
    /// Number of particles.
    pub particles: u64,
    /// What the run shows.
    pub direction: Direction,
    /// The family of noise levels.
    pub schedule: ScheduleKind,
    /// First beta of the linear laws.
    pub beta_start: f64,
    /// Last beta of the linear laws.
    pub beta_end: f64,
    /// Start of the logistic curve (sigmoid).
    pub sigmoid_start: f64,
    /// End of the logistic curve (sigmoid).
    pub sigmoid_end: f64,
    /// Width of the logistic curve (sigmoid).
    pub tau: f64,
    /// Smallest level before clean (EDM).
    pub sigma_min: f64,
    /// Largest level (EDM).
    pub sigma_max: f64,
    /// Exponent of the level spacing (EDM).
    pub rho: f64,
    /// Which of the thousand training times are visited.
    pub spacing: Spacing,
    /// Control points ln s of a hand-drawn schedule, equally spaced over the steps.
    pub custom: Vec<f64>,
    /// Factor on every level: a flow shift, an input scaling and a log-SNR shift in one.
    pub shift: f64,
    /// The sampler.
    pub solver: SolverKind,
    /// Share of fresh noise in DDIM and ancestral Euler.
    pub eta: f64,
    /// Denoising steps.
    pub steps: u64,
}

/// A hand-drawn schedule to start from: EDM's range, straight in ln s.
const DRAWN: [f64; 8] = [4.38, 3.0, 1.6, 0.2, -1.2, -2.6, -4.0, -5.4];

impl Default for Config {
    fn default() -> Self {
        Self {
            seed: 1,
            data: DataSet::Ring8,
            mode_sd: 0.05,
            imbalance: 0.0,
            particles: 2000,
            direction: Direction::ThereAndBack,
            schedule: ScheduleKind::Edm,
            beta_start: 1e-4,
            beta_end: 0.02,
            sigmoid_start: -3.0,
            sigmoid_end: 3.0,
            tau: 1.0,
            sigma_min: 0.002,
            sigma_max: 80.0,
            rho: 7.0,
            spacing: Spacing::Trailing,
            custom: DRAWN.to_vec(),
            shift: 1.0,
            solver: SolverKind::Heun,
            eta: 0.0,
            steps: 18,
        }
    }
}

impl Config {
    /// Checks what no single parameter can.
    ///
    /// # Errors
    /// The first field that does not fit, by name.
    pub fn check(&self) -> Result<()> {
        if self.schedule == ScheduleKind::Edm && self.sigma_min >= self.sigma_max {
            return Err(Error::out_of_range(
                "sigma_min",
                self.sigma_min,
                format!("below sigma_max, which is {}", self.sigma_max),
            ));
        }
        if self.schedule == ScheduleKind::Sigmoid && self.sigmoid_start >= self.sigmoid_end {
            return Err(Error::out_of_range(
                "sigmoid_start",
                self.sigmoid_start,
                format!("below sigmoid_end, which is {}", self.sigmoid_end),
            ));
        }
        check_drawn(&self.custom)
    }
}

/// A drawn list must fall, all the time; the place where it does not is named.
fn check_drawn(points: &[f64]) -> Result<()> {
    if !(2..=32).contains(&points.len()) {
        return Err(Error::out_of_range(
            "custom",
            format!("a list of {} points", points.len()),
            "2 to 32 points",
        ));
    }
    for (i, v) in points.iter().enumerate() {
        if !(-10.0..=10.0).contains(v) {
            return Err(Error::out_of_range(
                "custom",
                format!("{v} at point {i}"),
                "ln s from -10 to 10",
            ));
        }
        if i > 0 && *v >= points[i - 1] {
            return Err(Error::out_of_range(
                "custom",
                format!("{v} at point {i}, after {}", points[i - 1]),
                "falling values",
            ));
        }
    }
    Ok(())
}

/// A choice parameter over an enum that lists its variants in `ALL`.
macro_rules! choice {
    ($id:literal, $label:literal, $options:expr, $field:ident, $all:expr) => {
        Param::choice(
            $id,
            $label,
            $options,
            |c: &Config| {
                $all.iter()
                    .position(|v| *v == c.$field)
                    .unwrap_or(usize::MAX)
            },
            |c, i| {
                if let Some(v) = $all.get(i) {
                    c.$field = *v;
                }
            },
        )
    };
}

const DIRECTIONS: [Direction; 3] = [
    Direction::ThereAndBack,
    Direction::Generate,
    Direction::Invert,
];
const SPACINGS: [Spacing; 3] = [Spacing::Leading, Spacing::Linspace, Spacing::Trailing];
const SOLVERS: [SolverKind; 7] = [
    SolverKind::Ddim,
    SolverKind::Euler,
    SolverKind::Heun,
    SolverKind::DpmPp2m,
    SolverKind::UniPc,
    SolverKind::Lms,
    SolverKind::EulerAncestral,
];

fn linear_law(c: &Config) -> bool {
    matches!(
        c.schedule,
        ScheduleKind::Linear | ScheduleKind::ScaledLinear
    )
}

fn sigmoid(c: &Config) -> bool {
    c.schedule == ScheduleKind::Sigmoid
}

fn edm(c: &Config) -> bool {
    c.schedule == ScheduleKind::Edm
}

/// The parameters, in the order of the panel.
pub(super) static PARAMS: &[Param<Config>] = &[
    choice!("schedule", "Schedule", &["linear", "scaled linear", "cosine", "sigmoid", "EDM (Karras)", "drawn by hand"], schedule, ScheduleKind::ALL)
        .group("Schedule")
        .doc("The family of noise levels s = sigma / alpha that the sampler visits, from noise to data."),
    Param::float("beta_start", "First beta", [1e-6, 0.01], |c: &Config| c.beta_start, |c, v| c.beta_start = v)
        .log().group("Schedule").when(linear_law)
        .doc("Noise variance added at the first of the 1000 training times."),
    Param::float("beta_end", "Last beta", [1e-4, 0.2], |c: &Config| c.beta_end, |c, v| c.beta_end = v)
        .log().group("Schedule").when(linear_law)
        .doc("Noise variance added at the last of the 1000 training times."),
    Param::float("sigmoid_start", "Curve start", [-10.0, 10.0], |c: &Config| c.sigmoid_start, |c, v| c.sigmoid_start = v)
        .group("Schedule").when(sigmoid)
        .doc("Where the logistic curve of alpha-bar starts; smaller keeps the data clean for longer."),
    Param::float("sigmoid_end", "Curve end", [-10.0, 10.0], |c: &Config| c.sigmoid_end, |c, v| c.sigmoid_end = v)
        .group("Schedule").when(sigmoid)
        .doc("Where the logistic curve of alpha-bar ends; larger spends longer in pure noise."),
    Param::float("tau", "Curve width tau", [0.05, 5.0], |c: &Config| c.tau, |c, v| c.tau = v)
        .log().group("Schedule").when(sigmoid)
        .doc("Temperature of the logistic curve: small is a sudden change, large is nearly a straight line."),
    Param::float("sigma_max", "Largest sigma", [0.5, 500.0], |c: &Config| c.sigma_max, |c, v| c.sigma_max = v)
        .log().unit("data units").group("Schedule").when(edm)
        .doc("Noise level at the start of sampling, much larger than the data."),
    Param::float("sigma_min", "Smallest sigma", [1e-4, 1.0], |c: &Config| c.sigma_min, |c, v| c.sigma_min = v)
        .log().unit("data units").group("Schedule").when(edm)
        .doc("Last noise level before the step to clean data."),
    Param::float("rho", "rho", [0.5, 20.0], |c: &Config| c.rho, |c, v| c.rho = v)
        .log().group("Schedule").when(edm)
        .doc("Levels are equally spaced in sigma^(1/rho): 1 is linear in sigma, large is logarithmic, the paper uses 7."),
    choice!("spacing", "Time spacing", &["leading", "linspace", "trailing"], spacing, SPACINGS)
        .group("Schedule").when(|c: &Config| c.schedule.is_table())
        .doc("Which of the 1000 training times the sampler visits. Leading never reaches the noisiest one."),
    Param::float("shift", "Shift", [0.05, 20.0], |c: &Config| c.shift, |c, v| c.shift = v)
        .log().group("Schedule").advanced()
        .doc("Factor on every level. Flow shift, input scaling 1/b and log-SNR shift are all this translation of ln s."),
    choice!("solver", "Solver", &["DDIM", "Euler", "Heun", "DPM-Solver++ 2M", "UniPC-2", "LMS-4", "Euler ancestral"], solver, SOLVERS)
        .group("Sampler")
        .doc("How a step from one level to the next uses the denoised estimate."),
    Param::int("steps", "Steps", [1, 200], |c: &Config| c.steps, |c, v| c.steps = v)
        .log().group("Sampler")
        .doc("Denoising steps. Heun calls the denoiser twice in each but the last, the others once: compare at equal NFE."),
    Param::float("eta", "Fresh noise eta", [0.0, 1.0], |c: &Config| c.eta, |c, v| c.eta = v)
        .group("Sampler").when(|c: &Config| matches!(c.solver, SolverKind::Ddim | SolverKind::EulerAncestral))
        .doc("0 follows the deterministic flow, 1 adds the posterior's whole variance in every step (DDPM)."),
    choice!("direction", "Run", &["there and back", "generate", "invert and back"], direction, DIRECTIONS)
        .group("Data")
        .doc("Noise the data and denoise it, start from pure noise, or carry the data to noise by the reversed sampler."),
    choice!("data", "Data", &["ring of 8", "grid of 9", "two moons", "spiral", "two scales"], data, DataSet::ALL)
        .group("Data")
        .doc("A mixture of Gaussians in the plane, so that the best possible denoiser is known exactly."),
    Param::float("mode_sd", "Mode spread", [0.005, 0.5], |c: &Config| c.mode_sd, |c, v| c.mode_sd = v)
        .log().unit("data units").group("Data")
        .doc("Standard deviation of each mode."),
    Param::float("imbalance", "Imbalance", [0.0, 0.9], |c: &Config| c.imbalance, |c, v| c.imbalance = v)
        .group("Data").advanced()
        .doc("Each mode weighs this share less than the one before; 0 makes all modes equally likely."),
    Param::int("particles", "Particles", [50, 20_000], |c: &Config| c.particles, |c, v| c.particles = v)
        .log().group("Data")
        .doc("Number of samples carried through the levels."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawn_schedule_that_rises_is_refused_at_its_place() {
        let config = Config {
            custom: vec![1.0, 0.0, 0.5],
            ..Config::default()
        };
        let error = config.check().unwrap_err();
        assert_eq!(error.field(), Some("custom"));
        assert!(error.to_string().contains("point 2"), "{error}");
        let config = Config {
            custom: vec![1.0],
            ..Config::default()
        };
        assert!(config.check().is_err(), "one point is no curve");
        let config = Config {
            custom: vec![f64::NAN, 0.0],
            ..Config::default()
        };
        assert!(config.check().is_err(), "not a number");
    }

    #[test]
    fn levels_the_wrong_way_round_are_refused() {
        let config = Config {
            sigma_min: 1.0,
            sigma_max: 0.5,
            ..Config::default()
        };
        assert_eq!(config.check().unwrap_err().field(), Some("sigma_min"));
    }

    #[test]
    fn every_choice_reads_back_what_it_wrote() {
        for p in PARAMS {
            if let crate::core::ParamKind::Choice { options, get, set } = p.kind {
                let mut c = Config::default();
                for i in 0..options.len() {
                    set(&mut c, i);
                    assert_eq!(get(&c), i, "{} option {i}", p.id);
                }
            }
        }
    }
}
