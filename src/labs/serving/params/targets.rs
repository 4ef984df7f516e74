//! What counts as good, and when a run stops.

use super::super::config::Config;
use crate::core::Param;

pub(super) const PARAMS: &[Param<Config>] = &[
    Param::float(
        "slo_ttft_secs",
        "Target TTFT",
        [0.001, 1000.0],
        |c: &Config| c.slo_ttft_secs,
        |c, v| c.slo_ttft_secs = v,
    )
    .log()
    .unit("s")
    .doc("A request meets its targets when its first token is out within this time after arrival and its mean time per further token stays within the other target.")
    .group("Targets"),
    Param::float(
        "slo_tpot_secs",
        "Target TPOT",
        [0.001, 100.0],
        |c: &Config| c.slo_tpot_secs,
        |c, v| c.slo_tpot_secs = v,
    )
    .log()
    .unit("s")
    .doc("Target for the mean time per output token after the first.")
    .group("Targets"),
    Param::float(
        "warmup_percent",
        "Left out at both ends",
        [0.0, 45.0],
        |c: &Config| c.warmup_percent,
        |c, v| c.warmup_percent = v,
    )
    .unit("%")
    .doc("Share of the first and of the last arrivals that latency figures leave out.")
    .group("Targets")
    .advanced(),
    Param::float(
        "time_limit_secs",
        "Time limit",
        [1.0, 10_000_000.0],
        |c: &Config| c.time_limit_secs,
        |c, v| c.time_limit_secs = v,
    )
    .log()
    .unit("s")
    .doc("Simulated time after which the run stops and counts as saturated.")
    .group("Targets")
    .advanced(),
];
