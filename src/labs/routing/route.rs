//! Routing of one batch: gates, choices, positions, drops.
//!
//! Pairs arrive in buffer order, choice-major: all first choices by token, then all second
//! choices. (Expert choice has no arrivals of its own: the experts take turns, best token first.)

use super::config::{Config, DropOrder, Router, SecondChoice};
use super::rules::{capacity, gate, load};
use crate::core::num;
use crate::core::rng::{Stream, StreamId};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

/// What became of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It has a place.
    Kept,
    /// Its position is at or over the capacity.
    OverCapacity,
    /// GShard's random second choice was not sent.
    NotSent,
}

/// One (token, expert) pair.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// Token within the batch.
    pub token: u32,
    /// Expert.
    pub expert: u16,
    /// Which choice of the token it is, from 0.
    pub choice: u8,
    /// What became of it.
    pub fate: Fate,
    /// Score that decides between tokens: softmax probability, or sigmoid score.
    pub gate: f64,
    /// Weight of the expert's output; 0 when dropped.
    pub weight: f64,
    /// Position inside the expert, from 0: by arrival, or by score.
    pub position: u32,
    /// Turn in which it arrives.
    pub arrives: u32,
    /// Turn in which it is turned away (its own, or that of a better token); `u32::MAX` if never.
    pub leaves: u32,
}

impl Pair {
    /// Whether it has a place in the end.
    pub fn kept(&self) -> bool {
        self.fate == Fate::Kept
    }

    /// Gives it a position in order of arrival.
    fn place(&mut self, position: u32, places: usize) {
        self.position = position;
        if position as usize >= places {
            self.fate = Fate::OverCapacity;
            self.leaves = self.arrives;
        }
    }
}

/// Figures of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct BatchStats {
    /// Coefficient of variation of the loads asked for.
    pub cv: f64,
    /// Largest load asked for over the mean, minus 1.
    pub max_violation: f64,
    /// Normalised entropy of the loads asked for.
    pub load_entropy: f64,
    /// Share of the pairs sent that found no place.
    pub drop_rate: f64,
    /// Tokens without any expert.
    pub unrouted: u32,
    /// Gate mass that found a place over gate mass sent.
    pub retained: f64,
    /// Largest load carried over the balanced load Nk/E.
    pub straggler: f64,
    /// Mean entropy of a token's distribution over experts, nats.
    pub router_entropy: f64,
    /// Experts asked for by less than 2 % of the mean load.
    pub dead: u32,
}

/// A routed batch. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Cluster of each token.
    pub clusters: Arc<[u8]>,
    /// Pairs by token, then choice.
    pub pairs: Arc<[Pair]>,
    /// First pair of each token; one entry more than tokens.
    pub first: Arc<[u32]>,
    /// Places per expert; as many as tokens when there is no limit.
    pub capacity: u32,
    /// Turns until the last pair has arrived.
    pub turns: u32,
    /// Pairs asked for, by expert.
    pub demand: Arc<[u32]>,
    /// Pairs carried, by expert.
    pub carried: Arc<[u32]>,
    /// Selection bias in force.
    pub bias: Arc<[f64]>,
    /// Figures.
    pub stats: BatchStats,
}

impl Batch {
    /// The pairs of a token.
    pub fn of_token(&self, token: usize) -> &[Pair] {
        match (self.first.get(token), self.first.get(token + 1)) {
            (Some(&a), Some(&b)) => &self.pairs[a as usize..b as usize],
            _ => &[],
        }
    }
}

/// Scores of one token.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Gated {
    /// What the choice is made by: logits, or biased sigmoid scores.
    pub(super) selecting: Vec<f64>,
    /// Scores that gates and weights come from.
    pub(super) scores: Vec<f64>,
    /// Chosen experts, best first.
    pub(super) picks: Vec<usize>,
    /// Weights before drops.
    pub(super) weights: Vec<f64>,
    /// Entropy of the distribution over experts, nats.
    pub(super) entropy: f64,
}

/// Scores and choices of one token.
pub(super) fn gate_token(config: &Config, logits: &[f64], bias: &[f64]) -> Gated {
    let k = config.choices();
    let (selecting, scores): (Vec<f64>, Vec<f64>) = if config.router == Router::LossFree {
        let s: Vec<f64> = logits.iter().map(|&z| num::sigmoid(z)).collect();
        (s.iter().zip(bias).map(|(s, b)| s + b).collect(), s)
    } else {
        (logits.to_vec(), gate::softmax(logits))
    };
    let picks = gate::top_k(&selecting, k);
    let gates = gate::pick(&scores, &picks);
    let weights = match config.router {
        Router::Granite => gate::softmax(&gate::pick(logits, &picks)),
        Router::Switch => gates,
        _ => gate::normalised(&gates),
    };
    let entropy = if config.router == Router::LossFree {
        gate::entropy(&gate::normalised(&scores))
    } else {
        gate::entropy(&scores)
    };
    Gated {
        selecting,
        scores,
        picks,
        weights,
        entropy,
    }
}

/// Collects the gates of a batch token by token, then settles it.
pub(super) struct BatchWork {
    index: usize,
    clusters: Vec<u8>,
    bias: Vec<f64>,
    pairs: Vec<Pair>,
    first: Vec<u32>,
    /// All scores, kept for expert choice only.
    table: Vec<f64>,
    entropy: f64,
}

impl BatchWork {
    pub(super) fn new(index: usize, clusters: Vec<u8>, bias: Vec<f64>) -> Self {
        Self {
            index,
            clusters,
            bias,
            pairs: Vec::new(),
            first: vec![0],
            table: Vec::new(),
            entropy: 0.0,
        }
    }

    pub(super) fn tokens_done(&self, config: &Config) -> usize {
        if config.router == Router::ExpertChoice {
            self.table.len() / config.experts as usize
        } else {
            self.first.len() - 1
        }
    }

    pub(super) fn cluster(&self, token: usize) -> u8 {
        self.clusters[token]
    }

    /// Adds the next token.
    pub(super) fn push(&mut self, config: &Config, logits: &[f64]) {
        let gated = gate_token(config, logits, &self.bias);
        self.entropy += gated.entropy;
        if config.router == Router::ExpertChoice {
            self.table.extend(gated.scores);
            return;
        }
        let Gated {
            picks,
            weights,
            scores,
            ..
        } = gated;
        let chosen = picks.into_iter().zip(weights);
        self.push_pairs(chosen.map(|(e, w)| (e, scores[e], w)));
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
        let gates: Vec<f64> = gates.iter().map(|&g| f64::from(g)).collect();
        let weights = match config.router {
            Router::Switch => gates.clone(),
            _ => gate::normalised(&gates),
        };
        let picks = chosen.iter().map(|&e| e as usize);
        self.push_pairs(picks.zip(gates).zip(weights).map(|((e, g), w)| (e, g, w)));
    }

    /// Computes the figures with places given elsewhere: positions in buffer order.
    #[cfg(feature = "gpu")]
    pub(super) fn settle_placed(mut self, config: &Config, positions: &[u32]) -> Batch {
        let places = self.places(config);
        for pair in &mut self.pairs {
            pair.place(
                positions.get(pair.arrives as usize).copied().unwrap_or(0),
                places,
            );
        }
        let turns = self.pairs.len();
        self.weigh(config.router);
        self.batch(config, places, turns)
    }

    /// Places per expert.
    fn places(&self, config: &Config) -> usize {
        let tokens = self.clusters.len();
        if config.has_capacity() {
            let (k, experts) = (config.choices(), config.experts as usize);
            capacity::capacity(config.capacity_factor, k, tokens, experts).min(tokens)
        } else {
            tokens
        }
    }

    fn push_pairs(&mut self, chosen: impl Iterator<Item = (usize, f64, f64)>) {
        let (token, tokens) = (self.first.len() - 1, self.clusters.len());
        for (j, (expert, gate, weight)) in chosen.enumerate() {
            self.pairs.push(Pair {
                token: token as u32,
                expert: expert as u16,
                choice: j as u8,
                fate: Fate::Kept,
                gate,
                weight,
                position: 0,
                arrives: (j * tokens + token) as u32,
                leaves: u32::MAX,
            });
        }
        self.first.push(self.pairs.len() as u32);
    }

    /// Gives places and computes the figures.
    pub(super) fn settle(mut self, config: &Config) -> Batch {
        let (tokens, experts) = (self.clusters.len(), config.experts as usize);
        let k = config.choices();
        let places = self.places(config);
        let turns = if config.router == Router::ExpertChoice {
            self.experts_choose(experts, places);
            places * experts
        } else {
            if config.router == Router::Gshard && config.second_choice == SecondChoice::Random {
                self.withhold_second(config);
            }
            match config.drop_order {
                DropOrder::Token => self.first_come(experts, places),
                DropOrder::Score => self.best_first(experts, places),
            }
            tokens * k
        };
        self.weigh(config.router);
        self.batch(config, places, turns)
    }

    /// GShard's random second choice: sent when u < min(1, 2 g2), g2 over the pair.
    fn withhold_second(&mut self, config: &Config) {
        let uniforms = Stream::new(config.seed, StreamId::Policy).step(self.index as u32);
        for t in 0..self.clusters.len() {
            let (a, b) = (self.first[t] as usize, self.first[t + 1] as usize);
            if b - a == 2 {
                let share = self.pairs[a + 1].weight;
                let u = f64::from(uniforms.at(t as u64)) / f64::from(u32::MAX);
                if u >= (2.0 * share).min(1.0) {
                    self.pairs[a + 1].fate = Fate::NotSent;
                }
            }
        }
    }

    fn arrival_order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.pairs.len())
            .filter(|&i| self.pairs[i].fate != Fate::NotSent)
            .collect();
        order.sort_by_key(|&i| self.pairs[i].arrives);
        order
    }

    fn first_come(&mut self, experts: usize, places: usize) {
        let order = self.arrival_order();
        let ranks = capacity::ranks(
            order.iter().map(|&i| usize::from(self.pairs[i].expert)),
            experts,
        );
        for (i, rank) in order.into_iter().zip(ranks) {
            self.pairs[i].place(rank as u32, places);
        }
    }

    fn best_first(&mut self, experts: usize, places: usize) {
        let order = self.arrival_order();
        let mut wanted: Vec<Vec<usize>> = vec![Vec::new(); experts];
        let mut inside: Vec<BinaryHeap<Reverse<Rated>>> = vec![BinaryHeap::new(); experts];
        for i in order {
            let Pair {
                expert,
                gate,
                token,
                arrives,
                ..
            } = self.pairs[i];
            wanted[usize::from(expert)].push(i);
            let heap = &mut inside[usize::from(expert)];
            heap.push(Reverse(Rated {
                gate,
                token: Reverse(token),
                pair: i,
            }));
            if heap.len() > places
                && let Some(Reverse(worst)) = heap.pop()
            {
                self.pairs[worst.pair].leaves = arrives;
                self.pairs[worst.pair].fate = Fate::OverCapacity;
            }
        }
        for mut list in wanted {
            list.sort_by(|&a, &b| {
                let (a, b) = (&self.pairs[a], &self.pairs[b]);
                b.gate.total_cmp(&a.gate).then(a.token.cmp(&b.token))
            });
            for (rank, i) in list.into_iter().enumerate() {
                self.pairs[i].position = rank as u32;
            }
        }
    }

    /// Every expert takes its best tokens; ties to the lower token.
    fn experts_choose(&mut self, experts: usize, places: usize) {
        let tokens = self.clusters.len();
        let mut column = vec![0.0; tokens];
        for e in 0..experts {
            for (t, slot) in column.iter_mut().enumerate() {
                *slot = self.table[t * experts + e];
            }
            for (rank, t) in gate::descending(&column)
                .into_iter()
                .take(places)
                .enumerate()
            {
                self.pairs.push(Pair {
                    token: t as u32,
                    expert: e as u16,
                    choice: 0,
                    fate: Fate::Kept,
                    gate: column[t],
                    weight: column[t],
                    position: rank as u32,
                    arrives: (rank * experts + e) as u32,
                    leaves: u32::MAX,
                });
            }
        }
        self.pairs.sort_by(|a, b| {
            a.token
                .cmp(&b.token)
                .then(b.gate.total_cmp(&a.gate))
                .then(a.expert.cmp(&b.expert))
        });
        self.first = (0..=tokens)
            .map(|t| self.pairs.partition_point(|p| (p.token as usize) < t) as u32)
            .collect();
        for t in 0..tokens {
            for (j, i) in (self.first[t]..self.first[t + 1]).enumerate() {
                self.pairs[i as usize].choice = j as u8;
            }
        }
        self.table = Vec::new();
    }

    /// Weights after drops: 0 for a dropped pair; GShard renormalises over the kept ones.
    fn weigh(&mut self, router: Router) {
        for t in 0..self.clusters.len() {
            let pairs = &mut self.pairs[self.first[t] as usize..self.first[t + 1] as usize];
            let kept: f64 = pairs.iter().filter(|p| p.kept()).map(|p| p.gate).sum();
            for pair in pairs {
                if !pair.kept() {
                    pair.weight = 0.0;
                } else if router == Router::Gshard && kept > 0.0 {
                    pair.weight = pair.gate / kept;
                }
            }
        }
    }

    fn batch(self, config: &Config, places: usize, turns: usize) -> Batch {
        let (tokens, experts) = (self.clusters.len(), config.experts as usize);
        let mut demand = vec![0_u32; experts];
        let mut carried = vec![0_u32; experts];
        let (mut mass, mut kept_mass) = (0.0, 0.0);
        for pair in self.pairs.iter().filter(|p| p.fate != Fate::NotSent) {
            demand[usize::from(pair.expert)] += 1;
            mass += pair.gate;
            if pair.kept() {
                carried[usize::from(pair.expert)] += 1;
                kept_mass += pair.gate;
            }
        }
        let unrouted = (0..tokens)
            .filter(|&t| {
                !self.pairs[self.first[t] as usize..self.first[t + 1] as usize]
                    .iter()
                    .any(Pair::kept)
            })
            .count();
        let loads: Vec<f64> = demand.iter().map(|&d| f64::from(d)).collect();
        let sent: f64 = loads.iter().sum();
        let total: f64 = carried.iter().map(|&c| f64::from(c)).sum();
        let balanced = (tokens * config.choices()) as f64 / experts as f64;
        let stats = BatchStats {
            cv: load::cv(&loads),
            max_violation: load::max_violation(&loads),
            load_entropy: load::load_entropy(&loads),
            drop_rate: (sent - total) / sent,
            unrouted: unrouted as u32,
            retained: kept_mass / mass,
            straggler: carried.iter().copied().max().map_or(0.0, f64::from) / balanced,
            router_entropy: self.entropy / tokens as f64,
            dead: loads
                .iter()
                .filter(|&&f| f < 0.02 * sent / experts as f64)
                .count() as u32,
        };
        Batch {
            clusters: self.clusters.into(),
            pairs: self.pairs.into(),
            first: self.first.into(),
            capacity: places as u32,
            turns: turns as u32,
            demand: demand.into(),
            carried: carried.into(),
            bias: self.bias.into(),
            stats,
        }
    }
}

/// A candidate for a place, ordered by gate, then by the lower token.
#[derive(Debug, Clone, PartialEq)]
struct Rated {
    gate: f64,
    token: Reverse<u32>,
    pair: usize,
}

impl Eq for Rated {}

impl PartialOrd for Rated {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Rated {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.gate
            .total_cmp(&other.gate)
            .then(self.token.cmp(&other.token))
    }
}
