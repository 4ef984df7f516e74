//! In which order and in how many rounds tokens are revealed.

use super::super::orders;
use super::World;
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
}

impl OrderKind {
    /// All, in the order of the menu.
    pub const ALL: [Self; 7] = [
        Self::Random,
        Self::Confidence,
        Self::Halton,
        Self::Dilated,
        Self::LeftToRight,
        Self::Blocks,
        Self::DilatedBlocks,
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
        }
    }

    /// Whether it works in blocks.
    pub fn in_blocks(self) -> bool {
        matches!(self, Self::Blocks | Self::DilatedBlocks)
    }
}

/// What is revealed in which round.
#[derive(Debug, Clone, PartialEq)]
pub enum Plan {
    /// The same positions for every sample.
    Fixed(Vec<Vec<usize>>),
    /// As many of the surest positions as given here; equal ones in this order of precedence.
    Confidence(Vec<usize>, Vec<usize>),
}

impl Plan {
    /// Number of rounds: calls of the denoiser.
    pub fn rounds(&self) -> usize {
        match self {
            Self::Fixed(rounds) => rounds.len(),
            Self::Confidence(sizes, _) => sizes.len(),
        }
    }

    /// The plan of an order for a world in at most `rounds` rounds; `stream` decides what is random.
    pub fn new(
        kind: OrderKind,
        world: &World,
        rounds: usize,
        block: usize,
        stream: &Stream,
    ) -> Self {
        let n = world.positions();
        let rounds = rounds.clamp(1, n);
        let sizes = sizes(world, rounds);
        let all: Vec<usize> = (0..n).collect();
        let mut stream = stream.clone();
        let mut shuffled = all.clone();
        stream.shuffle(&mut shuffled);
        let order = match kind {
            OrderKind::Random => shuffled,
            OrderKind::Confidence => return Self::Confidence(sizes, shuffled),
            OrderKind::Halton => halton(world),
            OrderKind::LeftToRight => all,
            OrderKind::Dilated => dilated(n),
            OrderKind::Blocks | OrderKind::DilatedBlocks => {
                return Self::Fixed(in_blocks(kind, n, rounds, block, &mut stream));
            }
        };
        // The dilated sets are rounds of their own where they are as many as asked for.
        let own: Vec<Vec<usize>> = orders::dilated_sets(n)
            .into_iter()
            .filter(|s| !s.is_empty())
            .collect();
        if kind == OrderKind::Dilated && own.len() == rounds {
            return Self::Fixed(own);
        }
        Self::Fixed(
            orders::in_rounds(&order, &sizes)
                .into_iter()
                .filter(|r| !r.is_empty())
                .collect(),
        )
    }
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
