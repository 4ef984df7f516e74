//! Experts asked for, tile by tile of 64 pairs: the first step of a stable counting sort. Pairs
//! stand in buffer order, all first choices by token, then all second choices. E ≤ 256. Exact.

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
}

impl CountParams {
    /// Number of tiles.
    pub fn tiles(&self) -> u32 {
        self.pairs.div_ceil(ROUTE_TILE)
    }

    /// Expert of the pair at place `i` of the buffer order.
    pub fn expert(&self, chosen: &[u32], i: u32) -> u32 {
        chosen[((i % self.tokens) * self.k + i / self.tokens) as usize]
    }
}

/// Counts `chosen` (N × k) per tile and expert.
#[derive(Debug)]
pub struct RouteCounts;

impl Kernel for RouteCounts {
    const NAME: &'static str = "route_counts";
    const WGSL: &'static str = include_str!("../../../shaders/route_counts.wgsl");
    const WORKGROUP: u32 = ROUTE_TILE;
    type Params = CountParams;
    const BINDINGS: &'static [Binding] = &[Binding::read("chosen"), Binding::write("counts")];
    const FIELDS: &'static [(&'static str, usize)] =
        kernel_fields!(CountParams: pairs, experts, tokens, k);
}

/// The same on the CPU.
pub fn route_counts_cpu(params: &CountParams, chosen: &[u32]) -> Vec<u32> {
    let mut counts = vec![0; (params.tiles() * params.experts) as usize];
    for i in 0..params.pairs {
        let expert = params.expert(chosen, i);
        counts[(i / ROUTE_TILE * params.experts + expert) as usize] += 1;
    }
    counts
}

/// Random choices of `pairs` pairs, for tests.
pub(super) fn random_choices(pairs: u32, seed: u64) -> (CountParams, Vec<u32>) {
    // Few experts when there are many tiles: the counts must stay small.
    let experts = if pairs > 100_000 {
        3
    } else {
        [8, 256, 1, 37][seed as usize % 4]
    };
    let k = if pairs.is_multiple_of(2) { 2 } else { 1 };
    let params = CountParams {
        pairs,
        experts,
        tokens: pairs / k,
        k,
    };
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
