//! The composition that the tests drive: every widget of the kit on one screen.

use egui::vec2;
use schedlab::core::{
    Axis, Better, Chart, ClaimResult, Error, Fact, Mark, Metric, Moment, MomentKind, Param, Series,
    SeriesKind, Story, Timeline, Verdict,
};
use schedlab::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};
use schedlab::ui::card::{CardAction, ClaimState, card_ui};
use schedlab::ui::chart::{Layer, Link, chart_ui, difference_ui};
use schedlab::ui::inspector::story_ui;
use schedlab::ui::notice::Notices;
use schedlab::ui::params::params_ui;
use schedlab::ui::table::{Column, metrics_ui};
use schedlab::ui::transport::{Transport, transport_ui};

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Config {
    pub(super) rate: f64,
    pub(super) steps: u64,
    pub(super) policy: usize,
    pub(super) cosine: bool,
    pub(super) decay: f64,
    pub(super) seed: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            rate: 3e-4,
            steps: 2048,
            policy: 0,
            cosine: true,
            decay: 0.1,
            seed: 7,
        }
    }
}

pub(super) const PARAMS: &[Param<Config>] = &[
    Param::float(
        "rate",
        "Learning rate",
        [1e-6, 1.0],
        |c: &Config| c.rate,
        |c, v| c.rate = v,
    )
    .log()
    .group("Schedule")
    .doc("Peak learning rate."),
    Param::int(
        "steps",
        "Steps",
        [1, 100_000],
        |c: &Config| c.steps,
        |c, v| c.steps = v,
    )
    .log()
    .unit("steps")
    .group("Schedule"),
    Param::choice(
        "policy",
        "Policy",
        &["First come, first served", "Chunked prefill"],
        |c: &Config| c.policy,
        |c, v| c.policy = v,
    )
    .group("Schedule"),
    Param::toggle(
        "cosine",
        "Cosine decay",
        |c: &Config| c.cosine,
        |c, v| c.cosine = v,
    )
    .group("Schedule"),
    Param::float(
        "decay",
        "Decay to",
        [0.0, 1.0],
        |c: &Config| c.decay,
        |c, v| c.decay = v,
    )
    .group("Schedule")
    .when(|c| c.cosine),
    Param::int(
        "shuffle",
        "Seed",
        [0, 1_000_000],
        |c: &Config| c.seed,
        |c, v| c.seed = v,
    )
    .group("Randomness")
    .advanced(),
];

pub(super) struct State {
    pub(super) config: Config,
    pub(super) error: Option<Error>,
    pub(super) transport: Transport,
    pub(super) timeline: Timeline,
    pub(super) link: Link,
    pub(super) notices: Notices,
    pub(super) claim: Option<ClaimState>,
    pub(super) actions: Vec<CardAction>,
}

impl Default for State {
    fn default() -> Self {
        let mut timeline = Timeline::counted(400, "optimizer step", "1 optimizer step");
        timeline.moments = vec![
            Moment {
                at: 40.0,
                label: "end of warm-up".to_owned(),
                kind: MomentKind::Phase,
            },
            Moment {
                at: 210.0,
                label: "loss spike".to_owned(),
                kind: MomentKind::Bad,
            },
        ];
        Self {
            config: Config::default(),
            error: None,
            transport: Transport {
                playhead: 120.0,
                ..Transport::default()
            },
            timeline,
            link: Link {
                playhead: 120.0,
                cursor: None,
                seek: None,
                picked: None,
                hovered: None,
                selected: None,
            },
            notices: Notices::default(),
            claim: None,
            actions: Vec::new(),
        }
    }
}

pub(super) fn loss(shift: f64) -> Chart {
    let curve = |a: f64, noise: f64| -> Vec<[f64; 2]> {
        (0..=400)
            .map(|i| {
                let t = f64::from(i);
                let spike = if i == 210 { 1.5 } else { 0.0 };
                let wave = noise * (f64::from(i * 37 % 11) - 5.0) / 5.0;
                [t, a * (4.0 / (1.0 + t / 20.0) + 0.4 + spike) * (1.0 + wave)]
            })
            .collect()
    };
    let low: Vec<[f64; 2]> = curve(shift * 0.8, 0.0);
    let high: Vec<f64> = curve(shift * 1.25, 0.0).iter().map(|p| p[1]).collect();
    Chart {
        id: "loss",
        title: "Training loss",
        doc: "Loss of every step; look for the spike.",
        x: Axis::linear("Optimizer step", ""),
        y: Axis::log("Loss", "nat"),
        series: vec![
            Series::line("train", curve(shift, 0.05)),
            Series::line("held out", curve(shift * 1.2, 0.0)),
            Series::band("10–90 %", low, high),
        ],
        marks: vec![Mark {
            x: 40.0,
            label: "warm-up ends".to_owned(),
        }],
        on_timeline: true,
    }
}

pub(super) fn waits() -> Chart {
    Chart {
        id: "waits",
        title: "Waiting time",
        doc: "Share of requests by waiting time.",
        x: Axis::linear("Queue", ""),
        y: Axis::zero_based("Waiting", "s"),
        series: vec![Series::new(
            "requests",
            SeriesKind::Bars,
            (0..8)
                .map(|i| [f64::from(i), 0.02 * f64::from(i + 1)])
                .collect::<Vec<_>>(),
        )],
        marks: Vec::new(),
        on_timeline: false,
    }
}

pub(super) fn stairs() -> Chart {
    Chart {
        id: "lr",
        title: "Learning rate",
        doc: "The schedule.",
        x: Axis::linear("Optimizer step", ""),
        y: Axis::zero_based("Learning rate", ""),
        series: vec![
            Series::new(
                "step decay",
                SeriesKind::Stairs,
                (0..=8)
                    .map(|i| [50.0 * f64::from(i), 3e-4 / f64::from(i + 1)])
                    .collect::<Vec<_>>(),
            ),
            Series::line("bound", vec![[0.0, 2e-4], [400.0, 2e-4]]).as_reference(),
        ],
        marks: Vec::new(),
        on_timeline: true,
    }
}

pub(super) fn metrics(ttft: f64, loss: f64) -> Vec<Metric> {
    let metric = |id, name, unit, value, better| Metric {
        id,
        name,
        unit,
        value,
        better,
        doc: "Definition.",
    };
    vec![
        metric("ttft", "TTFT p50", "s", ttft, Better::Lower),
        metric(
            "rate",
            "Throughput",
            "tok/s",
            34_000.0 / ttft.sqrt(),
            Better::Higher,
        ),
        metric("loss", "Final loss", "nat", loss, Better::Lower),
        metric(
            "share",
            "Met the objective",
            "%",
            91.25 + loss,
            Better::Higher,
        ),
        metric("nan", "Preempted", "", f64::NAN, Better::Lower),
    ]
}

pub(super) fn start_claim(_effort: Effort) -> Box<dyn schedlab::core::Job<Out = ClaimResult>> {
    struct Never;
    impl schedlab::core::Job for Never {
        type Out = ClaimResult;
        fn step(&mut self) -> schedlab::core::Result<schedlab::core::Step<ClaimResult>> {
            Err(Error::Unsupported("this demo".to_owned()))
        }
        fn progress(&self) -> f64 {
            0.0
        }
    }
    Box::new(Never)
}

static EXHIBIT: Exhibit = Exhibit {
    id: "demo",
    lab: LabKind::Lr,
    title: "Warmup-stable-decay",
    idea: "Hold the rate constant and decay only at the end, so that training can go on from any \
           point of the plateau.",
    paper: Paper {
        title: "MiniCPM: Unveiling the Potential of Small Language Models",
        authors: "Hu et al.",
        year: 2024,
        arxiv: "2404.06395",
    },
    basis: Basis::AbstractOnly,
    deviations: "The length of the decay is a tenth of the run.",
    equation: "η(s) = s/W · η                s < W\nη(s) = η                      W ≤ s < T\nη(s) = f(s − T) · η           T ≤ s < S",
    symbols: &[("W", "end of the warm-up"), ("T", "start of the decay")],
    setup: || Setup::default_of(LabKind::Lr),
    claim: Some(Claim {
        statement: "A decay over 10 % of the steps reaches the loss of a cosine schedule.",
        experiment: "Both schedules on the digits, 5 seeds, the difference of the final losses.",
        start: start_claim,
    }),
};

pub(super) fn claim_result() -> ClaimResult {
    ClaimResult {
        quantity: "final loss, WSD over cosine".to_owned(),
        unit: "×".to_owned(),
        measured: 0.985,
        interval: [0.94, 1.03],
        seeds: vec![1, 2, 3, 4, 5],
        verdict: Verdict::Partly,
        why: "The interval holds 1: no clear difference.".to_owned(),
    }
}

pub(super) fn stories() -> [(usize, &'static str, Option<Story>); 2] {
    let story = |wait: &str| Story {
        title: "Request 17".to_owned(),
        facts: vec![
            Fact::new("arrived", "12.4 s"),
            Fact::new("waited", wait),
            Fact::new("prompt", "1,204 tokens"),
        ],
        why: vec!["admitted: 1,204 free blocks ≥ 88 needed".to_owned()],
    };
    [
        (0, "FCFS", Some(story("2.1 s"))),
        (1, "Chunked prefill", Some(story("0.4 s"))),
    ]
}

pub(super) fn demo(ui: &mut egui::Ui, state: &mut State) {
    let margin = egui::Margin::same(12);
    let panel = |ui: &egui::Ui| {
        egui::Frame::new()
            .fill(ui.visuals().panel_fill)
            .inner_margin(margin)
    };
    let frame = panel(ui);
    egui::Panel::bottom("transport")
        .frame(frame)
        .show(ui, |ui| {
            transport_ui(ui, &mut state.transport, &state.timeline);
        });
    egui::Panel::left("params")
        .frame(frame)
        .default_size(280.0)
        .show(ui, |ui| {
            let error = state.error.clone();
            params_ui(
                ui,
                PARAMS,
                &mut state.config,
                &Config::default(),
                error.as_ref(),
            );
            ui.separator();
            story_ui(ui, &stories());
        });
    egui::Panel::right("card")
        .frame(frame)
        .default_size(300.0)
        .show(ui, |ui| {
            egui::ScrollArea::vertical().show(ui, |ui| {
                let action = card_ui(ui, &EXHIBIT, state.claim.as_ref());
                state.actions.extend(action);
            });
        });
    let (a, b) = (loss(1.0), loss(0.7));
    let base = metrics(0.84, 2.31);
    let other = metrics(0.42, 2.36);
    egui::CentralPanel::default()
        .frame(
            egui::Frame::new()
                .fill(ui.visuals().extreme_bg_color)
                .inner_margin(margin),
        )
        .show(ui, |ui| {
            let size = vec2(ui.available_width(), 210.0);
            let layer = |chart, slot, label| Layer { chart, slot, label };
            let link = &mut state.link;
            chart_ui(ui, &[layer(&a, 0, "FCFS")], link, size);
            let (waits, stairs) = (waits(), stairs());
            ui.horizontal(|ui| {
                let half = vec2((size.x - 8.0) / 2.0, 190.0);
                chart_ui(ui, &[layer(&waits, 0, "FCFS")], link, half);
                chart_ui(ui, &[layer(&stairs, 0, "FCFS")], link, half);
            });
            ui.push_id("overlay", |ui| {
                ui.horizontal(|ui| {
                    let half = vec2((size.x - 8.0) / 2.0, 200.0);
                    let both = [layer(&a, 0, "FCFS"), layer(&b, 1, "Chunked prefill")];
                    chart_ui(ui, &both, link, half);
                    ui.push_id("difference", |ui| difference_ui(ui, &a, &b, link, half));
                });
            });
            metrics_ui(
                ui,
                &[
                    Column {
                        label: "FCFS",
                        metrics: &base,
                    },
                    Column {
                        label: "Chunked prefill",
                        metrics: &other,
                    },
                ],
            );
        });
    state.notices.show(ui.ctx());
}
