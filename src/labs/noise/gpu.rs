//! The particles and the images by kernels: every step is one dispatch, several steps of few
//! particles are one submission, their states come back a little later, and what follows (distances,
//! pictures, charts) is the same code as on the CPU.

use super::images::OnDevice as ImagesOnDevice;
use super::model::Work;
use super::problem::Problem;
use super::solver::{SolverKind, ancestral_split};
use super::{Config, Noise, Run, World};
use crate::core::rng::{StreamId, normal_table};
use crate::core::{Job as _, Result, Step};
#[cfg(not(target_arch = "wasm32"))]
use crate::gpu::ImageDenoiser;
use crate::gpu::kernels::{Denoise, DenoiseParams, FIRST_ORDER, denoise_level};
use crate::gpu::{Dispatch, Gpu, GpuJob, GpuLab, Readback};
use crate::labs::{Lab as _, Library};
use std::collections::VecDeque;
use wgpu::Buffer;

/// Particles prepared in one poll.
const PREPARED: usize = 2048;
/// Particle-steps in one submission, about, and steps at most; two submissions are under way.
const BUNDLE: usize = 1 << 16;
const BUNDLE_STEPS: usize = 8;

impl GpuLab for Noise {
    fn start_gpu(
        _gpu: &Gpu,
        config: &Config,
        data: &Library,
    ) -> Result<Option<Box<dyn GpuJob<Out = Run>>>> {
        Self::check(config)?;
        if config.world == World::Images && ImagesOnDevice::takes(config) {
            let job = ImagesOnDevice::new(config, data)?;
            return Ok(Some(Box::new(Wrapped(job, Run::Images))));
        }
        if config.world != World::Plane
            || config.is_searched()
            || config.one_class
            || config.minority_scale > 0.0
            || config.model_error > 0.0
        {
            return Ok(None);
        }
        if !matches!(
            config.solver,
            SolverKind::Ddim | SolverKind::Euler | SolverKind::Heun
        ) {
            return Ok(None);
        }
        Ok(Some(Box::new(Stepping {
            work: Work::new(config)?,
            start: Vec::new(),
            device: None,
            submitted: 0,
            recorded: 0,
            tickets: VecDeque::new(),
        })))
    }
}

/// A job on the device whose result becomes a [`Run`].
struct Wrapped<J: GpuJob>(J, fn(J::Out) -> Run);

impl<J: GpuJob> GpuJob for Wrapped<J> {
    type Out = Run;

    fn poll(&mut self, gpu: &Gpu) -> Result<Step<Run>> {
        Ok(match self.0.poll(gpu)? {
            Step::Working => Step::Working,
            Step::Done(run) => Step::Done((self.1)(run)),
        })
    }

    fn progress(&self) -> f64 {
        self.0.progress()
    }

    fn is_waiting(&self) -> bool {
        self.0.is_waiting()
    }
}

struct PlaneOnDevice {
    states: Buffer,
    estimates: Buffer,
    /// In turn, so that each keeps its parameters until it has run.
    dispatches: Vec<Dispatch<Denoise>>,
}

struct Ticket {
    states: Readback<f32>,
    estimates: Readback<f32>,
    arrived: Option<Vec<f32>>,
}

/// Steps of so many particles in one submission.
fn bundle(particles: usize) -> usize {
    (BUNDLE / particles.max(1)).clamp(1, BUNDLE_STEPS)
}

struct Stepping {
    work: Work,
    start: Vec<f32>,
    device: Option<PlaneOnDevice>,
    submitted: usize,
    recorded: usize,
    tickets: VecDeque<Ticket>,
}

impl Stepping {
    fn prepare(&mut self, gpu: &Gpu) -> Result<()> {
        let n = self.work.problem().config.particles as usize;
        let first = self.start.len() / 2;
        if first < n {
            let ready = self.work.begin(first..(first + PREPARED).min(n));
            self.start.extend(ready.into_iter().map(|v| v as f32));
            return Ok(());
        }
        self.device = Some(PlaneOnDevice::new(gpu, self.work.problem(), &self.start)?);
        Ok(())
    }

    /// Submits a bundle of steps while few are under way.
    fn submit(&mut self, gpu: &Gpu) -> Result<()> {
        let problem = self.work.problem();
        let Some(device) = &self.device else {
            return Ok(());
        };
        let most = bundle(self.start.len() / 2);
        let end = problem.steps().min(self.submitted + most);
        if self.tickets.len() > most || self.submitted == end {
            return Ok(());
        }
        let values = self.start.len();
        let mut batch = gpu.batch("denoise");
        batch.reserve((end - self.submitted) * 2 * values * size_of::<f32>());
        for k in self.submitted..end {
            batch.add(device.set(gpu, problem, k));
            self.tickets.push_back(Ticket {
                states: batch.read(&device.states, 0..values)?,
                estimates: batch.read(&device.estimates, 0..values)?,
                arrived: None,
            });
        }
        batch.submit()?;
        self.submitted = end;
        Ok(())
    }

    fn collect(&mut self) -> Result<()> {
        while let Some(ticket) = self.tickets.front_mut() {
            if ticket.arrived.is_none() {
                ticket.arrived = ticket.states.poll().transpose()?;
            }
            if ticket.arrived.is_some()
                && let Some(estimates) = ticket.estimates.poll().transpose()?
            {
                let states = ticket.arrived.take().unwrap_or_default();
                self.tickets.pop_front();
                self.recorded += 1;
                self.work.record(self.recorded, &states, estimates);
            } else {
                break;
            }
        }
        Ok(())
    }
}

impl PlaneOnDevice {
    fn new(gpu: &Gpu, problem: &Problem, start: &[f32]) -> Result<Self> {
        let m = &problem.mixture;
        let pick = |k: usize| [m.mean(k)[0] as f32, m.mean(k)[1] as f32];
        let centres: Vec<[f32; 2]> = (0..m.len()).map(pick).collect();
        let variances: Vec<f64> = (0..m.len()).map(|k| m.variances(k)[0]).collect();
        let table: Vec<[f32; 4]> = problem
            .levels
            .iter()
            .flat_map(|s| denoise_level(*s, m.weights(), &variances))
            .collect();
        let normals = gpu.storage("normal table", normal_table())?;
        let centres = gpu.storage("centres", &centres)?;
        let levels = gpu.storage("levels", &table)?;
        let states = gpu.storage("states", start)?;
        let estimates = gpu.empty::<f32>("estimates", start.len())?;
        let buffers = [&normals, &centres, &levels, &states, &estimates];
        let count = (start.len() / 2) as u32;
        let dispatches = (0..2 * bundle(count as usize))
            .map(|_| Dispatch::new(gpu, &params(problem, 0), count, &buffers))
            .collect::<Result<_>>()?;
        Ok(Self {
            states,
            estimates,
            dispatches,
        })
    }

    /// The step out of level `k`.
    fn set(&self, gpu: &Gpu, problem: &Problem, k: usize) -> &Dispatch<Denoise> {
        let dispatch = &self.dispatches[k % self.dispatches.len()];
        dispatch.set_params(gpu, &params(problem, k));
        dispatch
    }
}

/// Parameters of the step out of level `k`.
fn params(problem: &Problem, k: usize) -> DenoiseParams {
    let config = &problem.config;
    let (s, next) = (problem.levels[k], problem.levels[k + 1]);
    let eta = if config.solver == SolverKind::Ddim {
        config.eta
    } else {
        0.0
    };
    let (up, down) = ancestral_split(s, next, eta);
    let heun = config.solver == SolverKind::Heun && next > 0.0;
    let components = problem.mixture.len() as u32;
    DenoiseParams {
        key0: config.seed as u32,
        key1: (config.seed >> 32) as u32,
        step: k as u32 + 1,
        stream: StreamId::Noise as u32,
        count: config.particles as u32,
        components,
        base: k as u32 * components,
        second: if heun {
            (k as u32 + 1) * components
        } else {
            FIRST_ORDER
        },
        ratio: (down / s) as f32,
        noise: up as f32,
        first_share: (0.5 * (next - s) / s) as f32,
        second_share: if heun {
            (0.5 * (next - s) / next) as f32
        } else {
            0.0
        },
    }
}

/// The particles of a config by the kernel alone: all steps in one queue, then the states. Waits for
/// the device, so never in the page.
///
/// # Errors
/// Parameters that do not fit, or a fault of the device.
#[cfg(not(target_arch = "wasm32"))]
pub fn particles_on_device(gpu: &Gpu, config: &Config) -> Result<Vec<f32>> {
    let problem = Problem::new(config)?;
    let n = config.particles as usize;
    let start = problem.forward(0..n).pop().unwrap_or_default();
    let start: Vec<f32> = start.into_iter().map(|v| v as f32).collect();
    let device = PlaneOnDevice::new(gpu, &problem, &start)?;
    let steps = problem.steps();
    for first in (0..steps).step_by(device.dispatches.len()) {
        let mut batch = gpu.batch("denoise");
        for k in first..steps.min(first + device.dispatches.len()) {
            batch.add(device.set(gpu, &problem, k));
        }
        batch.submit()?;
    }
    let mut batch = gpu.batch("states");
    let ticket = batch.read(&device.states, 0..start.len())?;
    batch.submit()?;
    ticket.wait()
}

/// One call of the image denoiser for every query by the kernel. Waits for the device.
///
/// # Errors
/// A fault of the device.
#[cfg(not(target_arch = "wasm32"))]
pub fn denoise_on_device(
    gpu: &Gpu,
    denoiser: &mut ImageDenoiser,
    queries: &[f32],
    s: f64,
) -> Result<usize> {
    let mut work = denoiser.begin(gpu, queries, (0.5 / (s * s)) as f32)?;
    loop {
        if let Some(states) = denoiser.poll(gpu, &mut work)? {
            return Ok(states.len());
        }
        gpu.wait()?;
    }
}

impl GpuJob for Stepping {
    type Out = Run;

    fn poll(&mut self, gpu: &Gpu) -> Result<Step<Run>> {
        if self.recorded == self.work.problem().steps() {
            return Ok(match self.work.step()? {
                Step::Working => Step::Working,
                Step::Done(run) => Step::Done(Run::Plane(run)),
            });
        }
        if self.device.is_none() {
            self.prepare(gpu)?;
        } else {
            self.submit(gpu)?;
            self.collect()?;
        }
        Ok(Step::Working)
    }

    fn progress(&self) -> f64 {
        let steps = self.work.problem().steps();
        if self.recorded == steps {
            self.work.progress()
        } else {
            0.5 * self.recorded as f64 / steps as f64
        }
    }

    fn is_waiting(&self) -> bool {
        !self.tickets.is_empty()
    }
}
