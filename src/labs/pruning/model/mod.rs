//! Computation of the lab: train (or take the user's tensors), plan the whole sweep of
//! sparsities, judge the network at every step, and write everything a view needs.

mod source;

pub(super) use source::{check, layers_of, opened};

use super::config::{Config, Granularity, Method, Source};
use super::judge::{Judge, coarse_to_fine};
use super::measure::{Bytes, Left, Overlap, Planes, effective, overlap};
use super::network::{Recipe, Training, start_of};
use super::packing::Packed;
use super::plan::{Known, Layer, Plan, Planner, Rule, group_steps};
use super::results::{Point, Results, Rival, Run};
use super::score::Scorer;
use super::tally::{Histogram, Strip, Tally};
use crate::core::mask::Mask;
use crate::core::mlp::{Mlp, Workspace};
use crate::core::{Error, Job, Result, Step};
use crate::labs::Library;
use source::imported;
use std::sync::Arc;

/// Sparsities of the sweep in per cent: finer where it gets interesting, and the chosen one.
fn sweep_steps(config: &Config, chosen: f64) -> Vec<f64> {
    if config.method == Method::NOfM {
        return group_steps(config.group_m as usize);
    }
    let mut steps: Vec<f64> = (0..90).map(f64::from).collect();
    steps.extend((0..10).map(|i| 90.0 + 0.5 * f64::from(i)));
    steps.extend((0..16).map(|i| 95.0 + 0.25 * f64::from(i)));
    steps.extend((0..10).map(|i| (990.0 + f64::from(i)) / 10.0));
    let at = steps.partition_point(|&s| s < chosen);
    if steps.get(at) != Some(&chosen) {
        steps.insert(at, chosen);
    }
    steps
}

/// Sparsities at which other methods are judged, in per cent.
const RIVAL_STEPS: [f64; 13] = [
    0.0, 50.0, 70.0, 80.0, 85.0, 90.0, 92.5, 95.0, 96.0, 97.0, 98.0, 99.0, 99.5,
];

const RIVALS: [(&str, Method, Granularity); 5] = [
    ("global magnitude", Method::Magnitude, Granularity::Global),
    ("per-layer magnitude", Method::Magnitude, Granularity::Layer),
    ("LAMP", Method::Lamp, Granularity::Global),
    ("ERK", Method::Erk, Granularity::Global),
    ("random", Method::Random, Granularity::Global),
];

enum Phase {
    Train(Training),
    /// A first look at the network under way.
    Sketch(Training, Box<Work>),
    Score(Box<Scorer>),
    Plan(Planner),
    Tally(Tally),
    Measure(usize),
    Judge(Judge),
    Rival(usize, Planner),
    JudgeRival(usize, Judge),
    Finish,
}

/// The computation in steps.
pub(super) struct Work {
    config: Config,
    recipe: Option<Recipe>,
    /// The chosen sparsity in per cent.
    total: f64,
    steps: Vec<f64>,
    layers: Arc<[Layer]>,
    net: Option<Arc<Mlp>>,
    plan: Option<Arc<Plan>>,
    rivals: Vec<Rival>,
    points: Vec<Point>,
    /// Per layer and step, bits of information in a kept value, its byte planes apart.
    plane_bits: Vec<Vec<f64>>,
    /// Per layer, how well its masks pack.
    packed: Vec<Packed>,
    histograms: Vec<Histogram>,
    /// Rotated bytes of all layers as wide as the first.
    rotated: Option<Planes>,
    strips: Vec<Strip>,
    remarks: Vec<String>,
    raw: Arc<[u8]>,
    phase: Phase,
    buffers: Workspace,
    /// Only what a first look needs: two points judged, no paths, no other methods.
    brief: bool,
    /// First looks taken so far.
    sketches: u64,
    preview: Option<Run>,
}

/// First looks at a network while it is trained.
const SKETCHES: u64 = 5;
/// Sparsities at which a network pruned before training is trained, in per cent.
const TRAINED_AT: [f64; 9] = [0.0, 90.0, 98.0, 50.0, 95.0, 80.0, 99.0, 70.0, 99.5];
/// Judged points at which the sweep is shown although it is not finished.
const SHOWN_AT: [usize; 5] = [2, 10, 18, 34, 66];

impl Work {
    pub(super) fn new(config: &Config, data: &Library) -> Result<Self> {
        let mut work = Self::empty(config);
        match config.source {
            Source::Trained => {
                let recipe = Recipe {
                    sizes: config.sizes(),
                    steps: config.train_steps,
                    seed: config.seed,
                };
                work.recipe = Some(recipe.clone());
                work.phase = if config.method.at_init() {
                    let net = Arc::new(start_of(&recipe)?);
                    work.layers = layers_of(&net).into();
                    work.net = Some(net);
                    work.scoring()
                } else {
                    Phase::Train(Training::new(recipe)?)
                };
            }
            Source::Imported => {
                let checkpoint = opened(config, data)?;
                let (layers, remarks) = imported(config, checkpoint)?;
                (work.layers, work.remarks) = (layers.into(), remarks);
                if let Some((_, total)) = work.rule().own {
                    work.total = total;
                    work.steps = sweep_steps(config, total);
                }
                work.raw = checkpoint.raw.clone();
                work.phase = work.planning(Known::default());
            }
        }
        Ok(work)
    }

    fn empty(config: &Config) -> Self {
        Self {
            config: config.clone(),
            recipe: None,
            total: config.total_sparsity(),
            steps: sweep_steps(config, config.total_sparsity()),
            layers: Arc::from([]),
            net: None,
            plan: None,
            rivals: Vec::new(),
            points: Vec::new(),
            plane_bits: Vec::new(),
            packed: Vec::new(),
            histograms: Vec::new(),
            rotated: None,
            strips: Vec::new(),
            remarks: Vec::new(),
            raw: Arc::from([]),
            phase: Phase::Finish,
            buffers: Workspace::default(),
            brief: false,
            sketches: 0,
            preview: None,
        }
    }

    /// A first look at a network that is not trained to its end.
    fn sketch(config: &Config, net: &Mlp) -> Self {
        let mut work = Self::empty(config);
        work.brief = true;
        work.layers = layers_of(net).into();
        work.net = Some(Arc::new(net.clone()));
        work.phase = work.planning(Known::default());
        work
    }

    /// Number of weights that are ranked.
    #[cfg(feature = "gpu")]
    pub(super) fn weights(&self) -> u64 {
        let known: u64 = self.layers.iter().map(|l| l.values.len() as u64).sum();
        let sizes = self.config.sizes();
        let built = sizes.windows(2).map(|w| (w[0] * w[1]) as u64).sum();
        match self.config.source {
            Source::Trained => built,
            Source::Imported => known,
        }
    }

    /// The planner at work, if weights are being ranked.
    #[cfg(feature = "gpu")]
    pub(super) fn planner(&mut self) -> Option<&mut Planner> {
        match &mut self.phase {
            Phase::Plan(planner) | Phase::Rival(_, planner) => Some(planner),
            _ => None,
        }
    }

    /// Goes on to the scores, where the method needs some, or to the plan.
    fn scoring(&self) -> Phase {
        let rule = Rule::of(&self.config);
        let scorer = self.net.as_ref().and_then(|net| Scorer::new(net, &rule));
        match scorer {
            Some(scorer) => Phase::Score(Box::new(scorer)),
            None => self.planning(Known::default()),
        }
    }

    fn rule(&self) -> Rule {
        match self.config.source {
            Source::Trained => Rule::of(&self.config),
            Source::Imported => Rule::for_file(&self.config, &self.layers),
        }
    }

    fn planning(&self, known: Known) -> Phase {
        let planner = Planner::new(self.layers.clone(), self.rule(), known, &self.steps);
        Phase::Plan(planner)
    }

    fn rival(&self, from: usize) -> Phase {
        let next = (from..RIVALS.len()).find(|&i| {
            let (_, method, granularity) = RIVALS[i];
            method != self.config.method
                || (method == Method::Magnitude && granularity != self.config.granularity)
        });
        match next {
            Some(i) if !self.brief && !self.config.method.at_init() => {
                let (rule, known) = (self.rival_rule(i), Known::default());
                let planner = Planner::new(self.layers.clone(), rule, known, &RIVAL_STEPS);
                Phase::Rival(i, planner)
            }
            _ => Phase::Finish,
        }
    }

    /// Overlap of another method's masks with those of the run, where both have the sparsity.
    fn overlaps(&self, other: &Plan) -> Vec<(f64, Overlap)> {
        let Some(plan) = &self.plan else {
            return Vec::new();
        };
        let mask = |plan: &Plan, step: usize| {
            let weights: Vec<u8> = plan.pruned_at.iter().flat_map(|l| l.to_vec()).collect();
            Mask::from_fn(weights.len(), |i| usize::from(weights[i]) > step)
        };
        let both = |(theirs, s): (usize, &f64)| {
            let ours = self.steps.iter().position(|x| x == s)?;
            Some((*s, overlap(&mask(plan, ours), &mask(other, theirs))))
        };
        RIVAL_STEPS.iter().enumerate().filter_map(both).collect()
    }

    fn rival_rule(&self, i: usize) -> Rule {
        let (_, method, granularity) = RIVALS[i];
        Rule {
            method,
            granularity,
            ..Rule::of(&self.config)
        }
    }

    fn judging(&self) -> Phase {
        let (Some(net), Some(plan)) = (&self.net, &self.plan) else {
            return Phase::Finish;
        };
        let first = [0, self.chosen()];
        if self.brief {
            return Phase::Judge(Judge::new(net, plan.clone(), first.into_iter()));
        }
        if let Some(recipe) = self.recipe.clone().filter(|_| self.config.method.at_init()) {
            let nearest = |s: f64| self.steps.partition_point(|&x| x < s);
            let order = [self.chosen()].into_iter().chain(TRAINED_AT.map(nearest));
            let judge = Judge::new(net, plan.clone(), order).after_training(recipe);
            return Phase::Judge(self.remembering(judge, Rule::of(&self.config), &self.steps));
        }
        let order = coarse_to_fine(&first, self.steps.len());
        let judge = Judge::new(net, plan.clone(), order.into_iter());
        Phase::Judge(self.remembering(judge, Rule::of(&self.config), &self.steps))
    }

    fn remembering(&self, judge: Judge, rule: Rule, steps: &[f64]) -> Judge {
        match &self.recipe {
            Some(recipe) => judge.of((recipe.clone(), rule), steps),
            None => judge,
        }
    }

    /// Goes on counting layers, one after the other.
    fn tally(&mut self, mut tally: Tally) -> Phase {
        let (Some(plan), Some(layer)) = (&self.plan, self.layers.get(tally.layer)) else {
            return Phase::Measure(0);
        };
        let l = tally.layer;
        if !tally.advance(layer, &plan.pruned_at[l]) {
            return Phase::Tally(tally);
        }
        let counts = tally.finish();
        self.plane_bits.push(counts.plane_bits);
        self.packed.push(counts.packed);
        match &mut self.rotated {
            None => self.rotated = Some(counts.rotated),
            Some(all) if all.width() == counts.rotated.width() => all.merge(&counts.rotated),
            Some(_) => {}
        }
        self.histograms.push(counts.histogram);
        self.strips.push(counts.strip);
        self.counting(l + 1)
    }

    fn counting(&self, l: usize) -> Phase {
        let (dims, width) = match self.layers.get(l) {
            Some(layer) => ([layer.rows, layer.cols], layer.width()),
            None => ([0, 0], 0),
        };
        Phase::Tally(Tally::new(l, dims, width, self.steps.len()))
    }

    /// Counts one point of the sweep; accuracy comes later.
    fn measure(&mut self, step: usize) -> Result<Phase> {
        let Some(plan) = &self.plan else {
            return Err(Error::Stuck("there is nothing to prune".to_owned()));
        };
        let Some(&asked) = self.steps.get(step) else {
            if !self.brief {
                self.preview = Some(self.run());
            }
            return Ok(self.judging());
        };
        let mut bytes = Bytes::default();
        let (mut kept, mut total, mut fitting) = (0, 0, 0.0);
        for (l, layer) in self.layers.iter().enumerate() {
            let left = Left {
                kept: plan.kept[l][step],
                blocks: self.packed[l].blocks[step],
                two_four: self.packed[l].two_four[step],
                plane_bits: self.plane_bits[l][step],
            };
            let n = layer.values.len() as u64;
            bytes.add(Bytes::of([layer.rows, layer.cols], layer.width(), left));
            fitting += left.two_four * n as f64;
            kept += left.kept;
            total += layer.values.len() as u64;
        }
        let dims: Vec<[usize; 2]> = self.layers.iter().map(|l| [l.rows, l.cols]).collect();
        let stays = |l: usize, i: usize| usize::from(plan.pruned_at[l][i]) > step;
        let follow = self.net.is_some() && !self.brief;
        self.points.push(Point {
            asked,
            pruned: total - kept,
            judged: None,
            effective: follow.then(|| effective(&dims, &stays)),
            bytes,
            two_four: fitting / total.max(1) as f64,
        });
        Ok(Phase::Measure(step + 1))
    }

    /// Takes over what is judged so far.
    fn take_judged(&mut self, judge: &Judge) {
        for (point, judged) in self.points.iter_mut().zip(&judge.done) {
            point.judged = *judged;
        }
    }

    /// What is known so far.
    fn run(&self) -> Run {
        let joined = self.histograms.iter().cloned().reduce(|a, b| a.join(&b));
        super::report::run(Results {
            chosen: self.chosen(),
            total: self.layers.iter().map(|l| l.values.len() as u64).sum(),
            config: self.config.clone(),
            layers: self.layers.clone(),
            plan: self.plan.clone().unwrap_or_default(),
            points: self.points.clone(),
            rivals: self.rivals.clone(),
            histogram: joined.unwrap_or_default(),
            histograms: self.histograms.clone(),
            planes: self.rotated.as_ref().map_or(Vec::new(), Planes::entropies),
            strips: self.strips.clone(),
            charts: Vec::new(),
            remarks: self.remarks.clone(),
            net: self.net.clone(),
            raw: self.raw.clone(),
            film: None,
        })
    }

    fn chosen(&self) -> usize {
        if self.config.method == Method::NOfM {
            return (self.config.group_m - self.config.keep_n.min(self.config.group_m)) as usize;
        }
        let found = self.steps.iter().position(|&s| s == self.total);
        found.unwrap_or(0)
    }

    fn train(&mut self, mut training: Training) -> Phase {
        if let Some(net) = training.step() {
            self.layers = layers_of(&net).into();
            self.net = Some(net);
            return self.scoring();
        }
        if !self.config.method.from_weights() {
            return Phase::Train(training);
        }
        let every = self.config.train_steps.div_ceil(SKETCHES).max(1);
        if training.steps_done() > self.sketches * every {
            self.sketches += 1;
            let sketch = Self::sketch(&self.config, &training.network());
            return Phase::Sketch(training, Box::new(sketch));
        }
        Phase::Train(training)
    }
}

impl Job for Work {
    type Out = Run;

    fn step(&mut self) -> Result<Step<Run>> {
        self.phase = match std::mem::replace(&mut self.phase, Phase::Finish) {
            Phase::Train(training) => self.train(training),
            Phase::Sketch(training, mut sketch) => match sketch.step()? {
                Step::Working => Phase::Sketch(training, sketch),
                Step::Done(run) => {
                    self.preview = Some(run);
                    Phase::Train(training)
                }
            },
            Phase::Score(mut scorer) => match scorer.step() {
                None => Phase::Score(scorer),
                Some(known) => self.planning(known),
            },
            Phase::Plan(mut planner) => match planner.step() {
                None => Phase::Plan(planner),
                Some(plan) => {
                    self.plan = Some(Arc::new(plan));
                    self.counting(0)
                }
            },
            Phase::Tally(tally) => self.tally(tally),
            Phase::Measure(step) => self.measure(step)?,
            Phase::Judge(mut judge) => {
                let before = judge.judged;
                let all = judge.advance(&mut self.buffers)?;
                if all {
                    self.take_judged(&judge);
                    self.rival(0)
                } else {
                    let slow = self.config.method.at_init();
                    let worth = slow || SHOWN_AT.contains(&judge.judged);
                    if !self.brief && before != judge.judged && worth {
                        self.take_judged(&judge);
                        self.preview = Some(self.run());
                    }
                    Phase::Judge(judge)
                }
            }
            Phase::Rival(i, mut planner) => match (planner.step(), &self.net) {
                (Some(plan), Some(net)) => {
                    self.rivals.push(Rival {
                        name: RIVALS[i].0,
                        accuracy: Vec::new(),
                        overlap: self.overlaps(&plan),
                    });
                    let judge = Judge::new(net, Arc::new(plan), 0..RIVAL_STEPS.len());
                    let judge = self.remembering(judge, self.rival_rule(i), &RIVAL_STEPS);
                    Phase::JudgeRival(i, judge)
                }
                _ => Phase::Rival(i, planner),
            },
            Phase::JudgeRival(i, mut judge) => {
                if judge.advance(&mut self.buffers)? {
                    let curve = RIVAL_STEPS.iter().zip(&judge.done);
                    let known = curve.filter_map(|(&s, e)| Some([s, 100.0 * (*e)?.accuracy()]));
                    if let Some(rival) = self.rivals.last_mut() {
                        rival.accuracy = known.collect();
                    }
                    self.rival(i + 1)
                } else {
                    Phase::JudgeRival(i, judge)
                }
            }
            Phase::Finish => return Ok(Step::Done(self.run())),
        };
        Ok(Step::Working)
    }

    fn progress(&self) -> f64 {
        let share = |part: usize, whole: usize| part as f64 / whole.max(1) as f64;
        match &self.phase {
            Phase::Train(t) | Phase::Sketch(t, _) => 0.4 * t.progress(),
            Phase::Score(s) => 0.4 + 0.04 * s.progress(),
            Phase::Plan(p) if self.net.is_none() => 0.8 * p.progress(),
            Phase::Tally(t) if self.net.is_none() => 0.8 + 0.1 * share(t.layer, self.layers.len()),
            Phase::Measure(s) if self.net.is_none() => 0.9 + 0.1 * share(*s, self.steps.len()),
            Phase::Plan(_) | Phase::Tally(_) => 0.4,
            Phase::Measure(s) => 0.4 + 0.05 * share(*s, self.steps.len()),
            Phase::Judge(j) => 0.45 + 0.35 * share(j.judged, j.wanted()),
            Phase::Rival(i, _) => 0.8 + 0.2 * share(*i, RIVALS.len()),
            Phase::JudgeRival(i, _) => 0.82 + 0.18 * share(*i, RIVALS.len()),
            Phase::Finish => 1.0,
        }
    }

    fn preview(&mut self) -> Option<Run> {
        self.preview.take()
    }
}

#[cfg(test)]
mod tests;
