//! y = W x, one workgroup a row, four columns a load. Columns are a multiple of four, at most 2^20.
//! |gpu − cpu| ≤ eps (K + 8) Σ |w x| with eps = 2^-23: sums may be taken in any order.

use crate::core::rng::{Stream, StreamId};
use crate::gpu::{Binding, Case, Kernel, Twin, Want, kernel_fields};
use bytemuck::{Pod, Zeroable};

/// Parameters of [`DenseTimes`].
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct DenseTimesParams {
    /// Rows of W.
    pub rows: u32,
    /// Groups of four columns.
    pub quads: u32,
    /// Unused.
    pub pad0: u32,
    /// Unused.
    pub pad1: u32,
}

impl DenseTimesParams {
    /// Parameters of a matrix; columns a multiple of four.
    pub fn new(rows: u32, cols: u32) -> Self {
        Self {
            rows,
            quads: cols / 4,
            pad0: 0,
            pad1: 0,
        }
    }

    /// Invocations of a product.
    pub fn invocations(&self) -> u32 {
        self.rows * DenseTimes::WORKGROUP
    }
}

/// Matrix times vector with every weight.
#[derive(Debug)]
pub struct DenseTimes;

impl Kernel for DenseTimes {
    const NAME: &'static str = "dense_times";
    const WGSL: &'static str = include_str!("../../../shaders/dense_times.wgsl");
    const WORKGROUP: u32 = 64;
    type Params = DenseTimesParams;
    const BINDINGS: &'static [Binding] =
        &[Binding::read("w"), Binding::read("x"), Binding::write("y")];
    const FIELDS: &'static [(&'static str, usize)] =
        kernel_fields!(DenseTimesParams: rows, quads, pad0, pad1);
}

/// The same on the CPU in double precision: products and Σ |w x| of every row.
pub fn dense_times_cpu(params: &DenseTimesParams, w: &[f32], x: &[f32]) -> Vec<[f64; 2]> {
    let cols = 4 * params.quads as usize;
    let row = |r: usize| {
        let terms = w[r * cols..(r + 1) * cols].iter().zip(x);
        terms.fold([0.0, 0.0], |[sum, size], (w, x)| {
            let term = f64::from(*w) * f64::from(*x);
            [sum + term, size + term.abs()]
        })
    };
    (0..params.rows as usize).map(row).collect()
}

/// Allowed distance of a row's product of `terms` terms from the twin's.
pub fn product_bound(terms: usize, size: f64) -> f64 {
    f64::from(f32::EPSILON) * (terms + 8) as f64 * size
}

/// Words as floats around 0: cheap enough for millions of values.
pub(super) fn random_floats(stream: &mut Stream, n: usize) -> Vec<f32> {
    let one = |_| (stream.word() >> 8) as f32 / 65_536.0 - 128.0;
    (0..n).map(one).collect()
}

impl Twin for DenseTimes {
    fn case(n: u32, seed: u64) -> Case {
        let rows = n.div_ceil(Self::WORKGROUP);
        // Narrow when there are many rows: the content must stay small.
        let cols = if rows > 1000 {
            4
        } else {
            [4, 260, 1024, 12][seed as usize % 4]
        };
        let params = DenseTimesParams::new(rows, cols);
        let mut stream = Stream::new(seed, StreamId::Test);
        let w = random_floats(&mut stream, (rows * cols) as usize);
        let x = random_floats(&mut stream, cols as usize);
        let want = dense_times_cpu(&params, &w, &x);
        let y: Vec<f64> = want.iter().map(|w| w[0]).collect();
        Case::new(&params, params.invocations())
            .input(&w)
            .input(&x)
            .output(Want::near(&y, |i, _| {
                product_bound(cols as usize, want[i][1])
            }))
    }

    fn sizes() -> Vec<u32> {
        vec![0, 1, 64, 65, 64 * 33, 64 * 100]
    }
}
