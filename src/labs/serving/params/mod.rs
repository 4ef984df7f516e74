//! The parameters: one line each gives widget, range, unit, words, and checks.

/// A whole number of a part of the config.
macro_rules! part_int {
    ($part:ident $(.$field:ident)+, $label:literal, $range:expr, $group:literal, $doc:literal) => {
        Param::int(
            concat!(stringify!($part) $(, ".", stringify!($field))+),
            $label,
            $range,
            |c: &Config| c.$part $(.$field)+,
            |c, v| c.$part $(.$field)+ = v,
        )
        .group($group)
        .doc($doc)
    };
}

/// A number of a part of the config.
macro_rules! part_float {
    ($part:ident $(.$field:ident)+, $label:literal, $range:expr, $group:literal, $doc:literal) => {
        Param::float(
            concat!(stringify!($part) $(, ".", stringify!($field))+),
            $label,
            $range,
            |c: &Config| c.$part $(.$field)+,
            |c, v| c.$part $(.$field)+ = v,
        )
        .group($group)
        .doc($doc)
    };
}

/// A switch of a part of the config.
macro_rules! part_switch {
    ($part:ident $(.$field:ident)+, $label:literal, $group:literal, $doc:literal) => {
        Param::toggle(
            concat!(stringify!($part) $(, ".", stringify!($field))+),
            $label,
            |c: &Config| c.$part $(.$field)+,
            |c, v| c.$part $(.$field)+ = v,
        )
        .group($group)
        .doc($doc)
    };
}

/// The fault of a part of the config.
macro_rules! part_fault {
    ($part:ident, $server:literal, $names:expr, $link:literal) => {
        &[
            Param::choice(
                concat!(stringify!($part), ".fault.what"),
                "Fault",
                &$names,
                |c: &Config| {
                    let own = c.$part.fault.what;
                    ServerFault::ALL.iter().position(|f| *f == own).unwrap_or(0)
                },
                |c, i| {
                    if let Some(v) = choose(&ServerFault::ALL, i) {
                        c.$part.fault.what = v;
                    }
                },
            )
            .group("Fault")
            .doc(concat!(
                "What happens to ",
                $server,
                ". What runs on one that dies starts again elsewhere; nothing is lost for good. ",
                $link
            )),
            part_int!(
                $part.fault.server,
                "Which",
                [0, 63],
                "Fault",
                "Which one, counted from 0."
            )
            .when(|c| c.$part.fault.any()),
            part_float!(
                $part.fault.at_secs,
                "Begins at",
                [0.0, 100_000.0],
                "Fault",
                "When it begins."
            )
            .unit("s")
            .when(|c| c.$part.fault.any()),
            part_float!(
                $part.fault.secs,
                "Lasts",
                [0.01, 100_000.0],
                "Fault",
                "How long it lasts; one that died comes back empty."
            )
            .log()
            .unit("s")
            .when(|c| c.$part.fault.any()),
            part_float!(
                $part.fault.factor,
                "Times as slow",
                [1.0, 1000.0],
                "Fault",
                "How many times as long a slow one takes for what it begins, or what begins to travel over a slow link."
            )
            .log()
            .unit("×")
            .when(|c| c.$part.fault.slows()),
        ]
    };
}

mod accelerators;
mod cache;
mod eviction;
mod experts;
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
use super::aside::fault::ServerFault;
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
.group("Experiment");

const EXPERT_FAULT: &[Param<Config>] = part_fault!(
    experts,
    "an expert server",
    ServerFault::NAMES,
    "Its link carries calls and answers."
);
const WORKFLOW_FAULT: &[Param<Config>] = part_fault!(
    workflow,
    "an instance",
    ServerFault::LINKLESS,
    "Nothing travels over links here."
);
const FUNCTION_FAULT: &[Param<Config>] = part_fault!(
    functions,
    "a GPU",
    ServerFault::NAMES,
    "Its link carries the weights of backbones and adapters."
);
const QUALITY_FAULT: &[Param<Config>] = part_fault!(
    quality,
    "a machine",
    ServerFault::LINKLESS,
    "Nothing travels over links here."
);

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
        .chain(within(&[functions::PARAMS, FUNCTION_FAULT], |c| {
            c.world == World::Functions
        }))
        .chain(within(&[workflow::PARAMS, WORKFLOW_FAULT], |c| {
            c.world == World::Workflow
        }))
        .chain(within(&[quality::PARAMS, QUALITY_FAULT], |c| {
            c.world == World::Quality
        }))
        .chain(within(&[experts::PARAMS, EXPERT_FAULT], |c| {
            c.world == World::Experts
        }))
        .chain(within(&[accelerators::PARAMS], |c| {
            c.world == World::Accelerators
        }))
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
