//! Samples whose estimates come from the device: all of them together, one level after the other.
//! First-order sampling only, whose step needs nothing but the estimate.

use super::super::config::Config;
use super::super::solver::SolverKind;
use super::run::ImageRun;
use super::{Belief, Image, Work};
use crate::core::{Result, Step, num};
use crate::gpu::kernels::ImageState;
use crate::gpu::{Gpu, GpuJob, ImageDenoiser, ImageDenoising};
use crate::labs::Library;

/// Samples under way on the device.
pub(in crate::labs::noise) struct OnDevice {
    work: Work,
    points: Vec<f64>,
    images: Vec<Image>,
    denoiser: Option<ImageDenoiser>,
    denoising: Option<ImageDenoising>,
    step: usize,
}

impl OnDevice {
    /// Whether a config's sampler runs there.
    pub(in crate::labs::noise) fn takes(config: &Config) -> bool {
        matches!(config.solver, SolverKind::Ddim | SolverKind::Euler) && config.eta == 0.0
    }

    pub(in crate::labs::noise) fn new(config: &Config, data: &Library) -> Result<Self> {
        let work = Work::new(config, data)?;
        let (mut points, mut images) = (Vec::new(), Vec::new());
        for k in 0..super::SAMPLES {
            let (x, image) = work.start(k as u32);
            points.extend(x);
            images.push(image);
        }
        Ok(Self {
            work,
            points,
            images,
            denoiser: None,
            denoising: None,
            step: 0,
        })
    }

    fn begin(&mut self, gpu: &Gpu) -> Result<ImageDenoising> {
        let denoiser = if let Some(denoiser) = &mut self.denoiser {
            denoiser
        } else {
            let rows: Vec<f32> = self.work.set.rows.iter().map(|v| *v as f32).collect();
            let width = self.work.set.pixels();
            self.denoiser.insert(ImageDenoiser::new(gpu, &rows, width)?)
        };
        let s = self.work.levels[self.step];
        let points: Vec<f32> = self.points.iter().map(|v| *v as f32).collect();
        denoiser.begin(gpu, &points, (0.5 / (self.work.set.width + s * s)) as f32)
    }

    /// Steps every sample with its estimate.
    fn advance(&mut self, states: &[ImageState]) {
        let (s, next) = (self.work.levels[self.step], self.work.levels[self.step + 1]);
        let width = self.work.set.width;
        let pull = width / (width + s * s);
        let pixels = self.work.set.pixels();
        let samples = self.points.chunks_exact_mut(pixels);
        for ((x, state), image) in samples.zip(states).zip(&mut self.images) {
            let mut estimate = Vec::with_capacity(pixels);
            for (x, sum) in x.iter_mut().zip(&state.sum) {
                let mean = sum / state.weight;
                let d = mean + pull * (*x - mean);
                estimate.push(d as f32);
                *x += (*x - d) / s * (next - s);
            }
            image.estimates.push(estimate.into());
            image.beliefs.push(Belief {
                best: state.best,
                weight: 1.0 / state.weight,
                effective: num::exp(num::ln(state.weight) - state.lag / state.weight),
            });
            image.frames.push(self.work.seen(x, next));
            image.calls += 1;
        }
        self.step += 1;
    }
}

impl GpuJob for OnDevice {
    type Out = ImageRun;

    fn poll(&mut self, gpu: &Gpu) -> Result<Step<ImageRun>> {
        if self.step + 1 == self.work.levels.len() {
            let pixels = self.work.set.pixels();
            for (image, x) in self.images.iter_mut().zip(self.points.chunks_exact(pixels)) {
                (image.nearest, image.distance) = self.work.set.nearest(x);
            }
            return Ok(Step::Done(
                self.work.report(std::mem::take(&mut self.images))?,
            ));
        }
        let mut denoising = match self.denoising.take() {
            Some(denoising) => denoising,
            None => self.begin(gpu)?,
        };
        let Some(denoiser) = &mut self.denoiser else {
            return Ok(Step::Working);
        };
        match denoiser.poll(gpu, &mut denoising)? {
            Some(states) => self.advance(&states),
            None => self.denoising = Some(denoising),
        }
        Ok(Step::Working)
    }

    fn progress(&self) -> f64 {
        self.step as f64 / (self.work.levels.len() - 1).max(1) as f64
    }

    fn is_waiting(&self) -> bool {
        self.denoising.is_some()
    }
}
