//! Lower half of G += XᵀX for some rows of X, in tiles of 32 × 32 entries; the tiles on the diagonal
//! are written whole. |gpu − cpu| ≤ ε (K + 2) (|g| + Σ|x x|) for K rows: sums may be taken in any
//! order.

use super::dense_times::random_floats;
use crate::core::rng::{Stream, StreamId};
use crate::gpu::{Binding, Case, Kernel, Twin, Want, kernel_fields};
use bytemuck::{Pod, Zeroable};

/// Entries along a tile.
pub const GRAM_TILE: u32 = 32;

/// Parameters of [`Gram`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct GramParams {
    /// Columns of X.
    pub side: u32,
    /// Tiles along a side.
    pub tiles: u32,
    /// First row.
    pub first: u32,
    /// Rows.
    pub rows: u32,
}

impl GramParams {
    /// Of `rows` rows of `side` columns, from `first` on.
    pub fn new(side: u32, first: u32, rows: u32) -> Self {
        Self {
            side,
            tiles: side.div_ceil(GRAM_TILE),
            first,
            rows,
        }
    }

    /// Invocations of a dispatch.
    pub fn invocations(&self) -> u32 {
        self.tiles * (self.tiles + 1) / 2 * Gram::WORKGROUP
    }
}

/// Products of columns with columns.
#[derive(Debug)]
pub struct Gram;

impl Kernel for Gram {
    const NAME: &'static str = "gram";
    const WGSL: &'static str = include_str!("../../../shaders/gram.wgsl");
    const WORKGROUP: u32 = 64;
    type Params = GramParams;
    const BINDINGS: &'static [Binding] = &[Binding::read("x"), Binding::write("gram")];
    const FIELDS: &'static [(&'static str, usize)] =
        kernel_fields!(GramParams: side, tiles, first, rows);
}

/// The same on the CPU in double precision: G and Σ|x x| with what was there before, for every entry
/// of the tiles that are written; what was there before for the others.
pub fn gram_cpu(params: &GramParams, x: &[f32], gram: &[f32]) -> Vec<[f64; 2]> {
    let side = params.side as usize;
    let tile = |i: usize| i / GRAM_TILE as usize;
    let rows = x.chunks_exact(side.max(1));
    let rows = rows.skip(params.first as usize).take(params.rows as usize);
    let mut out: Vec<[f64; 2]> = gram
        .iter()
        .map(|&g| [f64::from(g), f64::from(g).abs()])
        .collect();
    for row in rows {
        for (i, line) in out.chunks_exact_mut(side.max(1)).enumerate() {
            for (j, [sum, size]) in line.iter_mut().enumerate() {
                if tile(j) <= tile(i) {
                    let term = f64::from(row[i]) * f64::from(row[j]);
                    *sum += term;
                    *size += term.abs();
                }
            }
        }
    }
    out
}

impl Twin for Gram {
    const FOLDS: bool = false;

    /// Sides of the matrix.
    fn sizes() -> Vec<u32> {
        vec![0, 1, 31, 32, 33, 64, 130]
    }

    fn case(n: u32, seed: u64) -> Case {
        let rows = [1, 16, 50, 0][seed as usize % 4];
        let params = GramParams::new(n, seed as u32 % 3, rows);
        let mut stream = Stream::new(seed, StreamId::Test);
        let x = random_floats(&mut stream, ((rows + 3) * n) as usize);
        let before = random_floats(&mut stream, (n * n) as usize);
        let want = gram_cpu(&params, &x, &before);
        let sums: Vec<f64> = want.iter().map(|w| w[0]).collect();
        let bound = |i: usize, _| f64::from(f32::EPSILON) * f64::from(rows + 2) * want[i][1];
        Case::new(&params, params.invocations())
            .input(&x)
            .update(&before, Want::near(&sums, bound))
    }
}
