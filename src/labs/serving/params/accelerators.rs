//! Parameters of the two pools of accelerators.

use super::super::aside::accelerators::Weighing;
use super::super::config::Config;
use super::choose;
use crate::core::Param;

fn adapts(c: &Config) -> bool {
    c.accelerators.weighing == Weighing::Adaptive
}

pub(super) const PARAMS: &[Param<Config>] = &[
    Param::choice(
        "accelerators.weighing",
        "Shares",
        &Weighing::NAMES,
        |c: &Config| {
            let own = c.accelerators.weighing;
            Weighing::ALL.iter().position(|w| *w == own).unwrap_or(0)
        },
        |c, i| {
            if let Some(v) = choose(&Weighing::ALL, i) {
                c.accelerators.weighing = v;
            }
        },
    )
    .group("Control")
    .doc("What decides how requests are spread: the cost of an answer, free capacity, or cost until capacity is short."),
    part_float!(accelerators.short_above, "Short above", [0.05, 2.0], "Control", "Share of a pool's capacity in use, those who wait included, above which capacity is short.")
        .when(adapts),
    part_float!(accelerators.back, "Back below by", [0.0, 1.0], "Control", "How far the share has to stay below that before costs decide again.")
        .when(adapts),
    part_float!(accelerators.cool_secs, "Cool-down", [0.0, 1000.0], "Control", "For how long it has to stay there.")
        .unit("s")
        .when(adapts),
    part_float!(accelerators.control_secs, "Look every", [0.1, 300.0], "Control", "Time between two looks of the control loop, which also starts and stops instances.")
        .log()
        .unit("s"),
    part_float!(accelerators.start_secs, "Start takes", [0.0, 1000.0], "Control", "Time from the decision to start an instance to its first request.")
        .unit("s"),
    part_float!(accelerators.fill, "Fill", [0.1, 2.0], "Control", "Requests per slot at which instances of a pool are right in number; more start one, fewer stop one."),
    part_float!(accelerators.spot.price, "Cheap, price", [0.01, 100.0], "Accelerators", "Price of a cheap instance for an hour.")
        .log()
        .unit("$"),
    part_float!(accelerators.spot.secs, "Cheap, answer", [0.01, 100.0], "Accelerators", "Mean time of an answer there.")
        .log()
        .unit("s"),
    part_int!(accelerators.spot.most, "Cheap, instances", [0, 32], "Accelerators", "Cheap instances that can be had in times of plenty."),
    part_int!(accelerators.scarce_left, "Left while scarce", [0, 32], "Accelerators", "Cheap instances left while they are scarce; the newest others are taken away, and their requests are sent again."),
    part_float!(accelerators.plenty_secs, "Times of plenty", [1.0, 1_000_000.0], "Accelerators", "Mean time until cheap instances become scarce.")
        .log()
        .unit("s"),
    part_float!(accelerators.scarce_secs, "Scarce times", [1.0, 100_000.0], "Accelerators", "Mean time until they are there again.")
        .log()
        .unit("s"),
    part_float!(accelerators.sure.price, "Sure, price", [0.01, 100.0], "Accelerators", "Price of a sure instance for an hour.")
        .log()
        .unit("$"),
    part_float!(accelerators.sure.secs, "Sure, answer", [0.01, 100.0], "Accelerators", "Mean time of an answer there.")
        .log()
        .unit("s"),
    part_int!(accelerators.sure.most, "Sure, instances", [1, 32], "Accelerators", "Sure instances that can be had."),
    part_int!(accelerators.slots, "Answers at once", [1, 64], "Accelerators", "Answers that an instance of either kind computes at once."),
    part_int!(accelerators.requests, "Requests", [2, 20_000], "Workload", "Requests.").log(),
    part_float!(accelerators.rate, "Rate", [0.01, 200.0], "Workload", "Requests per second in quiet phases.")
        .log()
        .unit("1/s"),
    part_float!(accelerators.busy_factor, "Busy phases", [1.0, 20.0], "Workload", "Rate of busy phases over that of quiet ones.")
        .unit("×"),
    part_float!(accelerators.quiet_secs, "Quiet for", [1.0, 10_000.0], "Workload", "Mean length of a quiet phase.")
        .log()
        .unit("s"),
    part_float!(accelerators.busy_secs, "Busy for", [1.0, 10_000.0], "Workload", "Mean length of a busy phase.")
        .log()
        .unit("s"),
    part_float!(accelerators.sigma, "Spread of times", [0.0, 2.0], "Workload", "Standard deviation of the logarithm of an answer's time around its mean."),
    part_float!(accelerators.target_secs, "Target", [0.1, 1000.0], "Workload", "Time within which a request should have its answer.")
        .log()
        .unit("s"),
];
