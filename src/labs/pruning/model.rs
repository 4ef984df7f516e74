//! Computation of the lab: train (or take the user's tensors), plan the whole sweep of
//! sparsities, judge the network at every step, and write everything a view needs.

use super::checkpoint::{Checkpoint, Tensor, nan_error};
use super::config::{Config, Granularity, Method, NanPolicy, Source};
use super::judge::{Judge, coarse_to_fine};
use super::mask::Mask;
use super::measure::{Bytes, Effective, Overlap, effective, overlap};
use super::network::{Recipe, Training};
use super::plan::{Known, Layer, Plan, Planner, Rule, group_steps};
use super::score::Scorer;
use super::tally::{Histogram, Strip, Tally};
use crate::core::mlp::{Evaluation, Mlp, Workspace};
use crate::core::{Chart, Error, Job, Result, Step, Timeline};
use crate::labs::{Dataset, Library};
use std::sync::Arc;

/// One point of the sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Sparsity asked for, in per cent.
    pub asked: f64,
    /// Weights pruned.
    pub pruned: u64,
    /// Loss and accuracy on the test images; none for an opened file.
    pub judged: Option<Evaluation>,
    /// Surviving paths; none for an opened file.
    pub effective: Option<Effective>,
    /// Bytes in the storage formats.
    pub bytes: Bytes,
}

/// Accuracy of another method at some sparsities.
#[derive(Debug, Clone, PartialEq)]
pub struct Rival {
    /// Its name.
    pub name: &'static str,
    /// Sparsity in per cent, accuracy in per cent.
    pub accuracy: Vec<[f64; 2]>,
    /// Sparsity in per cent, overlap of its mask with that of the run.
    pub overlap: Vec<(f64, Overlap)>,
}

/// Everything computed, shared between clones.
#[derive(Debug)]
pub struct Results {
    /// The config it was computed for.
    pub config: Config,
    /// The prunable layers.
    pub layers: Arc<[Layer]>,
    /// Which weight goes when.
    pub plan: Arc<Plan>,
    /// The sweep.
    pub points: Vec<Point>,
    /// Step of the config's sparsity.
    pub chosen: usize,
    /// Other methods on the same network.
    pub rivals: Vec<Rival>,
    /// Magnitudes per layer.
    pub histograms: Vec<Histogram>,
    /// Magnitudes of all layers together.
    pub histogram: Histogram,
    /// Density of the sections of every layer at every step.
    pub strips: Vec<Strip>,
    /// Linked charts.
    pub charts: Vec<Chart>,
    /// Number of prunable weights.
    pub total: u64,
    /// Remarks on the tensors.
    pub remarks: Vec<String>,
    /// The network that was trained here.
    pub net: Option<Arc<Mlp>>,
    /// The opened file.
    pub raw: Arc<[u8]>,
}

/// Everything computed.
#[derive(Debug, Clone)]
pub struct Run {
    pub(super) results: Arc<Results>,
    pub(super) timeline: Timeline,
}

impl Run {
    /// The results behind the pictures.
    pub fn results(&self) -> &Results {
        &self.results
    }
}

/// Sparsities of the sweep in per cent: finer where it gets interesting, and the chosen one.
fn sweep_steps(config: &Config) -> Vec<f64> {
    if config.method == Method::NOfM {
        return group_steps(config.group_m as usize);
    }
    let mut steps: Vec<f64> = (0..90).map(f64::from).collect();
    steps.extend((0..10).map(|i| 90.0 + 0.5 * f64::from(i)));
    steps.extend((0..16).map(|i| 95.0 + 0.25 * f64::from(i)));
    steps.extend((0..10).map(|i| (990.0 + f64::from(i)) / 10.0));
    let at = steps.partition_point(|&s| s < config.sparsity);
    if steps.get(at) != Some(&config.sparsity) {
        steps.insert(at, config.sparsity);
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
    steps: Vec<f64>,
    layers: Arc<[Layer]>,
    net: Option<Arc<Mlp>>,
    plan: Option<Arc<Plan>>,
    rivals: Vec<Rival>,
    points: Vec<Point>,
    /// Per layer and step, bits of information in a kept value, its byte planes apart.
    plane_bits: Vec<Vec<f64>>,
    histograms: Vec<Histogram>,
    strips: Vec<Strip>,
    remarks: Vec<String>,
    raw: Arc<[u8]>,
    phase: Phase,
    buffers: Workspace,
    /// Only what a first look needs: two points judged, no paths, no other methods.
    brief: bool,
    preview: Option<Run>,
}

/// First looks at a network while it is trained.
const SKETCHES: u64 = 10;
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
                let training = Training::new(recipe.clone())?;
                work.recipe = Some(recipe);
                work.phase = if config.method.at_init() {
                    let net = Arc::new(training.network().clone());
                    work.layers = layers_of(&net).into();
                    work.net = Some(net);
                    work.scoring()
                } else {
                    Phase::Train(training)
                };
            }
            Source::Imported => {
                let checkpoint = opened(config, data)?;
                let (layers, remarks) = imported(config, checkpoint)?;
                (work.layers, work.remarks) = (layers.into(), remarks);
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
            steps: sweep_steps(config),
            layers: Arc::from([]),
            net: None,
            plan: None,
            rivals: Vec::new(),
            points: Vec::new(),
            plane_bits: Vec::new(),
            histograms: Vec::new(),
            strips: Vec::new(),
            remarks: Vec::new(),
            raw: Arc::from([]),
            phase: Phase::Finish,
            buffers: Workspace::default(),
            brief: false,
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

    fn planning(&self, known: Known) -> Phase {
        let rule = Rule::of(&self.config);
        let planner = Planner::new(self.layers.clone(), rule, known, &self.steps);
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
        self.histograms.push(counts.histogram);
        self.strips.push(counts.strip);
        self.counting(l + 1)
    }

    fn counting(&self, l: usize) -> Phase {
        let width = self.layers.get(l).map_or(0, Layer::width);
        Phase::Tally(Tally::new(l, width, self.steps.len()))
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
        let (mut kept, mut total) = (0, 0);
        for (l, layer) in self.layers.iter().enumerate() {
            let left = plan.kept[l][step];
            let bits = self.plane_bits[l][step];
            let dims = [layer.rows, layer.cols];
            bytes.add(Bytes::of(dims, layer.width(), left, bits));
            kept += left;
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
            strips: self.strips.clone(),
            charts: Vec::new(),
            remarks: self.remarks.clone(),
            net: self.net.clone(),
            raw: self.raw.clone(),
        })
    }

    fn chosen(&self) -> usize {
        if self.config.method == Method::NOfM {
            return (self.config.group_m - self.config.keep_n.min(self.config.group_m)) as usize;
        }
        let found = self.steps.iter().position(|&s| s == self.config.sparsity);
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
        if training.steps_done() % every == 1 {
            let sketch = Self::sketch(&self.config, training.network());
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

/// Checks that go beyond one parameter.
pub(super) fn check(config: &Config) -> Result<()> {
    if config.source == Source::Imported && !config.method.from_weights() {
        return Err(Error::out_of_range(
            "method",
            config.method_words(),
            "magnitude, random, LAMP, ERK or N:M for an opened file; this one needs the network and its images",
        ));
    }
    if config.method == Method::NOfM && config.keep_n > config.group_m {
        return Err(Error::out_of_range(
            "keep_n",
            config.keep_n,
            format!("1 to {} (the group size M)", config.group_m),
        ));
    }
    Ok(())
}

/// The layers of a trained network.
pub(super) fn layers_of(net: &Mlp) -> Vec<Layer> {
    let tensor = |l: usize| {
        let (cols, rows) = (net.sizes()[l], net.sizes()[l + 1]);
        Tensor {
            name: format!("layer {}", l + 1),
            dtype: "F32".to_owned(),
            shape: vec![rows as u64, cols as u64],
            values: net.weights(l).into(),
            bytes: 4 * (rows * cols) as u64,
            nan: 0,
            inf: 0,
        }
    };
    Layer::chain((0..net.layers()).map(tensor))
}

/// The opened file.
fn opened<'a>(config: &Config, data: &'a Library) -> Result<&'a Checkpoint> {
    let Some(key) = &config.file else {
        return Err(Error::MissingData {
            name: "a .safetensors or .npy file".to_owned(),
        });
    };
    match data.get(key)? {
        Dataset::Tensors(checkpoint) => Ok(checkpoint),
        Dataset::Trace(_) | Dataset::Profile(_) | Dataset::LossLog(_) => {
            Err(Error::Unsupported(format!("{} as weights", key.name)))
        }
    }
}

/// The prunable layers of the opened file, and remarks.
fn imported(config: &Config, checkpoint: &Checkpoint) -> Result<(Vec<Layer>, Vec<String>)> {
    let name = config.file.as_ref().map_or("", |key| &key.name);
    let mut remarks = checkpoint.remarks.clone();
    let mut chosen: Vec<Tensor> = Vec::new();
    for t in checkpoint.tensors.iter().filter(|t| t.is_prunable()) {
        let mut t = t.clone();
        if t.nan > 0 {
            match config.nan_policy {
                NanPolicy::Refuse => return Err(nan_error(name, &t)),
                NanPolicy::Exclude => {
                    remarks.push(format!("tensor {:?} is left out: {} NaN", t.name, t.nan));
                    continue;
                }
                NanPolicy::Zero => {
                    let clean = |&w: &f32| if w.is_nan() { 0.0 } else { w };
                    t.values = t.values.iter().map(clean).collect();
                }
            }
        }
        chosen.push(t);
    }
    if chosen.is_empty() {
        return Err(Error::import(
            name,
            "all tensors",
            "none can be pruned; that needs floating point, two dimensions, and a name without embed, norm or bias",
        ));
    }
    Ok((Layer::chain(chosen.into_iter()), remarks))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::finish;
    use crate::labs::{DataKey, LabRun as _};

    fn run(config: &Config, data: &Library) -> Result<Run> {
        finish(&mut Work::new(config, data)?)
    }

    fn small() -> Config {
        Config {
            hidden1: 24,
            hidden2: 12,
            train_steps: 120,
            ..Config::default()
        }
    }

    #[test]
    fn a_trained_network_keeps_its_accuracy_for_long_and_then_loses_it() {
        let run = run(&small(), &Library::default()).unwrap();
        let r = run.results();
        let accuracy = |i: usize| r.points[i].judged.unwrap().accuracy();
        assert!(accuracy(0) > 0.9, "dense {}", accuracy(0));
        assert!(accuracy(40) > 0.85, "at 40 % {}", accuracy(40));
        assert!(accuracy(r.points.len() - 1) < 0.5, "at the end");
        assert_eq!(run.timeline().steps.len(), r.points.len());
        assert!(run.charts().iter().all(|c| !c.series.is_empty()));
        // Dense masks are the same; a random one meets a chosen one by chance.
        let random = r.rivals.iter().find(|o| o.name == "random").unwrap();
        assert_eq!(random.overlap[0].1.jaccard, 1.0);
        for (s, o) in &random.overlap {
            assert!((o.jaccard - o.chance).abs() < 0.06, "{s} %: {o:?}");
        }
        let layers = r.rivals.iter().find(|o| o.name == "LAMP").unwrap();
        let at_90 = layers.overlap.iter().find(|o| o.0 == 90.0).unwrap().1;
        assert!(at_90.jaccard > 4.0 * at_90.chance, "{at_90:?}");
        assert_eq!(run.tables()[0].1.rows.len(), 3);
    }

    #[test]
    fn looks_at_a_run_under_way_come_early_and_hold_no_figure_that_is_not_its_own() {
        let mut config = small();
        // No other test trains this one, so that it is not remembered.
        config.seed = 77;
        let mut work = Work::new(&config, &Library::default()).unwrap();
        let (mut looks, mut early) = (Vec::new(), 0);
        let last = loop {
            if let Step::Done(run) = work.step().unwrap() {
                break run;
            }
            if let Some(run) = work.preview() {
                early += usize::from(work.net.is_none());
                looks.push(run);
            }
        };
        assert_eq!(early, SKETCHES as usize, "while it is trained");
        let (ended, trained) = (last.results(), &looks[early..]);
        for look in trained {
            let r = look.results();
            assert_eq!(r.plan, ended.plan);
            for (a, b) in r.points.iter().zip(&ended.points) {
                assert!(a.judged.is_none() || a.judged == b.judged);
                assert_eq!((a.pruned, &a.bytes), (b.pruned, &b.bytes));
            }
        }
        let judged = |r: &Results| r.points.iter().filter(|p| p.judged.is_some()).count();
        let counts: Vec<usize> = trained.iter().map(|l| judged(l.results())).collect();
        assert!(counts.is_sorted() && counts.len() > 2, "{counts:?}");
        assert_eq!(judged(ended), ended.points.len());
    }

    #[test]
    fn another_sparsity_of_the_same_sweep_gives_the_same_accuracies() {
        let a = run(&small(), &Library::default()).unwrap();
        let config = Config {
            sparsity: 87.3,
            ..small()
        };
        let b = run(&config, &Library::default()).unwrap();
        let at = |run: &Run, asked: f64| {
            let points = run.results().points.iter();
            points.filter(|p| p.asked == asked).map(|p| p.judged).next()
        };
        for asked in [0.0, 50.0, 99.0] {
            assert_eq!(at(&a, asked), at(&b, asked), "{asked} %");
        }
        assert!(at(&b, 87.3).flatten().is_some());
    }

    #[test]
    fn every_method_prunes_exactly_the_count_it_promises_and_masks_are_nested() {
        let small = || Config {
            hidden1: 10,
            hidden2: 8,
            train_steps: 20,
            ..Config::default()
        };
        for method in Method::ALL {
            let both = matches!(method, Method::Magnitude | Method::Random);
            for granularity in [Granularity::Layer, Granularity::Global] {
                if granularity == Granularity::Global && !both {
                    continue;
                }
                let config = Config {
                    method,
                    granularity,
                    ..small()
                };
                let run = run(&config, &Library::default()).unwrap();
                let r = run.results();
                for (step, point) in r.points.iter().enumerate() {
                    let counted: usize = r
                        .plan
                        .pruned_at
                        .iter()
                        .flat_map(|l| l.iter())
                        .filter(|&&at| usize::from(at) <= step)
                        .count();
                    assert_eq!(counted as u64, point.pruned, "{method:?} step {step}");
                    let exact = crate::labs::pruning::select::count_rule(
                        point.asked / 100.0,
                        r.total as usize,
                    );
                    let slack = match (method, granularity) {
                        (Method::Magnitude | Method::Random, Granularity::Global)
                        | (
                            Method::Lamp
                            | Method::Obd
                            | Method::Snip
                            | Method::Grasp
                            | Method::SynFlow,
                            _,
                        ) => 0,
                        (Method::NOfM | Method::Units, _) => r.total,
                        // The budget is an upper bound: more may go where that costs less.
                        (Method::JointDp, _) if point.pruned as usize >= exact => r.total,
                        _ => r.layers.len() as u64,
                    };
                    assert!(
                        point.pruned.abs_diff(exact as u64) <= slack,
                        "{method:?} {point:?}"
                    );
                }
                let ascending = |w: &[Point]| w[0].pruned <= w[1].pruned;
                assert!(r.points.windows(2).all(ascending), "{method:?}");
                assert!(
                    run.story(crate::core::EntityId(1), 90.0)
                        .is_some_and(|s| !s.why.is_empty())
                );
            }
        }
    }

    fn library(values: Vec<f32>) -> (Config, Library) {
        let key = DataKey {
            name: "w.safetensors".to_owned(),
            hash: String::new(),
        };
        let tensor = Tensor {
            name: "a".to_owned(),
            dtype: "F32".to_owned(),
            shape: vec![2, values.len() as u64 / 2],
            nan: values.iter().filter(|v| v.is_nan()).count(),
            values: values.into(),
            bytes: 0,
            inf: 0,
        };
        let mut library = Library::default();
        let checkpoint = Checkpoint {
            tensors: vec![tensor],
            ..Checkpoint::default()
        };
        library.insert(key.clone(), Dataset::Tensors(Arc::new(checkpoint)));
        let config = Config {
            source: Source::Imported,
            file: Some(key),
            sparsity: 50.0,
            ..Config::default()
        };
        (config, library)
    }

    #[test]
    fn an_opened_file_is_pruned_without_claiming_an_accuracy() {
        let (config, library) = library(vec![0.5, -0.1, 0.2, f32::INFINITY, 0.0, 0.2]);
        let run = run(&config, &library).unwrap();
        let r = run.results();
        assert_eq!(r.points[r.chosen].pruned, 3);
        let kept = |i: usize| usize::from(r.plan.pruned_at[0][i]) > r.chosen;
        assert_eq!(
            [0, 1, 2, 3, 4, 5].map(kept),
            [true, false, false, true, false, true]
        );
        assert!(run.metrics().iter().all(|m| m.id != "accuracy_percent"));
    }

    #[test]
    fn values_that_are_not_numbers_wait_for_a_decision() {
        let (mut config, library) = library(vec![0.5, f32::NAN, 0.2, 1.0]);
        let error = run(&config, &library).unwrap_err().to_string();
        assert!(
            error.contains("tensor \"a\": 1 values are not a number"),
            "{error}"
        );
        config.nan_policy = NanPolicy::Zero;
        assert_eq!(
            run(&config, &library).unwrap().results().plan.pruned_at[0][1],
            13,
            "as 0 it goes first: 0.13 · 4 rounds to 1"
        );
        config.nan_policy = NanPolicy::Exclude;
        assert!(run(&config, &library).is_err(), "nothing is left");
        config.file = None;
        assert!(run(&config, &library).is_err());
    }
}
