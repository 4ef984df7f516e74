//! Schedules of other quantities, and other effects of the rate.

use super::super::config::{Fed, Growth, Problem};
use super::{Config, Experiment, Measure, Shape, differences, paired, seeds_of, verdict};
use crate::core::{ClaimResult, Job, Verdict, stats};
use crate::labs::Effort;

/// A large rate with a drop against a small one on a diagonal network.
pub(crate) fn large_steps(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let arm = |shape: Shape, peak: f64| Config {
        shape,
        peak,
        drops: 1,
        gamma: 0.1,
        warmup: 0.0,
        grid: 0,
        rivals: false,
        horizon: 40_000,
        problem: Problem::Sparse,
        ..Config::default()
    };
    let arms = vec![
        arm(Shape::Step, 0.27),
        arm(Shape::Constant, 0.05),
        arm(Shape::Constant, 0.15),
        arm(Shape::Constant, 0.25),
    ];
    Experiment::boxed(
        arms,
        seeds_of(effort, false),
        Measure::Loss,
        |arms, seeds| {
            // Draws whose run at the large rate diverged have neither count nor test loss.
            let kept: Vec<usize> = (0..seeds.len())
                .filter(|s| arms.iter().all(|a| a.finals[*s].is_finite()))
                .collect();
            let of = |v: &[f64]| kept.iter().map(|s| v[*s]).collect::<Vec<f64>>();
            let (measured, interval) = differences(&of(&arms[0].last), &of(&arms[1].last));
            let (test, wide) = differences(&of(&arms[0].finals), &of(&arms[1].finals));
            let found: Vec<String> = arms
                .iter()
                .map(|a| {
                    format!(
                        "{} {:.2}: {:.1} alive, test loss {:.3}",
                        a.config.shape.name(),
                        a.config.peak,
                        stats::mean(&of(&a.last)),
                        stats::mean(&of(&a.finals))
                    )
                })
                .collect();
            let lost = seeds.len() - kept.len();
            let seeds = kept.iter().map(|s| seeds[*s]).collect();
            ClaimResult {
                quantity: "Weights alive, rate 0.27 with a drop by 10 at half minus rate 0.05, 40,000 updates"
                    .to_owned(),
                unit: "of 100".to_owned(),
                measured,
                interval,
                seeds,
                verdict: match verdict(interval, false) {
                    Verdict::Reproduced if wide[1] >= 0.0 => Verdict::Partly,
                    other => other,
                },
                why: format!(
                    "the test loss changes by {test:+.4} ({:.4} to {:.4}). {}. {lost} of the seeds tried diverged at a large rate and are left out",
                    wide[0],
                    wide[1],
                    found.join("; ")
                ),
            }
        },
    )
}

/// `FedHyper` from good and bad rates of the clients.
pub(crate) fn fedhyper(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    const RATES: [f64; 3] = [0.01, 0.1, 1.0];
    let arm = |shape: Shape, peak: f64| Config {
        shape,
        peak,
        fed: Fed::ServerMomentum,
        warmup: 0.0,
        grid: 0,
        rivals: false,
        horizon: 40,
        problem: Problem::Federated,
        ..Config::default()
    };
    let mut arms = Vec::new();
    for rate in RATES {
        arms.extend([arm(Shape::FedHyper, rate), arm(Shape::Constant, rate)]);
    }
    Experiment::boxed(
        arms,
        seeds_of(effort, false),
        Measure::Loss,
        |arms, seeds| {
            let gains: Vec<(f64, [f64; 2])> = arms
                .chunks(2)
                .map(|a| {
                    let points = |v: &[f64]| v.iter().map(|x| 100.0 * x).collect::<Vec<f64>>();
                    differences(&points(&a[0].accuracies), &points(&a[1].accuracies))
                })
                .collect();
            let words: Vec<String> = (RATES.iter().zip(&gains).zip(arms.chunks(2)))
                .map(|((rate, (mean, [low, high])), a)| {
                    format!(
                        "rate {rate}: {mean:+.1} points ({low:.1} to {high:.1}) over {:.1} %",
                        100.0 * stats::mean(&a[1].accuracies)
                    )
                })
                .collect();
            let (measured, interval) = gains[0];
            ClaimResult {
                quantity: "Held-out accuracy after 40 rounds, FedHyper-GM minus plain averaging, clients' rate 0.01"
                    .to_owned(),
                unit: "points".to_owned(),
                measured,
                interval,
                seeds,
                verdict: match verdict(interval, true) {
                    Verdict::Reproduced if gains.iter().any(|g| g.1[1] < 0.0) => Verdict::Partly,
                    other => other,
                },
                why: format!(
                    "ten clients, five local steps a round. {}. A gain from too small a rate is what scaling the server's step must bring; no gain is expected where the rate is right or too large",
                    words.join("; ")
                ),
            }
        },
    )
}

/// Projection to the first norm against free weights, under changing labels.
pub(crate) fn nap(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let horizon = match effort {
        Effort::Quick => 5000,
        Effort::Full => 10_000,
    };
    let arm = |project: bool| Config {
        project,
        shape: Shape::Constant,
        warmup: 0.0,
        peak: 0.5,
        grid: 0,
        rivals: false,
        horizon,
        problem: Problem::Relabel,
        ..Config::default()
    };
    Experiment::boxed(
        vec![arm(true), arm(false)],
        seeds_of(effort, false),
        Measure::Loss,
        |arms, seeds| {
            let points = |v: &[f64]| v.iter().map(|x| 100.0 * x).collect::<Vec<f64>>();
            let (measured, interval) =
                differences(&points(&arms[0].accuracies), &points(&arms[1].accuracies));
            let grown: f64 = stats::mean(&arms[1].last) / stats::mean(&arms[0].last);
            ClaimResult {
                quantity: format!(
                    "Accuracy over the last quarter, with projection minus without, {} updates",
                    arms[0].config.horizon
                ),
                unit: "points".to_owned(),
                measured,
                interval,
                seeds,
                verdict: match verdict(interval, true) {
                    Verdict::NotReproduced if grown > 1.5 && interval[1] >= 0.0 => Verdict::Partly,
                    other => other,
                },
                why: format!(
                    "labels change every {} updates, plain SGD at a constant rate of {}; without projection the norm of the hidden weights ends {grown:.1} times as large, so the effective rate has fallen by {:.1} on its own; accuracy {:.1} % without",
                    arms[0].config.task_length,
                    arms[0].config.peak,
                    grown * grown,
                    100.0 * stats::mean(&arms[1].accuracies)
                ),
            }
        },
    )
}

/// A growing batch against a fixed one with the same samples.
pub(crate) fn adadagrad(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let arm = |growth: Growth| Config {
        growth,
        shape: Shape::Constant,
        warmup: 0.0,
        rivals: false,
        ..Config::default().with_problem(Problem::Growing)
    };
    Experiment::boxed(
        vec![arm(Growth::Norm), arm(Growth::Fixed)],
        seeds_of(effort, false),
        Measure::Loss,
        |arms, seeds| {
            let (measured, interval) = paired(&arms[0], &arms[1]);
            let margin = 0.02 * arms[1].mean();
            let batch = stats::mean(&arms[0].last);
            ClaimResult {
                quantity: "Held-out loss after 19,200 samples, growing minus fixed batch"
                    .to_owned(),
                unit: "nats".to_owned(),
                measured,
                interval,
                seeds,
                verdict: if interval[1] <= margin && batch > 64.0 {
                    Verdict::Reproduced
                } else if interval[0] <= margin && batch > 64.0 {
                    Verdict::Partly
                } else {
                    Verdict::NotReproduced
                },
                why: format!(
                    "AdaGrad-Norm at its own tuned rate each ({:.2} and {:.2}), norm test with θ = {}: the batch grows from 32 to {batch:.0} on average, so far fewer steps are made. As good is taken as at most {margin:.4} above the fixed batch's {:.4}",
                    arms[0].config.peak,
                    arms[1].config.peak,
                    arms[0].config.tolerance,
                    arms[1].mean()
                ),
            }
        },
    )
}
