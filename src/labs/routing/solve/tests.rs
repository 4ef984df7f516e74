//! The work in slices against the rules as they are written down, each in one go.

use super::super::config::Graph;
use super::super::rules::sinkhorn::{LogDomain, sum_error};
use super::super::rules::sparse_ot::{Adam, Problem};
use super::super::rules::{assignment, choice, graph};
use super::*;
use crate::core::gate;
use crate::core::matrix::Matrix;
use crate::core::num;
use crate::core::rng::{Stream, StreamId};

/// Choices of all tokens, and how far they are from balance.
type Solved = (Vec<Vec<Choice>>, f64);

fn stepped(config: &Config, scores: &Scores) -> (Solved, usize) {
    let mut work = solver(config, scores);
    let mut steps = 1;
    while !work.step(config, scores) {
        steps += 1;
    }
    let all = (0..scores.z.rows).map(|t| work.choices(config, scores, t));
    ((all.collect(), work.residual()), steps)
}

fn by_rows(z: &Matrix, chosen: impl Fn(usize) -> Vec<Choice>) -> Vec<Vec<Choice>> {
    (0..z.rows).map(chosen).collect()
}

fn sinkhorn(config: &Config, z: &Matrix) -> Solved {
    let (local, n, k) = (z.softmax_rows(), z.rows as f64, config.choices());
    let mut work = LogDomain::new(z, config.temperature);
    let (mut passes, between) = (0, (20_000 / z.data.len()).max(1));
    let error = loop {
        for _ in 0..between {
            work.pass();
            passes += 1;
        }
        let error = n * sum_error(&work.plan().row_sums(), 1.0 / n);
        if error < 1e-3 || passes >= 400 {
            break error;
        }
    };
    let plan = work.plan();
    let chosen = by_rows(z, |t| {
        let picks = gate::top_k(plan.row(t), k);
        let own = gate::pick(z.row(t), &picks);
        let weights = if k == 1 {
            own.iter().map(|&z| num::sigmoid(z)).collect()
        } else {
            gate::softmax(&own)
        };
        listed(&picks, local.row(t), &weights)
    });
    (chosen, error)
}

fn base(z: &Matrix) -> Solved {
    let local = z.softmax_rows();
    let experts = assignment::base(z, z.rows.div_ceil(z.cols)).expect("room for all");
    let chosen = by_rows(z, |t| {
        let e = experts[t];
        listed(&[e], local.row(t), &[num::sigmoid(z.at(t, e))])
    });
    (chosen, 0.0)
}

fn transport(config: &Config, z: &Matrix) -> Solved {
    let local = z.softmax_rows();
    let problem = Problem {
        cost: local.map_rows(|row| row.iter().map(|p| -p).collect()),
        a: vec![1.0; z.rows],
        b: vec![z.rows as f64 / z.cols as f64; z.cols],
        gamma: config.transport_gamma,
        k: config.places(),
    };
    let alpha = problem.ascend(Adam {
        lr: 0.01,
        b1: 0.9,
        b2: 0.999,
        eps: 1e-8,
        steps: config.transport_steps as usize,
    });
    let plan = problem.plan(&alpha);
    let chosen = by_rows(z, |t| {
        let mut picks: Vec<usize> = (0..z.cols).filter(|&e| plan.at(t, e) > 1e-12).collect();
        picks.sort_by(|&a, &b| local.at(t, b).total_cmp(&local.at(t, a)));
        let weights = gate::pick(local.row(t), &picks);
        listed(&picks, local.row(t), &weights)
    });
    (chosen, problem.row_error(&plan) / z.rows as f64)
}

fn token_graph(config: &Config, Scores { z, x }: &Scores) -> Solved {
    let (p, tau) = (z.softmax_rows(), config.temperature);
    let heads = (config.graph == Graph::Attention).then(|| heads(config, x));
    let chosen = by_rows(z, |t| {
        let row = match &heads {
            Some(heads) => graph::by_attention(t, heads, &p, tau),
            None => graph::by_similarity(t, x, &p, tau),
        };
        let picks = gate::top_k(&row, config.choices());
        listed(&picks, &row, &gate::normalised(&gate::pick(&row, &picks)))
    });
    (chosen, 0.0)
}

fn experts_choose(config: &Config, z: &Matrix) -> Solved {
    let p = z.softmax_rows();
    let mut chosen: Vec<Vec<Choice>> = vec![Vec::new(); z.rows];
    let all = choice::expert_choice(&p, config.places());
    for (expert, tokens) in all.into_iter().enumerate() {
        for t in tokens {
            let gate = p.at(t, expert);
            let weight = gate;
            chosen[t].push(Choice {
                expert,
                gate,
                weight,
            });
        }
    }
    for row in &mut chosen {
        row.sort_by(|a, b| b.gate.total_cmp(&a.gate).then(a.expert.cmp(&b.expert)));
    }
    (chosen, 0.0)
}

fn soft(config: &Config, z: &Matrix) -> Solved {
    let slots = config.slots();
    let (combine, dispatch) = (z.softmax_rows(), z.transposed().softmax_rows());
    let (experts, n) = (z.cols / slots, z.rows as f64);
    let chosen = by_rows(z, |t| {
        let of_expert = |expert: usize| {
            let columns = expert * slots..(expert + 1) * slots;
            let given: f64 = columns.clone().map(|s| dispatch.at(s, t)).sum();
            Choice {
                expert,
                gate: given * n / (slots * experts) as f64,
                weight: columns.map(|s| combine.at(t, s)).sum(),
            }
        };
        let mut row: Vec<Choice> = (0..experts).map(of_expert).collect();
        row.sort_by(|a, b| b.weight.total_cmp(&a.weight).then(a.expert.cmp(&b.expert)));
        row
    });
    (chosen, 0.0)
}

fn bits((chosen, residual): &Solved) -> (Vec<Vec<[u64; 3]>>, u64) {
    let of = |c: &Choice| [c.expert as u64, c.gate.to_bits(), c.weight.to_bits()];
    let rows = chosen.iter().map(|row| row.iter().map(of).collect());
    (rows.collect(), residual.to_bits())
}

#[test]
fn slices_decide_bit_for_bit_as_the_whole_does() {
    for (router, tokens, experts, k) in [
        (Router::Sinkhorn, 300, 96, 1),
        (Router::Sinkhorn, 40, 8, 2),
        (Router::Base, 300, 96, 1),
        (Router::Base, 41, 3, 1),
        (Router::SparseTransport, 300, 96, 1),
        (Router::SparseTransport, 90, 2, 1),
        (Router::TokenGraph, 300, 96, 2),
        (Router::ExpertChoice, 300, 96, 2),
        (Router::ExpertChoice, 90, 2, 2),
        (Router::SoftMoe, 120, 8, 2),
    ] {
        for graph in [Graph::Similarity, Graph::Attention] {
            let config = Config {
                router,
                tokens,
                experts,
                k,
                graph,
                transport_steps: 3,
                ..Config::default()
            };
            let mut draw = Stream::new(12, StreamId::Test);
            let columns = experts as usize * config.slots();
            let mut table = |cols| Matrix::from_fn(tokens as usize, cols, |_, _| draw.normal());
            let scores = Scores {
                z: table(columns),
                x: table(16),
            };
            let (got, steps) = stepped(&config, &scores);
            let wanted = match router {
                Router::Sinkhorn => sinkhorn(&config, &scores.z),
                Router::Base => base(&scores.z),
                Router::SparseTransport => transport(&config, &scores.z),
                Router::TokenGraph => token_graph(&config, &scores),
                Router::ExpertChoice => experts_choose(&config, &scores.z),
                _ => soft(&config, &scores.z),
            };
            assert!(bits(&got) == bits(&wanted), "{router:?}, {tokens} tokens");
            assert!(tokens < 300 || steps > 1, "{router:?} in one step");
        }
    }
}
