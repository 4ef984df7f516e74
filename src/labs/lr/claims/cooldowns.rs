//! What cooldowns do, by copies of one checkpoint.

use super::super::config::Problem;
use super::super::schedule::Cooldown;
use super::{Arm, Config, Experiment, Measure, Shape, seeds_of};
use crate::core::Arrange as _;
use crate::core::{ClaimResult, Job, Verdict, stats};
use crate::labs::Effort;

/// The shapes that are compared.
const SHAPES: [Cooldown; 5] = [
    Cooldown::Linear,
    Cooldown::OneMinusSqrt,
    Cooldown::Cosine,
    Cooldown::MirrorCosine,
    Cooldown::Square,
];

/// Bias against variance over the shapes.
pub(crate) fn bias_variance(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    // One rate for all: the shapes must start from the same checkpoint.
    let arm = |cooldown_shape: Cooldown| Config {
        shape: Shape::Wsd,
        cooldown: 0.2,
        cooldown_shape,
        rivals: false,
        grid: 0,
        ..Config::default().with_problem(Problem::Branches)
    };
    Experiment::boxed(
        SHAPES.map(arm).to_vec(),
        seeds_of(effort, false),
        Measure::Loss,
        judge,
    )
}

fn judge(arms: &[Arm], seeds: Vec<u64>) -> ClaimResult {
    // Losses of the mean models stand in `last`, mean losses of the copies in `finals`.
    let of_seed = |s: usize| -> (Vec<f64>, Vec<f64>) {
        let biases = arms.iter().map(|a| a.last[s]).collect();
        let spread = |a: &Arm| a.finals[s] - a.last[s];
        (biases, arms.iter().map(spread).collect())
    };
    let ranks: Vec<f64> = (0..seeds.len())
        .map(|s| {
            let (biases, variances) = of_seed(s);
            stats::spearman(&biases, &variances)
        })
        .collect();
    let (measured, interval) = stats::mean_interval(&ranks);
    let lowest = (arms.iter())
        .map(|a| stats::mean(&a.last))
        .fold(f64::INFINITY, f64::min);
    let mut order: Vec<&Arm> = arms.iter().collect();
    order.arrange_by(|a, b| a.mean().total_cmp(&b.mean()));
    let words: Vec<String> = order
        .iter()
        .map(|a| {
            let middle = stats::mean(&a.last);
            format!(
                "{} {:.4} = {:.4} bias + {:.4} variance",
                a.config.cooldown_shape.name(),
                a.mean(),
                middle - lowest,
                a.mean() - middle
            )
        })
        .collect();
    ClaimResult {
        quantity: "Rank correlation of bias and variance over five cooldown shapes".to_owned(),
        unit: String::new(),
        measured,
        interval,
        seeds,
        verdict: if interval[1] < 0.0 {
            Verdict::Reproduced
        } else if measured < 0.0 {
            Verdict::Partly
        } else {
            Verdict::NotReproduced
        },
        why: format!(
            "a trade-off means a correlation below zero. Above the mean model's loss of {lowest:.4}, best shape first: {}. Peak rate {:.0e} for all, {} copies each",
            words.join("; "),
            arms[0].config.peak,
            arms[0].config.copies
        ),
    }
}
