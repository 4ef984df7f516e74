//! The parameters: one line each gives widget, range, unit, words, and checks.

mod cache;
mod eviction;
mod fleet;
mod functions;
mod hardware;
mod memory;
mod people;
mod power;
mod quality;
mod scheduler;
mod targets;
mod workflow;
mod workload;

use super::aside::World;
use super::config::{Arrivals, Config};
use super::cost::CostKind;
use crate::core::Param;
use std::sync::LazyLock;

fn choose<T: Copy>(all: &[T], index: usize) -> Option<T> {
    all.get(index).copied()
}

fn generated(c: &Config) -> bool {
    c.arrivals != Arrivals::Trace
}

fn own(c: &Config) -> bool {
    matches!(c.cost_kind, CostKind::Linear | CostKind::Hinge)
}

fn roofline(c: &Config) -> bool {
    c.cost_kind == CostKind::Roofline
}

fn typical(c: &Config) -> bool {
    generated(c) && c.lengths.has_typical()
}

fn classes(c: &Config) -> bool {
    c.batch_share > 0.0
}

const WORLD: Param<Config> = Param::choice(
    "world",
    "World",
    &World::NAMES,
    |c: &Config| World::ALL.iter().position(|w| *w == c.world).unwrap_or(0),
    |c, i| {
        if let Some(v) = choose(&World::ALL, i) {
            c.world = v;
        }
    },
)
.doc("What is simulated: servers of a language model, or one of the experiments beside them.")
.group("World");

/// Parameters that have an effect in one world only.
fn within(
    groups: &[&[Param<Config>]],
    scope: fn(&Config) -> bool,
) -> impl Iterator<Item = Param<Config>> {
    groups.concat().into_iter().map(move |p| p.within(scope))
}

/// Every parameter of a config, in the order of the panel.
pub(super) static PARAMS: LazyLock<Vec<Param<Config>>> = LazyLock::new(|| {
    let server = [
        scheduler::PARAMS,
        memory::PARAMS,
        hardware::PARAMS,
        fleet::PARAMS,
        power::PARAMS,
        workload::PARAMS,
        people::PARAMS,
        targets::PARAMS,
    ];
    std::iter::once(WORLD)
        .chain(within(&server, |c| c.world == World::Server))
        .chain(within(&cache::PARAMS, |c| c.world == World::Cache))
        .chain(within(&[eviction::PARAMS], |c| c.world == World::Eviction))
        .chain(within(&[functions::PARAMS], |c| {
            c.world == World::Functions
        }))
        .chain(within(&[workflow::PARAMS], |c| c.world == World::Workflow))
        .chain(within(&[quality::PARAMS], |c| c.world == World::Quality))
        .collect()
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labs::Setup;

    #[test]
    fn every_parameter_is_a_field_that_can_be_written_by_its_id() {
        let setup = Setup::Serving(Config::default());
        for param in PARAMS.iter() {
            let mut copy = Config::default();
            param.copy(&mut copy, &Config::default());
            assert_eq!(copy, Config::default(), "{}", param.id);
            if param.range().is_some() {
                let value = param.value(&copy).to_string();
                let written = setup.with_field(param.id, &value);
                assert_eq!(written, Ok(setup.clone()), "{}", param.id);
            }
        }
        assert!(setup.with_field("cache.code.colour", "1").is_err());
        assert!(setup.with_field("rate.code", "1").is_err());
    }
}
