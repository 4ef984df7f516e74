//! Parameters of the workflows.

use super::super::aside::workflow::{CallOrder, Dispatch};
use super::super::config::Config;
use super::choose;
use crate::core::Param;

const DISPATCHES: [Dispatch; 2] = [Dispatch::RoundRobin, Dispatch::Score];
const ORDERS: [CallOrder; 2] = [CallOrder::Fcfs, CallOrder::Urgency];

fn scores(c: &Config) -> bool {
    c.workflow.dispatch == Dispatch::Score
}

fn tunes(c: &Config) -> bool {
    scores(c) && c.workflow.tune
}

pub(super) const PARAMS: &[Param<Config>] = &[
    Param::choice(
        "workflow.dispatch",
        "Dispatch",
        &["in turns", "by score"],
        |c: &Config| usize::from(scores(c)),
        |c, i| {
            if let Some(v) = choose(&DISPATCHES, i) {
                c.workflow.dispatch = v;
            }
        },
    )
    .group("Scheduling")
    .doc("Where a call goes: to the instances in turns, or by a score of speed and work."),
    Param::choice(
        "workflow.order",
        "Order",
        &["first come", "most urgent"],
        |c: &Config| usize::from(c.workflow.order == CallOrder::Urgency),
        |c, i| {
            if let Some(v) = choose(&ORDERS, i) {
                c.workflow.order = v;
            }
        },
    )
    .group("Scheduling")
    .doc("Which waiting call an instance runs next: the first that came, or the one with the least time left of its share of the deadline."),
    part_float!(workflow.alpha, "Weight of speed α", [0.0, 1.0], "Scheduling", "Weight of an instance's speed in the score; the rest is for the work that waits and runs there. With tuning, the one to begin with.")
        .when(scores),
    Param::toggle(
        "workflow.tune",
        "Tune α",
        |c: &Config| c.workflow.tune,
        |c, v| c.workflow.tune = v,
    )
    .group("Scheduling")
    .doc("From window to window α is chosen by running the queries of the last one with each of five.")
    .when(scores),
    part_float!(workflow.window_secs, "Window", [1.0, 10_000.0], "Scheduling", "Time between two choices of α.")
        .log()
        .unit("s")
        .when(tunes),
    part_int!(workflow.fast, "H100", [0, 16], "Instances", "Instances on the fastest GPUs."),
    part_int!(workflow.usual, "A100", [0, 16], "Instances", "Instances on the usual GPUs."),
    part_int!(workflow.slow, "A6000", [0, 16], "Instances", "Instances on the slowest GPUs."),
    part_float!(workflow.fast_factor, "H100, time", [0.1, 1.0], "Instances", "Time of a call there over that on an A100; about half in the repository.")
        .unit("×"),
    part_float!(workflow.slow_factor, "A6000, time", [1.0, 10.0], "Instances", "Time of a call there over that on an A100: own choice.")
        .unit("×"),
    part_int!(workflow.slots, "Calls at once", [1, 16], "Instances", "Calls that an instance runs at once, each at full speed."),
    part_int!(workflow.queries, "Queries", [2, 500], "Workload", "Questions asked."),
    part_float!(workflow.rate, "Rate", [0.001, 20.0], "Workload", "Queries per second.")
        .log()
        .unit("1/s"),
    part_int!(workflow.candidates, "Candidates", [1, 16], "Workload", "Answers that are drafted, perhaps corrected, and evaluated side by side for every query."),
    part_float!(workflow.correction, "Corrections", [0.0, 1.0], "Workload", "Chance that a candidate needs a correction."),
    part_float!(workflow.sigma, "Spread of times", [0.0, 2.0], "Workload", "Standard deviation of the logarithm of a call's time around its mean."),
    part_float!(workflow.deadline, "Deadline", [0.2, 50.0], "Workload", "Deadline of a query over the time it takes on instances of mean speed when nobody disturbs it.")
        .log()
        .unit("×"),
];
