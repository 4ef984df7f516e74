//! Random words of a [`Stream`](crate::core::rng::Stream), four an invocation: Philox4x32-10.
//! Integers only: the same bits as the CPU.

use crate::core::rng::philox;
use crate::gpu::{Binding, Case, Kernel, Twin, Want, kernel_fields};
use bytemuck::{Pod, Zeroable};

/// Where in a stream to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct StreamParams {
    /// Low word of the seed.
    pub key0: u32,
    /// High word of the seed.
    pub key1: u32,
    /// Time step, epoch or draw number.
    pub step: u32,
    /// [`StreamId`](crate::core::rng::StreamId) as a number.
    pub stream: u32,
    /// Replicate (run).
    pub replicate: u32,
    /// Number of blocks of four.
    pub blocks: u32,
    /// Unused.
    pub pad0: u32,
    /// Unused.
    pub pad1: u32,
}

impl StreamParams {
    /// The first `blocks` blocks of a stream.
    pub fn new(seed: u64, stream: u32, step: u32, replicate: u32, blocks: u32) -> Self {
        Self {
            key0: seed as u32,
            key1: (seed >> 32) as u32,
            step,
            stream,
            replicate,
            blocks,
            pad0: 0,
            pad1: 0,
        }
    }

    /// Words of block `i`.
    pub fn block(&self, i: u32) -> [u32; 4] {
        philox(
            [i, self.step, self.stream, self.replicate],
            [self.key0, self.key1],
        )
    }
}

/// Writes block `i` of a stream to words `4i..4i+4`.
#[derive(Debug)]
pub struct PhiloxWords;

impl Kernel for PhiloxWords {
    const NAME: &'static str = "philox_words";
    const WGSL: &'static str = include_str!("../../../shaders/philox_words.wgsl");
    const WORKGROUP: u32 = 64;
    type Params = StreamParams;
    const BINDINGS: &'static [Binding] = &[Binding::write("words")];
    const FIELDS: &'static [(&'static str, usize)] =
        kernel_fields!(StreamParams: key0, key1, step, stream, replicate, blocks, pad0, pad1);
}

/// The same on the CPU.
pub fn philox_words_cpu(params: &StreamParams) -> Vec<u32> {
    (0..params.blocks).flat_map(|i| params.block(i)).collect()
}

impl Twin for PhiloxWords {
    fn case(n: u32, seed: u64) -> Case {
        let params = StreamParams::new(seed, 10, 3, 1, n);
        Case::new(&params, n).output(Want::equal(&philox_words_cpu(&params)))
    }
}
