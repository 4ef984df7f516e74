//! Serving lab.

mod config;
pub mod cost;
pub mod engine;
pub mod golden;
#[cfg(feature = "gpu")]
mod gpu;
mod model;
pub mod policies;
pub mod queueing;
pub mod systems;
pub mod trace;
#[cfg(feature = "app")]
mod view;

pub use config::Config;
pub use model::Run;
pub use systems::EXHIBITS;

use super::{DataKey, Dataset, Exhibit, Lab, LabInfo, LabKind, Library, Preset};
use crate::core::{Error, Job, Param, Result};

/// The serving lab.
#[derive(Debug)]
pub struct Serving;

impl Lab for Serving {
    type Config = Config;
    type Run = Run;

    const KIND: LabKind = LabKind::Serving;
    const INFO: LabInfo = LabInfo {
        title: "Serving",
        question: "Which requests wait, and why?",
        entity: "request",
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
