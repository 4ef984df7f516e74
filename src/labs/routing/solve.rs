//! Routers that look at the whole batch before they choose, in short steps.

use super::config::{Config, Graph, Router};
use super::rules::assignment::Assigner;
use super::rules::choice::expert_choice;
use super::rules::matrix::Matrix;
use super::rules::sinkhorn::{LogDomain, sum_error};
use super::rules::sparse_ot::{Adam, Ascent, Problem};
use super::rules::{gate, graph};
use crate::core::num;
use crate::core::rng::{Stream, StreamId};

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

/// What the whole batch decided.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Solved {
    /// Choices of each token, best first.
    pub(super) chosen: Vec<Vec<Choice>>,
    /// How far a solver is from its balanced target; 0 where there is none.
    pub(super) residual: f64,
}

/// Work on a batch.
pub(super) enum Solver {
    /// Nothing to iterate.
    Direct,
    /// Sinkhorn's passes.
    Sinkhorn(LogDomain, usize),
    /// Token after token enters the exact assignment.
    Base(Assigner),
    /// Ascent on the dual of sparse transport.
    Transport(Problem, Ascent),
    /// Row after row of scores averaged over similar tokens.
    Graph {
        /// Scores of each token.
        p: Matrix,
        /// Rows done.
        mixed: Matrix,
        /// The tokens as heads of attention see them; none where similarity decides.
        heads: Option<Vec<Matrix>>,
    },
}

/// Passes of Sinkhorn's loop at most.
const PASSES: usize = 400;
/// Largest relative error of a row sum at which it stops.
const ROW_ERROR: f64 = 1e-3;

impl Solver {
    /// Prepares the work on a batch: `logits` token × expert (slot).
    pub(super) fn new(config: &Config, logits: &Matrix) -> Self {
        match config.router {
            Router::Sinkhorn => Self::Sinkhorn(LogDomain::new(logits, config.temperature), 0),
            Router::Base => {
                let per_expert = logits.rows.div_ceil(logits.cols);
                Assigner::new(logits.clone(), per_expert).map_or(Self::Direct, Self::Base)
            }
            Router::SparseTransport => {
                let gates = logits.softmax_rows();
                let problem = Problem {
                    cost: gates.map_rows(|row| row.iter().map(|p| -p).collect()),
                    a: vec![1.0; logits.rows],
                    b: vec![logits.rows as f64 / logits.cols as f64; logits.cols],
                    gamma: config.transport_gamma,
                    k: config.places(),
                };
                let adam = Adam {
                    lr: 0.01,
                    b1: 0.9,
                    b2: 0.999,
                    eps: 1e-8,
                    steps: config.transport_steps as usize,
                };
                Self::Transport(problem, Ascent::new(logits.rows, adam))
            }
            Router::TokenGraph => Self::Graph {
                p: logits.softmax_rows(),
                mixed: Matrix::zeros(0, logits.cols),
                heads: None,
            },
            _ => Self::Direct,
        }
    }

    /// A slice of work; `true` when nothing is left.
    pub(super) fn step(&mut self, config: &Config, logits: &Matrix, x: &Matrix) -> bool {
        match self {
            Self::Direct => true,
            Self::Sinkhorn(work, passes) => {
                let slice = (20_000 / logits.data.len().max(1)).max(1);
                for _ in 0..slice {
                    work.pass();
                    *passes += 1;
                }
                let error = row_error(&work.plan());
                error < ROW_ERROR || *passes >= PASSES
            }
            Self::Base(work) => {
                let slice = (200_000 / (logits.cols * logits.cols * 4 + logits.rows)).max(1);
                (0..slice).any(|_| work.step())
            }
            Self::Transport(problem, ascent) => ascent.step(problem),
            Self::Graph { p, mixed, heads } => {
                if config.graph == Graph::Attention && heads.is_none() {
                    *heads = Some(self::heads(config, x));
                    return false;
                }
                let slice = (100_000 / (logits.rows * (x.cols + logits.cols)).max(1)).max(1);
                for t in mixed.rows..logits.rows.min(mixed.rows + slice) {
                    let row = match heads {
                        Some(heads) => graph::by_attention(t, heads, p, config.temperature),
                        None => graph::by_similarity(t, x, p, config.temperature),
                    };
                    mixed.data.extend(row);
                    mixed.rows += 1;
                }
                mixed.rows == logits.rows
            }
        }
    }

    /// The choices.
    pub(super) fn finish(self, config: &Config, logits: &Matrix) -> Solved {
        let k = config.choices();
        let local = logits.softmax_rows();
        match self {
            Self::Direct if config.router == Router::SoftMoe => soft(logits, config.slots()),
            Self::Direct => experts_choose(&local, config.places()),
            Self::Sinkhorn(work, _) => {
                let plan = work.plan();
                let chosen = |t: usize| {
                    let picks = gate::top_k(plan.row(t), k);
                    let z = gate::pick(logits.row(t), &picks);
                    let weights = if k == 1 {
                        z.iter().map(|&z| num::sigmoid(z)).collect()
                    } else {
                        gate::softmax(&z)
                    };
                    listed(&picks, local.row(t), &weights)
                };
                Solved {
                    chosen: (0..logits.rows).map(chosen).collect(),
                    residual: row_error(&plan),
                }
            }
            Self::Base(work) => Solved {
                chosen: work
                    .experts()
                    .iter()
                    .enumerate()
                    .map(|(t, &e)| listed(&[e], local.row(t), &[num::sigmoid(logits.at(t, e))]))
                    .collect(),
                residual: 0.0,
            },
            Self::Transport(problem, ascent) => {
                let plan = problem.plan(&ascent.alpha);
                let chosen = |t: usize| {
                    let mut picks: Vec<usize> =
                        (0..plan.cols).filter(|&e| plan.at(t, e) > 1e-12).collect();
                    picks.sort_by(|&a, &b| local.at(t, b).total_cmp(&local.at(t, a)));
                    let weights = gate::pick(local.row(t), &picks);
                    listed(&picks, local.row(t), &weights)
                };
                Solved {
                    chosen: (0..logits.rows).map(chosen).collect(),
                    residual: problem.row_error(&plan) / logits.rows as f64,
                }
            }
            Self::Graph { mixed, .. } => {
                let chosen = |t: usize| {
                    let picks = gate::top_k(mixed.row(t), k);
                    let weights = gate::normalised(&gate::pick(mixed.row(t), &picks));
                    listed(&picks, mixed.row(t), &weights)
                };
                Solved {
                    chosen: (0..logits.rows).map(chosen).collect(),
                    residual: 0.0,
                }
            }
        }
    }
}

/// Largest relative error of a row sum of a plan whose total is 1.
fn row_error(plan: &Matrix) -> f64 {
    let n = plan.rows as f64;
    n * sum_error(&plan.row_sums(), 1.0 / n)
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

/// Heads of the attention by which scores are averaged.
const HEADS: usize = 4;

/// The tokens as each head sees them: projected by a random matrix, for query and key alike, so that
/// a head attends to what resembles the token in its own directions.
pub(super) fn heads(config: &Config, x: &Matrix) -> Vec<Matrix> {
    let width = x.cols.div_ceil(HEADS);
    let mut draw = Stream::new(config.seed, StreamId::Weights).replicate(130);
    let scale = 1.0 / (x.cols as f64).sqrt();
    (0..HEADS)
        .map(|_| {
            let projection = Matrix::from_fn(width, x.cols, |_, _| scale * draw.normal());
            x.times_transposed(&projection)
        })
        .collect()
}

/// Every expert takes its best tokens; ties to the lower token.
fn experts_choose(p: &Matrix, places: usize) -> Solved {
    let mut chosen: Vec<Vec<Choice>> = vec![Vec::new(); p.rows];
    for (expert, tokens) in expert_choice(p, places).into_iter().enumerate() {
        for t in tokens {
            let gate = p.at(t, expert);
            chosen[t].push(Choice {
                expert,
                gate,
                weight: gate,
            });
        }
    }
    for row in &mut chosen {
        row.sort_by(|a, b| b.gate.total_cmp(&a.gate).then(a.expert.cmp(&b.expert)));
    }
    Solved {
        chosen,
        residual: 0.0,
    }
}

/// Soft MoE: the weight of an expert is what its slots get in the token's softmax over all slots;
/// the gate is what the token puts into them, relative to an even share of every slot.
fn soft(logits: &Matrix, slots: usize) -> Solved {
    let combine = logits.softmax_rows();
    let dispatch = logits.transposed().softmax_rows();
    let experts = logits.cols / slots;
    let n = logits.rows as f64;
    let chosen = (0..logits.rows)
        .map(|t| {
            let mut row: Vec<Choice> = (0..experts)
                .map(|expert| {
                    let columns = expert * slots..(expert + 1) * slots;
                    let given: f64 = columns.clone().map(|s| dispatch.at(s, t)).sum();
                    Choice {
                        expert,
                        gate: given * n / (slots * experts) as f64,
                        weight: columns.map(|s| combine.at(t, s)).sum(),
                    }
                })
                .collect();
            row.sort_by(|a, b| b.weight.total_cmp(&a.weight).then(a.expert.cmp(&b.expert)));
            row
        })
        .collect();
    Solved {
        chosen,
        residual: 0.0,
    }
}
