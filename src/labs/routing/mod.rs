//! Routing lab: softmax top-k routing of tokens to experts with capacity, and rules that balance
//! the load.

mod batch;
mod charts;
mod claims;
mod config;
mod deploy;
pub mod dump;
mod frontier;
mod gates;
pub mod golden;
#[cfg(feature = "gpu")]
mod gpu;
mod model;
#[cfg(feature = "app")]
mod panels;
mod params;
mod places;
mod population;
mod route;
pub mod rules;
mod solve;
mod story;
mod system_charts;
pub mod systems;
mod tell;
#[cfg(feature = "app")]
mod view;

pub use config::{
    BiasRule, BufferOrder, CapacityRule, Config, DropOrder, HashTable, Overflow, Renormalise,
    Router, SecondChoice,
};
pub use model::{Entity, Run, Scene};
pub use route::{Batch, BatchStats, Fate, Pair};
pub use systems::EXHIBITS;

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
        params::PARAMS
    }

    fn presets() -> &'static [Preset<Config>] {
        PRESETS
    }

    fn exhibits() -> &'static [&'static Exhibit] {
        EXHIBITS
    }

    fn label(config: &Config) -> String {
        label(config)
    }

    fn exhibit(config: &Config) -> Option<&'static Exhibit> {
        let id = match config.router {
            _ if config.has_second_chance() => "capacity-aware-inference",
            Router::Mixtral => "mixtral",
            Router::Granite => "granite-moe",
            Router::Switch if config.limited && config.buffer_order == BufferOrder::TokenMajor => {
                "openmoe"
            }
            Router::Switch => "switch",
            Router::Gshard => "gshard",
            Router::ExpertChoice => "expert-choice",
            Router::LossFree if config.bias_decay > 0.0 => "primal-dual-balancing",
            Router::LossFree => "loss-free-balancing",
            Router::DeepseekV3 => "deepseek-v3",
            Router::Cosine => "x-moe",
            Router::Hash => "hash-layers",
            Router::Sinkhorn => "s-base",
            Router::Base => "base-layers",
            Router::SparseTransport => "sparse-transport",
            Router::Dynmole => "dynmole",
            Router::Blockffn => "blockffn",
            Router::SoftMoe => "soft-moe",
            Router::TokenGraph => "graph-of-tokens",
            Router::Recorded => return None,
        };
        EXHIBITS.iter().copied().find(|e| e.id == id)
    }

    fn check(config: &Config) -> Result<()> {
        config.check()
    }

    fn start(config: &Config, data: &Library) -> Result<Box<dyn Job<Out = Run>>> {
        Self::check(config)?;
        Ok(Box::new(model::Work::with(config, data)?))
    }

    fn seed(config: &Config) -> u64 {
        config.seed
    }

    fn set_seed(config: &mut Config, seed: u64) {
        config.seed = seed & u64::from(u32::MAX);
    }

    /// The first layer, as many tokens as fit, with the router kept where the file allows it.
    fn use_data(config: &Config, key: &DataKey, data: &Dataset) -> Result<Config> {
        let layers = model::layers_of(key, data)?;
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

fn label(config: &Config) -> String {
    let name = match config.router {
        Router::Mixtral => format!("Mixtral top-{}", config.k),
        Router::Granite => format!("Granite top-{}", config.k),
        Router::Switch => "Switch top-1".to_owned(),
        Router::Gshard => "GShard top-2".to_owned(),
        Router::ExpertChoice => format!("Expert choice, {} per token", config.k),
        Router::LossFree => format!("Loss-free top-{}, u {}", config.k, config.bias_rate),
        Router::DeepseekV3 => format!(
            "DeepSeek-V3 top-{} in {} of {} groups",
            config.k, config.topk_group, config.groups
        ),
        Router::Cosine => format!("X-MoE top-{}", config.k),
        Router::Hash => "Hash".to_owned(),
        Router::Sinkhorn => format!("S-BASE top-{}, τ {}", config.k, config.temperature),
        Router::Base => "BASE".to_owned(),
        Router::SparseTransport => format!("Sparse transport, {} steps", config.transport_steps),
        Router::Dynmole => format!("DynMoLE, threshold {}", config.entropy_threshold),
        Router::Blockffn => "BlockFFN".to_owned(),
        Router::SoftMoe => format!("Soft MoE, {} slots", config.slots()),
        Router::TokenGraph => format!("Token graph top-{}, τ {}", config.k, config.temperature),
        Router::Recorded => "As recorded".to_owned(),
    };
    let name = match &config.data {
        Some(key) => format!("{name} on {} layer {}", key.name, config.layer),
        None => name,
    };
    if !config.has_capacity() {
        return if config.router == Router::SoftMoe {
            name
        } else {
            format!("{name}, dropless")
        };
    }
    let own = config.router.fills_experts();
    let who = match config.drop_order {
        _ if own => "",
        DropOrder::Token => "",
        DropOrder::Score => ", best gate",
        DropOrder::Last => ", last come",
        DropOrder::Random => ", random",
    };
    let then = match config.overflow {
        _ if own => "",
        Overflow::Drop => "",
        Overflow::Reroute => ", re-route",
        Overflow::Expand => ", fill",
    };
    format!("{name}, capacity {}{who}{then}", config.capacity_factor)
}

/// Starting points of the lab.
static PRESETS: &[Preset<Config>] = &[
    Preset {
        name: "Overflow",
        doc: "A router with favourites: two experts overflow while others idle, and the tokens that come last are dropped.",
        config: || Config {
            router_skew: 0.8,
            ..Config::default()
        },
    },
    Preset {
        name: "Pure chance",
        doc: "A router without favourites on tokens without order: the loads still differ, and this spread is the floor that no router beats.",
        config: || Config {
            clusters: 24,
            cluster_skew: 0.0,
            spread: 4.0,
            router_skew: 0.0,
            logit_scale: 1.0,
            dim: 64,
            ..Config::default()
        },
    },
    Preset {
        name: "Bias finds the balance",
        doc: "Loss-free balancing: watch the selection bias push tokens from the full experts to the idle ones, batch after batch.",
        config: || Config {
            router: Router::LossFree,
            router_skew: 0.8,
            batches: 60,
            ..Config::default()
        },
    },
    Preset {
        name: "Experts choose",
        doc: "Every expert takes its best tokens: perfect balance, but some tokens get no expert at all.",
        config: || Config {
            router: Router::ExpertChoice,
            router_skew: 0.8,
            k: 1,
            capacity_factor: 1.0,
            ..Config::default()
        },
    },
    Preset {
        name: "Best gate keeps its place",
        doc: "The same overflow, but a full expert throws out its weakest token when a better one comes.",
        config: || Config {
            router_skew: 0.8,
            drop_order: DropOrder::Score,
            ..Config::default()
        },
    },
    Preset {
        name: "Second chance",
        doc: "The same overflow re-routed: what a full expert turns away goes to the next best one with room. Look at it as a heat map.",
        config: || Config {
            router_skew: 0.8,
            drop_order: DropOrder::Score,
            overflow: Overflow::Reroute,
            ..Config::default()
        },
    },
    Preset {
        name: "The price of balance",
        doc: "Exact balanced assignment: every expert takes the same number of tokens at the least loss of value. The chart of value against balance shows the other rules on the same tokens.",
        config: || Config {
            router: Router::Base,
            router_skew: 0.8,
            ..Config::default()
        },
    },
    Preset {
        name: "DeepSeek-V3",
        doc: "256 experts in 8 groups, 8 of them per token from at most 4 groups, a bias that learns to balance.",
        config: || Config {
            router: Router::DeepseekV3,
            experts: 256,
            groups: 8,
            topk_group: 4,
            k: 8,
            tokens: 1024,
            batches: 16,
            bias_rate: 0.01,
            limited: false,
            clusters: 12,
            devices: 8,
            ..Config::default()
        },
    },
    Preset {
        name: "Many experts",
        doc: "64 experts, 2,048 tokens, 4 experts each: the picture gathers tokens into ribbons.",
        config: || Config {
            experts: 64,
            k: 4,
            tokens: 2048,
            batches: 4,
            clusters: 12,
            router_skew: 0.4,
            ..Config::default()
        },
    },
];
