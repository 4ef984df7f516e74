//! Everything a run of the lab holds.

use super::files;
use super::lint::Note;
use super::problem::Problem;
use super::story;
use crate::core::{Better, Chart, EntityId, Metric, Story, Table, Timeline};
use crate::labs::LabRun;
use std::sync::Arc;

/// All particles at one position of the timeline.
#[derive(Debug, Clone)]
pub struct Frame {
    /// x and y of every particle, in the picture's units.
    pub points: Arc<[f32]>,
    /// Index of its noise level.
    pub level: usize,
}

/// Distances of one denoising position from the truth.
#[derive(Debug, Clone, Copy)]
pub struct Scores {
    /// Sliced Wasserstein distance to the truth at the same level.
    pub sliced: f64,
    /// Root mean square distance to the exact flow; NaN for a sampler that adds noise.
    pub paired: f64,
    /// Root mean square distance of the step that ends here from the exact flow over that step; NaN
    /// at the start and for a sampler that adds noise.
    pub local: f64,
}

/// One mode of the data.
#[derive(Debug, Clone, Copy)]
pub struct Mode {
    /// Its centre.
    pub centre: [f64; 2],
    /// Its standard deviation.
    pub sd: f64,
    /// Its weight.
    pub weight: f64,
    /// Share of the particles that ended in it.
    pub share: f64,
}

/// Headline numbers.
#[derive(Debug, Clone, Copy)]
pub struct Headline {
    /// Sliced Wasserstein distance at the end.
    pub sliced: f64,
    /// What a fresh draw of the truth scores.
    pub floor: f64,
    /// Energy distance at the end.
    pub energy: f64,
    /// The energy distance of a fresh draw of the truth.
    pub energy_floor: f64,
    /// Paired error at the end.
    pub paired: f64,
    /// Root mean square distance from where the particles began, for an inversion and back; NaN
    /// otherwise.
    pub round_trip: f64,
    /// Calls of the denoiser per particle.
    pub calls: usize,
    /// Half the summed difference between shares and weights of the modes.
    pub imbalance: f64,
    /// Modes that hold at least a quarter of their weight.
    pub covered: usize,
    /// Share of particles more than 4 standard deviations from every mode.
    pub astray: f64,
    /// Share of particles in the rarer half of the modes, and what their weights ask for; NaN for
    /// equal modes.
    pub rare: [f64; 2],
    /// Mean negative log-likelihood under the exact density, nats.
    pub nll: f64,
}

/// Everything computed. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PlaneRun {
    pub(super) problem: Arc<Problem>,
    pub(super) frames: Arc<[Frame]>,
    /// Denoised estimates that the denoising steps used, data units.
    pub(super) denoised: Arc<[Arc<[f32]>]>,
    /// Exact flow of the first particles, one list per level; empty for stochastic samplers.
    pub(super) exact: Arc<[Arc<[f32]>]>,
    /// Mode each particle ended in.
    pub(super) owner: Arc<[u16]>,
    /// Density pictures, one per level, and their largest values.
    pub(super) densities: Arc<[Arc<[f32]>]>,
    /// The picture reaches from minus to plus this in x and y.
    pub(super) half_width: f64,
    pub(super) modes: Arc<[Mode]>,
    pub(super) headline: Headline,
    /// Distances at every denoising position.
    #[cfg_attr(not(feature = "app"), expect(dead_code, reason = "drawn, not told"))]
    pub(super) scores: Arc<[Scores]>,
    /// ln s of eight points along this schedule: where a drawing starts from.
    pub(super) controls: Arc<[f64]>,
    pub(super) timeline: Timeline,
    pub(super) charts: Arc<[Chart]>,
    /// What the schedule may be doing wrong.
    pub(super) notes: Arc<[Note]>,
    pub(super) steps: Arc<Table>,
}

impl PlaneRun {
    /// The setup worked out.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// All particles, one frame per position of the timeline.
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// Headline numbers.
    pub fn headline(&self) -> &Headline {
        &self.headline
    }

    /// The modes and their shares.
    pub fn modes(&self) -> &[Mode] {
        &self.modes
    }

    /// Denoised estimates behind each denoising step, data units.
    pub fn denoised(&self) -> &[Arc<[f32]>] {
        &self.denoised
    }

    /// Density pictures, one per level, row by row from below.
    pub fn densities(&self) -> &[Arc<[f32]>] {
        &self.densities
    }

    /// ln s of equally spaced points along the schedule, for a drawing to start from.
    pub fn controls(&self) -> &[f64] {
        &self.controls
    }

    /// What the schedule may be doing wrong, with its place.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// Number of particles.
    pub fn particles(&self) -> usize {
        self.owner.len()
    }
}

impl LabRun for PlaneRun {
    fn metrics(&self) -> Vec<Metric> {
        let h = &self.headline;
        let mut metrics = vec![
            Metric::new(
                "sliced_w2",
                "Distance to the truth",
                "data units",
                h.sliced,
                Better::Lower,
                "Sliced 2-Wasserstein distance of the final particles, at most the first 20,000, from an equally large stratified draw of the true mixture, 128 directions.",
            ),
            Metric::new(
                "sliced_w2_floor",
                "Distance of a fresh draw",
                "data units",
                h.floor,
                Better::Neither,
                "The same distance for an independent draw of the truth: nothing below it can be told from perfect.",
            ),
            Metric::new(
                "energy_distance",
                "Energy distance",
                "data units",
                h.energy,
                Better::Lower,
                "2 E|x - y| - E|x - x'| - E|y - y'| between the same particles and the same draw, from 128 directions: in the plane it is pi / 2 times the mean over directions of twice the integral of the squared difference of the distribution functions.",
            ),
            Metric::new(
                "energy_floor",
                "Energy distance of a fresh draw",
                "data units",
                h.energy_floor,
                Better::Neither,
                "The same for an independent draw of the truth.",
            ),
            Metric::new(
                "paired_rmse",
                "Error to the exact flow",
                "data units",
                h.paired,
                Better::Lower,
                "Root mean square distance of the first 128 particles from where their start noise goes with very small steps. Not defined for samplers that add noise.",
            ),
            Metric::new(
                "nfe",
                "Denoiser calls (NFE)",
                "",
                h.calls as f64,
                Better::Lower,
                "Calls of the denoiser per particle: the cost of sampling.",
            ),
            Metric::new(
                "modes_covered",
                "Modes covered",
                "",
                h.covered as f64,
                Better::Higher,
                "Modes that hold at least a quarter of the particles their weight asks for.",
            ),
            Metric::new(
                "mode_imbalance",
                "Misplaced mass",
                "%",
                100.0 * h.imbalance,
                Better::Lower,
                "Half the summed difference between the share of particles in each mode and the mode's weight.",
            ),
            Metric::new(
                "astray",
                "Off every mode",
                "%",
                100.0 * h.astray,
                Better::Lower,
                "Particles further than 4 standard deviations from every mode (the truth has 0.03 %).",
            ),
            Metric::new(
                "nll",
                "Negative log-likelihood",
                "nats",
                h.nll,
                Better::Lower,
                "Mean of -ln p at the final particles under the exact density. Samples that collapse to the centres score too well, so read it with the distance.",
            ),
        ];
        if h.rare[1].is_finite() {
            metrics.push(Metric::new(
                "rare_share",
                "In rare modes",
                "%",
                100.0 * h.rare[0],
                Better::Neither,
                "Particles that end in the rarer half of the modes.",
            ));
            metrics.push(Metric::new(
                "rare_weight",
                "Weight of rare modes",
                "%",
                100.0 * h.rare[1],
                Better::Neither,
                "What the weights of the rarer half of the modes ask for.",
            ));
        }
        if h.round_trip.is_finite() {
            metrics.insert(
                0,
                Metric::new(
                    "round_trip",
                    "Round-trip error",
                    "data units",
                    h.round_trip,
                    Better::Lower,
                    "Root mean square distance between where a particle began and where inversion and sampling bring it back to.",
                ),
            );
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
        vec![
            ("particles", self.particle_table()),
            ("steps", (*self.steps).clone()),
            ("modes", self.mode_table()),
        ]
    }

    fn story(&self, entity: EntityId, at: f64) -> Option<Story> {
        story::of(self, usize::try_from(entity.0).ok()?, at)
    }

    fn notable(&self) -> Vec<(EntityId, String)> {
        story::notable(self)
    }

    fn files(&self) -> &'static [(&'static str, &'static str)] {
        files::list(&self.problem.config)
    }

    fn file(&self, place: usize) -> Vec<u8> {
        if place == files::STRIP {
            return self.strip();
        }
        files::text(&self.problem.config, &self.problem.levels, place).into_bytes()
    }

    fn summary(&self) -> String {
        let h = &self.headline;
        let c = &self.problem.config;
        format!(
            "{} particles of {}, {} schedule, {} denoiser calls each: sliced Wasserstein distance {:.3} from the truth (a fresh draw scores {:.3}), {} of {} modes covered.",
            self.particles(),
            c.data.name(),
            c.schedule.name(),
            h.calls,
            h.sliced,
            h.floor,
            h.covered,
            self.modes.len(),
        )
    }
}

impl PlaneRun {
    /// Particles at up to eight positions of the timeline, darker where they are dense.
    fn strip(&self) -> Vec<u8> {
        const SIDE: usize = 160;
        const FRAMES: usize = 8;
        let chosen = files::spread(self.frames.len().saturating_sub(1), FRAMES);
        let mut strip = files::Strip::new(1, chosen.len(), SIDE);
        let reach = self.half_width;
        for (column, k) in chosen.into_iter().enumerate() {
            let mut counts = vec![0_u32; SIDE * SIDE];
            for p in self.frames[k].points.chunks_exact(2) {
                let at = |v: f64| ((v / reach + 1.0) * 0.5 * SIDE as f64).floor();
                let (x, y) = (at(f64::from(p[0])), at(-f64::from(p[1])));
                let side = 0.0..SIDE as f64;
                if side.contains(&x) && side.contains(&y) {
                    counts[y as usize * SIDE + x as usize] += 1;
                }
            }
            for (i, count) in counts.into_iter().enumerate().filter(|(_, c)| *c > 0) {
                let ink = 0.4 + 0.2 * f64::from(count);
                strip.put([0, column], [i % SIDE, i / SIDE], ink);
            }
        }
        strip.png()
    }

    fn particle_table(&self) -> Table {
        let start = self.frames.get(self.problem.forward_steps());
        let end = self.frames.last();
        let at = |frame: Option<&Frame>, i: usize| {
            frame
                .and_then(|f| f.points.get(i))
                .map_or(f64::NAN, |v| f64::from(*v))
        };
        Table {
            columns: ["particle", "start_x", "start_y", "end_x", "end_y", "mode"]
                .map(str::to_owned)
                .to_vec(),
            rows: (0..self.particles())
                .map(|i| {
                    vec![
                        i as f64,
                        at(start, 2 * i),
                        at(start, 2 * i + 1),
                        at(end, 2 * i),
                        at(end, 2 * i + 1),
                        f64::from(self.owner[i]),
                    ]
                })
                .collect(),
        }
    }

    fn mode_table(&self) -> Table {
        Table {
            columns: ["mode", "centre_x", "centre_y", "sd", "weight", "share"]
                .map(str::to_owned)
                .to_vec(),
            rows: self
                .modes
                .iter()
                .enumerate()
                .map(|(k, m)| vec![k as f64, m.centre[0], m.centre[1], m.sd, m.weight, m.share])
                .collect(),
        }
    }
}
