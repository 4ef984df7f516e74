//! What the rules make of held-out samples.

use super::super::config::{Config, LayerRule};
use super::charts;
use crate::core::{
    Better, Chart, EntityId, Fact, Metric, Moment, MomentKind, Story, Table, Timeline, stats,
};
use crate::labs::LabRun;
use std::sync::Arc;

/// A rule's decisions on every held-out sample, and what came of them.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The rule; none for a control.
    pub rule: Option<LayerRule>,
    /// Its name.
    pub name: &'static str,
    /// Samples × blocks: 0 skipped, 1 run, 2 run twice, 3 left before.
    pub actions: Arc<[u8]>,
    /// Class given to each sample.
    pub classes: Arc<[u8]>,
    /// Mean cross-entropy, nats.
    pub loss: f64,
    /// Share of samples recognised.
    pub accuracy: f64,
    /// Block runs per sample.
    pub cost: f64,
    /// Standard deviation of the block runs over the samples.
    pub spread: f64,
}

impl Policy {
    pub(super) fn new(
        rule: impl Into<Option<LayerRule>>,
        name: &'static str,
        (actions, classes, loss): (Vec<u8>, Vec<u8>, f64),
        labels: &[u8],
    ) -> Self {
        let blocks = actions.len() / labels.len();
        let runs: Vec<f64> = actions
            .chunks_exact(blocks)
            .map(|row| row.iter().filter(|a| **a < 3).map(|&a| f64::from(a)).sum())
            .collect();
        let right = classes.iter().zip(labels).filter(|(a, b)| a == b).count();
        Self {
            rule: rule.into(),
            name,
            accuracy: right as f64 / labels.len() as f64,
            cost: stats::mean(&runs),
            spread: stats::std_dev(&runs),
            actions: actions.into(),
            classes: classes.into(),
            loss,
        }
    }
}

impl Policy {
    /// Whether it is drawn beside the others when a rule is shown: eight at most can be told apart.
    pub(super) fn is_compared(&self, shown: LayerRule) -> bool {
        let Some(rule) = self.rule else {
            return true;
        };
        let own = rule.is_depths() || rule.is_first();
        let always = matches!(rule, LayerRule::Full | LayerRule::Oracle);
        if shown.is_depths() {
            own || always
        } else if shown.is_first() {
            let skips = matches!(rule, LayerRule::Uniform | LayerRule::Allocated);
            own || always || skips || matches!(rule, LayerRule::Fixed | LayerRule::Routed)
        } else {
            // Nine were measured: one that says least beside the one shown is left out.
            let out = if shown == LayerRule::Patience {
                LayerRule::Fixed
            } else {
                LayerRule::Patience
            };
            rule != out
        }
    }
}

/// Losses at a number of block runs.
#[derive(Debug, Clone, Copy, Default)]
pub struct Budget {
    /// Block runs.
    pub cost: usize,
    /// Least loss over all paths of this cost.
    pub oracle: f64,
    /// Least loss over 100 of them drawn at random.
    pub best_of: f64,
    /// Loss of one drawn at random.
    pub random: f64,
}

/// Everything measured.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub(super) policies: Vec<Policy>,
    pub(super) labels: Vec<u8>,
    pub(super) losses: Vec<f64>,
    pub(super) budgets: Vec<Budget>,
    pub(super) decisions: [f64; 3],
    pub(super) reachable: f64,
    pub(super) reachable_shuffled: f64,
    pub(super) shares: [Vec<f64>; 2],
}

/// Everything computed. Cheap to clone.
#[derive(Debug, Clone)]
pub struct LayerRun {
    config: Arc<Config>,
    facts: Arc<Facts>,
    timeline: Timeline,
    charts: Arc<[Chart]>,
}

impl LayerRun {
    pub(super) fn new(config: &Config, facts: Facts) -> Self {
        let mut timeline = Timeline::counted(config.blocks as usize, "block", "1 block");
        timeline.moments.push(Moment {
            at: timeline.end(),
            label: "output".to_owned(),
            kind: MomentKind::Note,
        });
        Self {
            charts: charts::charts(config.layer_rule, &facts).into(),
            config: Arc::new(config.clone()),
            facts: Arc::new(facts),
            timeline,
        }
    }

    /// The config it belongs to.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The rules compared.
    pub fn policies(&self) -> &[Policy] {
        &self.facts.policies
    }

    /// The rule shown.
    pub fn shown(&self) -> &Policy {
        self.policy(self.config.layer_rule)
            .unwrap_or(&self.facts.policies[0])
    }

    /// A rule's decisions, if it was measured.
    pub fn policy(&self, rule: LayerRule) -> Option<&Policy> {
        self.facts.policies.iter().find(|p| p.rule == Some(rule))
    }

    /// A policy by its name, controls included.
    pub fn named(&self, name: &str) -> Option<&Policy> {
        self.facts.policies.iter().find(|p| p.name == name)
    }

    /// Samples in the order in which they are drawn: by digit.
    pub fn order(&self) -> Vec<usize> {
        super::first::order(&self.facts.labels)
    }

    /// Samples of a sequence and of its prompt, where the rule shown decides by sequences.
    pub fn sequence(&self) -> Option<[usize; 2]> {
        let sequences = self.config.layer_rule.is_first();
        sequences.then_some([super::first::SEQUENCE, super::first::PROMPT])
    }

    /// Share of the keys and values asked for that an earlier token did not leave.
    pub fn holes(&self, policy: &Policy) -> f64 {
        super::first::holes(&policy.actions, &self.facts.labels)
    }

    /// Digits of the held-out samples.
    pub fn labels(&self) -> &[u8] {
        &self.facts.labels
    }

    /// Losses at every number of block runs.
    pub fn budgets(&self) -> &[Budget] {
        &self.facts.budgets
    }

    /// Share of samples for which some path gives the right class, and for which some path gives a
    /// class that is not theirs.
    pub fn reachable(&self) -> [f64; 2] {
        [self.facts.reachable, self.facts.reachable_shuffled]
    }
}

impl LabRun for LayerRun {
    fn metrics(&self) -> Vec<Metric> {
        let (shown, full) = (self.shown(), &self.facts.policies[0]);
        let holes = if self.config.layer_rule.is_first() {
            100.0 * self.holes(shown)
        } else {
            f64::NAN
        };
        let mut all = vec![
            Metric::new(
                "accuracy",
                "Accuracy",
                "%",
                100.0 * shown.accuracy,
                Better::Higher,
                "Held-out samples recognised under the rule shown.",
            ),
            Metric::new(
                "blocks_run",
                "Blocks run",
                "per sample",
                shown.cost,
                Better::Lower,
                "Block runs per sample under the rule shown; one run twice counts two.",
            ),
            Metric::new(
                "blocks_run_sd",
                "Spread of blocks run",
                "per sample",
                shown.spread,
                Better::Neither,
                "Standard deviation over the samples.",
            ),
            Metric::new(
                "test_loss",
                "Held-out loss",
                "nats",
                shown.loss,
                Better::Lower,
                "Cross-entropy under the rule shown.",
            ),
            Metric::new(
                "accuracy_full",
                "Accuracy, every block",
                "%",
                100.0 * full.accuracy,
                Better::Neither,
                "Held-out samples recognised when every block is run once.",
            ),
            Metric::new(
                "reachable",
                "Some path is right",
                "%",
                100.0 * self.facts.reachable,
                Better::Neither,
                "Samples for which at least one of all paths gives the right class: what a router with hindsight reaches.",
            ),
            Metric::new(
                "reachable_shuffled",
                "Some path is wrong as asked",
                "%",
                100.0 * self.facts.reachable_shuffled,
                Better::Neither,
                "Control: samples for which at least one path gives the class of another sample. Hindsight finds wrong answers too.",
            ),
            Metric::new(
                "kv_holes",
                "Holes in the cache",
                "%",
                holes,
                Better::Lower,
                "Of the keys and values that tokens ask for in the blocks they run: those that an earlier token of the sequence did not leave because it skipped the block.",
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
        let rules = self.facts.policies.iter().enumerate();
        let shown = self.shown();
        let blocks = self.config.blocks as usize;
        let samples = self.facts.labels.iter().enumerate().map(|(i, &label)| {
            let mut row = vec![i as f64, f64::from(label), f64::from(shown.classes[i])];
            let actions = &shown.actions[i * blocks..(i + 1) * blocks];
            row.extend(actions.iter().map(|&a| f64::from(a)));
            row
        });
        let mut columns = vec!["sample".to_owned(), "digit".to_owned(), "class".to_owned()];
        columns.extend((0..blocks).map(|l| format!("block_{l}")));
        vec![
            (
                "samples",
                Table {
                    columns,
                    rows: samples.collect(),
                },
            ),
            (
                "rules",
                Table {
                    columns: [
                        "rule",
                        "accuracy",
                        "blocks_run",
                        "blocks_run_sd",
                        "loss_nats",
                    ]
                    .map(str::to_owned)
                    .to_vec(),
                    rows: rules
                        .map(|(i, p)| vec![i as f64, p.accuracy, p.cost, p.spread, p.loss])
                        .collect(),
                },
            ),
        ]
    }

    fn story(&self, EntityId(id): EntityId, _at: f64) -> Option<Story> {
        let i = usize::try_from(id).ok()?;
        let label = *self.facts.labels.get(i)?;
        let blocks = self.config.blocks as usize;
        let facts = self.facts.policies.iter().map(|p| {
            let words: Vec<&str> = p.actions[i * blocks..(i + 1) * blocks]
                .iter()
                .map(|a| ["skip", "run", "twice", "left"][usize::from(*a).min(3)])
                .collect();
            let class = p.classes[i];
            let verdict = if class == label { "right" } else { "wrong" };
            Fact::new(p.name, format!("{}: {class}, {verdict}", words.join(" ")))
        });
        Some(Story {
            title: format!("Sample {i}, a {label}"),
            facts: facts.collect(),
            why: vec![format!(
                "{} of {} rules give the right class.",
                self.facts
                    .policies
                    .iter()
                    .filter(|p| p.classes[i] == label)
                    .count(),
                self.facts.policies.len()
            )],
        })
    }

    fn notable(&self) -> Vec<(EntityId, String)> {
        let (full, shown) = (&self.facts.policies[0], self.shown());
        let differs = |right: &Policy, wrong: &Policy| {
            (0..self.facts.labels.len()).find(|&i| {
                right.classes[i] == self.facts.labels[i] && wrong.classes[i] != self.facts.labels[i]
            })
        };
        let found = [
            (differs(full, shown), "lost by the rule shown"),
            (differs(shown, full), "won by the rule shown"),
            (Some(0), "the first"),
        ];
        found
            .into_iter()
            .filter_map(|(i, words)| {
                i.map(|i| (EntityId(i as u64), format!("Sample {i}: {words}")))
            })
            .collect()
    }

    fn summary(&self) -> String {
        let (shown, full) = (self.shown(), &self.facts.policies[0]);
        format!(
            "{} recognises {:.1} % of the held-out digits with {:.2} block runs per sample; every block once, {}, gives {:.1} %. For {:.1} % some path is right, for {:.1} % some path gives the class of another sample.",
            shown.name,
            100.0 * shown.accuracy,
            shown.cost,
            self.config.blocks,
            100.0 * full.accuracy,
            100.0 * self.facts.reachable,
            100.0 * self.facts.reachable_shuffled
        )
    }
}
