//! Config of the lab.

mod cards;
mod guided;
mod kinds;
mod params;
mod rates;

pub use kinds::{
    Card, Fed, Growth, Hyper, ModelSize, Night, Problem, Proximity, Resume, Rule, Scaling,
};
pub(super) use params::params;

use super::dialects::Dialect;
use super::law::LawChoice;
use super::optimizers::{FreeConfig, FreeKind};
use super::schedule::{Cooldown, Shape, Warmup};
use crate::core::mlp::Optimizer;
use crate::core::{Error, Result, validate};
use crate::labs::DataKey;
use serde::{Deserialize, Serialize};

/// Decay of `AdamW`'s second moment.
pub(in crate::labs::lr) const BETA2: f64 = 0.95;

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
    /// Updates for which a rate is held before the next one is taken.
    pub hold: u64,
    /// Share of the run after which it is resumed, 0 for never (libraries only).
    pub resume_at: f64,
    /// What its scheduler does then (libraries only).
    pub resume: Resume,
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
    /// Share of the run after which it stands still again (drift).
    pub drift_until: f64,
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
    /// The same of the parts at right angles to it (augmented test).
    pub across: f64,
    /// Share of symbols hidden at the start (masked letters).
    pub mask_from: f64,
    /// Share of symbols hidden at the end (masked letters).
    pub mask_to: f64,
    /// Scale of the robust loss (robust regression).
    pub scaling: Scaling,
    /// How night samples enter (day and night).
    pub night: Night,
    /// Weight of the night at the end over that of the day (day and night).
    pub night_ratio: f64,
    /// How weights are held near the pretrained ones (fine-tuned digits).
    pub proximity: Proximity,
    /// Largest strength of that pull (fine-tuned digits).
    pub pull: f64,
    /// Copies that cool down from one checkpoint (copies of a cooldown).
    pub copies: u64,
    /// Whether the other optimizers run as well, each at its own best peak rate (denoiser).
    pub contest: bool,
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
    /// The law beside it (law, own log).
    pub card: Card,
    /// Parameters of the model (Kaplan's law, quantised cooldown).
    pub card_params: f64,
    /// Tokens per update (quantised cooldown).
    pub card_tokens: f64,
    /// Exponent of the term for the updates, αS (Kaplan's law).
    pub kaplan_exponent: f64,
    /// Its scale, Sc updates (Kaplan's law).
    pub kaplan_scale: f64,
    /// Size of the model whose loss is read off the other's (one loss from another).
    pub other_size: ModelSize,
    /// Share of the run that trains quantised (quantised cooldown).
    pub qat_share: f64,
    /// Bits per quantised weight (quantised cooldown).
    pub qat_bits: u64,
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
    /// Decay of `AdamW`'s second moment in a cooldown; [`BETA2`] leaves it unchanged (digits, copies).
    pub cooldown_beta2: f64,
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
            hold: 1,
            resume_at: 0.0,
            resume: Resume::Restarted,
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
            drift_until: 1.0,
            fed: Fed::ServerMomentum,
            local_steps: 5,
            task_length: 500,
            project: false,
            growth: Growth::Norm,
            tolerance: 0.5,
            across: 0.5,
            mask_from: 0.3,
            mask_to: 0.15,
            scaling: Scaling::Adaptive,
            night: Night::Ramped,
            night_ratio: 1.0,
            proximity: Proximity::Modules,
            pull: 0.03,
            copies: 8,
            contest: true,
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
            card: Card::None,
            card_params: 1e8,
            card_tokens: 5e5,
            kaplan_exponent: 0.76,
            kaplan_scale: 2.1e3,
            other_size: ModelSize::M400,
            qat_share: 0.3,
            qat_bits: 4,
            norm_decay: 0.0,
            dims: 512,
            curvature: 1.0,
            start_decay: 0.6,
            noise: 0.05,
            rule: Rule::AdamW,
            cooldown_beta2: BETA2,
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
            Problem::Logistic => (600, 1.0, 3),
            Problem::Bigram => (600, 4.0, 3),
            Problem::Transformer => (300, 1e-2, 1),
            Problem::Masking => (400, 0.1, 1),
            Problem::Robust => (700, 1e-2, 2),
            Problem::Domains => (600, 1e-2, 1),
            Problem::Modules => (200, 5e-3, 1),
            Problem::Branches => (600, 2e-2, 0),
            Problem::Denoiser => (300, 5e-3, 1),
            Problem::League => (200, 1.0, 0),
            Problem::Absolute => (600, 0.3, 3),
        };
        // Convex problems under the rule that their theory is about.
        let (rule, momentum, weight_decay) = match problem {
            Problem::Logistic | Problem::Bigram | Problem::Absolute => (Rule::Sgd, 0.0, 0.0),
            Problem::Masking | Problem::Robust | Problem::Modules | Problem::Denoiser => {
                (Rule::AdamW, self.momentum, 0.0)
            }
            p if p.has_optimizer() => (Rule::AdamW, 0.9, 0.1),
            _ => (self.rule, self.momentum, self.weight_decay),
        };
        Self {
            problem,
            horizon,
            peak,
            grid,
            rule,
            momentum,
            weight_decay,
            ..self
        }
    }

    /// The shapes that run, the chosen one first.
    pub fn shapes(&self) -> Vec<Shape> {
        let mut shapes = vec![self.shape];
        if self.rivals {
            shapes.extend(Shape::RIVALS.into_iter().filter(|s| *s != self.shape));
            if self.problem == Problem::League && self.shape != Shape::ScheduleFree {
                shapes.push(Shape::ScheduleFree);
            }
        }
        shapes
    }

    /// The update rule of the digits network.
    pub fn optimizer(&self) -> Optimizer {
        match self.rule {
            Rule::Sgd => Optimizer::Sgd {
                momentum: self.momentum as f32,
                weight_decay: self.weight_decay as f32,
            },
            // The others are refused where this network is trained.
            Rule::AdamW | Rule::Muon | Rule::Soap => Optimizer::AdamW {
                beta1: 0.9,
                beta2: BETA2 as f32,
                weight_decay: self.weight_decay as f32,
            },
        }
    }

    /// The Schedule-Free form of that rule: no momentum of its own, second moments with PyTorch's
    /// decay.
    pub fn schedule_free(&self) -> FreeConfig {
        FreeConfig {
            kind: match self.rule {
                Rule::Sgd => FreeKind::Sgd,
                Rule::AdamW | Rule::Muon | Rule::Soap => FreeKind::AdamW,
            },
            lr: self.peak,
            beta: self.beta,
            beta2: 0.999,
            warmup: 0,
            weight_decay: self.weight_decay,
            r: 0.0,
            weight_lr_power: 2.0,
            silent_sgd_phase: true,
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
            Problem::Transformer => 250,
            Problem::Branches if self.raises_beta2() => 20 * self.copies,
            Problem::Branches => 10 * self.copies,
            Problem::Denoiser => {
                30 * if self.contest {
                    Rule::ALL.len() as u64
                } else {
                    1
                }
            }
            // Tuning, targets and studies of five problems.
            Problem::League => 800,
            _ => 10,
        };
        let updates = self.horizon * self.cells() as u64 * per / 10;
        let foreign = self.problem != Problem::Denoiser || self.shape == Shape::ScheduleFree;
        let special = matches!(self.rule, Rule::Muon | Rule::Soap);
        if special && self.problem.has_optimizer() && foreign {
            return Err(Error::out_of_range(
                "rule",
                self.rule.name(),
                "on the denoiser only, under a schedule",
            ));
        }
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
    fn a_held_rate_is_that_of_the_last_sampled_update() {
        let free = Config {
            shape: Shape::Rex,
            horizon: 100,
            ..Config::default()
        };
        let held = Config {
            hold: 8,
            ..free.clone()
        };
        assert_eq!(held.check(), Ok(()));
        let (a, b) = (free.chosen(), held.chosen());
        for i in 0..100 {
            let (want, got) = (a.rate(i - i % 8), b.rate(i));
            assert!(
                (got - want).abs() <= 1e-15 * want.abs(),
                "{i}: {got} {want}"
            );
        }
        assert_ne!(a.rate(15), b.rate(15));
    }

    #[test]
    fn every_problem_starts_from_a_config_that_runs() {
        for problem in Problem::ALL {
            if problem == Problem::Log {
                continue;
            }
            assert_eq!(
                Config::default().with_problem(problem).check(),
                Ok(()),
                "{problem:?}"
            );
        }
    }
}
