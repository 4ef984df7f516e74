//! The parameters of the lab, in the order of the panel.

mod batches;
mod layers;
mod queries;
mod studies;
mod system;
mod training;

use super::config::{Config, World};
use crate::core::Param;
use std::sync::LazyLock;

/// The parameters, in the order of the panel.
pub(super) static PARAMS: LazyLock<Vec<Param<Config>>> = LazyLock::new(|| {
    [
        &[WORLD][..],
        training::PARAMS,
        layers::PARAMS,
        queries::PARAMS,
        studies::PARAMS,
        batches::PARAMS,
        system::PARAMS,
    ]
    .concat()
});

const WORLD: Param<Config> = Param::choice(
    "world",
    "World",
    World::NAMES,
    |c: &Config| index_of(&World::ALL, &c.world),
    |c, v| c.world = nth(&World::ALL, v),
)
.group("Experiment")
.doc("Batches of tokens under a fixed router; a small mixture of experts in training; a small residual network whose layers can be skipped, repeated or left early; queries that one of several models answers; or small experiments: adapters by task, routers put right after training, lookup in place of routing, systems that run experts.");

fn index_of<T: PartialEq>(all: &[T], value: &T) -> usize {
    all.iter().position(|v| v == value).unwrap_or(0)
}

/// The n-th of a menu; the default past its end.
fn nth<T: Copy + Default>(all: &[T], n: usize) -> T {
    all.get(n).copied().unwrap_or_default()
}

/// Whether tokens go to experts under a fixed router.
fn routes(c: &Config) -> bool {
    c.world == World::Batches
}

/// Whether a mixture of experts is trained.
fn trains(c: &Config) -> bool {
    c.world == World::Training
}

/// Whether layers are skipped.
fn skips(c: &Config) -> bool {
    c.world == World::Layers
}

/// Whether queries go to models.
fn asks(c: &Config) -> bool {
    c.world == World::Queries
}

/// Whether a small experiment runs.
fn studies(c: &Config) -> bool {
    c.world == World::Studies
}
