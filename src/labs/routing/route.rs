//! What routing makes of a batch: pairs, their fates, figures.
//!
//! Pairs arrive in buffer order. (Routers in which the experts choose have no arrivals of their
//! own: there the experts take turns, best token first.)

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
    /// It found its expert full elsewhere and has a place here.
    Rerouted,
    /// It was not asked for: an idle place took this token.
    Added,
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
        matches!(self.fate, Fate::Kept | Fate::Rerouted | Fate::Added)
    }

    /// Whether the router asked for it (sent or not).
    pub fn asked(&self) -> bool {
        !matches!(self.fate, Fate::Rerouted | Fate::Added)
    }

    /// Gives it a position in order of arrival.
    pub(super) fn place(&mut self, position: u32, places: usize) {
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
    /// Share of the pairs sent that found no place anywhere.
    pub drop_rate: f64,
    /// Share of the pairs sent that found a place with another expert.
    pub rerouted: f64,
    /// Pairs that idle places took, over the pairs sent.
    pub added: f64,
    /// Experts that process a token, on average.
    pub per_token: f64,
    /// Share of experts that no token of a window of 8 asks for.
    pub idle_in_window: f64,
    /// Share of tokens whose last expert and the one just left out have equal scores; NaN where
    /// nothing is counted.
    pub tied: f64,
    /// How far a balancing solver is from its target: relative error of its row sums.
    pub residual: f64,
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
    pub pairs: Arc<Vec<Pair>>,
    /// First pair of each token; one entry more than tokens.
    pub first: Arc<Vec<u32>>,
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
