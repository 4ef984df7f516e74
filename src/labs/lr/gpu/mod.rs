//! The digits sweep by a kernel: all schedules, peak rates and seeds train side by side, their losses
//! come back a little later and are recorded, evaluated and put together by the code of the CPU.
//!
//! The chosen schedule at the set peak rate with the first seed, every update of which can be
//! visited, is trained on the CPU beside them: its curve and its recording are the same run.
//! Losses are single precision on the device, so one that grows without bound stops being usable
//! there up to one update earlier.

mod device;
mod group;

use super::config::Problem;
use super::model::{Cell, Curve, Run};
use super::schedule::Shape;
use super::steer;
use super::training::Trainer;
use super::work::{Lane, cells_of, stride};
use super::{Config, Lr};
use crate::core::digits::Samples;
use crate::core::{Recorder, Recording, Result, Step};
use crate::gpu::kernels::{MLP_MAX_BATCH, MlpRule};
use crate::gpu::{Gpu, GpuJob, GpuLab};
use crate::labs::{Lab as _, Library};
use group::{Group, batches};

impl GpuLab for Lr {
    fn start_gpu(
        _gpu: &Gpu,
        config: &Config,
        _data: &Library,
    ) -> Result<Option<Box<dyn GpuJob<Out = Run>>>> {
        Self::check(config)?;
        if config.problem != Problem::Digits
            || config.shape.is_computed()
            || (config.shape.is_guided() && config.shape != Shape::ScheduleFree)
            || config.batch > u64::from(MLP_MAX_BATCH)
            // The kernel keeps one decay of the second moment.
            || config.raises_beta2()
        {
            return Ok(None);
        }
        Ok(Some(if config.shape == Shape::ScheduleFree {
            Box::new(FreeSweep::new(config)?)
        } else {
            Box::new(Sweep::new(config)?)
        }))
    }
}

/// The run that is trained on the CPU.
enum Watched {
    /// Every update of it can be visited.
    Recorded {
        lane: Box<Lane>,
        recorder: Recorder<Trainer>,
    },
    /// Schedule-Free, with the losses of its three iterates.
    Free(Box<steer::Lane>),
}

impl Watched {
    fn new(config: &Config, cell: &Cell, rates: &[f64]) -> Result<Self> {
        if cell.shape() == Shape::ScheduleFree {
            let lane = steer::Lane::new(config, cell, config.seed)?;
            return Ok(Self::Free(Box::new(lane)));
        }
        let lane = Lane::new(config.optimizer(), rates.into(), batches(config, 0))?.watched();
        let recorder = Recorder::new(&lane.trainer, config.horizon.div_ceil(25));
        Ok(Self::Recorded {
            lane: Box::new(lane),
            recorder,
        })
    }

    /// One update; a Schedule-Free run draws the same batch itself.
    fn train(&mut self, batch: &Samples, config: &Config) {
        match self {
            Self::Recorded { lane, recorder } => {
                lane.train(batch, stride(config.horizon));
                recorder.observe(&lane.trainer);
            }
            Self::Free(lane) => lane.go_on(config),
        }
    }

    fn finish(self) -> (Curve, Option<Recording<Trainer>>) {
        match self {
            Self::Recorded { lane, recorder } => {
                let recording = recorder.close(lane.trainer.clone());
                (lane.finish(), Some(recording))
            }
            Self::Free(lane) => (lane.finish().0, None),
        }
    }
}

/// All runs, a group of seeds at a time.
struct Sweep {
    config: Config,
    cells: Vec<Cell>,
    rule: MlpRule,
    /// Per cell, the rate of every update.
    rates: Vec<Vec<f64>>,
    /// The kernel's corrections of every update.
    corrections: Vec<[f32; 2]>,
    /// Place of the watched run among the cells.
    chosen: usize,
    watched: Option<Watched>,
    recording: Option<Recording<Trainer>>,
    /// Seeds done.
    done: u64,
    group: Option<Group>,
}

impl Sweep {
    fn new(config: &Config) -> Result<Self> {
        let cells = cells_of(config);
        let rates: Vec<Vec<f64>> = cells
            .iter()
            .map(|cell| cell.schedule.rates())
            .collect::<Result<_>>()?;
        let rule = if config.shape == Shape::ScheduleFree {
            MlpRule::Free(config.schedule_free())
        } else {
            MlpRule::Plain(config.optimizer())
        };
        let chosen = config.grid as usize;
        let own = rates.get(chosen).map_or(&[][..], Vec::as_slice);
        let watched = cells
            .get(chosen)
            .map(|cell| Watched::new(config, cell, own))
            .transpose()?;
        Ok(Self {
            config: config.clone(),
            rule,
            corrections: rule.corrections(own),
            watched,
            cells,
            rates,
            chosen,
            recording: None,
            done: 0,
            group: None,
        })
    }

    /// Trains the group or, when it is trained, evaluates one of its runs; the group is dropped
    /// after its last.
    fn advance(&mut self, gpu: &Gpu, mut group: Group) -> Result<()> {
        if group.recorded < self.config.horizon {
            group.draw(self);
            group.submit(gpu, &self.config)?;
            group.collect(&self.config)?;
        } else if let Some((run, params)) = group.trained(gpu, &self.config)? {
            let watched = (run == self.chosen).then(|| self.watched.take()).flatten();
            let curve = match watched {
                Some(watched) => {
                    let (curve, recording) = watched.finish();
                    self.recording = recording;
                    curve
                }
                None => group.finish(run, &params)?,
            };
            let cell = run % self.cells.len();
            self.cells[cell].curves.push(curve);
            if run + 1 == group.runs() {
                self.done += group.sets as u64;
                return Ok(());
            }
        }
        self.group = Some(group);
        Ok(())
    }
}

impl GpuJob for Sweep {
    type Out = Run;

    fn poll(&mut self, gpu: &Gpu) -> Result<Step<Run>> {
        if let Some(group) = self.group.take() {
            self.advance(gpu, group)?;
        } else if self.done < self.config.seeds {
            self.group = Some(Group::new(gpu, self)?);
        } else {
            let cells = std::mem::take(&mut self.cells);
            let recording = self.recording.take();
            return Ok(Step::Done(Run::new(self.config.clone(), cells, recording)));
        }
        Ok(Step::Working)
    }

    fn is_waiting(&self) -> bool {
        self.group
            .as_ref()
            .is_some_and(|group| group.is_waiting(&self.config))
    }

    fn progress(&self) -> f64 {
        let within = self.group.as_ref().map_or(0.0, |group| {
            group.sets as f64 * group.recorded as f64 / self.config.horizon.max(1) as f64
        });
        ((self.done as f64 + within) / self.config.seeds.max(1) as f64).min(1.0)
    }
}

/// Schedule-Free has an update rule of its own: its peak rates first, then the rivals under theirs.
struct FreeSweep {
    config: Config,
    own: Sweep,
    cells: Vec<Cell>,
    rivals: Option<Sweep>,
}

impl FreeSweep {
    fn new(config: &Config) -> Result<Self> {
        let own = Config {
            rivals: false,
            ..config.clone()
        };
        Ok(Self {
            config: config.clone(),
            own: Sweep::new(&own)?,
            cells: Vec::new(),
            rivals: steer::rivals_of(config)
                .map(|others| Sweep::new(&others))
                .transpose()?,
        })
    }
}

impl GpuJob for FreeSweep {
    type Out = Run;

    fn poll(&mut self, gpu: &Gpu) -> Result<Step<Run>> {
        let sweep = match &mut self.rivals {
            Some(rivals) if !self.cells.is_empty() => rivals,
            _ => &mut self.own,
        };
        let Step::Done(run) = sweep.poll(gpu)? else {
            return Ok(Step::Working);
        };
        let more = self.cells.is_empty() && self.rivals.is_some();
        self.cells.extend(run.cells.iter().cloned());
        if more {
            return Ok(Step::Working);
        }
        let cells = std::mem::take(&mut self.cells);
        let run = Run::steered(self.config.clone(), cells, Vec::new());
        Ok(Step::Done(run))
    }

    fn progress(&self) -> f64 {
        match &self.rivals {
            Some(rivals) => 0.5 * (self.own.progress() + rivals.progress()),
            None => self.own.progress(),
        }
    }
}
