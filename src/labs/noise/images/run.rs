//! What a run over images holds.

use super::super::config::Config;
use super::super::files;
use super::grid::Row;
use super::{Belief, ImageSet, report};
use crate::core::{Better, Chart, EntityId, Metric, Story, Table, Timeline, num};
use crate::labs::LabRun;
use std::sync::Arc;

/// One generated sample.
#[derive(Debug, Clone, Default)]
pub struct Image {
    /// Pixels at every level, in the picture's units.
    pub frames: Vec<Arc<[f32]>>,
    /// Denoised estimate each step started from.
    pub estimates: Vec<Arc<[f32]>>,
    /// What the denoiser believed at the start of each step.
    pub beliefs: Vec<Belief>,
    /// Nearest training image at the end.
    pub nearest: usize,
    /// Root mean square distance per pixel to it.
    pub distance: f64,
    /// Calls of the denoiser.
    pub calls: usize,
}

/// Everything computed. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ImageRun {
    pub(in crate::labs::noise) config: Config,
    pub(in crate::labs::noise) set: Arc<ImageSet>,
    pub(in crate::labs::noise) levels: Arc<[f64]>,
    pub(in crate::labs::noise) images: Arc<[Image]>,
    pub(in crate::labs::noise) grid: Arc<[Row]>,
    pub(in crate::labs::noise) timeline: Timeline,
    pub(in crate::labs::noise) charts: Arc<[Chart]>,
}

impl ImageRun {
    /// The samples.
    pub fn images(&self) -> &[Image] {
        &self.images
    }

    /// The first training image under several schedules at the same times.
    pub fn grid(&self) -> &[Row] {
        &self.grid
    }

    /// Mean distance of the samples from their nearest training images, per pixel.
    pub fn distance(&self) -> f64 {
        let total = num::sum(self.images.iter().map(|i| i.distance));
        total / self.images.len().max(1) as f64
    }

    /// Share of the samples that are a training image to within 0.02 per pixel.
    pub fn memorised(&self) -> f64 {
        let same = self.images.iter().filter(|i| i.distance < 0.02).count();
        same as f64 / self.images.len().max(1) as f64
    }
}

impl ImageRun {
    /// Every sample as a row, up to twelve steps as columns, pixels five times as large.
    fn strip(&self) -> Vec<u8> {
        const STEPS: usize = 12;
        const LARGER: usize = 5;
        let chosen = files::spread(self.levels.len() - 1, STEPS);
        let own = self.set.side();
        let side = own * LARGER;
        let mut strip = files::Strip::new(self.images.len(), chosen.len(), side);
        for (row, image) in self.images.iter().enumerate() {
            for (column, frame) in chosen
                .iter()
                .filter_map(|k| image.frames.get(*k))
                .enumerate()
            {
                for i in 0..side * side {
                    let (x, y) = (i % side, i / side);
                    let value = frame[y / LARGER * own + x / LARGER];
                    strip.put([row, column], [x, y], 0.5 * (f64::from(value) + 1.0));
                }
            }
        }
        strip.png()
    }
}

impl LabRun for ImageRun {
    fn metrics(&self) -> Vec<Metric> {
        let calls = self.images.first().map_or(0, |i| i.calls) as f64;
        let mut classes = [false; 10];
        for label in self.images.iter().filter_map(|i| self.set.label(i.nearest)) {
            classes[usize::from(label).min(9)] = true;
        }
        let labelled = classes.contains(&true);
        let mut metrics = vec![
            Metric::new(
                "memorised",
                "Memorised samples",
                "%",
                100.0 * self.memorised(),
                Better::Neither,
                "Samples that end on a training image (within 0.02 per pixel). The exact denoiser of a finite set memorises; a width h around the images prevents it.",
            ),
            Metric::new(
                "nearest_rms",
                "Distance to the nearest image",
                "pixel values",
                self.distance(),
                Better::Neither,
                "Root mean square difference per pixel between a sample and its nearest training image, mean over samples.",
            ),
            Metric::new(
                "nfe",
                "Denoiser calls (NFE)",
                "",
                calls,
                Better::Lower,
                "Calls of the denoiser per sample: the cost of sampling.",
            ),
        ];
        if labelled {
            metrics.push(Metric::new(
                "classes",
                "Kinds seen",
                "",
                classes.iter().filter(|c| **c).count() as f64,
                Better::Higher,
                "Different digits or shapes among the nearest training images of the samples.",
            ));
        }
        metrics
    }

    fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    fn charts(&self) -> &[Chart] {
        &self.charts
    }

    fn tables(&self) -> Vec<(&'static str, Table)> {
        report::tables(self)
    }

    fn story(&self, entity: EntityId, at: f64) -> Option<Story> {
        report::story(self, entity, at)
    }

    fn notable(&self) -> Vec<(EntityId, String)> {
        report::notable(self)
    }

    fn files(&self) -> &'static [(&'static str, &'static str)] {
        files::list(&self.config)
    }

    fn file(&self, place: usize) -> Vec<u8> {
        if place == files::STRIP {
            return self.strip();
        }
        files::text(&self.config, &self.levels, place).into_bytes()
    }

    fn summary(&self) -> String {
        format!(
            "{} samples from {} training images, {} schedule, {} calls each: {:.0} % end on a training image.",
            self.images.len(),
            self.set.len(),
            self.config.schedule.name(),
            self.images.first().map_or(0, |i| i.calls),
            100.0 * self.memorised(),
        )
    }
}
