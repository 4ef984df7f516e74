//! Routing of one batch in short steps: tokens are scored one by one, routers that look at the whole
//! batch do their work, then places are given and the figures computed.

use super::config::{Config, Renormalise, Router, SecondChoice};
use super::figures::{Known, Tally};
use super::fill::{Filling, SLICE, slice};
use super::gates::{Gated, Token, gate_token};
use super::places::SecondChance;
use super::population::Population;
use super::route::{Batch, Fate, Pair};
use super::solve::{Choice, ENTRIES, Scores, Solver, solver};
use crate::core::gate;
use crate::core::matrix::Matrix;
use crate::core::rng::{Stream, StreamId};
use std::sync::Arc;

/// Work of a step of scoring, by [`Population::effort`].
pub(super) const SCORING: usize = 100_000;

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
    solver: Option<(Box<dyn Solver>, Scores)>,
    /// Whether that has decided.
    solved: bool,
    tokens: usize,
    entropy: f64,
    residual: f64,
    /// Tokens of which equal scores are broken at the cut.
    tied: u32,
    settling: Settling,
    /// Where that has got to.
    at: usize,
    turns: usize,
}

/// What follows the choices.
enum Settling {
    /// The whole batch decides.
    Solve,
    /// GShard draws who is sent to a second expert.
    Withhold,
    /// Places are given.
    Fill(Box<Filling>),
    /// Places were given elsewhere: positions in buffer order.
    #[cfg(feature = "gpu")]
    Placed(Vec<u32>),
    /// Weights after the drops.
    Weigh,
    /// Idle places take what found none.
    Chance(Box<SecondChance>),
    /// The figures.
    Count(Box<Tally>),
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
            solved: false,
            tokens: 0,
            entropy: 0.0,
            residual: 0.0,
            tied: 0,
            settling: Settling::Solve,
            at: 0,
            turns: 0,
        }
    }

    /// A slice of the work; the batch when it is done.
    pub(super) fn step(&mut self, config: &Config, population: &Population) -> Option<Batch> {
        let tokens = self.clusters.len();
        if self.tokens < tokens {
            let most = (SCORING / population.effort()).max(1);
            for _ in self.tokens..tokens.min(self.tokens + most) {
                self.push(config, population);
            }
            return None;
        }
        self.settle(config)
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
    fn push(&mut self, config: &Config, population: &Population) {
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
        if self.logits.is_empty() {
            // Growing later would move megabytes in one step.
            let (tokens, columns) = (self.clusters.len(), token.logits.len());
            self.logits.reserve_exact(tokens * columns);
        }
        self.logits.extend(&token.logits);
    }

    /// A slice of the work on the whole batch; `true` when nothing is left. All tokens must have
    /// been scored.
    fn solve(&mut self, config: &Config) -> bool {
        if config.router.is_local() {
            return true;
        }
        let tokens = self.clusters.len();
        let (mut work, scores) = self.solver.take().unwrap_or_else(|| {
            let table = |data: Vec<f64>| Matrix {
                rows: tokens,
                cols: data.len() / tokens,
                data,
            };
            let scores = Scores {
                z: table(std::mem::take(&mut self.logits)),
                x: table(std::mem::take(&mut self.embeddings)),
            };
            (solver(config, &scores), scores)
        });
        if self.solved {
            for t in slice(&mut self.at, tokens, ENTRIES / scores.z.cols.max(1)) {
                self.push_pairs(work.choices(config, &scores, t).into_iter());
            }
            if self.at == tokens {
                self.residual = work.residual();
                return true;
            }
        } else {
            self.solved = work.step(config, &scores);
        }
        self.solver = Some((work, scores));
        false
    }

    fn push_pairs(&mut self, chosen: impl Iterator<Item = Choice>) {
        let (token, tokens) = (self.first.len() - 1, self.clusters.len());
        if token == 0 {
            // Growing later would move megabytes in one step.
            self.first.reserve(tokens);
            self.pairs.reserve(tokens * chosen.size_hint().0);
        }
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

    /// Takes places given elsewhere: positions in buffer order. All tokens must have been added.
    #[cfg(feature = "gpu")]
    pub(super) fn take_places(&mut self, positions: Vec<u32>) {
        self.settling = Settling::Placed(positions);
        self.at = 0;
    }

    /// A slice of what follows the choices; the batch when it is done.
    pub(super) fn settle(&mut self, config: &Config) -> Option<Batch> {
        let stage = std::mem::replace(&mut self.settling, Settling::Solve);
        let before = std::mem::discriminant(&stage);
        let tokens = self.clusters.len();
        let each = SLICE * tokens / self.pairs.len().max(1);
        self.settling = match stage {
            Settling::Solve if !self.solve(config) => Settling::Solve,
            Settling::Solve => Settling::Withhold,
            Settling::Withhold => {
                for t in slice(&mut self.at, tokens, each) {
                    self.withhold_second(config, t);
                }
                if self.at < tokens {
                    Settling::Withhold
                } else {
                    Settling::Fill(Box::new(Filling::new(config, self.index, tokens)))
                }
            }
            Settling::Fill(mut filling) => {
                if filling.step(config, &mut self.pairs, &self.first) {
                    Settling::Weigh
                } else {
                    Settling::Fill(filling)
                }
            }
            #[cfg(feature = "gpu")]
            Settling::Placed(positions) => {
                let places = config.places();
                for i in slice(&mut self.at, self.pairs.len(), SLICE) {
                    let position = positions.get(self.pairs[i].arrives as usize).copied();
                    self.pairs[i].place(position.unwrap_or(0), places);
                }
                if self.at < self.pairs.len() {
                    Settling::Placed(positions)
                } else {
                    Settling::Weigh
                }
            }
            Settling::Weigh => {
                for t in slice(&mut self.at, tokens, each) {
                    self.weigh(config, t);
                }
                if self.at < tokens {
                    Settling::Weigh
                } else {
                    self.turns = self.pairs.len();
                    self.after_weights(config)
                }
            }
            Settling::Chance(mut work) => {
                if work.step(config, &mut self.pairs, &mut self.first) {
                    self.turns += work.added();
                    self.tally(config)
                } else {
                    Settling::Chance(work)
                }
            }
            Settling::Count(mut tally) => {
                for t in slice(&mut self.at, tokens, each) {
                    let (a, b) = (self.first[t] as usize, self.first[t + 1] as usize);
                    tally.add(t, &self.pairs[a..b]);
                }
                if self.at == tokens {
                    return Some(self.batch(config, &tally));
                }
                Settling::Count(tally)
            }
        };
        if std::mem::discriminant(&self.settling) != before {
            self.at = 0;
        }
        None
    }

    /// What follows the weights.
    fn after_weights(&mut self, config: &Config) -> Settling {
        if !config.has_second_chance() {
            return self.tally(config);
        }
        let p = Matrix {
            rows: self.clusters.len(),
            cols: config.experts as usize,
            data: std::mem::take(&mut self.scores),
        };
        Settling::Chance(Box::new(SecondChance::new(config, p, self.turns)))
    }

    fn tally(&self, config: &Config) -> Settling {
        let tally = Tally::new(self.clusters.len(), config.experts as usize);
        Settling::Count(Box::new(tally))
    }

    /// GShard's random second choice: sent when u < min(1, 2 g2), g2 over the pair or raw.
    fn withhold_second(&mut self, config: &Config, t: usize) {
        let raw = match config.second_choice {
            _ if config.router != Router::Gshard => return,
            SecondChoice::Random => false,
            SecondChoice::RandomRaw => true,
            SecondChoice::Always | SecondChoice::Sampled => return,
        };
        let uniforms = Stream::new(config.seed, StreamId::Policy).step(self.index as u32);
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

    /// Weights of a token after drops: 0 for a dropped pair; GShard may renormalise over the kept
    /// ones.
    fn weigh(&mut self, config: &Config, t: usize) {
        let over_kept =
            config.router == Router::Gshard && config.gshard_weights == Renormalise::AfterDropping;
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

    fn batch(&mut self, config: &Config, tally: &Tally) -> Batch {
        let known = Known {
            entropy: self.entropy,
            residual: self.residual,
            tied: self.tied,
        };
        Batch {
            stats: tally.stats(config, &known),
            clusters: std::mem::take(&mut self.clusters).into(),
            pairs: Arc::new(std::mem::take(&mut self.pairs)),
            first: Arc::new(std::mem::take(&mut self.first)),
            capacity: config.places() as u32,
            turns: self.turns as u32,
            demand: tally.demand.as_slice().into(),
            carried: tally.carried.as_slice().into(),
            bias: std::mem::take(&mut self.bias).into(),
        }
    }
}
