//! The computation: each sample on its own through the levels, one solver step a slice.

use super::super::config::Config;
use super::super::schedule;
use super::super::solver::{Model, Solver};
use super::report;
use super::run::{Image, ImageRun};
use super::{Belief, ImageSet, SAMPLES};
use crate::core::rng::{Stream, StreamId, integer_normal};
use crate::core::{Job, Result, Step};
use crate::labs::Library;
use std::sync::Arc;

/// The computation in steps.
pub(in crate::labs::noise) struct Work {
    config: Config,
    pub(super) set: Arc<ImageSet>,
    pub(super) levels: Arc<[f64]>,
    contrast: f64,
    current: Option<(Solver, Image)>,
    images: Vec<Image>,
}

impl Work {
    pub(in crate::labs::noise) fn new(config: &Config, data: &Library) -> Result<Self> {
        let set = Arc::new(ImageSet::of(config, data)?);
        Ok(Self {
            levels: schedule::levels(config)?.into(),
            contrast: set.contrast(),
            set,
            config: config.clone(),
            current: None,
            images: Vec::new(),
        })
    }

    /// Start noise of a sample, and its record with the first picture.
    pub(super) fn start(&self, k: u32) -> (Vec<f64>, Image) {
        let stream = Stream::new(self.config.seed, StreamId::Noise)
            .replicate(30)
            .step(k);
        let top = self.levels[0];
        let x: Vec<f64> = (0..self.set.pixels() as u64)
            .map(|e| top * f64::from(integer_normal(stream.at(e))))
            .collect();
        let mut image = Image::default();
        image.frames.push(self.seen(&x, top));
        (x, image)
    }

    fn begin(&self) -> (Solver, Image) {
        let (x, image) = self.start(self.images.len() as u32);
        let solver = Solver::new(
            self.config.solver,
            self.config.solver.order(),
            self.config.eta,
            self.levels.clone(),
            x,
        );
        (solver, image)
    }

    /// The run, from its samples.
    pub(super) fn report(&self, images: Vec<Image>) -> Result<ImageRun> {
        report::build(&self.config, &self.set, &self.levels, self.contrast, images)
    }

    /// Pixels as they are shown: the noise never grows beyond the contrast of the set.
    pub(super) fn seen(&self, x: &[f64], level: f64) -> Arc<[f32]> {
        let scale = self.contrast / (self.contrast * self.contrast + level * level).sqrt();
        x.iter().map(|v| (scale * v) as f32).collect()
    }
}

/// The exact denoiser of one sample, with its seeded noise.
struct Exact<'a> {
    set: &'a ImageSet,
    seed: u64,
    sample: u32,
    belief: Option<Belief>,
}

impl Model for Exact<'_> {
    fn denoise(&mut self, points: &[f64], level: f64, out: &mut [f64]) {
        let belief = self.set.denoise(points, level, out);
        // The first call of a step is the one at its level.
        self.belief.get_or_insert(belief);
    }

    fn noise(&mut self, step: usize, out: &mut [f64]) {
        let stream = Stream::new(self.seed, StreamId::Noise)
            .replicate(31 + self.sample)
            .step(step as u32);
        for (e, v) in out.iter_mut().enumerate() {
            *v = f64::from(integer_normal(stream.at(e as u64)));
        }
    }
}

impl Job for Work {
    type Out = ImageRun;

    fn step(&mut self) -> Result<Step<ImageRun>> {
        if self.images.len() == SAMPLES {
            let images = std::mem::take(&mut self.images);
            return Ok(Step::Done(self.report(images)?));
        }
        let (mut solver, mut image) = match self.current.take() {
            Some(current) => current,
            None => self.begin(),
        };
        let mut model = Exact {
            set: &self.set,
            seed: self.config.seed,
            sample: self.images.len() as u32,
            belief: None,
        };
        solver.advance(&mut model);
        let level = self.levels[solver.step()];
        image.beliefs.extend(model.belief);
        image.frames.push(self.seen(solver.x(), level));
        let estimate: Vec<f32> = solver.denoised().iter().map(|v| *v as f32).collect();
        image.estimates.push(estimate.into());
        if solver.done() {
            (image.nearest, image.distance) = self.set.nearest(solver.x());
            image.calls = solver.calls();
            self.images.push(image);
        } else {
            self.current = Some((solver, image));
        }
        Ok(Step::Working)
    }

    fn progress(&self) -> f64 {
        let steps = (self.levels.len() - 1).max(1) as f64;
        let part = self
            .current
            .as_ref()
            .map_or(0.0, |(solver, _)| solver.step() as f64 / steps);
        (self.images.len() as f64 + part) / SAMPLES as f64
    }
}
