//! What a run over Gaussian fields holds.

use super::super::config::Config;
use super::super::files;
use super::report;
use super::response::Moment;
use super::spectrum::Field;
use crate::core::{Better, Chart, EntityId, Metric, Story, Table, Timeline};
use crate::labs::LabRun;
use std::sync::Arc;

/// The field at one side, under one list of levels.
#[derive(Debug, Clone)]
pub struct Panel {
    /// Pixels along a side.
    pub side: usize,
    /// Factor on every level of the setup: 1, or the side over the smallest one.
    pub factor: f64,
    /// The levels.
    pub levels: Arc<[f64]>,
    /// Pixels at every level, in the picture's units.
    pub frames: Vec<Arc<[f32]>>,
    /// Denoised estimate each step started from.
    pub estimates: Vec<Arc<[f32]>>,
    /// Exact distance from the true law at every level.
    pub moments: Vec<Moment>,
    /// Frequency (half waves), true power and power that arrives, of the modes by frequency.
    pub arrived: Arc<[[f64; 3]]>,
    /// Calls of the denoiser.
    pub calls: usize,
}

impl Panel {
    /// Power of the noise on every mode at level `k`, in units of the field's power.
    pub fn noise_power(&self, k: usize) -> f64 {
        let ratio = self.levels.get(k).copied().unwrap_or(0.0) / self.side as f64;
        ratio * ratio
    }

    /// Power log-SNR of a pixel of unit variance at level `k`; infinite at the end.
    pub fn log_snr(&self, k: usize) -> f64 {
        -2.0 * crate::core::num::ln(self.levels[k])
    }
}

/// Everything computed. Cheap to clone.
#[derive(Debug, Clone)]
pub struct FieldRun {
    pub(in crate::labs::noise) config: Config,
    pub(in crate::labs::noise) field: Field,
    /// Three sides with the levels of the setup, then the same with levels moved by the side.
    pub(in crate::labs::noise) panels: Arc<[Panel]>,
    /// ln of the level at which half of the variance is decided, at each side.
    pub(in crate::labs::noise) decided: [f64; 3],
    pub(in crate::labs::noise) timeline: Timeline,
    pub(in crate::labs::noise) charts: Arc<[Chart]>,
}

impl FieldRun {
    /// Three sides with the levels of the setup, then the same with levels moved by the side.
    pub fn panels(&self) -> &[Panel] {
        &self.panels
    }

    /// The levels of the setup.
    pub fn levels(&self) -> &[f64] {
        &self.panels[0].levels
    }

    /// How far the deciding level moves from the smallest to the largest side, in power log-SNR.
    pub fn moved(&self) -> f64 {
        2.0 * (self.decided[2] - self.decided[0])
    }

    /// Exact distances at the end, of the smallest side, the largest, and the largest with moved
    /// levels.
    pub fn ends(&self) -> [Moment; 3] {
        [0, 2, 5].map(|p| {
            let last = self.panels[p].moments.last().copied();
            last.unwrap_or(Moment {
                w2: f64::NAN,
                kl: f64::NAN,
            })
        })
    }

    /// The panels as rows, up to ten steps as columns, all drawn at the largest side.
    fn strip(&self) -> Vec<u8> {
        const STEPS: usize = 10;
        let side = self.panels.iter().map(|p| p.side).max().unwrap_or(1);
        let chosen = files::spread(self.levels().len() - 1, STEPS);
        let mut strip = files::Strip::new(self.panels.len(), chosen.len(), side);
        for (row, panel) in self.panels.iter().enumerate() {
            let times = side / panel.side;
            for (column, k) in chosen.iter().enumerate() {
                let Some(frame) = panel.frames.get(*k) else {
                    continue;
                };
                for i in 0..side * side {
                    let (x, y) = (i % side, i / side);
                    let value = f64::from(frame[y / times * panel.side + x / times]);
                    strip.put([row, column], [x, y], 0.5 - 0.2 * value);
                }
            }
        }
        strip.png()
    }
}

impl LabRun for FieldRun {
    fn metrics(&self) -> Vec<Metric> {
        let [small, large, moved] = self.ends();
        let sides = self.panels.first().map_or(0, |p| p.calls) as f64;
        vec![
            Metric::new(
                "w2_small",
                "W2, smallest side",
                "pixel values",
                small.w2,
                Better::Lower,
                "Exact 2-Wasserstein distance of the sampler's law from the field's, root mean square per pixel, at the smallest side.",
            ),
            Metric::new(
                "w2_large",
                "W2, largest side",
                "pixel values",
                large.w2,
                Better::Lower,
                "The same at four times the side, with the same noise levels.",
            ),
            Metric::new(
                "w2_moved",
                "W2, largest side, moved",
                "pixel values",
                moved.w2,
                Better::Lower,
                "The same at four times the side, with every level times 4: power log-SNR lower by 2 ln 4.",
            ),
            Metric::new(
                "kl_small",
                "KL, smallest side",
                "nats/pixel",
                small.kl,
                Better::Lower,
                "Exact KL of the sampler's law from the field's at the smallest side.",
            ),
            Metric::new(
                "kl_large",
                "KL, largest side",
                "nats/pixel",
                large.kl,
                Better::Lower,
                "The same at four times the side, with the same noise levels.",
            ),
            Metric::new(
                "kl_moved",
                "KL, largest side, moved",
                "nats/pixel",
                moved.kl,
                Better::Lower,
                "The same at four times the side, with every level times 4.",
            ),
            Metric::new(
                "log_snr_move",
                "Deciding log-SNR moves by",
                "",
                -self.moved(),
                Better::Neither,
                "Power log-SNR at which half of the variance is decided, largest side minus smallest. Without new detail it is exactly -2 ln 4 = -2.773; detail that only the larger side sees decides later and makes it smaller.",
            ),
            Metric::new(
                "nfe",
                "Denoiser calls (NFE)",
                "",
                sides,
                Better::Lower,
                "Calls of the denoiser per picture: the cost of sampling.",
            ),
        ]
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
        files::text(&self.config, self.levels(), place).into_bytes()
    }

    fn summary(&self) -> String {
        let [small, large, moved] = self.ends();
        let side = self.field.base();
        format!(
            "Gaussian field ({}), {} schedule, {} calls: exact distance {:.4} per pixel at side {side}, {:.4} at side {} with the same levels, {:.4} with levels times 4.",
            self.config.spectrum.name(),
            self.config.schedule.name(),
            self.panels.first().map_or(0, |p| p.calls),
            small.w2,
            large.w2,
            4 * side,
            moved.w2,
        )
    }
}
