//! Several instances: moving requests, scaling, faults.

use super::super::config::{Config, FaultChoice, Migration, Routing, ScaleBy};
use super::choose;
use crate::core::Param;

pub(super) const PARAMS: &[Param<Config>] = &[
    Param::choice(
        "migration",
        "Migration",
        &["Off", "Balance", "Make room"],
        |c: &Config| c.migration as usize,
        |c, i| {
            let all = [Migration::Off, Migration::Balance, Migration::Defragment];
            if let Some(v) = choose(&all, i) {
                c.migration = v;
            }
        },
    )
    .doc("Whether requests move to another instance while they decode: where that brings loads closer, or always, to make room for the first who waits. Their KV is copied beside the decoding; they stop only for the last piece.")
    .group("Instances")
    .when(Config::can_migrate),
    Param::float(
        "look_over_secs",
        "Look over every",
        [0.01, 60.0],
        |c: &Config| c.look_over_secs,
        |c, v| c.look_over_secs = v,
    )
    .log()
    .unit("s")
    .doc("Time between two decisions about moving requests, starting or stopping instances, and power.")
    .group("Instances")
    .advanced()
    .when(|c| c.migrates() || c.scales() || c.watches_power()),
    Param::float(
        "migrate_below",
        "Give away below",
        [0.0, 1000.0],
        |c: &Config| c.migrate_below,
        |c, v| c.migrate_below = v,
    )
    .unit("blocks/req")
    .doc("Free blocks per request below which an instance gives a request away; those at or above take one.")
    .group("Instances")
    .when(Config::migrates),
    Param::float(
        "headroom_percent",
        "Headroom for the first class",
        [0.0, 100.0],
        |c: &Config| c.headroom_percent,
        |c, v| c.headroom_percent = v,
    )
    .unit("%")
    .doc("Share of the pool that counts as taken on an instance with a request of the first class: others are sent elsewhere or moved away.")
    .group("Instances")
    .when(|c| c.can_migrate() && c.batch_share > 0.0),
    Param::toggle(
        "scaling",
        "Start and stop instances",
        |c: &Config| c.scaling,
        |c, v| c.scaling = v,
    )
    .doc("Instances start when free memory per request is short on average, or when an arrival would end late, and stop when there is plenty of memory; the number of instances is then the most.")
    .group("Instances")
    .when(Config::can_migrate),
    Param::int(
        "least_instances",
        "Always on",
        [1, 64],
        |c: &Config| c.least_instances,
        |c, v| c.least_instances = v,
    )
    .doc("Instances on at the start and always.")
    .group("Instances")
    .when(Config::scales),
    Param::choice(
        "scale_by",
        "Start by",
        &["free memory", "predicted end"],
        |c: &Config| c.scale_by as usize,
        |c, i| {
            if let Some(v) = choose(&[ScaleBy::Memory, ScaleBy::Prediction], i) {
                c.scale_by = v;
            }
        },
    )
    .doc("What makes an instance start: too little free memory per request, seen at a look over the instances, or an arrival whose predicted end is late on every instance.")
    .group("Instances")
    .when(|c| c.scales() && c.routing == Routing::Block),
    Param::float(
        "scale_over_secs",
        "Start from",
        [0.01, 10_000.0],
        |c: &Config| c.scale_over_secs,
        |c, v| c.scale_over_secs = v,
    )
    .log()
    .unit("s")
    .doc("Predicted time from an arrival to its last token, on the instance where that is soonest, from which on an instance starts.")
    .group("Instances")
    .when(Config::provisions),
    Param::float(
        "scale_up_below",
        "Start below",
        [0.0, 10_000.0],
        |c: &Config| c.scale_up_below,
        |c, v| c.scale_up_below = v,
    )
    .unit("blocks/req")
    .doc("Mean of free blocks per request below which an instance starts.")
    .group("Instances")
    .when(|c| c.scales() && !c.provisions()),
    Param::float(
        "scale_down_above",
        "Stop above",
        [0.0, 100_000.0],
        |c: &Config| c.scale_down_above,
        |c, v| c.scale_down_above = v,
    )
    .unit("blocks/req")
    .doc("Mean of free blocks per request above which an instance takes no more requests and stops when it is empty.")
    .group("Instances")
    .when(Config::scales),
    Param::float(
        "start_secs",
        "Start takes",
        [0.0, 10_000.0],
        |c: &Config| c.start_secs,
        |c, v| c.start_secs = v,
    )
    .unit("s")
    .doc("Time between the decision to start an instance and its first request.")
    .group("Instances")
    .when(Config::scales),
    Param::toggle(
        "on_demand",
        "Forward on demand",
        |c: &Config| c.on_demand,
        |c, v| c.on_demand = v,
    )
    .doc("Requests wait at the gateway, which tries the prefill instances in order; one that is not idle refuses. Off: the router chooses at arrival, and requests queue at the instances.")
    .group("Instances")
    .when(|c| c.pools().is_some()),
    Param::toggle(
        "tuned_split",
        "Split follows the load",
        |c: &Config| c.tuned_split,
        |c, v| c.tuned_split = v,
    )
    .doc("From time to time an instance changes sides, so that prefill and decode instances stand in proportion to the seconds a request costs on each side.")
    .group("Instances")
    .when(|c| c.pools().is_some()),
    Param::float(
        "split_secs",
        "Look at the split every",
        [0.1, 10_000.0],
        |c: &Config| c.split_secs,
        |c, v| c.split_secs = v,
    )
    .log()
    .unit("s")
    .doc("Time between two choices of the split.")
    .group("Instances")
    .when(|c| c.pools().is_some() && c.tuned_split),
    Param::float(
        "mixing_weight",
        "Weight of what others lose",
        [0.0, 100.0],
        |c: &Config| c.mixing_weight,
        |c, v| c.mixing_weight = v,
    )
    .doc("How much the seconds count that the requests already running on an instance lose by a new one, beside its own time to the end. 0: everybody for himself.")
    .group("Instances")
    .when(|c| c.replicas > 1 && c.routing == Routing::Mixing),
    Param::toggle(
        "router_learns",
        "Learn from errors",
        |c: &Config| c.router_learns,
        |c, v| c.router_learns = v,
    )
    .doc("The score of an instance is corrected by the mean error that the predicted end had before in the same situation: queue, running requests and memory in coarse steps.")
    .group("Instances")
    .when(|c| c.replicas > 1 && c.routing == Routing::Mixing),
    Param::float(
        "report_secs",
        "Reports every",
        [0.0, 1000.0],
        |c: &Config| c.report_secs,
        |c, v| c.report_secs = v,
    )
    .unit("s")
    .doc("How often the instances report their queues to the router.")
    .group("Instances")
    .when(|c| c.replicas > 1 && c.routing == Routing::Reported),
    Param::choice(
        "fault",
        "Fault",
        &["None", "Instance dies", "Instance slows", "Link slows"],
        |c: &Config| c.fault as usize,
        |c, i| {
            let all = [
                FaultChoice::None,
                FaultChoice::Dies,
                FaultChoice::Slows,
                FaultChoice::LinkSlows,
            ];
            if let Some(v) = choose(&all, i) {
                c.fault = v;
            }
        },
    )
    .doc("What goes wrong. Requests of an instance that dies start again elsewhere with the tokens they had; none is lost.")
    .group("Instances"),
    Param::int(
        "fault_instance",
        "Fault at instance",
        [0, 63],
        |c: &Config| c.fault_instance,
        |c, v| c.fault_instance = v,
    )
    .doc("To which instance it happens, counted from 0.")
    .group("Instances")
    .when(|c| c.fault != FaultChoice::None),
    Param::float(
        "fault_at_secs",
        "Fault at",
        [0.0, 1_000_000.0],
        |c: &Config| c.fault_at_secs,
        |c, v| c.fault_at_secs = v,
    )
    .unit("s")
    .doc("When it begins.")
    .group("Instances")
    .when(|c| c.fault != FaultChoice::None),
    Param::float(
        "fault_secs",
        "Fault lasts",
        [0.001, 1_000_000.0],
        |c: &Config| c.fault_secs,
        |c, v| c.fault_secs = v,
    )
    .unit("s")
    .doc("How long it lasts.")
    .group("Instances")
    .when(|c| c.fault != FaultChoice::None),
    Param::float(
        "fault_factor",
        "Times as slow",
        [1.0, 1000.0],
        |c: &Config| c.fault_factor,
        |c, v| c.fault_factor = v,
    )
    .log()
    .doc("How many times as long a slow instance or link takes.")
    .group("Instances")
    .when(|c| matches!(c.fault, FaultChoice::Slows | FaultChoice::LinkSlows)),
];
