//! The computation: the levels, then panel by panel the exact law and one picture.

use super::super::config::Config;
use super::super::mmse::Curve;
use super::super::schedule;
use super::super::search::Search;
use super::super::solver::Solver;
use super::SIDES;
use super::cosine::Cosine;
use super::report;
use super::response::{Response, Wiener};
use super::run::{FieldRun, Panel};
use super::spectrum::Field;
use crate::core::rng::{Stream, StreamId, integer_normal};
use crate::core::{Job, Result, Step, num};
use std::sync::Arc;

/// Levels of the error curve that searched schedules choose from.
const GRID: usize = 240;

/// The computation in steps.
pub(in crate::labs::noise) struct Work {
    config: Config,
    field: Field,
    search: Option<Search>,
    levels: Arc<[f64]>,
    panels: Vec<Panel>,
    response: Option<Response>,
    picture: Option<Picture>,
}

/// One picture on its way.
struct Picture {
    solver: Solver,
    deviations: Vec<f64>,
    cosine: Cosine,
    panel: Panel,
}

impl Work {
    pub(in crate::labs::noise) fn new(config: &Config) -> Result<Self> {
        let field = Field::new(config);
        let (levels, search) = if config.is_searched() {
            let grid = num::logspace(config.sigma_min, config.sigma_max, GRID);
            let mmse = grid.iter().map(|s| field.mmse(field.base(), *s)).collect();
            let curve = Curve {
                grid: grid.into(),
                mmse,
            };
            (Vec::new(), Some(Search::of_curve(config, curve)?))
        } else {
            (schedule::levels(config)?, None)
        };
        Ok(Self {
            config: config.clone(),
            field,
            search,
            levels: levels.into(),
            panels: Vec::new(),
            response: None,
            picture: None,
        })
    }

    /// Side and factor of the panel in work.
    fn place(&self) -> (usize, f64) {
        let times = SIDES[self.panels.len() % SIDES.len()];
        let moved = self.panels.len() >= SIDES.len();
        let factor = if moved { times as f64 } else { 1.0 };
        (times * self.field.base(), factor)
    }

    fn begin(&self) -> (Response, Picture) {
        let (side, factor) = self.place();
        let levels: Arc<[f64]> = self.levels.iter().map(|s| factor * s).collect();
        let (kind, eta) = (self.config.solver, self.config.eta);
        let kinds = self.field.kinds(side);
        let mut x = vec![0.0; side * side];
        self.normals(side, 0, &mut x);
        for v in &mut x {
            *v *= levels[0];
        }
        let cosine = Cosine::new(side);
        let mut panel = Panel {
            side,
            factor,
            frames: Vec::new(),
            estimates: Vec::new(),
            moments: Vec::new(),
            arrived: Arc::new([]),
            calls: 0,
            levels: levels.clone(),
        };
        panel.frames.push(Self::seen(&cosine, &x, levels[0]));
        let picture = Picture {
            solver: Solver::new(kind, kind.order(), eta, levels.clone(), x),
            deviations: self.field.deviations(side),
            cosine,
            panel,
        };
        (Response::new(kind, eta, levels, kinds), picture)
    }

    /// Standard normals of the modes at draw `step`: a mode has the same at every side, so that
    /// all panels show the same picture.
    fn normals(&self, side: usize, step: usize, out: &mut [f64]) {
        let stream = Stream::new(self.config.seed, StreamId::Noise)
            .replicate(60)
            .step(step as u32);
        let width = SIDES[2] * self.field.base();
        for (m, v) in out.iter_mut().enumerate() {
            let place = m / side * width + m % side;
            *v = f64::from(integer_normal(stream.at(place as u64)));
        }
    }

    /// Pixels as they are shown: the noise never grows beyond the spread of the data.
    fn seen(cosine: &Cosine, modes: &[f64], level: f64) -> Arc<[f32]> {
        let scale = 1.0 / (1.0 + level * level).sqrt();
        let pixels = cosine.pixels(modes);
        pixels.into_iter().map(|v| (scale * v) as f32).collect()
    }

    fn advance(&mut self, mut picture: Picture) {
        let side = picture.panel.side;
        if picture.solver.done() {
            picture.panel.calls = picture.solver.calls();
            self.panels.push(picture.panel);
            return;
        }
        let mut model = Wiener {
            deviations: &picture.deviations,
            noise: |step: usize, out: &mut [f64]| self.normals(side, step + 1, out),
        };
        picture.solver.advance(&mut model);
        let level = picture.panel.levels[picture.solver.step()];
        let frame = Self::seen(&picture.cosine, picture.solver.x(), level);
        let estimate = Self::seen(&picture.cosine, picture.solver.denoised(), 0.0);
        picture.panel.frames.push(frame);
        picture.panel.estimates.push(estimate);
        self.picture = Some(picture);
    }
}

impl Job for Work {
    type Out = FieldRun;

    fn step(&mut self) -> Result<Step<FieldRun>> {
        if let Some(search) = &mut self.search {
            if let Some(found) = search.step(&self.config)? {
                self.levels = found.levels.into();
                self.search = None;
            }
            return Ok(Step::Working);
        }
        if let Some(mut response) = self.response.take() {
            if response.advance() {
                self.response = Some(response);
            } else if let Some(picture) = &mut self.picture {
                let kinds = self.field.kinds(picture.panel.side);
                let (ends, moments) = response.finish();
                let area = (picture.panel.side * picture.panel.side) as f64;
                picture.panel.moments = moments;
                picture.panel.arrived = kinds
                    .iter()
                    .zip(&ends)
                    .map(|(k, v)| [k.frequency, k.deviation * k.deviation / area, v / area])
                    .collect();
            }
            return Ok(Step::Working);
        }
        if let Some(picture) = self.picture.take() {
            self.advance(picture);
            return Ok(Step::Working);
        }
        if self.panels.len() < 2 * SIDES.len() {
            let (response, picture) = self.begin();
            (self.response, self.picture) = (Some(response), Some(picture));
            return Ok(Step::Working);
        }
        let panels = std::mem::take(&mut self.panels);
        Ok(Step::Done(report::build(
            &self.config,
            self.field.clone(),
            panels,
        )))
    }

    fn progress(&self) -> f64 {
        let part = self.picture.as_ref().map_or(0.0, |p| {
            p.solver.step() as f64 / self.levels.len().max(1) as f64
        });
        (self.panels.len() as f64 + part) / (2 * SIDES.len()) as f64
    }
}
