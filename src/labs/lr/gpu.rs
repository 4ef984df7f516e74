//! The digits sweep by a kernel: all schedules, peak rates and seeds train side by side, their losses
//! come back a little later and are recorded, evaluated and put together by the code of the CPU.
//!
//! The chosen schedule at the set peak rate with the first seed, every update of which can be
//! visited, is trained on the CPU beside them: its curve and its recording are the same run.
//! Losses are single precision on the device, so one that grows without bound stops being usable
//! there up to one update earlier.

use super::config::Problem;
use super::model::{Cell, Run};
use super::training::{Batches, SIZES, Trainer, evaluate};
use super::work::{Lane, Log, cells_of, stride};
use super::{Config, Lr};
use crate::core::digits::Samples;
use crate::core::mlp::{Mlp, Workspace};
use crate::core::rng::{Stream, StreamId};
use crate::core::{Recorder, Recording, Result, Step};
use crate::gpu::kernels::{MLP_MAX_BATCH, MLP_MAX_STEPS, MLP_PARAMS, MlpTrain, MlpTrainParams};
use crate::gpu::{Dispatch, Gpu, GpuJob, GpuLab, Kernel as _, Readback, Slicer};
use crate::labs::{Lab as _, Library};
use std::collections::VecDeque;
use wgpu::Buffer;

/// Runs trained side by side at most; further seeds follow.
const MOST_RUNS: u64 = 1024;
/// Updates handed over at once, at most.
const CHUNK: u32 = 32;
/// Batches handed over at once, at most (one per update and seed).
const MOST_BATCHES: u32 = 256;
/// Updates believed to fit a dispatch's time; a sixteenth is tried first.
const GUESS: u32 = 64;
/// Batches drawn in one poll.
const DRAWN: usize = 16;
/// Chunks under way at once.
const IN_FLIGHT: usize = 2;
/// Networks read back at once.
const READ_RUNS: usize = 16;

impl GpuLab for Lr {
    fn start_gpu(
        _gpu: &Gpu,
        config: &Config,
        _data: &Library,
    ) -> Result<Option<Box<dyn GpuJob<Out = Run>>>> {
        Self::check(config)?;
        if config.problem != Problem::Digits
            || config.shape.is_computed()
            || config.shape.is_guided()
            || config.batch > u64::from(MLP_MAX_BATCH)
        {
            return Ok(None);
        }
        Ok(Some(Box::new(Sweep::new(config)?)))
    }
}

/// The run that is trained on the CPU.
struct Watched {
    lane: Lane,
    recorder: Recorder<Trainer>,
}

/// All runs, a group of seeds at a time.
struct Sweep {
    config: Config,
    cells: Vec<Cell>,
    /// Per cell, the rate of every update.
    rates: Vec<Vec<f64>>,
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
        let chosen = config.grid as usize;
        let batches = batches(config, 0);
        let own = rates.get(chosen).cloned().unwrap_or_default();
        let lane = Lane::new(config.optimizer(), own.into(), batches)?.watched();
        let recorder = Recorder::new(&lane.trainer, config.horizon.div_ceil(25));
        Ok(Self {
            config: config.clone(),
            cells,
            rates,
            chosen,
            watched: Some(Watched { lane, recorder }),
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
            group.collect(gpu, stride(self.config.horizon))?;
        } else if let Some((run, params)) = group.trained(gpu)? {
            let cell = run % self.cells.len();
            let log = std::mem::take(&mut group.logs[run]);
            let watched = (run == self.chosen).then(|| self.watched.take()).flatten();
            let curve = if let Some(Watched { lane, recorder }) = watched {
                self.recording = Some(recorder.close(lane.trainer.clone()));
                lane.finish()
            } else {
                let mut net = Mlp::zeros(&SIZES)?;
                net.params_mut().copy_from_slice(&params);
                log.finish(evaluate(&net, &mut group.work))
            };
            self.cells[cell].curves.push(curve);
            if run + 1 == group.logs.len() {
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

    fn progress(&self) -> f64 {
        let within = self.group.as_ref().map_or(0.0, |group| {
            group.sets as f64 * group.recorded as f64 / self.config.horizon.max(1) as f64
        });
        ((self.done as f64 + within) / self.config.seeds.max(1) as f64).min(1.0)
    }
}

/// The batches of seed number `k`.
fn batches(config: &Config, k: u64) -> Batches {
    Batches {
        seed: config.seed.wrapping_add(k),
        size: config.batch as usize,
    }
}

/// Inputs of the next updates, drawn batch by batch.
#[derive(Default)]
struct Chunk {
    size: u32,
    steps: u32,
    sets: usize,
    x: Vec<f32>,
    labels: Vec<u32>,
    rates: Vec<f32>,
    corrections: Vec<[f32; 2]>,
}

struct Ticket {
    steps: u32,
    since: f64,
    trace: Readback<[f32; 2]>,
}

/// Some seeds with all their cells, seed by seed.
struct Group {
    /// Number of seeds, and of the first one.
    sets: usize,
    first: u64,
    logs: Vec<Log>,
    device: OnDevice,
    slicer: Slicer,
    chunk: Chunk,
    drawn: u64,
    recorded: u64,
    tickets: VecDeque<Ticket>,
    networks: Networks,
    work: Workspace,
}

/// Trained networks on their way back.
#[derive(Default)]
struct Networks {
    asked: usize,
    given: usize,
    ticket: Option<Readback<f32>>,
    arrived: VecDeque<Vec<f32>>,
}

impl Group {
    fn new(gpu: &Gpu, sweep: &Sweep) -> Result<Self> {
        let (config, lanes) = (&sweep.config, sweep.cells.len() as u64);
        let sets = (MOST_RUNS / lanes.max(1)).clamp(1, config.seeds - sweep.done);
        let limit = CHUNK.min(MOST_BATCHES / sets as u32).max(1);
        let (mut weights, mut logs) = (Vec::new(), Vec::new());
        for k in 0..sets {
            let seed = batches(config, sweep.done + k).seed;
            let net = Mlp::new(&SIZES, &mut Stream::new(seed, StreamId::Weights))?;
            for _ in 0..lanes {
                weights.extend_from_slice(net.params());
                logs.push(Log::new(seed));
            }
        }
        let slicer = Slicer::new(Slicer::BATCH_MS, GUESS, limit);
        Ok(Self {
            sets: sets as usize,
            first: sweep.done,
            device: OnDevice::new(gpu, config, &weights, sets as usize, limit)?,
            logs,
            chunk: Chunk {
                size: slicer.next(config.horizon as u32),
                ..Chunk::default()
            },
            slicer,
            drawn: 0,
            recorded: 0,
            tickets: VecDeque::new(),
            networks: Networks::default(),
            work: Workspace::default(),
        })
    }

    /// Draws a few batches of the next chunk and trains the watched run on its own.
    fn draw(&mut self, sweep: &mut Sweep) {
        for _ in 0..DRAWN {
            if self.chunk.steps == self.chunk.size {
                return;
            }
            let k = self.first + self.chunk.sets as u64;
            let batch = batches(&sweep.config, k).batch(self.drawn);
            if k == 0
                && let Some(watched) = &mut sweep.watched
            {
                watched.lane.train(&batch, stride(sweep.config.horizon));
                watched.recorder.observe(&watched.lane.trainer);
            }
            self.chunk.add(batch);
            if self.chunk.sets == self.sets {
                let update = self.drawn as usize;
                let rate = |rates: &Vec<f64>| rates.get(update).map_or(0.0, |r| *r as f32);
                for _ in 0..self.sets {
                    self.chunk.rates.extend(sweep.rates.iter().map(rate));
                }
                self.drawn += 1;
                let rule = sweep.config.optimizer();
                let corrections = rule.corrections(self.drawn as u32);
                self.chunk.corrections.push(corrections.into());
                (self.chunk.sets, self.chunk.steps) = (0, self.chunk.steps + 1);
            }
        }
    }

    /// Hands a complete chunk over while few are under way.
    fn submit(&mut self, gpu: &Gpu, config: &Config) -> Result<()> {
        let steps = self.chunk.steps;
        if steps == 0 || steps < self.chunk.size || self.tickets.len() >= IN_FLIGHT {
            return Ok(());
        }
        let trace = self.device.submit(gpu, config, &self.chunk)?;
        self.tickets.push_back(Ticket {
            steps,
            since: gpu.now_ms(),
            trace,
        });
        let left = config.horizon - self.drawn;
        self.chunk = Chunk {
            size: self.slicer.next(left as u32),
            ..Chunk::default()
        };
        Ok(())
    }

    /// Records what has come back.
    fn collect(&mut self, gpu: &Gpu, every: u64) -> Result<()> {
        let Some(ticket) = self.tickets.front_mut() else {
            return Ok(());
        };
        let Some(trace) = ticket.trace.poll().transpose()? else {
            return Ok(());
        };
        self.slicer
            .record(ticket.steps, gpu.now_ms() - ticket.since);
        self.tickets.pop_front();
        for row in trace.chunks_exact(self.logs.len()) {
            self.recorded += 1;
            for (log, [loss, square]) in self.logs.iter_mut().zip(row) {
                let norm = f64::from(*square).sqrt();
                log.update(self.recorded, f64::from(*loss), norm, every);
            }
        }
        Ok(())
    }

    /// The next trained network: which run it is and its parameters; `None` while it is on its way.
    fn trained(&mut self, gpu: &Gpu) -> Result<Option<(usize, Vec<f32>)>> {
        let networks = &mut self.networks;
        if networks.arrived.is_empty()
            && networks.ticket.is_none()
            && networks.asked < self.logs.len()
        {
            let end = (networks.asked + READ_RUNS).min(self.logs.len());
            let range = networks.asked * MLP_PARAMS..end * MLP_PARAMS;
            let mut batch = gpu.batch("mlp_train");
            networks.ticket = Some(batch.read(&self.device.weights, range)?);
            batch.submit()?;
            networks.asked = end;
        }
        if let Some(ticket) = &mut networks.ticket
            && let Some(values) = ticket.poll().transpose()?
        {
            let each = values.chunks_exact(MLP_PARAMS).map(<[f32]>::to_vec);
            networks.arrived.extend(each);
            networks.ticket = None;
        }
        Ok(networks.arrived.pop_front().map(|params| {
            networks.given += 1;
            (networks.given - 1, params)
        }))
    }
}

impl Chunk {
    fn add(&mut self, batch: Samples) {
        self.x.extend(batch.x);
        self.labels.extend(batch.labels.into_iter().map(u32::from));
        self.sets += 1;
    }
}

/// Buffers of a group, and the dispatches of a chunk.
struct OnDevice {
    runs: usize,
    sets: usize,
    x: Buffer,
    labels: Buffer,
    rates: Buffer,
    corrections: Buffer,
    weights: Buffer,
    trace: Buffer,
    passes: Vec<Dispatch<MlpTrain>>,
}

impl OnDevice {
    fn new(gpu: &Gpu, config: &Config, weights: &[f32], sets: usize, limit: u32) -> Result<Self> {
        let (most, runs) = (limit as usize, weights.len() / MLP_PARAMS);
        let samples = most * sets * config.batch as usize;
        let x = gpu.empty::<f32>("batches", samples * SIZES[0])?;
        let labels = gpu.empty::<u32>("labels", samples)?;
        let rates = gpu.empty::<f32>("rates", most * runs)?;
        let corrections = gpu.empty::<[f32; 2]>("corrections", most)?;
        let moments = gpu.empty::<f32>("moments", 2 * weights.len())?;
        let trace = gpu.empty::<[f32; 2]>("trace", most * runs)?;
        let weights = gpu.storage("weights", weights)?;
        let buffers = [
            &x,
            &labels,
            &rates,
            &corrections,
            &weights,
            &moments,
            &trace,
        ];
        let params = MlpTrainParams::of(config.optimizer());
        let invocations = runs as u32 * MlpTrain::WORKGROUP;
        let passes = (0..limit.div_ceil(MLP_MAX_STEPS))
            .map(|_| Dispatch::new(gpu, &params, invocations, &buffers))
            .collect::<Result<_>>()?;
        Ok(Self {
            runs,
            sets,
            x,
            labels,
            rates,
            corrections,
            weights,
            trace,
            passes,
        })
    }

    /// Hands a chunk over; the ticket brings loss and squared gradient norm per update and run.
    fn submit(&self, gpu: &Gpu, config: &Config, chunk: &Chunk) -> Result<Readback<[f32; 2]>> {
        gpu.write(&self.x, &chunk.x);
        gpu.write(&self.labels, &chunk.labels);
        gpu.write(&self.rates, &chunk.rates);
        gpu.write(&self.corrections, &chunk.corrections);
        let mut batch = gpu.batch("mlp_train");
        let mut first = 0;
        for pass in &self.passes {
            let steps = MLP_MAX_STEPS.min(chunk.steps - first);
            if steps == 0 {
                break;
            }
            let params = MlpTrainParams {
                runs: self.runs as u32,
                lanes: (self.runs / self.sets) as u32,
                sets: self.sets as u32,
                first,
                steps,
                batch: config.batch as u32,
                ..MlpTrainParams::of(config.optimizer())
            };
            pass.set_params(gpu, &params);
            batch.add(pass);
            first += steps;
        }
        let trace = batch.read(&self.trace, 0..chunk.steps as usize * self.runs)?;
        batch.submit()?;
        Ok(trace)
    }
}
