//! The power of a row of servers.

use super::super::config::Config;
use crate::core::Param;

pub(super) const PARAMS: &[Param<Config>] = &[
    Param::toggle(
        "power_row",
        "Watch the power of the row",
        |c: &Config| c.power_row,
        |c, v| c.power_row = v,
    )
    .doc("The instances are servers of one row with a power budget, looked at from time to time.")
    .group("Instances")
    .when(|c| c.replicas > 1 && c.stages() == 1),
    Param::float(
        "row_budget",
        "Power budget of the row",
        [0.5, 64.0],
        |c: &Config| c.row_budget,
        |c, v| c.row_budget = v,
    )
    .unit("servers")
    .doc("Power that the row may draw, in servers at their thermal design power. More instances than that are oversubscribed.")
    .group("Instances")
    .when(Config::watches_power),
    Param::toggle(
        "power_caps",
        "Cap the clocks",
        |c: &Config| c.power_caps,
        |c, v| c.power_caps = v,
    )
    .doc("Clocks fall where the row comes near its budget, first those of low priority; at the budget all brake to half the clock. Off: the power is only watched.")
    .group("Instances")
    .when(Config::watches_power),
    Param::float(
        "low_priority_share",
        "Low priority",
        [0.0, 1.0],
        |c: &Config| c.low_priority_share,
        |c, v| c.low_priority_share = v,
    )
    .doc("Share of the servers that are slowed first, counted from instance 0. Requests go to all alike.")
    .group("Instances")
    .when(Config::caps_power),
    Param::float(
        "cap_first",
        "First threshold",
        [0.1, 1.0],
        |c: &Config| c.cap_first,
        |c, v| c.cap_first = v,
    )
    .doc("Share of the budget above which servers of low priority are slowed.")
    .group("Instances")
    .when(Config::caps_power),
    Param::float(
        "cap_second",
        "Second threshold",
        [0.1, 1.0],
        |c: &Config| c.cap_second,
        |c, v| c.cap_second = v,
    )
    .doc("Share of the budget above which they are slowed more, and the others a little.")
    .group("Instances")
    .when(Config::caps_power),
    Param::float(
        "clock_low_first",
        "Clock, low priority, first",
        [0.5, 1.0],
        |c: &Config| c.clock_low_first,
        |c, v| c.clock_low_first = v,
    )
    .doc("Clock of low priority above the first threshold, over the usual one.")
    .group("Instances")
    .advanced()
    .when(Config::caps_power),
    Param::float(
        "clock_low_second",
        "Clock, low priority, second",
        [0.5, 1.0],
        |c: &Config| c.clock_low_second,
        |c, v| c.clock_low_second = v,
    )
    .doc("Clock of low priority above the second threshold.")
    .group("Instances")
    .advanced()
    .when(Config::caps_power),
    Param::float(
        "clock_high",
        "Clock, others, second",
        [0.5, 1.0],
        |c: &Config| c.clock_high,
        |c, v| c.clock_high = v,
    )
    .doc("Clock of the others above the second threshold.")
    .group("Instances")
    .advanced()
    .when(Config::caps_power),
    Param::float(
        "cap_back",
        "Taken back below",
        [0.0, 0.5],
        |c: &Config| c.cap_back,
        |c, v| c.cap_back = v,
    )
    .doc("How far below its threshold a cap is taken back, as a share of the budget.")
    .group("Instances")
    .advanced()
    .when(Config::caps_power),
];
