//! Several ways of pruning while a network trains, each over many seeds, on 64-32-10 networks: the
//! answer to "is the difference between the schedules real?". All networks of a seed start from the
//! same weights and see the same batches.
//!
//! Recipe: that of [`super::network`], with batches of 32. By a schedule the smallest magnitudes of
//! both layers together go and do not come back; in harmonic annealing they do, with their old
//! values. RigL and SET are sparse from the first step, at random with Erdős-Rényi-kernel densities:
//! every so often the smallest weights of each layer go and as many others come at 0, those with the
//! largest gradients or random ones, after the update of that step (in the paper instead of it) and
//! none that has just gone. The trainer kernels take the same networks side by side.

pub mod masks;

use super::config::{Config, Shape};
use super::criteria::regrow::drop_fraction;
use super::network::{Batches, DECAY, MOMENTUM, PEAK_RATE, data, falling};
use super::schedule::Schedule;
use super::systems::erk::{Kind, densities};
use super::systems::random;
use super::training::schedule_of;
use crate::core::mlp::{Evaluation, Mlp, Optimizer, OptimizerState, Workspace};
use crate::core::rng::{Stream, StreamId};
use crate::core::select::count_rule;
use crate::core::{Job, Result, Step, stats};
use masks::{FIRST, Gain, Masked, WEIGHTS};

/// Layer sizes.
pub const SIZES: [usize; 3] = [64, 32, 10];
/// Images in a batch.
pub const BATCH: usize = 32;
/// Seeds.
pub const SEEDS: u64 = 20;
/// The rule of the optimizer.
pub const RULE: Optimizer = Optimizer::Sgd {
    momentum: MOMENTUM,
    weight_decay: DECAY,
};
/// Schedules compared.
const SHAPES: [Shape; 7] = [
    Shape::OneShot,
    Shape::Linear,
    Shape::Cubic,
    Shape::Exponential,
    Shape::Cosine,
    Shape::Iterative,
    Shape::Harmonic,
];
/// Optimizer steps, at most.
const MOST_STEPS: u64 = 1000;
/// Updates in one short step of the job.
const UPDATES: u64 = 4;

/// How masks change.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Way {
    /// By a schedule.
    Cut {
        /// How many weights are gone when.
        schedule: Schedule,
        /// Whether pruned weights may come back.
        reopens: bool,
    },
    /// RigL.
    Rigl,
    /// SET.
    Set,
}

/// When and how much is exchanged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exchanging {
    /// Steps between exchanges.
    pub every: u64,
    /// Share of the kept weights exchanged at first, 0 to 1.
    pub drop: f64,
    /// Step from which on nothing is exchanged.
    pub until: f64,
    /// Weights kept in each layer.
    pub kept: [usize; 2],
}

/// What is compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The ways with their names.
    pub ways: Vec<(&'static str, Way)>,
    /// How RigL and SET exchange.
    pub exchanging: Exchanging,
    /// Optimizer steps.
    pub steps: u64,
    /// Seeds of weights and batches.
    pub seeds: Vec<u64>,
}

/// How one of them ended over the seeds.
#[derive(Debug, Clone, PartialEq)]
pub struct Spread {
    /// Which.
    pub name: &'static str,
    /// Test accuracy in per cent, seed by seed.
    pub accuracy: Vec<f64>,
}

impl Spread {
    /// Mean and its 95 % interval, in per cent.
    pub fn mean(&self) -> (f64, [f64; 2]) {
        stats::mean_interval(&self.accuracy)
    }

    /// Mean and 95 % interval of the difference to another one, seed by seed, in points.
    pub fn beyond(&self, other: &Self) -> (f64, [f64; 2]) {
        let pairs = self.accuracy.iter().zip(&other.accuracy);
        let gains: Vec<f64> = pairs.map(|(a, b)| a - b).collect();
        stats::mean_interval(&gains)
    }
}

impl Comparison {
    /// All ways at the sparsity and over the window of a config. All at once means in the middle of
    /// the window.
    pub fn of(config: &Config) -> Self {
        let steps = config.train_steps.min(MOST_STEPS);
        let of = |shape: Shape| {
            let mut window = config.clone();
            window.shape = Shape::Linear;
            let mut schedule = schedule_of(&window, shape, steps);
            schedule.end = schedule.end.clamp(schedule.start + 1, steps.max(1));
            if shape == Shape::OneShot {
                schedule.start = u64::midpoint(schedule.start, schedule.end);
                schedule.end = schedule.end.max(schedule.start + 1);
            }
            let reopens = shape == Shape::Harmonic;
            (shape.words(), Way::Cut { schedule, reopens })
        };
        let shapes = SIZES.windows(2).map(|w| vec![w[1] as u64, w[0] as u64]);
        let shapes: Vec<Vec<u64>> = shapes.collect();
        let density = densities(&shapes, config.sparsity / 100.0, Kind::Erk).density;
        let kept = |(layer, n): (usize, usize)| n - count_rule(1.0 - density[layer], n);
        Self {
            ways: SHAPES
                .map(of)
                .into_iter()
                .chain([("RigL", Way::Rigl), ("SET", Way::Set)])
                .collect(),
            exchanging: Exchanging {
                every: config.every.max(1),
                drop: config.drop / 100.0,
                until: config.finish / 100.0 * steps as f64,
                kept: [(0, FIRST), (1, WEIGHTS - FIRST)].map(kept),
            },
            steps,
            seeds: (0..SEEDS).map(|k| config.seed.wrapping_add(k)).collect(),
        }
    }

    /// How many weights are gone from step `t` on, and whether pruned ones may come back; none where
    /// nothing changes.
    pub fn gone(&self, way: usize, t: u64) -> Option<(u64, bool)> {
        let (
            _,
            Way::Cut {
                schedule: s,
                reopens,
            },
        ) = self.ways.get(way)?
        else {
            return None;
        };
        let due = t >= s.start && t <= s.end && (t - s.start).is_multiple_of(s.every.max(1));
        let gone = || (count_rule(s.at(t), WEIGHTS) as u64, *reopens);
        (due || t == s.end).then(gone)
    }

    /// How many weights of each layer are exchanged after update `t`, and what for; none where
    /// nothing is.
    pub fn exchange(&self, way: usize, seed: usize, t: u64) -> Option<([u32; 2], Gain)> {
        let e = &self.exchanging;
        if t == 0 || !t.is_multiple_of(e.every) || t as f64 >= e.until {
            return None;
        }
        let by = match self.ways.get(way)?.1 {
            Way::Cut { .. } => return None,
            Way::Rigl => Gain::Gradient,
            Way::Set => {
                let seed = random::fold(*self.seeds.get(seed)?);
                Gain::Random(random::key(seed, t as u32))
            }
        };
        let fraction = drop_fraction(e.drop, t as f64, e.until);
        let count = |(kept, all): (usize, usize)| {
            let n = (fraction * kept as f64).floor().max(0.0) as usize;
            n.min(kept).min(all - kept) as u32
        };
        let counts = [(e.kept[0], FIRST), (e.kept[1], WEIGHTS - FIRST)].map(count);
        Some((counts, by))
    }

    /// The mask before the first step: 1 for weights that are kept.
    pub fn mask(&self, way: usize, seed: usize) -> Vec<u32> {
        let mut net = vec![1; WEIGHTS];
        if matches!(self.ways.get(way), None | Some((_, Way::Cut { .. }))) {
            return net;
        }
        let seed = random::fold(self.seeds.get(seed).copied().unwrap_or(0));
        let (first, second) = net.split_at_mut(FIRST);
        let layers = [
            (first, 0, self.exchanging.kept[0]),
            (second, FIRST, self.exchanging.kept[1]),
        ];
        for (mask, start, kept) in layers {
            let key = |i: usize| random::key(seed, (start + i) as u32);
            let keys: Vec<u32> = (0..mask.len()).map(key).collect();
            let gone = masks::smallest(&keys, (mask.len() - kept) as u64);
            for (i, mask) in mask.iter_mut().enumerate() {
                *mask = u32::from(!gone.kept(i));
            }
        }
        net
    }

    /// Learning rate of step `t`.
    pub fn rate(&self, t: u64) -> f64 {
        PEAK_RATE * falling(t as f64 / self.steps.max(1) as f64)
    }

    /// The network of a seed before the first step.
    ///
    /// # Errors
    /// None: the sizes make a network.
    pub fn start(&self, seed: usize) -> Result<Mlp> {
        Mlp::new(
            &SIZES,
            &mut Stream::new(self.seeds[seed], StreamId::Weights),
        )
    }

    /// The batches of a seed.
    pub fn batches(&self, seed: usize) -> Batches {
        Batches::of_size(self.seeds[seed], BATCH)
    }

    /// Accuracies from judgements of all seeds of the first way, then of the second.
    pub fn spreads(&self, judged: &[Evaluation]) -> Vec<Spread> {
        let of = |((name, _), judged): (&(&'static str, Way), &[Evaluation])| Spread {
            name,
            accuracy: judged.iter().map(|e| 100.0 * e.accuracy()).collect(),
        };
        let rows = judged.chunks(self.seeds.len().max(1));
        self.ways.iter().zip(rows).map(of).collect()
    }
}

/// Judges a network on all test images.
pub fn judge(net: &Mlp, work: &mut Workspace) -> Evaluation {
    let test = &data().1;
    net.evaluate(&test.x, &test.labels, None, work)
}

/// One network under its mask.
struct Pupil {
    net: Mlp,
    way: usize,
    seed: usize,
    mask: Vec<u32>,
    resting: Vec<f32>,
    state: OptimizerState,
    grad: Vec<f32>,
    batches: Batches,
    t: u64,
}

impl Pupil {
    fn new(comparison: &Comparison, way: usize, seed: usize) -> Result<Self> {
        let net = comparison.start(seed)?;
        let n = net.params().len();
        Ok(Self {
            way,
            seed,
            mask: comparison.mask(way, seed),
            resting: vec![0.0; WEIGHTS],
            state: RULE.state(n),
            grad: vec![0.0; n],
            batches: comparison.batches(seed),
            t: 0,
            net,
        })
    }

    /// Changes the mask where it is time to, and holds what is pruned at 0.
    fn change(&mut self, comparison: &Comparison) {
        let mut masked = Masked {
            weights: self.net.params_mut(),
            moments: &mut self.state.first,
            mask: &mut self.mask,
            resting: &mut self.resting,
        };
        if let Some((counts, by)) = comparison.exchange(self.way, self.seed, self.t) {
            masked.exchange(counts, by);
        }
        if let Some((gone, reopens)) = comparison.gone(self.way, self.t) {
            masked.cut(gone, reopens);
        }
        masked.hold();
    }

    /// One update, and the mask of the step after it.
    fn update(&mut self, comparison: &Comparison, work: &mut Workspace) {
        if self.t == 0 {
            self.change(comparison);
        }
        let (x, y) = self.batches.at(self.t);
        self.net.gradient(&x, &y, None, &mut self.grad, work);
        let rate = comparison.rate(self.t) as f32;
        RULE.update(&mut self.state, self.net.params_mut(), &self.grad, rate);
        self.t += 1;
        self.change(comparison);
    }
}

/// The comparison on the CPU, in short steps: the twin of the kernels.
pub struct Comparing {
    comparison: Comparison,
    pupil: Option<Pupil>,
    judged: Vec<Evaluation>,
    work: Workspace,
}

impl Comparing {
    /// Nothing trained yet.
    pub fn new(comparison: Comparison) -> Self {
        Self {
            comparison,
            pupil: None,
            judged: Vec::new(),
            work: Workspace::default(),
        }
    }
}

impl Job for Comparing {
    type Out = Vec<Spread>;

    fn step(&mut self) -> Result<Step<Vec<Spread>>> {
        let seeds = self.comparison.seeds.len();
        let (way, seed) = (self.judged.len() / seeds, self.judged.len() % seeds);
        if way >= self.comparison.ways.len() {
            return Ok(Step::Done(self.comparison.spreads(&self.judged)));
        }
        let mut pupil = match self.pupil.take() {
            Some(pupil) => pupil,
            None => Pupil::new(&self.comparison, way, seed)?,
        };
        if pupil.t >= self.comparison.steps {
            self.judged.push(judge(&pupil.net, &mut self.work));
            return Ok(Step::Working);
        }
        for _ in 0..UPDATES.min(self.comparison.steps - pupil.t) {
            pupil.update(&self.comparison, &mut self.work);
        }
        self.pupil = Some(pupil);
        Ok(Step::Working)
    }

    fn progress(&self) -> f64 {
        let all = self.comparison.seeds.len() * self.comparison.ways.len();
        let inside = self
            .pupil
            .as_ref()
            .map_or(0.0, |p| p.t as f64 / self.comparison.steps.max(1) as f64);
        (self.judged.len() as f64 + inside) / all.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::finish;

    fn small() -> Comparison {
        let config = Config {
            sparsity: 95.0,
            train_steps: 60,
            begin: 10.0,
            finish: 70.0,
            every: 5,
            ..Config::default()
        };
        Comparison {
            seeds: vec![3, 4, 5],
            ..Comparison::of(&config)
        }
    }

    #[test]
    fn every_schedule_ends_at_the_sparsity_and_only_harmonic_ones_open_weights_again() {
        let comparison = small();
        for (i, (name, way)) in comparison.ways.iter().enumerate() {
            let Way::Cut { schedule, reopens } = way else {
                assert_eq!((0..=60).find_map(|t| comparison.gone(i, t)), None, "{name}");
                continue;
            };
            assert_eq!(schedule.check(comparison.steps), Ok(()), "{name}");
            let (mut before, mut fell) = (0, false);
            for (gone, back) in (0..=60).filter_map(|t| comparison.gone(i, t)) {
                assert_eq!(back, *reopens, "{name}");
                fell |= gone < before;
                before = gone;
            }
            assert_eq!((fell, *name == "harmonic"), (*reopens, *reopens), "{name}");
            assert_eq!(before, count_rule(0.95, WEIGHTS) as u64, "{name}");
        }
    }

    #[test]
    fn pruned_weights_stay_zero_and_count_what_is_asked_for() {
        let comparison = small();
        let all: usize = comparison.exchanging.kept.iter().sum();
        assert!(all.abs_diff(WEIGHTS / 20) <= 1, "{all}");
        let mut work = Workspace::default();
        for (way, (name, _)) in comparison.ways.iter().enumerate() {
            let mut pupil = Pupil::new(&comparison, way, 0).unwrap();
            let exchanges = comparison.gone(way, 42).is_none() && way > 6;
            let mut gone = if exchanges { (WEIGHTS - all) as u64 } else { 0 };
            let (mut before, mut came) = (pupil.mask.clone(), 0);
            while pupil.t < comparison.steps {
                pupil.update(&comparison, &mut work);
                gone = comparison.gone(way, pupil.t).map_or(gone, |g| g.0);
                let kept = pupil.mask.iter().sum::<u32>();
                assert_eq!(
                    u64::from(kept),
                    WEIGHTS as u64 - gone,
                    "{name} at {}",
                    pupil.t
                );
                let pairs = pupil.mask.iter().zip(&before);
                came += pairs.filter(|(now, then)| now > then).count();
                before.clone_from(&pupil.mask);
                for (kept, at) in pupil.mask.iter().zip(masks::places()) {
                    let held = pupil.net.params()[at] == 0.0 && pupil.state.first[at] == 0.0;
                    assert!(*kept == 1 || held, "{name}, step {}", pupil.t);
                }
            }
            assert_eq!(came > 0, way >= 6, "{name}: {came} came back");
        }
    }

    #[test]
    fn the_spreads_hold_one_accuracy_a_seed_and_a_gradual_end_beats_guessing() {
        let spreads = finish(&mut Comparing::new(small())).unwrap();
        assert_eq!(spreads.len(), SHAPES.len() + 2);
        for s in &spreads {
            assert_eq!(s.accuracy.len(), 3, "{}", s.name);
            let (mean, [low, high]) = s.mean();
            assert!(low <= mean && mean <= high && mean > 5.0, "{s:?}");
        }
        assert!(spreads[2].mean().0 > 20.0, "{:?}", spreads[2]);
        assert_eq!(spreads[2].beyond(&spreads[2]).0, 0.0);
    }

    #[test]
    fn networks_that_are_sparse_from_the_first_step_learn_to_read() {
        let config = Config {
            sparsity: 80.0,
            train_steps: 200,
            every: 5,
            ..Config::default()
        };
        let mut comparison = Comparison::of(&config);
        comparison.seeds = vec![1, 2];
        comparison
            .ways
            .retain(|w| matches!(w.1, Way::Rigl | Way::Set));
        for s in finish(&mut Comparing::new(comparison)).unwrap() {
            assert!(s.mean().0 > 70.0, "{s:?}");
        }
    }
}
