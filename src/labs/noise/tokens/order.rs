//! In which order and in how many rounds tokens are revealed.

use super::super::config::Config;
use super::super::orders;
use super::World;
use super::hyper::{Call, Hyperschedule};
use crate::core::Arrange as _;
use crate::core::Result;
use crate::core::rng::Stream;
use serde::{Deserialize, Serialize};

/// An unmasking order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderKind {
    /// A random permutation.
    Random,
    /// The positions the denoiser is surest of.
    Confidence,
    /// The low-discrepancy sequence of Halton.
    #[default]
    Halton,
    /// Dilated: every second of what is left, halving the stride (DUS).
    Dilated,
    /// Left to right, row by row.
    LeftToRight,
    /// Blocks from left to right, random inside (hyperschedule, block annealing).
    Blocks,
    /// Blocks from left to right, dilated inside.
    DilatedBlocks,
    /// A window of rising noise indices slides from left to right (hyperschedule).
    SlidingAnnealing,
    /// All noise indices of a block fall together, block after block (hyperschedule).
    BlockAnnealing,
    /// Blocks whose noise indices fall in a staircase (hyperschedule).
    HybridAnnealing,
}

impl OrderKind {
    /// All, in the order of the menu.
    pub const ALL: [Self; 10] = [
        Self::Random,
        Self::Confidence,
        Self::Halton,
        Self::Dilated,
        Self::LeftToRight,
        Self::Blocks,
        Self::DilatedBlocks,
        Self::SlidingAnnealing,
        Self::BlockAnnealing,
        Self::HybridAnnealing,
    ];

    /// Its name in legends.
    pub fn name(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::Confidence => "confidence",
            Self::Halton => "Halton",
            Self::Dilated => "dilated (DUS)",
            Self::LeftToRight => "left to right",
            Self::Blocks => "blocks, random inside",
            Self::DilatedBlocks => "blocks, dilated inside",
            Self::SlidingAnnealing => "sliding annealing",
            Self::BlockAnnealing => "block annealing",
            Self::HybridAnnealing => "hybrid annealing",
        }
    }

    /// Whether it works in blocks of positions or a window of them.
    pub fn in_blocks(self) -> bool {
        matches!(self, Self::Blocks | Self::DilatedBlocks) || self.is_annealed()
    }

    /// Whether noise indices decide, call by call, what may be revealed.
    pub fn is_annealed(self) -> bool {
        matches!(
            self,
            Self::SlidingAnnealing | Self::BlockAnnealing | Self::HybridAnnealing
        )
    }
}

/// An order with its numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Order {
    /// The rule.
    pub kind: OrderKind,
    /// Calls, where the rule leaves their number open.
    pub rounds: usize,
    /// Positions of a block or window.
    pub block: usize,
    /// Noise levels tau of an annealed order.
    pub levels: u8,
    /// Strength eta of the corrections of an annealed order.
    pub correction: f64,
}

impl Order {
    /// A rule at a number of calls, in blocks of one.
    pub fn at(kind: OrderKind, rounds: usize) -> Self {
        Self {
            kind,
            rounds,
            block: 1,
            levels: 1,
            correction: 0.0,
        }
    }

    /// The order of a setup.
    pub fn of(config: &Config) -> Self {
        Self {
            kind: config.order,
            rounds: config.rounds as usize,
            block: config.block as usize,
            levels: config.levels as u8,
            correction: config.correction,
        }
    }

    /// The noise indices, if the order has any.
    ///
    /// # Errors
    /// As [`Hyperschedule::new`].
    pub fn indices(self, positions: usize) -> Result<Option<Hyperschedule>> {
        if !self.kind.is_annealed() {
            return Ok(None);
        }
        Hyperschedule::new(self.kind, self.block, self.levels, positions).map(Some)
    }
}

/// What is revealed in which round.
#[derive(Debug, Clone, PartialEq)]
pub enum Plan {
    /// The same positions for every sample.
    Fixed(Vec<Vec<usize>>),
    /// As many of the surest positions as given here; equal ones in this order of precedence.
    Confidence(Vec<usize>, Vec<usize>),
    /// One random course of a hyperschedule, with revealed positions that are drawn again.
    Annealed(Vec<Call>),
}

impl Plan {
    /// Number of rounds: calls of the denoiser.
    pub fn rounds(&self) -> usize {
        match self {
            Self::Fixed(rounds) => rounds.len(),
            Self::Confidence(sizes, _) => sizes.len(),
            Self::Annealed(calls) => calls.len(),
        }
    }

    /// What a round reveals; `scores` says how sure the free positions are.
    pub(super) fn choose(
        &self,
        round: usize,
        scores: impl FnOnce() -> Vec<(usize, f64)>,
    ) -> Vec<usize> {
        match self {
            Self::Fixed(rounds) => rounds[round].clone(),
            Self::Confidence(sizes, precedence) => surest(&scores(), sizes[round], precedence),
            Self::Annealed(calls) => calls[round].reveals.clone(),
        }
    }

    /// What a round draws again.
    pub(super) fn corrections(&self, round: usize) -> &[usize] {
        match self {
            Self::Annealed(calls) => &calls[round].corrections,
            _ => &[],
        }
    }

    /// The plan of an order for a world in at most its number of rounds; `stream` decides what is
    /// random.
    ///
    /// # Errors
    /// Noise indices that do not fit.
    pub fn new(order: Order, world: &World, stream: &Stream) -> Result<Self> {
        let (kind, block) = (order.kind, order.block);
        let n = world.positions();
        let mut stream = stream.clone();
        if let Some(indices) = order.indices(n)? {
            return Ok(Self::Annealed(indices.draw(order.correction, &mut stream)));
        }
        let rounds = order.rounds.clamp(1, n);
        let sizes = sizes(world, rounds);
        let all: Vec<usize> = (0..n).collect();
        let mut shuffled = all.clone();
        stream.shuffle(&mut shuffled);
        let order = match kind {
            OrderKind::Random => shuffled,
            OrderKind::Confidence => return Ok(Self::Confidence(sizes, shuffled)),
            OrderKind::Halton => halton(world),
            OrderKind::LeftToRight => all,
            OrderKind::Dilated => dilated(n),
            // The annealed ones have left already.
            _ => return Ok(Self::Fixed(in_blocks(kind, n, rounds, block, &mut stream))),
        };
        // The dilated sets are rounds of their own where they are as many as asked for.
        let own: Vec<Vec<usize>> = orders::dilated_sets(n)
            .into_iter()
            .filter(|s| !s.is_empty())
            .collect();
        if kind == OrderKind::Dilated && own.len() == rounds {
            return Ok(Self::Fixed(own));
        }
        let rounds = orders::in_rounds(&order, &sizes);
        Ok(Self::Fixed(
            rounds.into_iter().filter(|r| !r.is_empty()).collect(),
        ))
    }
}

/// The surest positions, equal ones by precedence.
fn surest(scores: &[(usize, f64)], count: usize, precedence: &[usize]) -> Vec<usize> {
    let mut rank = vec![0; precedence.len()];
    for (r, i) in precedence.iter().enumerate() {
        rank[*i] = r;
    }
    let mut by_rank: Vec<(usize, f64)> = scores.to_vec();
    by_rank.arrange_by_key(|(i, _)| rank[*i]);
    // `highest` breaks ties by the number it is given: here the rank.
    let ranked: Vec<(usize, f64)> = by_rank
        .iter()
        .enumerate()
        .map(|(k, (_, s))| (k, *s))
        .collect();
    orders::highest(&ranked, count, 9)
        .into_iter()
        .map(|k| by_rank[k].0)
        .collect()
}

/// Tokens per round: the arccosine law on lattices, equal numbers on sequences.
fn sizes(world: &World, rounds: usize) -> Vec<usize> {
    match world {
        World::Field(n, _) => {
            let mut before = 0;
            orders::arccos_counts(*n, rounds)
                .into_iter()
                .map(|count| {
                    let size = count - before;
                    before = count;
                    size
                })
                .collect()
        }
        _ => orders::equal_sizes(world.positions(), rounds),
    }
}

/// Base 2 for rows, base 3 for columns; on a sequence the base-2 sequence alone.
fn halton(world: &World) -> Vec<usize> {
    let [rows, columns] = world.shape();
    if rows > 1 {
        return orders::halton(rows)
            .iter()
            .map(|c| c[0] * columns + c[1])
            .collect();
    }
    let bits = columns.next_power_of_two().trailing_zeros();
    (0..1_u32 << bits)
        .map(|i| {
            if bits == 0 {
                0
            } else {
                (i.reverse_bits() >> (32 - bits)) as usize
            }
        })
        .filter(|i| *i < columns)
        .collect()
}

/// The dilated sets one after the other, and what they leave out.
fn dilated(n: usize) -> Vec<usize> {
    let mut order = orders::dilated_sets(n).concat();
    let mut seen = vec![false; n];
    for i in &order {
        seen[*i] = true;
    }
    order.extend((0..n).filter(|i| !seen[*i]));
    order
}

fn in_blocks(
    kind: OrderKind,
    n: usize,
    rounds: usize,
    block: usize,
    stream: &mut Stream,
) -> Vec<Vec<usize>> {
    let block = block.clamp(1, n);
    let blocks: Vec<usize> = orders::equal_sizes(n, n.div_ceil(block));
    // Every block gets its share of the rounds, at least one.
    let shares = orders::equal_sizes(rounds.max(blocks.len()), blocks.len());
    let mut start = 0;
    let mut out = Vec::new();
    for (size, share) in blocks.into_iter().zip(shares) {
        let mut inside = dilated(size);
        if kind == OrderKind::Blocks {
            stream.shuffle(&mut inside);
        }
        let inside: Vec<usize> = inside.iter().map(|i| start + i).collect();
        let sizes = orders::equal_sizes(size, share.min(size));
        out.extend(orders::in_rounds(&inside, &sizes));
        start += size;
    }
    out
}
