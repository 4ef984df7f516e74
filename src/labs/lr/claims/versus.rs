//! One schedule against the one its paper compares it with.

use super::{
    Arm, Config, Experiment, Measure, Problem, Shape, UPDATES, as_good, beside, conditions, digits,
    finding, paired, result, seeds_of, verdict,
};
use crate::core::{ClaimResult, Job, Verdict, num, stats};
use crate::labs::Effort;

/// A schedule against its rival, on the digits and on the quadratic.
fn boxed(effort: Effort, shape: Shape, rival: Shape) -> Box<dyn Job<Out = ClaimResult>> {
    let arms = beside(shape, rival, |c| c);
    Experiment::boxed(arms, seeds_of(effort, true), Measure::Loss, judge)
}

/// Whether the paper expects the schedule to end higher than its rival.
fn expects_higher(shape: Shape) -> bool {
    matches!(shape, Shape::Step | Shape::MultiStep | Shape::InverseSqrt)
}

fn judge(arms: &[Arm], seeds: Vec<u64>) -> ClaimResult {
    let (measured, interval) = paired(&arms[0], &arms[1]);
    let (own, rival) = (arms[0].config.shape, arms[1].config.shape);
    let exact = arms[2].mean() - arms[3].mean();
    let higher = expects_higher(own);
    let agrees = (exact > 0.0) == higher;
    result(
        format!(
            "Held-out loss, {} minus {}, {UPDATES} updates",
            own.name(),
            rival.name()
        ),
        (measured, interval),
        seeds,
        match verdict(interval, higher) {
            Verdict::Reproduced if !agrees => Verdict::Partly,
            other => other,
        },
        format!(
            "{} minus {} is {} on the digits and {exact:+.5} on the exact quadratic at 500 updates ({})",
            own.name(),
            rival.name(),
            finding(interval),
            conditions(&arms[..2])
        ),
    )
}

/// Step decay against a line at a small budget.
pub(crate) fn step(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    boxed(effort, Shape::Step, Shape::Linear)
}

/// Multistep decay against a line at a small budget.
pub(crate) fn multi_step(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    boxed(effort, Shape::MultiStep, Shape::Linear)
}

/// Inverse square root against a line.
pub(crate) fn inverse_sqrt(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    boxed(effort, Shape::InverseSqrt, Shape::Linear)
}

/// Triangles against a constant rate.
pub(crate) fn cyclic(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    boxed(effort, Shape::Cyclic, Shape::Constant)
}

/// 1cycle against step decay.
pub(crate) fn one_cycle(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    boxed(effort, Shape::OneCycle, Shape::Step)
}

/// Warm restarts against step decay.
pub(crate) fn restarts(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    boxed(effort, Shape::Restarts, Shape::Step)
}

/// UBA with φ = 1/2 against a line at a small budget and at a larger one.
pub(crate) fn uba(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let own = |updates: u64| Config {
        phi: 0.5,
        ..digits(Shape::Uba, updates)
    };
    let mut arms = vec![own(UPDATES), digits(Shape::Linear, UPDATES)];
    let long = match effort {
        Effort::Quick => 900,
        Effort::Full => 1500,
    };
    arms.extend([own(long), digits(Shape::Linear, long)]);
    Experiment::boxed(
        arms,
        seeds_of(effort, true),
        Measure::Loss,
        |arms, seeds| {
            let (measured, interval) = paired(&arms[0], &arms[1]);
            let (at_long, wide) = paired(&arms[2], &arms[3]);
            let everywhere = verdict(wide, false) == Verdict::Reproduced;
            result(
                format!("Held-out loss, UBA (φ = 0.5) minus linear, {UPDATES} updates"),
                (measured, interval),
                seeds,
                // The paper says "consistently": one budget is not enough.
                match verdict(interval, false) {
                    Verdict::Reproduced if !everywhere => Verdict::Partly,
                    other => other,
                },
                format!(
                    "UBA minus linear is {} at {UPDATES} updates; at {} it is {at_long:+.4} ({:.4} to {:.4}), {} ({})",
                    finding(interval),
                    arms[2].config.horizon,
                    wide[0],
                    wide[1],
                    finding(wide),
                    conditions(&arms[..2])
                ),
            )
        },
    )
}

/// A trapezoid matches cosine to zero.
pub(crate) fn trapezoid(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let arms = beside(Shape::Trapezoid, Shape::Cosine, |c| Config {
        cooldown: 0.2,
        ..c
    });
    Experiment::boxed(
        arms,
        seeds_of(effort, true),
        Measure::Loss,
        |arms, seeds| as_good(arms, seeds, 2.0),
    )
}

/// The power law's best peak does not move with the length of the run.
pub(crate) fn power(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let long = match effort {
        Effort::Quick => 900,
        Effort::Full => 3000,
    };
    let arm = |shape: Shape, updates: u64| Config {
        // The same warmup in updates at every length, so that only the horizon differs.
        warmup: 30.0 / updates as f64,
        cooldown: 0.2,
        knee: 60,
        grid: 4,
        problem: Problem::Digits,
        ..digits(shape, updates)
    };
    let arms = vec![
        arm(Shape::Power, UPDATES),
        arm(Shape::Power, long),
        arm(Shape::Wsd, UPDATES),
        arm(Shape::Wsd, long),
        // Twice the batch, the same samples.
        Config {
            warmup: 0.1,
            knee: 30,
            batch: 64,
            ..arm(Shape::Power, UPDATES / 2)
        },
    ];
    Experiment::boxed(
        arms,
        seeds_of(effort, false),
        Measure::BestPeak,
        |arms, seeds| {
            let shift = |a: &Arm, b: &Arm| {
                let logs: Vec<f64> = a
                    .peaks
                    .iter()
                    .zip(&b.peaks)
                    .map(|(a, b)| num::ln(b / a))
                    .collect();
                let (mean, [low, high]) = stats::mean_interval(&logs);
                (num::exp(mean), [num::exp(low), num::exp(high)])
            };
            let (measured, interval) = shift(&arms[0], &arms[1]);
            let (flat, flat_interval) = shift(&arms[2], &arms[3]);
            let (double, double_interval) = shift(&arms[0], &arms[4]);
            let room = std::f64::consts::SQRT_2;
            let inside = |v: f64| v > 1.0 / room && v < room;
            ClaimResult {
                quantity: format!(
                    "Best peak of the power law at {} updates over that at {UPDATES}",
                    arms[1].config.horizon
                ),
                unit: "×".to_owned(),
                measured,
                interval,
                seeds,
                verdict: if interval.into_iter().all(inside)
                    && double_interval.into_iter().all(|v| inside(v / 2.0))
                {
                    Verdict::Reproduced
                } else if inside(measured) || inside(double / 2.0) {
                    Verdict::Partly
                } else {
                    Verdict::NotReproduced
                },
                why: format!(
                    "transfer is taken as a factor below √2, one grid step; WSD's best peak moves by {flat:.2} ({:.2} to {:.2}) between the same lengths. Twice the batch on the same samples moves the power law's best peak by {double:.2} ({:.2} to {:.2}), where a = a0 × batch says 2",
                    flat_interval[0], flat_interval[1], double_interval[0], double_interval[1]
                ),
            }
        },
    )
}
