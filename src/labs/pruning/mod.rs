//! Pruning lab.

pub mod checkpoint;
mod config;
pub mod golden;
#[cfg(feature = "gpu")]
mod gpu;
pub mod header;
pub mod mask;
mod model;
pub mod npy;
pub mod select;
pub mod systems;
#[cfg(feature = "app")]
mod view;

pub use config::Config;
pub use model::Run;
pub use systems::EXHIBITS;

use super::{DataKey, Dataset, Exhibit, Lab, LabInfo, LabKind, Library, Preset};
use crate::core::{Error, Job, Param, Result};

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
        picture: "",
    };

    fn params() -> &'static [Param<Config>] {
        &[]
    }

    fn presets() -> &'static [Preset<Config>] {
        &[Preset {
            name: "Default",
            doc: "",
            config: Config::default,
        }]
    }

    fn exhibits() -> &'static [&'static Exhibit] {
        EXHIBITS
    }

    fn label(_config: &Config) -> String {
        String::new()
    }

    fn start(config: &Config, _data: &Library) -> Result<Box<dyn Job<Out = Run>>> {
        Self::check(config)?;
        Ok(Box::new(model::Work))
    }

    fn seed(config: &Config) -> u64 {
        config.seed
    }

    fn set_seed(config: &mut Config, seed: u64) {
        config.seed = seed;
    }

    fn use_data(_config: &Config, key: &DataKey, data: &Dataset) -> Result<Config> {
        Err(Error::Unsupported(format!(
            "{} ({}) in this lab",
            key.name,
            data.words()
        )))
    }
}
