//! Some seeds with all their cells in training: batches go out, losses and networks come back.

use super::super::training::{Batches, SIZES, evaluate};
use super::super::work::{Log, stride};
use super::super::{Config, Curve};
use super::Sweep;
use super::device::OnDevice;
use crate::core::Result;
use crate::core::digits::Samples;
use crate::core::mlp::{Mlp, Workspace};
use crate::core::rng::{Stream, StreamId};
use crate::gpu::kernels::MLP_PARAMS;
use crate::gpu::{Gpu, Readback, Slicer};
use std::collections::VecDeque;

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

/// The batches of seed number `k`.
pub(super) fn batches(config: &Config, k: u64) -> Batches {
    Batches {
        seed: config.seed.wrapping_add(k),
        size: config.batch as usize,
    }
}

/// Inputs of the next updates, drawn batch by batch.
#[derive(Default)]
pub(super) struct Chunk {
    size: u32,
    pub(super) steps: u32,
    sets: usize,
    pub(super) x: Vec<f32>,
    pub(super) labels: Vec<u32>,
    pub(super) rates: Vec<f32>,
    pub(super) corrections: Vec<[f32; 2]>,
}

struct Ticket {
    steps: u32,
    since: f64,
    trace: Readback<[f32; 2]>,
}

/// Some seeds with all their cells, seed by seed.
pub(super) struct Group {
    /// Number of seeds, and of the first one.
    pub(super) sets: usize,
    first: u64,
    logs: Vec<Log>,
    device: OnDevice,
    slicer: Slicer,
    chunk: Chunk,
    drawn: u64,
    pub(super) recorded: u64,
    tickets: VecDeque<Ticket>,
    /// When the last chunk came back, in milliseconds.
    arrived: f64,
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
    pub(super) fn new(gpu: &Gpu, sweep: &Sweep) -> Result<Self> {
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
            device: OnDevice::new(gpu, (config, sweep.rule), &weights, sets as usize, limit)?,
            logs,
            chunk: Chunk {
                size: slicer.next(config.horizon as u32),
                ..Chunk::default()
            },
            slicer,
            drawn: 0,
            recorded: 0,
            tickets: VecDeque::new(),
            arrived: 0.0,
            networks: Networks::default(),
            work: Workspace::default(),
        })
    }

    /// Draws a few batches of the next chunk and trains the watched run on its own.
    pub(super) fn draw(&mut self, sweep: &mut Sweep) {
        for _ in 0..DRAWN {
            if self.chunk.steps == self.chunk.size {
                return;
            }
            let k = self.first + self.chunk.sets as u64;
            let batch = batches(&sweep.config, k).batch(self.drawn);
            if k == 0
                && let Some(watched) = &mut sweep.watched
            {
                watched.train(&batch, &sweep.config);
            }
            self.chunk.add(batch);
            if self.chunk.sets == self.sets {
                let update = self.drawn as usize;
                let rate = |rates: &Vec<f64>| rates.get(update).map_or(0.0, |r| *r as f32);
                for _ in 0..self.sets {
                    self.chunk.rates.extend(sweep.rates.iter().map(rate));
                }
                self.drawn += 1;
                self.chunk.corrections.extend(sweep.corrections.get(update));
                (self.chunk.sets, self.chunk.steps) = (0, self.chunk.steps + 1);
            }
        }
    }

    /// Hands a complete chunk over while few are under way.
    pub(super) fn submit(&mut self, gpu: &Gpu, config: &Config) -> Result<()> {
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
    pub(super) fn collect(&mut self, config: &Config) -> Result<()> {
        let every = stride(config.horizon);
        let Some(ticket) = self.tickets.front_mut() else {
            return Ok(());
        };
        let Some((trace, at)) = ticket.trace.poll_stamped().transpose()? else {
            return Ok(());
        };
        let began = ticket.since.max(self.arrived);
        self.slicer.record(ticket.steps, at - began);
        self.arrived = at;
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

    /// Whether nothing can be done before something comes back.
    pub(super) fn is_waiting(&self, config: &Config) -> bool {
        if self.recorded == config.horizon {
            return self.networks.ticket.is_some();
        }
        self.drawn == config.horizon
            || (self.tickets.len() == IN_FLIGHT && self.chunk.steps == self.chunk.size)
    }

    /// How many runs it has.
    pub(super) fn runs(&self) -> usize {
        self.logs.len()
    }

    /// The curve of a run whose network has come back.
    pub(super) fn finish(&mut self, run: usize, params: &[f32]) -> Result<Curve> {
        let mut net = Mlp::zeros(&SIZES)?;
        net.params_mut().copy_from_slice(params);
        let log = std::mem::take(&mut self.logs[run]);
        Ok(log.finish(evaluate(&net, &mut self.work)))
    }

    /// The next trained network: which run it is and its parameters where it is evaluated; `None`
    /// while it is on its way.
    pub(super) fn trained(
        &mut self,
        gpu: &Gpu,
        config: &Config,
    ) -> Result<Option<(usize, Vec<f32>)>> {
        let networks = &mut self.networks;
        if networks.arrived.is_empty()
            && networks.ticket.is_none()
            && networks.asked < self.logs.len()
        {
            let end = (networks.asked + READ_RUNS).min(self.logs.len());
            let range = networks.asked * MLP_PARAMS..end * MLP_PARAMS;
            let mut batch = gpu.batch("mlp_train");
            if networks.asked == 0 {
                self.device.close(gpu, config, &mut batch)?;
            }
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
