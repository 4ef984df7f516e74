//! Routing of one batch in steps: tokens are scored one by one, routers that look at the whole batch
//! do their work, then places are given and the figures computed.

use super::config::{Config, Renormalise, Router, SecondChoice};
use super::gates::{Gated, Token, gate_token};
use super::places::{self, Table};
use super::population::Population;
use super::route::{Batch, BatchStats, Fate, Pair};
use super::rules::matrix::Matrix;
use super::rules::{gate, load};
use super::solve::{Choice, Solver};
use crate::core::rng::{Stream, StreamId};

/// Collects the tokens of a batch one by one, then settles it.
pub(super) struct BatchWork {
    index: usize,
    clusters: Vec<u8>,
    bias: Vec<f64>,
    /// Pairs of the tokens so far, by token, then choice.
    pairs: Vec<Pair>,
    first: Vec<u32>,
    /// Logits of all tokens, where the whole batch decides.
    logits: Vec<f64>,
    /// Embeddings of all tokens, where similarity decides.
    embeddings: Vec<f64>,
    /// Scores of all tokens, where an overflowing pair gets another chance.
    scores: Vec<f64>,
    solver: Option<(Solver, Matrix, Matrix)>,
    tokens: usize,
    entropy: f64,
    residual: f64,
    /// Tokens of which equal scores are broken at the cut.
    tied: u32,
}

impl BatchWork {
    pub(super) fn new(index: usize, clusters: Vec<u8>, bias: Vec<f64>) -> Self {
        Self {
            index,
            clusters,
            bias,
            pairs: Vec::new(),
            first: vec![0],
            logits: Vec::new(),
            embeddings: Vec::new(),
            scores: Vec::new(),
            solver: None,
            tokens: 0,
            entropy: 0.0,
            residual: 0.0,
            tied: 0,
        }
    }

    /// Tokens scored so far.
    pub(super) fn tokens_done(&self) -> usize {
        self.tokens
    }

    #[cfg(feature = "gpu")]
    pub(super) fn cluster(&self, token: usize) -> u8 {
        self.clusters[token]
    }

    /// Scores the next token.
    pub(super) fn push(&mut self, config: &Config, population: &Population) {
        let token = population.token(self.index, self.tokens, self.clusters[self.tokens]);
        self.tokens += 1;
        if config.router == Router::TokenGraph {
            let cluster = self.clusters[token.index];
            let x = population.embedding(self.index, token.index, cluster);
            self.embeddings.extend(x);
        }
        if !config.router.is_local() {
            self.keep_logits(config, &token);
            return;
        }
        let Gated {
            picks,
            weights,
            scores,
            selecting,
            entropy,
        } = gate_token(config, &token, &self.bias);
        if config.counts_ties() {
            let gap = gate::selection_gap(&selecting, config.choices());
            self.tied += u32::from(gap == 0.0);
        }
        self.entropy += entropy;
        let chosen = picks.iter().zip(weights).map(|(&expert, weight)| Choice {
            expert,
            gate: scores[expert],
            weight,
        });
        self.push_pairs(chosen);
        if config.has_second_chance() {
            self.scores.extend(scores);
        }
    }

    fn keep_logits(&mut self, config: &Config, token: &Token) {
        // With several slots an expert's score is that of its first one.
        let firsts: Vec<f64> = token
            .logits
            .iter()
            .copied()
            .step_by(config.slots())
            .collect();
        let p = gate::softmax(&firsts);
        self.entropy += gate::entropy(&p);
        if config.has_second_chance() {
            self.scores.extend(p);
        }
        self.logits.extend(&token.logits);
    }

    /// A slice of the work on the whole batch; `true` when nothing is left. All tokens must have
    /// been scored.
    pub(super) fn solve(&mut self, config: &Config) -> bool {
        if config.router.is_local() {
            return true;
        }
        let tokens = self.clusters.len();
        let (mut solver, logits, x) = self.solver.take().unwrap_or_else(|| {
            let table = |data: Vec<f64>| Matrix {
                rows: tokens,
                cols: data.len() / tokens,
                data,
            };
            let logits = table(std::mem::take(&mut self.logits));
            let x = table(std::mem::take(&mut self.embeddings));
            (Solver::new(config, &logits), logits, x)
        });
        if !solver.step(config, &logits, &x) {
            self.solver = Some((solver, logits, x));
            return false;
        }
        let solved = solver.finish(config, &logits);
        self.residual = solved.residual;
        for row in solved.chosen {
            self.push_pairs(row.into_iter());
        }
        true
    }

    fn push_pairs(&mut self, chosen: impl Iterator<Item = Choice>) {
        let (token, tokens) = (self.first.len() - 1, self.clusters.len());
        for (j, choice) in chosen.enumerate() {
            self.pairs.push(Pair {
                token: token as u32,
                expert: choice.expert as u16,
                choice: j as u8,
                fate: Fate::Kept,
                gate: choice.gate,
                weight: choice.weight,
                position: 0,
                arrives: (j * tokens + token) as u32,
                leaves: u32::MAX,
            });
        }
        self.first.push(self.pairs.len() as u32);
    }

    /// Adds the next token as routed elsewhere: chosen experts, best first, with their
    /// probabilities. For routers whose weights follow from these.
    #[cfg(feature = "gpu")]
    pub(super) fn push_routed(
        &mut self,
        config: &Config,
        chosen: &[u32],
        gates: &[f32],
        entropy: f32,
    ) {
        self.entropy += f64::from(entropy);
        self.tokens += 1;
        let gates: Vec<f64> = gates.iter().map(|&g| f64::from(g)).collect();
        let raw = config.router == Router::Switch
            || (config.router == Router::Mixtral && !config.renormalise);
        let weights = if raw {
            gates.clone()
        } else {
            gate::normalised(&gates)
        };
        let all = chosen.iter().zip(gates).zip(weights);
        let choices: Vec<Choice> = all
            .map(|((&e, gate), weight)| Choice {
                expert: e as usize,
                gate,
                weight,
            })
            .collect();
        self.push_pairs(choices.into_iter());
    }

    /// Computes the figures with places given elsewhere: positions in buffer order.
    #[cfg(feature = "gpu")]
    pub(super) fn settle_placed(mut self, config: &Config, positions: &[u32]) -> Batch {
        let places = config.places();
        for pair in &mut self.pairs {
            let position = positions.get(pair.arrives as usize).copied();
            pair.place(position.unwrap_or(0), places);
        }
        self.weigh(config);
        let turns = self.pairs.len();
        self.batch(config, turns)
    }

    /// Gives places and computes the figures.
    pub(super) fn settle(mut self, config: &Config) -> Batch {
        if config.router == Router::Gshard {
            self.withhold_second(config);
        }
        let mut table = Table {
            pairs: std::mem::take(&mut self.pairs),
            experts: config.experts as usize,
            tokens: self.clusters.len(),
        };
        places::arrive(config, &mut table);
        let mut turns = table.pairs.len();
        places::fill(config, self.index, &mut table);
        self.pairs = table.pairs;
        self.weigh(config);
        if config.has_second_chance() {
            let p = Matrix {
                rows: self.clusters.len(),
                cols: config.experts as usize,
                data: std::mem::take(&mut self.scores),
            };
            let extra = places::second_chance(config, &self.pairs, &p, turns);
            turns += extra.len();
            self.pairs.extend(extra);
            self.pairs.sort_by_key(|p| (p.token, p.choice));
            for t in 0..self.clusters.len() {
                self.first[t + 1] = self.pairs.partition_point(|p| p.token as usize <= t) as u32;
            }
        }
        self.batch(config, turns)
    }

    /// GShard's random second choice: sent when u < min(1, 2 g2), g2 over the pair or raw.
    fn withhold_second(&mut self, config: &Config) {
        let raw = match config.second_choice {
            SecondChoice::Random => false,
            SecondChoice::RandomRaw => true,
            SecondChoice::Always | SecondChoice::Sampled => return,
        };
        let uniforms = Stream::new(config.seed, StreamId::Policy).step(self.index as u32);
        for t in 0..self.clusters.len() {
            let (a, b) = (self.first[t] as usize, self.first[t + 1] as usize);
            if b - a == 2 {
                let second = &mut self.pairs[a + 1];
                let share = if raw { second.gate } else { second.weight };
                let u = f64::from(uniforms.at(t as u64)) / f64::from(u32::MAX);
                if u >= (2.0 * share).min(1.0) {
                    second.fate = Fate::NotSent;
                }
            }
        }
    }

    /// Weights after drops: 0 for a dropped pair; GShard may renormalise over the kept ones.
    fn weigh(&mut self, config: &Config) {
        let over_kept =
            config.router == Router::Gshard && config.gshard_weights == Renormalise::AfterDropping;
        for t in 0..self.clusters.len() {
            let pairs = &mut self.pairs[self.first[t] as usize..self.first[t + 1] as usize];
            let kept: f64 = pairs.iter().filter(|p| p.kept()).map(|p| p.gate).sum();
            for pair in pairs {
                if !pair.kept() {
                    pair.weight = 0.0;
                } else if over_kept && kept > 0.0 {
                    pair.weight = pair.gate / kept;
                }
            }
        }
    }

    fn batch(self, config: &Config, turns: usize) -> Batch {
        let experts = config.experts as usize;
        let mut demand = vec![0_u32; experts];
        let mut carried = vec![0_u32; experts];
        for pair in self.pairs.iter().filter(|p| p.fate != Fate::NotSent) {
            demand[usize::from(pair.expert)] += u32::from(pair.asked());
            carried[usize::from(pair.expert)] += u32::from(pair.kept());
        }
        let stats = self.stats(config, &demand, &carried);
        Batch {
            clusters: self.clusters.into(),
            pairs: self.pairs.into(),
            first: self.first.into(),
            capacity: config.places() as u32,
            turns: turns as u32,
            demand: demand.into(),
            carried: carried.into(),
            bias: self.bias.into(),
            stats,
        }
    }

    fn stats(&self, config: &Config, demand: &[u32], carried: &[u32]) -> BatchStats {
        let (tokens, experts) = (self.clusters.len(), config.experts as f64);
        let (mut mass, mut kept_mass) = (0.0, 0.0);
        let (mut moved, mut added) = (0.0, 0.0);
        for pair in self.pairs.iter().filter(|p| p.fate != Fate::NotSent) {
            mass += if pair.asked() { pair.gate } else { 0.0 };
            kept_mass += if pair.kept() { pair.gate } else { 0.0 };
            moved += f64::from(u8::from(pair.fate == Fate::Rerouted));
            added += f64::from(u8::from(pair.fate == Fate::Added));
        }
        let unrouted = (0..tokens)
            .filter(|&t| {
                let (a, b) = (self.first[t] as usize, self.first[t + 1] as usize);
                !self.pairs[a..b].iter().any(Pair::kept)
            })
            .count();
        let loads: Vec<f64> = demand.iter().map(|&d| f64::from(d)).collect();
        let sent: f64 = loads.iter().sum();
        let total: f64 = carried.iter().map(|&c| f64::from(c)).sum();
        // A batch in which nothing is asked for has no shares.
        let share = |part: f64| if sent > 0.0 { part / sent } else { 0.0 };
        let nominal = (tokens * config.choices()) as f64;
        let balanced = if config.router.is_variable() {
            sent.max(1.0)
        } else {
            nominal
        } / experts;
        BatchStats {
            cv: load::cv(&loads),
            max_violation: load::max_violation(&loads),
            load_entropy: if sent > 0.0 {
                load::load_entropy(&loads)
            } else {
                1.0
            },
            drop_rate: share(sent + added - total),
            rerouted: share(moved),
            added: share(added),
            per_token: total / tokens as f64,
            residual: self.residual,
            tied: if config.counts_ties() {
                f64::from(self.tied) / tokens as f64
            } else {
                f64::NAN
            },
            idle_in_window: self.idle_in_window(config.experts as usize),
            unrouted: unrouted as u32,
            retained: if mass > 0.0 { kept_mass / mass } else { 1.0 },
            straggler: carried.iter().copied().max().map_or(0.0, f64::from) / balanced,
            router_entropy: self.entropy / tokens as f64,
            dead: loads.iter().filter(|&&f| f < 0.02 * sent / experts).count() as u32,
        }
    }

    /// Share of experts that no token of a window of 8 asks for; windows do not overlap and a tail
    /// is left out. NaN for batches shorter than a window.
    fn idle_in_window(&self, experts: usize) -> f64 {
        let windows = self.clusters.len() / WINDOW;
        let mut busy = vec![false; windows * experts];
        for p in self
            .pairs
            .iter()
            .filter(|p| p.asked() && p.fate != Fate::NotSent)
        {
            let at = p.token as usize / WINDOW * experts + usize::from(p.expert);
            if let Some(slot) = busy.get_mut(at) {
                *slot = true;
            }
        }
        if windows == 0 {
            return f64::NAN;
        }
        busy.iter().filter(|b| !**b).count() as f64 / busy.len() as f64
    }
}

/// Tokens in a window of chunk-level sparsity.
const WINDOW: usize = 8;
