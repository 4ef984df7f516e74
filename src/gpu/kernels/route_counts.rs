//! Bins asked for, tile by tile of 64 pairs: the first step of a stable counting sort. A bin is an
//! expert, or a device whose experts share its places: expert e is in bin ⌊e·bins/E⌋. Pairs stand in
//! buffer order, all first choices by token, then all second choices. E ≤ 256, bins ≤ 256. Exact.

use crate::core::rng::{Stream, StreamId};
use crate::gpu::{Binding, Case, Kernel, Twin, Want, kernel_fields};
use bytemuck::{Pod, Zeroable};

/// Pairs in a tile.
pub const ROUTE_TILE: u32 = 64;

/// Parameters of [`RouteCounts`].
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct CountParams {
    /// Pairs, N·k.
    pub pairs: u32,
    /// Experts E.
    pub experts: u32,
    /// Tokens N.
    pub tokens: u32,
    /// Experts per token.
    pub k: u32,
    /// Bins: E, or the devices.
    pub bins: u32,
    /// Unused.
    pub pad0: u32,
    /// Unused.
    pub pad1: u32,
    /// Unused.
    pub pad2: u32,
}

impl CountParams {
    /// Sizes of a batch.
    pub fn new([tokens, experts, k]: [u32; 3], bins: u32) -> Self {
        Self {
            pairs: tokens * k,
            experts,
            tokens,
            k,
            bins,
            pad0: 0,
            pad1: 0,
            pad2: 0,
        }
    }

    /// Number of tiles.
    pub fn tiles(&self) -> u32 {
        self.pairs.div_ceil(ROUTE_TILE)
    }

    /// Bin of the pair at place `i` of the buffer order.
    pub fn bin(&self, chosen: &[u32], i: u32) -> u32 {
        let expert = chosen[((i % self.tokens) * self.k + i / self.tokens) as usize];
        expert * self.bins / self.experts
    }
}

/// Counts `chosen` (N × k) per tile and bin.
#[derive(Debug)]
pub struct RouteCounts;

impl Kernel for RouteCounts {
    const NAME: &'static str = "route_counts";
    const WGSL: &'static str = include_str!("../../../shaders/route_counts.wgsl");
    const WORKGROUP: u32 = ROUTE_TILE;
    type Params = CountParams;
    const BINDINGS: &'static [Binding] = &[Binding::read("chosen"), Binding::write("counts")];
    const FIELDS: &'static [(&'static str, usize)] =
        kernel_fields!(CountParams: pairs, experts, tokens, k, bins, pad0, pad1, pad2);
}

/// The same on the CPU.
pub fn route_counts_cpu(params: &CountParams, chosen: &[u32]) -> Vec<u32> {
    let mut counts = vec![0; (params.tiles() * params.bins) as usize];
    for i in 0..params.pairs {
        let bin = params.bin(chosen, i);
        counts[(i / ROUTE_TILE * params.bins + bin) as usize] += 1;
    }
    counts
}

/// Random choices of `pairs` pairs, for tests.
pub(super) fn random_choices(pairs: u32, seed: u64) -> (CountParams, Vec<u32>) {
    // Few experts when there are many tiles: the counts must stay small.
    let experts: u32 = if pairs > 100_000 {
        3
    } else {
        [8, 256, 1, 37][seed as usize % 4]
    };
    let k = if pairs.is_multiple_of(2) { 2 } else { 1 };
    // Every expert has places of its own, or shares those of a device, of which some may be empty.
    let bins = [experts, experts.div_ceil(3), 5][seed as usize / 4 % 3];
    let params = CountParams::new([pairs / k, experts, k], bins);
    let mut stream = Stream::new(seed, StreamId::Test);
    let chosen = (0..pairs)
        .map(|_| stream.below(experts).min(stream.below(experts)))
        .collect();
    (params, chosen)
}

impl Twin for RouteCounts {
    fn case(n: u32, seed: u64) -> Case {
        let (params, chosen) = random_choices(n, seed);
        Case::new(&params, n)
            .input(&chosen)
            .output(Want::equal(&route_counts_cpu(&params, &chosen)))
    }
}
