//! What routing makes of the queries.

use super::super::config::Config;
use super::charts;
use crate::core::Arrange as _;
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
        sorted.arrange_by(|a, b| a[0].total_cmp(&b[0]));
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
    /// What the weak model costs before an answer is escalated.
    pub(super) glimpse: f64,
    /// Curve of the rule shown.
    pub(super) shown: usize,
    /// Whether choices are sets of models, one bit a model.
    pub(super) sets: bool,
    /// Cost of a further answer of a set, for merging.
    pub(super) merge: f64,
    /// Where queries stand, in words.
    pub(super) place: &'static str,
    /// What is asked; empty where it is not text.
    pub(super) texts: Vec<String>,
    /// Numbers of this world alone.
    pub(super) extra: Vec<Metric>,
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            models: Vec::new(),
            positions: Vec::new(),
            quality: Vec::new(),
            scenes: Vec::new(),
            curves: Vec::new(),
            regret: f64::NAN,
            hits: [f64::NAN; 2],
            wasted: f64::NAN,
            glimpse: 0.0,
            shown: 1,
            sets: false,
            merge: 0.0,
            place: "difficulty of the query",
            texts: Vec::new(),
            extra: Vec::new(),
        }
    }
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
            axis: config.query_rule.axis(),
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

    /// Number of choices: models, or sets of them.
    fn choices(&self) -> usize {
        let models = self.facts.models.len();
        if self.facts.sets { 1 << models } else { models }
    }

    /// Quality of the answer to a query under a choice.
    pub fn quality(&self, query: usize, choice: usize) -> f64 {
        let at = query * self.choices() + choice;
        self.facts.quality.get(at).copied().unwrap_or(f64::NAN)
    }

    /// Models that a choice asks.
    pub fn asked(&self, choice: u8) -> Vec<usize> {
        if !self.facts.sets {
            return vec![usize::from(choice)];
        }
        let models = 0..self.facts.models.len();
        models.filter(|m| choice >> m & 1 == 1).collect()
    }

    /// Cost of a choice.
    pub fn cost(&self, choice: u8) -> f64 {
        let asked = self.asked(choice);
        let answers: f64 = asked.iter().map(|&m| self.facts.models[m].1).sum();
        let escalated = self.config.query_rule.escalates() && choice > 0;
        let before = if escalated { self.facts.glimpse } else { 0.0 };
        answers + before + self.facts.merge * asked.len().saturating_sub(1) as f64
    }

    /// What stands for the place of a query.
    pub fn place(&self) -> &'static str {
        self.facts.place
    }

    /// A number of this world by its id; NaN when there is none.
    pub fn extra(&self, id: &str) -> f64 {
        let all = self.facts.extra.iter();
        all.filter(|m| m.id == id)
            .map(|m| m.value)
            .next()
            .unwrap_or(f64::NAN)
    }

    /// What the models that a choice asks are called.
    pub fn names(&self, choice: u8) -> String {
        let asked = self.asked(choice).into_iter();
        let names: Vec<&str> = asked.map(|m| self.facts.models[m].0.as_str()).collect();
        names.join(" and ")
    }

    /// The choices at a moment.
    pub fn at(&self, at: f64) -> Option<&Scene> {
        self.facts.scenes.get(self.timeline.index_at(at))
    }

    /// Cost and quality of every rule.
    pub fn curves(&self) -> &[Curve] {
        &self.facts.curves
    }

    /// A curve by its name.
    pub fn named(&self, name: &str) -> Option<&Curve> {
        self.facts.curves.iter().find(|c| c.name == name)
    }

    /// What a rule's curve says where a share of the answers is escalated, in per cent; NaN where
    /// there is no such rule or share.
    pub fn escalated(&self, name: &str, share: f64, get: fn(&Curve, usize) -> f64) -> f64 {
        let curve = self.named(name);
        let place = curve.and_then(|c| Some((c, c.at_share(share)?)));
        place.map_or(f64::NAN, |(c, place)| 100.0 * get(c, place))
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
        let costs: Vec<f64> = scene.choices.iter().map(|&c| self.cost(c)).collect();
        let all = scene.choices.iter().enumerate();
        let quality: Vec<f64> = all.map(|(i, &m)| self.quality(i, usize::from(m))).collect();
        [stats::mean(&costs), stats::mean(&quality)]
    }

    /// The curve of the rule shown.
    pub fn shown(&self) -> Option<&Curve> {
        self.facts.curves.get(self.facts.shown)
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
        all.extend(self.facts.extra.iter().cloned());
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
        let models = self.choices();
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
        let text = self.facts.texts.get(i);
        let mut facts: Vec<Fact> = text
            .map(|t| Fact::new("Asked", t.clone()))
            .into_iter()
            .collect();
        facts.extend(
            self.facts
                .models
                .iter()
                .enumerate()
                .map(|(m, (name, cost))| {
                    let alone = if self.facts.sets { 1 << m } else { m };
                    let quality = self.quality(i, alone);
                    Fact::new(
                        name.clone(),
                        format!("quality {quality:.2}, cost {cost:.2}"),
                    )
                }),
        );
        let verb = |choice: u8| {
            if self.asked(choice).len() > 1 {
                "answer"
            } else {
                "answers"
            }
        };
        let mut why = if chosen == best {
            format!(
                "{} {}, as hindsight would have it.",
                self.names(chosen),
                verb(chosen)
            )
        } else {
            format!(
                "{} {}; hindsight would take {}.",
                self.names(chosen),
                verb(chosen),
                self.names(best)
            )
        };
        if self.asked(chosen).len() > 1 {
            let quality = self.quality(i, usize::from(chosen));
            why = format!(
                "{why} Merged: quality {quality:.2}, cost {:.2}.",
                self.cost(chosen)
            );
        }
        Some(Story {
            title: format!("Query {i}"),
            facts,
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
