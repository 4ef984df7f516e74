//! The linked charts of a run on queries.

use super::super::config::Config;
use super::run::Facts;
use crate::core::{Axis, Chart, Series, SeriesKind};

/// The linked charts of a run.
pub(super) fn charts(config: &Config, facts: &Facts) -> Vec<Chart> {
    let (rule, escalates) = (config.query_rule, config.query_rule.escalates());
    let lines = facts.curves.iter().map(|c| {
        let points: Vec<[f64; 2]> = c.points.iter().map(|[x, y]| [*x, 100.0 * y]).collect();
        let kind = if c.points.len() == 1 || c.name == super::pool::FIXED {
            SeriesKind::Points
        } else {
            SeriesKind::Line
        };
        Series::new(c.name, kind, points)
    });
    let mut out = vec![Chart {
        id: "frontier",
        title: "Quality against cost",
        doc: "Mean quality of the answers against mean cost per query, as the weight of cost or the threshold moves. Up and left is better; hindsight bounds every rule.",
        x: Axis::zero_based("cost", "of the dearest answer"),
        y: Axis::linear("quality", "%"),
        series: lines.collect(),
        marks: Vec::new(),
        on_timeline: false,
    }];
    let regret: Vec<[f64; 2]> = facts
        .scenes
        .iter()
        .map(|s| [s.at, 100.0 * s.regret])
        .collect();
    out.push(Chart {
        id: "regret",
        title: "What is lost against hindsight",
        doc: "Regret of the rule shown along the sweep.",
        x: Axis::linear(rule.axis(), ""),
        y: Axis::zero_based("regret", "points"),
        series: vec![Series::line("rule shown", regret)],
        marks: Vec::new(),
        on_timeline: true,
    });
    let shares = (0..facts.models.len()).map(|m| {
        let points: Vec<[f64; 2]> = facts
            .scenes
            .iter()
            .map(|s| {
                let asks = |c: &u8| {
                    if facts.sets {
                        c >> m & 1 == 1
                    } else {
                        usize::from(*c) == m
                    }
                };
                let own = s.choices.iter().filter(|c| asks(c)).count();
                [s.at, 100.0 * own as f64 / s.choices.len() as f64]
            })
            .collect();
        Series::line(facts.models[m].0.clone(), points)
    });
    out.push(Chart {
        id: "shares",
        title: "Who answers",
        doc: "Share of the queries that each model answers along the sweep.",
        x: Axis::linear(rule.axis(), ""),
        y: Axis::zero_based("share", "%"),
        series: shares.collect(),
        marks: Vec::new(),
        on_timeline: true,
    });
    if escalates {
        let lines = facts.curves.iter().map(|c| {
            let points: Vec<[f64; 2]> = c.wasted.iter().map(|[x, y]| [*x, 100.0 * y]).collect();
            Series::line(c.name, points)
        });
        out.push(Chart {
            id: "wasted",
            title: "Escalated in vain",
            doc: "Share of the escalated answers that the strong network does not make better.",
            x: Axis::linear("share escalated", ""),
            y: Axis::zero_based("in vain", "%"),
            series: lines.collect(),
            marks: Vec::new(),
            on_timeline: true,
        });
    }
    out
}
