//! Several sparsity schedules, each over many seeds, on 64-32-10 networks: the answer to "is the
//! difference between the schedules real?". All networks of a seed start from the same weights and
//! see the same batches.
//!
//! Recipe: that of [`super::network`], with batches of 32; the smallest magnitudes of both layers
//! together go, and do not come back. The trainer kernels take the same networks side by side.

use super::config::{Config, Shape};
use super::mask::Mask;
use super::network::{Batches, DECAY, MOMENTUM, PEAK_RATE, data, falling};
use super::schedule::Schedule;
use super::select::{count_rule, masks, radix_select};
use super::training::schedule_of;
use crate::core::mlp::{Evaluation, Mlp, Optimizer, OptimizerState, Workspace};
use crate::core::rng::{Stream, StreamId};
use crate::core::{Job, Result, Step, stats};

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
/// Schedules compared; harmonic brings weights back, which these networks do not.
const SHAPES: [Shape; 6] = [
    Shape::OneShot,
    Shape::Linear,
    Shape::Cubic,
    Shape::Exponential,
    Shape::Cosine,
    Shape::Iterative,
];
/// Optimizer steps, at most.
const MOST_STEPS: u64 = 1000;
/// Updates in one short step of the job.
const UPDATES: u64 = 4;

/// What is compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The schedules with their names.
    pub schedules: Vec<(&'static str, Schedule)>,
    /// Optimizer steps.
    pub steps: u64,
    /// Seeds of weights and batches.
    pub seeds: Vec<u64>,
}

/// How a schedule ended over the seeds.
#[derive(Debug, Clone, PartialEq)]
pub struct Spread {
    /// The schedule.
    pub name: &'static str,
    /// Test accuracy in per cent, seed by seed.
    pub accuracy: Vec<f64>,
}

impl Spread {
    /// Mean and its 95 % interval, in per cent.
    pub fn mean(&self) -> (f64, [f64; 2]) {
        stats::mean_interval(&self.accuracy)
    }

    /// Mean and 95 % interval of the difference to another schedule, seed by seed, in points.
    pub fn beyond(&self, other: &Self) -> (f64, [f64; 2]) {
        let pairs = self.accuracy.iter().zip(&other.accuracy);
        let gains: Vec<f64> = pairs.map(|(a, b)| a - b).collect();
        stats::mean_interval(&gains)
    }
}

impl Comparison {
    /// The schedules at the sparsity and over the window of a config. All at once means in the middle
    /// of the window.
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
            (shape.words(), schedule)
        };
        Self {
            schedules: SHAPES.map(of).to_vec(),
            steps,
            seeds: (0..SEEDS).map(|k| config.seed.wrapping_add(k)).collect(),
        }
    }

    /// How many weights are gone from step `t` on under a schedule; none where nothing changes.
    pub fn gone(&self, schedule: usize, t: u64) -> Option<u64> {
        let (_, s) = self.schedules.get(schedule)?;
        let due = t >= s.start && t <= s.end && (t - s.start).is_multiple_of(s.every.max(1));
        (due || t == s.end).then(|| count_rule(s.at(t), weights()) as u64)
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

    /// Accuracies by schedule from judgements of all seeds of the first schedule, then of the second.
    pub fn spreads(&self, judged: &[Evaluation]) -> Vec<Spread> {
        let of = |((name, _), judged): (&(&'static str, Schedule), &[Evaluation])| Spread {
            name,
            accuracy: judged.iter().map(|e| 100.0 * e.accuracy()).collect(),
        };
        let rows = judged.chunks(self.seeds.len().max(1));
        self.schedules.iter().zip(rows).map(of).collect()
    }
}

/// Weights that can go.
fn weights() -> usize {
    SIZES.windows(2).map(|w| w[0] * w[1]).sum()
}

/// Judges a network on all test images.
pub fn judge(net: &Mlp, work: &mut Workspace) -> Evaluation {
    let test = &data().1;
    net.evaluate(&test.x, &test.labels, None, work)
}

/// One network under its mask.
struct Pupil {
    net: Mlp,
    /// 1 for parameters that take part, in their layout.
    open: Vec<f32>,
    state: OptimizerState,
    grad: Vec<f32>,
    batches: Batches,
    t: u64,
}

impl Pupil {
    fn new(comparison: &Comparison, seed: usize) -> Result<Self> {
        let net = comparison.start(seed)?;
        let n = net.params().len();
        Ok(Self {
            open: vec![1.0; n],
            state: RULE.state(n),
            grad: vec![0.0; n],
            batches: comparison.batches(seed),
            t: 0,
            net,
        })
    }

    /// Prunes until so many weights are gone. A pruned weight ranks before all others.
    fn prune(&mut self, gone: u64) {
        let layers = 0..self.net.layers();
        let places: Vec<usize> = layers.flat_map(|l| self.net.weight_range(l)).collect();
        let key = |&at: &usize| match self.open[at] {
            0.0 => 0,
            _ => (self.net.params()[at].to_bits() & 0x7fff_ffff) + 1,
        };
        let keys: Vec<u32> = places.iter().map(key).collect();
        let cut = radix_select(&[&keys], u32::MAX, gone);
        let mask: &Mask = &masks(&[&keys], u32::MAX, &cut)[0];
        for (i, at) in places.into_iter().enumerate() {
            if !mask.kept(i) {
                self.open[at] = 0.0;
            }
        }
    }

    /// Zeroes what is pruned, and its momentum.
    fn hold(&mut self) {
        let pairs = self.net.params_mut().iter_mut().zip(&mut self.state.first);
        for ((w, v), open) in pairs.zip(&self.open) {
            if *open == 0.0 {
                (*w, *v) = (0.0, 0.0);
            }
        }
    }

    /// One update, and the mask of the step after it.
    fn update(&mut self, comparison: &Comparison, schedule: usize, work: &mut Workspace) {
        if self.t == 0
            && let Some(gone) = comparison.gone(schedule, 0)
        {
            self.prune(gone);
            self.hold();
        }
        let (x, y) = self.batches.at(self.t);
        self.net.gradient(&x, &y, None, &mut self.grad, work);
        let rate = comparison.rate(self.t) as f32;
        RULE.update(&mut self.state, self.net.params_mut(), &self.grad, rate);
        self.t += 1;
        if let Some(gone) = comparison.gone(schedule, self.t) {
            self.prune(gone);
        }
        self.hold();
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
        let (schedule, seed) = (self.judged.len() / seeds, self.judged.len() % seeds);
        if schedule >= self.comparison.schedules.len() {
            return Ok(Step::Done(self.comparison.spreads(&self.judged)));
        }
        let mut pupil = match self.pupil.take() {
            Some(pupil) => pupil,
            None => Pupil::new(&self.comparison, seed)?,
        };
        if pupil.t >= self.comparison.steps {
            self.judged.push(judge(&pupil.net, &mut self.work));
            return Ok(Step::Working);
        }
        for _ in 0..UPDATES.min(self.comparison.steps - pupil.t) {
            pupil.update(&self.comparison, schedule, &mut self.work);
        }
        self.pupil = Some(pupil);
        Ok(Step::Working)
    }

    fn progress(&self) -> f64 {
        let all = self.comparison.seeds.len() * self.comparison.schedules.len();
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
    fn every_schedule_prunes_ever_more_and_ends_at_the_sparsity() {
        let comparison = small();
        for (i, (name, schedule)) in comparison.schedules.iter().enumerate() {
            assert_eq!(schedule.check(comparison.steps), Ok(()), "{name}");
            let mut before = 0;
            for gone in (0..=60).filter_map(|t| comparison.gone(i, t)) {
                assert!(gone >= before, "{name}: {gone} after {before}");
                before = gone;
            }
            assert_eq!(before, count_rule(0.95, weights()) as u64, "{name}");
        }
    }

    #[test]
    fn pruned_weights_stay_zero_and_count_what_the_schedule_says() {
        let comparison = small();
        let mut pupil = Pupil::new(&comparison, 0).unwrap();
        let (mut work, mut gone) = (Workspace::default(), 0);
        while pupil.t < comparison.steps {
            pupil.update(&comparison, 2, &mut work);
            gone = comparison.gone(2, pupil.t).unwrap_or(gone);
            let closed = pupil.open.iter().filter(|o| **o == 0.0).count() as u64;
            assert_eq!(closed, gone, "at step {}", pupil.t);
            for ((w, v), open) in pupil
                .net
                .params()
                .iter()
                .zip(&pupil.state.first)
                .zip(&pupil.open)
            {
                assert!(*open != 0.0 || (*w == 0.0 && *v == 0.0), "step {}", pupil.t);
            }
        }
    }

    #[test]
    fn the_spreads_hold_one_accuracy_a_seed_and_a_gradual_end_beats_guessing() {
        let spreads = finish(&mut Comparing::new(small())).unwrap();
        assert_eq!(spreads.len(), SHAPES.len());
        for s in &spreads {
            assert_eq!(s.accuracy.len(), 3, "{}", s.name);
            let (mean, [low, high]) = s.mean();
            assert!(low <= mean && mean <= high && mean > 5.0, "{s:?}");
        }
        assert!(spreads[2].mean().0 > 20.0, "{:?}", spreads[2]);
        assert_eq!(spreads[2].beyond(&spreads[2]).0, 0.0);
    }
}
