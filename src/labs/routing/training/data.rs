//! What the network learns from: vectors in clusters, each with its own linear map to learn, or
//! handwritten digits.

use super::super::config::{Config, Task};
use super::moe::Shape;
use crate::core::digits::{self, CLASSES, PIXELS, PRUNING_TRAIN};
use crate::core::num;
use crate::core::rng::{Stream, StreamId};

/// Width of the targets of the vector tasks.
const OUTPUTS: usize = 4;
/// Standard deviation of the noise on the targets.
const TARGET_NOISE: f64 = 0.05;
/// Held-out tokens of the vector tasks.
const HELD_OUT: usize = 1024;
/// Contexts of the vector tasks.
pub(super) const CONTEXTS: usize = 8;
/// Width of the digits' stem, and hidden units of their experts.
const WIDTH: usize = 24;
const HIDDEN: usize = 8;

/// Some tokens with what they should become.
#[derive(Debug, Clone, Default)]
pub(super) struct Tokens {
    /// Inputs, one after the other.
    pub(super) x: Vec<f64>,
    /// Target vectors; empty for digits.
    pub(super) targets: Vec<f64>,
    /// Cluster or digit of each.
    pub(super) labels: Vec<u8>,
    /// Context of each; empty where there is none.
    pub(super) contexts: Vec<u8>,
}

/// Where tokens come from.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// Vectors.
    Vectors(Vectors),
    /// Digits: training images in the order of the current epoch.
    Digits {
        /// Seed of the order.
        seed: u64,
        /// Indices of the training images.
        order: Vec<usize>,
        /// Epoch and place in it.
        at: (u32, usize),
    },
}

impl Source {
    pub(super) fn new(config: &Config) -> Self {
        if config.task == Task::Digits {
            let order = digits::digits().split(PRUNING_TRAIN).0.to_vec();
            return Self::Digits {
                seed: config.seed,
                at: (0, order.len()),
                order,
            };
        }
        Self::Vectors(Vectors::new(config))
    }

    /// The network that fits.
    pub(super) fn shape(&self, experts: usize) -> Shape {
        match self {
            Self::Digits { .. } => Shape {
                inputs: PIXELS,
                width: WIDTH,
                experts,
                hidden: HIDDEN,
                outputs: CLASSES,
                deep: true,
            },
            Self::Vectors(v) => Shape {
                inputs: v.dim,
                width: v.dim,
                experts,
                hidden: OUTPUTS,
                outputs: OUTPUTS,
                deep: false,
            },
        }
    }

    /// Number of labels.
    pub(super) fn classes(&self) -> usize {
        match self {
            Self::Digits { .. } => CLASSES,
            Self::Vectors(v) => v.shares.len(),
        }
    }

    /// The next batch; `second` asks for the second task of a sequence.
    pub(super) fn batch(&mut self, step: u32, size: usize, second: bool) -> Tokens {
        match self {
            Self::Digits { seed, order, at } => {
                let mut picks = Vec::with_capacity(size);
                while picks.len() < size {
                    if at.1 == order.len() {
                        let mut stream = Stream::new(*seed, StreamId::DataOrder).step(at.0);
                        stream.shuffle(order);
                        *at = (at.0 + 1, 0);
                    }
                    picks.push(order[at.1]);
                    at.1 += 1;
                }
                images(&picks)
            }
            Self::Vectors(v) => v.draw(step + 1, size, usize::from(second)),
        }
    }

    /// The held-out tokens of the first task, then those of the second of a sequence; and where the
    /// second begin.
    pub(super) fn held_out(&self) -> (Tokens, usize) {
        match self {
            Self::Digits { .. } => {
                let all = images(digits::digits().split(PRUNING_TRAIN).1);
                let n = all.labels.len();
                (all, n)
            }
            Self::Vectors(v) if v.sequence => {
                let mut all = v.draw(0, HELD_OUT / 2, 0);
                let other = v.draw(0, HELD_OUT / 2, 1);
                all.x.extend(other.x);
                all.targets.extend(other.targets);
                all.labels.extend(other.labels);
                (all, HELD_OUT / 2)
            }
            Self::Vectors(v) => (v.draw(0, HELD_OUT, 0), HELD_OUT),
        }
    }
}

/// Images as the network sees them: (pixel/16 - 0.3) / 0.38.
fn images(picks: &[usize]) -> Tokens {
    let samples = digits::digits().samples(picks);
    Tokens {
        x: samples
            .x
            .iter()
            .map(|&v| (f64::from(v) - 0.3) / 0.38)
            .collect(),
        labels: samples.labels,
        ..Tokens::default()
    }
}

/// Gaussian clusters; cluster c has the target A_c x + b_c.
#[derive(Debug, Clone)]
pub(super) struct Vectors {
    seed: u64,
    dim: usize,
    spread: f64,
    context: f64,
    sequence: bool,
    shares: Vec<f64>,
    centres: Vec<f64>,
    contexts: Vec<f64>,
    maps: Vec<f64>,
    offsets: Vec<f64>,
    /// First and last dimension that each task uses.
    windows: [[usize; 2]; 2],
}

impl Vectors {
    fn new(config: &Config) -> Self {
        let (dim, clusters) = (config.dim as usize, config.clusters as usize);
        let sequence = config.task == Task::Sequence;
        let half = dim.div_ceil(2);
        let shift = ((1.0 - config.overlap) * (dim - half) as f64).round() as usize;
        let windows = if sequence {
            [[0, half], [shift, shift + half]]
        } else {
            [[0, dim]; 2]
        };
        let mut draw = Stream::new(config.seed, StreamId::Data).replicate(21);
        let mut normals = |n: usize, sd: f64| -> Vec<f64> {
            (0..n).map(|_| sd * f64::from(draw.normal_f32())).collect()
        };
        let mut out = Self {
            seed: config.seed,
            dim,
            spread: config.spread,
            context: if sequence { 0.0 } else { config.context },
            sequence,
            shares: (0..clusters)
                .map(|c| num::pow(c as f64 + 1.0, -config.cluster_skew))
                .collect(),
            centres: normals(clusters * dim, 1.0),
            contexts: normals(CONTEXTS * dim, 1.0),
            maps: normals(clusters * OUTPUTS * dim, 1.0 / (dim as f64).sqrt()),
            offsets: normals(clusters * OUTPUTS, 1.0),
            windows,
        };
        for c in 0..clusters {
            let [from, to] = out.windows[out.task_of(c)];
            let row = &mut out.centres[c * dim..(c + 1) * dim];
            row[..from].fill(0.0);
            row[to..].fill(0.0);
        }
        out
    }

    /// Which task of a sequence a cluster belongs to.
    fn task_of(&self, cluster: usize) -> usize {
        usize::from(self.sequence && 2 * cluster >= self.shares.len())
    }

    fn draw(&self, step: u32, size: usize, task: usize) -> Tokens {
        let mut stream = Stream::new(self.seed, StreamId::Data)
            .step(step)
            .replicate(22 + task as u32);
        let mut noise = Stream::new(self.seed, StreamId::Noise)
            .step(step)
            .replicate(22 + task as u32);
        let own = |c: &usize| self.task_of(*c) == task;
        let total: f64 = (0..self.shares.len())
            .filter(own)
            .map(|c| self.shares[c])
            .sum();
        let mut out = Tokens::default();
        for _ in 0..size {
            let mut left = stream.uniform() * total;
            let mut cluster = 0;
            for c in (0..self.shares.len()).filter(own) {
                cluster = c;
                left -= self.shares[c];
                if left < 0.0 {
                    break;
                }
            }
            let context = stream.below(CONTEXTS as u32) as usize;
            let [from, to] = self.windows[task];
            let x: Vec<f64> = (0..self.dim)
                .map(|d| {
                    let n = f64::from(noise.normal_f32());
                    let inside = f64::from(u8::from((from..to).contains(&d)));
                    self.centres[cluster * self.dim + d]
                        + self.context * self.contexts[context * self.dim + d]
                        + inside * self.spread * n
                })
                .collect();
            for o in 0..OUTPUTS {
                let row = cluster * OUTPUTS + o;
                let map = &self.maps[row * self.dim..(row + 1) * self.dim];
                let y: f64 = map.iter().zip(&x).map(|(a, v)| a * v).sum();
                let n = TARGET_NOISE * f64::from(noise.normal_f32());
                out.targets.push(y + self.offsets[row] + n);
            }
            out.x.extend(x);
            out.labels.push(cluster as u8);
            if self.context > 0.0 {
                out.contexts.push(context as u8);
            }
        }
        out
    }
}
