//! Histogram of eight key bits, over the keys that agree with the prefix found so far: one pass of
//! the radix select. Integers only: equal to the twin.

use super::SelectState;
use crate::core::rng::{Stream, StreamId};
use crate::gpu::{Binding, Case, Kernel, Twin, Want, kernel_fields};
use bytemuck::{Pod, Zeroable};

/// Parameters of [`RadixHistogram`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct RadixParams {
    /// Number of keys.
    pub n: u32,
    /// Bits of a word that make its key.
    pub bits: u32,
    /// Position of the digit.
    pub shift: u32,
    /// Unused.
    pub pad0: u32,
}

/// Adds the histogram of one digit. An invocation stands for 16 keys.
#[derive(Debug)]
pub struct RadixHistogram;

impl RadixHistogram {
    /// Keys per invocation.
    pub const KEYS: u32 = 16;
}

impl Kernel for RadixHistogram {
    const NAME: &'static str = "radix_histogram";
    const WGSL: &'static str = include_str!("../../../shaders/radix_histogram.wgsl");
    const WORKGROUP: u32 = 256;
    type Params = RadixParams;
    const BINDINGS: &'static [Binding] = &[
        Binding::read("keys"),
        Binding::read("state"),
        Binding::write("histogram"),
    ];
    const FIELDS: &'static [(&'static str, usize)] =
        kernel_fields!(RadixParams: n, bits, shift, pad0);
}

/// The same on the CPU.
pub fn radix_histogram_cpu(
    params: &RadixParams,
    keys: &[u32],
    state: &SelectState,
    histogram: &mut [u32],
) {
    for word in keys {
        let key = word & params.bits;
        if key & state.fixed == state.prefix {
            histogram[(key >> params.shift) as usize & 255] += 1;
        }
    }
}

impl Twin for RadixHistogram {
    // The size that folds would hold 268 million keys.
    const FOLDS: bool = false;

    fn case(n: u32, seed: u64) -> Case {
        let mut stream = Stream::new(seed, StreamId::Test);
        let keys: Vec<u32> = (0..n).map(|_| stream.word() & 0x80ff_ffff).collect();
        let params = RadixParams {
            n,
            bits: 0x7fff_ffff,
            shift: 8,
            pad0: 0,
        };
        // Half of the upper digit is fixed, so that some keys take part and some do not.
        let state = SelectState {
            k: n / 2,
            prefix: 0x0080_0000,
            fixed: 0x0080_0000,
            ..SelectState::default()
        };
        let before: Vec<u32> = (0..256).collect();
        let mut after = before.clone();
        radix_histogram_cpu(&params, &keys, &state, &mut after);
        Case::new(&params, n.div_ceil(Self::KEYS))
            .input(&keys)
            .input(&[state])
            .update(&before, Want::equal(&after))
    }

    fn sizes() -> Vec<u32> {
        vec![0, 1, 4095, 4096, 4097, 100_000]
    }
}
