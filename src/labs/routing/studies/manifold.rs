//! RoMA (arXiv 2511.07419): after training, the gates alone are moved so that every sample is routed
//! like its successful neighbours in an embedding of the tasks. Samples belong to one of six tasks,
//! each with its own expert; two layers see noisy hidden states through gates that are off.

use super::super::config::Config;
use super::super::layers::Adam;
use super::draw::{add, distance, normals, unit};
use super::run::Findings;
use super::sheet::{Row, Scene, Sheet};
use super::work::Slices;
use crate::core::gate;
use crate::core::matrix::dot;
use crate::core::rng::{Stream, StreamId};
use crate::core::{Axis, Better, Chart, Metric, Series, num, stats};

const TASKS: usize = 6;
const LAYERS: usize = 2;
const WIDTH: usize = 16;
/// Width of the task embedding.
const EMBEDDED: usize = 8;
/// Samples whose routing is aligned, and fresh ones.
const SAMPLES: usize = 480;
const FRESH: usize = 600;
/// Noise on the hidden states, sharpness of the gate that fits them, rate of the alignment.
const NOISE: f64 = 0.35;
const SHARPNESS: f64 = 6.0;
const RATE: f64 = 0.02;
const SCENES: u64 = 40;

struct Sample {
    task: usize,
    hidden: [Vec<f64>; LAYERS],
    embedding: Vec<f64>,
}

/// The gates of all layers, experts × width each, one after the other.
type Gates = Vec<f64>;

/// Routing weights of a sample, layer by layer.
fn routing(gates: &Gates, hidden: &[Vec<f64>; LAYERS]) -> Vec<f64> {
    let per_layer = gates.chunks_exact(TASKS * WIDTH).zip(hidden);
    per_layer
        .flat_map(|(w, h)| {
            let z: Vec<f64> = w.chunks_exact(WIDTH).map(|row| dot(row, h)).collect();
            gate::softmax(&z)
        })
        .collect()
}

/// Whether every layer sends the sample to its task's expert.
fn succeeds(weights: &[f64], task: usize) -> bool {
    let mut layers = weights.chunks_exact(TASKS);
    layers.all(|r| gate::argmax(r) == task)
}

/// Adds the gradient of Σ_layers of q · softmax(W h), q held constant.
fn pull_back(gates: &mut Gates, hidden: &[Vec<f64>; LAYERS], r: &[f64], q: &[f64]) {
    for layer in 0..LAYERS {
        let of = layer * TASKS..(layer + 1) * TASKS;
        let (r, q) = (&r[of.clone()], &q[of]);
        let mean = dot(r, q);
        for e in 0..TASKS {
            let from = (layer * TASKS + e) * WIDTH;
            let by = r[e] * (q[e] - mean);
            add(&mut gates[from..from + WIDTH], by, &hidden[layer]);
        }
    }
}

/// Mean routing of each sample's successful neighbours as the router was shipped: Σ_j W_ij r_j, with
/// W_ij ∝ exp(-|E_i - E_j|² / 2σ²) over the nearest few, itself left out. None has any: its own.
fn targets(samples: &[Sample], shipped: &[Vec<f64>], neighbours: usize) -> Vec<Vec<f64>> {
    let good: Vec<usize> = (0..samples.len())
        .filter(|&i| succeeds(&shipped[i], samples[i].task))
        .collect();
    let all: Vec<f64> = (0..samples.len())
        .flat_map(|i| good.iter().map(move |&j| (i, j)))
        .filter(|(i, j)| i != j)
        .map(|(i, j)| distance(&samples[i].embedding, &samples[j].embedding))
        .collect();
    // σ² is the median squared distance.
    let width = stats::percentile(&all, 50.0).max(1e-9);
    (0..samples.len())
        .map(|i| {
            let others: Vec<usize> = good.iter().copied().filter(|&j| j != i).collect();
            let near: Vec<f64> = others
                .iter()
                .map(|&j| -distance(&samples[i].embedding, &samples[j].embedding))
                .collect();
            let nearest = stats::descending(&near);
            let nearest = &nearest[..neighbours.min(nearest.len())];
            if nearest.is_empty() {
                return shipped[i].clone();
            }
            let weights: Vec<f64> = nearest
                .iter()
                .map(|&n| num::exp((near[n] - near[nearest[0]]) / (2.0 * width)))
                .collect();
            let mut out = vec![0.0; LAYERS * TASKS];
            for (&n, w) in nearest.iter().zip(gate::normalised(&weights)) {
                add(&mut out, w, &shipped[others[n]]);
            }
            out
        })
        .collect()
}

/// Gates that learn, by a pull on the routing weights.
struct Learner {
    gates: Gates,
    adam: Adam,
    /// Share of layers that name the right expert on fresh samples, by moment.
    right: Vec<f64>,
}

impl Learner {
    fn new(gates: &Gates) -> Self {
        Self {
            adam: Adam::new(gates.len()),
            gates: gates.clone(),
            right: Vec::new(),
        }
    }

    /// `pull` gives the gradient by the routing weights of a sample.
    fn update(&mut self, samples: &[Sample], pull: impl Fn(usize, &[f64]) -> Vec<f64>) {
        let mut gradient = vec![0.0; self.gates.len()];
        for (i, s) in samples.iter().enumerate() {
            let r = routing(&self.gates, &s.hidden);
            pull_back(&mut gradient, &s.hidden, &r, &pull(i, &r));
        }
        for g in &mut gradient {
            *g /= samples.len() as f64;
        }
        self.adam.update(&mut self.gates, &gradient, RATE);
    }
}

pub(super) struct Manifold {
    config: Config,
    samples: Vec<Sample>,
    fresh: Vec<Sample>,
    /// Where samples are pulled: by their tasks' embedding, and by one that says nothing.
    targets: [Vec<Vec<f64>>; 2],
    /// Aligned, aligned by the embedding that says nothing, trained on the right experts.
    learners: [Learner; 3],
    successes: usize,
    scenes: Vec<Scene>,
    done: u64,
}

fn samples(config: &Config, count: usize, centres: &Centres, replicate: u32) -> Vec<Sample> {
    let mut noise = Stream::new(config.seed, StreamId::Noise).replicate(replicate);
    (0..count)
        .map(|i| {
            let task = i % TASKS;
            let hidden = [0, 1].map(|layer: usize| {
                let mut h = normals(WIDTH, NOISE, &mut noise);
                add(&mut h, 1.0, &centres.hidden[layer][task]);
                h
            });
            let mut embedding = normals(EMBEDDED, config.embedding_noise, &mut noise);
            add(&mut embedding, 1.0, &centres.embedding[task]);
            Sample {
                task,
                hidden,
                embedding,
            }
        })
        .collect()
}

/// What the samples of each task have in common.
struct Centres {
    hidden: [Vec<Vec<f64>>; LAYERS],
    embedding: Vec<Vec<f64>>,
}

impl Manifold {
    pub(super) fn new(config: &Config) -> Self {
        let mut draw = Stream::new(config.seed, StreamId::Weights).replicate(110);
        let mut directions = |width: usize| -> Vec<Vec<f64>> {
            (0..TASKS)
                .map(|_| unit(&normals(width, 1.0, &mut draw)))
                .collect()
        };
        let centres = Centres {
            hidden: [directions(WIDTH), directions(WIDTH)],
            embedding: directions(EMBEDDED),
        };
        // A gate along the centres, put off by a random matrix.
        let off = config.gate_error * SHARPNESS / (WIDTH as f64).sqrt();
        let mut gates: Gates = (centres.hidden.iter().flatten().flatten())
            .map(|v| SHARPNESS * v)
            .collect();
        for g in &mut gates {
            *g += off * draw.normal();
        }
        let known = samples(config, SAMPLES, &centres, 111);
        let fresh = samples(config, FRESH, &centres, 112);
        let shipped: Vec<Vec<f64>> = known.iter().map(|s| routing(&gates, &s.hidden)).collect();
        let mut blind = Stream::new(config.seed, StreamId::Noise).replicate(113);
        let strangers: Vec<Sample> = known
            .iter()
            .map(|s| Sample {
                embedding: normals(EMBEDDED, 1.0, &mut blind),
                hidden: s.hidden.clone(),
                ..*s
            })
            .collect();
        let near = config.neighbours as usize;
        let successes = (known.iter().zip(&shipped))
            .filter(|(s, r)| succeeds(r, s.task))
            .count();
        let mut out = Self {
            config: config.clone(),
            targets: [
                targets(&known, &shipped, near),
                targets(&strangers, &shipped, near),
            ],
            learners: [0; 3].map(|_| Learner::new(&gates)),
            samples: known,
            fresh,
            successes,
            scenes: Vec::new(),
            done: 0,
        };
        out.show();
        out
    }

    fn show(&mut self) {
        for learner in &mut self.learners {
            let right = self.fresh.iter().map(|s| {
                let r = routing(&learner.gates, &s.hidden);
                let layers = r.chunks_exact(TASKS);
                layers.filter(|r| gate::argmax(r) == s.task).count() as f64 / LAYERS as f64
            });
            let right: Vec<f64> = right.collect();
            learner.right.push(100.0 * stats::mean(&right));
        }
        let rows = (0..TASKS).map(|task| self.row(task));
        let scene = Scene {
            at: self.done as f64,
            rows: rows.collect(),
        };
        self.scenes.push(scene);
    }

    fn row(&self, task: usize) -> Row {
        let own: Vec<Vec<f64>> = (self.fresh.iter().filter(|s| s.task == task))
            .map(|s| routing(&self.learners[0].gates, &s.hidden))
            .collect();
        let mut mean = vec![0.0; LAYERS * TASKS];
        for r in &own {
            add(&mut mean, 1.0 / own.len() as f64, r);
        }
        let layers = own.iter().flat_map(|r| r.chunks_exact(TASKS));
        let right = layers.filter(|r| gate::argmax(r) == task).count();
        Row {
            name: format!("task {task}"),
            cells: mean.into_iter().map(|m| m as f32).collect(),
            right: (0..LAYERS).map(|l| (l * TASKS + task) as u16).collect(),
            value: 100.0 * right as f64 / (own.len() * LAYERS) as f64,
        }
    }
}

const WAYS: [&str; 3] = [
    "aligned by the task embedding",
    "by an embedding that says nothing",
    "trained on the right experts",
];

impl Slices for Manifold {
    fn slice(&mut self) -> bool {
        let updates = self.config.train_steps;
        if self.done < updates {
            let [aligned, blind, taught] = &mut self.learners;
            for (learner, targets) in [aligned, blind].into_iter().zip(&self.targets) {
                // ∂/∂r of |r - Σ_j W_ij r_j|², which is Σ_j W_ij |r - r_j|² but for a constant.
                learner.update(&self.samples, |i, r| {
                    let away = r.iter().zip(&targets[i]);
                    away.map(|(r, t)| 2.0 * (r - t)).collect()
                });
            }
            // Cross-entropy of the right expert in every layer.
            let samples = &self.samples;
            taught.update(samples, |i, r| {
                let all = r.iter().enumerate();
                all.map(|(c, r)| {
                    if c % TASKS == samples[i].task {
                        -1.0 / r.max(1e-300)
                    } else {
                        0.0
                    }
                })
                .collect()
            });
            self.done += 1;
            if self.done * SCENES / updates > (self.done - 1) * SCENES / updates {
                self.show();
            }
        }
        self.done >= updates
    }

    fn progress(&self) -> f64 {
        self.done as f64 / self.config.train_steps as f64
    }

    fn findings(&mut self) -> Findings {
        let of = |way: usize| self.learners[way].right.last().copied().unwrap_or(f64::NAN);
        let shipped = self.learners[0].right.first().copied().unwrap_or(f64::NAN);
        let new = Metric::new;
        let metrics = vec![
            new(
                "right",
                "Right expert, aligned",
                "%",
                of(0),
                Better::Higher,
                "Layers of fresh samples whose first expert is that of the sample's task, after the alignment.",
            ),
            new(
                "right_shipped",
                "Right expert, as shipped",
                "%",
                shipped,
                Better::Neither,
                "The same before it.",
            ),
            new(
                "right_blind",
                "Right expert, blind embedding",
                "%",
                of(1),
                Better::Neither,
                "The same when neighbours are chosen in an embedding that says nothing of the task: the case that must fail.",
            ),
            new(
                "right_taught",
                "Right expert, labels known",
                "%",
                of(2),
                Better::Neither,
                "The same when the gates are trained on the right experts themselves: the ceiling.",
            ),
            new(
                "successes",
                "Successful samples",
                "%",
                100.0 * self.successes as f64 / SAMPLES as f64,
                Better::Neither,
                "Samples that the shipped gates route right in every layer: those that others are pulled to.",
            ),
        ];
        let lines = self
            .learners
            .iter()
            .zip(WAYS)
            .enumerate()
            .map(|(i, (l, name))| {
                let points: Vec<[f64; 2]> = (self.scenes.iter().zip(&l.right))
                    .map(|(s, r)| [s.at, *r])
                    .collect();
                let line = Series::line(name, points);
                if i == 2 { line.as_reference() } else { line }
            });
        let chart = Chart {
            id: "right",
            title: "Right expert",
            doc: "Layers of fresh samples whose first expert is that of their task, as the gates are moved.",
            x: Axis::linear("update", ""),
            y: Axis::zero_based("right expert", "%"),
            series: lines.collect(),
            marks: Vec::new(),
            on_timeline: true,
        };
        Findings {
            axis: ["update", "a fortieth of the alignment"],
            summary: format!(
                "The right expert is named in {:.1} % of the cases after the alignment and {shipped:.1} % before it; {:.1} % with an embedding that says nothing, {:.1} % with labels.",
                of(0),
                of(1),
                of(2)
            ),
            sheet: Sheet {
                name: "Tasks and experts of two layers",
                caption: "dark: mean routing weight of fresh samples; framed: the right expert; bar: how often it comes first",
                columns: (0..LAYERS)
                    .flat_map(|l| (0..TASKS).map(move |e| format!("{l}: expert {e}")))
                    .collect(),
                group: TASKS,
                value: "right",
                unit: "%",
                scenes: std::mem::take(&mut self.scenes),
            },
            metrics,
            charts: vec![chart],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(task: usize, embedding: [f64; 2]) -> Sample {
        Sample {
            task,
            hidden: [vec![0.0; WIDTH], vec![0.0; WIDTH]],
            embedding: embedding.to_vec(),
        }
    }

    #[test]
    fn a_sample_is_pulled_to_its_nearest_successes_and_never_to_itself() {
        let one = |e: usize| {
            let mut r = vec![0.0; LAYERS * TASKS];
            r[e] = 1.0;
            r[TASKS + e] = 1.0;
            r
        };
        let known = [
            sample(0, [0.0, 0.0]),
            sample(1, [0.1, 0.0]),
            sample(2, [9.0, 0.0]),
        ];
        // The second fails; the first and third succeed.
        let shipped = [one(0), one(0), one(2)];
        let pulled = targets(&known, &shipped, 1);
        assert_eq!(pulled[0], one(2), "the only other success");
        assert_eq!(pulled[1], one(0));
        assert_eq!(pulled[2], one(0));
        let failed = [one(3), one(3), one(3)];
        assert_eq!(targets(&known, &failed, 1), failed, "no success, no pull");
    }

    #[test]
    fn the_gradient_of_the_alignment_agrees_with_finite_differences() {
        let manifold = Manifold::new(&Config::default());
        let (s, target) = (&manifold.samples[3], &manifold.targets[0][3]);
        let gates = manifold.learners[0].gates.clone();
        let loss = |g: &Gates| distance(&routing(g, &s.hidden), target);
        let r = routing(&gates, &s.hidden);
        let q: Vec<f64> = r.iter().zip(target).map(|(r, t)| 2.0 * (r - t)).collect();
        let mut own = vec![0.0; gates.len()];
        pull_back(&mut own, &s.hidden, &r, &q);
        for i in (0..gates.len()).step_by(7) {
            let mut near = [gates.clone(), gates.clone()];
            near[0][i] += 1e-5;
            near[1][i] -= 1e-5;
            let slope = (loss(&near[0]) - loss(&near[1])) / 2e-5;
            assert!((slope - own[i]).abs() < 1e-8, "{i}: {slope} {}", own[i]);
        }
    }

    #[test]
    fn neighbours_weigh_by_similarity() {
        let one = |e: usize| vec![f64::from(u8::from(e == 0)); LAYERS * TASKS];
        let known = [
            sample(0, [0.0, 0.0]),
            sample(0, [1.0, 0.0]),
            sample(0, [2.0, 0.0]),
        ];
        let mut right = vec![0.0; LAYERS * TASKS];
        right[0] = 0.9;
        right[TASKS] = 0.9;
        let shipped = [right.clone(), right.clone(), one(0)];
        let pulled = targets(&known, &shipped, 2);
        // Squared distances of all ordered pairs: 1 four times, 4 twice; the median is 1.
        let (near, far) = (num::exp(-0.5), num::exp(-2.0));
        let want = (near * 0.9 + far) / (near + far);
        assert!((pulled[0][0] - want).abs() < 1e-12, "{}", pulled[0][0]);
    }
}
