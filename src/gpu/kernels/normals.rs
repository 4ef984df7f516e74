//! Standard normal draws from integers and one exact scaling, four an invocation: the same bits as
//! [`integer_normal`] on the CPU. The table is uploaded once.

use super::StreamParams;
use crate::core::rng::{integer_normal, normal_table};
use crate::gpu::{Binding, Case, Kernel, Twin, Want, kernel_fields};

/// Writes the normals of block `i` of a stream to `4i..4i+4`.
#[derive(Debug)]
pub struct Normals;

impl Kernel for Normals {
    const NAME: &'static str = "normals";
    const WGSL: &'static str = include_str!("../../../shaders/normals.wgsl");
    const WORKGROUP: u32 = 64;
    type Params = StreamParams;
    const BINDINGS: &'static [Binding] = &[Binding::read("normal_table"), Binding::write("draws")];
    const FIELDS: &'static [(&'static str, usize)] =
        kernel_fields!(StreamParams: key0, key1, step, stream, replicate, blocks, pad0, pad1);
}

/// The same on the CPU.
pub fn normals_cpu(params: &StreamParams) -> Vec<f32> {
    (0..params.blocks)
        .flat_map(|i| params.block(i).map(integer_normal))
        .collect()
}

impl Twin for Normals {
    fn case(n: u32, seed: u64) -> Case {
        let params = StreamParams::new(seed, 10, 5, 2, n);
        Case::new(&params, n)
            .input(normal_table())
            .output(Want::equal(&normals_cpu(&params)))
    }
}
