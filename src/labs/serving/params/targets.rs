//! What counts as good, and when a run stops.

use super::super::config::{Arrivals, Config};
use super::generated;
use crate::core::Param;

/// Whether requests come by the clock and can be promised different things.
fn clocked(c: &Config) -> bool {
    generated(c) && !matches!(c.arrivals, Arrivals::Sessions | Arrivals::ClosedLoop)
}

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
        "deadline_share",
        "With a deadline",
        [0.0, 1.0],
        |c: &Config| c.deadline_share,
        |c, v| c.deadline_share = v,
    )
    .doc("Share of requests of which only the last token counts, before a deadline: nobody reads along.")
    .group("Targets")
    .advanced()
    .when(clocked),
    Param::float(
        "deadline_secs",
        "Their deadline",
        [0.01, 100_000.0],
        |c: &Config| c.deadline_secs,
        |c, v| c.deadline_secs = v,
    )
    .log()
    .unit("s")
    .doc("Time from the arrival of such a request to its deadline.")
    .group("Targets")
    .advanced()
    .when(|c| clocked(c) && c.deadline_share > 0.0),
    Param::float(
        "compound_share",
        "Calls of compounds",
        [0.0, 1.0],
        |c: &Config| c.compound_share,
        |c, v| c.compound_share = v,
    )
    .doc("Share of requests that are calls of compound requests: several come together, and only the last token of all of them counts.")
    .group("Targets")
    .advanced()
    .when(clocked),
    Param::int(
        "compound_calls",
        "Calls of one",
        [1, 64],
        |c: &Config| c.compound_calls,
        |c, v| c.compound_calls = v,
    )
    .log()
    .doc("Calls of a compound request.")
    .group("Targets")
    .advanced()
    .when(|c| clocked(c) && c.compound_share > 0.0),
    Param::float(
        "compound_secs",
        "Deadline of compounds",
        [0.01, 100_000.0],
        |c: &Config| c.compound_secs,
        |c, v| c.compound_secs = v,
    )
    .log()
    .unit("s")
    .doc("Time from the arrival of a compound request to the deadline for the last token of all its calls.")
    .group("Targets")
    .advanced()
    .when(|c| clocked(c) && c.compound_share > 0.0),
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
