//! The linked charts of a run on layers.

use super::super::config::LayerRule;
use super::run::Facts;
use crate::core::{Axis, Chart, Series, SeriesKind};

fn chart(
    (id, title, doc): (&'static str, &'static str, &'static str),
    x: Axis,
    y: Axis,
    series: Vec<Series>,
) -> Chart {
    Chart {
        id,
        title,
        doc,
        x,
        y,
        series,
        marks: Vec::new(),
        on_timeline: false,
    }
}

/// The linked charts of a run.
pub(super) fn charts(rule: LayerRule, facts: &Facts) -> Vec<Chart> {
    let dots = facts
        .policies
        .iter()
        .filter(|p| p.is_compared(rule))
        .map(|p| {
            let at = vec![[p.cost, 100.0 * p.accuracy]];
            Series::new(p.name, SeriesKind::Points, at)
        });
    let budget = |get: fn(&super::run::Budget) -> f64| -> Vec<[f64; 2]> {
        let all = facts.budgets.iter();
        all.map(|b| [b.cost as f64, get(b)]).collect()
    };
    let mut out = vec![
        chart(
            (
                "frontier",
                "Accuracy against blocks run",
                "Every rule on the same network and the same held-out samples. Up and left is better. The oracle knows the label: no router can see what it sees.",
            ),
            Axis::zero_based("blocks run", "per sample"),
            Axis::linear("accuracy", "%"),
            dots.collect(),
        ),
        chart(
            (
                "hindsight",
                "How much of the oracle is hindsight",
                "Cross-entropy of the best path by number of block runs; of the best among 100 paths drawn at random; and of one drawn at random. Where the first two meet, choosing after the fact does the work, not knowing the input.",
            ),
            Axis::zero_based("blocks run", "per sample"),
            Axis::log("cross-entropy", "nats"),
            vec![
                Series::line("best path", budget(|b| b.oracle)),
                Series::line("best of 100 at random", budget(|b| b.best_of)),
                Series::line("one at random", budget(|b| b.random)),
            ],
        ),
    ];
    let decided = facts
        .policies
        .iter()
        .find(|p| p.rule == Some(LayerRule::Routed))
        .map(|p| {
            let mut counts = [0.0; 3];
            for &a in p.actions.iter() {
                if let Some(count) = counts.get_mut(usize::from(a)) {
                    *count += 100.0 / p.actions.len() as f64;
                }
            }
            counts
        });
    let bars = |values: [f64; 3]| -> Vec<[f64; 2]> {
        let all = values.iter().enumerate();
        all.map(|(i, &v)| [i as f64, v]).collect()
    };
    out.push(chart(
        (
            "decisions",
            "What the routers learn and do",
            "Share of the decisions to skip (0), run (1) and run twice (2): among the labels, which are the cheapest paths that are right, and by the trained routers.",
        ),
        Axis::linear("times a block is run", ""),
        Axis::zero_based("share", "%"),
        [
            Some(Series::new(
                "labels",
                SeriesKind::Bars,
                bars(facts.decisions.map(|v| 100.0 * v)),
            )),
            decided.map(|v| Series::new("trained routers", SeriesKind::Bars, bars(v))),
        ]
        .into_iter()
        .flatten()
        .collect(),
    ));
    let per_block = |shares: &[f64]| -> Vec<[f64; 2]> {
        let all = shares.iter().enumerate();
        all.map(|(l, s)| [l as f64, 100.0 * s]).collect()
    };
    out.push(chart(
        (
            "sparsity",
            "Samples that skip each block",
            "The same share everywhere (but in the first block, which nothing before can judge), and the shares found by adding 10 points at a time where the training samples' loss rises least.",
        ),
        Axis::linear("block", ""),
        Axis::zero_based("skipped", "%"),
        vec![
            Series::new("same everywhere", SeriesKind::Bars, per_block(&facts.shares[0])),
            Series::new("allocated", SeriesKind::Bars, per_block(&facts.shares[1])),
        ],
    ));
    let losses: Vec<[f64; 2]> = facts
        .losses
        .chunks(10)
        .enumerate()
        .map(|(i, c)| [(10 * i + c.len()) as f64, crate::core::stats::mean(c)])
        .collect();
    out.push(chart(
        (
            "training",
            "Training loss",
            "Mean loss of ten batches: the exits under their distribution, its divergence from the prior, and the last exit.",
        ),
        Axis::linear("update", ""),
        Axis::log("loss", "nats"),
        vec![Series::line("training", losses)],
    ));
    out
}
