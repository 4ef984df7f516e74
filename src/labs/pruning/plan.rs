//! The plan of a sweep: at which sparsity every weight is pruned. Masks of all methods here are
//! nested (a weight once pruned stays pruned as the sparsity grows), so one number per weight
//! holds the masks of the whole sweep.

mod removals;

use super::checkpoint::Tensor;
use super::config::{Config, Granularity, Method};
use super::kinds::{Choosing, Fusion};
use super::ranks::{Assign, NEVER, Ranks};
use super::score::Distortion;
use super::systems::{lamp, random};
use crate::core::groups;
use crate::core::select::{Cut, count_rule, magnitude_key};
use std::sync::Arc;

/// One prunable tensor.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// Its name.
    pub name: String,
    /// Its number format.
    pub dtype: String,
    /// Its dimensions.
    pub shape: Vec<u64>,
    /// Rows of the matrix `[out, in · kh · kw]`.
    pub rows: usize,
    /// Columns of that matrix.
    pub cols: usize,
    /// Its weights.
    pub values: Arc<[f32]>,
    /// Number of weights in the layers before it.
    pub start: u64,
}

impl Layer {
    /// Layers from tensors, in order.
    pub fn chain(tensors: impl Iterator<Item = Tensor>) -> Vec<Self> {
        let mut start = 0;
        let mut layers = Vec::new();
        for t in tensors {
            let [rows, cols] = t.matrix();
            let n = t.values.len() as u64;
            layers.push(Self {
                name: t.name,
                dtype: t.dtype,
                shape: t.shape,
                rows,
                cols,
                values: t.values,
                start,
            });
            start += n;
        }
        layers
    }

    /// Bytes of one weight as stored.
    pub fn width(&self) -> u64 {
        super::header::bits_of(&self.dtype).unwrap_or(32) / 8
    }
}

/// What is ranked how, at which sparsities.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// The method.
    pub method: Method,
    /// Over which weights one ranking runs (magnitude and random).
    pub granularity: Granularity,
    /// Group size of N:M.
    pub group_m: usize,
    /// Rounds of SynFlow.
    pub rounds: usize,
    /// Rows and columns of a block.
    pub block: [usize; 2],
    /// Rates of one's own in per cent, and what they come to.
    pub own: Option<(Vec<f64>, f64)>,
    /// Rates of one's own in per cent beside a method that spreads the rest, by layer, and the
    /// method's rate at which they are met.
    pub fixed: Option<(Vec<Option<f64>>, f64)>,
    /// Standard deviations of the contribution added to its mean.
    pub spread: f64,
    /// Floor of the curvature, for the signal-to-noise ratio.
    pub damping: f64,
    /// Which importances of a unit count.
    pub fusion: Fusion,
    /// How the weights of a sketch are chosen.
    pub choosing: Choosing,
    /// Seed of random masks.
    pub seed: u64,
}

/// What a method must know beside the weights.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Known {
    /// Keys per layer, for methods with scores of their own.
    pub keys: Option<Arc<[Arc<[u32]>]>>,
    /// Distortion of every layer, for the joint allocation.
    pub distortion: Option<Distortion>,
}

impl Rule {
    /// The rule of a config.
    pub fn of(config: &Config) -> Self {
        Self {
            method: config.method,
            granularity: config.granularity,
            group_m: config.group_m.max(1) as usize,
            rounds: config.rounds as usize,
            block: [config.block_rows.max(1), config.block_cols.max(1)].map(|v| v as usize),
            own: (config.method == Method::Manual)
                .then(|| (config.rates(), config.total_sparsity())),
            fixed: None,
            spread: config.spread,
            damping: config.damping,
            fusion: config.fusion,
            choosing: config.choosing,
            seed: config.seed,
        }
    }

    /// The rule of a config for the layers of an opened file: rates of one's own are kept by name.
    pub fn for_file(config: &Config, layers: &[Layer]) -> Self {
        let mut rule = Self::of(config);
        if config.method == Method::Manual {
            let rates: Vec<f64> = layers.iter().map(|l| config.rate_of(&l.name)).collect();
            let (mut gone, mut all) = (0, 0);
            for (layer, rate) in layers.iter().zip(&rates) {
                gone += count_rule(rate / 100.0, layer.values.len());
                all += layer.values.len();
            }
            rule.own = Some((rates, 100.0 * gone as f64 / all.max(1) as f64));
        }
        if config.mixes() {
            let own = |l: &Layer| {
                let found = config.own_rates.iter().find(|(name, _)| *name == l.name);
                found.map(|(_, rate)| *rate)
            };
            rule.fixed = Some((layers.iter().map(own).collect(), config.sparsity));
        }
        rule
    }

    /// Whether the layers share one cut.
    fn global(&self) -> bool {
        self.fixed.is_none() && self.ranks_all()
    }

    fn ranks_all(&self) -> bool {
        match self.method {
            Method::Magnitude | Method::Random => self.granularity == Granularity::Global,
            method => method.always_global(),
        }
    }

    fn key(&self, layer: &Layer, i: usize, value: f32) -> u32 {
        match self.method {
            Method::Random => random::key(random::fold(self.seed), (layer.start + i as u64) as u32),
            _ => magnitude_key(value),
        }
    }
}

/// The finished plan.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    /// Per layer and weight: index of the first step at which it is pruned, or [`NEVER`].
    pub pruned_at: Vec<Arc<[u8]>>,
    /// Per layer and step: how many weights are kept.
    pub kept: Vec<Vec<u64>>,
    /// Per layer and step: where the ranking was cut. With a global ranking all layers share it;
    /// N:M has none.
    pub cuts: Vec<Vec<Cut>>,
}

/// Steps of a sweep for N:M: sparsities 1 - n/m for n = m … 1, in per cent.
pub fn group_steps(m: usize) -> Vec<f64> {
    (1..=m)
        .rev()
        .map(|n| 100.0 * (1.0 - n as f64 / m as f64))
        .collect()
}

/// Keys looked at in one step of the job.
const CHUNK: usize = 1 << 15;

#[derive(Debug)]
enum Phase {
    Score(usize),
    Count(Ranks),
    Assign(Assign),
    Group,
    Done,
}

/// Steps of a sweep at most: their numbers are kept in a byte.
pub const MOST_STEPS: usize = 250;

/// Makes a plan in short steps.
#[derive(Debug)]
pub struct Planner {
    layers: Arc<[Layer]>,
    rule: Rule,
    /// Sparsities as shares.
    steps: Vec<f64>,
    /// Layers ranked together, as (first, one after last).
    groups: Vec<(usize, usize)>,
    group: usize,
    layer: usize,
    offset: usize,
    phase: Phase,
    known: Known,
    scores: Vec<Vec<f64>>,
    wanted: Vec<Vec<u64>>,
    pruned_at: Vec<Vec<u8>>,
    plan: Plan,
    work_done: u64,
}

impl Planner {
    /// Starts a plan for the steps (in per cent, ascending; at most [`MOST_STEPS`]).
    pub fn new(layers: Arc<[Layer]>, rule: Rule, known: Known, steps: &[f64]) -> Self {
        let count = layers.len();
        let groups = if rule.global() {
            vec![(0, count)]
        } else {
            (0..count).map(|l| (l, l + 1)).collect()
        };
        let mut planner = Self {
            phase: match rule.method {
                Method::NOfM => Phase::Group,
                _ => Phase::Score(0),
            },
            steps: steps.iter().take(MOST_STEPS).map(|p| p / 100.0).collect(),
            pruned_at: layers
                .iter()
                .map(|l| Vec::with_capacity(l.values.len()))
                .collect(),
            plan: Plan {
                pruned_at: Vec::new(),
                kept: Vec::new(),
                cuts: Vec::new(),
            },
            known,
            scores: Vec::new(),
            wanted: Vec::new(),
            group: 0,
            layer: 0,
            offset: 0,
            work_done: 0,
            layers,
            rule,
            groups,
        };
        if !planner.scores_first() && planner.rule.method != Method::NOfM {
            planner.phase = planner.counting();
        }
        planner
    }

    /// Share done, 0 to 1.
    pub fn progress(&self) -> f64 {
        let total: u64 = self.layers.iter().map(|l| l.values.len() as u64).sum();
        let passes = if self.rule.method == Method::NOfM {
            1
        } else {
            4
        };
        (self.work_done as f64 / (passes * total.max(1)) as f64).min(1.0)
    }

    /// One short step; the plan when it is finished.
    pub fn step(&mut self) -> Option<Plan> {
        match std::mem::replace(&mut self.phase, Phase::Done) {
            Phase::Score(layer) => self.score(layer),
            Phase::Count(ranks) => self.count(ranks),
            Phase::Assign(assign) => self.assign(assign),
            Phase::Group => self.split_groups(),
            Phase::Done => return Some(self.finished()),
        }
        None
    }

    /// Whether the scores of the layers must be known before their rates.
    fn scores_first(&self) -> bool {
        match self.rule.method {
            Method::Lamp => true,
            Method::Magnitude => self.rule.fixed.is_some() && self.rule.ranks_all(),
            _ => false,
        }
    }

    /// Rate of one's own of a layer, where the method spreads the rest.
    fn fixed_rate(&self, layer: usize) -> Option<f64> {
        self.rule.fixed.as_ref()?.0.get(layer).copied().flatten()
    }

    /// The scores of one layer in ascending order: of LAMP, or the magnitudes.
    fn score(&mut self, layer: usize) {
        if let Some(l) = self.layers.get(layer) {
            if self.fixed_rate(layer).is_none() {
                let mut keys: Vec<u32> = l.values.iter().map(|&w| magnitude_key(w)).collect();
                self.scores.push(if self.rule.method == Method::Lamp {
                    lamp::ascending_scores(keys)
                } else {
                    keys.sort_unstable();
                    // Below 1, in the order of the keys.
                    let scale = f64::from(1_u32 << 31);
                    keys.into_iter().map(|k| f64::from(k) / scale).collect()
                });
            }
            self.phase = Phase::Score(layer + 1);
        } else {
            self.phase = self.counting();
        }
    }

    /// How many weights of each group go at each step, and the select that finds them.
    fn counting(&mut self) -> Phase {
        if self.wanted.is_empty() {
            self.wanted = self.removals();
            self.scores.clear();
        }
        match self.wanted.get(self.group) {
            Some(ks) => Phase::Count(Ranks::new(ks)),
            None => Phase::Done,
        }
    }

    /// The next keys of the current group; whether the group is through.
    fn take(&mut self, mut use_key: impl FnMut(u32, usize)) -> bool {
        let Some(&(_, end)) = self.groups.get(self.group) else {
            return true;
        };
        let Some(layer) = self.layers.get(self.layer) else {
            return true;
        };
        let to = (self.offset + CHUNK).min(layer.values.len());
        for i in self.offset..to {
            let scored = self
                .known
                .keys
                .as_ref()
                .and_then(|k| k.get(self.layer)?.get(i));
            let key = scored.copied();
            let key = key.unwrap_or_else(|| self.rule.key(layer, i, layer.values[i]));
            use_key(key, self.layer);
        }
        self.work_done += (to - self.offset) as u64;
        self.offset = to;
        if to == layer.values.len() {
            self.layer += 1;
            self.offset = 0;
        }
        self.layer >= end
    }

    fn rewind(&mut self) {
        self.layer = self.groups.get(self.group).map_or(0, |g| g.0);
        self.offset = 0;
    }

    fn count(&mut self, mut ranks: Ranks) {
        let mut keys = Vec::with_capacity(CHUNK);
        let through = self.take(|key, _| keys.push(key));
        ranks.count(keys.into_iter());
        if !through {
            self.phase = Phase::Count(ranks);
            return;
        }
        ranks.narrow();
        self.rewind();
        self.phase = if ranks.done() {
            Phase::Assign(Assign::new(ranks.cuts()))
        } else {
            Phase::Count(ranks)
        };
    }

    /// Ranks of the next group of layers, while nothing of it is counted yet: what a device may take
    /// over. None for N:M, and between groups.
    pub fn ranking(&self) -> Option<&[u64]> {
        let fresh = self.offset == 0 && self.groups.get(self.group)?.0 == self.layer;
        match &self.phase {
            Phase::Count(ranks) if fresh && ranks.untouched() => {
                self.wanted.get(self.group).map(Vec::as_slice)
            }
            _ => None,
        }
    }

    /// Number of keys of the group under way.
    pub fn group_len(&self) -> usize {
        let of = |&(first, end): &(usize, usize)| self.layers[first..end].iter();
        let layers = self.groups.get(self.group).map(of);
        layers.map_or(0, |l| l.map(|l| l.values.len()).sum())
    }

    /// Some more keys of the group under way in flat order; whether that was all. Then the group
    /// starts anew.
    pub fn next_keys(&mut self, keys: &mut Vec<u32>) -> bool {
        let through = self.take(|key, _| keys.push(key));
        if through {
            self.rewind();
        }
        through
    }

    /// Takes the cuts of the group under way and the step at which each of its weights goes.
    pub fn ranked(&mut self, cuts: &[Cut], pruned_at: &[u8]) {
        let Some(&(first, end)) = self.groups.get(self.group) else {
            return;
        };
        let mut rest = pruned_at;
        for l in first..end {
            let (mine, others) = rest.split_at(self.layers[l].values.len().min(rest.len()));
            self.pruned_at[l].extend_from_slice(mine);
            self.plan.cuts.push(cuts.to_vec());
            rest = others;
        }
        // The three passes of counting were not needed.
        self.work_done += 3 * pruned_at.len() as u64;
        self.group += 1;
        self.rewind();
        self.phase = self.counting();
    }

    fn assign(&mut self, mut assign: Assign) {
        let mut out = std::mem::take(&mut self.pruned_at);
        let through = self.take(|key, layer| out[layer].push(assign.next(key)));
        self.pruned_at = out;
        if !through {
            self.phase = Phase::Assign(assign);
            return;
        }
        let (first, end) = self.groups[self.group];
        for _ in first..end {
            self.plan.cuts.push(assign.cuts().to_vec());
        }
        self.group += 1;
        self.rewind();
        self.phase = self.counting();
    }

    /// N:M: the place of every weight in its group, a few rows at a time.
    fn split_groups(&mut self) {
        let Some(layer) = self.layers.get(self.layer) else {
            return;
        };
        let (m, cols) = (self.rule.group_m, layer.cols.max(1));
        let rows = (CHUNK / cols).max(1);
        let to = (self.offset + rows * cols).min(layer.values.len());
        for row in layer.values[self.offset..to].chunks(cols) {
            for group in row.chunks(m) {
                let mut keys = [0_u32; 64];
                let keys = &mut keys[..group.len()];
                for (key, &w) in keys.iter_mut().zip(group) {
                    *key = magnitude_key(w);
                }
                for i in 0..keys.len() {
                    let place = groups::place(keys, i);
                    // Step i keeps m - i of the group; the best of a group is never pruned.
                    let step = if place == 0 { NEVER } else { (m - place) as u8 };
                    self.pruned_at[self.layer].push(step);
                }
            }
        }
        self.work_done += (to - self.offset) as u64;
        self.offset = to;
        if to == layer.values.len() {
            self.layer += 1;
            self.offset = 0;
        }
        self.phase = Phase::Group;
        if self.layer == self.layers.len() {
            self.plan.cuts = vec![Vec::new(); self.layers.len()];
            self.phase = Phase::Done;
        }
    }

    fn finished(&mut self) -> Plan {
        let steps = self.steps.len();
        for at in std::mem::take(&mut self.pruned_at) {
            let mut falls = vec![0_u64; steps];
            for &step in &at {
                if let Some(count) = falls.get_mut(usize::from(step)) {
                    *count += 1;
                }
            }
            let mut left = at.len() as u64;
            let kept = falls.iter().map(|fall| {
                left -= fall;
                left
            });
            self.plan.kept.push(kept.collect());
            self.plan.pruned_at.push(at.into());
        }
        self.plan.clone()
    }
}

/// Makes a plan at once.
pub fn plan(layers: &Arc<[Layer]>, rule: Rule, known: Known, steps: &[f64]) -> Plan {
    let mut planner = Planner::new(layers.clone(), rule, known, steps);
    loop {
        if let Some(plan) = planner.step() {
            return plan;
        }
    }
}
