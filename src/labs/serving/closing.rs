//! The evaluation of a run that is over, in short steps: a million requests take as many steps as
//! they need, and the page goes on drawing.

use super::charts::{self, CHARTS, Facts};
use super::config::Config;
use super::engine::{Engine, Phase};
use super::log::{Gather, Log, Segment, Sorting};
use super::metrics;
use super::model::{Inner, Run, state_at, there};
use super::policies::Feature;
use super::results::{Results, STRETCHES};
use super::workload::Workload;
use super::{
    classes, fairness, goodput, instances, kinetics, moments, predictions, slowdown, story,
};
use crate::core::{
    Better, Chart, EntityId, Job as _, Metric, Recording, Result, Sorter, Step, Timeline,
};

/// Requests evaluated in one step.
const SLICE: usize = 1 << 14;
/// Stretches of time looked at in one step.
const FEW_STRETCHES: usize = 8;

/// A log on its way to a [`Run`].
pub(super) struct Closing {
    recording: Recording<Engine>,
    workload: Workload,
    log: Log,
    saturated: bool,
    part: Part,
    segments: (Vec<u32>, Vec<Segment>),
    there: Vec<[f64; 2]>,
    results: Results,
    idealized: Vec<f64>,
    slowdowns: Vec<f64>,
    timeline: Option<Timeline>,
    metrics: Vec<Metric>,
    charts: Vec<Chart>,
    summary: String,
    notable: Vec<(EntityId, String)>,
}

/// What is worked out next.
enum Part {
    /// Requests from this one on may still be there.
    Open(usize),
    Start,
    Segments(Box<Gather>),
    There,
    Results,
    Sort(Order, Sorter),
    /// Slowdowns of the requests so far.
    Slowdowns(Vec<f64>),
    Gaps(Box<Sorting>),
    Course,
    Timeline,
    Metrics,
    Charts,
    Summary,
    Notable,
    Run,
}

/// What is put in order.
#[derive(Debug, Clone, Copy)]
enum Order {
    Ttft,
    Queueing,
    E2e,
    Slowdown,
}

impl Closing {
    pub(super) fn new(
        recording: Recording<Engine>,
        workload: Workload,
        log: Log,
        saturated: bool,
    ) -> Self {
        Self {
            recording,
            workload,
            log,
            saturated,
            part: Part::Open(0),
            segments: (Vec::new(), Vec::new()),
            there: Vec::new(),
            results: Results::default(),
            idealized: Vec::new(),
            slowdowns: Vec::new(),
            timeline: None,
            metrics: Vec::new(),
            charts: Vec::new(),
            summary: String::new(),
            notable: Vec::new(),
        }
    }

    /// One part of the evaluation; the run with the last one.
    pub(super) fn advance(&mut self, config: &Config) -> Result<Option<Run>> {
        let last = self.recording.last();
        let results = &mut self.results;
        self.part = match std::mem::replace(&mut self.part, Part::Run) {
            Part::Open(from) => {
                let phases = &last.requests().phase;
                let upto = (from + SLICE).min(phases.len());
                for r in (from..upto).filter(|&r| is_open(phases[r])) {
                    self.log.leave_open(r as u32, last.now());
                }
                if upto < phases.len() {
                    Part::Open(upto)
                } else {
                    Part::Start
                }
            }
            Part::Start => {
                // Requests that followed others have an arrival time only now.
                self.workload.arrival = last.requests().arrival.to_vec();
                Part::Segments(Box::new(self.log.gather()))
            }
            Part::Segments(mut gather) => match gather.step()? {
                Step::Working => Part::Segments(gather),
                Step::Done(segments) => {
                    self.segments = segments;
                    Part::There
                }
            },
            Part::There => {
                self.there = there(&self.segments.0, &self.segments.1);
                *results = Results::new(config, last, self.saturated);
                Part::Results
            }
            Part::Results => {
                if results.extend(config, &self.workload, last, &self.log, SLICE) {
                    sort(Order::Ttft, results.counted_of(&results.ttft))
                } else {
                    Part::Results
                }
            }
            Part::Sort(order, mut sorter) => match sorter.step()? {
                Step::Working => Part::Sort(order, sorter),
                Step::Done(values) => match order {
                    Order::Ttft => {
                        results.ordered.ttft = values;
                        sort(Order::Queueing, results.counted_of(&results.queueing))
                    }
                    Order::Queueing => {
                        results.ordered.queueing = values;
                        sort(Order::E2e, results.counted_of(&results.e2e))
                    }
                    Order::E2e => {
                        results.ordered.e2e = values;
                        Part::Slowdowns(Vec::new())
                    }
                    Order::Slowdown => {
                        self.slowdowns = values;
                        Part::Gaps(Box::new(self.log.gaps.sort()))
                    }
                },
            },
            Part::Slowdowns(mut each) => {
                let upto = (each.len() + SLICE).min(results.len());
                let some = each.len()..upto;
                let alone = slowdown::idealized(config, &self.workload, results, some.clone());
                each.extend(some.zip(&alone).map(|(i, secs)| results.e2e[i] / secs));
                self.idealized.extend(alone);
                if upto < results.len() {
                    Part::Slowdowns(each)
                } else {
                    sort(Order::Slowdown, results.counted_of(&each))
                }
            }
            Part::Gaps(mut sorting) => match sorting.step()? {
                Step::Working => Part::Gaps(sorting),
                Step::Done(gaps) => {
                    results.ordered.gaps = gaps;
                    Part::Course
                }
            },
            Part::Course => {
                let from = results.gaps_over_time.len();
                let some = from..(from + FEW_STRETCHES).min(STRETCHES);
                let course = self.log.gaps.over_time(some, STRETCHES, results.end);
                results.gaps_over_time.extend(course);
                if results.gaps_over_time.len() < STRETCHES {
                    Part::Course
                } else {
                    Part::Timeline
                }
            }
            Part::Timeline => {
                let timeline = moments::timeline(config, &self.workload, results, &self.log);
                self.timeline = Some(timeline);
                Part::Metrics
            }
            Part::Metrics => {
                self.metrics = self.all_metrics(config);
                Part::Charts
            }
            Part::Charts => {
                let facts = Facts {
                    config,
                    workload: &self.workload,
                    results,
                    log: &self.log,
                };
                if let Some(chart) = CHARTS.get(self.charts.len()) {
                    self.charts.push(chart(facts));
                }
                if self.charts.len() < CHARTS.len() {
                    Part::Charts
                } else {
                    self.place_charts(config);
                    Part::Summary
                }
            }
            Part::Summary => {
                self.summary = story::summary(config, results, &self.log);
                Part::Notable
            }
            Part::Notable => {
                self.notable = story::notable(results);
                Part::Run
            }
            Part::Run => return Ok(self.run(config)),
        };
        Ok(None)
    }

    fn all_metrics(&self, config: &Config) -> Vec<Metric> {
        let (workload, results, log) = (&self.workload, &self.results, &self.log);
        let mut metrics = metrics::metrics(config, results, log);
        metrics.extend(slowdown::metrics(
            &self.slowdowns,
            &results.counted_of(&self.idealized),
        ));
        metrics.extend(kinetics::metrics(config, workload, results));
        metrics.extend(predictions::metric(config, workload));
        metrics.extend(classes::metrics(config, workload, results));
        metrics.extend(classes::pauses(config, log));
        metrics.extend(goodput::metrics(log, results.end));
        metrics.extend(prefix_hits(self.recording.last()));
        metrics.extend(instances::metrics(config, log, self.recording.last()));
        if workload.tags.users() > 1 {
            let last = workload.arrival.iter().copied().fold(0.0, f64::max);
            let state = state_at(&self.recording, last);
            metrics.push(fairness::metric(config, workload, &state));
        }
        metrics
    }

    /// The charts that only some runs have, among the others.
    fn place_charts(&mut self, config: &Config) {
        // After the pools of all instances together, those of each.
        let each = instances::chart(config, &self.log, self.results.end);
        let place = self.charts.len().min(4);
        self.charts.splice(place..place, each);
        let copies = charts::copies(config, &self.log, self.results.end);
        self.charts.splice(place..place, copies);
        let layers = charts::layers(config, &self.log);
        self.charts.splice(0..0, layers);
        self.charts.splice(0..0, charts::row(config, &self.log));
        self.charts.splice(0..0, charts::sides(config, &self.log));
        let scaling = instances::scaling(config, &self.log, self.results.end);
        self.charts.splice(0..0, scaling);
        let service = goodput::charts(config, &self.workload, &self.log);
        self.charts.splice(0..0, service);
        let classes = classes::chart(config, &self.workload, &self.results);
        let first = config.scheduler.has(Feature::Urgent);
        let place = if first { 0 } else { self.charts.len().min(4) };
        self.charts.splice(place..place, classes);
        let shares = charts::shares(config, &self.log, self.results.end);
        self.charts.splice(0..0, shares);
    }

    fn run(&mut self, config: &Config) -> Option<Run> {
        let (offsets, segments) = std::mem::take(&mut self.segments);
        Some(Run::new(Inner {
            config: config.clone(),
            recording: self.recording.clone(),
            offsets,
            segments,
            there: std::mem::take(&mut self.there),
            summary: std::mem::take(&mut self.summary),
            notable: std::mem::take(&mut self.notable),
            results: std::mem::take(&mut self.results),
            timeline: self.timeline.take()?,
            metrics: std::mem::take(&mut self.metrics),
            charts: std::mem::take(&mut self.charts),
            workload: std::mem::take(&mut self.workload),
            log: std::mem::replace(&mut self.log, Log::new(0, 0)),
        }))
    }
}

fn sort(order: Order, values: Vec<f64>) -> Part {
    Part::Sort(order, Sorter::new(values))
}

/// Whether a request in this phase is still there.
fn is_open(phase: Phase) -> bool {
    matches!(
        phase,
        Phase::Waiting | Phase::Prefill | Phase::Decode | Phase::Swapped | Phase::Transfer
    )
}

/// Share of prompt tokens found in memory, where prefixes are cached.
fn prefix_hits(engine: &Engine) -> Option<Metric> {
    let (mut found, mut asked, mut caches) = (0, 0, 0);
    for replica in 0..engine.replicas() {
        if let Some(cache) = &engine.desk(replica).cache {
            let (hit, all) = cache.hits();
            (found, asked, caches) = (found + hit, asked + all, caches + 1);
        }
    }
    (caches > 0).then(|| Metric {
        id: "prefix_hit_percent",
        name: "Prefix hits",
        unit: "%",
        value: 100.0 * found as f64 / (asked as f64).max(1.0),
        better: Better::Higher,
        doc: "Share of the prompt tokens of all admissions that were in memory already and not computed again; what a preempted request finds of its own counts too.",
    })
}
