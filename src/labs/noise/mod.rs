//! Noise lab: which noise levels turn static into data. Two-dimensional mixtures whose best
//! possible denoiser is known exactly, so that every error on screen is the schedule's or the
//! solver's, never a network's.

mod claims;
mod config;
pub mod consistency;
pub mod data;
pub mod distance;
pub mod empirical;
pub mod exchange;
pub mod families;
pub mod fields;
mod files;
mod flow;
pub mod gaussian;
pub mod golden;
#[cfg(feature = "gpu")]
pub mod gpu;
pub mod grids;
pub mod guidance;
pub mod images;
mod law_charts;
mod laws;
pub mod learned;
pub mod library;
mod linear;
pub mod lint;
pub mod lists;
pub mod masked;
mod masked_field;
pub mod mixture;
pub mod mmse;
pub mod model;
pub mod olss;
pub mod optimal;
pub mod orders;
pub mod oss;
#[cfg(feature = "app")]
mod panels;
mod params;
pub mod potts;
pub mod problem;
mod report;
mod run;
pub mod schedule;
pub mod search;
pub mod solver;
pub mod speed;
mod story;
mod sweep;
pub mod systems;
pub mod tables;
pub mod tokens;
pub mod training;
#[cfg(feature = "app")]
mod view;
mod world;

pub use config::{Config, Direction, Prediction, World};
pub use run::{Frame, Headline, Mode, PlaneRun, Scores};
pub use systems::EXHIBITS;
pub use world::Run;

use super::{DataKey, Dataset, Exhibit, Lab, LabInfo, LabKind, Library, Preset};
use crate::core::{Error, Job, Param, Result, validate};
use data::DataSet;
use schedule::ScheduleKind;
use solver::SolverKind;
use tokens::{OrderKind, Source};

/// The noise lab.
#[derive(Debug)]
pub struct Noise;

static PRESETS: &[Preset<Config>] = &[
    Preset {
        name: "Ring, there and back",
        doc: "Eight modes dissolve into noise and come back: watch when the ring decides.",
        config: Config::default,
    },
    Preset {
        name: "Too few steps",
        doc: "Six Euler steps in equal sigma on a grid: particles stop between the modes.",
        config: || Config {
            data: DataSet::Grid9,
            solver: SolverKind::Euler,
            rho: 1.0,
            steps: 6,
            ..Config::default()
        },
    },
    Preset {
        name: "Spiral, ten calls",
        doc: "Ten calls on sixty modes: DPM-Solver++ against the other solvers at the same NFE.",
        config: || Config {
            data: DataSet::Spiral,
            mode_sd: 0.03,
            solver: SolverKind::DpmPp2m,
            steps: 10,
            ..Config::default()
        },
    },
    Preset {
        name: "Ancestral noise",
        doc: "DDPM sampling: fresh noise in every step, on the linear schedule.",
        config: || Config {
            data: DataSet::Moons,
            schedule: ScheduleKind::Linear,
            solver: SolverKind::Ddim,
            eta: 1.0,
            steps: 40,
            ..Config::default()
        },
    },
    Preset {
        name: "Optimal in the page",
        doc: "Levels found for this data and step count by dynamic programming: move the slider from KL to W2 and watch the staircase.",
        config: || Config {
            data: DataSet::Grid9,
            schedule: ScheduleKind::Optimal,
            solver: SolverKind::Ddim,
            steps: 10,
            ..Config::default()
        },
    },
    Preset {
        name: "Quality against calls",
        doc: "The same setup from 4 to 60 denoiser calls over five seeds: add a second setup and compare the curves.",
        config: || Config {
            data: DataSet::Grid9,
            solver: SolverKind::UniPc,
            steps: 12,
            nfe_seeds: 5,
            ..Config::default()
        },
    },
    Preset {
        name: "A network that errs",
        doc: "A made-up network error of 5 % under zero terminal SNR: predict eps, then v, and see which start survives.",
        config: || Config {
            data: DataSet::Moons,
            schedule: ScheduleKind::ScaledLinear,
            zero_terminal_snr: true,
            solver: SolverKind::Ddim,
            direction: Direction::Generate,
            steps: 20,
            prediction: Prediction::V,
            model_error: 0.05,
            ..Config::default()
        },
    },
    Preset {
        name: "Draw your own",
        doc: "A hand-drawn schedule: drag its points and watch the distance.",
        config: || Config {
            data: DataSet::TwoScales,
            schedule: ScheduleKind::Custom,
            steps: 12,
            ..Config::default()
        },
    },
    Preset {
        name: "Invert and back",
        doc: "DDIM inversion: data to noise by the reversed sampler, and back. What is lost on the way?",
        config: || Config {
            data: DataSet::Grid9,
            direction: Direction::Invert,
            schedule: ScheduleKind::ScaledLinear,
            solver: SolverKind::Ddim,
            steps: 25,
            ..Config::default()
        },
    },
    Preset {
        name: "Digits that memorise",
        doc: "The exact denoiser of 600 handwritten digits: every sample ends on a training image. Widen the images to see it invent.",
        config: || Config {
            world: World::Images,
            steps: 24,
            solver: SolverKind::DpmPp2m,
            ..Config::default()
        },
    },
    Preset {
        name: "Shapes that merge",
        doc: "The exact denoiser of 400 drawn shapes with a little width: watch how many are still possible at every step.",
        config: || Config {
            world: World::Images,
            shapes: true,
            training_images: 400,
            bandwidth: 0.15,
            steps: 16,
            solver: SolverKind::DpmPp2m,
            ..Config::default()
        },
    },
    Preset {
        name: "The same field, more pixels",
        doc: "A Gaussian field at 16, 32 and 64 pixels under a flow schedule: with more pixels the same level destroys less. Below it the schedule moved by the side.",
        config: || Config {
            world: World::Fields,
            schedule: ScheduleKind::Flow,
            solver: SolverKind::Ddim,
            steps: 16,
            ..Config::default()
        },
    },
    Preset {
        name: "Unmasking a picture",
        doc: "A Gaussian token field revealed in eight rounds: change the order and watch what each round costs.",
        config: || Config {
            world: World::Tokens,
            all_orders: true,
            ..Config::default()
        },
    },
    Preset {
        name: "Unmasking a sentence",
        doc: "Sixteen sequences of a hidden Markov chain in five rounds: dilated against confidence.",
        config: || Config {
            world: World::Tokens,
            source: Source::Hidden,
            order: OrderKind::Dilated,
            rounds: 5,
            all_orders: true,
            ..Config::default()
        },
    },
];

impl Lab for Noise {
    type Config = Config;
    type Run = Run;

    const KIND: LabKind = LabKind::Noise;
    const INFO: LabInfo = LabInfo {
        title: "Noise",
        question: "Which noise levels turn static into data?",
        entity: "particle",
        picture: "Particles in the plane over the density of the data at their noise level, with the schedule as a curve whose points can be dragged",
    };

    fn params() -> &'static [Param<Config>] {
        params::PARAMS
    }

    fn presets() -> &'static [Preset<Config>] {
        PRESETS
    }

    fn exhibits() -> &'static [&'static Exhibit] {
        EXHIBITS
    }

    fn exhibit(config: &Config) -> Option<&'static Exhibit> {
        let id = systems::id_of(config)?;
        EXHIBITS.iter().copied().find(|e| e.id == id)
    }

    fn label(config: &Config) -> String {
        if config.world == World::Fields {
            let (spectrum, schedule) = (config.spectrum.name(), config.schedule.name());
            return format!("{spectrum}, {schedule} x {}", config.steps);
        }
        if config.world == World::Images {
            let (schedule, solver) = (config.schedule.name(), config.solver.name());
            let what = if config.folder.is_some() {
                "pictures"
            } else if config.shapes {
                "shapes"
            } else {
                "digits"
            };
            return format!("{what}, {schedule}, {solver} x {}", config.steps);
        }
        if config.world == World::Tokens {
            let (source, order) = (config.source.name(), config.order.name());
            return format!("{source}, {order} x {}", config.rounds);
        }
        format!(
            "{}, {} x {}",
            config.schedule.name(),
            config.solver.name(),
            config.steps
        )
    }

    fn check(config: &Config) -> Result<()> {
        validate(Self::params(), config)?;
        config.check()
    }

    fn start(config: &Config, data: &Library) -> Result<Box<dyn Job<Out = Run>>> {
        Self::check(config)?;
        world::start(config, data)
    }

    fn seed(config: &Config) -> u64 {
        config.seed
    }

    fn set_seed(config: &mut Config, seed: u64) {
        config.seed = seed;
    }

    fn use_data(config: &Config, key: &DataKey, data: &Dataset) -> Result<Config> {
        if matches!(data, Dataset::Images(_)) {
            return Ok(Config {
                world: World::Images,
                folder: Some(key.clone()),
                ..config.clone()
            });
        }
        if let Dataset::Schedule(brought) = data {
            return Ok(brought.levels(config.steps as usize)?.config(config));
        }
        Err(Error::Unsupported(format!(
            "{} ({}) in this lab",
            key.name,
            data.words()
        )))
    }
}
