//! Exclusive running sums of the tile counts of each expert, and each expert's whole demand: the
//! second step of a stable counting sort. One expert an invocation. Exact.

use crate::core::rng::{Stream, StreamId};
use crate::gpu::{Binding, Case, Kernel, Twin, Want, kernel_fields};
use bytemuck::{Pod, Zeroable};

/// Parameters of [`RouteOffsets`].
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct OffsetParams {
    /// Experts E.
    pub experts: u32,
    /// Tiles, at most 65,535 (one loop of a kernel must stay below that on some devices).
    pub tiles: u32,
    /// Unused.
    pub pad0: u32,
    /// Unused.
    pub pad1: u32,
}

/// Sums `counts` (tiles × E).
#[derive(Debug)]
pub struct RouteOffsets;

impl Kernel for RouteOffsets {
    const NAME: &'static str = "route_offsets";
    const WGSL: &'static str = include_str!("../../../shaders/route_offsets.wgsl");
    const WORKGROUP: u32 = 64;
    type Params = OffsetParams;
    const BINDINGS: &'static [Binding] = &[
        Binding::read("counts"),
        Binding::write("offsets"),
        Binding::write("demand"),
    ];
    const FIELDS: &'static [(&'static str, usize)] =
        kernel_fields!(OffsetParams: experts, tiles, pad0, pad1);
}

/// The same on the CPU: offsets (tiles × E) and demand (E).
pub fn route_offsets_cpu(params: &OffsetParams, counts: &[u32]) -> (Vec<u32>, Vec<u32>) {
    let mut demand = vec![0; params.experts as usize];
    let mut offsets = Vec::with_capacity(counts.len());
    for row in counts.chunks(params.experts.max(1) as usize) {
        for (total, count) in demand.iter_mut().zip(row) {
            offsets.push(*total);
            *total += count;
        }
    }
    (offsets, demand)
}

impl Twin for RouteOffsets {
    // Never more than a few hundred experts.
    const FOLDS: bool = false;

    fn case(n: u32, seed: u64) -> Case {
        let tiles = [5, 1, 0, 64][seed as usize % 4];
        let params = OffsetParams {
            experts: n,
            tiles,
            pad0: 0,
            pad1: 0,
        };
        let mut stream = Stream::new(seed, StreamId::Test);
        let counts: Vec<u32> = (0..n * tiles).map(|_| stream.below(65)).collect();
        let (offsets, demand) = route_offsets_cpu(&params, &counts);
        Case::new(&params, n)
            .input(&counts)
            .output(Want::equal(&offsets))
            .output(Want::equal(&demand))
    }
}
