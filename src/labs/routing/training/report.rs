//! What a training run tells: metrics, tables, stories.

use super::super::config::Task;
use super::super::entity::Entity;
use super::measure::Snapshot;
use super::run::TrainRun;
use super::trainer::latencies;
use crate::core::Arrange as _;
use crate::core::{Better, Chart, EntityId, Fact, Metric, Story, Table, Timeline, num, stats};
use crate::labs::LabRun;

/// Mean over the last quarter of the snapshots.
fn late(run: &TrainRun, get: impl Fn(&Snapshot) -> f64) -> f64 {
    let all = run.snapshots();
    let tail = &all[all.len() * 3 / 4..];
    stats::mean(&tail.iter().map(get).collect::<Vec<_>>())
}

impl LabRun for TrainRun {
    fn metrics(&self) -> Vec<Metric> {
        let last = |get: &dyn Fn(&Snapshot) -> f64| self.snapshots.last().map_or(f64::NAN, get);
        let third = self
            .at(self.timeline.end() / 3.0)
            .map_or(f64::NAN, |s| self.agreement(s));
        let mut all = vec![
            Metric::new(
                "test_loss",
                "Held-out loss",
                if self.config.task == Task::Digits {
                    "nats"
                } else {
                    ""
                },
                last(&|s| s.loss),
                Better::Lower,
                "Loss of the task on held-out tokens at the end: cross-entropy (digits) or mean squared error (vectors), without balancing terms and without capacity.",
            ),
            Metric::new(
                "accuracy",
                "Accuracy",
                "%",
                last(&|s| 100.0 * s.accuracy),
                Better::Higher,
                "Held-out digits recognised at the end.",
            ),
            Metric::new(
                "max_violation",
                "MaxVio",
                "",
                last(&|s| s.violation),
                Better::Lower,
                "Largest load over the mean load, minus 1, over all held-out tokens at the end.",
            ),
            Metric::new(
                "batch_violation",
                "MaxVio of a batch",
                "",
                late(self, |s| s.batch_violation),
                Better::Lower,
                "The same in a training batch, mean over the last quarter of training.",
            ),
            Metric::new(
                "max_violation_floor",
                "MaxVio floor of a batch",
                "",
                self.floor.max_violation[0],
                Better::Neither,
                "Mean MaxVio of a training batch under uniformly random routing.",
            ),
            Metric::new(
                "dead_experts",
                "Dead experts",
                "",
                last(&|s| f64::from(s.dead)),
                Better::Lower,
                "Experts asked for by less than 2 % of the mean load at the end.",
            ),
            Metric::new(
                "drop_rate",
                "Dropped pairs",
                "%",
                late(self, |s| 100.0 * s.drop_rate),
                Better::Lower,
                "Share of a training batch's pairs without a place, mean over the last quarter.",
            ),
            Metric::new(
                "specialisation",
                "Specialisation",
                "",
                last(&|s| s.specialisation),
                Better::Neither,
                "Mutual information of label and first choice over ln of the number of labels (NMI).",
            ),
            Metric::new(
                "own_proxy",
                "Own gate row strongest",
                "%",
                last(&|s| 100.0 * s.own_proxy),
                Better::Higher,
                "Share of experts that respond to their own gate row more strongly than any other expert does.",
            ),
            Metric::new(
                "agreement_third",
                "Settled after a third",
                "%",
                100.0 * third,
                Better::Neither,
                "Held-out tokens whose first choice after a third of the updates is that of the end.",
            ),
            Metric::new(
                "context_share",
                "Information about the context",
                "nats",
                last(&|s| s.information[1]),
                Better::Neither,
                "Mutual information of first choice and context; tokens with a context only.",
            ),
            Metric::new(
                "makespan",
                "Slowest expert",
                "×",
                if self.config.latency_weight > 0.0 {
                    last(&|s| s.makespan)
                } else {
                    f64::NAN
                },
                Better::Lower,
                "Time of the slowest expert over the best split of the same pairs, experts of unequal latency.",
            ),
            Metric::new(
                "drift",
                "Router drift",
                "%",
                last(&|s| 100.0 * self.drift(s)),
                Better::Lower,
                "First task's tokens whose first choice changed while the second was learnt.",
            ),
            Metric::new(
                "first_task_loss",
                "First task at the end",
                "",
                last(&|s| s.task_loss[0]),
                Better::Lower,
                "Held-out loss of the first task of a sequence at the end.",
            ),
            Metric::new(
                "second_task_loss",
                "Second task at the end",
                "",
                last(&|s| s.task_loss[1]),
                Better::Lower,
                "Held-out loss of the second task of a sequence at the end.",
            ),
            Metric::new(
                "router_entropy",
                "Router entropy",
                "nats",
                last(&|s| s.entropy),
                Better::Neither,
                "Mean entropy of the scores divided by their sum; ln E when the router is undecided.",
            ),
        ];
        // What this task has not is left out.
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
        vec![
            ("updates", update_table(self)),
            ("experts", expert_table(self)),
            ("labels", label_table(self)),
        ]
    }

    fn story(&self, entity: EntityId, at: f64) -> Option<Story> {
        let s = self.at(at)?;
        if let Some(label) = Self::label_of(entity) {
            return label_story(self, s, label);
        }
        match Entity::of(entity) {
            Entity::Expert(e) => expert_story(self, s, e),
            Entity::Token { .. } => None,
        }
    }

    fn notable(&self) -> Vec<(EntityId, String)> {
        let Some(s) = self.snapshots.last() else {
            return Vec::new();
        };
        let best = (0..s.loads.len()).max_by(|&a, &b| s.loads[a].total_cmp(&s.loads[b]));
        let least = (0..s.loads.len()).min_by(|&a, &b| s.loads[a].total_cmp(&s.loads[b]));
        let mut out = Vec::new();
        for (e, word) in [(best, "busiest"), (least, "idlest")] {
            if let Some(e) = e {
                let words = format!("Expert {e}: the {word} at the end");
                out.push((Entity::Expert(e).id(), words));
            }
        }
        let word = self.label_word();
        out.push((Self::label_id(0), format!("Where {word} 0 goes")));
        out
    }

    fn summary(&self) -> String {
        let Some(s) = self.snapshots.last() else {
            return "Nothing learnt yet.".to_owned();
        };
        let quality = if s.accuracy.is_nan() {
            format!("a mean squared error of {:.3}", s.loss)
        } else {
            format!("{:.1} % of the held-out digits", 100.0 * s.accuracy)
        };
        format!(
            "After {} updates the mixture of {} experts reaches {quality} with MaxVio {:.2} over the held-out tokens and {:.2} in a batch (random routing: {:.2}); {} dead experts.",
            s.step,
            self.config.experts,
            s.violation,
            late(self, |s| s.batch_violation),
            self.floor.max_violation[0],
            s.dead
        )
    }
}

fn update_table(run: &TrainRun) -> Table {
    let columns = [
        "update",
        "loss_held_out",
        "loss_training",
        "accuracy",
        "max_violation_held_out",
        "max_violation_batch",
        "drop_rate",
        "specialisation",
        "agreement_with_end",
        "dead_experts",
        "own_proxy",
        "noise_bound",
        "projection_norm",
        "mi_label_nats",
        "mi_context_nats",
        "router_drift",
        "loss_first_task",
        "loss_second_task",
    ];
    let rows = run.snapshots().iter().map(|s| {
        vec![
            f64::from(s.step),
            s.loss,
            s.train_loss,
            s.accuracy,
            s.violation,
            s.batch_violation,
            s.drop_rate,
            s.specialisation,
            run.agreement(s),
            f64::from(s.dead),
            s.own_proxy,
            s.bound,
            s.projection_norm,
            s.information[0],
            s.information[1],
            run.drift(s),
            s.task_loss[0],
            s.task_loss[1],
        ]
    });
    Table {
        columns: columns.map(str::to_owned).to_vec(),
        rows: rows.collect(),
    }
}

fn expert_table(run: &TrainRun) -> Table {
    let rows = run.snapshots().iter().flat_map(|s| {
        (0..s.loads.len()).map(move |e| vec![f64::from(s.step), e as f64, s.loads[e], s.bias[e]])
    });
    Table {
        columns: ["update", "expert", "load", "bias"]
            .map(str::to_owned)
            .to_vec(),
        rows: rows.collect(),
    }
}

fn label_table(run: &TrainRun) -> Table {
    let experts = run.config().experts as usize;
    let rows = run.snapshots().last().map_or(Vec::new(), |s| {
        let all = s.joint.iter().enumerate();
        all.map(|(i, &n)| vec![(i / experts) as f64, (i % experts) as f64, f64::from(n)])
            .collect()
    });
    Table {
        columns: ["label", "expert", "first_choices"]
            .map(str::to_owned)
            .to_vec(),
        rows,
    }
}

/// Shares in words, largest first, the small ones left out.
fn shares(counts: &[u32], name: impl Fn(usize) -> String) -> String {
    let total: u32 = counts.iter().sum();
    let mut all: Vec<(usize, u32)> = counts.iter().copied().enumerate().collect();
    all.arrange_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    let large = all.iter().filter(|(_, n)| 20 * n >= total && *n > 0);
    let words: Vec<String> = large
        .map(|(i, n)| {
            format!(
                "{} {:.0} %",
                name(*i),
                100.0 * f64::from(*n) / f64::from(total)
            )
        })
        .collect();
    if words.is_empty() {
        "none".to_owned()
    } else {
        words.join(", ")
    }
}

fn label_story(run: &TrainRun, s: &Snapshot, label: usize) -> Option<Story> {
    let experts = s.loads.len();
    let row = s.joint.get(label * experts..(label + 1) * experts)?;
    let word = run.label_word();
    let total: u32 = row.iter().sum();
    Some(Story {
        title: format!("{}{} {label}", word[..1].to_uppercase(), &word[1..]),
        facts: vec![
            Fact::new("held-out tokens", total.to_string()),
            Fact::new("first choices", shares(row, |e| format!("expert {e}"))),
        ],
        why: vec![format!(
            "After {} updates the first choice says {:.2} nats about the {word}; knowing it for sure would be {:.2}.",
            s.step,
            s.information[0],
            num::ln(run.classes() as f64)
        )],
    })
}

fn expert_story(run: &TrainRun, s: &Snapshot, e: usize) -> Option<Story> {
    let experts = s.loads.len();
    let load = *s.loads.get(e)?;
    let mean = s.loads.iter().sum::<f64>() / experts as f64;
    let column: Vec<u32> = (0..run.classes())
        .map(|c| s.joint[c * experts + e])
        .collect();
    let word = run.label_word();
    let [low, high] = run.load_floor();
    let mut facts = vec![
        Fact::new(
            "load",
            format!("{load:.0} pairs, {:.2} of the mean", load / mean),
        ),
        Fact::new(
            "random routing, 5-95 %",
            format!("{low:.0} to {high:.0} pairs"),
        ),
        Fact::new(
            "first choice of",
            shares(&column, |c| format!("{word} {c}")),
        ),
    ];
    let mut why = Vec::new();
    if run.config().loss_free {
        facts.push(Fact::new("selection bias", format!("{:+.4}", s.bias[e])));
        let verb = if load > mean { "lowers" } else { "raises" };
        why.push(format!(
            "Its load is {:.2} of the mean, so the next update {verb} its bias (over the training batch, not these tokens).",
            load / mean
        ));
    }
    if run.config().latency_weight > 0.0 {
        let latency = latencies(run.config())[e];
        facts.push(Fact::new("latency", format!("{latency:.2} per token")));
    }
    if load < 0.02 * mean {
        why.push(
            "Dead: hardly any token chooses it, so hardly any gradient reaches it.".to_owned(),
        );
    }
    Some(Story {
        title: format!("Expert {e}"),
        facts,
        why,
    })
}
