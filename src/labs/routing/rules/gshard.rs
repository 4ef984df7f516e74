//! GShard top-2 (arXiv 2006.16668): first choices are served before second choices.

use super::capacity;
use crate::core::gate::descending;

/// The two choices of every token and their raw gates.
#[derive(Debug, Clone, PartialEq)]
pub struct Choices {
    /// First and second expert.
    pub experts: Vec<[usize; 2]>,
    /// Softmax probabilities of the two.
    pub gates: Vec<[f64; 2]>,
}

/// When the second choice is sent.
#[derive(Debug, Clone, PartialEq)]
pub enum Second<'a> {
    /// Always.
    Always,
    /// When u < min(1, 2 g2) with g2 renormalised over the pair (GShard).
    Renormalised(&'a [f64]),
    /// When u < min(1, 2 g2) with the raw probability (NLLB).
    Raw(&'a [f64]),
}

/// How gates become weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renormalise {
    /// Over the choices kept.
    AfterDropping,
    /// Over the pair, then dropped ones are set to 0.
    BeforeDropping,
}

/// What became of the choices.
#[derive(Debug, Clone, PartialEq)]
pub struct Served {
    /// Whether the second choice was sent.
    pub second_sent: Vec<bool>,
    /// Positions inside the experts; -1 when not sent.
    pub positions: Vec<[i64; 2]>,
    /// Whether a choice has a place.
    pub kept: Vec<[bool; 2]>,
    /// Weights.
    pub weights: Vec<[f64; 2]>,
    /// Pairs sent to each expert.
    pub load_before: Vec<usize>,
    /// Pairs sent without a place.
    pub dropped_pairs: usize,
}

/// Serves the choices of a batch.
pub fn serve(
    choices: &Choices,
    experts: usize,
    places: usize,
    second: &Second<'_>,
    prioritised: bool,
    renormalise: Renormalise,
) -> Served {
    let n = choices.experts.len();
    let second_sent: Vec<bool> = (0..n).map(|t| sent(choices.gates[t], t, second)).collect();
    let order = if prioritised {
        descending(&choices.gates.iter().map(|g| g[0]).collect::<Vec<_>>())
    } else {
        (0..n).collect()
    };
    let firsts = order.iter().map(|&t| (t, 0));
    let seconds = order.iter().filter(|&&t| second_sent[t]).map(|&t| (t, 1));
    let buffer: Vec<(usize, usize)> = firsts.chain(seconds).collect();
    let ranks = capacity::ranks(buffer.iter().map(|&(t, j)| choices.experts[t][j]), experts);
    let mut served = Served {
        second_sent,
        positions: vec![[-1; 2]; n],
        kept: vec![[false; 2]; n],
        weights: vec![[0.0; 2]; n],
        load_before: vec![0; experts],
        dropped_pairs: 0,
    };
    for (&(t, j), rank) in buffer.iter().zip(ranks) {
        served.positions[t][j] = rank as i64;
        served.kept[t][j] = rank < places;
        served.dropped_pairs += usize::from(rank >= places);
        served.load_before[choices.experts[t][j]] += 1;
    }
    for t in 0..n {
        let g = choices.gates[t];
        let kept = served.kept[t];
        let total: f64 = match renormalise {
            Renormalise::BeforeDropping => g[0] + g[1],
            Renormalise::AfterDropping => (0..2).filter(|&j| kept[j]).map(|j| g[j]).sum(),
        };
        for j in 0..2 {
            if kept[j] && total > 0.0 {
                served.weights[t][j] = g[j] / total;
            }
        }
    }
    served
}

fn sent(gates: [f64; 2], token: usize, second: &Second<'_>) -> bool {
    match second {
        Second::Always => true,
        Second::Renormalised(u) => u[token] < (2.0 * gates[1] / (gates[0] + gates[1])).min(1.0),
        Second::Raw(u) => u[token] < (2.0 * gates[1]).min(1.0),
    }
}
