//! Multi-Head Adapter Routing (arXiv 2211.03831): an inventory of adapters cut into blocks, and for
//! every task and block a softmax that says how they are mixed. With one block it is Polytropon. The
//! tasks are linear regressions whose coefficients are put together from a few prototypes of each
//! block, so that tasks share parts and no two are alike.

use super::super::config::Config;
use super::super::layers::Adam;
use super::draw::{add, apply, distance, matrix, normals};
use super::run::Findings;
use super::sheet::{Row, Scene, Sheet};
use super::work::Slices;
use crate::core::gate;
use crate::core::matrix::{Matrix, dot};
use crate::core::rng::{Stream, StreamId};
use crate::core::{Axis, Better, Chart, Metric, Series, stats};

/// Tasks trained together, and new ones to adapt to.
const TASKS: usize = 16;
const NEW: usize = 8;
/// Coefficients of a task; blocks that tasks share; prototypes of a block.
const WIDTH: usize = 32;
const BLOCKS: usize = 4;
const PROTOTYPES: usize = 3;
/// Samples of a task in training, of a new task, and noise on their labels.
const SAMPLES: usize = 48;
const SHOTS: usize = 16;
const NOISE: f64 = 0.3;
/// Rates of training and of adaptation, updates of adaptation.
const RATE: f64 = 0.02;
const ADAPT_RATE: f64 = 0.02;
const ADAPT: u64 = 150;
/// Moments shown.
const SCENES: u64 = 40;

/// A regression by its sufficient statistics and its coefficients.
struct Task {
    /// XᵀX / n and Xᵀy / n.
    square: Matrix,
    cross: Vec<f64>,
    truth: Vec<f64>,
}

fn task(truth: Vec<f64>, samples: usize, stream: &mut Stream) -> Task {
    let x = matrix(samples, WIDTH, 1.0, stream);
    let n = samples as f64;
    let y: Vec<f64> = apply(&x, &truth)
        .into_iter()
        .map(|y| y + NOISE * stream.normal())
        .collect();
    let t = x.transposed();
    let mut square = t.times(&x);
    for v in &mut square.data {
        *v /= n;
    }
    let cross = apply(&t, &y).into_iter().map(|v| v / n).collect();
    Task {
        square,
        cross,
        truth,
    }
}

impl Task {
    /// Gradient of half the mean squared error.
    fn gradient(&self, a: &[f64]) -> Vec<f64> {
        let mut g = apply(&self.square, a);
        add(&mut g, -1.0, &self.cross);
        g
    }

    /// Squared error of the coefficients over their squared size: for inputs of independent unit
    /// normals, the error of predictions over the variance of what is predicted, in per cent.
    fn error(&self, a: &[f64]) -> f64 {
        100.0 * distance(a, &self.truth) / dot(&self.truth, &self.truth)
    }
}

/// Adapters and their routing: `stock` × width, then tasks × heads × stock.
#[derive(Clone)]
struct Model {
    stock: usize,
    heads: usize,
    adapters: Vec<f64>,
    routing: Vec<f64>,
}

/// What an update may change.
#[derive(Clone, Copy, PartialEq)]
enum Trained {
    Both,
    Routing,
}

impl Model {
    fn new(stock: usize, heads: usize, tasks: usize, stream: &mut Stream) -> Self {
        Self {
            stock,
            heads,
            adapters: normals(stock * WIDTH, 1.0 / (WIDTH as f64).sqrt(), stream),
            routing: normals(tasks * heads * stock, 0.1, stream),
        }
    }

    fn block(&self) -> usize {
        WIDTH / self.heads
    }

    /// Shares of the adapters in a block of a task.
    fn shares(&self, task: usize, head: usize) -> Vec<f64> {
        let from = (task * self.heads + head) * self.stock;
        gate::softmax(&self.routing[from..from + self.stock])
    }

    /// A_task,h = Σ_s softmax(Z_task,·,h)_s A_s,h.
    fn mixed(&self, task: usize) -> Vec<f64> {
        let block = self.block();
        let mut out = vec![0.0; WIDTH];
        for h in 0..self.heads {
            for (s, w) in self.shares(task, h).into_iter().enumerate() {
                let from = s * WIDTH + h * block;
                let part = &self.adapters[from..from + block];
                add(&mut out[h * block..(h + 1) * block], w, part);
            }
        }
        out
    }

    /// Gradients of the adapters and the routing from those of a task's coefficients.
    fn pull_back(&self, task: usize, g: &[f64], adapters: &mut [f64], routing: &mut [f64]) {
        let block = self.block();
        for h in 0..self.heads {
            let shares = self.shares(task, h);
            let own = &g[h * block..(h + 1) * block];
            let along: Vec<f64> = (0..self.stock)
                .map(|s| {
                    let from = s * WIDTH + h * block;
                    dot(&self.adapters[from..from + block], own)
                })
                .collect();
            let mean = dot(&shares, &along);
            for s in 0..self.stock {
                let from = s * WIDTH + h * block;
                add(&mut adapters[from..from + block], shares[s], own);
                routing[(task * self.heads + h) * self.stock + s] += shares[s] * (along[s] - mean);
            }
        }
    }

    /// Adapters averaged.
    fn average(&self) -> Vec<f64> {
        let mut out = vec![0.0; WIDTH];
        for a in self.adapters.chunks_exact(WIDTH) {
            add(&mut out, 1.0 / self.stock as f64, a);
        }
        out
    }
}

/// A model in training on all tasks.
struct Learner {
    model: Model,
    adam: [Adam; 2],
    /// Mean cosine between the adapter gradients of two tasks, by update.
    alignment: Vec<f64>,
}

impl Learner {
    fn new(model: Model) -> Self {
        Self {
            adam: [model.adapters.len(), model.routing.len()].map(Adam::new),
            model,
            alignment: Vec::new(),
        }
    }

    fn update(&mut self, tasks: &[Task], rate: f64) {
        let model = &self.model;
        let mut routing = vec![0.0; model.routing.len()];
        let each: Vec<Vec<f64>> = (tasks.iter().enumerate())
            .map(|(i, task)| {
                let mut own = vec![0.0; model.adapters.len()];
                let g = task.gradient(&model.mixed(i));
                model.pull_back(i, &g, &mut own, &mut routing);
                own
            })
            .collect();
        self.alignment.push(alignment(&each));
        let mut adapters = vec![0.0; model.adapters.len()];
        for own in &each {
            add(&mut adapters, 1.0 / tasks.len() as f64, own);
        }
        let [first, second] = &mut self.adam;
        first.update(&mut self.model.adapters, &adapters, rate);
        second.update(&mut self.model.routing, &routing, rate);
    }

    fn errors(&self, tasks: &[Task]) -> Vec<f64> {
        let all = tasks.iter().enumerate();
        all.map(|(i, t)| t.error(&self.model.mixed(i))).collect()
    }
}

/// Mean cosine over the pairs of gradients.
fn alignment(gradients: &[Vec<f64>]) -> f64 {
    let units: Vec<Vec<f64>> = gradients.iter().map(|g| super::draw::unit(g)).collect();
    let mut all = Vec::new();
    for (i, a) in units.iter().enumerate() {
        all.extend(units[..i].iter().map(|b| dot(a, b)));
    }
    stats::mean(&all)
}

/// Coefficients of a new task after a few shots: routing and adapters, or routing alone.
fn adapted(model: &Model, task: &Task, trained: Trained) -> f64 {
    let mut own = Model {
        routing: vec![0.0; model.heads * model.stock],
        ..model.clone()
    };
    let mut adam = [own.adapters.len(), own.routing.len()].map(Adam::new);
    for _ in 0..ADAPT {
        let mut adapters = vec![0.0; own.adapters.len()];
        let mut routing = vec![0.0; own.routing.len()];
        let g = task.gradient(&own.mixed(0));
        own.pull_back(0, &g, &mut adapters, &mut routing);
        let [first, second] = &mut adam;
        second.update(&mut own.routing, &routing, ADAPT_RATE);
        if trained == Trained::Both {
            first.update(&mut own.adapters, &adapters, ADAPT_RATE);
        }
    }
    task.error(&own.mixed(0))
}

/// The same for one adapter without routing, from a start.
fn single(start: &[f64], task: &Task) -> f64 {
    let mut a = start.to_vec();
    let mut adam = Adam::new(a.len());
    for _ in 0..ADAPT {
        let g = task.gradient(&a);
        adam.update(&mut a, &g, ADAPT_RATE);
    }
    task.error(&a)
}

/// Where the training stands at a moment.
struct Shown {
    updates: u64,
    /// Errors of all tasks under each learner.
    errors: [Vec<f64>; 3],
    /// Shares of the adapters by task, block after block, under the first.
    shares: Vec<Vec<f64>>,
}

pub(super) struct Heads {
    config: Config,
    tasks: Vec<Task>,
    new: Vec<Task>,
    /// Multi-head, one head with as many parameters, one adapter for all tasks.
    learners: [Learner; 3],
    scenes: Vec<Shown>,
    done: u64,
}

/// Adapters that one head has for as many parameters: S (D + T H) = S' (D + T).
fn equal_stock(stock: usize, heads: usize) -> usize {
    let parameters = stock * (WIDTH + TASKS * heads);
    parameters.div_ceil(WIDTH + TASKS)
}

impl Heads {
    pub(super) fn new(config: &Config) -> Self {
        let mut draw = Stream::new(config.seed, StreamId::Weights).replicate(83);
        let part = WIDTH / BLOCKS;
        let prototypes: Vec<Vec<f64>> = (0..BLOCKS * PROTOTYPES)
            .map(|_| normals(part, 1.0 / (WIDTH as f64).sqrt(), &mut draw))
            .collect();
        let mut pick = Stream::new(config.seed, StreamId::Data).replicate(84);
        let mut compose = |samples: usize| {
            let truth: Vec<f64> = (0..BLOCKS)
                .flat_map(|b| {
                    let p = pick.below(PROTOTYPES as u32) as usize;
                    prototypes[b * PROTOTYPES + p].clone()
                })
                .collect();
            task(truth, samples, &mut pick)
        };
        let tasks: Vec<Task> = (0..TASKS).map(|_| compose(SAMPLES)).collect();
        let new: Vec<Task> = (0..NEW).map(|_| compose(SHOTS)).collect();
        let (stock, heads) = (config.stock as usize, config.heads as usize);
        let learners = [(stock, heads), (equal_stock(stock, heads), 1), (1, 1)]
            .map(|(s, h)| Learner::new(Model::new(s, h, TASKS, &mut draw)));
        let mut out = Self {
            config: config.clone(),
            tasks,
            new,
            learners,
            scenes: Vec::new(),
            done: 0,
        };
        out.show();
        out
    }

    fn show(&mut self) {
        let errors = [0, 1, 2].map(|i: usize| self.learners[i].errors(&self.tasks));
        let own = &self.learners[0].model;
        let shares = (0..TASKS).map(|t| {
            let all = (0..own.heads).flat_map(|h| own.shares(t, h));
            all.collect()
        });
        self.scenes.push(Shown {
            updates: self.done,
            errors,
            shares: shares.collect(),
        });
    }
}

const NAMES: [&str; 3] = [
    "several heads",
    "one head, as many parameters",
    "one adapter for all",
];

impl Slices for Heads {
    fn slice(&mut self) -> bool {
        let updates = self.config.train_steps;
        if self.done < updates {
            for learner in &mut self.learners {
                learner.update(&self.tasks, RATE);
            }
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
        let last = self.scenes.last();
        let final_error = |i: usize| last.map_or(f64::NAN, |s| stats::mean(&s.errors[i]));
        let [many, one, _] = &self.learners;
        let after = |f: &dyn Fn(&Task) -> f64| {
            let errors: Vec<f64> = self.new.iter().map(f).collect();
            stats::mean(&errors)
        };
        let aligned = |l: &Learner| stats::mean(&l.alignment);
        let (start, zero) = (many.model.average(), vec![0.0; WIDTH]);
        let new = Metric::new;
        let metrics = vec![
            new(
                "error",
                "Error, several heads",
                "%",
                final_error(0),
                Better::Lower,
                "Squared error over the variance of what is predicted, on fresh inputs without noise, mean over the trained tasks.",
            ),
            new(
                "error_one_head",
                "Error, one head",
                "%",
                final_error(1),
                Better::Neither,
                "The same with one block per adapter (Polytropon) and at least as many parameters, routing included.",
            ),
            new(
                "error_shared",
                "Error, one adapter",
                "%",
                final_error(2),
                Better::Neither,
                "The same with one adapter for all tasks.",
            ),
            new(
                "new_routed",
                "New tasks, all trained",
                "%",
                after(&|t| adapted(&many.model, t, Trained::Both)),
                Better::Lower,
                "Error on new tasks after 16 samples each: adapters and routing are trained on (MHR).",
            ),
            new(
                "new_routing_only",
                "New tasks, routing only",
                "%",
                after(&|t| adapted(&many.model, t, Trained::Routing)),
                Better::Lower,
                "The same when only the routing is trained (MHR-z).",
            ),
            new(
                "new_average",
                "New tasks, averaged adapter",
                "%",
                after(&|t| single(&start, t)),
                Better::Lower,
                "The same from the mean of the adapters, without routing (MHR-μ).",
            ),
            new(
                "new_scratch",
                "New tasks, from nothing",
                "%",
                after(&|t| single(&zero, t)),
                Better::Neither,
                "The same from an adapter of zeros: what the 16 samples alone are worth.",
            ),
            new(
                "alignment",
                "Gradient cosine, several heads",
                "",
                aligned(many),
                Better::Higher,
                "Mean cosine between the adapter gradients of two tasks, over all pairs and updates.",
            ),
            new(
                "alignment_one_head",
                "Gradient cosine, one head",
                "",
                aligned(one),
                Better::Neither,
                "The same with one block per adapter.",
            ),
        ];
        let lines = NAMES.iter().enumerate().map(|(i, name)| {
            let all = self.scenes.iter();
            let points: Vec<[f64; 2]> = all
                .map(|s| [s.updates as f64, stats::mean(&s.errors[i])])
                .collect();
            Series::line(*name, points)
        });
        let cosines = self.learners.iter().zip(NAMES).map(|(l, name)| {
            let all = l.alignment.iter().enumerate();
            let points: Vec<[f64; 2]> = all.map(|(i, a)| [(i + 1) as f64, *a]).collect();
            Series::line(name, points)
        });
        let chart = |id, title, doc, y, series| Chart {
            id,
            title,
            doc,
            x: Axis::linear("update", ""),
            y,
            series,
            marks: Vec::new(),
            on_timeline: true,
        };
        let charts = vec![
            chart(
                "error",
                "Error of the trained tasks",
                "Mean over tasks of the error on fresh inputs, as the adapters and their routing are trained.",
                Axis::zero_based("error", "%"),
                lines.collect(),
            ),
            chart(
                "alignment",
                "Do tasks pull the same way?",
                "Mean cosine between the gradients that two tasks send to the adapters: 1 when they agree, 0 when they do not meet, negative when they are in each other's way.",
                Axis::linear("cosine", ""),
                cosines.collect(),
            ),
        ];
        let model = &many.model;
        let scenes = self.scenes.iter().map(|s| Scene {
            at: s.updates as f64,
            rows: (s.shares.iter().zip(&s.errors[0]).enumerate())
                .map(|(i, (shares, &error))| Row {
                    name: format!("task {i}"),
                    cells: shares.iter().map(|s| *s as f32).collect(),
                    right: Vec::new(),
                    value: error,
                })
                .collect(),
        });
        Findings {
            axis: ["update", "a fortieth of the training"],
            summary: format!(
                "{} adapters in {} blocks: error {:.1} % over {TASKS} tasks, {:.1} % with one block and as many parameters ({} adapters); on new tasks {:.1} % trained whole, {:.1} % by routing alone, {:.1} % from the mean adapter.",
                model.stock,
                model.heads,
                metrics[0].value,
                metrics[1].value,
                one.model.stock,
                metrics[3].value,
                metrics[4].value,
                metrics[5].value
            ),
            sheet: Sheet {
                name: "Tasks and shares of adapters",
                caption: "dark: share of the adapter in the task's block; a group of columns is a block; bar: error",
                columns: (0..model.heads)
                    .flat_map(|h| (0..model.stock).map(move |s| format!("{h}: adapter {s}")))
                    .collect(),
                group: model.stock,
                value: "error",
                unit: "%",
                scenes: scenes.collect(),
            },
            metrics,
            charts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradients_agree_with_finite_differences() {
        let mut stream = Stream::new(3, StreamId::Test);
        let model = Model::new(3, 4, 2, &mut stream);
        let truth = normals(WIDTH, 1.0, &mut stream);
        let task = task(truth, 20, &mut stream);
        let loss = |m: &Model| {
            let a = m.mixed(1);
            0.5 * dot(&a, &apply(&task.square, &a)) - dot(&a, &task.cross)
        };
        let (mut da, mut dz) = (
            vec![0.0; model.adapters.len()],
            vec![0.0; model.routing.len()],
        );
        model.pull_back(1, &task.gradient(&model.mixed(1)), &mut da, &mut dz);
        let h = 1e-5;
        for i in 0..da.len() {
            let mut near = [model.clone(), model.clone()];
            near[0].adapters[i] += h;
            near[1].adapters[i] -= h;
            let slope = (loss(&near[0]) - loss(&near[1])) / (2.0 * h);
            assert!(
                (slope - da[i]).abs() < 1e-7,
                "adapter {i}: {slope} {}",
                da[i]
            );
        }
        for i in 0..dz.len() {
            let mut near = [model.clone(), model.clone()];
            near[0].routing[i] += h;
            near[1].routing[i] -= h;
            let slope = (loss(&near[0]) - loss(&near[1])) / (2.0 * h);
            assert!(
                (slope - dz[i]).abs() < 1e-7,
                "routing {i}: {slope} {}",
                dz[i]
            );
        }
    }

    #[test]
    fn one_head_gets_at_least_as_many_parameters() {
        for (stock, heads) in [(4, 4), (3, 8), (1, 1), (8, 2)] {
            let one = equal_stock(stock, heads);
            assert!(one * (WIDTH + TASKS) >= stock * (WIDTH + TASKS * heads));
            assert!((one - 1) * (WIDTH + TASKS) < stock * (WIDTH + TASKS * heads));
        }
        assert_eq!(equal_stock(4, 4), 8);
    }

    #[test]
    fn shares_of_a_block_sum_to_one_and_a_sharp_one_takes_one_adapter() {
        let mut stream = Stream::new(5, StreamId::Test);
        let mut model = Model::new(3, 2, 1, &mut stream);
        model.routing = vec![50.0, 0.0, 0.0, 0.0, 0.0, 50.0];
        let half = WIDTH / 2;
        let mixed = model.mixed(0);
        assert!(distance(&mixed[..half], &model.adapters[..half]) < 1e-12);
        let third = &model.adapters[2 * WIDTH + half..];
        assert!(distance(&mixed[half..], third) < 1e-12);
    }
}
