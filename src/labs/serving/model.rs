//! The computation: the engine stepped event by event, written down, checkpointed, evaluated.

use super::config::Config;
use super::engine::{Engine, Phase, Requests};
use super::log::{Log, Segment};
use super::predictions::predictions;
use super::results::Results;
use super::workload::{Workload, workload};
use super::{charts, metrics, story, tables};
use crate::core::{
    Better, Chart, EntityId, Job, Metric, Recorder, Recording, Result, Simulation as _, Step,
    Story, Table, Timeline,
};
use crate::labs::{LabRun, Library};
use std::sync::Arc;

/// Events per step of the job: about a millisecond.
const EVENTS_PER_STEP: u64 = 256;
/// Events between checkpoints at the start; the distance doubles when memory asks for it.
const CHECKPOINT_EVERY: u64 = 256;
/// Most checkpoints. Each costs what changed since the one before, and the queues.
const CHECKPOINTS: usize = 256;
/// Memory for the queues in checkpoints in bytes.
const QUEUE_BYTES: usize = 64 << 20;
/// Memory for cached blocks in checkpoints in bytes, and bytes of one, about.
const CACHE_BYTES: usize = 64 << 20;
const BLOCK_BYTES: usize = 64;
/// Waiting requests at which a run counts as saturated.
const MAX_QUEUE: usize = 1_000_000;

/// Everything computed. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Run {
    inner: Arc<Inner>,
}

/// The parts of a run.
#[derive(Debug)]
struct Inner {
    config: Config,
    workload: Workload,
    recording: Recording<Engine>,
    log: Log,
    offsets: Vec<u32>,
    segments: Vec<Segment>,
    results: Results,
    timeline: Timeline,
    metrics: Vec<Metric>,
    charts: Vec<Chart>,
}

impl Run {
    /// Whether both are the very same run (not merely equal ones).
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// The config it belongs to.
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// The requests as they arrived.
    pub fn workload(&self) -> &Workload {
        &self.inner.workload
    }

    /// What happened.
    pub fn log(&self) -> &Log {
        &self.inner.log
    }

    /// What every request got.
    pub fn results(&self) -> &Results {
        &self.inner.results
    }

    /// Every event of the run can be visited again.
    pub fn recording(&self) -> &Recording<Engine> {
        &self.inner.recording
    }

    /// Stretches of a request's life in order of time; empty for an unknown request.
    pub fn segments(&self, request: u32) -> &[Segment] {
        let i = request as usize;
        match (self.inner.offsets.get(i), self.inner.offsets.get(i + 1)) {
            (Some(&from), Some(&to)) => &self.inner.segments[from as usize..to as usize],
            _ => &[],
        }
    }

    /// State of the engine at a moment: after the last event not later than it.
    pub fn state_at(&self, at: f64) -> Engine {
        state_at(&self.inner.recording, at)
    }
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

fn state_at(recording: &Recording<Engine>, at: f64) -> Engine {
    let mut state = recording.latest(|s| s.now() <= at);
    while state.steps() < recording.total_steps()
        && state.next_at().is_some_and(|next| next <= at)
        && state.advance()
    {}
    state.settled()
}

/// The computation in steps.
pub(super) struct Work {
    config: Config,
    workload: Workload,
    engine: Engine,
    recorder: Option<Recorder<Engine>>,
    log: Log,
    closing: Option<Closing>,
}

impl Work {
    /// Builds the workload and an engine before its first event.
    pub(super) fn new(config: &Config, data: &Library) -> Result<Self> {
        let mut workload = workload(config, data)?;
        Arc::make_mut(&mut workload.tags).predicted = predictions(config, &workload.decode);
        let requests = Requests::new(
            workload.arrival.as_slice().into(),
            &workload.prefill,
            &workload.decode,
        )
        .with_tags(workload.tags.clone())
        .with_chains(workload.chains.clone());
        let engine = Engine::new(
            config.limits(),
            requests,
            &*config.policy(),
            config.replicas as u32,
            config.router(),
        )?
        .with_pools(config.pools());
        let n = workload.arrival.len();
        let cache = if config.caches_prefixes() {
            (config.num_blocks * config.replicas) as usize * BLOCK_BYTES
        } else {
            1
        };
        let most = (CACHE_BYTES / cache).clamp(8, CHECKPOINTS);
        Ok(Self {
            config: config.clone(),
            log: Log::new(n, config.replicas as usize),
            recorder: Some(Recorder::new(&engine, CHECKPOINT_EVERY).at_most(most)),
            workload,
            engine,
            closing: None,
        })
    }

    /// Whether the run has to stop before its end.
    fn saturated(&self) -> bool {
        self.engine.waiting() > MAX_QUEUE || self.engine.now() > self.config.time_limit_secs
    }

    /// One part of the evaluation; the run with the last one.
    fn close(&mut self, closing: &mut Closing) -> Option<Run> {
        let Self {
            config,
            workload,
            log,
            ..
        } = self;
        let requests = closing.recording.last().requests();
        if closing.segments.is_none() {
            let open: Vec<bool> = (requests.phase.iter())
                .map(|p| {
                    matches!(
                        p,
                        Phase::Waiting
                            | Phase::Prefill
                            | Phase::Decode
                            | Phase::Swapped
                            | Phase::Transfer
                    )
                })
                .collect();
            // Requests that followed others have an arrival time only now.
            workload.arrival = requests.arrival.to_vec();
            closing.segments = Some(log.segments(closing.recording.last().now(), &open));
            return None;
        }
        let Some(results) = &closing.results else {
            let last = closing.recording.last();
            let results = Results::new(config, workload, last, log, closing.saturated);
            closing.results = Some(results);
            return None;
        };
        if closing.timeline.is_none() {
            closing.timeline = Some(super::moments::timeline(config, workload, results, log));
            return None;
        }
        if closing.metrics.is_none() {
            let mut metrics = metrics::metrics(config, results, log);
            metrics.extend(super::slowdown::metrics(config, workload, results));
            metrics.extend(super::predictions::metric(config, workload));
            metrics.extend(super::classes::metrics(config, workload, results));
            metrics.extend(prefix_hits(closing.recording.last()));
            if workload.tags.users() > 1 {
                let last = workload.arrival.iter().copied().fold(0.0, f64::max);
                let state = state_at(&closing.recording, last);
                metrics.push(super::fairness::metric(config, workload, &state));
            }
            closing.metrics = Some(metrics);
            return None;
        }
        let charts = charts::charts(config, workload, results, log);
        let (offsets, segments) = closing.segments.take()?;
        Some(Run {
            inner: Arc::new(Inner {
                config: config.clone(),
                recording: closing.recording.clone(),
                offsets,
                segments,
                results: closing.results.take()?,
                timeline: closing.timeline.take()?,
                metrics: closing.metrics.take()?,
                charts,
                workload: std::mem::take(workload),
                log: std::mem::replace(log, Log::new(0, 0)),
            }),
        })
    }

    fn start_closing(&mut self, recorder: Recorder<Engine>, saturated: bool) {
        self.closing = Some(Closing {
            recording: recorder.close(self.engine.clone()),
            saturated,
            segments: None,
            results: None,
            timeline: None,
            metrics: None,
        });
    }
}

/// The evaluation of a run that is over, part by part.
struct Closing {
    recording: Recording<Engine>,
    saturated: bool,
    segments: Option<(Vec<u32>, Vec<Segment>)>,
    results: Option<Results>,
    timeline: Option<Timeline>,
    metrics: Option<Vec<Metric>>,
}

impl Job for Work {
    type Out = Run;

    fn step(&mut self) -> Result<Step<Run>> {
        let Some(mut recorder) = self.recorder.take() else {
            let Some(mut closing) = self.closing.take() else {
                return Ok(Step::Working);
            };
            if let Some(run) = self.close(&mut closing) {
                return Ok(Step::Done(run));
            }
            self.closing = Some(closing);
            return Ok(Step::Working);
        };
        let mut left = EVENTS_PER_STEP;
        while left > 0 {
            // Stops at checkpoints and where saturation is looked for.
            let steps = self.engine.steps();
            let most = left
                .min(64 - steps % 64)
                .min(recorder.until_due(steps).max(1));
            let done = self.engine.advance_all(most, &mut self.log);
            if done < most {
                if let Some(error) = self.engine.deadlock() {
                    return Err(error);
                }
                self.start_closing(recorder, false);
                return Ok(Step::Working);
            }
            left -= done;
            recorder.observe(&self.engine);
            if self.engine.steps().is_multiple_of(64) && self.saturated() {
                self.start_closing(recorder, true);
                return Ok(Step::Working);
            }
        }
        let queues = self.engine.waiting() * size_of::<u32>();
        if queues * recorder.len() > QUEUE_BYTES {
            let fewer = (recorder.len() / 2).max(8);
            recorder = recorder.at_most(fewer);
        }
        self.recorder = Some(recorder);
        Ok(Step::Working)
    }

    fn progress(&self) -> f64 {
        let n = self.workload.arrival.len().max(1);
        (self.engine.finished() + self.engine.ignored()) as f64 / n as f64
    }
}

impl LabRun for Run {
    fn metrics(&self) -> Vec<Metric> {
        self.inner.metrics.clone()
    }

    fn timeline(&self) -> &Timeline {
        &self.inner.timeline
    }

    fn charts(&self) -> &[Chart] {
        &self.inner.charts
    }

    fn tables(&self) -> Vec<(&'static str, Table)> {
        vec![
            ("requests", tables::requests(self)),
            ("iterations", tables::iterations(self)),
        ]
    }

    fn files(&self) -> &'static [(&'static str, &'static str)] {
        super::files::FILES
    }

    fn file(&self, place: usize) -> String {
        super::files::file(self, place)
    }

    fn story(&self, entity: EntityId, at: f64) -> Option<Story> {
        story::story(self, entity, at)
    }

    fn notable(&self) -> Vec<(EntityId, String)> {
        story::notable(self)
    }

    fn summary(&self) -> String {
        story::summary(self)
    }
}
