//! y = a·x + b on groups of four values. |gpu − cpu| ≤ 2 eps (|a x| + |b|) with eps = 2^-23: WGSL
//! leaves the rounding direction free and allows fusion.

use crate::core::rng::{Stream, StreamId};
use crate::gpu::{Binding, Case, Kernel, Twin, Want, kernel_fields};
use bytemuck::{Pod, Zeroable};

/// Parameters of [`Axpb`].
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct AxpbParams {
    /// Factor.
    pub a: f32,
    /// Summand.
    pub b: f32,
    /// Number of groups of four.
    pub quads: u32,
    /// Unused.
    pub pad0: u32,
}

/// y = a·x + b.
#[derive(Debug)]
pub struct Axpb;

impl Kernel for Axpb {
    const NAME: &'static str = "axpb";
    const WGSL: &'static str = include_str!("../../../shaders/axpb.wgsl");
    const WORKGROUP: u32 = 64;
    type Params = AxpbParams;
    const BINDINGS: &'static [Binding] = &[Binding::read("x"), Binding::write("y")];
    const FIELDS: &'static [(&'static str, usize)] = kernel_fields!(AxpbParams: a, b, quads, pad0);
}

/// The same on the CPU, in double precision.
pub fn axpb_cpu(params: &AxpbParams, x: &[f32]) -> Vec<f64> {
    let (a, b) = (f64::from(params.a), f64::from(params.b));
    x.iter().map(|x| a * f64::from(*x) + b).collect()
}

impl Twin for Axpb {
    fn case(n: u32, seed: u64) -> Case {
        let params = AxpbParams {
            a: -1.7,
            b: 0.3,
            quads: n,
            pad0: 0,
        };
        let mut stream = Stream::new(seed, StreamId::Test);
        // Word-based: cheap enough for millions of values.
        let x: Vec<f32> = (0..4 * n as usize)
            .map(|_| (stream.word() >> 8) as f32 / 65_536.0 - 128.0)
            .collect();
        let y = axpb_cpu(&params, &x);
        let bound = |i: usize, _| {
            2.0 * f64::from(f32::EPSILON) * (f64::from(params.a * x[i]).abs() + f64::from(params.b))
        };
        Case::new(&params, n)
            .input(&x)
            .output(Want::near(&y, bound))
    }
}
