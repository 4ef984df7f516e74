//! Config of the lab.

use super::data::{self, DataSet};
use super::gaussian::Spectrum;
use super::mixture::Mixture;
use super::params::limits;
use super::schedule::{PublishedList, ScheduleKind, Visit};
use super::solver::SolverKind;
use super::tokens::{self, OrderKind, Source};
use crate::core::{Error, Result};
use crate::labs::DataKey;
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
#[expect(
    clippy::struct_excessive_bools,
    reason = "switches of different schedules, never read together"
)]
pub struct Config {
    /// Seed of every random draw.
    pub seed: u64,
    /// The distribution to be learnt.
    pub data: DataSet,
    /// Standard deviation of each mode, data units.
    pub mode_sd: f64,
    /// Share by which each mode is rarer than the one before; 0 makes them equal.
    pub imbalance: f64,
    /// Centres of the modes of drawn data.
    pub modes: Vec<[f64; 2]>,
    /// Whether every second mode alone is the data, as a class of all.
    pub one_class: bool,
    /// Factor on the difference between the class's estimate and that of all data.
    pub guidance_weight: f64,
    /// Lowest level at which guidance towards the class acts.
    pub guidance_low: f64,
    /// Highest level at which it acts.
    pub guidance_high: f64,
    /// Size of the guidance towards rare samples, 0 for none.
    pub minority_scale: f64,
    /// Share of the time, from noise to clean, above which it acts.
    pub minority_until: f64,
    /// It acts in every so-many-th step.
    pub minority_every: u64,
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
    pub spacing: Visit,
    /// Whether a beta table is stretched until its last time is pure noise.
    pub zero_terminal_snr: bool,
    /// Start of the cosine (Chen cosine).
    pub cosine_start: f64,
    /// End of the cosine (Chen cosine).
    pub cosine_end: f64,
    /// Growth of beta over time (VP-SDE).
    pub vp_beta_d: f64,
    /// Beta at time 0 (VP-SDE).
    pub vp_beta_min: f64,
    /// Slope per training time (logistic).
    pub logistic_k: f64,
    /// Middle as a share of the training times (logistic).
    pub logistic_t0: f64,
    /// Shift of the power log-SNR (log-SNR cosine).
    pub cosine_shift: f64,
    /// Divisor of the power log-SNR (log-SNR cosine).
    pub cosine_scale: f64,
    /// Centre of the power log-SNR (Laplace, Cauchy).
    pub law_mu: f64,
    /// Width of the power log-SNR (Laplace, Cauchy).
    pub law_b: f64,
    /// Mean of the power log-SNR (normal).
    pub normal_mean: f64,
    /// Standard deviation of the power log-SNR (normal).
    pub normal_sd: f64,
    /// Whether the tangent law takes its scale from the data.
    pub tangent_auto: bool,
    /// Scale of the tangent law, data units.
    pub tangent_c: f64,
    /// The published list.
    pub published: PublishedList,
    /// Whether the flow shift grows with the number of image tokens.
    pub dynamic_shift: bool,
    /// Image tokens of the dynamic flow shift.
    pub tokens: u64,
    /// Weight s^p of the optimised bound: 0 is path KL, 2 is like Wasserstein.
    pub objective_p: f64,
    /// Euler steps of the teacher (stepsize distillation).
    pub teacher_steps: u64,
    /// Weight of the penalty on the bends of a learned schedule.
    pub smoothness: f64,
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
    /// What the imagined network predicts: decides how its error grows.
    pub prediction: Prediction,
    /// Size of the imagined network's error, 0 for the exact denoiser.
    pub model_error: f64,
    /// Seeds of the curve of quality against calls; 0 leaves it out.
    pub nfe_seeds: u64,
    /// What is generated.
    pub world: World,
    /// The discrete distribution.
    pub source: Source,
    /// Probability of staying (chains) or moving on (cyclic chain).
    pub stickiness: f64,
    /// Positions of a sequence.
    pub length: u64,
    /// Side of the token field.
    pub side: u64,
    /// Correlation length of the token field, cells.
    pub correlation: f64,
    /// Values of a Potts site.
    pub states: u64,
    /// Coupling of neighbouring spins.
    pub coupling: f64,
    /// The unmasking order.
    pub order: OrderKind,
    /// Rounds of revealing.
    pub rounds: u64,
    /// Positions of a block or window.
    pub block: u64,
    /// Noise levels of a hyperschedule.
    pub levels: u64,
    /// Strength of the corrections of a hyperschedule.
    pub correction: f64,
    /// Whether drafts and their verification are measured as well (Markov chain).
    pub drafting: bool,
    /// Whether every order is measured as well.
    pub all_orders: bool,
    /// Pictures of the user's in place of the digits.
    pub folder: Option<DataKey>,
    /// Pixels along a side of the user's pictures.
    pub picture_side: u64,
    /// Drawn shapes in place of the digits.
    pub shapes: bool,
    /// Training images of the image world.
    pub training_images: u64,
    /// Standard deviation of the Gaussian around every training image, pixel values.
    pub bandwidth: f64,
    /// How the power of a field falls with the frequency.
    pub spectrum: Spectrum,
    /// Exponent of the power law.
    pub exponent: f64,
    /// Correlation length of the exponential covariance, as a share of the side.
    pub field_length: f64,
    /// Side of the smallest field, pixels.
    pub field_side: u64,
    /// Whether larger sides show detail that the smallest does not.
    pub field_detail: bool,
}

/// What is generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum World {
    /// Points in the plane, from noise by a schedule.
    #[default]
    Plane,
    /// Tokens, from masks by an order.
    Tokens,
    /// Handwritten digits, drawn shapes or pictures of the user's, from noise by a schedule.
    Images,
    /// Correlated Gaussian fields at three sides, from noise by a schedule.
    Fields,
}

/// What a network predicts; an error of it reaches the denoised estimate multiplied by s, sigma, 1
/// or u.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prediction {
    /// The noise: error times s.
    #[default]
    Epsilon,
    /// The clean point: error as it is.
    X0,
    /// alpha eps - sigma x0: error times sigma.
    V,
    /// The flow velocity eps - x0: error times u.
    Flow,
}

impl Prediction {
    /// All, in the order of the menu.
    pub const ALL: [Self; 4] = [Self::Epsilon, Self::X0, Self::V, Self::Flow];

    /// Its name in legends.
    pub fn name(self) -> &'static str {
        match self {
            Self::Epsilon => "eps",
            Self::X0 => "x0",
            Self::V => "v",
            Self::Flow => "flow",
        }
    }

    /// Factor from an error of the network to one of the denoised estimate at level `s`.
    pub fn amplification(self, s: f64) -> f64 {
        match self {
            Self::Epsilon => s,
            Self::X0 => 1.0,
            Self::V => s / (1.0 + s * s).sqrt(),
            Self::Flow => s / (1.0 + s),
        }
    }
}

/// Data to start drawing from: five modes in a zigzag.
pub(super) const DRAWN_MODES: [[f64; 2]; 5] = [
    [-1.0, -0.5],
    [-0.5, 0.5],
    [0.0, -0.3],
    [0.5, 0.6],
    [1.0, -0.4],
];

/// A hand-drawn schedule to start from: EDM's range, straight in ln s.
const DRAWN: [f64; 8] = [4.38, 3.0, 1.6, 0.2, -1.2, -2.6, -4.0, -5.4];

impl Default for Config {
    fn default() -> Self {
        Self {
            seed: 1,
            data: DataSet::Ring8,
            mode_sd: 0.05,
            imbalance: 0.0,
            modes: DRAWN_MODES.to_vec(),
            one_class: false,
            guidance_weight: 1.0,
            guidance_low: 0.001,
            guidance_high: 500.0,
            minority_scale: 0.0,
            minority_until: 0.0,
            minority_every: 1,
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
            spacing: Visit::Trailing,
            zero_terminal_snr: false,
            cosine_start: 0.0,
            cosine_end: 1.0,
            vp_beta_d: 19.9,
            vp_beta_min: 0.1,
            logistic_k: 0.015,
            logistic_t0: 0.6,
            cosine_shift: 0.0,
            cosine_scale: 1.0,
            law_mu: 0.0,
            law_b: 0.5,
            normal_mean: 2.4,
            normal_sd: 2.4,
            tangent_auto: true,
            tangent_c: 1.0,
            published: PublishedList::AysSd15,
            dynamic_shift: false,
            tokens: 1024,
            objective_p: 2.0,
            teacher_steps: 40,
            smoothness: 1e-3,
            custom: DRAWN.to_vec(),
            shift: 1.0,
            solver: SolverKind::Heun,
            eta: 0.0,
            steps: 18,
            prediction: Prediction::Epsilon,
            model_error: 0.0,
            nfe_seeds: 0,
            world: World::Plane,
            source: Source::Field,
            stickiness: 0.8,
            length: 32,
            side: 16,
            correlation: 3.0,
            states: 3,
            coupling: 0.3,
            order: OrderKind::Halton,
            rounds: 8,
            block: 8,
            levels: 4,
            correction: 0.0,
            drafting: false,
            all_orders: false,
            folder: None,
            picture_side: 16,
            shapes: false,
            training_images: 600,
            bandwidth: 0.0,
            spectrum: Spectrum::PowerLaw,
            exponent: 2.5,
            field_length: 0.1,
            field_side: 16,
            field_detail: true,
        }
    }
}

impl Config {
    /// The data in the plane: all modes, or the class of every second one.
    ///
    /// # Errors
    /// Modes that do not fit.
    pub fn mixture(&self) -> Result<Mixture> {
        self.modes_of(if self.one_class { 2 } else { 1 })
    }

    /// All data, also where a class of it is generated.
    ///
    /// # Errors
    /// As [`Config::mixture`].
    pub fn whole_mixture(&self) -> Result<Mixture> {
        self.modes_of(1)
    }

    fn modes_of(&self, every: usize) -> Result<Mixture> {
        if self.data == DataSet::Drawn {
            check_modes(&self.modes)?;
            return data::mixture(&self.modes, self.mode_sd, self.imbalance, every);
        }
        data::mixture(&self.data.centres(), self.mode_sd, self.imbalance, every)
    }

    /// Whether levels or weights are searched on the data before the particles start.
    pub fn is_searched(&self) -> bool {
        self.schedule.is_searched() || self.solver == SolverKind::Olss
    }

    /// Checks what no single parameter can.
    ///
    /// # Errors
    /// The first field that does not fit, by name.
    pub fn check(&self) -> Result<()> {
        if limits(self) && self.sigma_min >= self.sigma_max {
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
        if self.schedule == ScheduleKind::ChenCosine && self.cosine_start >= self.cosine_end {
            return Err(Error::out_of_range(
                "cosine_start",
                self.cosine_start,
                format!("below cosine_end, which is {}", self.cosine_end),
            ));
        }
        if self.solver == SolverKind::Olss
            && (self.schedule.is_searched() || self.schedule == ScheduleKind::Custom)
        {
            return Err(Error::out_of_range(
                "schedule",
                self.schedule.name(),
                "a schedule with a formula: OLSS chooses among the teacher's levels on it",
            ));
        }
        let most = match self.schedule {
            _ if self.solver == SolverKind::Olss => {
                self.teacher_steps.min(super::search::MOST_FITTED)
            }
            ScheduleKind::StepsizeDistillation => self.teacher_steps,
            ScheduleKind::Optimal | ScheduleKind::AlignYourSteps | ScheduleKind::Learned => {
                super::search::MOST_STEPS
            }
            _ => u64::MAX,
        };
        if self.steps > most {
            return Err(Error::out_of_range(
                "steps",
                self.steps,
                format!("at most {most} with this schedule"),
            ));
        }
        let on_the_plane = match self.world {
            World::Images => self.is_searched(),
            World::Fields => {
                self.solver == SolverKind::Olss
                    || self.schedule == ScheduleKind::StepsizeDistillation
            }
            _ => false,
        };
        if on_the_plane {
            return Err(Error::out_of_range(
                "schedule",
                self.schedule.name(),
                "one that is not searched on the plane, for images and fields",
            ));
        }
        if self.guidance_low > self.guidance_high {
            return Err(Error::out_of_range(
                "guidance_low",
                self.guidance_low,
                format!("at most guidance_high, which is {}", self.guidance_high),
            ));
        }
        if self.world == World::Tokens {
            tokens::check(self)?;
        }
        check_modes(&self.modes)?;
        check_drawn(&self.custom)
    }
}

/// Most modes that are drawn.
pub(super) const MOST_MODES: usize = 64;
/// How far from the middle a drawn mode may lie, data units.
pub(super) const MODE_REACH: f64 = 3.0;

/// Drawn modes must lie in the picture; the one that does not is named.
fn check_modes(modes: &[[f64; 2]]) -> Result<()> {
    if !(1..=MOST_MODES).contains(&modes.len()) {
        return Err(Error::out_of_range(
            "modes",
            format!("a list of {}", modes.len()),
            format!("1 to {MOST_MODES} modes"),
        ));
    }
    let inside = |m: &[f64; 2]| m.iter().all(|v| v.abs() <= MODE_REACH);
    match modes.iter().position(|m| !inside(m)) {
        Some(i) => Err(Error::out_of_range(
            "modes",
            format!("({}, {}) of mode {i}", modes[i][0], modes[i][1]),
            format!("coordinates from -{MODE_REACH} to {MODE_REACH}"),
        )),
        None => Ok(()),
    }
}

/// Most control points: as many as steps.
pub(super) const MOST_POINTS: usize = 200;

/// A drawn list must fall, all the time; the place where it does not is named.
fn check_drawn(points: &[f64]) -> Result<()> {
    if !(2..=MOST_POINTS).contains(&points.len()) {
        return Err(Error::out_of_range(
            "custom",
            format!("a list of {} points", points.len()),
            format!("2 to {MOST_POINTS} points"),
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
}
