//! Who gets a place: buffer order and drop rules, in short steps. Places belong to an expert, or to
//! the experts of a device together.

use super::config::{BufferOrder, Config, DropOrder};
use super::route::{Fate, Pair};
use crate::core::Sorter;
use crate::core::rng::{Stream, StreamId};
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::Range;

/// Pairs looked at in a step, about.
pub(super) const SLICE: usize = 1 << 14;
/// Tokens of a sequence, which is protected as a whole.
const SEQUENCE: usize = 32;

/// The next slice of a walk over `all`, whose start moves on; empty at the end.
pub(super) fn slice(at: &mut usize, all: usize, most: usize) -> Range<usize> {
    let from = *at;
    *at = all.min(from + most.max(1));
    from..*at
}

/// A candidate for a place of a bin. The less comes first: protected ones, then large keys, then the
/// lower token and choice.
#[derive(Debug, Clone, Copy)]
struct Rated {
    bin: u32,
    protected: bool,
    token: u32,
    pair: u32,
    key: f64,
}

impl Ord for Rated {
    fn cmp(&self, other: &Self) -> Ordering {
        let first = self.bin.cmp(&other.bin);
        first
            .then(other.protected.cmp(&self.protected))
            .then(other.key.total_cmp(&self.key))
            .then(self.token.cmp(&other.token))
            .then(self.pair.cmp(&other.pair))
    }
}

impl PartialOrd for Rated {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Rated {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Rated {}

/// What is under way.
enum Stage {
    /// The tokens, to be sorted by their first gates.
    Tokens(Vec<Rated>),
    SortTokens(Sorter<Rated>),
    /// Pairs of each choice are counted.
    Count,
    /// Pairs are numbered in the order in which they ask.
    Number,
    /// They enter as they come.
    Enter,
    /// The pairs, to be sorted within their bins.
    Rate(Vec<Rated>),
    Sort(Sorter<Rated>),
    /// Each pair learns its rank.
    Rank(Vec<Rated>),
    /// The experts take turns.
    Turns(Vec<Rated>),
    /// Full bins turn away the worst.
    Compete(Vec<BinaryHeap<Rated>>),
    /// All have their places.
    Done,
}

/// Gives the pairs of a batch their turns, positions and fates.
pub(super) struct Filling {
    stage: Stage,
    /// Where the stage has got to.
    at: usize,
    tokens: usize,
    /// Tokens in buffer order, if it is not their own.
    buffer: Vec<u32>,
    /// Pairs by their turns.
    order: Vec<u32>,
    /// Counters of choices, ranks or bins, whatever the stage counts.
    next: Vec<u32>,
    /// Random numbers of the drop order.
    draws: Stream,
    /// Protected sequences; none where nothing is.
    protected: Vec<bool>,
}

impl Filling {
    /// Starts on batch number `batch` with so many tokens.
    pub(super) fn new(config: &Config, batch: usize, tokens: usize) -> Self {
        let draws = Stream::new(config.seed, StreamId::Policy).step(batch as u32);
        let sequences = if config.per_device() && config.protected > 0.0 {
            tokens.div_ceil(SEQUENCE) as u64
        } else {
            0
        };
        let chance = draws.clone().replicate(4);
        let share = config.protected * f64::from(u32::MAX);
        Self {
            stage: if config.router.fills_experts() {
                Stage::Rate(Vec::new())
            } else if config.buffer_order == BufferOrder::Prioritised {
                Stage::Tokens(vec![Rated::token(0, 0.0); tokens])
            } else {
                Stage::Count
            },
            at: 0,
            tokens,
            buffer: Vec::new(),
            order: Vec::new(),
            next: Vec::new(),
            draws: draws.replicate(3),
            protected: (0..sequences)
                .map(|s| f64::from(chance.at(s)) <= share)
                .collect(),
        }
    }

    fn is_protected(&self, token: u32) -> bool {
        let sequence = self.protected.get(token as usize / SEQUENCE);
        sequence.copied().unwrap_or(false)
    }

    /// What decides who stays.
    fn rated(&self, config: &Config, pair: &Pair, at: usize) -> Rated {
        let key = match config.drop_order {
            _ if config.router.fills_experts() => pair.gate,
            DropOrder::Token => -f64::from(pair.arrives),
            DropOrder::Score => pair.gate,
            DropOrder::Last => f64::from(pair.arrives),
            DropOrder::Random => {
                let own = u64::from(pair.token) * config.experts + u64::from(pair.expert);
                f64::from(self.draws.at(own))
            }
        };
        Rated {
            bin: config.bin_of(usize::from(pair.expert)) as u32,
            protected: self.is_protected(pair.token),
            token: pair.token,
            pair: at as u32,
            key,
        }
    }

    /// A slice of the work; `true` when all pairs have their places. `first` is the first pair of
    /// each token, with the end of the last.
    pub(super) fn step(&mut self, config: &Config, pairs: &mut [Pair], first: &[u32]) -> bool {
        let stage = std::mem::replace(&mut self.stage, Stage::Done);
        let before = std::mem::discriminant(&stage);
        self.stage = match stage {
            Stage::Tokens(tokens) => self.tokens(tokens, pairs),
            Stage::SortTokens(mut sorter) => match sorter.slice() {
                Some(tokens) => {
                    self.buffer = tokens.iter().map(|t| t.token).collect();
                    Stage::Count
                }
                None => Stage::SortTokens(sorter),
            },
            Stage::Count => self.count(pairs),
            Stage::Number => self.number(config, pairs, first),
            Stage::Enter => self.enter(config, pairs),
            Stage::Rate(rated) => self.rate(config, rated, pairs),
            Stage::Sort(mut sorter) => match sorter.slice() {
                Some(sorted) => Stage::Rank(sorted),
                None => Stage::Sort(sorter),
            },
            Stage::Rank(sorted) => self.rank(config, sorted, pairs),
            Stage::Turns(sorted) => self.turns(sorted, pairs),
            Stage::Compete(inside) => self.compete(config, inside, pairs),
            Stage::Done => Stage::Done,
        };
        if std::mem::discriminant(&self.stage) != before {
            self.at = 0;
        }
        matches!(self.stage, Stage::Done)
    }

    /// First gates of the tokens.
    fn tokens(&mut self, mut tokens: Vec<Rated>, pairs: &[Pair]) -> Stage {
        for i in slice(&mut self.at, pairs.len(), SLICE) {
            if pairs[i].choice == 0 {
                let t = pairs[i].token;
                tokens[t as usize].key = pairs[i].gate;
            }
        }
        if self.at < pairs.len() {
            return Stage::Tokens(tokens);
        }
        for (t, token) in tokens.iter_mut().enumerate() {
            token.token = t as u32;
        }
        Stage::SortTokens(Sorter::by(tokens, Ord::cmp))
    }

    /// Counts the pairs of each choice; then the counters are where each choice's turns start.
    fn count(&mut self, pairs: &[Pair]) -> Stage {
        self.next.resize(256, 0);
        for i in slice(&mut self.at, pairs.len(), 4 * SLICE) {
            self.next[usize::from(pairs[i].choice)] += 1;
        }
        if self.at < pairs.len() {
            return Stage::Count;
        }
        starts(&mut self.next);
        self.order.reserve(pairs.len());
        Stage::Number
    }

    fn number(&mut self, config: &Config, pairs: &mut [Pair], first: &[u32]) -> Stage {
        self.order.resize(pairs.len(), 0);
        let each = SLICE * self.tokens / pairs.len().max(1);
        for place in slice(&mut self.at, self.tokens, each) {
            let t = self.buffer.get(place).map_or(place, |&t| t as usize);
            for i in first[t]..first[t + 1] {
                let pair = &mut pairs[i as usize];
                let turn = if config.buffer_order == BufferOrder::TokenMajor {
                    i
                } else {
                    let next = &mut self.next[usize::from(pair.choice)];
                    *next += 1;
                    *next - 1
                };
                pair.arrives = turn;
                self.order[turn as usize] = i;
            }
        }
        if self.at < self.tokens {
            return Stage::Number;
        }
        self.next.clear();
        if config.drop_order == DropOrder::Token && self.protected.is_empty() {
            Stage::Enter
        } else {
            Stage::Rate(Vec::with_capacity(pairs.len()))
        }
    }

    /// First come, first served.
    fn enter(&mut self, config: &Config, pairs: &mut [Pair]) -> Stage {
        let places = config.places();
        self.next.resize(config.bins(), 0);
        for turn in slice(&mut self.at, pairs.len(), SLICE) {
            let pair = &mut pairs[self.order[turn] as usize];
            if pair.fate != Fate::NotSent {
                let next = &mut self.next[config.bin_of(usize::from(pair.expert))];
                pair.place(*next, places);
                *next += 1;
            }
        }
        if self.at < pairs.len() {
            Stage::Enter
        } else {
            Stage::Done
        }
    }

    fn rate(&mut self, config: &Config, mut rated: Vec<Rated>, pairs: &[Pair]) -> Stage {
        for i in slice(&mut self.at, pairs.len(), SLICE) {
            if pairs[i].fate != Fate::NotSent {
                rated.push(self.rated(config, &pairs[i], i));
            }
        }
        if self.at < pairs.len() {
            Stage::Rate(rated)
        } else {
            Stage::Sort(Sorter::by(rated, Ord::cmp))
        }
    }

    /// Positions by rank; where experts choose, pairs of each rank are counted.
    fn rank(&mut self, config: &Config, sorted: Vec<Rated>, pairs: &mut [Pair]) -> Stage {
        let fills = config.router.fills_experts();
        for i in slice(&mut self.at, sorted.len(), SLICE) {
            let before = i.checked_sub(1).map(|b| sorted[b]);
            let position = match before {
                Some(b) if b.bin == sorted[i].bin => pairs[b.pair as usize].position + 1,
                _ => 0,
            };
            pairs[sorted[i].pair as usize].position = position;
            if fills {
                if self.next.len() <= position as usize {
                    self.next.push(0);
                }
                self.next[position as usize] += 1;
            }
        }
        if self.at < sorted.len() {
            return Stage::Rank(sorted);
        }
        if fills {
            starts(&mut self.next);
            return Stage::Turns(sorted);
        }
        Stage::Compete(vec![BinaryHeap::new(); config.bins()])
    }

    /// The experts take turns, each with its best token left. The rule has chosen within the places
    /// already.
    fn turns(&mut self, sorted: Vec<Rated>, pairs: &mut [Pair]) -> Stage {
        for i in slice(&mut self.at, sorted.len(), SLICE) {
            let pair = &mut pairs[sorted[i].pair as usize];
            let next = &mut self.next[pair.position as usize];
            pair.arrives = *next;
            *next += 1;
        }
        if self.at < sorted.len() {
            Stage::Turns(sorted)
        } else {
            Stage::Done
        }
    }

    /// A full bin turns away the worst when a better pair comes; what is protected stays.
    fn compete(
        &mut self,
        config: &Config,
        mut inside: Vec<BinaryHeap<Rated>>,
        pairs: &mut [Pair],
    ) -> Stage {
        let places = config.places();
        for turn in slice(&mut self.at, pairs.len(), SLICE / 4) {
            let i = self.order[turn] as usize;
            if pairs[i].fate == Fate::NotSent {
                continue;
            }
            let rated = self.rated(config, &pairs[i], i);
            let heap = &mut inside[rated.bin as usize];
            heap.push(rated);
            if heap.len() > places
                && heap.peek().is_some_and(|worst| !worst.protected)
                && let Some(worst) = heap.pop()
            {
                pairs[worst.pair as usize].leaves = turn as u32;
                pairs[worst.pair as usize].fate = Fate::OverCapacity;
            }
        }
        if self.at < pairs.len() {
            Stage::Compete(inside)
        } else {
            Stage::Done
        }
    }
}

impl Rated {
    fn token(token: u32, key: f64) -> Self {
        Self {
            bin: 0,
            protected: false,
            token,
            pair: 0,
            key,
        }
    }
}

/// Counts become the places where each begins.
fn starts(counts: &mut [u32]) {
    let mut total = 0;
    for count in counts {
        total += std::mem::replace(count, total);
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::{CapacityScope, Router};
    use super::*;
    use proptest::prelude::*;

    /// Pairs with random experts, distinct within a token, and gates of which many are equal.
    fn random_pairs(config: &Config, seed: u64) -> (Vec<Pair>, Vec<u32>) {
        let mut stream = Stream::new(seed, StreamId::Test);
        let (mut pairs, mut first) = (Vec::new(), vec![0]);
        for token in 0..config.tokens as u32 {
            let start = stream.below(config.experts as u32);
            for choice in 0..config.k as u32 {
                pairs.push(Pair {
                    token,
                    expert: ((start + choice * choice) % config.experts as u32) as u16,
                    choice: choice as u8,
                    fate: if stream.below(20) == 0 {
                        Fate::NotSent
                    } else {
                        Fate::Kept
                    },
                    gate: f64::from(stream.below(40)) / 40.0,
                    weight: 0.0,
                    position: 0,
                    arrives: 0,
                    leaves: u32::MAX,
                });
            }
            first.push(pairs.len() as u32);
        }
        (pairs, first)
    }

    fn filled(config: &Config, mut pairs: Vec<Pair>, first: &[u32]) -> Vec<Pair> {
        let mut work = Filling::new(config, 3, config.tokens as usize);
        while !work.step(config, &mut pairs, first) {}
        pairs
    }

    /// The rule as it is written down: all pairs of a bin in order of preference, and who is past
    /// the places is dropped.
    fn plainly(config: &Config, pairs: &[Pair]) -> Vec<(u32, bool)> {
        let work = Filling::new(config, 3, config.tokens as usize);
        let mut out = vec![(0, false); pairs.len()];
        for bin in 0..config.bins() {
            let mut own: Vec<usize> = (0..pairs.len())
                .filter(|&i| config.bin_of(usize::from(pairs[i].expert)) == bin)
                .filter(|&i| pairs[i].fate != Fate::NotSent)
                .collect();
            let key = |i: usize| work.rated(config, &pairs[i], i).key;
            let safe = |i: usize| work.is_protected(pairs[i].token);
            own.sort_by(|&a, &b| {
                let (ka, kb) = (key(a), key(b));
                safe(b)
                    .cmp(&safe(a))
                    .then(kb.total_cmp(&ka))
                    .then(pairs[a].token.cmp(&pairs[b].token))
                    .then(a.cmp(&b))
            });
            for (rank, i) in own.into_iter().enumerate() {
                out[i] = (rank as u32, rank < config.places() || safe(i));
            }
        }
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn places_go_to_the_best_of_every_expert_or_device(
            tokens in 1..300_u64,
            k in 1..4_u64,
            devices in 1..9_u64,
            rule in 0..24_usize,
            factor in 0.2..2.0_f64,
            seed: u64,
        ) {
            let config = Config {
                tokens,
                k,
                experts: 12,
                devices,
                router: Router::Mixtral,
                capacity_factor: factor,
                capacity_scope: [CapacityScope::Expert, CapacityScope::Device][rule % 2],
                drop_order: [DropOrder::Token, DropOrder::Score, DropOrder::Last, DropOrder::Random]
                    [rule / 2 % 4],
                buffer_order: [
                    BufferOrder::ChoiceMajor,
                    BufferOrder::TokenMajor,
                    BufferOrder::Prioritised,
                ][rule / 8],
                protected: if seed.is_multiple_of(2) { 0.0 } else { 0.3 },
                ..Config::default()
            };
            let (pairs, first) = random_pairs(&config, seed);
            let found = filled(&config, pairs, &first);
            // Turns are the numbers from 0 on, each once, in the buffer order.
            let mut turns: Vec<u32> = found.iter().map(|p| p.arrives).collect();
            turns.sort_unstable();
            prop_assert!(turns.iter().enumerate().all(|(i, t)| i == *t as usize), "{:?}", turns);
            let wanted = plainly(&config, &before(&found));
            for (p, (position, kept)) in found.iter().zip(wanted) {
                if p.fate != Fate::NotSent {
                    prop_assert_eq!((p.position, p.kept()), (position, kept));
                    prop_assert_eq!(p.leaves == u32::MAX, kept);
                }
            }
        }
    }

    /// The pairs with their turns, but before any was turned away.
    fn before(found: &[Pair]) -> Vec<Pair> {
        let sent = |p: &Pair| match p.fate {
            Fate::OverCapacity => Fate::Kept,
            other => other,
        };
        found
            .iter()
            .map(|p| Pair {
                fate: sent(p),
                ..*p
            })
            .collect()
    }

    #[test]
    fn experts_that_choose_take_turns_best_token_first() {
        let config = Config {
            tokens: 50,
            k: 2,
            router: Router::ExpertChoice,
            ..Config::default()
        };
        let (pairs, first) = random_pairs(&config, 5);
        let pairs: Vec<Pair> = pairs
            .into_iter()
            .map(|p| Pair {
                fate: Fate::Kept,
                ..p
            })
            .collect();
        let found = filled(&config, pairs, &first);
        let mut order: Vec<&Pair> = found.iter().collect();
        order.sort_by_key(|p| (p.position, p.expert));
        for (turn, p) in order.iter().enumerate() {
            assert_eq!(p.arrives as usize, turn, "{p:?}");
        }
        for a in &found {
            for b in found.iter().filter(|b| b.expert == a.expert) {
                assert!(a.gate <= b.gate || a.position < b.position, "{a:?} {b:?}");
            }
        }
    }
}
