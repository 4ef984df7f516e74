//! Experiments behind the claims: every arm is tuned on its own seeds (the grid moves until the
//! best peak rate lies inside it), then measured on other seeds, paired between the arms.

pub(super) mod cooldowns;
pub(super) mod curricula;
mod experiment;
pub(super) mod guided;
pub(super) mod laws;
pub(super) mod measured;
pub(super) mod neighbours;
pub(super) mod optimizers;
pub(super) mod standard;
pub(super) mod theory;
pub(super) mod versus;

use super::config::{Config, Problem};
use super::schedule::Shape;
use crate::core::{ClaimResult, Verdict, stats};
use experiment::{Arm, Experiment, Measure, seeds_of};

/// Updates of the short digits runs.
const UPDATES: u64 = 300;

/// The digits network under AdamW, one schedule alone.
fn digits(shape: Shape, horizon: u64) -> Config {
    Config {
        shape,
        horizon,
        rivals: false,
        ..Config::default().with_problem(Problem::Digits)
    }
}

/// The exact quadratic, one schedule alone.
fn quadratic(shape: Shape, horizon: u64, floor: f64) -> Config {
    Config {
        shape,
        horizon,
        floor,
        rivals: false,
        warmup: 0.02,
        ..Config::default().with_problem(Problem::Quadratic)
    }
}

/// Mean of a - b over the seeds, with its interval.
fn paired(a: &Arm, b: &Arm) -> (f64, [f64; 2]) {
    differences(&a.finals, &b.finals)
}

/// A measured loss difference in nats, with its interval.
fn result(
    quantity: impl Into<String>,
    (measured, interval): (f64, [f64; 2]),
    seeds: Vec<u64>,
    verdict: Verdict,
    why: String,
) -> ClaimResult {
    ClaimResult {
        quantity: quantity.into(),
        unit: "nats".to_owned(),
        measured,
        interval,
        seeds,
        verdict,
        why,
    }
}

/// Mean of a - b over pairs, with its interval.
fn differences(a: &[f64], b: &[f64]) -> (f64, [f64; 2]) {
    let pairs: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    stats::mean_interval(&pairs)
}

fn conditions(arms: &[Arm]) -> String {
    let tried: usize = arms.iter().map(|a| a.tried).sum();
    let peaks: Vec<String> = arms
        .iter()
        .map(|a| format!("{} {:.1e}", a.config.shape.name(), a.config.peak))
        .collect();
    format!(
        "tuned peak rates: {}; {tried} configurations tried on seeds of their own",
        peaks.join(", ")
    )
}

fn verdict(interval: [f64; 2], expect_positive: bool) -> Verdict {
    let holds = if expect_positive {
        interval[0] > 0.0
    } else {
        interval[1] < 0.0
    };
    if holds {
        Verdict::Reproduced
    } else {
        Verdict::NotReproduced
    }
}

fn finding(interval: [f64; 2]) -> &'static str {
    if interval[0] > 0.0 {
        "above zero"
    } else if interval[1] < 0.0 {
        "below zero"
    } else {
        "not separated from zero"
    }
}

/// A schedule and its rival, on the digits and then on the exact quadratic.
fn beside(own: Shape, rival: Shape, settings: impl Fn(Config) -> Config) -> Vec<Config> {
    vec![
        settings(digits(own, UPDATES)),
        digits(rival, UPDATES),
        settings(quadratic(own, 500, 0.0)),
        quadratic(rival, 500, 0.0),
    ]
}

/// Verdict on "matches": at most `margin` above.
fn matches(interval: [f64; 2], margin: f64) -> Verdict {
    if interval[1] <= margin {
        Verdict::Reproduced
    } else if interval[0] <= margin {
        Verdict::Partly
    } else {
        Verdict::NotReproduced
    }
}

/// Whether the schedule of four arms that stand [`beside`] each other ends as low as its rival, up
/// to some percent of the rival's loss (a margin of ours).
fn as_good(arms: &[Arm], seeds: Vec<u64>, percent: f64) -> ClaimResult {
    let (measured, interval) = paired(&arms[0], &arms[1]);
    let (own, rival) = (arms[0].config.shape.name(), arms[1].config.shape.name());
    let exact = 100.0 * (arms[2].mean() / arms[3].mean() - 1.0);
    let margin = percent / 100.0 * arms[1].mean();
    result(
        format!("Held-out loss, {own} minus {rival}, {UPDATES} updates"),
        (measured, interval),
        seeds,
        matches(interval, margin),
        format!(
            "{own} minus {rival} is {}; as good is taken as at most {margin:.4} above ({percent} % of the loss); on the exact quadratic at 500 updates it ends {exact:+.1} % away ({})",
            finding(interval),
            conditions(&arms[..2])
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_follow_the_interval() {
        assert_eq!(verdict([0.1, 0.2], true), Verdict::Reproduced);
        assert_eq!(verdict([-0.1, 0.2], true), Verdict::NotReproduced);
        assert_eq!(verdict([-0.2, -0.1], false), Verdict::Reproduced);
        assert_eq!(finding([-1.0, 1.0]), "not separated from zero");
    }
}
