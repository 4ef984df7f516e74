//! Experiments beside the engine: systems whose idea lies outside of batches and KV blocks, each a
//! small model of its own with the equations of its paper.

pub mod accelerators;
mod agenda;
pub mod board;
pub mod cache;
pub(super) mod claim;
pub mod eviction;
pub mod experts;
pub mod fault;
pub mod functions;
mod in_turn;
mod phases;
pub mod quality;
mod run;
mod sphere;
pub mod workflow;

pub use run::{AsideRun, Findings};

use super::config::Config;
use crate::core::{Job, Result};
use serde::{Deserialize, Serialize};

/// What is simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum World {
    /// Requests on servers of a language model: the engine.
    #[default]
    Server,
    /// Answers found again by the meaning of the question.
    Cache,
    /// Entries of the KV cache chosen by the attention of a window.
    Eviction,
    /// Fine-tuned models as functions on demand.
    Functions,
    /// Queries of several calls with a deadline.
    Workflow,
    /// Models of several sizes chosen by the load.
    Quality,
    /// Experts as services of their own.
    Experts,
    /// Accelerators of two kinds under a control loop.
    Accelerators,
}

impl World {
    /// All of them, in the order of the menu.
    pub const ALL: [Self; 8] = [
        Self::Server,
        Self::Cache,
        Self::Eviction,
        Self::Functions,
        Self::Workflow,
        Self::Quality,
        Self::Experts,
        Self::Accelerators,
    ];
    /// Their names in that order.
    pub const NAMES: [&'static str; 8] = [
        "language model servers",
        "semantic cache",
        "eviction of KV entries",
        "serverless functions",
        "agentic workflows",
        "models of several sizes",
        "experts as services",
        "two kinds of accelerators",
    ];

    /// Key of the exhibit of an experiment; empty for the engine.
    pub(super) fn exhibit(self) -> &'static str {
        match self {
            Self::Server => "",
            Self::Cache => "semantic-cache",
            Self::Eviction => "defensivekv",
            Self::Functions => "serverless-lora",
            Self::Workflow => "hexgen-text2sql",
            Self::Quality => "learned-best-effort",
            Self::Experts => "expert-as-a-service",
            Self::Accelerators => "adaptive-orchestration",
        }
    }
}

/// What a config runs, for legends; for the engine its schedulers say it.
pub(super) fn label(config: &Config) -> String {
    match config.world {
        World::Server => String::new(),
        World::Cache => config.cache.label(),
        World::Eviction => config.eviction.label(),
        World::Functions => config.functions.label(),
        World::Workflow => config.workflow.label(),
        World::Quality => config.quality.label(),
        World::Experts => config.experts.label(),
        World::Accelerators => config.accelerators.label(),
    }
}

/// Checks the parts of an experiment that depend on each other.
///
/// # Errors
/// The first that cannot run.
pub(super) fn check(config: &Config) -> Result<()> {
    match config.world {
        World::Server => Ok(()),
        World::Cache => config.cache.check(),
        World::Eviction => config.eviction.check(),
        World::Functions => config.functions.check(),
        World::Workflow => config.workflow.check(),
        World::Quality => config.quality.check(),
        World::Experts => config.experts.check(),
        World::Accelerators => config.accelerators.check(),
    }
}

/// Starts the experiment of a checked config; `None` for the engine.
pub(super) fn start(config: &Config) -> Option<Box<dyn Job<Out = AsideRun>>> {
    match config.world {
        World::Server => None,
        World::Cache => Some(Box::new(cache::Work::new(config))),
        World::Eviction => Some(Box::new(eviction::Work::new(config))),
        World::Functions => Some(functions::work(config)),
        World::Workflow => Some(Box::new(workflow::Work::new(config))),
        World::Quality => Some(Box::new(quality::Work::new(config))),
        World::Experts => Some(Box::new(experts::Work::new(config))),
        World::Accelerators => Some(accelerators::work(config)),
    }
}
