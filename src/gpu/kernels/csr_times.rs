//! y = W x with W in compressed sparse rows, one workgroup a row. At most 2^20 weights a row.
//! |gpu − cpu| ≤ eps (K + 8) Σ |w x|, K the weights of the row, eps = 2^-23.

use super::dense_times::{product_bound, random_floats};
use crate::core::rng::{Stream, StreamId};
use crate::gpu::{Binding, Case, Kernel, Twin, Want, kernel_fields};
use bytemuck::{Pod, Zeroable};

/// Parameters of [`CsrTimes`].
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct CsrTimesParams {
    /// Rows of W.
    pub rows: u32,
    /// Unused.
    pub pad0: u32,
    /// Unused.
    pub pad1: u32,
    /// Unused.
    pub pad2: u32,
}

impl CsrTimesParams {
    /// Parameters of a matrix.
    pub fn new(rows: u32) -> Self {
        Self {
            rows,
            pad0: 0,
            pad1: 0,
            pad2: 0,
        }
    }

    /// Invocations of a product.
    pub fn invocations(&self) -> u32 {
        self.rows * CsrTimes::WORKGROUP
    }
}

/// Matrix times vector on kept weights alone: `starts` (rows + 1), `columns` and `values`.
#[derive(Debug)]
pub struct CsrTimes;

impl Kernel for CsrTimes {
    const NAME: &'static str = "csr_times";
    const WGSL: &'static str = include_str!("../../../shaders/csr_times.wgsl");
    const WORKGROUP: u32 = 64;
    type Params = CsrTimesParams;
    const BINDINGS: &'static [Binding] = &[
        Binding::read("starts"),
        Binding::read("columns"),
        Binding::read("values"),
        Binding::read("x"),
        Binding::write("y"),
    ];
    const FIELDS: &'static [(&'static str, usize)] =
        kernel_fields!(CsrTimesParams: rows, pad0, pad1, pad2);
}

/// The same on the CPU in double precision: products and Σ |w x| of every row.
pub fn csr_times_cpu(starts: &[u32], columns: &[u32], values: &[f32], x: &[f32]) -> Vec<[f64; 2]> {
    let row = |ends: &[u32]| {
        let range = ends[0] as usize..ends[1] as usize;
        let kept = columns[range.clone()].iter().zip(&values[range]);
        kept.fold([0.0, 0.0], |[sum, size], (c, w)| {
            let term = f64::from(*w) * f64::from(x[*c as usize]);
            [sum + term, size + term.abs()]
        })
    };
    starts.windows(2).map(row).collect()
}

impl Twin for CsrTimes {
    fn case(n: u32, seed: u64) -> Case {
        let rows = n.div_ceil(Self::WORKGROUP);
        // Sparse when there are many rows: the content must stay small.
        let cols = if rows > 1000 {
            3
        } else {
            [7, 300, 1000, 64][seed as usize % 4]
        };
        let mut stream = Stream::new(seed, StreamId::Test);
        let (mut starts, mut columns) = (vec![0_u32], Vec::new());
        for row in 0..rows {
            // Empty and full rows too.
            let share = [3, 0, 10, 1][row as usize % 4];
            columns.extend((0..cols).filter(|_| stream.below(10) < share));
            starts.push(columns.len() as u32);
        }
        let values = random_floats(&mut stream, columns.len());
        let x = random_floats(&mut stream, cols as usize);
        let want = csr_times_cpu(&starts, &columns, &values, &x);
        let y: Vec<f64> = want.iter().map(|w| w[0]).collect();
        let params = CsrTimesParams::new(rows);
        let bound = |i: usize, _| {
            let terms = (starts[i + 1] - starts[i]) as usize;
            product_bound(terms, want[i][1])
        };
        Case::new(&params, params.invocations())
            .input(&starts)
            .input(&columns)
            .input(&values)
            .input(&x)
            .output(Want::near(&y, bound))
    }

    fn sizes() -> Vec<u32> {
        vec![0, 1, 64, 65, 64 * 33, 64 * 100]
    }
}
