//! What routing makes of the queries.

use super::super::config::Config;
use super::charts;
use crate::core::{Better, Chart, EntityId, Fact, Metric, Story, Table, Timeline, stats};
use crate::labs::LabRun;
use std::sync::Arc;

/// A rule's cost and quality as its weight or threshold moves.
#[derive(Debug, Clone, Default)]
pub struct Curve {
    /// Its name.
    pub name: &'static str,
    /// Cost per query and quality.
    pub points: Vec<[f64; 2]>,
    /// Share escalated and share of it in vain; empty for a pool.
    pub wasted: Vec<[f64; 2]>,
}

impl Curve {
    /// Index of the point at which a share of the answers is escalated.
    pub fn at_share(&self, share: f64) -> Option<usize> {
        self.wasted.iter().position(|[s, _]| *s >= share - 1e-9)
    }

    pub(super) fn line(name: &'static str, points: Vec<[f64; 2]>) -> Self {
        Self {
            name,
            points,
            wasted: Vec::new(),
        }
    }

    /// Quality at a cost, between the points; NaN outside of them.
    pub fn quality_at(&self, cost: f64) -> f64 {
        let mut sorted = self.points.clone();
        sorted.sort_by(|a, b| a[0].total_cmp(&b[0]));
        sorted
            .windows(2)
            .find(|w| w[0][0] <= cost && cost <= w[1][0])
            .map_or(f64::NAN, |w| {
                let span = w[1][0] - w[0][0];
                let t = if span > 0.0 {
                    (cost - w[0][0]) / span
                } else {
                    0.0
                };
                w[0][1] + t * (w[1][1] - w[0][1])
            })
    }
}

/// All choices at one weight of cost, or one share escalated.
#[derive(Debug, Clone)]
pub struct Scene {
    /// The weight, or the share.
    pub at: f64,
    /// Model of each query.
    pub choices: Arc<[u8]>,
    /// Model with hindsight.
    pub best: Arc<[u8]>,
    /// What is lost against that.
    pub regret: f64,
}

/// Everything measured.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub(super) models: Vec<(String, f64)>,
    pub(super) positions: Vec<f32>,
    pub(super) quality: Vec<f64>,
    pub(super) scenes: Vec<Scene>,
    pub(super) curves: Vec<Curve>,
    pub(super) regret: f64,
    pub(super) hits: [f64; 2],
    pub(super) wasted: f64,
}

/// Everything computed. Cheap to clone.
#[derive(Debug, Clone)]
pub struct QueryRun {
    config: Arc<Config>,
    facts: Arc<Facts>,
    timeline: Timeline,
    charts: Arc<[Chart]>,
}

impl QueryRun {
    pub(super) fn new(config: &Config, facts: Facts) -> Self {
        let timeline = Timeline {
            steps: facts.scenes.iter().map(|s| s.at).collect(),
            axis: if config.query_rule.is_cascade() {
                "share escalated"
            } else {
                "weight of cost"
            },
            unit: "",
            step_name: "one step of it",
            moments: Vec::new(),
        };
        Self {
            charts: charts::charts(config, &facts).into(),
            config: Arc::new(config.clone()),
            facts: Arc::new(facts),
            timeline,
        }
    }

    /// The config it belongs to.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Names of the models and cost of an answer.
    pub fn models(&self) -> &[(String, f64)] {
        &self.facts.models
    }

    /// Where each query stands: its difficulty, or its rank under the rule shown, 0 to 1.
    pub fn positions(&self) -> &[f32] {
        &self.facts.positions
    }

    /// Quality of a model's answer to a query.
    pub fn quality(&self, query: usize, model: usize) -> f64 {
        let at = query * self.facts.models.len() + model;
        self.facts.quality.get(at).copied().unwrap_or(f64::NAN)
    }

    /// The choices at a moment.
    pub fn at(&self, at: f64) -> Option<&Scene> {
        self.facts.scenes.get(self.timeline.index_at(at))
    }

    /// Cost and quality of every rule.
    pub fn curves(&self) -> &[Curve] {
        &self.facts.curves
    }

    /// Mean loss against hindsight over the sweep.
    pub fn regret(&self) -> f64 {
        self.facts.regret
    }

    /// Share of queries whose best model is chosen when cost does not count, and the largest share
    /// for which one model is best; NaN for a cascade.
    pub fn hits(&self) -> [f64; 2] {
        self.facts.hits
    }

    /// Mean cost and quality of a scene.
    pub fn outcome(&self, scene: &Scene) -> [f64; 2] {
        let cost = |&m: &u8| self.facts.models[usize::from(m)].1;
        let costs: Vec<f64> = scene.choices.iter().map(cost).collect();
        let all = scene.choices.iter().enumerate();
        let quality: Vec<f64> = all.map(|(i, &m)| self.quality(i, usize::from(m))).collect();
        // In a cascade the weak network always answers first.
        let first = if self.config.query_rule.is_cascade() {
            self.facts.models[0].1 * scene.choices.iter().filter(|m| **m > 0).count() as f64
                / costs.len() as f64
        } else {
            0.0
        };
        [stats::mean(&costs) + first, stats::mean(&quality)]
    }

    /// The curve of the rule shown.
    pub fn shown(&self) -> Option<&Curve> {
        let place = super::work::CASCADE
            .iter()
            .position(|(rule, _)| *rule == self.config.query_rule);
        self.facts.curves.get(place.unwrap_or(1))
    }
}

impl LabRun for QueryRun {
    fn metrics(&self) -> Vec<Metric> {
        let at = |cost: f64| {
            self.shown()
                .map_or(f64::NAN, |c| 100.0 * c.quality_at(cost))
        };
        let mut all = vec![
            Metric::new(
                "quality_low",
                "Quality at cost 0.1",
                "%",
                at(0.1),
                Better::Higher,
                "Mean quality of the answers where the mean cost per query is 0.1 of the dearest model's.",
            ),
            Metric::new(
                "quality_middle",
                "Quality at cost 0.3",
                "%",
                at(0.3),
                Better::Higher,
                "Mean quality of the answers where the mean cost per query is 0.3 of the dearest model's.",
            ),
            Metric::new(
                "quality_high",
                "Quality at cost 0.6",
                "%",
                at(0.6),
                Better::Higher,
                "Mean quality of the answers where the mean cost per query is 0.6 of the dearest model's.",
            ),
            Metric::new(
                "regret",
                "Regret",
                "points",
                100.0 * self.facts.regret,
                Better::Lower,
                "What is lost against true qualities (of (1 - μ) quality - μ cost), or of accuracy against the true advantage; mean over the sweep.",
            ),
            Metric::new(
                "best_picked",
                "Best model picked",
                "%",
                100.0 * self.facts.hits[0],
                Better::Higher,
                "Queries whose truly best model is chosen when cost does not count.",
            ),
            Metric::new(
                "best_common",
                "Best by always the same",
                "%",
                100.0 * self.facts.hits[1],
                Better::Neither,
                "The largest share of queries for which one and the same model is best.",
            ),
            Metric::new(
                "wasted",
                "Escalated in vain",
                "%",
                100.0 * self.facts.wasted,
                Better::Lower,
                "Share of the fifth of the answers escalated first that the strong network does not make better.",
            ),
        ];
        all.retain(|m| !m.value.is_nan());
        all
    }

    fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    fn charts(&self) -> &[Chart] {
        &self.charts
    }

    fn tables(&self) -> Vec<(&'static str, Table)> {
        let models = self.facts.models.len();
        let mut columns = vec!["query".to_owned(), "position".to_owned()];
        columns.extend((0..models).map(|m| format!("quality_{m}")));
        let queries = self.facts.positions.iter().enumerate().map(|(i, &p)| {
            let mut row = vec![i as f64, f64::from(p)];
            row.extend((0..models).map(|m| self.quality(i, m)));
            row
        });
        let curves = self.facts.curves.iter().enumerate().flat_map(|(i, c)| {
            c.points
                .iter()
                .map(move |[cost, quality]| vec![i as f64, *cost, *quality])
        });
        vec![
            (
                "queries",
                Table {
                    columns,
                    rows: queries.collect(),
                },
            ),
            (
                "curves",
                Table {
                    columns: ["rule", "cost", "quality"].map(str::to_owned).to_vec(),
                    rows: curves.collect(),
                },
            ),
        ]
    }

    fn story(&self, EntityId(id): EntityId, at: f64) -> Option<Story> {
        let i = usize::try_from(id).ok()?;
        let scene = self.at(at)?;
        let (chosen, best) = (*scene.choices.get(i)?, *scene.best.get(i)?);
        let facts = self
            .facts
            .models
            .iter()
            .enumerate()
            .map(|(m, (name, cost))| {
                Fact::new(
                    name.clone(),
                    format!("quality {:.2}, cost {cost}", self.quality(i, m)),
                )
            });
        let name = |m: u8| &self.facts.models[usize::from(m)].0;
        let why = if chosen == best {
            format!("{} answers, as hindsight would have it.", name(chosen))
        } else {
            format!(
                "{} answers; hindsight would take {}.",
                name(chosen),
                name(best)
            )
        };
        Some(Story {
            title: format!("Query {i}"),
            facts: facts.collect(),
            why: vec![why],
        })
    }

    fn notable(&self) -> Vec<(EntityId, String)> {
        let middle = self.at(0.2);
        let differs =
            middle.and_then(|s| (0..s.choices.len()).find(|&i| s.choices[i] != s.best[i]));
        let first = [(Some(0), "the first"), (differs, "not as hindsight has it")];
        first
            .into_iter()
            .filter_map(|(i, words)| i.map(|i| (EntityId(i as u64), format!("Query {i}: {words}"))))
            .collect()
    }

    fn summary(&self) -> String {
        let name = self.shown().map_or("", |c| c.name);
        let at = |cost: f64| {
            self.shown()
                .map_or(f64::NAN, |c| 100.0 * c.quality_at(cost))
        };
        format!(
            "{} queries over {} models, {name}: quality {:.1} % at a cost of 0.3 and {:.1} % at 0.6 of the dearest answer; {:.2} points are lost against hindsight on average.",
            self.facts.positions.len(),
            self.facts.models.len(),
            at(0.3),
            at(0.6),
            100.0 * self.facts.regret
        )
    }
}
