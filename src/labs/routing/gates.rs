//! Scores and choices of one token, for routers that look at nothing else.

use super::config::{Config, Router, SecondChoice, TieBreak};
use super::rules::blockffn;
use super::rules::entropy::DynMole;
use super::rules::families::{self, Groups};
use crate::core::gate;
use crate::core::matrix::Matrix;
use crate::core::num;
use crate::core::rng::{Stream, StreamId};

/// What a router sees of a token.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    /// Batch, from 0.
    pub(super) batch: usize,
    /// Token within the batch.
    pub(super) index: usize,
    /// Router logits.
    pub(super) logits: Vec<f64>,
    /// Expert of its id in the table of hash routing.
    pub(super) hashed: usize,
    /// Experts that a file names for it.
    pub(super) recorded: Vec<usize>,
}

/// Scores of one token.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Gated {
    /// What the choice is made by: logits, biased scores, scores outside the groups kept at -∞.
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

/// Scaling factor of DeepSeek-V3's weights.
pub(super) const ROUTED_SCALE: f64 = 2.5;

/// DeepSeek-V3's sizes.
pub(super) fn groups(config: &Config) -> Groups {
    Groups {
        groups: config.groups as usize,
        topk_group: config.topk_group as usize,
        k: config.choices(),
        scale: ROUTED_SCALE,
    }
}

/// DynMoLE's settings.
pub(super) fn dynmole(config: &Config) -> DynMole {
    DynMole {
        threshold: config.entropy_threshold,
        q: config.tsallis_q,
        keep_top_k: config.choices(),
        top_p: config.top_p,
        eps: 1e-5,
    }
}

/// Scores and choices of one token. Routers that look at the whole batch get what the token would
/// choose by itself.
pub(super) fn gate_token(config: &Config, token: &Token, bias: &[f64]) -> Gated {
    let z = &token.logits;
    match config.router {
        Router::LossFree => loss_free(config, token, bias),
        Router::DeepseekV3 => {
            let grouped = families::deepseek_v3(z, bias, groups(config));
            let scores = sigmoids(z);
            Gated {
                selecting: grouped.masked,
                picks: grouped.routed.0,
                weights: grouped.routed.1,
                entropy: gate::entropy(&gate::normalised(&scores)),
                scores,
            }
        }
        Router::Dynmole => {
            let p = gate::softmax(z);
            let (mask, _) = dynmole(config).choose(&p);
            let picks: Vec<usize> = gate::descending(&p)
                .into_iter()
                .filter(|&e| mask[e])
                .collect();
            let weights = gate::pick(&p, &picks);
            with_scores(z, p, picks, weights)
        }
        Router::Blockffn => relu(config, z),
        Router::Hash => with_scores(z, gate::softmax(z), vec![token.hashed], vec![1.0]),
        Router::Recorded => recorded(config, token),
        Router::Gshard if config.second_choice == SecondChoice::Sampled => {
            let p = gate::softmax(z);
            let first = gate::argmax(z);
            let mut noisy = noisy(config.seed, token);
            noisy[first] = f64::NEG_INFINITY;
            let picks = vec![first, gate::argmax(&noisy)];
            let weights = gate::normalised(&gate::pick(&p, &picks));
            with_scores(z, p, picks, weights)
        }
        router => {
            let p = gate::softmax(z);
            let picks = best(config, token, z);
            let gates = gate::pick(&p, &picks);
            let weights = match router {
                Router::Granite => gate::softmax(&gate::pick(z, &picks)),
                Router::Switch => gates,
                Router::Mixtral if !config.renormalise => gates,
                _ => gate::normalised(&gates),
            };
            with_scores(z, p, picks, weights)
        }
    }
}

/// The k best experts; equal scores as the config has them broken.
fn best(config: &Config, token: &Token, scores: &[f64]) -> Vec<usize> {
    let k = config.choices();
    let mut order: Vec<usize> = (0..scores.len()).collect();
    match config.tie_break {
        TieBreak::Lower => return gate::top_k(scores, k),
        TieBreak::Higher => order.reverse(),
        TieBreak::Random => {
            let draws = Stream::new(config.seed, StreamId::Policy)
                .step(token.batch as u32)
                .replicate(6);
            let first = (token.index * scores.len()) as u64;
            order.sort_by_key(|&e| (draws.at(first + e as u64), e));
        }
    }
    let scores = gate::pick(scores, &order);
    let places = gate::top_k(&scores, k).into_iter();
    places.map(|at| order[at]).collect()
}

/// The file's choices, all with the same weight: it holds no scores.
fn recorded(config: &Config, token: &Token) -> Gated {
    let picks = token.recorded.clone();
    let share = 1.0 / picks.len().max(1) as f64;
    let mut scores = vec![0.0; config.experts as usize];
    for &e in &picks {
        scores[e] = share;
    }
    Gated {
        selecting: scores.clone(),
        entropy: gate::entropy(&scores),
        weights: vec![share; picks.len()],
        scores,
        picks,
    }
}

fn sigmoids(z: &[f64]) -> Vec<f64> {
    z.iter().map(|&z| num::sigmoid(z)).collect()
}

fn with_scores(z: &[f64], p: Vec<f64>, picks: Vec<usize>, weights: Vec<f64>) -> Gated {
    Gated {
        selecting: z.to_vec(),
        entropy: gate::entropy(&p),
        scores: p,
        picks,
        weights,
    }
}

fn loss_free(config: &Config, token: &Token, bias: &[f64]) -> Gated {
    let scores = sigmoids(&token.logits);
    let selecting = families::biased(&scores, bias);
    let picks = best(config, token, &selecting);
    Gated {
        weights: gate::normalised(&gate::pick(&scores, &picks)),
        entropy: gate::entropy(&gate::normalised(&scores)),
        selecting,
        scores,
        picks,
    }
}

/// BlockFFN: every expert whose raw score exceeds the shift, weighed by the RMS-normalised ReLU
/// with gain 1.
fn relu(config: &Config, z: &[f64]) -> Gated {
    let raw = Matrix {
        rows: 1,
        cols: z.len(),
        data: z.iter().map(|v| v - config.relu_shift).collect(),
    };
    let routed = blockffn::route(&raw, &vec![1.0; z.len()], 1e-6);
    let picks: Vec<usize> = gate::descending(&routed.score.data)
        .into_iter()
        .filter(|&e| routed.score.data[e] > 0.0)
        .collect();
    let weights = gate::pick(&routed.score.data, &picks);
    Gated {
        selecting: raw.data,
        entropy: gate::entropy(&gate::normalised(&routed.score.data)),
        scores: routed.score.data,
        picks,
        weights,
    }
}

/// Logits with standard Gumbel noise.
fn noisy(seed: u64, token: &Token) -> Vec<f64> {
    let draws = Stream::new(seed, StreamId::Policy)
        .step(token.batch as u32)
        .replicate(2);
    let first = (token.index * token.logits.len()) as u64;
    token
        .logits
        .iter()
        .enumerate()
        .map(|(e, z)| {
            let u = (f64::from(draws.at(first + e as u64)) + 0.5) / 4_294_967_296.0;
            z - num::ln(-num::ln(u))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_scores_go_where_the_switch_sends_them() {
        let token = Token {
            batch: 1,
            index: 3,
            logits: vec![0.5, 2.0, 0.5, 2.0, 0.5, -1.0],
            hashed: 0,
            recorded: Vec::new(),
        };
        let with = |tie_break| {
            let config = Config {
                experts: 6,
                k: 3,
                tie_break,
                ..Config::default()
            };
            gate_token(&config, &token, &[]).picks
        };
        assert_eq!(with(TieBreak::Lower), [1, 3, 0]);
        assert_eq!(with(TieBreak::Higher), [3, 1, 4]);
        let mut random = with(TieBreak::Random);
        random[..2].sort_unstable();
        assert_eq!(random[..2], [1, 3], "larger scores come first");
        assert!([0, 2, 4].contains(&random[2]));
        // Over many tokens every equal expert gets its share.
        let mut counts = [0; 6];
        for index in 0..3000 {
            let config = Config {
                experts: 6,
                k: 3,
                tie_break: TieBreak::Random,
                ..Config::default()
            };
            let token = Token {
                index,
                ..token.clone()
            };
            counts[gate_token(&config, &token, &[]).picks[2]] += 1;
        }
        for e in [0, 2, 4] {
            assert!((900..1100).contains(&counts[e]), "{counts:?}");
        }
    }
}
