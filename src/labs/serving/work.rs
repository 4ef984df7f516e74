//! The computation of a run in short steps: its requests made, the engine stepped event by event
//! and written down, the log evaluated.

use super::closing::Closing;
use super::config::{Config, Routing};
use super::engine::{Engine, Requests};
use super::goodput;
use super::log::Log;
use super::model::Run;
use super::predictions::predictions;
use super::workload::{Making, Workload};
use crate::core::{Job, Recorder, Result, Simulation as _, Step};
use crate::labs::Library;
use std::sync::Arc;

/// Events per step of the job: about a millisecond.
const EVENTS_PER_STEP: u64 = 256;
/// The same where an arrival runs copies of all instances on.
const LOOKS_PER_STEP: u64 = 4;
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
/// Share of the progress that making the requests counts for.
const MAKING_SHARE: f64 = 0.1;

/// The computation in steps.
pub(super) struct Work {
    config: Config,
    stage: Stage,
}

/// What is done next. Each piece before the first event takes a while where there are a million
/// requests.
enum Stage {
    Making(Box<Making>),
    Made(Box<Workload>),
    Queued(Box<(Workload, Requests)>),
    Ready(Box<(Workload, Engine)>),
    Running(Box<Running>),
    Closing(Box<Closing>),
    Over,
}

impl Work {
    /// Before the first request is made.
    pub(super) fn new(config: &Config, data: &Library) -> Result<Self> {
        Ok(Self {
            config: config.clone(),
            stage: Stage::Making(Box::new(Making::new(config, data)?)),
        })
    }
}

impl Job for Work {
    type Out = Run;

    fn step(&mut self) -> Result<Step<Run>> {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Making(mut making) => {
                self.stage = match making.step()? {
                    Step::Working => Stage::Making(making),
                    Step::Done(workload) => Stage::Made(Box::new(workload)),
                };
            }
            Stage::Made(mut workload) => {
                let requests = requests(&self.config, &mut workload);
                self.stage = Stage::Queued(Box::new((*workload, requests)));
            }
            Stage::Queued(parts) => {
                let (workload, requests) = *parts;
                let engine = engine(&self.config, requests)?;
                self.stage = Stage::Ready(Box::new((workload, engine)));
            }
            Stage::Ready(parts) => {
                let (workload, engine) = *parts;
                self.stage = Stage::Running(Box::new(Running::new(&self.config, workload, engine)));
            }
            Stage::Running(mut running) => {
                self.stage = match running.advance(&self.config)? {
                    None => Stage::Running(running),
                    Some(saturated) => Stage::Closing(Box::new(running.close(saturated))),
                };
            }
            Stage::Closing(mut closing) => {
                if let Some(run) = closing.advance(&self.config)? {
                    return Ok(Step::Done(run));
                }
                self.stage = Stage::Closing(closing);
            }
            Stage::Over => {}
        }
        Ok(Step::Working)
    }

    fn progress(&self) -> f64 {
        match &self.stage {
            Stage::Making(making) => MAKING_SHARE * making.progress(),
            Stage::Made(_) | Stage::Queued(_) | Stage::Ready(_) => MAKING_SHARE,
            Stage::Running(running) => MAKING_SHARE + (1.0 - MAKING_SHARE) * running.progress(),
            Stage::Closing(_) | Stage::Over => 1.0,
        }
    }
}

/// The requests as the engine keeps them, with what is foretold of each.
fn requests(config: &Config, workload: &mut Workload) -> Requests {
    Arc::make_mut(&mut workload.tags).predicted = predictions(config, &workload.decode);
    let arrival = workload.arrival.as_slice().into();
    Requests::new(arrival, &workload.prefill, &workload.decode)
        .with_tags(workload.tags.clone())
        .with_chains(workload.chains.clone())
}

/// The engine before its first event.
fn engine(config: &Config, requests: Requests) -> Result<Engine> {
    let engine = Engine::new(
        config.limits(),
        requests,
        &*config.policy(),
        config.replicas as u32,
        config.router(),
    )?;
    Ok(engine
        .with_pools(config.pools())
        .with_lanes(config.lanes())
        .with_fleet(config.fleet()))
}

/// The simulation itself.
struct Running {
    workload: Workload,
    engine: Engine,
    recorder: Recorder<Engine>,
    log: Log,
}

impl Running {
    /// With an engine before its first event.
    fn new(config: &Config, workload: Workload, engine: Engine) -> Self {
        let cache = if config.caches_prefixes() {
            (config.num_blocks * config.replicas) as usize * BLOCK_BYTES
        } else {
            1
        };
        let most = (CACHE_BYTES / cache).clamp(8, CHECKPOINTS);
        Self {
            log: Log::new(workload.arrival.len(), config.replicas as usize)
                .counting(goodput::service(config, &workload)),
            recorder: Recorder::new(&engine, CHECKPOINT_EVERY).at_most(most),
            workload,
            engine,
        }
    }

    /// Whether the run has to stop before its end.
    fn saturated(&self, config: &Config) -> bool {
        self.engine.waiting() > MAX_QUEUE || self.engine.now() > config.time_limit_secs
    }

    /// The next events. At the end of the run: whether it was stopped before its own.
    fn advance(&mut self, config: &Config) -> Result<Option<bool>> {
        let mut left = if config.replicas > 1 && config.routing == Routing::Block {
            LOOKS_PER_STEP
        } else {
            EVENTS_PER_STEP
        };
        while left > 0 {
            // Stops at checkpoints and where saturation is looked for.
            let steps = self.engine.steps();
            let most = left
                .min(64 - steps % 64)
                .min(self.recorder.until_due(steps).max(1));
            let done = self.engine.advance_all(most, &mut self.log);
            if done < most {
                return match self.engine.deadlock() {
                    Some(error) => Err(error),
                    None => Ok(Some(false)),
                };
            }
            left -= done;
            self.recorder.observe(&self.engine);
            if self.engine.steps().is_multiple_of(64) && self.saturated(config) {
                return Ok(Some(true));
            }
        }
        let queues = self.engine.waiting() * size_of::<u32>();
        if queues * self.recorder.len() > QUEUE_BYTES {
            let fewer = (self.recorder.len() / 2).max(8);
            self.recorder.keep_at_most(fewer);
        }
        Ok(None)
    }

    fn close(self, saturated: bool) -> Closing {
        let recording = self.recorder.close(self.engine);
        Closing::new(recording, self.workload, self.log, saturated)
    }

    fn progress(&self) -> f64 {
        let n = self.workload.arrival.len().max(1);
        (self.engine.finished() + self.engine.ignored()) as f64 / n as f64
    }
}
