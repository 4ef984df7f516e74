//! The network that is trained here: digits, fully connected, SGD with momentum and a cosine.
//!
//! Recipe: He-normal weights, zero biases, softmax cross-entropy, batches of 64 without
//! replacement, momentum 0.9, weight decay 1e-4 added to the gradient, η = 0.1 falling to 0 along
//! a cosine.

use crate::core::digits::{Samples, digits};
use crate::core::mlp::{Evaluation, Mlp, Optimizer, OptimizerState, Workspace};
use crate::core::rng::{Stream, StreamId};
use crate::core::{Result, num};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

/// What determines a trained network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// Layer sizes, input first.
    pub sizes: Vec<usize>,
    /// Optimizer steps.
    pub steps: u64,
    /// Seed of weights and data order.
    pub seed: u64,
}

/// Images in a batch.
pub const BATCH: usize = 64;
/// Momentum of the optimizer.
pub const MOMENTUM: f32 = 0.9;
/// Weight decay, added to the gradient.
pub const DECAY: f32 = 1e-4;
/// Learning rate at the start.
pub const PEAK_RATE: f64 = 0.1;
const RULE: Optimizer = Optimizer::Sgd {
    momentum: MOMENTUM,
    weight_decay: DECAY,
};

/// Half a cosine from 1 to 0 over a training, at a share of it.
pub fn falling(progress: f64) -> f64 {
    0.5 * (1.0 + num::cos(std::f64::consts::PI * progress))
}

/// What a network is judged on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exam {
    /// The test images.
    Upright,
    /// The test images, rows and columns exchanged.
    Turned,
    /// The test images with normal noise of standard deviation 0.3 on every pixel.
    Noisy,
}

/// Standard deviation of the noise, pixels running from 0 to 1.
const NOISE: f32 = 0.3;

fn turned(of: &Samples) -> Samples {
    let side = crate::core::digits::SIDE;
    let pixel = |i: usize| {
        let (image, at) = (i / (side * side), i % (side * side));
        of.x[image * side * side + at % side * side + at / side]
    };
    Samples {
        x: (0..of.x.len()).map(pixel).collect(),
        labels: of.labels.clone(),
    }
}

/// Training and test images, rows and columns exchanged.
fn turned_data() -> &'static (Samples, Samples) {
    static DATA: OnceLock<(Samples, Samples)> = OnceLock::new();
    DATA.get_or_init(|| (turned(&data().0), turned(&data().1)))
}

fn test_images(exam: Exam) -> &'static Samples {
    static NOISY: OnceLock<Samples> = OnceLock::new();
    match exam {
        Exam::Upright => &data().1,
        Exam::Turned => &turned_data().1,
        Exam::Noisy => NOISY.get_or_init(|| {
            let mut luck = Stream::new(0, StreamId::Noise);
            let mut noisy = data().1.clone();
            for x in &mut noisy.x {
                *x += NOISE * luck.normal_f32();
            }
            noisy
        }),
    }
}

/// The batches of a training, in the order of its seed.
#[derive(Debug)]
pub struct Batches {
    seed: u64,
    images: &'static Samples,
    /// Images in a batch.
    size: usize,
    order: Vec<usize>,
    /// Epochs shuffled so far.
    epochs: u64,
}

impl Batches {
    /// Batches from the first one on.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            images: &data().0,
            size: BATCH,
            order: (0..data().0.len()).collect(),
            epochs: 0,
        }
    }

    /// Batches of so many images.
    pub fn of_size(seed: u64, size: usize) -> Self {
        Self {
            size,
            ..Self::new(seed)
        }
    }

    /// Batches of the turned images, of so many of them drawn by the seed; 0 for all.
    pub fn turned(seed: u64, count: usize) -> Self {
        let images = &turned_data().0;
        let mut order: Vec<usize> = (0..images.len()).collect();
        if count > 0 {
            Stream::new(seed, StreamId::Data).shuffle(&mut order);
            order.truncate(count);
        }
        Self {
            seed,
            images,
            size: BATCH,
            order,
            epochs: 0,
        }
    }

    /// Batches of some of the training images.
    pub fn among(seed: u64, order: Vec<usize>) -> Self {
        Self {
            order,
            ..Self::new(seed)
        }
    }

    /// Optimizer steps in an epoch.
    pub fn per_epoch() -> u64 {
        (data().0.len() / BATCH) as u64
    }

    /// Images and labels of the batch of a step; steps are asked for in ascending order.
    pub fn at(&mut self, step: u64) -> (Vec<f32>, Vec<u8>) {
        let train = self.images;
        let size = self.size.min(self.order.len());
        let batches = (self.order.len() / size.max(1)).max(1) as u64;
        let (epoch, batch) = (step / batches, (step % batches) as usize);
        while self.epochs <= epoch {
            Stream::new(self.seed, StreamId::DataOrder)
                .step(self.epochs as u32)
                .shuffle(&mut self.order);
            self.epochs += 1;
        }
        let picked = &self.order[batch * size..(batch + 1) * size];
        let images = picked.iter().flat_map(|&i| train.image(i)).copied();
        (
            images.collect(),
            picked.iter().map(|&i| train.labels[i]).collect(),
        )
    }
}
/// Trained networks kept, so that another method or sparsity does not train again.
const REMEMBERED: usize = 8;

/// Training and test images of the lab, decoded once.
pub fn data() -> &'static (Samples, Samples) {
    static DATA: OnceLock<(Samples, Samples)> = OnceLock::new();
    DATA.get_or_init(|| digits().pruning_split())
}

type Memory = Vec<(Recipe, Arc<Mlp>)>;

/// Networks trained before. A network is a function of its recipe, so remembering changes no
/// result.
fn memory() -> &'static Mutex<Memory> {
    static MEMORY: OnceLock<Mutex<Memory>> = OnceLock::new();
    MEMORY.get_or_init(Mutex::default)
}

/// A network in training.
#[derive(Debug)]
struct UnderWay {
    net: Mlp,
    state: OptimizerState,
    grad: Vec<f32>,
    work: Workspace,
    batches: Batches,
    step: u64,
}

impl UnderWay {
    fn new(recipe: &Recipe) -> Result<Self> {
        let net = start_of(recipe)?;
        let n = net.params().len();
        Ok(Self {
            state: RULE.state(n),
            grad: vec![0.0; n],
            work: Workspace::default(),
            batches: Batches::new(recipe.seed),
            step: 0,
            net,
        })
    }

    /// One optimizer step.
    fn update(&mut self, steps: u64, mask: Option<&[f32]>) {
        let (x, y) = self.batches.at(self.step);
        let rate = PEAK_RATE * falling(self.step as f64 / steps.max(1) as f64);
        self.net
            .gradient(&x, &y, mask, &mut self.grad, &mut self.work);
        RULE.update(
            &mut self.state,
            self.net.params_mut(),
            &self.grad,
            rate as f32,
        );
        self.step += 1;
    }
}

/// The network that a training starts from.
///
/// # Errors
/// Layer sizes that make no network.
pub fn start_of(recipe: &Recipe) -> Result<Mlp> {
    let mut draws = Stream::new(recipe.seed, StreamId::Weights);
    Mlp::new(&recipe.sizes, &mut draws)
}

type Shared = Arc<Mutex<UnderWay>>;
/// Who is at work on what.
type Register = Vec<(Recipe, Weak<Mutex<UnderWay>>)>;

/// Trainings under way: who asks for the same network meanwhile joins in.
fn under_way() -> &'static Mutex<Register> {
    static UNDER_WAY: OnceLock<Mutex<Register>> = OnceLock::new();
    UNDER_WAY.get_or_init(Mutex::default)
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A training in steps. Those of the same network that are under way at once are one: each step
/// moves all of them on.
#[derive(Debug)]
pub struct Training {
    recipe: Recipe,
    shared: Shared,
    known: Option<Arc<Mlp>>,
    /// 1 for parameters that are trained, in their layout.
    mask: Option<Vec<f32>>,
}

impl Training {
    /// Starts a training (or joins one, or finds its result).
    ///
    /// # Errors
    /// Layer sizes that make no network.
    pub fn new(recipe: Recipe) -> Result<Self> {
        let known = lock(memory())
            .iter()
            .find(|(r, _)| *r == recipe)
            .map(|(_, net)| net.clone());
        let mut all = lock(under_way());
        all.retain(|(_, training)| training.strong_count() > 0);
        let found = all.iter().find(|(r, _)| *r == recipe);
        let shared = if let Some(shared) = found.and_then(|(_, training)| training.upgrade()) {
            shared
        } else {
            let shared = Arc::new(Mutex::new(UnderWay::new(&recipe)?));
            all.push((recipe.clone(), Arc::downgrade(&shared)));
            shared
        };
        Ok(Self {
            recipe,
            shared,
            known,
            mask: None,
        })
    }

    /// Starts the training of a network from which weights are pruned before: `kept` by layer and
    /// flat index. Pruned weights are 0 and stay 0.
    ///
    /// # Errors
    /// Layer sizes that make no network.
    pub fn pruned(recipe: Recipe, kept: impl Fn(usize, usize) -> bool) -> Result<Self> {
        let mut training = UnderWay::new(&recipe)?;
        let mut mask = vec![1.0; training.net.params().len()];
        for l in 0..training.net.layers() {
            let range = training.net.weight_range(l);
            for (i, m) in mask[range].iter_mut().enumerate() {
                *m = f32::from(u8::from(kept(l, i)));
            }
        }
        for (w, m) in training.net.params_mut().iter_mut().zip(&mask) {
            *w *= m;
        }
        Ok(Self {
            recipe,
            shared: Arc::new(Mutex::new(training)),
            known: None,
            mask: Some(mask),
        })
    }

    /// Share done, 0 to 1.
    pub fn progress(&self) -> f64 {
        self.steps_done() as f64 / self.recipe.steps.max(1) as f64
    }

    /// Optimizer steps done.
    pub fn steps_done(&self) -> u64 {
        lock(&self.shared).step
    }

    /// The network as it is now.
    pub fn network(&self) -> Mlp {
        lock(&self.shared).net.clone()
    }

    /// One optimizer step; the network once it is trained.
    pub fn step(&mut self) -> Option<Arc<Mlp>> {
        if let Some(net) = &self.known {
            return Some(net.clone());
        }
        let mut training = lock(&self.shared);
        if training.step < self.recipe.steps {
            training.update(self.recipe.steps, self.mask.as_deref());
            return None;
        }
        let net = Arc::new(training.net.clone());
        if self.mask.is_none() {
            let mut memory = lock(memory());
            if !memory.iter().any(|(r, _)| *r == self.recipe) {
                memory.insert(0, (self.recipe.clone(), net.clone()));
                memory.truncate(REMEMBERED);
            }
        }
        Some(net)
    }
}

/// Test images are judged in this many parts, to keep each part short.
pub const EVAL_PARTS: usize = 4;

/// Loss and accuracy on one part of the test images.
pub fn evaluate_part(net: &Mlp, part: usize, work: &mut Workspace) -> Evaluation {
    judge_part(net, Exam::Upright, part, work)
}

/// Loss and accuracy on one part of an exam.
pub fn judge_part(net: &Mlp, exam: Exam, part: usize, work: &mut Workspace) -> Evaluation {
    let (x, labels) = part_of(exam, part);
    net.evaluate(x, labels, None, work)
}

/// Counts, by class, the right answers and the images of one part of an exam.
pub fn count_classes(
    net: &Mlp,
    exam: Exam,
    part: usize,
    counts: &mut [[u32; 2]; crate::core::digits::CLASSES],
    work: &mut Workspace,
) {
    let (x, labels) = part_of(exam, part);
    let answers = answers(net, x, work);
    for (answer, &label) in answers.into_iter().zip(labels) {
        if let Some(count) = counts.get_mut(usize::from(label)) {
            count[0] += u32::from(answer == usize::from(label));
            count[1] += 1;
        }
    }
}

/// The class with the largest logit of every image, the first among equals.
pub fn answers(net: &Mlp, x: &[f32], work: &mut Workspace) -> Vec<usize> {
    let classes = net.sizes().last().copied().unwrap_or(1).max(1);
    let top = |row: &[f32]| {
        let better = |best: usize, i: usize| if row[i] > row[best] { i } else { best };
        (1..row.len()).fold(0, better)
    };
    net.logits(x, None, work)
        .chunks_exact(classes)
        .map(top)
        .collect()
}

fn part_of(exam: Exam, part: usize) -> (&'static [f32], &'static [u8]) {
    let test = test_images(exam);
    let size = test.len().div_ceil(EVAL_PARTS);
    let (from, to) = (part * size, ((part + 1) * size).min(test.len()));
    let pixels = crate::core::digits::PIXELS;
    let x = test.x.get(from * pixels..to * pixels).unwrap_or(&[]);
    (x, test.labels.get(from..to).unwrap_or(&[]))
}

/// Loss and accuracy on all test images.
pub fn evaluate(net: &Mlp, work: &mut Workspace) -> Evaluation {
    let mut total = Evaluation {
        loss: 0.0,
        correct: 0,
        count: 0,
    };
    for part in 0..EVAL_PARTS {
        add(&mut total, evaluate_part(net, part, work));
    }
    total
}

/// Joins the evaluation of another part.
pub fn add(total: &mut Evaluation, part: Evaluation) {
    if part.count == 0 {
        return;
    }
    let (a, b) = (total.count as f64, part.count as f64);
    total.loss = (total.loss * a + part.loss * b) / (a + b);
    total.correct += part.correct;
    total.count += part.count;
}
