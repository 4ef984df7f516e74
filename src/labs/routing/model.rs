//! Computation of the lab: the floor first, then batch after batch.

use super::batch::{BatchWork, SCORING};
use super::charts::Drawing;
use super::config::{BiasRule, Config, Router};
use super::deploy::{DeployWork, Deployment};
use super::file_layers::FileLayers;
#[cfg(feature = "gpu")]
use super::fill::SLICE;
use super::frontier::{self, Frontier, FrontierWork};
use super::gates::{Gated, gate_token};
use super::layer::Opening;
#[cfg(feature = "gpu")]
use super::layer::layer_of;
use super::multiples::LoadPanels;
use super::population::Population;
use super::route::Batch;
use super::rules::bias;
use super::rules::load::{Floor, FloorWork};
use super::source::TokenSource;
use super::system_charts::{deployment_charts, frontier_chart};
use super::text::TextWork;
use super::utilise::step_chart;
use super::variants::{self, Variant, VariantsWork};
use crate::core::matrix::Matrix;
use crate::core::{Chart, Job, Moment, MomentKind, Result, Step, Timeline, num};
use crate::labs::Library;
use std::sync::Arc;

/// Everything computed. Cheap to clone.
#[derive(Debug, Clone)]
pub struct BatchRun {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: Config,
    population: Population,
    timeline: Timeline,
    batches: Vec<Batch>,
    floor: Floor,
    peak: u32,
    charts: Vec<Chart>,
    deployment: Option<Deployment>,
    variants: Vec<Variant>,
    multiples: Option<LoadPanels>,
}

/// The state of a batch at a moment, as the picture needs it.
#[derive(Debug, Clone, PartialEq)]
pub struct Scene {
    /// Which batch is routed.
    pub batch: usize,
    /// Turns that have passed, with the fraction of the one under way.
    pub now: f64,
    /// Whole turns that have passed.
    pub turns: u32,
    /// Pairs now inside by cluster and expert, cluster by cluster.
    pub flows: Vec<u32>,
    /// Pairs inside each expert now.
    pub inside: Vec<u32>,
    /// Pairs turned away by each expert so far.
    pub dropped: Vec<u32>,
}

impl BatchRun {
    /// Whether both are the very same run.
    pub fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// The config it belongs to.
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// The batches in order.
    pub fn batches(&self) -> &[Batch] {
        &self.inner.batches
    }

    /// What uniformly random routing gives.
    pub fn floor(&self) -> &Floor {
        &self.inner.floor
    }

    /// Largest load asked of any expert in any batch.
    pub fn peak(&self) -> u32 {
        self.inner.peak
    }

    /// The batches on a system; claims do without.
    pub(super) fn deployment(&self) -> Option<&Deployment> {
        self.inner.deployment.as_ref()
    }

    /// What every switch changes on the first tokens; claims do without.
    pub fn variants(&self) -> &[Variant] {
        &self.inner.variants
    }

    /// Loads of the experts by layer of the file, or by batch where there is one layer; none of a
    /// single batch, and claims do without.
    pub fn multiples(&self) -> Option<&LoadPanels> {
        self.inner.multiples.as_ref()
    }

    /// Tokens on which switches are compared.
    pub fn compared_tokens(&self) -> u64 {
        variants::tokens(&self.inner.config)
    }

    pub(super) fn timeline_ref(&self) -> &Timeline {
        &self.inner.timeline
    }

    pub(super) fn charts_ref(&self) -> &[Chart] {
        &self.inner.charts
    }

    /// Batch and turns passed at a moment: position b + f is batch b with a share f of its pairs
    /// arrived; a whole position shows the batch before it complete.
    pub fn at(&self, at: f64) -> (usize, f64) {
        let last = self.inner.batches.len().saturating_sub(1);
        let batch = ((at.ceil() - 1.0).max(0.0) as usize).min(last);
        let share = (at - batch as f64).clamp(0.0, 1.0);
        let turns = self.inner.batches.get(batch).map_or(0, |b| b.turns);
        (batch, share * f64::from(turns))
    }

    /// Loads at a moment.
    pub fn scene(&self, at: f64) -> Scene {
        let (batch, now) = self.at(at);
        // Rounding of a position such as 2.9999… must not leave the last pair outside.
        let turns = (now + 1e-6) as u32;
        let experts = self.inner.config.experts as usize;
        let clusters = self.inner.config.cluster_count();
        let mut scene = Scene {
            batch,
            now,
            flows: vec![0; clusters * experts],
            turns,
            inside: vec![0; experts],
            dropped: vec![0; experts],
        };
        if let Some(b) = self.inner.batches.get(batch) {
            for pair in b.pairs.iter() {
                let e = usize::from(pair.expert);
                if pair.fate == super::Fate::NotSent || pair.arrives >= turns {
                    continue;
                }
                if pair.leaves < turns {
                    scene.dropped[e] += 1;
                } else {
                    scene.inside[e] += 1;
                    let cluster = usize::from(b.clusters[pair.token as usize]);
                    scene.flows[cluster * experts + e] += 1;
                }
            }
        }
        scene
    }

    /// Where the tokens come from.
    pub(super) fn population(&self) -> &Population {
        &self.inner.population
    }

    /// What a token is beside its group: a word of the text, an image; none of a cluster.
    pub(super) fn token_name(&self, batch: usize, token: usize) -> Option<String> {
        self.inner.population.name(batch, token)
    }

    /// Id of a token in hash routing's table.
    pub(super) fn token_id(&self, batch: usize, token: usize) -> usize {
        let cluster = self
            .inner
            .batches
            .get(batch)
            .and_then(|b| b.clusters.get(token));
        cluster.map_or(0, |&c| self.inner.population.token_id(batch, token, c))
    }

    /// The scores of a token, computed again from the seed.
    pub(super) fn gated(&self, batch: usize, token: usize) -> Option<(Vec<f64>, Gated)> {
        let b = self.inner.batches.get(batch)?;
        let cluster = *b.clusters.get(token)?;
        let seen = self.inner.population.token(batch, token, cluster);
        let gated = gate_token(&self.inner.config, &seen, &b.bias);
        Some((seen.logits, gated))
    }
}

/// A batch as kernels route it.
#[cfg(feature = "gpu")]
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Routed {
    /// Experts by token, best first (N × k).
    pub(super) chosen: Vec<u32>,
    /// Their probabilities (N × k).
    pub(super) gates: Vec<f32>,
    /// Entropy of each token.
    pub(super) entropy: Vec<f32>,
    /// Positions inside the experts, in buffer order.
    pub(super) positions: Vec<u32>,
}

/// The computation in steps.
pub(super) struct Work {
    config: Config,
    population: Population,
    chance: FloorWork,
    floor: Option<Floor>,
    current: Option<BatchWork>,
    #[cfg(feature = "gpu")]
    incoming: Option<Routed>,
    bias: Vec<f64>,
    batches: Vec<Batch>,
    after: After,
    /// The layers of a file, and the file while it is read.
    layers: FileLayers,
    opening: Option<Opening>,
    /// The words of a text while they are made.
    text: Option<TextWork>,
}

/// What follows the last batch.
enum After {
    /// Nothing: only the batches are wanted.
    Nothing,
    /// Logits of the first tokens of the first batch so far, of slots the first.
    Gather(Matrix),
    /// Rules compared on the same tokens, then the system.
    Frontier(Box<FrontierWork>),
    /// The system.
    Deploy(Option<Frontier>, Box<DeployWork>),
    /// The switches, one by one.
    Variants(Option<Frontier>, Box<Deployment>, Box<VariantsWork>),
    /// The charts, one by one.
    Draw(Box<Found>, Box<Drawing>),
}

/// What follows the batches, as far as it was wanted.
#[derive(Default)]
struct Found {
    frontier: Option<Frontier>,
    deployment: Option<Deployment>,
    variants: Vec<Variant>,
}

impl Work {
    /// Starts the batches alone, on synthetic tokens.
    pub(super) fn batches_only(config: &Config) -> Self {
        Self {
            after: After::Nothing,
            ..Self::on(config, Population::new(config))
        }
    }

    /// Leaves out all that follows the batches.
    #[cfg(feature = "app")]
    pub(super) fn without_more(self) -> Self {
        Self {
            after: After::Nothing,
            ..self
        }
    }

    /// Starts a run on the tokens that the config asks for; a file is read in its first steps.
    pub(super) fn begin(config: &Config, data: &Library) -> Result<Self> {
        let key = config.data.as_ref();
        Ok(Self {
            opening: key.map(|key| Opening::new(key, data)).transpose()?,
            ..Self::on(config, Population::new(config))
        })
    }

    /// Starts a run on the tokens that the config asks for; a file is read at once.
    #[cfg(feature = "gpu")]
    pub(super) fn with(config: &Config, data: &Library) -> Result<Self> {
        let Some(key) = &config.data else {
            return Ok(Self::on(config, Population::new(config)));
        };
        let (layers, own) = layer_of(config, key, data)?;
        Ok(Self {
            layers: FileLayers::new(layers),
            ..Self::on(config, Population::of_file(config, own))
        })
    }

    fn on(config: &Config, population: Population) -> Self {
        Self {
            population,
            chance: FloorWork::new(
                config.tokens as usize,
                config.experts as usize,
                config.choices(),
            ),
            floor: None,
            current: None,
            #[cfg(feature = "gpu")]
            incoming: None,
            bias: vec![0.0; config.experts as usize],
            layers: FileLayers::default(),
            opening: None,
            text: (config.source() == TokenSource::Text)
                .then(|| TextWork::new(config.width(), config.seed)),
            batches: Vec::new(),
            after: if config.router == Router::Recorded {
                After::Deploy(None, Box::new(DeployWork::new(config)))
            } else {
                After::Gather(Matrix::zeros(0, config.experts as usize))
            },
            config: config.clone(),
        }
    }

    /// A slice of the work on the current batch.
    fn route(&mut self) {
        let (tokens, index) = (self.config.tokens as usize, self.batches.len());
        let mut work = self.current.take().unwrap_or_else(|| {
            let clusters = self.population.clusters(index, tokens);
            BatchWork::new(index, clusters, self.bias.clone())
        });
        match work.step(&self.config, &self.population) {
            Some(batch) => self.adopt(batch),
            None => self.current = Some(work),
        }
    }

    /// Takes a finished batch; the bias follows its loads.
    fn adopt(&mut self, batch: Batch) {
        if self.config.router.has_bias() {
            let rule = match self.config.bias_rule {
                BiasRule::Sign => bias::Rule::Sign,
                BiasRule::Proportional => bias::Rule::Proportional,
            };
            let loads: Vec<f64> = batch.demand.iter().map(|&d| f64::from(d)).collect();
            let age = 1.0 + self.batches.len() as f64;
            let rate = self.config.bias_rate / num::pow(age, self.config.bias_decay);
            bias::step(&mut self.bias, &loads, rule, rate, false);
        }
        self.batches.push(batch);
    }

    /// Does a slice of making the words of a text; `true` when there is nothing to make.
    fn has_words(&mut self) -> bool {
        let Some(work) = &mut self.text else {
            return true;
        };
        if let Some(words) = work.step() {
            self.population.take_words(&self.config, words);
            self.text = None;
        }
        false
    }

    /// Does a slice of what comes before the batches; `true` when that is done.
    #[cfg(feature = "gpu")]
    pub(super) fn prepared(&mut self) -> bool {
        if !self.has_words() {
            return false;
        }
        if self.floor.is_none() {
            self.floor = self.chance.step();
        }
        self.floor.is_some()
    }

    /// Logits of the next tokens of the current batch, from token `from` on.
    #[cfg(feature = "gpu")]
    pub(super) fn logits(&mut self, from: usize) -> Vec<f32> {
        let budget = (SCORING / self.population.effort()).max(1);
        let (tokens, index) = (self.config.tokens as usize, self.batches.len());
        let work = self.current.get_or_insert_with(|| {
            let clusters = self.population.clusters(index, tokens);
            BatchWork::new(index, clusters, self.bias.clone())
        });
        (from..tokens.min(from + budget))
            .flat_map(|t| self.population.logits(index, t, work.cluster(t)))
            .map(|z| z as f32)
            .collect()
    }

    /// Takes a batch routed elsewhere, which [`Self::receive`] works in.
    #[cfg(feature = "gpu")]
    pub(super) fn take_routed(&mut self, routed: Routed) {
        self.incoming = Some(routed);
    }

    /// A slice of the work on a batch routed elsewhere; `false` when there is none.
    #[cfg(feature = "gpu")]
    pub(super) fn receive(&mut self) -> bool {
        let (Some(routed), Some(work)) = (&mut self.incoming, &mut self.current) else {
            return false;
        };
        let k = self.config.choices();
        let (from, tokens) = (work.tokens_done(), self.config.tokens as usize);
        for t in from..tokens.min(from + (SLICE / k).max(1)) {
            let own = t * k..(t + 1) * k;
            let (chosen, gates) = (&routed.chosen[own.clone()], &routed.gates[own]);
            work.push_routed(&self.config, chosen, gates, routed.entropy[t]);
        }
        if from < tokens {
            if work.tokens_done() == tokens {
                work.take_places(std::mem::take(&mut routed.positions));
            }
            return true;
        }
        if let Some(batch) = work.settle(&self.config) {
            (self.incoming, self.current) = (None, None);
            self.adopt(batch);
        }
        true
    }

    /// Whether all batches are routed.
    pub(super) fn routed(&self) -> bool {
        self.batches.len() == self.config.batches as usize
    }

    /// A slice of what follows the last batch; the run when that is done.
    pub(super) fn conclude(&mut self) -> Option<BatchRun> {
        let (config, batches) = (&self.config, &self.batches);
        match &mut self.after {
            After::Nothing => self.after = After::Draw(Box::default(), Box::default()),
            After::Gather(z) => {
                let tokens = frontier::tokens(config.tokens as usize, config.experts as usize);
                let clusters = batches.first().map_or(&[][..], |b| &b.clusters);
                let next = (z.rows..tokens).zip(&clusters[z.rows.min(clusters.len())..]);
                let most = (SCORING / self.population.effort()).max(1);
                for (t, &cluster) in next.take(most) {
                    let logits = self.population.logits(0, t, cluster);
                    z.push_row(logits.into_iter().step_by(config.slots()));
                }
                if z.rows == tokens.min(clusters.len()) {
                    let first = |t| Some(usize::from(batches[0].of_token(t).first()?.expert));
                    let firsts: Vec<Option<usize>> = (0..z.rows).map(first).collect();
                    let work = FrontierWork::new(std::mem::take(z), config.seed, &firsts);
                    self.after = After::Frontier(Box::new(work));
                }
            }
            After::Frontier(work) => {
                if let Some(frontier) = work.step() {
                    self.after = After::Deploy(Some(frontier), Box::new(DeployWork::new(config)));
                }
            }
            After::Deploy(frontier, work) => {
                if let Some(deployment) = work.step(config, batches) {
                    let clusters = batches.first().map(|b| Arc::clone(&b.clusters));
                    let work = VariantsWork::new(config, &clusters.unwrap_or_default());
                    let deployment = Box::new(deployment);
                    self.after = After::Variants(frontier.take(), deployment, Box::new(work));
                }
            }
            After::Variants(frontier, deployment, work) => {
                if let Some(variants) = work.step(&self.population) {
                    let found = Found {
                        frontier: frontier.take(),
                        deployment: Some(std::mem::take(&mut **deployment)),
                        variants,
                    };
                    let drawing = Drawing::with(std::mem::take(&mut self.layers));
                    self.after = After::Draw(Box::new(found), Box::new(drawing));
                }
            }
            After::Draw(found, drawing) => {
                let floor = self.floor.as_ref()?;
                if !drawing.step(config, batches, floor) {
                    let (found, drawing) = (std::mem::take(found), std::mem::take(drawing));
                    return self.finish(*found, *drawing);
                }
            }
        }
        None
    }

    fn finish(&mut self, found: Found, mut drawing: Drawing) -> Option<BatchRun> {
        let multiples = drawing.panels();
        let floor = self.floor.clone()?;
        let batches = std::mem::take(&mut self.batches);
        let Found {
            frontier,
            deployment,
            variants,
        } = found;
        let mut charts = drawing.charts;
        charts.extend(frontier.map(|f| frontier_chart(&f)));
        if let Some(d) = &deployment {
            charts.extend(deployment_charts(&self.config, d));
            if self.config.router != Router::SoftMoe {
                charts.push(step_chart(&self.config, &drawing.growing));
            }
        }
        Some(BatchRun {
            inner: Arc::new(Inner {
                timeline: timeline(&batches),
                peak: batches
                    .iter()
                    .flat_map(|b| b.demand.iter().copied())
                    .max()
                    .unwrap_or(0),
                config: self.config.clone(),
                population: self.population.clone(),
                batches,
                floor,
                charts,
                deployment,
                variants,
                multiples,
            }),
        })
    }
}

fn timeline(batches: &[Batch]) -> Timeline {
    let mut timeline = Timeline::counted(batches.len(), "batch", "1 batch");
    if let Some(b) = batches.iter().position(|b| b.stats.drop_rate > 0.0) {
        let first = batches[b].pairs.iter().map(|p| p.leaves).min().unwrap_or(0);
        timeline.moments.push(Moment {
            at: b as f64 + f64::from(first + 1) / f64::from(batches[b].turns.max(1)),
            label: format!("first drop, batch {}", b + 1),
            kind: MomentKind::Bad,
        });
    }
    let worst = (0..batches.len()).max_by(|&a, &b| {
        let rate = |i: usize| batches[i].stats.drop_rate;
        rate(a).total_cmp(&rate(b)).then(b.cmp(&a))
    });
    if let Some(b) = worst.filter(|&b| batches.len() > 1 && batches[b].stats.drop_rate > 0.0) {
        timeline.moments.push(Moment {
            at: (b + 1) as f64,
            label: format!("most drops, batch {}", b + 1),
            kind: MomentKind::Note,
        });
    }
    Moment::sort(&mut timeline.moments);
    timeline
}

impl Job for Work {
    type Out = BatchRun;

    fn step(&mut self) -> Result<Step<BatchRun>> {
        if let Some(opening) = &mut self.opening {
            if let Some((layers, own)) = opening.step(&self.config)? {
                self.layers = FileLayers::new(layers);
                self.population = Population::of_file(&self.config, own);
                self.opening = None;
            }
            return Ok(Step::Working);
        }
        if !self.has_words() {
            return Ok(Step::Working);
        }
        if self.floor.is_none() {
            self.floor = self.chance.step();
            return Ok(Step::Working);
        }
        if !self.routed() {
            self.route();
            return Ok(Step::Working);
        }
        Ok(self.conclude().map_or(Step::Working, Step::Done))
    }

    fn progress(&self) -> f64 {
        let done = self
            .current
            .as_ref()
            .map_or(0.0, |w| w.tokens_done() as f64 / self.config.tokens as f64);
        (self.batches.len() as f64 + done) / self.config.batches as f64
    }
}
