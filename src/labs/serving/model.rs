//! A finished run: what happened, what every request got, and every moment of it again.

use super::config::Config;
use super::engine::Engine;
use super::log::{Log, Segment};
use super::results::Results;
use super::workload::Workload;
use super::{story, tables};
use crate::core::{Chart, EntityId, Metric, Recording, Simulation as _, Story, Table, Timeline};
use crate::labs::LabRun;
use std::sync::Arc;

/// Requests of which it is known together when they are there.
const TOGETHER: usize = 1 << 10;

/// Everything computed. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Run {
    inner: Arc<Inner>,
}

/// The parts of a run.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) config: Config,
    pub(super) workload: Workload,
    pub(super) recording: Recording<Engine>,
    pub(super) log: Log,
    pub(super) offsets: Vec<u32>,
    pub(super) segments: Vec<Segment>,
    /// From when to when some of each [`TOGETHER`] requests are there.
    pub(super) there: Vec<[f64; 2]>,
    pub(super) results: Results,
    pub(super) timeline: Timeline,
    pub(super) metrics: Vec<Metric>,
    pub(super) charts: Vec<Chart>,
    /// The result in a sentence, and what is worth a look: shown in every frame.
    pub(super) summary: String,
    pub(super) notable: Vec<(EntityId, String)>,
}

impl Run {
    pub(super) fn new(inner: Inner) -> Self {
        Self {
            inner: Arc::new(inner),
        }
    }

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

    /// Requests that are there at some time between two moments, in order.
    pub fn requests_between(&self, [from, to]: [f64; 2]) -> impl Iterator<Item = u32> {
        let n = self.results().len();
        (self.inner.there.iter().enumerate())
            .filter(move |(_, there)| there[0] < to && there[1] > from)
            .flat_map(move |(group, _)| group * TOGETHER..((group + 1) * TOGETHER).min(n))
            .map(|r| r as u32)
            .filter(move |&r| {
                let segments = self.segments(r);
                let born = segments.first().is_some_and(|s| s.from < to);
                born && segments.last().is_some_and(|s| s.to > from)
            })
    }

    /// State of the engine at a moment: after the last event not later than it.
    pub fn state_at(&self, at: f64) -> Engine {
        state_at(&self.inner.recording, at)
    }
}

/// From when to when some of each [`TOGETHER`] requests are there.
pub(super) fn there(offsets: &[u32], segments: &[Segment]) -> Vec<[f64; 2]> {
    let n = offsets.len().saturating_sub(1);
    (0..n)
        .step_by(TOGETHER)
        .map(|first| {
            let last = (first + TOGETHER).min(n);
            let lives = (first..last)
                .map(|r| &segments[offsets[r] as usize..offsets[r + 1] as usize])
                .filter_map(|life| Some([life.first()?.from, life.last()?.to]));
            lives.fold([f64::MAX, f64::MIN], |[from, to], life| {
                [from.min(life[0]), to.max(life[1])]
            })
        })
        .collect()
}

pub(super) fn state_at(recording: &Recording<Engine>, at: f64) -> Engine {
    let mut state = recording.latest(|s| s.now() <= at);
    while state.steps() < recording.total_steps()
        && state.next_at().is_some_and(|next| next <= at)
        && state.advance()
    {}
    state.settled()
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

    fn file(&self, place: usize) -> Vec<u8> {
        super::files::file(self, place).into_bytes()
    }

    fn story(&self, entity: EntityId, at: f64) -> Option<Story> {
        story::story(self, entity, at)
    }

    fn notable(&self) -> Vec<(EntityId, String)> {
        self.inner.notable.clone()
    }

    fn summary(&self) -> String {
        self.inner.summary.clone()
    }
}
