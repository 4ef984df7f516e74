//! The Gram matrix of the smaller side of a matrix, in double precision: the sum over slices of the
//! longer side, each packed so that four columns lie together, of products in tiles of 4 × 4.

use super::Cells;
use crate::core::Result;
use std::ops::Range;

/// Values of a slice, about.
const SLICE: usize = 1 << 18;
/// Products added in one step.
const PRODUCTS: usize = 1 << 20;

/// How a matrix is cut along its longer side.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    dims: [usize; 2],
    /// The longer side's entries in a slice.
    depth: usize,
}

impl Cut {
    pub(super) fn new(dims: [usize; 2]) -> Self {
        let side = dims[0].min(dims[1]).max(1);
        Self {
            dims,
            depth: (SLICE / side).clamp(16, 1 << 16),
        }
    }

    pub(super) fn side(&self) -> usize {
        self.dims[0].min(self.dims[1])
    }

    pub(super) fn long(&self) -> usize {
        self.dims[0].max(self.dims[1])
    }

    /// Whether slices are of columns.
    fn is_wide(&self) -> bool {
        self.dims[0] < self.dims[1]
    }

    /// Reads the slice that begins at `at`; its range.
    pub(super) fn read(
        &self,
        cells: &mut impl Cells,
        at: usize,
        into: &mut Vec<f64>,
    ) -> Result<Range<usize>> {
        let range = at..(at + self.depth).min(self.long());
        if self.is_wide() {
            cells.block(0..self.dims[0], range.clone(), into)?;
        } else {
            cells.block(range.clone(), 0..self.dims[1], into)?;
        }
        Ok(range)
    }
}

/// The Gram matrix under way.
#[derive(Debug)]
pub(super) struct Gram {
    cut: Cut,
    /// What values are divided by.
    scale: f64,
    /// Lower half, row after row in a square.
    sums: Vec<f64>,
    /// Where the next slice begins.
    at: usize,
    /// The slice under way: per group of four, entry after entry.
    packed: Vec<f64>,
    depth: usize,
    /// The next tile of the slice; row 0 of an empty one.
    tile: [usize; 2],
    buffer: Vec<f64>,
}

impl Gram {
    pub(super) fn new(cut: Cut, scale: f64) -> Self {
        let side = cut.side();
        Self {
            cut,
            scale,
            sums: vec![0.0; side * side],
            at: 0,
            packed: Vec::new(),
            depth: 0,
            tile: [side.div_ceil(4), 0],
            buffer: Vec::new(),
        }
    }

    /// Share done, 0 to 1.
    pub(super) fn progress(&self) -> f64 {
        self.at as f64 / self.cut.long().max(1) as f64
    }

    /// Adds some tiles or reads the next slice; whether all is added.
    pub(super) fn step(&mut self, cells: &mut impl Cells) -> Result<bool> {
        let groups = self.cut.side().div_ceil(4);
        if self.tile[0] == groups {
            if self.at == self.cut.long() {
                return Ok(true);
            }
            self.pack(cells)?;
            return Ok(false);
        }
        let most = (PRODUCTS / (16 * self.depth.max(1))).max(1);
        for _ in 0..most {
            self.add_tile();
            let [row, col] = self.tile;
            self.tile = if col < row {
                [row, col + 1]
            } else {
                [row + 1, 0]
            };
            if self.tile[0] == groups {
                break;
            }
        }
        Ok(false)
    }

    pub(super) fn finish(self) -> Vec<f64> {
        self.sums
    }

    fn pack(&mut self, cells: &mut impl Cells) -> Result<()> {
        let range = self.cut.read(cells, self.at, &mut self.buffer)?;
        let (side, depth) = (self.cut.side(), range.len());
        self.packed.clear();
        self.packed.resize(4 * depth * side.div_ceil(4), 0.0);
        let strides = if self.cut.is_wide() {
            [depth, 1]
        } else {
            [1, side]
        };
        for (group, out) in self.packed.chunks_exact_mut(4 * depth.max(1)).enumerate() {
            for lane in 0..4.min(side - 4 * group) {
                let from = (4 * group + lane) * strides[0];
                for k in 0..depth {
                    out[4 * k + lane] = self.buffer[from + k * strides[1]] / self.scale;
                }
            }
        }
        (self.depth, self.at, self.tile) = (depth, range.end, [0, 0]);
        Ok(())
    }

    fn add_tile(&mut self) {
        let (side, size) = (self.cut.side(), 4 * self.depth);
        let [row, col] = self.tile;
        let (left, _) = self.packed[size * row..size * (row + 1)].as_chunks::<4>();
        let (right, _) = self.packed[size * col..size * (col + 1)].as_chunks::<4>();
        let mut sums = [[0.0; 4]; 4];
        for (a, b) in left.iter().zip(right) {
            for (sums, a) in sums.iter_mut().zip(a) {
                for (sum, b) in sums.iter_mut().zip(b) {
                    *sum += a * b;
                }
            }
        }
        let width = 4.min(side - 4 * col);
        for (i, sums) in sums.iter().enumerate().take(4.min(side - 4 * row)) {
            let start = (4 * row + i) * side + 4 * col;
            let out = &mut self.sums[start..start + width];
            for (out, sum) in out.iter_mut().zip(sums) {
                *out += sum;
            }
        }
    }
}
