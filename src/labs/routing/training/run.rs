//! A training run: its snapshots, and the charts of them.

use super::super::charts::{BINOMIAL, by_expert, floor_band};
use super::super::config::{Config, Task};
use super::super::multiples::LoadPanels;
use super::super::rules::load::Floor;
use super::measure::Snapshot;
use super::trainer::latencies;
use crate::core::{
    Axis, Chart, EntityId, Mark, Moment, MomentKind, Series, SeriesKind, Timeline, stats,
};
use std::sync::Arc;

/// Everything computed. Cheap to clone.
#[derive(Debug, Clone)]
pub struct TrainRun {
    pub(super) config: Arc<Config>,
    pub(super) floor: Floor,
    pub(super) classes: usize,
    pub(super) snapshots: Arc<[Snapshot]>,
    pub(super) timeline: Timeline,
    pub(super) charts: Arc<[Chart]>,
    multiples: Option<Arc<LoadPanels>>,
}

/// Entity ids of labels start here.
const LABEL: u64 = 1 << 40;
/// Share of the first choices that must agree with the last ones for routing to count as settled.
const SETTLED: f64 = 0.8;

impl TrainRun {
    pub(super) fn new(
        config: &Config,
        floor: Floor,
        classes: usize,
        snapshots: &[Snapshot],
    ) -> Self {
        let mut snapshots = snapshots.to_vec();
        snapshots.dedup_by_key(|s| s.step);
        let mut run = Self {
            config: Arc::new(config.clone()),
            timeline: timeline(config, &snapshots),
            snapshots: snapshots.into(),
            floor,
            classes,
            charts: Arc::from([]),
            multiples: None,
        };
        run.charts = charts(&run).into();
        run
    }

    /// With the loads of every measurement as small multiples.
    pub(super) fn with_multiples(self, multiples: Option<LoadPanels>) -> Self {
        Self {
            multiples: multiples.map(Arc::new),
            ..self
        }
    }

    /// Loads of the experts by measurement; none while training goes on.
    pub fn multiples(&self) -> Option<&LoadPanels> {
        self.multiples.as_deref()
    }

    /// The config it belongs to.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What was measured, in order of the updates.
    pub fn snapshots(&self) -> &[Snapshot] {
        &self.snapshots
    }

    /// Number of labels: clusters or digits.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// What uniformly random routing gives in a training batch.
    pub fn floor(&self) -> &Floor {
        &self.floor
    }

    /// 5 % and 95 % quantile of an expert's load among the held-out tokens under random routing.
    pub fn load_floor(&self) -> [f64; 2] {
        let tokens = self.snapshots.first().map_or(0, |s| s.top1.len());
        let share = self.config.k as f64 / self.config.experts as f64;
        [0.05, 0.95].map(|q| stats::binomial_quantile(tokens, share, q) as f64)
    }

    /// What a label is called.
    pub fn label_word(&self) -> &'static str {
        if self.config.task == Task::Digits {
            "digit"
        } else {
            "cluster"
        }
    }

    /// The snapshot at a moment: the last one taken by then.
    pub fn at(&self, at: f64) -> Option<&Snapshot> {
        self.snapshots.get(self.timeline.index_at(at))
    }

    /// Share of held-out tokens whose first choice in a snapshot is that of the last one.
    pub fn agreement(&self, snapshot: &Snapshot) -> f64 {
        self.snapshots
            .last()
            .map_or(f64::NAN, |last| same(&snapshot.top1, &last.top1))
    }

    /// The last snapshot before the second task of a sequence.
    pub(super) fn before_second(&self) -> Option<&Snapshot> {
        let sequence = self.config.task == Task::Sequence;
        let early = |s: &&Snapshot| u64::from(s.step) * 2 <= self.config.train_steps;
        self.snapshots.iter().rev().find(|s| sequence && early(s))
    }

    /// Share of the first task's held-out tokens whose first choice is another than before the
    /// second task; NaN where there is none.
    pub fn drift(&self, snapshot: &Snapshot) -> f64 {
        self.before_second().map_or(f64::NAN, |before| {
            let n = before.top1.len() / 2;
            if snapshot.step < before.step {
                return f64::NAN;
            }
            1.0 - same(&snapshot.top1[..n], &before.top1[..n])
        })
    }

    /// First snapshot from which on routing agrees with the last one in four tokens of five.
    pub fn settled(&self) -> Option<&Snapshot> {
        let late = self
            .snapshots
            .iter()
            .rposition(|s| self.agreement(s) < SETTLED);
        self.snapshots.get(late.map_or(0, |i| i + 1))
    }

    /// Id of a label among entities.
    pub fn label_id(label: usize) -> EntityId {
        EntityId(LABEL + label as u64)
    }

    /// The label with this id, if it is one.
    pub fn label_of(EntityId(id): EntityId) -> Option<usize> {
        id.checked_sub(LABEL).map(|c| c as usize)
    }
}

/// Share of equal entries.
fn same(a: &[u16], b: &[u16]) -> f64 {
    let equal = a.iter().zip(b).filter(|(a, b)| a == b).count();
    equal as f64 / a.len() as f64
}

fn timeline(config: &Config, snapshots: &[Snapshot]) -> Timeline {
    let mut timeline = Timeline {
        steps: snapshots.iter().map(|s| f64::from(s.step)).collect(),
        axis: "update",
        unit: "",
        step_name: "to the next measurement",
        moments: Vec::new(),
    };
    if timeline.steps.is_empty() {
        timeline.steps = Arc::from([0.0]);
    }
    let mut note = |at: f64, label: String, kind: MomentKind| {
        if at <= timeline.steps.last().copied().unwrap_or(0.0) {
            timeline.moments.push(Moment { at, label, kind });
        }
    };
    if config.task == Task::Sequence {
        let middle = (config.train_steps as f64 / 2.0).ceil();
        note(middle, "second task begins".to_owned(), MomentKind::Phase);
    }
    let dying = snapshots
        .windows(2)
        .find(|w| w[0].dead == 0 && w[1].dead > 0);
    if let Some([_, s]) = dying {
        let words = format!("first dead expert, update {}", s.step);
        note(f64::from(s.step), words, MomentKind::Bad);
    }
    Moment::sort(&mut timeline.moments);
    timeline
}

fn over_time(run: &TrainRun, get: impl Fn(&Snapshot) -> f64) -> Vec<[f64; 2]> {
    let points = run.snapshots.iter().map(|s| [f64::from(s.step), get(s)]);
    points.collect()
}

fn chart(
    (id, title, doc): (&'static str, &'static str, &'static str),
    y: Axis,
    series: Vec<Series>,
) -> Chart {
    Chart {
        id,
        title,
        doc,
        x: Axis::linear("update", ""),
        y,
        series,
        marks: Vec::new(),
        on_timeline: true,
    }
}

fn charts(run: &TrainRun) -> Vec<Chart> {
    let mut out = vec![quality_chart(run)];
    if run.config.task == Task::Digits {
        out.push(chart(
            (
                "accuracy",
                "Accuracy over training",
                "Held-out digits recognised, every token served by all its experts.",
            ),
            Axis::linear("accuracy", "%"),
            vec![Series::line(
                "held out",
                over_time(run, |s| 100.0 * s.accuracy),
            )],
        ));
    }
    out.push(violation_chart(run));
    out.push(load_chart(run));
    out.push(loads_chart(run));
    if run.config.limited {
        out.push(chart(
            (
                "drops",
                "Drops over training",
                "Share of the training batches' pairs that found no place; a dropped pair adds nothing to the output and learns nothing.",
            ),
            Axis::zero_based("pairs dropped", "%"),
            vec![Series::line(
                "dropped",
                over_time(run, |s| 100.0 * s.drop_rate),
            )],
        ));
    }
    out.push(routing_chart(run));
    if run.config.context > 0.0 && run.config.task == Task::Mixture {
        out.push(information_chart(run));
    }
    out.push(chart(
        (
            "dead",
            "Dead experts over training",
            "Experts asked for by less than 2 % of the mean load: weights that are paid for and not used.",
        ),
        Axis::zero_based("experts", ""),
        vec![Series::line("dead", over_time(run, |s| f64::from(s.dead)))],
    ));
    if run.config.loss_free {
        out.push(bias_chart(run));
    }
    out.push(coupling_chart(run));
    out
}

fn quality_chart(run: &TrainRun) -> Chart {
    let (name, unit) = if run.config.task == Task::Digits {
        ("cross-entropy", "nats")
    } else {
        ("mean squared error", "")
    };
    let mut series = vec![
        Series::line("held out", over_time(run, |s| s.loss)),
        Series::line("training batches", over_time(run, |s| s.train_loss)),
    ];
    if run.config.task == Task::Sequence {
        series.truncate(1);
        series.push(Series::line(
            "first task",
            over_time(run, |s| s.task_loss[0]),
        ));
        series.push(Series::line(
            "second task",
            over_time(run, |s| s.task_loss[1]),
        ));
    }
    chart(
        (
            "loss",
            "Loss over training",
            "Loss of the task alone, without the balancing terms: what balance costs.",
        ),
        Axis::log(name, unit),
        series,
    )
}

fn violation_chart(run: &TrainRun) -> Chart {
    let [_, low, high] = run.floor.max_violation;
    let ends = [
        run.timeline.start(),
        run.timeline.end().max(run.timeline.start()),
    ];
    chart(
        (
            "balance",
            "Imbalance over training",
            "Largest load over the mean, minus 1: mean of the training batches, and all held-out tokens together. The band is what random routing gives in a training batch.",
        ),
        Axis::zero_based("MaxVio", ""),
        vec![
            Series::line("training batches", over_time(run, |s| s.batch_violation)),
            Series::line("held out", over_time(run, |s| s.violation)),
            floor_band("random routing of a batch, 5-95 %", ends, [low, high]),
        ],
    )
}

fn load_chart(run: &TrainRun) -> Chart {
    let [low, high] = run.load_floor();
    let experts = run.config.experts as usize;
    let ends = [-0.5, experts as f64 - 0.5];
    let bars = |s: &Snapshot| -> Vec<[f64; 2]> {
        let bars = s.loads.iter().enumerate();
        bars.map(|(e, &l)| [e as f64, l]).collect()
    };
    let mut series: Vec<Series> = run
        .snapshots
        .last()
        .map(|s| Series::new("at the end", SeriesKind::Bars, bars(s)))
        .into_iter()
        .collect();
    series.push(floor_band(BINOMIAL, ends, [low, high]));
    if run.config.latency_weight > 0.0 {
        let slow = latencies(&run.config);
        let speed: f64 = slow.iter().map(|l| 1.0 / l).sum();
        let pairs = run.snapshots.last().map_or(0.0, |s| s.loads.iter().sum());
        let best: Vec<[f64; 2]> = slow
            .iter()
            .enumerate()
            .map(|(e, l)| [e as f64, pairs / l / speed])
            .collect();
        series.push(
            Series::new("in inverse proportion to latency", SeriesKind::Points, best)
                .as_reference(),
        );
    }
    Chart {
        id: "load",
        title: "Load per expert at the end",
        doc: "Pairs of the held-out tokens asked of each expert.",
        x: Axis::linear("expert", ""),
        y: Axis::zero_based("load", "pairs"),
        series,
        marks: Vec::new(),
        on_timeline: false,
    }
}

fn routing_chart(run: &TrainRun) -> Chart {
    let mut series = vec![
        Series::line(
            "first choice as at the end",
            over_time(run, |s| 100.0 * run.agreement(s)),
        ),
        Series::line(
            "specialisation (NMI)",
            over_time(run, |s| 100.0 * s.specialisation),
        ),
    ];
    if run.before_second().is_some() {
        series.push(Series::line(
            "first task sent elsewhere",
            over_time(run, |s| 100.0 * run.drift(s)),
        ));
    }
    let mut out = chart(
        (
            "routing",
            "When routing settles",
            "Held-out tokens whose first choice is already that of the end, and how much the first choice says about the label (mutual information over its largest value).",
        ),
        Axis::zero_based("share", "%"),
        series,
    );
    if let Some(s) = run.settled().filter(|s| s.step > 0) {
        out.marks.push(Mark {
            x: f64::from(s.step),
            label: "80 % settled".to_owned(),
        });
    }
    out
}

fn information_chart(run: &TrainRun) -> Chart {
    chart(
        (
            "information",
            "What routing goes by",
            "Mutual information of the first choice with the token's id and with its context. Routing that ignores the context has none of the second.",
        ),
        Axis::zero_based("mutual information", "nats"),
        vec![
            Series::line("token id", over_time(run, |s| s.information[0])),
            Series::line("context", over_time(run, |s| s.information[1])),
        ],
    )
}

fn loads_chart(run: &TrainRun) -> Chart {
    let [low, high] = run.load_floor();
    let ends = [
        run.timeline.start(),
        run.timeline.end().max(run.timeline.start()),
    ];
    let mut series = by_expert(
        run.config.experts as usize,
        &run.snapshots,
        |_, s| f64::from(s.step),
        |s, e| s.loads[e],
    );
    series.push(floor_band(BINOMIAL, ends, [low, high]));
    chart(
        (
            "loads",
            "Load over training",
            "Pairs of the held-out tokens asked of each expert. Lines that part from the band are experts that win, or die.",
        ),
        Axis::zero_based("load", "pairs"),
        series,
    )
}

fn bias_chart(run: &TrainRun) -> Chart {
    let series = by_expert(
        run.config.experts as usize,
        &run.snapshots,
        |_, s| f64::from(s.step),
        |s, e| s.bias[e],
    );
    chart(
        (
            "bias",
            "Selection bias over training",
            "The bias added to each expert's score for the choice.",
        ),
        Axis::linear("bias", ""),
        series,
    )
}

fn coupling_chart(run: &TrainRun) -> Chart {
    chart(
        (
            "coupling",
            "Do experts answer to their own gate row?",
            "Share of experts that respond to their own gate row more strongly than any other expert does; the mean noise bound (half the distance to the nearest other row over the norm); and the mean norm of the experts' first weights, which the coupling loss could lower by scale alone.",
        ),
        Axis::zero_based("", ""),
        vec![
            Series::line("own row strongest, share", over_time(run, |s| s.own_proxy)),
            Series::line("noise bound", over_time(run, |s| s.bound)),
            Series::line(
                "norm of first weights",
                over_time(run, |s| s.projection_norm),
            ),
        ],
    )
}
