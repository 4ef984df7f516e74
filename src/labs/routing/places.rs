//! A second chance for what overflows, in short steps.

use super::config::{Config, Overflow};
use super::fill::{SLICE, slice};
use super::route::{Fate, Pair};
use super::rules::choice::best_open;
use crate::core::Sorter;
use crate::core::gate;
use crate::core::matrix::Matrix;
use std::cmp::Ordering;

/// Marks of a token and an expert: the token asked for it; it has a place there.
const WANTED: u8 = 1;
const KEPT: u8 = 2;
/// Entries of the token × expert table that a step looks at, about.
const ENTRIES: usize = 100_000;

/// A pair that found no place.
#[derive(Debug, Clone, Copy)]
struct Over {
    token: u32,
    expert: u32,
    score: f64,
}

/// Larger scores come first, then lower tokens and experts.
fn by_score(a: &Over, b: &Over) -> Ordering {
    let first = b.score.total_cmp(&a.score);
    first.then((a.token, a.expert).cmp(&(b.token, b.expert)))
}

/// What is under way.
enum Stage {
    /// Who asked for what, and who has a place.
    Mark,
    /// What overflowed is collected, to be sorted by score.
    Collect(Vec<Over>),
    Sort(Sorter<Over>),
    /// It goes elsewhere.
    Reroute(Vec<Over>),
    /// Every expert takes its best other tokens.
    Expand,
    /// The new pairs join the others.
    Merge(Vec<Pair>, Vec<u32>),
    Done,
}

/// Pairs that idle places take after the drops (Capacity-Aware Inference, arXiv 2503.05066): what
/// overflowed goes to the best expert with room, or every expert takes its best other tokens.
pub(super) struct SecondChance {
    /// Scores, token × expert.
    p: Matrix,
    stage: Stage,
    /// Where the stage has got to.
    at: usize,
    marks: Vec<u8>,
    /// Pairs that each expert holds.
    load: Vec<u32>,
    /// New pairs of each token, in the order of their arrival.
    extra: Vec<Vec<Pair>>,
    /// Choices of each token, the new ones included.
    choices: Vec<usize>,
    /// Turn in which the next new pair arrives, and how many have.
    turn: usize,
    added: usize,
}

impl SecondChance {
    /// Starts on a batch whose pairs have their places and weights. New pairs arrive from turn
    /// `turn` on.
    pub(super) fn new(config: &Config, p: Matrix, turn: usize) -> Self {
        Self {
            stage: Stage::Mark,
            at: 0,
            marks: vec![0; p.rows * p.cols],
            load: vec![0; p.cols],
            extra: vec![Vec::new(); p.rows],
            choices: vec![config.choices(); p.rows],
            turn,
            added: 0,
            p,
        }
    }

    /// New pairs so far.
    pub(super) fn added(&self) -> usize {
        self.added
    }

    /// A slice of the work; `true` when the new pairs are among the others. `first` is the first
    /// pair of each token, with the end of the last.
    pub(super) fn step(
        &mut self,
        config: &Config,
        pairs: &mut Vec<Pair>,
        first: &mut Vec<u32>,
    ) -> bool {
        let stage = std::mem::replace(&mut self.stage, Stage::Done);
        let before = std::mem::discriminant(&stage);
        self.stage = match stage {
            Stage::Mark => self.mark(config, pairs),
            Stage::Collect(over) => self.collect(over),
            Stage::Sort(mut sorter) => match sorter.slice() {
                Some(over) => Stage::Reroute(over),
                None => Stage::Sort(sorter),
            },
            Stage::Reroute(over) => self.reroute(config, over, pairs, first),
            Stage::Expand => self.expand(config, pairs, first),
            Stage::Merge(all, starts) => self.merge((all, starts), pairs, first),
            Stage::Done => Stage::Done,
        };
        if std::mem::discriminant(&self.stage) != before {
            self.at = 0;
        }
        matches!(self.stage, Stage::Done)
    }

    fn mark(&mut self, config: &Config, pairs: &[Pair]) -> Stage {
        for i in slice(&mut self.at, pairs.len(), SLICE) {
            let (pair, expert) = (&pairs[i], usize::from(pairs[i].expert));
            let mark = &mut self.marks[pair.token as usize * self.p.cols + expert];
            if pair.fate != Fate::NotSent {
                *mark |= WANTED;
            }
            if pair.kept() && *mark & KEPT == 0 {
                *mark |= KEPT;
                self.load[expert] += 1;
            }
        }
        if self.at < pairs.len() {
            return Stage::Mark;
        }
        match config.overflow {
            Overflow::Drop => Stage::Done,
            Overflow::Reroute => Stage::Collect(Vec::new()),
            Overflow::Expand => Stage::Expand,
        }
    }

    fn collect(&mut self, mut over: Vec<Over>) -> Stage {
        let experts = self.p.cols;
        for t in slice(&mut self.at, self.p.rows, ENTRIES / experts) {
            let marks = &self.marks[t * experts..(t + 1) * experts];
            let lost = marks.iter().enumerate().filter(|(_, m)| **m == WANTED);
            over.extend(lost.map(|(e, _)| Over {
                token: t as u32,
                expert: e as u32,
                score: self.p.at(t, e),
            }));
        }
        if self.at < self.p.rows {
            Stage::Collect(over)
        } else {
            Stage::Sort(Sorter::by(over, by_score))
        }
    }

    fn reroute(
        &mut self,
        config: &Config,
        over: Vec<Over>,
        pairs: &[Pair],
        first: &[u32],
    ) -> Stage {
        let (experts, places) = (self.p.cols, config.places());
        for i in slice(&mut self.at, over.len(), ENTRIES / experts) {
            let (t, from) = (over[i].token as usize, over[i].expert as usize);
            let open = |e: usize| {
                (self.load[e] as usize) < places && self.marks[t * experts + e] & KEPT == 0
            };
            if let Some(to) = best_open(self.p.row(t), open) {
                self.marks[t * experts + to] |= KEPT;
                self.enter(config, of_token(pairs, first, t), [t, from, to]);
            }
        }
        if self.at < over.len() {
            Stage::Reroute(over)
        } else {
            self.joined(pairs)
        }
    }

    fn expand(&mut self, config: &Config, pairs: &[Pair], first: &[u32]) -> Stage {
        let (rows, experts, places) = (self.p.rows, self.p.cols, config.places());
        for e in slice(&mut self.at, experts, ENTRIES / (8 * rows)) {
            let idle = places.saturating_sub(self.load[e] as usize);
            // A token that this expert has turned away is no worse than before.
            let open: Vec<usize> = (0..rows)
                .filter(|&t| self.marks[t * experts + e] == 0)
                .collect();
            let scores: Vec<f64> = open.iter().map(|&t| self.p.at(t, e)).collect();
            for i in gate::descending(&scores).into_iter().take(idle) {
                let t = open[i];
                self.enter(config, of_token(pairs, first, t), [t, e, e]);
            }
        }
        if self.at < experts {
            Stage::Expand
        } else {
            self.joined(pairs)
        }
    }

    /// A place for a token whose pairs so far are `own`: re-routed from one expert to another, or
    /// added.
    fn enter(&mut self, config: &Config, own: &[Pair], [t, from, to]: [usize; 3]) {
        // The weight per gate of the token's own pairs holds for the new one too.
        let total: f64 = own.iter().filter(|q| q.asked()).map(|q| q.gate).sum();
        let fate = if config.overflow == Overflow::Expand {
            Fate::Added
        } else {
            Fate::Rerouted
        };
        let before = own.iter().find(|q| usize::from(q.expert) == from);
        let choice = if let Some(q) = before.filter(|_| fate == Fate::Rerouted) {
            usize::from(q.choice)
        } else {
            self.choices[t] += 1;
            self.choices[t] - 1
        };
        let gate = self.p.at(t, to);
        self.extra[t].push(Pair {
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
            position: self.load[to],
            arrives: (self.turn + self.added) as u32,
            leaves: u32::MAX,
        });
        self.load[to] += 1;
        self.added += 1;
    }

    /// What follows when all new pairs are known.
    fn joined(&self, pairs: &[Pair]) -> Stage {
        let mut first = Vec::with_capacity(self.p.rows + 1);
        first.push(0);
        Stage::Merge(Vec::with_capacity(pairs.len() + self.added), first)
    }

    fn merge(
        &mut self,
        (mut all, mut starts): (Vec<Pair>, Vec<u32>),
        pairs: &mut Vec<Pair>,
        first: &mut Vec<u32>,
    ) -> Stage {
        let each = SLICE * self.p.rows / (pairs.len() + self.added).max(1);
        for t in slice(&mut self.at, self.p.rows, each) {
            let start = all.len();
            all.extend(of_token(pairs, first, t));
            all.append(&mut self.extra[t]);
            all[start..].sort_by_key(|p| p.choice);
            starts.push(all.len() as u32);
        }
        if self.at < self.p.rows {
            return Stage::Merge(all, starts);
        }
        (*pairs, *first) = (all, starts);
        Stage::Done
    }
}

fn of_token<'a>(pairs: &'a [Pair], first: &[u32], t: usize) -> &'a [Pair] {
    &pairs[first[t] as usize..first[t + 1] as usize]
}

#[cfg(test)]
mod tests {
    use super::super::config::Router;
    use super::super::rules::choice;
    use super::*;
    use crate::core::rng::{Stream, StreamId};

    /// The rule in one go: all moves, then their pairs, then all pairs sorted.
    fn plainly(config: &Config, pairs: &[Pair], p: &Matrix) -> Vec<Pair> {
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
        let moves: Vec<([usize; 3], Fate)> = if config.overflow == Overflow::Reroute {
            let moved = choice::reroute(p, &wanted, &mut kept, places).moved;
            moved.into_iter().map(|m| (m, Fate::Rerouted)).collect()
        } else {
            let of_expert = |e: usize| {
                let open: Vec<usize> = (0..p.rows)
                    .filter(|&t| !kept[t][e] && !wanted[t][e])
                    .collect();
                let scores: Vec<f64> = open.iter().map(|&t| p.at(t, e)).collect();
                let idle = places.saturating_sub(load[e] as usize);
                let best = gate::descending(&scores).into_iter().take(idle);
                best.map(|i| ([open[i], e, e], Fate::Added))
                    .collect::<Vec<_>>()
            };
            (0..p.cols).flat_map(of_expert).collect()
        };
        let mut choices = vec![config.choices(); p.rows];
        let mut all = pairs.to_vec();
        for (i, ([t, from, to], fate)) in moves.into_iter().enumerate() {
            let own = || pairs.iter().filter(|q| q.token as usize == t);
            let total: f64 = own().filter(|q| q.asked()).map(|q| q.gate).sum();
            let before = own().find(|q| usize::from(q.expert) == from && fate == Fate::Rerouted);
            let choice = before.map_or(choices[t], |q| usize::from(q.choice));
            choices[t] += usize::from(before.is_none());
            let gate = p.at(t, to);
            all.push(Pair {
                token: t as u32,
                expert: to as u16,
                choice: choice as u8,
                fate,
                gate,
                weight: if config.keeps_gates() {
                    gate
                } else {
                    gate / total
                },
                position: load[to],
                arrives: (pairs.len() + i) as u32,
                leaves: u32::MAX,
            });
            load[to] += 1;
        }
        all.sort_by_key(|p| (p.token, p.choice));
        all
    }

    /// Pairs of tokens that choose random experts, of which so many have places as there are.
    fn filled(config: &Config, p: &Matrix) -> (Vec<Pair>, Vec<u32>) {
        let mut draw = Stream::new(7, StreamId::Test);
        let mut load = vec![0; p.cols];
        let (mut pairs, mut first) = (Vec::new(), vec![0]);
        for t in 0..p.rows {
            let start = draw.below(p.cols as u32 / 2) as usize;
            for choice in 0..config.choices() {
                let expert = start + choice;
                let sent = draw.below(10) > 0;
                let room = load[expert] < config.places() as u32;
                let fate = match (sent, room) {
                    (false, _) => Fate::NotSent,
                    (true, true) => Fate::Kept,
                    (true, false) => Fate::OverCapacity,
                };
                pairs.push(Pair {
                    token: t as u32,
                    expert: expert as u16,
                    choice: choice as u8,
                    fate,
                    gate: p.at(t, expert),
                    weight: 0.5,
                    position: load[expert],
                    arrives: 0,
                    leaves: u32::MAX,
                });
                load[expert] += u32::from(sent);
            }
            first.push(pairs.len() as u32);
        }
        (pairs, first)
    }

    #[test]
    fn slices_give_every_pair_the_second_chance_that_one_go_gives_it() {
        for overflow in [Overflow::Reroute, Overflow::Expand] {
            for (tokens, experts, k) in [(3000, 64, 2), (50, 6, 3), (1, 2, 1)] {
                let config = Config {
                    router: Router::Mixtral,
                    tokens,
                    experts,
                    k,
                    overflow,
                    ..Config::default()
                };
                let mut draw = Stream::new(3, StreamId::Test);
                let (rows, cols) = (tokens as usize, experts as usize);
                // Few values, so that many are equal.
                let p = Matrix::from_fn(rows, cols, |_, _| f64::from(1 + draw.below(30)) / 64.0);
                let (mut pairs, mut first) = filled(&config, &p);
                let wanted = plainly(&config, &pairs, &p);
                let before = pairs.len();
                let mut work = SecondChance::new(&config, p, before);
                let mut steps = 1;
                while !work.step(&config, &mut pairs, &mut first) {
                    steps += 1;
                }
                assert!(pairs == wanted, "{overflow:?}, {tokens} tokens");
                assert_eq!(before + work.added(), pairs.len());
                assert!(rows < 50 || work.added() > 0, "somebody moves");
                assert!(rows < 3000 || steps > 5, "{steps} steps");
                for (t, own) in first.windows(2).enumerate() {
                    let own = &pairs[own[0] as usize..own[1] as usize];
                    assert!(own.iter().all(|p| p.token as usize == t), "{t}");
                }
            }
        }
    }
}
