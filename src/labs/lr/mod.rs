//! Learning-rate schedules: what a schedule does to the loss, on a law fitted to language models,
//! on an exact noisy quadratic, and in real training runs.

mod annealing_fit;
mod average;
pub mod bound;
mod cards;
mod claims;
mod config;
mod contest;
mod continuation;
pub mod curves;
mod dialect_report;
pub mod dialects;
mod extension;
mod files;
pub mod fit;
pub mod golden;
#[cfg(feature = "gpu")]
mod gpu;
mod late_decay;
pub mod law;
pub mod law_fit;
mod law_optimum;
pub mod laws;
mod league;
pub mod log;
mod loss_pairs;
mod matrices;
pub mod minimise;
mod model;
mod more_charts;
mod muon;
mod norms;
mod optimal;
pub mod optimizers;
#[cfg(feature = "app")]
mod panels;
pub mod plan;
mod plateau;
pub mod quadratic;
mod report;
pub mod schedule;
mod shape;
mod soap;
mod steer;
mod story;
pub mod systems;
mod task_charts;
mod theory;
pub mod training;
#[cfg(feature = "app")]
mod view;
mod words;
mod work;

#[cfg(test)]
mod tests;

pub use config::{
    Card, Config, Fed, Growth, Hyper, ModelSize, Night, Problem, Proximity, Resume, Rule, Scaling,
};
use continuation::Continuation;
pub use continuation::LogFacts;
pub use law_optimum::optimised_rates;
pub use model::{Cell, Curve, Run};
pub use systems::EXHIBITS;

use law::LawChoice;
use schedule::Shape;

use super::{DataKey, Dataset, Exhibit, Lab, LabInfo, LabKind, Library, Preset};
use crate::core::{Error, Job, Param, Result};

/// The learning-rate lab.
#[derive(Debug)]
pub struct Lr;

/// Starting points.
const PRESETS: &[Preset<Config>] = &[
    Preset {
        name: "Predicted language model, 24,000 steps",
        doc: "The multi-power law: the loss drops as the rate falls, and the drop has a price list.",
        config: || Config::default().with_problem(Problem::Law),
    },
    Preset {
        name: "Five schedules train a digit reader",
        doc: "Each schedule has its own best peak rate: compare the minima of the sweep.",
        config: Config::default,
    },
    Preset {
        name: "A longer run, three seeds",
        doc: "With 1,000 updates the schedules that decay to zero pull ahead of the constant rate.",
        config: || Config {
            horizon: 1000,
            seeds: 3,
            shape: Shape::Linear,
            ..Config::default()
        },
    },
    Preset {
        name: "Noisy quadratic, exact",
        doc: "No luck involved: expected losses of all schedules and rates, with the point where each diverges.",
        config: || Config {
            shape: Shape::Linear,
            warmup: 0.02,
            ..Config::default().with_problem(Problem::Quadratic)
        },
    },
    Preset {
        name: "What convex theory says",
        doc: "The last-iterate bound along training: the drop in the cooldown, and how far the best rate moves with the decay.",
        config: || Config {
            warmup: 0.0,
            cooldown: 0.2,
            ..Config::default().with_problem(Problem::Bound)
        },
    },
    Preset {
        name: "The schedule the law would choose",
        doc: "The predicted final loss, minimised over all schedules: nearly flat, then a convex decay.",
        config: || Config {
            shape: Shape::LawOptimal,
            ..Config::default().with_problem(Problem::Law)
        },
    },
    Preset {
        name: "Fine-tuning: slow start, fast decay",
        doc: "A pretrained network with a new head learns from 60 images: a long warmup, then a sharp decay, as arXiv 2012.13628 advises.",
        config: || Config {
            shape: Shape::Exponential,
            warmup: 0.3,
            decay_to: 0.01,
            rivals: false,
            ..Config::default().with_problem(Problem::Modules)
        },
    },
    Preset {
        name: "Too large a rate",
        doc: "Rates beyond the stability limit 2 / λ of the steepest direction diverge; the run says where.",
        config: || Config {
            shape: Shape::Constant,
            warmup: 0.0,
            peak: 2.2,
            grid: 1,
            ..Config::default().with_problem(Problem::Quadratic)
        },
    },
];

impl Lab for Lr {
    type Config = Config;
    type Run = Run;

    const KIND: LabKind = LabKind::Lr;
    const INFO: LabInfo = LabInfo {
        title: "Learning rates",
        question: "When does the rate fall, and what does it buy?",
        entity: "training run",
        picture: "The learning rate over the run as a curve with draggable points, above the loss on the same axis",
    };

    fn params() -> &'static [Param<Config>] {
        config::params()
    }

    fn presets() -> &'static [Preset<Config>] {
        PRESETS
    }

    fn exhibits() -> &'static [&'static Exhibit] {
        EXHIBITS
    }

    fn exhibit(config: &Config) -> Option<&'static Exhibit> {
        if let Some(id) = cards::exhibit(config) {
            return EXHIBITS.iter().copied().find(|e| e.id == id);
        }
        // Under the bound or a law the theory is what the screen is about.
        let theory = match config.problem {
            Problem::Bound => Some("convex-bound"),
            Problem::Law if config.law == LawChoice::Annealing => Some("annealing-law"),
            Problem::Law => Some("multi-power-law"),
            Problem::Valley => Some("river-valley"),
            _ => None,
        }
        .filter(|_| Shape::RIVALS.contains(&config.shape))
        .or(match config.problem {
            Problem::Sparse => Some("large-steps"),
            Problem::Relabel => Some("nap"),
            Problem::Growing => Some("adadagrad"),
            Problem::Branches => Some("cooldown-shapes"),
            Problem::Masking => Some("masking-rate"),
            Problem::Robust => Some("scaling-c"),
            Problem::Domains => Some("mambanut"),
            Problem::Modules => Some("maps"),
            Problem::Denoiser => Some("diffusion-optimizers"),
            Problem::League => Some("algoperf"),
            _ => None,
        });
        let id = theory.unwrap_or(match config.shape {
            // No paper's: this lab's own answer to its own problem.
            Shape::ExactOptimal => return None,
            Shape::Constant => "constant-lr",
            Shape::Linear => "linear-to-zero",
            Shape::Cosine => "cosine-decay",
            Shape::Wsd => "wsd",
            Shape::Rex => "rex",
            Shape::Trapezoid => "trapezoid",
            Shape::Step => "step-decay",
            Shape::MultiStep => "multistep-decay",
            Shape::Exponential => "exponential-decay",
            Shape::Polynomial => "polynomial-decay",
            Shape::InverseSqrt => "inverse-sqrt",
            Shape::Restarts => "sgdr",
            Shape::OneCycle => "one-cycle",
            Shape::Cyclic => "cyclic-lr",
            Shape::Uba => "uba",
            Shape::Power => "power-scheduler",
            Shape::Drawn => "drawn-schedule",
            Shape::Refined => "refined-schedule",
            Shape::BoundOptimal => "bound-optimum",
            Shape::LawOptimal => "mpl-optimum",
            Shape::Plateau => "plateau",
            Shape::Hypergradient => "hypergradient",
            Shape::VolSched => "volsched",
            Shape::AutoLrs => "autolrs",
            Shape::ScheduleFree => "schedule-free",
            Shape::FedHyper => "fedhyper",
            Shape::DriftOptimal => "drift-schedule",
            Shape::Extended => "schedule-extension",
        });
        EXHIBITS.iter().copied().find(|e| e.id == id)
    }

    fn label(config: &Config) -> String {
        format!("{} at {:.1e}", config.shape.name(), config.peak)
    }

    fn check(config: &Config) -> Result<()> {
        config.check()
    }

    fn start(config: &Config, data: &Library) -> Result<Box<dyn Job<Out = Run>>> {
        let Some(key) = config
            .log
            .as_ref()
            .filter(|_| config.problem == Problem::Log)
        else {
            return work::start(config);
        };
        match data.get(key)? {
            Dataset::LossLog(log) => Ok(Box::new(Continuation::new(config, log)?)),
            other => Err(Error::Unsupported(format!(
                "{} ({}) as a loss log",
                key.name,
                other.words()
            ))),
        }
    }

    fn seed(config: &Config) -> u64 {
        config.seed
    }

    fn set_seed(config: &mut Config, seed: u64) {
        config.seed = seed;
    }

    fn use_data(config: &Config, key: &DataKey, data: &Dataset) -> Result<Config> {
        let Dataset::LossLog(log) = data else {
            return Err(Error::Unsupported(format!(
                "{} ({}) in this lab",
                key.name,
                data.words()
            )));
        };
        // The longest run goes on for a quarter of what it has done.
        let longest = (0..log.runs.len()).max_by_key(|i| log.runs[*i].last());
        let (run, longest) = longest
            .and_then(|i| Some((i as u64, log.runs.get(i)?)))
            .ok_or_else(|| Error::malformed("log", "has no run"))?;
        let last = longest.last() as u64 + 1;
        let now = longest.rates.last().copied().filter(|r| *r > 0.0);
        Ok(Config {
            problem: Problem::Log,
            log: Some(key.clone()),
            run,
            horizon: (last + (last / 4).max(10)).min(1_000_000),
            peak: now.unwrap_or(config.peak),
            grid: 0,
            shape: Shape::Wsd,
            dialect: dialects::Dialect::Lab,
            cooldown: 0.6,
            ..config.clone()
        })
    }
}
