//! Who gets a place: buffer order, drop rules, and a second chance for what overflows.

use super::config::{BufferOrder, Config, DropOrder, Overflow};
use super::route::{Fate, Pair};
use super::rules::matrix::Matrix;
use super::rules::permute::permutation;
use super::rules::{capacity, choice};
use crate::core::rng::{Stream, StreamId};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The pairs of a batch, by token, then choice.
pub(super) struct Table {
    pub(super) pairs: Vec<Pair>,
    pub(super) experts: usize,
    pub(super) tokens: usize,
}

/// Numbers the pairs in the order in which they ask for places.
pub(super) fn arrive(config: &Config, table: &mut Table) {
    let pairs = &mut table.pairs;
    let order: Vec<usize> = if config.router.fills_experts() {
        // The experts take turns, each with its best token left.
        let place = places_by_score(pairs, table.experts, |p| p.gate);
        let mut order: Vec<usize> = (0..pairs.len()).collect();
        order.sort_by_key(|&i| (place[i], pairs[i].expert));
        order
    } else {
        // The pairs stand by token, then choice: token by token already.
        let mut order: Vec<usize> = (0..pairs.len()).collect();
        if config.buffer_order == BufferOrder::Prioritised {
            let rank = ranks_by_gate(pairs, table.tokens);
            order = bucketed(&order, table.tokens, |i| rank[pairs[i].token as usize]);
        }
        if config.buffer_order != BufferOrder::TokenMajor {
            order = bucketed(&order, 256, |i| usize::from(pairs[i].choice));
        }
        order
    };
    for (turn, i) in order.into_iter().enumerate() {
        pairs[i].arrives = turn as u32;
    }
}

/// A list sorted by a small whole number below `buckets`; equal ones keep their order.
fn bucketed(list: &[usize], buckets: usize, key: impl Fn(usize) -> usize) -> Vec<usize> {
    let keys: Vec<usize> = list.iter().map(|&i| key(i)).collect();
    let order = permutation(&keys, buckets).order;
    order.into_iter().map(|at| list[at]).collect()
}

/// Place of each token in the buffer by descending first gate, ties to the lower token.
fn ranks_by_gate(pairs: &[Pair], tokens: usize) -> Vec<usize> {
    let mut first = vec![0.0_f64; tokens];
    for p in pairs.iter().filter(|p| p.choice == 0) {
        first[p.token as usize] = p.gate;
    }
    let mut order: Vec<usize> = (0..tokens).collect();
    order.sort_by(|&a, &b| first[b].total_cmp(&first[a]).then(a.cmp(&b)));
    let mut rank = vec![0; tokens];
    for (i, t) in order.into_iter().enumerate() {
        rank[t] = i;
    }
    rank
}

/// Rank of each pair inside its expert by descending key, ties to the lower token.
fn places_by_score(pairs: &[Pair], experts: usize, key: impl Fn(&Pair) -> f64) -> Vec<u32> {
    let mut wanted: Vec<Vec<usize>> = vec![Vec::new(); experts];
    for (i, p) in pairs.iter().enumerate() {
        if p.fate != Fate::NotSent {
            wanted[usize::from(p.expert)].push(i);
        }
    }
    let mut out = vec![0; pairs.len()];
    for mut list in wanted {
        list.sort_by(|&a, &b| {
            let (a, b) = (&pairs[a], &pairs[b]);
            key(b).total_cmp(&key(a)).then(a.token.cmp(&b.token))
        });
        for (rank, i) in list.into_iter().enumerate() {
            out[i] = rank as u32;
        }
    }
    out
}

/// Gives each pair its position, and its fate when that is at or over the capacity.
pub(super) fn fill(config: &Config, batch: usize, table: &mut Table) {
    let places = config.places();
    if config.router.fills_experts() {
        // The rule has chosen within the places already.
        let position = places_by_score(&table.pairs, table.experts, |p| p.gate);
        for (pair, position) in table.pairs.iter_mut().zip(position) {
            pair.position = position;
        }
        return;
    }
    match config.drop_order {
        DropOrder::Token => first_come(table, places),
        DropOrder::Score => best_first(table, places, |p| p.gate),
        DropOrder::Last => best_first(table, places, |p| f64::from(p.arrives)),
        DropOrder::Random => {
            let draws = Stream::new(config.seed, StreamId::Policy)
                .step(batch as u32)
                .replicate(3);
            let experts = table.experts as u64;
            best_first(table, places, |p| {
                f64::from(draws.at(u64::from(p.token) * experts + u64::from(p.expert)))
            });
        }
    }
}

/// The pairs that are sent, by their turns: these are the numbers from 0 on, each once.
fn arrival_order(pairs: &[Pair]) -> Vec<usize> {
    let mut order = vec![0; pairs.len()];
    for (i, pair) in pairs.iter().enumerate() {
        order[pair.arrives as usize] = i;
    }
    order.retain(|&i| pairs[i].fate != Fate::NotSent);
    order
}

fn first_come(table: &mut Table, places: usize) {
    let order = arrival_order(&table.pairs);
    let ranks = capacity::ranks(
        order.iter().map(|&i| usize::from(table.pairs[i].expert)),
        table.experts,
    );
    for (i, rank) in order.into_iter().zip(ranks) {
        table.pairs[i].place(rank as u32, places);
    }
}

/// A full expert turns away the pair with the smallest key when a better one comes.
fn best_first(table: &mut Table, places: usize, key: impl Fn(&Pair) -> f64) {
    let position = places_by_score(&table.pairs, table.experts, &key);
    let mut inside: Vec<BinaryHeap<Reverse<Rated>>> = vec![BinaryHeap::new(); table.experts];
    for i in arrival_order(&table.pairs) {
        let pair = &table.pairs[i];
        let arrives = pair.arrives;
        let heap = &mut inside[usize::from(pair.expert)];
        heap.push(Reverse(Rated {
            key: key(pair),
            token: Reverse(pair.token),
            pair: i,
        }));
        if heap.len() > places
            && let Some(Reverse(worst)) = heap.pop()
        {
            table.pairs[worst.pair].leaves = arrives;
            table.pairs[worst.pair].fate = Fate::OverCapacity;
        }
    }
    for (pair, position) in table.pairs.iter_mut().zip(position) {
        pair.position = position;
    }
}

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

/// A candidate for a place, ordered by its key, then by the lower token.
#[derive(Debug, Clone, PartialEq)]
struct Rated {
    key: f64,
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
        self.key
            .total_cmp(&other.key)
            .then(self.token.cmp(&other.token))
    }
}
