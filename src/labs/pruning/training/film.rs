//! What one sees of a training: moments with their masks, weights, loss and accuracy.

use super::super::config::Config;
use super::super::measure::{Bytes, Left, Planes, effective};
use super::super::model::layers_of;
use super::super::packing::Packing;
use super::super::plan::{Layer, Plan};
use super::super::ranks::NEVER;
use super::super::results::{Cell, Point, Results, Run};
use super::super::tally::Histogram;
use super::course::{Course, Event, Images, Leg, Profile, Round};
use super::exam::{Judged, Judging};
use crate::core::mask::Mask;
use crate::core::mlp::{Evaluation, Workspace};
use crate::core::select::magnitude_key;
use crate::core::{Job, Result, Step};
use std::sync::Arc;

/// A moment of the training.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Optimizer steps since the very start.
    pub step: u64,
    /// Sparsity the schedule asks for, 0 to 1.
    pub target: f64,
    /// Mask of every layer.
    pub masks: Vec<Mask>,
    /// |w| of every weight over the largest of its layer, 255 = 1; pruned weights as they last were.
    pub shades: Vec<Arc<[u8]>>,
    /// Magnitudes of the kept weights of all layers.
    pub kept: Histogram,
    /// Magnitudes of the pruned weights of all layers.
    pub gone: Histogram,
    /// Loss of the last batch in nats; NaN before the first.
    pub batch_loss: f64,
    /// Learning rate of the next step.
    pub rate: f64,
    /// Weights pruned since the frame before.
    pub pruned: u64,
    /// Weights that came back since the frame before.
    pub grown: u64,
    /// PQ index of the kept weights, p = ½, q = 1.
    pub index: f64,
    /// Bits that a weight costs, by layer; empty where weights keep all of theirs.
    pub bits: Vec<f64>,
    /// What is judged beside the task: the first task, or noisy images.
    pub second: Option<Evaluation>,
}

/// A finished round.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ended {
    /// Weights in it.
    pub kept: usize,
    /// PQ index of these after training.
    pub index: f64,
    /// Weights that go after it.
    pub cut: usize,
    /// Judgement on the test images.
    pub judged: Evaluation,
}

/// Moments of a training, in order.
#[derive(Debug, Clone, Default)]
pub struct Film {
    /// The moments.
    pub frames: Vec<Frame>,
    /// Where stretches begin: optimizer step and name.
    pub stages: Vec<(u64, String)>,
    /// Rounds with a cut after them.
    pub rounds: Vec<Ended>,
    /// The last mask on other first weights, after its training.
    pub control: Option<Evaluation>,
    /// Mean density over the steps.
    pub mean_density: f64,
    /// σ and Σ|w| / Σ tanh σ|w| of the `HyperSparse` term before the cut.
    pub(super) profile: Option<Profile>,
    /// Accuracy by class at the end of every stretch, with its step.
    pub classes: Vec<(u64, Vec<f64>)>,
    /// Bits of every unit by layer at the end, where they are learnt.
    pub unit_bits: Vec<Vec<u8>>,
    /// The training images, where some of them go.
    pub images: Images,
    /// Squared error of the outputs of every repaired layer, over their square.
    pub errors: Vec<f64>,
    /// Whether the training is over.
    pub ended: bool,
}

impl Film {
    /// A weight at a frame.
    pub(crate) fn cell(&self, layer: usize, i: usize, frame: usize) -> Cell {
        let at = |frame: usize| {
            let mask = self.frames.get(frame).and_then(|f| f.masks.get(layer));
            mask.map(|m| m.kept(i))
        };
        let share = || {
            let shades = self.frames.get(frame).and_then(|f| f.shades.get(layer));
            let shade = shades.and_then(|s| s.get(i)).copied();
            f32::from(shade.unwrap_or(0)) / 255.0
        };
        let before = frame.checked_sub(1).and_then(at).unwrap_or(true);
        match (before, at(frame)) {
            (true, Some(true)) => Cell::Kept(share()),
            (false, Some(true)) => Cell::Back(share()),
            (true, Some(false)) => Cell::Going,
            _ => Cell::Gone,
        }
    }
}

/// Films a training in short steps.
pub(crate) struct Filming {
    config: Config,
    course: Course,
    layers: Arc<[Layer]>,
    film: Film,
    points: Vec<Point>,
    /// Kept weights of every layer at every frame.
    kept: Vec<Vec<u64>>,
    /// The moment that is judged, and how far.
    judging: Option<Judging>,
    /// Frame that holds the result: the last one before a control.
    chosen: usize,
    result: Option<(Arc<crate::core::mlp::Mlp>, Vec<Histogram>)>,
    buffers: Workspace,
    preview: Option<Run>,
}

/// Frames at which an unfinished training is shown.
const SHOWN_EVERY: usize = 5;

impl Filming {
    pub(crate) fn new(config: &Config) -> Result<Self> {
        let course = Course::new(config)?;
        let layers: Arc<[Layer]> = layers_of(course.network()).into();
        Ok(Self {
            kept: vec![Vec::new(); layers.len()],
            layers,
            config: config.clone(),
            course,
            film: Film::default(),
            points: Vec::new(),
            judging: None,
            chosen: 0,
            result: None,
            buffers: Workspace::default(),
            preview: None,
        })
    }

    /// Keeps the moment.
    fn shoot(&mut self, found: Judged, last: bool) {
        let judged = found.main;
        let course = &self.course;
        let masks: Vec<Mask> = (0..self.layers.len()).map(|l| course.mask(l)).collect();
        let before = self.film.frames.last().map(|f| &f.masks);
        let (mut pruned, mut grown) = (0, 0);
        for (l, mask) in masks.iter().enumerate() {
            let all = Mask::all(mask.len());
            let old = before.map_or(&all, |b| &b[l]);
            let both = old.and(mask).count();
            pruned += (old.count() - both) as u64;
            grown += (mask.count() - both) as u64;
        }
        let weights = |l: usize| course.shadow().weights(l);
        let shade = |l: usize| -> Arc<[u8]> {
            let top = weights(l)
                .iter()
                .fold(f32::MIN_POSITIVE, |m, w| m.max(w.abs()));
            weights(l)
                .iter()
                .map(|w| (255.0 * w.abs() / top).round() as u8)
                .collect()
        };
        let chosen = |want: bool| {
            let layers = masks.iter().enumerate();
            let of = |(l, mask): (usize, &Mask)| -> Vec<f32> {
                let pairs = weights(l).iter().zip(mask.iter());
                pairs.filter(|p| p.1 == want).map(|p| *p.0).collect()
            };
            Histogram::of(layers.flat_map(of))
        };
        let (kept, gone) = (chosen(true), chosen(false));
        let mut bytes = Bytes::default();
        let (mut left, mut fitting) = (0, 0.0);
        for (l, layer) in self.layers.iter().enumerate() {
            let mut planes = Planes::new(4);
            for i in (0..masks[l].len()).filter(|&i| masks[l].kept(i)) {
                planes.add(&weights(l)[i].to_le_bytes());
            }
            let mut packing = Packing::new([layer.rows, layer.cols]);
            for kept in masks[l].iter() {
                packing.push(if kept { NEVER } else { 0 });
            }
            let packed = packing.finish(1);
            let here = Left {
                kept: masks[l].count() as u64,
                blocks: packed.blocks[0],
                two_four: packed.two_four[0],
                plane_bits: planes.entropies().iter().sum(),
            };
            bytes.add(Bytes::of([layer.rows, layer.cols], 4, here));
            fitting += here.two_four * masks[l].len() as f64;
            self.kept[l].push(here.kept);
            left += here.kept;
        }
        let dims: Vec<[usize; 2]> = self.layers.iter().map(|l| [l.rows, l.cols]).collect();
        let paths = effective(&dims, &|l, i| masks[l].kept(i));
        self.points.push(Point {
            asked: 100.0 * course.target(),
            pruned: course.size() as u64 - left,
            judged: Some(judged),
            effective: Some(paths),
            bytes,
            two_four: fitting / course.size().max(1) as f64,
        });
        self.film.frames.push(Frame {
            step: course.step_number(),
            target: course.target(),
            shades: (0..masks.len()).map(shade).collect(),
            kept,
            gone,
            batch_loss: course.batch_loss,
            rate: course.rate(),
            pruned,
            grown,
            index: course.index(),
            second: found.second,
            bits: course.bits(),
            masks,
        });
        self.film.errors.clone_from(&course.errors);
        self.film.images.clone_from(&course.images);
        self.film.unit_bits = (0..self.layers.len())
            .filter_map(|l| course.unit_bits(l))
            .collect();
        if let Some(classes) = found.classes {
            self.film.classes.push((course.step_number(), classes));
        }
        let ended = Ended {
            kept: course.kept(),
            index: course.index(),
            cut: 0,
            judged,
        };
        self.film.stages.clone_from(&course.stages);
        self.film.profile = course.profile;
        match course.leg() {
            Some(Leg::Control) if last => self.film.control = Some(judged),
            Some(Leg::Control) => {}
            leg => {
                self.film.mean_density = course.mean_density();
                self.take_result();
                if last && matches!(leg, Some(Leg::Round(_))) {
                    self.film.rounds.push(ended);
                }
            }
        }
    }

    /// The moment is the result so far.
    fn take_result(&mut self) {
        self.chosen = self.points.len() - 1;
        let net = Arc::new(self.course.network().clone());
        let of = |l| Histogram::of(net.weights(l).iter().copied());
        let histograms = (0..net.layers()).map(of).collect();
        self.result = Some((net, histograms));
    }

    fn run(&mut self) -> Run {
        for (ended, Round { cut, .. }) in self.film.rounds.iter_mut().zip(&self.course.rounds) {
            ended.cut = *cut;
        }
        let (net, histograms) = match &self.result {
            Some((net, histograms)) => (Some(net.clone()), histograms.clone()),
            None => (None, Vec::new()),
        };
        let count = self.layers.len();
        super::super::report::run(Results {
            config: self.config.clone(),
            layers: self.layers.clone(),
            plan: Arc::new(Plan {
                pruned_at: vec![Arc::from([]); count],
                kept: self.kept.clone(),
                cuts: vec![Vec::new(); count],
            }),
            points: self.points.clone(),
            chosen: self.chosen,
            rivals: Vec::new(),
            histogram: self
                .film
                .frames
                .get(self.chosen)
                .map_or_else(Histogram::default, |f| f.kept.clone()),
            histograms,
            planes: Vec::new(),
            strips: Vec::new(),
            charts: Vec::new(),
            total: self.course.size() as u64,
            remarks: Vec::new(),
            net,
            raw: Arc::from([]),
            film: Some(self.film.clone()),
        })
    }
}

impl Job for Filming {
    type Out = Run;

    fn step(&mut self) -> Result<Step<Run>> {
        if let Some(mut judging) = self.judging.take() {
            match judging.step(self.course.network(), &mut self.buffers) {
                None => self.judging = Some(judging),
                Some(found) => {
                    self.shoot(found, judging.last);
                    if self.points.len() % SHOWN_EVERY == 1 {
                        self.preview = Some(self.run());
                    }
                }
            }
            return Ok(Step::Working);
        }
        match self.course.advance()? {
            Event::Working => {}
            Event::Look { last } => self.judging = Some(Judging::new(&self.course, last)),
            Event::Done => {
                self.film.ended = true;
                return Ok(Step::Done(self.run()));
            }
        }
        Ok(Step::Working)
    }

    fn progress(&self) -> f64 {
        self.course.progress()
    }

    fn preview(&mut self) -> Option<Run> {
        self.preview.take()
    }
}

impl Histogram {
    /// Counts of some weights.
    pub(super) fn of(weights: impl Iterator<Item = f32>) -> Self {
        let mut bins = vec![0_u64; 1 << 11];
        let (mut zeros, mut largest) = (0, f32::MIN_POSITIVE);
        for w in weights {
            match magnitude_key(w) {
                0 => zeros += 1,
                key => bins[(key >> 20) as usize] += 1,
            }
            if w.is_finite() {
                largest = largest.max(w.abs());
            }
        }
        Self::from_bins(&bins, zeros, largest)
    }
}
