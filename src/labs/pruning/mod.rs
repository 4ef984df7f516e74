//! Pruning lab.

mod charts;
pub mod checkpoint;
mod choices;
mod config;
pub mod criteria;
pub mod golden;
#[cfg(feature = "gpu")]
mod gpu;
pub mod header;
mod judge;
mod kinds;
pub mod many;
pub mod measure;
mod model;
pub mod network;
pub mod npy;
pub mod npz;
mod packing;
#[cfg(feature = "app")]
mod panels;
mod params;
pub mod part;
pub mod plan;
mod product;
pub mod ranks;
mod report;
mod results;
pub mod rewrite;
pub mod schedule;
pub mod score;
#[cfg(test)]
mod short_steps;
pub mod spectrum;
pub mod statistics;
pub mod systems;
mod tally;
mod training;
#[cfg(feature = "app")]
mod view;
mod words;
#[cfg(feature = "app")]
pub use view::View;

pub use config::{
    Config, Exchange, Fade, Granularity, Method, NanPolicy, RateShape, Regime, Shape, Source,
    Switching,
};
pub use kinds::{Aid, Choosing, Coder, Fusion, Pattern, Pick, Surgery, Transfer};
pub use results::{Cell, Results, Run};
pub use systems::EXHIBITS;
pub use tally::{Histogram, Strip};
pub use training::{Ended, Film, Frame, Images};

use super::{DataKey, Dataset, Exhibit, Lab, LabInfo, LabKind, Library, Preset};
use crate::core::{Error, Job, Param, Result, validate};

/// The pruning lab.
#[derive(Debug)]
pub struct Pruning;

impl Lab for Pruning {
    type Config = Config;
    type Run = Run;

    const KIND: LabKind = LabKind::Pruning;
    const INFO: LabInfo = LabInfo {
        title: "Pruning",
        question: "Which weights can go, and what is lost?",
        entity: "layer",
        picture: "The weight matrices as grids, one cell a weight: kept weights in ink by magnitude, pruned ones blank; for the first layer one 8 by 8 field per hidden unit.",
    };

    const PRODUCT: Option<&'static str> = Some("Save the pruned checkpoint");

    fn params() -> &'static [Param<Config>] {
        &params::PARAMS
    }

    fn presets() -> &'static [Preset<Config>] {
        PRESETS
    }

    fn exhibits() -> &'static [&'static Exhibit] {
        EXHIBITS
    }

    fn exhibit(config: &Config) -> Option<&'static Exhibit> {
        if config.regime != Regime::Cut {
            let id = systems::while_training(config)?;
            return EXHIBITS.iter().copied().find(|e| e.id == id);
        }
        let id = match (config.method, config.granularity) {
            (config::Method::Magnitude, _) if config.sparsity == 0.0 => "zipnn",
            (config::Method::Snr, _) => "evolution-snr",
            (config::Method::Saap, _) => "saap",
            (config::Method::Sketch, _) => "sketch-at-init",
            (config::Method::Magnitude, config::Granularity::Global) => "global-magnitude",
            (config::Method::Magnitude, config::Granularity::Layer) => "layer-magnitude",
            (config::Method::Random, _) => "random-pruning",
            (config::Method::Lamp, _) => "lamp",
            (config::Method::Erk, _) => "erk",
            (config::Method::NOfM, _) => "n-of-m",
            (config::Method::Wanda, _) => "wanda",
            (config::Method::Obd, _) => "optimal-brain-damage",
            (config::Method::Units, _) => "hidden-units",
            (config::Method::JointDp, _) => "joint-dp",
            (config::Method::Contribution, _) => "relative-contribution",
            (config::Method::Block, _) => "block-pruning",
            (config::Method::Manual, _) => return None,
            (config::Method::Movement, _) => "movement",
            (config::Method::Snip, _) => "snip",
            (config::Method::Grasp, _) => "grasp",
            (config::Method::SynFlow, _) => "synflow",
        };
        EXHIBITS.iter().copied().find(|e| e.id == id)
    }

    fn label(config: &Config) -> String {
        config.label()
    }

    fn check(config: &Config) -> Result<()> {
        validate(Self::params(), config)?;
        model::check(config)
    }

    fn start(config: &Config, data: &Library) -> Result<Box<dyn Job<Out = Run>>> {
        Self::check(config)?;
        if config.regime != Regime::Cut {
            return Ok(Box::new(training::Filming::new(config)?));
        }
        Ok(Box::new(model::Work::new(config, data)?))
    }

    fn seed(config: &Config) -> u64 {
        config.seed
    }

    fn set_seed(config: &mut Config, seed: u64) {
        config.seed = seed;
    }

    fn use_data(config: &Config, key: &DataKey, data: &Dataset) -> Result<Config> {
        match data {
            Dataset::Tensors(_) => Ok(Config {
                source: Source::Imported,
                file: Some(key.clone()),
                ..config.clone()
            }),
            Dataset::Trace(_)
            | Dataset::Profile(_)
            | Dataset::LossLog(_)
            | Dataset::Schedule(_)
            | Dataset::Images(_) => Err(Error::Unsupported(format!(
                "{} ({}) as weights",
                key.name,
                data.words()
            ))),
        }
    }
}

const PRESETS: &[Preset<Config>] = &[
    Preset {
        name: "How far can it go?",
        doc: "Global magnitude pruning of a trained digit reader. Play: for a long time nothing happens, then everything at once.",
        config: Config::default,
    },
    Preset {
        name: "Every layer the same",
        doc: "Per-layer magnitude at 95 %: the small last layer loses as large a share as the big first one.",
        config: || Config {
            granularity: Granularity::Layer,
            sparsity: 95.0,
            ..Config::default()
        },
    },
    Preset {
        name: "Spread by LAMP",
        doc: "Layer-adaptive scores at 95 %: compare the density bars with those of global magnitude.",
        config: || Config {
            method: Method::Lamp,
            sparsity: 95.0,
            ..Config::default()
        },
    },
    Preset {
        name: "2:4 for hardware",
        doc: "Two of every four neighbours are kept: half of the weights go, and the loss is hardly seen.",
        config: || Config {
            method: Method::NOfM,
            ..Config::default()
        },
    },
    Preset {
        name: "At random",
        doc: "The control: weights go in random order. The accuracy falls from the first weights on.",
        config: || Config {
            method: Method::Random,
            sparsity: 50.0,
            ..Config::default()
        },
    },
    Preset {
        name: "While it trains",
        doc: "The cubic schedule to 98 %: many weights go early, and the rest of the training is time to recover. Play, then compare with the linear schedule.",
        config: || Config {
            regime: Regime::Gradual,
            sparsity: 98.0,
            ..Config::default()
        },
    },
    Preset {
        name: "A winning ticket",
        doc: "Train, cut 30 %, go back to the first weights, train again: down to 1.4 % of the weights. The last stretch is the control, the same mask with other first weights.",
        config: || Config {
            regime: Regime::Ticket,
            sparsity: 98.6,
            ..Config::default()
        },
    },
    Preset {
        name: "Barely trained",
        doc: "Only 40 training steps: the magnitudes still look like their random start, and pruning hurts earlier.",
        config: || Config {
            train_steps: 40,
            ..Config::default()
        },
    },
];
