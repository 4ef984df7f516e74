//! Routers that look at the whole batch before they choose, in short steps: they are stepped until
//! they have decided, then give the choices token by token.

mod exact;
mod experts;
mod graph;
mod sinkhorn;
mod slots;
#[cfg(test)]
mod tests;
mod transport;

use super::config::{Config, Router};
use super::fill::slice;
use crate::core::matrix::Matrix;
use exact::Exact;
use experts::Experts;
use graph::Mixing;
pub(super) use graph::heads;
use sinkhorn::Balanced;
use slots::Slots;
use std::ops::Range;
use transport::Transport;

/// One chosen expert of a token.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Choice {
    /// The expert.
    pub(super) expert: usize,
    /// Score that decides between tokens.
    pub(super) gate: f64,
    /// Weight of the expert's output.
    pub(super) weight: f64,
}

/// What a batch is decided by.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scores {
    /// Logits, token × expert (slot).
    pub(super) z: Matrix,
    /// Embeddings, token × width; empty where nothing needs them.
    pub(super) x: Matrix,
}

/// Work on a batch.
pub(super) trait Solver {
    /// A slice of work; `true` when nothing is left. The scores must be the same every time.
    fn step(&mut self, config: &Config, scores: &Scores) -> bool;

    /// The choices of a token, best first; once nothing is left.
    fn choices(&self, config: &Config, scores: &Scores, token: usize) -> Vec<Choice>;

    /// How far it is from a balanced target; 0 where there is none.
    fn residual(&self) -> f64 {
        0.0
    }
}

/// Prepares the work on a batch for a router that is not local; it costs next to nothing.
pub(super) fn solver(config: &Config, scores: &Scores) -> Box<dyn Solver> {
    let (tokens, columns) = (scores.z.rows, scores.z.cols);
    match config.router {
        Router::Sinkhorn => Box::new(Balanced::new(columns)),
        Router::Base => Box::new(Exact::new(tokens, columns)),
        Router::SparseTransport => Box::new(Transport::new(config, tokens, columns)),
        Router::TokenGraph => Box::new(Mixing::new(columns)),
        Router::SoftMoe => Box::new(Slots::new(tokens)),
        _ => Box::new(Experts::new(tokens, columns)),
    }
}

/// Entries of a table that a step looks at, about.
pub(super) const ENTRIES: usize = 20_000;

/// The next rows (or columns) of a table, as many as `left` entries are worth at so many in a row;
/// one at least. What they take is taken off.
fn lines(at: &mut usize, all: usize, entries: usize, left: &mut usize) -> Range<usize> {
    let lines = slice(at, all, *left / entries.max(1));
    *left = left.saturating_sub(lines.len() * entries.max(1));
    lines
}

fn listed(picks: &[usize], scores: &[f64], weights: &[f64]) -> Vec<Choice> {
    let all = picks.iter().zip(weights);
    all.map(|(&expert, &weight)| Choice {
        expert,
        gate: scores[expert],
        weight,
    })
    .collect()
}
