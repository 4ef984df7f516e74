//! Statistics of a tensor in tiles of 4,096 values: zeros, values that are not finite, extremes as
//! ordered keys, sums, and the histogram of magnitudes. Counts, extremes and bins are integers and
//! equal to the twin ([`crate::labs::pruning::statistics`]); a sum is a tree over 64 invocations with
//! 64 terms each, so it is off by at most ε (64 + 6 + 2) Σ|x|, its squares by one rounding more.

use crate::core::rng::{Stream, StreamId};
use crate::gpu::{Binding, Case, Kernel, Twin, Want, kernel_fields};
use crate::labs::pruning::statistics::{STATS_BINS, STATS_TILE, Tile, tile};
use bytemuck::{Pod, Zeroable};

/// Parameters of [`TensorStats`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct StatsParams {
    /// Number of values.
    pub n: u32,
    /// Number of tiles.
    pub tiles: u32,
    /// Unused.
    pub pad0: u32,
    /// Unused.
    pub pad1: u32,
}

impl StatsParams {
    /// For `n` values.
    pub fn new(n: u32) -> Self {
        Self {
            n,
            tiles: n.div_ceil(STATS_TILE as u32),
            pad0: 0,
            pad1: 0,
        }
    }

    /// Invocations of a dispatch.
    pub fn invocations(&self) -> u32 {
        self.tiles * TensorStats::WORKGROUP
    }
}

/// Statistics, tile by tile.
#[derive(Debug)]
pub struct TensorStats;

impl Kernel for TensorStats {
    const NAME: &'static str = "tensor_stats";
    const WGSL: &'static str = include_str!("../../../shaders/tensor_stats.wgsl");
    const WORKGROUP: u32 = 64;
    type Params = StatsParams;
    const BINDINGS: &'static [Binding] = &[
        Binding::read("values"),
        Binding::write("counts"),
        Binding::write("sums"),
        Binding::write("histogram"),
    ];
    const FIELDS: &'static [(&'static str, usize)] =
        kernel_fields!(StatsParams: n, tiles, pad0, pad1);
}

/// The same on the CPU: the tiles and the histogram of all.
pub fn tensor_stats_cpu(values: &[f32]) -> (Vec<Tile>, Vec<u32>) {
    let mut bins = vec![0; STATS_BINS];
    let tiles = values
        .chunks(STATS_TILE)
        .map(|values| tile(values, &mut bins))
        .collect();
    (tiles, bins)
}

impl Twin for TensorStats {
    const FOLDS: bool = false;

    fn sizes() -> Vec<u32> {
        vec![0, 1, 63, 4095, 4096, 4097, 50_000]
    }

    fn case(n: u32, seed: u64) -> Case {
        let mut stream = Stream::new(seed, StreamId::Test);
        let values: Vec<f32> = (0..n)
            .map(|_| match stream.below(40) {
                0 => 0.0,
                1 => -0.0,
                2 => f32::NAN,
                3 => f32::INFINITY,
                4 => -1e-42,
                _ => 0.1 * stream.normal_f32(),
            })
            .collect();
        let (tiles, bins) = tensor_stats_cpu(&values);
        let counts: Vec<[u32; 4]> = tiles.iter().map(|t| t.counts).collect();
        let mut sizes = Vec::with_capacity(2 * tiles.len());
        for part in values.chunks(STATS_TILE) {
            let finite = part.iter().filter(|x| x.is_finite());
            let wide = finite.map(|&x| f64::from(x).abs());
            let [sum, squares] = wide.fold([0.0; 2], |[a, b], x| [a + x, b + x * x]);
            sizes.extend([sum, squares]);
        }
        let sums: Vec<f64> = tiles.iter().flat_map(|t| t.sums).collect();
        let near = Want::near(&sums, |i, _| {
            f64::from(f32::EPSILON) * 73.0 * sizes[i] + 1e-37
        });
        let params = StatsParams::new(n);
        Case::new(&params, params.invocations())
            .input(&values)
            .output(Want::equal(&counts))
            .output(near)
            .update(&vec![0_u32; STATS_BINS], Want::equal(&bins))
    }
}
