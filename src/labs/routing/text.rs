//! Words of a text as tokens: "Alice's Adventures in Wonderland", first chapters.
//!
//! A word is its character trigrams (lower case, a space before and after), hashed into 2^12
//! buckets. Buckets that stand in words up to four apart are counted together; of the counts n the
//! positive pointwise mutual information is taken, `max(0, ln(n_ij n / (n_i n_j)))`. Two rounds of
//! randomised subspace iteration, `Q <- orth(M Q)` from a normal start, give the D directions on
//! which its rows are projected. A word is the sum of its buckets' projections, less the mean over the
//! text, of mean square 1. Our choices: the words' boundaries as characters, the centring, and the
//! size.

use super::fill::slice;
use crate::core::matrix::dot;
use crate::core::rng::{Stream, StreamId};
use crate::core::{Arrange as _, num, stats};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Buckets of hashed trigrams.
const BUCKETS: usize = 1 << 12;
/// Words on either side of a word that count as near.
const WINDOW: usize = 4;
/// Rounds of subspace iteration.
const ROUNDS: usize = 2;
/// Groups of words by frequency that tokens are coloured by, each about as much of the text.
pub(super) const GROUPS: usize = 6;
/// Pairs of words counted in a step, entries of the table, and multiplications.
const PAIRS: usize = 4096;
const ENTRIES: usize = 20_000;
const PRODUCTS: usize = 200_000;

/// A text as ids of its words.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Text {
    /// Words, in order of first use.
    pub(super) names: Vec<&'static str>,
    /// The text as their numbers.
    pub(super) ids: Vec<usize>,
    /// How often each occurs.
    pub(super) counts: Vec<f64>,
    /// Group of each by frequency, the most frequent first.
    pub(super) groups: Vec<u8>,
}

impl Text {
    /// The text that is built in.
    pub(super) fn built_in() -> Self {
        Self::of(crate::core::ALICE)
    }

    fn of(text: &'static str) -> Self {
        let mut known: BTreeMap<&str, usize> = BTreeMap::new();
        let (mut names, mut ids, mut counts) = (Vec::new(), Vec::new(), Vec::new());
        for word in text.split_whitespace() {
            let id = *known.entry(word).or_insert_with(|| {
                names.push(word);
                counts.push(0.0);
                names.len() - 1
            });
            counts[id] += 1.0;
            ids.push(id);
        }
        let mut groups = vec![0; names.len()];
        let mut before = 0.0;
        for id in stats::descending(&counts) {
            let share = before / ids.len() as f64;
            groups[id] = ((share * GROUPS as f64) as u8).min(GROUPS as u8 - 1);
            before += counts[id];
        }
        Self {
            names,
            ids,
            counts,
            groups,
        }
    }
}

/// Words with their embeddings.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Vocabulary {
    /// The text.
    pub(super) text: Text,
    /// Embeddings, words × width.
    rows: Vec<f64>,
    width: usize,
}

impl Vocabulary {
    /// Embedding of a word.
    pub(super) fn row(&self, id: usize) -> &[f64] {
        &self.rows[id * self.width..(id + 1) * self.width]
    }
}

/// Buckets of a word's trigrams (FNV-1a modulo their number).
fn trigrams(word: &str) -> Vec<u16> {
    let padded = format!(" {} ", word.to_lowercase());
    let hash = |gram: &[u8]| {
        gram.iter().fold(0x811c_9dc5_u32, |h, b| {
            (h ^ u32::from(*b)).wrapping_mul(0x0100_0193)
        })
    };
    let all = padded.as_bytes().windows(3);
    all.map(|gram| (hash(gram) as usize % BUCKETS) as u16)
        .collect()
}

/// A row of a sparse table: columns in order, each with its value.
type Row = Vec<(u16, f64)>;

/// What is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Words near each other are counted.
    Near,
    /// Their buckets are.
    Spread,
    /// Each row's counts of the same column become one.
    Merge,
    /// Counts become information.
    Weigh,
    /// A product with the table.
    Multiply,
    /// Directions are made orthonormal, one after the other.
    Orthonormal,
    /// Words are the sums of their buckets.
    Sum,
}

/// Makes a [`Vocabulary`] in short steps.
#[derive(Debug)]
pub(super) struct TextWork {
    text: Text,
    grams: Vec<Vec<u16>>,
    width: usize,
    stage: Stage,
    at: usize,
    /// How often two words (the lower id first) are near each other.
    near: BTreeMap<(usize, usize), f64>,
    pairs: Vec<((usize, usize), f64)>,
    table: Vec<Row>,
    /// Sum of each row, and of all.
    sums: Vec<f64>,
    total: f64,
    /// Directions, each as long as there are buckets, and their products with the table.
    directions: Vec<Vec<f64>>,
    products: Vec<Vec<f64>>,
    rounds: usize,
    rows: Vec<f64>,
    /// Pairs, entries and multiplications of a step.
    most: [usize; 3],
}

impl TextWork {
    /// Starts on the built-in text.
    pub(super) fn new(width: usize, seed: u64) -> Self {
        Self::on(Text::built_in(), width, seed)
    }

    fn on(text: Text, width: usize, seed: u64) -> Self {
        let mut draw = Stream::new(seed, StreamId::Weights).replicate(2);
        let directions = (0..width)
            .map(|_| (0..BUCKETS).map(|_| f64::from(draw.normal_f32())).collect())
            .collect();
        Self {
            grams: text.names.iter().map(|w| trigrams(w)).collect(),
            text,
            width,
            stage: Stage::Near,
            at: 0,
            near: BTreeMap::new(),
            pairs: Vec::new(),
            table: vec![Row::new(); BUCKETS],
            sums: vec![0.0; BUCKETS],
            total: 0.0,
            directions,
            products: Vec::new(),
            rounds: 0,
            rows: Vec::new(),
            most: [PAIRS, ENTRIES, PRODUCTS],
        }
    }

    fn enter(&mut self, stage: Stage) {
        self.stage = stage;
        self.at = 0;
    }

    /// A slice of work; the words when it is done.
    pub(super) fn step(&mut self) -> Option<Vocabulary> {
        let [pairs, entries, products] = self.most;
        match self.stage {
            Stage::Near => self.count_near(pairs / WINDOW),
            Stage::Spread => self.spread(entries),
            Stage::Merge => self.merge(entries),
            Stage::Weigh => self.weigh(entries),
            Stage::Multiply => self.multiply(products),
            Stage::Orthonormal => self.orthonormal(),
            Stage::Sum => return self.sum(entries),
        }
        None
    }

    fn count_near(&mut self, most: usize) {
        let ids = &self.text.ids;
        for t in slice(&mut self.at, ids.len(), most) {
            for u in t + 1..ids.len().min(t + 1 + WINDOW) {
                let pair = (ids[t].min(ids[u]), ids[t].max(ids[u]));
                *self.near.entry(pair).or_insert(0.0) += 1.0;
            }
        }
        if self.at == ids.len() {
            self.pairs = std::mem::take(&mut self.near).into_iter().collect();
            self.enter(Stage::Spread);
        }
    }

    fn spread(&mut self, most: usize) {
        let mut done = 0;
        while self.at < self.pairs.len() && done < most {
            let ((a, b), n) = self.pairs[self.at];
            for &i in &self.grams[a] {
                for &j in &self.grams[b] {
                    self.table[usize::from(i)].push((j, n));
                    self.table[usize::from(j)].push((i, n));
                }
            }
            done += 2 * self.grams[a].len() * self.grams[b].len();
            self.at += 1;
        }
        if self.at == self.pairs.len() {
            self.enter(Stage::Merge);
        }
    }

    fn merge(&mut self, most: usize) {
        let mut done = 0;
        while self.at < BUCKETS && done < most {
            let row = &mut self.table[self.at];
            done += row.len();
            // The order of equal columns does not show: whole numbers are added.
            row.arrange_by_key(|(column, _)| *column);
            row.dedup_by(|next, kept| {
                let same = next.0 == kept.0;
                if same {
                    kept.1 += next.1;
                }
                same
            });
            let sum: f64 = row.iter().map(|(_, n)| n).sum();
            self.sums[self.at] = sum;
            self.total += sum;
            self.at += 1;
        }
        if self.at == BUCKETS {
            self.enter(Stage::Weigh);
        }
    }

    fn weigh(&mut self, most: usize) {
        let mut done = 0;
        while self.at < BUCKETS && done < most {
            let own = self.sums[self.at];
            let row = &mut self.table[self.at];
            done += row.len();
            for (column, n) in row.iter_mut() {
                let other = self.sums[usize::from(*column)];
                *n = num::ln(*n * self.total / (own * other)).max(0.0);
            }
            row.retain(|(_, v)| *v > 0.0);
            self.at += 1;
        }
        if self.at == BUCKETS {
            self.enter(Stage::Multiply);
        }
    }

    fn multiply(&mut self, most: usize) {
        if self.products.is_empty() {
            self.products = vec![vec![0.0; BUCKETS]; self.width];
        }
        let mut done = 0;
        while self.at < BUCKETS && done < most {
            let row = &self.table[self.at];
            for (product, direction) in self.products.iter_mut().zip(&self.directions) {
                let terms = row.iter().map(|(j, v)| v * direction[usize::from(*j)]);
                product[self.at] = terms.sum();
            }
            done += (row.len() + 1) * self.width;
            self.at += 1;
        }
        if self.at < BUCKETS {
            return;
        }
        if self.rounds == ROUNDS {
            self.enter(Stage::Sum);
        } else {
            self.directions = std::mem::take(&mut self.products);
            self.enter(Stage::Orthonormal);
        }
    }

    /// Makes the next direction orthogonal to those before it, of length 1.
    fn orthonormal(&mut self) {
        let (before, rest) = self.directions.split_at_mut(self.at);
        if let Some(own) = rest.first_mut() {
            for other in before.iter() {
                let along = dot(own, other);
                for (v, o) in own.iter_mut().zip(other) {
                    *v -= along * o;
                }
            }
            let norm = dot(own, own).sqrt().max(1e-300);
            for v in own.iter_mut() {
                *v /= norm;
            }
            self.at += 1;
        }
        if self.at == self.width {
            self.rounds += 1;
            self.enter(Stage::Multiply);
        }
    }

    fn sum(&mut self, most: usize) -> Option<Vocabulary> {
        let words = self.text.names.len();
        for id in slice(&mut self.at, words, most / (8 * self.width)) {
            for product in &self.products {
                let grams = self.grams[id].iter();
                let value = grams.map(|&g| product[usize::from(g)]).sum();
                self.rows.push(value);
            }
        }
        (self.at == words).then(|| self.finish())
    }

    /// Takes the mean over the text off, and sets the size.
    fn finish(&mut self) -> Vocabulary {
        let (width, mut rows) = (self.width, std::mem::take(&mut self.rows));
        let mut mean = vec![0.0; width];
        let all = self.text.ids.len() as f64;
        for (row, n) in rows.chunks_exact(width).zip(&self.text.counts) {
            for (m, v) in mean.iter_mut().zip(row) {
                *m += v * n / all;
            }
        }
        for row in rows.chunks_exact_mut(width) {
            for (v, m) in row.iter_mut().zip(&mean) {
                *v -= m;
            }
            let size = (dot(row, row) / width as f64).sqrt().max(1e-12);
            for v in row.iter_mut() {
                *v /= size;
            }
        }
        Vocabulary {
            text: self.text.clone(),
            rows,
            width,
        }
    }
}

/// Tokens of a text, batch after batch, round its end if need be.
#[derive(Debug, Clone)]
pub(super) struct Words {
    pub(super) vocabulary: Arc<Vocabulary>,
    /// Where the first batch begins, and tokens of a batch.
    pub(super) from: usize,
    pub(super) tokens: usize,
}

impl Words {
    /// Number of the word at a token.
    pub(super) fn id(&self, batch: usize, token: usize) -> usize {
        let ids = &self.vocabulary.text.ids;
        ids[(self.from + batch * self.tokens + token) % ids.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOME: &str = "the cat sat on the mat and the dog sat by the cat on a mat";

    fn made(mut work: TextWork) -> (Vocabulary, TextWork) {
        loop {
            if let Some(done) = work.step() {
                return (done, work);
            }
        }
    }

    #[test]
    fn words_are_numbered_by_first_use_and_grouped_by_frequency() {
        let text = Text::of(SOME);
        assert_eq!(text.names[..4], ["the", "cat", "sat", "on"]);
        assert_eq!(text.ids[..6], [0, 1, 2, 3, 0, 4]);
        assert_eq!(text.counts[0], 4.0);
        assert_eq!(text.groups[0], 0, "the most frequent word");
        let own = Text::built_in();
        let mut shares = [0.0; GROUPS];
        for (group, n) in own.groups.iter().zip(&own.counts) {
            shares[usize::from(*group)] += n / own.ids.len() as f64;
        }
        assert!(shares.iter().all(|s| (0.1..0.25).contains(s)), "{shares:?}");
    }

    #[test]
    fn the_information_is_that_of_a_plain_count() {
        let mut work = TextWork::on(Text::of(SOME), 2, 1);
        while work.stage != Stage::Multiply {
            work.step();
        }
        let text = Text::of(SOME);
        let mut counts: BTreeMap<(u16, u16), f64> = BTreeMap::new();
        for t in 0..text.ids.len() {
            for u in 0..text.ids.len() {
                if t == u || t.abs_diff(u) > WINDOW {
                    continue;
                }
                for &i in &trigrams(text.names[text.ids[t]]) {
                    for &j in &trigrams(text.names[text.ids[u]]) {
                        *counts.entry((i, j)).or_insert(0.0) += 1.0;
                    }
                }
            }
        }
        let mut sums = vec![0.0; BUCKETS];
        for ((i, _), n) in &counts {
            sums[usize::from(*i)] += n;
        }
        let total: f64 = sums.iter().sum();
        let mut want = vec![Row::new(); BUCKETS];
        for (&(i, j), n) in &counts {
            let [a, b] = [i, j].map(usize::from);
            let v = num::ln(n * total / (sums[a] * sums[b]));
            if v > 0.0 {
                want[a].push((j, v));
            }
        }
        assert_eq!(work.table, want);
        let entries: usize = want.iter().map(Vec::len).sum();
        assert!(entries > 50, "{entries} entries");
    }

    #[test]
    fn directions_are_orthonormal_and_slices_change_no_bit() {
        let measured = |most: [usize; 3]| {
            let mut work = TextWork::on(Text::of(SOME), 4, 3);
            work.most = most;
            made(work)
        };
        let (whole, work) = measured([1 << 30; 3]);
        for (i, a) in work.directions.iter().enumerate() {
            for (j, b) in work.directions.iter().enumerate() {
                let want = f64::from(u8::from(i == j));
                assert!((dot(a, b) - want).abs() < 1e-9, "{i} {j}");
            }
        }
        assert_eq!(whole, measured([PAIRS, ENTRIES, PRODUCTS]).0);
        assert_eq!(whole, measured([9, 40, 700]).0);
    }

    #[test]
    fn words_have_the_size_they_are_to_have_and_relatives_are_near() {
        let (words, _) = made(TextWork::new(16, 1));
        let id = |name: &str| {
            let at = words.text.names.iter().position(|n| *n == name);
            words.row(at.expect("a word of the text"))
        };
        for row in words.rows.chunks_exact(16) {
            assert!((dot(row, row) - 16.0).abs() < 1e-6, "mean square 1");
        }
        let like = |a: &str, b: &str| dot(id(a), id(b)) / 16.0;
        let relatives = like("door", "doors");
        assert!(relatives > 0.3, "{relatives}");
        assert!(relatives > like("door", "alice"));
    }

    #[test]
    fn a_step_does_only_so_much() {
        let mut work = TextWork::new(8, 1);
        let longest = work.grams.iter().map(Vec::len).max().expect("words");
        loop {
            let (stage, at) = (work.stage, work.at);
            let done = work.step().is_some();
            let moved = if work.stage == stage && work.at >= at {
                at..work.at
            } else {
                0..0
            };
            let (amount, most) = match stage {
                Stage::Near => (WINDOW * moved.len(), PAIRS),
                Stage::Spread => {
                    let of = |((a, b), _): &((usize, usize), f64)| {
                        2 * work.grams[*a].len() * work.grams[*b].len()
                    };
                    let all = work.pairs[moved].iter().map(of).sum();
                    (all, ENTRIES + 2 * longest * longest)
                }
                Stage::Multiply => {
                    let all = work.table[moved].iter().map(|r| 8 * (r.len() + 1)).sum();
                    (all, PRODUCTS + 8 * BUCKETS)
                }
                Stage::Orthonormal => (moved.len(), 1),
                _ => (0, 0),
            };
            assert!(amount <= most, "{stage:?}: {amount}");
            if done {
                break;
            }
        }
    }
}
