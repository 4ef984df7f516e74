//! Routing lab: softmax top-k routing of tokens to experts with capacity, and rules that balance
//! the load.

mod batch;
#[cfg(feature = "app")]
mod cap;
mod charts;
mod check;
mod claims;
mod config;
mod deploy;
pub mod dump;
mod entity;
mod figures;
mod file_layers;
mod fill;
mod frontier;
mod gates;
pub mod golden;
#[cfg(feature = "gpu")]
mod gpu;
mod label;
mod layer;
mod layers;
mod model;
mod multiples;
mod options;
#[cfg(feature = "app")]
mod panels;
mod params;
mod places;
mod population;
mod presets;
mod queries;
mod route;
pub mod rules;
mod solve;
mod source;
mod story;
mod studies;
mod system_charts;
pub mod systems;
mod tell;
mod text;
mod touched;
mod training;
mod utilise;
mod variants;
#[cfg(feature = "app")]
mod view;
mod world;

pub use config::Config;
pub use entity::Entity;
#[cfg(feature = "gpu")]
pub use gpu::{Pipeline, Sizes};
pub use layers::{LayerRun, Policy};
pub use model::{BatchRun, Scene};
pub use multiples::{Along, LoadPanel, LoadPanels};
pub use options::{
    BiasRule, BufferOrder, CapacityRule, CapacityScope, DropOrder, Estimate, Graph, HashTable,
    LayerRule, Overflow, Precision, QueryRule, Renormalise, Router, Score, SecondChoice, Study,
    Task, TieBreak, World,
};
pub use queries::QueryRun;
pub use route::{Batch, BatchStats, Fate, Pair};
pub use source::TokenSource;
pub use studies::StudyRun;
pub use systems::EXHIBITS;
pub use training::{Snapshot, TrainRun};
pub use variants::Variant;
pub use world::Run;

use super::{DataKey, Dataset, Exhibit, Lab, LabInfo, LabKind, Library, Preset};
use crate::core::{Error, Job, Param, Result};

/// The routing lab.
#[derive(Debug)]
pub struct Routing;

impl Lab for Routing {
    type Config = Config;
    type Run = Run;

    const KIND: LabKind = LabKind::Routing;
    const INFO: LabInfo = LabInfo {
        title: "Routing",
        question: "Which expert gets which token, and who is dropped?",
        entity: "token",
        picture: "Tokens on the left, coloured by cluster, flow along links into expert bins on the right. Bins fill up to a capacity line; tokens over it fall out with a cross. A grey band on each bin shows the load that uniformly random routing would give.",
    };

    fn params() -> &'static [Param<Config>] {
        &params::PARAMS
    }

    fn presets() -> &'static [Preset<Config>] {
        presets::PRESETS
    }

    fn exhibits() -> &'static [&'static Exhibit] {
        EXHIBITS
    }

    fn label(config: &Config) -> String {
        label::label(config)
    }

    fn exhibit(config: &Config) -> Option<&'static Exhibit> {
        let id = systems::id_of(config)?;
        EXHIBITS.iter().copied().find(|e| e.id == id)
    }

    fn check(config: &Config) -> Result<()> {
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
        config.seed = seed & u64::from(u32::MAX);
    }

    /// The first layer, as many tokens as fit, with the router kept where the file allows it.
    fn use_data(config: &Config, key: &DataKey, data: &Dataset) -> Result<Config> {
        let layers = layer::layers_of(key, data)?;
        let layer = layers.get(config.layer as usize).or_else(|| layers.first());
        let layer =
            layer.ok_or_else(|| Error::Unsupported(format!("{} without layers", key.name)))?;
        let recorded = layer.content == dump::Content::Choices;
        let router = match config.router {
            _ if recorded => Router::Recorded,
            Router::Recorded => Router::Mixtral,
            router if router.needs_tokens() => Router::Mixtral,
            router => router,
        };
        let experts = layer.experts as u64;
        let k = if recorded {
            layer.width as u64
        } else {
            config.k.min(experts)
        };
        // Several batches, so that a bias has something to learn from.
        let all = layer.tokens as u64;
        let tokens = (all / 8).clamp(all.min(128), 512);
        let mut config = Config {
            data: Some(key.clone()),
            world: World::Batches,
            layer: if layers.len() as u64 > config.layer {
                config.layer
            } else {
                0
            },
            router,
            experts,
            k,
            tokens,
            batches: (layer.tokens as u64 / tokens).min(400),
            ..config.clone()
        };
        while config.batches > 1 && config.check().is_err_and(|e| e.field() == Some("batches")) {
            config.batches /= 2;
        }
        Ok(config)
    }
}
