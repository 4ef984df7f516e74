//! Position of each pair inside its bin (an expert, or a device whose experts share its places) and
//! whether it is below the capacity: the last step of a stable counting sort (no atomics: the order is the buffer order on every device). Exact.

use super::route_counts::{CountParams, ROUTE_TILE, random_choices, route_counts_cpu};
use super::route_offsets::{OffsetParams, route_offsets_cpu};
use crate::gpu::{Binding, Case, Kernel, Twin, Want, kernel_fields};
use bytemuck::{Pod, Zeroable};

/// Parameters of [`RoutePositions`].
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct PositionParams {
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
    /// Places per bin.
    pub capacity: u32,
    /// Unused.
    pub pad0: u32,
    /// Unused.
    pub pad1: u32,
}

impl PositionParams {
    /// With the sizes of the counts.
    pub fn new(counts: &CountParams, capacity: u32) -> Self {
        let CountParams {
            pairs,
            experts,
            tokens,
            k,
            bins,
            ..
        } = *counts;
        Self {
            pairs,
            experts,
            tokens,
            k,
            bins,
            capacity,
            pad0: 0,
            pad1: 0,
        }
    }
}

/// Gives places to `chosen` (N × k), with the offsets of the tiles.
#[derive(Debug)]
pub struct RoutePositions;

impl Kernel for RoutePositions {
    const NAME: &'static str = "route_positions";
    const WGSL: &'static str = include_str!("../../../shaders/route_positions.wgsl");
    const WORKGROUP: u32 = ROUTE_TILE;
    type Params = PositionParams;
    const BINDINGS: &'static [Binding] = &[
        Binding::read("chosen"),
        Binding::read("offsets"),
        Binding::write("positions"),
        Binding::write("kept"),
    ];
    const FIELDS: &'static [(&'static str, usize)] =
        kernel_fields!(PositionParams: pairs, experts, tokens, k, bins, capacity, pad0, pad1);
}

/// The same on the CPU, without tiles: positions and marks in buffer order.
pub fn route_positions_cpu(params: &PositionParams, chosen: &[u32]) -> (Vec<u32>, Vec<u32>) {
    let mut next = vec![0; params.bins as usize];
    (0..params.pairs)
        .map(|i| {
            let at = (i % params.tokens) * params.k + i / params.tokens;
            let bin = chosen[at as usize] * params.bins / params.experts;
            let slot: &mut u32 = &mut next[bin as usize];
            let position = *slot;
            *slot += 1;
            (position, u32::from(position < params.capacity))
        })
        .unzip()
}

impl Twin for RoutePositions {
    fn case(n: u32, seed: u64) -> Case {
        let (sizes, chosen) = random_choices(n, seed);
        let offsets = OffsetParams {
            experts: sizes.bins,
            tiles: sizes.tiles(),
            pad0: 0,
            pad1: 0,
        };
        let (offsets, _) = route_offsets_cpu(&offsets, &route_counts_cpu(&sizes, &chosen));
        let params = PositionParams::new(&sizes, (n / sizes.bins).max(1));
        let (positions, kept) = route_positions_cpu(&params, &chosen);
        Case::new(&params, n)
            .input(&chosen)
            .input(&offsets)
            .output(Want::equal(&positions))
            .output(Want::equal(&kept))
    }
}
