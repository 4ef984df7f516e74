//! Parameters of best-effort serving.

use super::super::aside::quality::Choice;
use super::super::config::Config;
use super::choose;
use crate::core::Param;

fn thresholds(c: &Config) -> bool {
    c.quality.choice == Choice::Threshold
}

/// A number.
macro_rules! amount {
    ($id:literal, $label:literal, $range:expr, $unit:literal, $group:literal, [$($field:tt)+], $doc:literal) => {
        Param::float(
            concat!("quality.", $id),
            $label,
            $range,
            |c: &Config| c.quality.$($field)+,
            |c, v| c.quality.$($field)+ = v,
        )
        .unit($unit)
        .group($group)
        .doc($doc)
    };
}

/// A count.
macro_rules! count {
    ($field:ident, $label:literal, $range:expr, $group:literal, $doc:literal) => {
        Param::int(
            concat!("quality.", stringify!($field)),
            $label,
            $range,
            |c: &Config| c.quality.$field,
            |c, v| c.quality.$field = v,
        )
        .log()
        .group($group)
        .doc($doc)
    };
}

pub(super) const PARAMS: &[Param<Config>] = &[
    Param::choice(
        "quality.choice",
        "Model",
        &Choice::NAMES,
        |c: &Config| {
            let own = c.quality.choice;
            Choice::ALL.iter().position(|v| *v == own).unwrap_or(0)
        },
        |c, i| {
            if let Some(v) = choose(&Choice::ALL, i) {
                c.quality.choice = v;
            }
        },
    )
    .group("Best effort")
    .doc("Which model answers: always the same, by thresholds on the requests in the system, or by values learned for every situation."),
    amount!("large_below", "Large below", [0.0, 20.0], "per server", "Best effort", [large_below], "Requests in the system per server below which the large model is asked.")
        .when(thresholds),
    amount!("middle_below", "Middle below", [0.0, 20.0], "per server", "Best effort", [middle_below], "Requests in the system per server below which the middle model is asked; above, the small one.")
        .when(thresholds),
    count!(episodes, "Runs of training", [1, 300], "Best effort", "Runs with other requests of the same kind, from which values are learned before the one that is judged."),
    amount!("discount", "Discount γ", [0.0, 0.99], "", "Best effort", [discount], "Weight of what follows a request in its value: 0 looks at its own answer alone, and takes no heed of who waits behind it."),
    amount!("small.quality", "Small, quality", [0.0, 1.0], "", "Models", [small.quality], "Quality of the small model's answers."),
    amount!("small.secs", "Small, time", [0.01, 100.0], "s", "Models", [small.secs], "Mean time of its answers (lognormal, σ = 0.4).").log(),
    amount!("middle.quality", "Middle, quality", [0.0, 1.0], "", "Models", [middle.quality], "Quality of the middle model's answers."),
    amount!("middle.secs", "Middle, time", [0.01, 100.0], "s", "Models", [middle.secs], "Mean time of its answers.").log(),
    amount!("large.quality", "Large, quality", [0.0, 1.0], "", "Models", [large.quality], "Quality of the large model's answers."),
    amount!("large.secs", "Large, time", [0.01, 100.0], "s", "Models", [large.secs], "Mean time of its answers.").log(),
    count!(servers, "Servers", [1, 256], "Models", "Answers that the pool writes at once, of any model."),
    count!(per_machine, "Servers of a machine", [1, 256], "Fault", "Servers of a machine: they fail together.").when(|c| c.quality.fault.any()),
    amount!("deadline_secs", "Deadline", [0.01, 1000.0], "s", "Requests", [deadline_secs], "Time within which an answer counts. Who has not begun by then leaves.").log(),
    count!(requests, "Requests", [20, 5000], "Requests", "Requests of a run."),
    amount!("rate", "Rate, quiet", [0.01, 1000.0], "1/s", "Requests", [rate], "Requests per second in quiet phases.").log(),
    amount!("busy_factor", "Busy over quiet", [1.0, 50.0], "×", "Requests", [busy_factor], "Rate of busy phases over that of quiet ones.").log(),
    amount!("quiet_secs", "Quiet phase", [0.1, 10_000.0], "s", "Requests", [quiet_secs], "Mean length of quiet phases; lengths are exponential.").log(),
    amount!("busy_secs", "Busy phase", [0.1, 10_000.0], "s", "Requests", [busy_secs], "Mean length of busy phases.").log(),
];
