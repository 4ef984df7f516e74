//! Config of the lab.

mod guided;
mod params;

pub(super) use params::params;

use super::dialects::{Dialect, Settings, named};
use super::extension::Extension;
use super::law::LawChoice;
use super::schedule::{Cooldown, Factors, Knobs, Schedule, Shape, Warmup};
use crate::core::mlp::Optimizer;
use crate::core::{Error, Result, validate};
use crate::labs::DataKey;
use serde::{Deserialize, Serialize};

/// What the schedule is tried on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Problem {
    /// The multi-power law's prediction for a language model.
    Law,
    /// The noisy quadratic: exact expected loss.
    Quadratic,
    /// A small network trained on digits.
    Digits,
    /// The convex last-iterate bound.
    Bound,
    /// The user's own run, by a law fitted to its log.
    Log,
    /// A river valley: steep across, gently falling along.
    Valley,
    /// Online linear regression whose optimum drifts.
    Drift,
    /// A diagonal network that may become sparse.
    Sparse,
    /// The digits network trained by clients of a server.
    Federated,
    /// The digits network, normalised, under labels that change.
    Relabel,
    /// The digits network with a batch that grows.
    Growing,
}

/// What makes a batch grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Growth {
    /// Nothing.
    Fixed,
    /// The norm test: variance of the gradients over their squared mean.
    Norm,
    /// The inner-product test: variance of the products with the mean.
    InnerProduct,
}

/// Where `FedHyper` acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fed {
    /// On the server's step (G).
    Server,
    /// On the server's step, with momentum (GM).
    ServerMomentum,
    /// On all clients' rate, set by the server (SL).
    ClientsByServer,
    /// On each client's rate, set by the client (CL).
    Client,
}

impl Fed {
    /// All of them, in the order of the menu.
    pub const ALL: [Self; 4] = [
        Self::Server,
        Self::ServerMomentum,
        Self::ClientsByServer,
        Self::Client,
    ];

    /// Its place in [`Fed::ALL`].
    pub fn index(self) -> usize {
        Self::ALL.iter().position(|f| *f == self).unwrap_or(0)
    }
}

impl Problem {
    /// All of them, in the order of the menu.
    pub const ALL: [Self; 11] = [
        Self::Law,
        Self::Quadratic,
        Self::Digits,
        Self::Bound,
        Self::Log,
        Self::Valley,
        Self::Drift,
        Self::Sparse,
        Self::Federated,
        Self::Relabel,
        Self::Growing,
    ];
    /// Their names, in the same order.
    pub const NAMES: [&'static str; 11] = [
        "predicted language model",
        "noisy quadratic (exact)",
        "digits network (trained)",
        "convex bound (theory)",
        "your own log (fitted law)",
        "river valley (exact)",
        "drifting regression (exact)",
        "diagonal network (trained)",
        "federated digits (trained)",
        "digits with changing labels (trained)",
        "digits with a growing batch (trained)",
    ];

    /// Its place in [`Problem::ALL`].
    pub fn index(self) -> usize {
        Self::ALL.iter().position(|p| *p == self).unwrap_or(0)
    }

    /// Whether losses are expectations in closed form: a seed changes nothing.
    pub fn is_exact(self) -> bool {
        matches!(self, Self::Quadratic | Self::Valley | Self::Drift)
    }

    /// Whether every run is trained, or its moments followed, one update at a time.
    pub fn trains(self) -> bool {
        !matches!(self, Self::Law | Self::Bound | Self::Log)
    }
}

/// Form of the hypergradient rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hyper {
    /// η ← η (1 + κ cos(g_t, g_(t-1))).
    Multiplicative,
    /// η ← η + κ g_t · g_(t-1).
    Additive,
}

/// The update rule of the digits network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// SGD with momentum.
    Sgd,
    /// AdamW with betas 0.9 and 0.95.
    AdamW,
}

/// Size of the language model whose loss is predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelSize {
    /// 25 million parameters.
    M25,
    /// 100 million parameters.
    M100,
    /// 400 million parameters.
    M400,
}

impl ModelSize {
    /// All sizes.
    pub const ALL: [Self; 3] = [Self::M25, Self::M100, Self::M400];
}

/// Every input that changes a number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Seed of weights and data; run k of several uses seed + k.
    pub seed: u64,
    /// What the schedule is tried on.
    pub problem: Problem,
    /// The imported log (own log).
    pub log: Option<DataKey>,
    /// Which run of the log goes on, counted from 0 (own log).
    pub run: u64,
    /// Shape of the schedule after its warmup.
    pub shape: Shape,
    /// Number of updates.
    pub horizon: u64,
    /// Largest rate.
    pub peak: f64,
    /// Whose convention the chosen schedule follows.
    pub dialect: Dialect,
    /// Scheduler calls per update; above 1 the schedule runs ahead (libraries only).
    pub calls: u64,
    /// Warmup as a share of the run.
    pub warmup: f64,
    /// How the rate rises in the warmup.
    pub warmup_shape: Warmup,
    /// Cooldown as a share of the run (WSD).
    pub cooldown: f64,
    /// Shape of the cooldown (WSD).
    pub cooldown_shape: Cooldown,
    /// Final rate as a share of the peak.
    pub floor: f64,
    /// Factor of every drop (step, multistep).
    pub gamma: f64,
    /// Equally spaced drops (step).
    pub drops: u64,
    /// First drop as a share of the run (multistep).
    pub first_drop: f64,
    /// Second drop as a share of the run (multistep).
    pub second_drop: f64,
    /// Share of the peak at the end (exponential).
    pub decay_to: f64,
    /// Exponent (polynomial).
    pub power: f64,
    /// Length of the first cycle as a share of the run (SGDR, cyclic).
    pub cycle: f64,
    /// Growth of the cycles (SGDR).
    pub cycle_mul: u64,
    /// Lower rate as a share of the peak (cyclic).
    pub base: f64,
    /// Share of the run until the peak (1cycle).
    pub rise: f64,
    /// Peak over the first rate (1cycle).
    pub div: f64,
    /// First rate over the last (1cycle).
    pub final_div: f64,
    /// Shape parameter of UBA.
    pub phi: f64,
    /// Update at which the power law meets the peak (power).
    pub knee: u64,
    /// Exponent of the power law (power).
    pub exponent: f64,
    /// Length of the run that is extended, as a share of the whole (extended WSD).
    pub short: f64,
    /// Observations over the run that feed a rule (plateau, VolSched).
    pub looks: u64,
    /// Bad observations borne before a drop (plateau).
    pub patience: u64,
    /// First rate as a share of the largest (hypergradient).
    pub first_rate: f64,
    /// Form of the rule (hypergradient).
    pub hyper: Hyper,
    /// Step of the rule, κ (hypergradient).
    pub kappa: f64,
    /// Updates of the first stage (AutoLRS); each is twice as long as the one before, up to 8 times.
    pub stage: u64,
    /// Probes per stage (AutoLRS).
    pub probes: u64,
    /// Lowest rate tried as a share of the largest (AutoLRS).
    pub lowest: f64,
    /// Weight of the uncertainty when the next probe is chosen (AutoLRS).
    pub explore: f64,
    /// Interpolation between base iterate and average (Schedule-Free).
    pub beta: f64,
    /// Mean squared step of the optimum per update, while it drifts (drift).
    pub drift: f64,
    /// Share of the run after which the optimum drifts (drift).
    pub drift_from: f64,
    /// Where `FedHyper` acts (federated).
    pub fed: Fed,
    /// Updates of every client in a round (federated).
    pub local_steps: u64,
    /// Updates until the labels change (changing labels).
    pub task_length: u64,
    /// Whether weights are projected to their first norm after every update (changing labels).
    pub project: bool,
    /// What makes the batch grow (growing batch).
    pub growth: Growth,
    /// Largest noise of the mean gradient that is tolerated, over its norm (growing batch).
    pub tolerance: f64,
    /// Points of a drawn schedule: (share of the run, share of the peak).
    pub knots: Vec<[f64; 2]>,
    /// Whether the other shapes run as well.
    pub rivals: bool,
    /// Peak rates tried on each side of the set one, half an octave apart.
    pub grid: u64,
    /// Which law predicts (law, own log).
    pub law: LawChoice,
    /// Size of the predicted model (law).
    pub model_size: ModelSize,
    /// Number of modes (quadratic).
    pub dims: u64,
    /// Fall of the gradient norms, G_t = t^-p (convex bound).
    pub norm_decay: f64,
    /// Decay of the curvatures, λᵢ = i^-a (quadratic).
    pub curvature: f64,
    /// Decay of the starting distances, E wᵢ² = i^-b (quadratic).
    pub start_decay: f64,
    /// Scale of the gradient noise (quadratic).
    pub noise: f64,
    /// Update rule (digits).
    pub rule: Rule,
    /// Momentum of SGD (digits).
    pub momentum: f64,
    /// Weight decay (digits).
    pub weight_decay: f64,
    /// Samples per update (digits).
    pub batch: u64,
    /// Runs with different seeds (digits).
    pub seeds: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            seed: 1,
            problem: Problem::Digits,
            log: None,
            run: 0,
            shape: Shape::Wsd,
            horizon: 300,
            peak: 2e-2,
            dialect: Dialect::Lab,
            calls: 1,
            warmup: 0.1,
            warmup_shape: Warmup::Linear,
            cooldown: 0.3,
            cooldown_shape: Cooldown::Linear,
            floor: 0.0,
            gamma: 0.1,
            drops: 2,
            first_drop: 0.5,
            second_drop: 0.75,
            decay_to: 0.01,
            power: 2.0,
            cycle: 0.15,
            cycle_mul: 2,
            base: 0.1,
            rise: 0.3,
            div: 25.0,
            final_div: 1e4,
            phi: 1.0,
            knee: 100,
            exponent: -0.51,
            short: 0.4,
            looks: 40,
            patience: 3,
            first_rate: 0.1,
            hyper: Hyper::Multiplicative,
            kappa: 0.02,
            stage: 100,
            probes: 8,
            lowest: 0.01,
            explore: 1.0,
            beta: 0.9,
            drift: 0.05,
            drift_from: 0.5,
            fed: Fed::ServerMomentum,
            local_steps: 5,
            task_length: 500,
            project: false,
            growth: Growth::Norm,
            tolerance: 0.5,
            knots: vec![
                [0.0, 0.0],
                [0.1, 1.0],
                [0.35, 0.8],
                [0.6, 0.75],
                [0.8, 0.35],
                [1.0, 0.0],
            ],
            rivals: true,
            grid: 2,
            law: LawChoice::MultiPower,
            model_size: ModelSize::M100,
            norm_decay: 0.0,
            dims: 512,
            curvature: 1.0,
            start_decay: 0.6,
            noise: 0.05,
            rule: Rule::AdamW,
            momentum: 0.9,
            weight_decay: 0.1,
            batch: 32,
            seeds: 2,
        }
    }
}

impl Config {
    /// The config moved to another problem, with a horizon and peak that suit it.
    pub fn with_problem(self, problem: Problem) -> Self {
        let (horizon, peak, grid) = match problem {
            Problem::Law => (24_000, 3e-4, 3),
            Problem::Quadratic => (500, 0.5, 5),
            Problem::Digits => (300, 2e-2, 2),
            Problem::Bound => (400, 0.05, 5),
            Problem::Log => (self.horizon, self.peak, 0),
            Problem::Valley => (400, 0.2, 4),
            Problem::Drift => (300, 0.24, 4),
            Problem::Sparse => (20_000, 0.25, 1),
            Problem::Federated => (30, 0.1, 1),
            Problem::Relabel => (5000, 0.5, 0),
            Problem::Growing => (600, 0.5, 2),
        };
        Self {
            problem,
            horizon,
            peak,
            grid,
            ..self
        }
    }

    /// The schedule of `shape` with this config's other settings and a peak rate.
    pub fn schedule(&self, shape: Shape, peak: f64) -> Schedule {
        let mut schedule = self.plain(shape, peak);
        // A table that cannot be made is reported by `check`, which comes before every run.
        schedule.factors = self.factors(&schedule).unwrap_or_default();
        schedule
    }

    /// The schedule without its table.
    fn plain(&self, shape: Shape, peak: f64) -> Schedule {
        let updates = self.horizon as usize;
        let share = |s: f64| (s * updates as f64).round() as usize;
        let warmup = if shape.rises_itself() {
            0
        } else {
            share(self.warmup).min(updates)
        };
        Schedule {
            shape,
            updates,
            peak,
            warmup,
            warmup_shape: self.warmup_shape,
            // Rounding both shares must not make them overlap by one update.
            cooldown: share(self.cooldown).min(updates - warmup),
            cooldown_shape: self.cooldown_shape,
            floor: self.floor,
            knobs: Knobs {
                phi: self.phi,
                knee: self.knee as usize,
                exponent: self.exponent,
            },
            factors: None,
        }
    }

    /// What libraries need to know beside the schedule.
    pub fn settings(&self) -> Settings {
        let at = |share: f64| (share * self.horizon as f64).round() as usize;
        Settings {
            gamma: self.gamma,
            drops: self.drops as usize,
            milestones: [at(self.first_drop), at(self.second_drop)],
            decay_to: self.decay_to,
            power: self.power,
            cycle: self.cycle,
            cycle_mul: self.cycle_mul as usize,
            base: self.base,
            rise: self.rise,
            div: self.div,
            final_div: self.final_div,
        }
    }

    /// The convention that `shape` follows: rivals keep the lab's.
    pub fn dialect_of(&self, shape: Shape) -> Dialect {
        if shape == self.shape {
            self.dialect
        } else {
            Dialect::Lab
        }
    }

    /// The table of a schedule that is not given by a closed form.
    fn factors(&self, s: &Schedule) -> Result<Option<Factors>> {
        if s.shape == Shape::Drawn {
            return self.drawn().map(Some);
        }
        if s.shape.is_computed() {
            return Ok(Some(super::optimal::pending(s.updates)));
        }
        if s.shape.is_guided() {
            return Ok(None);
        }
        if s.shape == Shape::Extended {
            let extension = self.extension();
            let rho = extension.rho()?;
            return Ok(Some(Factors {
                values: extension.factors(rho).into(),
                rule: format!("the short run's rate, then {rho:.3} times it").into(),
            }));
        }
        let dialect = self.dialect_of(s.shape);
        let Some(named) = named(s, &self.settings(), dialect) else {
            if dialect == Dialect::Lab {
                return Ok(None);
            }
            return Err(Error::out_of_range(
                "dialect",
                dialect.name(),
                format!(
                    "a library that has the {} schedule with this warmup, cooldown and floor",
                    s.shape.name()
                ),
            ));
        };
        let calls = if dialect == Dialect::Lab {
            1
        } else {
            self.calls as usize
        };
        let mut values = named.values(s.updates * calls)?;
        if dialect == Dialect::Lab && s.warmup_shape != Warmup::Linear {
            for (i, v) in values.iter_mut().take(s.warmup).enumerate() {
                *v = s.warmup_shape.factor((i + 1) as f64 / s.warmup as f64);
            }
        }
        let rule = if dialect == Dialect::Lab {
            format!("as {}", named.words())
        } else if calls == 1 {
            format!("{}: {}", dialect.name(), named.words())
        } else {
            format!(
                "{}: {}, called {calls} times an update",
                dialect.name(),
                named.words()
            )
        };
        Ok(Some(Factors {
            values: values.into_iter().step_by(calls).collect(),
            rule: rule.into(),
        }))
    }

    /// The extension of a shorter run.
    pub(super) fn extension(&self) -> Extension {
        Extension {
            short: ((self.short * self.horizon as f64).round() as usize).max(1),
            updates: self.horizon as usize,
            cooldown: self.cooldown,
            floor: self.floor,
            norm_decay: self.norm_decay,
        }
    }

    /// The line through the drawn points.
    fn drawn(&self) -> Result<Factors> {
        let k = &self.knots;
        let inside = |v: f64| (0.0..=1.0).contains(&v);
        if !(2..=64).contains(&k.len())
            || k.iter().any(|p| !inside(p[0]) || !inside(p[1]))
            || k.windows(2).any(|w| w[0][0] > w[1][0])
        {
            return Err(Error::out_of_range(
                "knots",
                format!("{k:?}"),
                "2 to 64 points with shares from 0 to 1, from left to right",
            ));
        }
        let values = (0..self.horizon)
            .map(|i| {
                let x = i as f64 / (self.horizon.max(2) - 1) as f64;
                let after = k.partition_point(|p| p[0] <= x).clamp(1, k.len() - 1);
                let ([x0, y0], [x1, y1]) = (k[after - 1], k[after]);
                let t = if x1 > x0 {
                    ((x - x0) / (x1 - x0)).clamp(0.0, 1.0)
                } else {
                    1.0
                };
                y0 + (y1 - y0) * t
            })
            .collect();
        Ok(Factors {
            values,
            rule: "the line through the drawn points".into(),
        })
    }

    /// The schedule that was chosen.
    pub fn chosen(&self) -> Schedule {
        self.schedule(self.shape, self.peak)
    }

    /// The shapes that run, the chosen one first.
    pub fn shapes(&self) -> Vec<Shape> {
        let mut shapes = vec![self.shape];
        if self.rivals {
            shapes.extend(Shape::RIVALS.into_iter().filter(|s| *s != self.shape));
        }
        shapes
    }

    /// The peak rate `offset` half octaves from the set one.
    pub fn peak_at(&self, offset: i64) -> f64 {
        // Whole octaves are exact, so offset 0 is the set rate to the bit.
        let half = if offset.rem_euclid(2) == 1 {
            std::f64::consts::SQRT_2
        } else {
            1.0
        };
        self.peak * half * 2_f64.powi(offset.div_euclid(2) as i32)
    }

    /// The update rule of the digits network.
    pub fn optimizer(&self) -> Optimizer {
        match self.rule {
            Rule::Sgd => Optimizer::Sgd {
                momentum: self.momentum as f32,
                weight_decay: self.weight_decay as f32,
            },
            Rule::AdamW => Optimizer::AdamW {
                beta1: 0.9,
                beta2: 0.95,
                weight_decay: self.weight_decay as f32,
            },
        }
    }

    /// Whether the config can run.
    ///
    /// # Errors
    /// The first parameter out of range.
    pub fn check(&self) -> Result<()> {
        validate(params(), self)?;
        if self.wsd() && self.warmup + self.cooldown > 1.0 + 1e-9 {
            return Err(Error::out_of_range(
                "cooldown",
                self.cooldown,
                format!(
                    "0 to {} beside a warmup of {}",
                    1.0 - self.warmup,
                    self.warmup
                ),
            ));
        }
        for shape in self.shapes() {
            let plain = self.plain(shape, self.peak);
            plain.check()?;
            self.factors(&plain)?;
        }
        let per = match self.problem {
            Problem::Federated => 10 * self.local_steps * super::steer::CLIENTS as u64,
            // A tenth of the work of the digits network.
            Problem::Sparse => 1,
            _ => 10,
        };
        let updates = self.horizon * self.cells() as u64 * per / 10;
        super::optimal::check(self)?;
        super::steer::check(self)?;
        if self.problem == Problem::Log && self.log.is_none() {
            return Err(Error::out_of_range(
                "problem",
                "your own log",
                "after a loss log was opened: drop a CSV or JSONL file on the window",
            ));
        }
        if self.problem != Problem::Log && self.horizon > MOST_UPDATES {
            return Err(Error::out_of_range(
                "horizon",
                self.horizon,
                format!("10 to {MOST_UPDATES} without a log of your own"),
            ));
        }
        if self.sampled() && updates > 4_000_000 {
            return Err(Error::out_of_range(
                "horizon",
                self.horizon,
                format!("at most 4,000,000 updates over all runs; this is {updates}"),
            ));
        }
        Ok(())
    }

    /// Number of training runs.
    pub fn cells(&self) -> usize {
        let seeds = if self.sampled() {
            self.seeds as usize
        } else {
            1
        };
        self.shapes().len() * (2 * self.grid as usize + 1) * seeds
    }

    /// Number of seeds that run; exact problems need one.
    pub fn seeds_run(&self) -> u64 {
        if self.sampled() { self.seeds } else { 1 }
    }

    /// Whether the runs draw random numbers.
    pub(super) fn sampled(&self) -> bool {
        self.problem.trains() && !self.problem.is_exact()
    }

    /// Whether any run has a warmup.
    pub(super) fn warms(&self) -> bool {
        self.rivals || !self.shape.rises_itself()
    }

    /// Returns to the lab's convention when the library has no such schedule.
    pub(super) fn forget_foreign_dialect(&mut self) {
        let plain = self.plain(self.shape, self.peak);
        if named(&plain, &self.settings(), self.dialect).is_none() {
            self.dialect = Dialect::Lab;
        }
    }

    /// Whether any run has a cooldown.
    pub fn wsd(&self) -> bool {
        self.shape.cools() || self.shape == Shape::Extended || self.rivals
    }
}

/// Longest run without a log.
const MOST_UPDATES: u64 = 80_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_set_peak_is_on_the_grid_to_the_bit() {
        let c = Config {
            peak: 0.013,
            ..Config::default()
        };
        assert_eq!(c.peak_at(0), 0.013);
        assert_eq!(c.peak_at(-2), 0.0065);
        assert!((c.peak_at(1) / c.peak_at(-1) - 2.0).abs() < 1e-15);
    }

    #[test]
    fn warmup_and_cooldown_that_overlap_are_refused_by_name() {
        let c = Config {
            warmup: 0.6,
            cooldown: 0.6,
            ..Config::default()
        };
        assert_eq!(c.check().unwrap_err().field(), Some("cooldown"));
        let c = Config {
            cooldown_shape: Cooldown::Exponential,
            ..Config::default()
        };
        assert_eq!(c.check().unwrap_err().field(), Some("floor"));
        assert_eq!(Config::default().check(), Ok(()));
        let c = Config {
            rivals: false,
            shape: Shape::Linear,
            warmup: 0.9,
            ..Config::default()
        };
        assert_eq!(c.check(), Ok(()), "no cooldown to overlap with");
    }

    #[test]
    fn every_problem_starts_from_a_config_that_runs() {
        for problem in [
            Problem::Law,
            Problem::Quadratic,
            Problem::Digits,
            Problem::Bound,
        ] {
            assert_eq!(
                Config::default().with_problem(problem).check(),
                Ok(()),
                "{problem:?}"
            );
        }
    }
}
