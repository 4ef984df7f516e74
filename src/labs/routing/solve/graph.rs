//! Row after row of scores averaged over similar tokens.

use super::super::config::{Config, Graph};
use super::super::rules::graph;
use super::{Choice, ENTRIES, Scores, Solver, lines, listed};
use crate::core::gate;
use crate::core::matrix::{Matrix, dot};
use crate::core::rng::{Stream, StreamId};

/// The work of averaging.
pub(super) struct Mixing {
    /// Scores of the tokens so far.
    p: Matrix,
    /// Rows averaged so far.
    mixed: Matrix,
    /// How each head of attention projects the tokens; empty where similarity decides.
    projections: Vec<Matrix>,
    /// The tokens so far as the heads see them.
    heads: Vec<Matrix>,
    scored: usize,
    done: usize,
}

impl Mixing {
    pub(super) fn new(experts: usize) -> Self {
        Self {
            p: Matrix::zeros(0, experts),
            mixed: Matrix::zeros(0, experts),
            projections: Vec::new(),
            heads: Vec::new(),
            scored: 0,
            done: 0,
        }
    }

    /// Takes over the scores of a token, and what the heads see of it.
    fn take(&mut self, scores: &Scores, token: usize) {
        self.p.push_row(gate::softmax(scores.z.row(token)));
        let x = scores.x.row(token);
        for (head, projection) in self.heads.iter_mut().zip(&self.projections) {
            head.push_row((0..projection.rows).map(|j| dot(x, projection.row(j))));
        }
    }
}

impl Solver for Mixing {
    fn step(&mut self, config: &Config, scores: &Scores) -> bool {
        let (rows, columns) = (scores.z.rows, scores.z.cols);
        if self.scored == 0 && config.graph == Graph::Attention {
            self.projections = projections(config, scores.x.cols);
            let empty = |p: &Matrix| Matrix::zeros(0, p.rows);
            self.heads = self.projections.iter().map(empty).collect();
        }
        let mut left = 5 * ENTRIES;
        while left > 0 {
            if self.scored < rows {
                let each = 5 * columns + scores.x.cols * scores.x.cols;
                for t in lines(&mut self.scored, rows, each, &mut left) {
                    self.take(scores, t);
                }
            } else if self.done < rows {
                let each = rows * (scores.x.cols + columns);
                for t in lines(&mut self.done, rows, each, &mut left) {
                    let (tau, p) = (config.temperature, &self.p);
                    let row = if self.heads.is_empty() {
                        graph::by_similarity(t, &scores.x, p, tau)
                    } else {
                        graph::by_attention(t, &self.heads, p, tau)
                    };
                    self.mixed.push_row(row);
                }
            } else {
                return true;
            }
        }
        self.done == rows
    }

    fn choices(&self, config: &Config, _: &Scores, token: usize) -> Vec<Choice> {
        let row = self.mixed.row(token);
        let picks = gate::top_k(row, config.choices());
        let weights = gate::normalised(&gate::pick(row, &picks));
        listed(&picks, row, &weights)
    }
}

/// Heads of the attention by which scores are averaged.
const HEADS: usize = 4;

/// How each head projects the tokens.
fn projections(config: &Config, width: usize) -> Vec<Matrix> {
    let own = width.div_ceil(HEADS);
    let mut draw = Stream::new(config.seed, StreamId::Weights).replicate(130);
    let scale = 1.0 / (width as f64).sqrt();
    (0..HEADS)
        .map(|_| Matrix::from_fn(own, width, |_, _| scale * draw.normal()))
        .collect()
}

/// The tokens as each head sees them: projected by a random matrix, for query and key alike, so that
/// a head attends to what resembles the token in its own directions.
pub(in crate::labs::routing) fn heads(config: &Config, x: &Matrix) -> Vec<Matrix> {
    let all = projections(config, x.cols).into_iter();
    all.map(|projection| x.times_transposed(&projection))
        .collect()
}
