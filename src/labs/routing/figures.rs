//! The figures of a batch, token after token.

use super::config::Config;
use super::route::{BatchStats, Fate, Pair};
use super::rules::load;

/// Tokens in a window of chunk-level sparsity.
const WINDOW: usize = 8;

/// Sums over the tokens seen so far.
pub(super) struct Tally {
    tokens: usize,
    /// Pairs asked for, by expert.
    pub(super) demand: Vec<u32>,
    /// Pairs carried, by expert.
    pub(super) carried: Vec<u32>,
    mass: f64,
    kept_mass: f64,
    moved: f64,
    added: f64,
    unrouted: u32,
    /// Experts asked for in each window.
    busy: Vec<bool>,
}

/// What is known of a batch beside its pairs.
pub(super) struct Known {
    /// Sum of the tokens' entropies.
    pub(super) entropy: f64,
    /// How far a solver is from its target.
    pub(super) residual: f64,
    /// Tokens whose choice equal scores decided.
    pub(super) tied: u32,
}

impl Tally {
    /// Starts on a batch of so many tokens.
    pub(super) fn new(tokens: usize, experts: usize) -> Self {
        Self {
            tokens,
            demand: vec![0; experts],
            carried: vec![0; experts],
            mass: 0.0,
            kept_mass: 0.0,
            moved: 0.0,
            added: 0.0,
            unrouted: 0,
            // Windows do not overlap and a tail is left out.
            busy: vec![false; tokens / WINDOW * experts],
        }
    }

    /// Adds the pairs of the next token.
    pub(super) fn add(&mut self, token: usize, pairs: &[Pair]) {
        let experts = self.demand.len();
        for pair in pairs.iter().filter(|p| p.fate != Fate::NotSent) {
            let e = usize::from(pair.expert);
            self.demand[e] += u32::from(pair.asked());
            self.carried[e] += u32::from(pair.kept());
            self.mass += if pair.asked() { pair.gate } else { 0.0 };
            self.kept_mass += if pair.kept() { pair.gate } else { 0.0 };
            self.moved += f64::from(u8::from(pair.fate == Fate::Rerouted));
            self.added += f64::from(u8::from(pair.fate == Fate::Added));
            if pair.asked()
                && let Some(slot) = self.busy.get_mut(token / WINDOW * experts + e)
            {
                *slot = true;
            }
        }
        self.unrouted += u32::from(!pairs.iter().any(Pair::kept));
    }

    /// The figures.
    pub(super) fn stats(&self, config: &Config, known: &Known) -> BatchStats {
        let (tokens, experts) = (self.tokens, config.experts as f64);
        let loads: Vec<f64> = self.demand.iter().map(|&d| f64::from(d)).collect();
        let sent: f64 = loads.iter().sum();
        let total: f64 = self.carried.iter().map(|&c| f64::from(c)).sum();
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
            drop_rate: share(sent + self.added - total),
            rerouted: share(self.moved),
            added: share(self.added),
            per_token: total / tokens as f64,
            residual: known.residual,
            tied: if config.counts_ties() {
                f64::from(known.tied) / tokens as f64
            } else {
                f64::NAN
            },
            idle_in_window: if self.busy.is_empty() {
                f64::NAN
            } else {
                self.busy.iter().filter(|b| !**b).count() as f64 / self.busy.len() as f64
            },
            unrouted: self.unrouted,
            retained: if self.mass > 0.0 {
                self.kept_mass / self.mass
            } else {
                1.0
            },
            straggler: self.carried.iter().copied().max().map_or(0.0, f64::from) / balanced,
            router_entropy: known.entropy / tokens as f64,
            dead: loads.iter().filter(|&&f| f < 0.02 * sent / experts).count() as u32,
        }
    }
}
