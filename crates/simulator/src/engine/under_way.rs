//! Where a batch is that has been formed and has not ended.

use super::{Engine, Entry, Layered, Work};

/// A batch in the pipeline of its instance. Of an engine that is [settled](Engine::settled).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UnderWay<'a> {
    /// The stage that runs it or that it waits for, from 0.
    pub stage: u32,
    /// When that stage is done with it; `None` while it waits behind another batch.
    pub until: Option<f64>,
    /// Seconds per stage, copies of swapped blocks included.
    pub stage_secs: f64,
    /// Its requests.
    pub entries: &'a [Entry],
    /// How its prompts run through the layers.
    pub layered: Layered,
}

impl Engine {
    /// The batch that a request is in.
    pub fn under_way(&self, request: u32) -> Option<UnderWay<'_>> {
        let index =
            (self.flights.iter()).position(|f| f.entries.iter().any(|e| e.request == request))?;
        let flight = &self.flights[index];
        let running = self
            .ends
            .iter()
            .find(|end| end.0.what.flight as usize == index);
        let stage = running.map(|end| end.0.what.stage).or_else(|| {
            let stages = &self.replicas[flight.replica as usize].stages;
            let waits = |s: &super::event_loop::Stage| s.fifo.contains(&(index as u32));
            stages.iter().position(waits).map(|s| s as u32)
        })?;
        Some(UnderWay {
            stage,
            until: running.map(|end| end.0.at),
            stage_secs: flight.stage_secs,
            entries: &flight.entries,
            layered: flight.layered,
        })
    }

    /// What a batch under way asks of the hardware, without copies of swapped blocks.
    pub fn work_of(&self, batch: &UnderWay<'_>) -> Work {
        let mut work = Work {
            layered: batch.layered,
            ..Work::default()
        };
        work.add(batch.entries, &self.requests);
        work
    }
}
