//! A second chance for what overflows.

use super::config::{Config, Overflow};
use super::route::{Fate, Pair};
use super::rules::choice;
use super::rules::matrix::Matrix;

/// Pairs that idle places take after the drops (Capacity-Aware Inference, arXiv 2503.05066): what
/// overflowed goes to the best expert with room, or every expert takes its best other tokens. They
/// arrive from turn `turn` on.
pub(super) fn second_chance(config: &Config, pairs: &[Pair], p: &Matrix, turn: usize) -> Vec<Pair> {
    let places = config.places();
    let mark = |wanted: fn(&Pair) -> bool| {
        let mut mask = vec![vec![false; p.cols]; p.rows];
        for pair in pairs.iter().filter(|pair| wanted(pair)) {
            mask[pair.token as usize][usize::from(pair.expert)] = true;
        }
        mask
    };
    let wanted = mark(|pair| pair.fate != Fate::NotSent);
    let mut kept = mark(Pair::kept);
    let mut load: Vec<u32> = (0..p.cols)
        .map(|e| kept.iter().map(|row| u32::from(row[e])).sum())
        .collect();
    let moves: Vec<([usize; 3], Fate)> = match config.overflow {
        Overflow::Drop => Vec::new(),
        Overflow::Reroute => choice::reroute(p, &wanted, &mut kept, places)
            .moved
            .into_iter()
            .map(|m| (m, Fate::Rerouted))
            .collect(),
        Overflow::Expand => {
            let mut free = Vec::new();
            for e in 0..p.cols {
                let idle = places.saturating_sub(load[e] as usize);
                // A token that this expert has turned away is no worse than before.
                let open: Vec<usize> = (0..p.rows)
                    .filter(|&t| !kept[t][e] && !wanted[t][e])
                    .collect();
                let scores: Vec<f64> = open.iter().map(|&t| p.at(t, e)).collect();
                let best = super::rules::gate::descending(&scores);
                free.extend(best.into_iter().take(idle).map(|i| [open[i], e, e]));
            }
            free.into_iter().map(|m| (m, Fate::Added)).collect()
        }
    };
    let per_token = config.choices();
    let mut extra_choice = vec![per_token; p.rows];
    moves
        .into_iter()
        .enumerate()
        .map(|(i, ([t, from, to], fate))| {
            let source = pairs
                .iter()
                .skip(pairs.partition_point(|q| (q.token as usize) < t))
                .take_while(|q| q.token as usize == t);
            // The weight per gate of the token's own pairs holds for the new one too.
            let total: f64 = source.clone().filter(|q| q.asked()).map(|q| q.gate).sum();
            let own = source
                .clone()
                .find(|q| usize::from(q.expert) == from && fate == Fate::Rerouted);
            let choice = own.map_or_else(
                || {
                    extra_choice[t] += 1;
                    extra_choice[t] - 1
                },
                |q| usize::from(q.choice),
            );
            let gate = p.at(t, to);
            let position = load[to];
            load[to] += 1;
            Pair {
                token: t as u32,
                expert: to as u16,
                choice: choice.min(255) as u8,
                fate,
                gate,
                weight: if config.keeps_gates() {
                    gate
                } else {
                    gate / total
                },
                position,
                arrives: (turn + i) as u32,
                leaves: u32::MAX,
            }
        })
        .collect()
}
