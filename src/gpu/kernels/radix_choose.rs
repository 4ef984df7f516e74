//! Narrows the prefix of the radix select to the bin that holds the k-th key. The state stays on
//! the device, so nothing is read back between passes. Integers only: equal to the twin.

use crate::core::rng::{Stream, StreamId};
use crate::gpu::{Binding, Case, Kernel, Twin, Want, kernel_fields};
use bytemuck::{Pod, Zeroable};

/// What is known of the k-th smallest key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Pod, Zeroable)]
#[repr(C)]
pub struct SelectState {
    /// Rank looked for, from 1; 0 selects nothing.
    pub k: u32,
    /// Bits of the key found so far; all of it after the last pass.
    pub prefix: u32,
    /// Which bits are found.
    pub fixed: u32,
    /// Number of keys below the prefix.
    pub below: u32,
    /// Number of keys that agree with the prefix.
    pub equal: u32,
    /// How many of these are among the k smallest.
    pub ties: u32,
    /// Unused.
    pub pad: [u32; 2],
}

/// Parameters of [`RadixChoose`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Pod, Zeroable)]
#[repr(C)]
pub struct ChooseParams {
    /// Position of the digit.
    pub shift: u32,
    /// Unused.
    pub pad0: u32,
    /// Unused.
    pub pad1: u32,
    /// Unused.
    pub pad2: u32,
}

/// Chooses the bin; one invocation.
#[derive(Debug)]
pub struct RadixChoose;

impl Kernel for RadixChoose {
    const NAME: &'static str = "radix_choose";
    const WGSL: &'static str = include_str!("../../../shaders/radix_choose.wgsl");
    const WORKGROUP: u32 = 64;
    type Params = ChooseParams;
    const BINDINGS: &'static [Binding] = &[Binding::read("histogram"), Binding::write("state")];
    const FIELDS: &'static [(&'static str, usize)] =
        kernel_fields!(ChooseParams: shift, pad0, pad1, pad2);
}

/// The same on the CPU.
pub fn radix_choose_cpu(params: ChooseParams, histogram: &[u32], state: &mut SelectState) {
    if state.k == 0 {
        return;
    }
    let mut digit = 0;
    for (bin, &count) in (0..).zip(histogram) {
        if state.below + count >= state.k {
            digit = bin;
            state.equal = count;
            break;
        }
        state.below += count;
    }
    state.prefix |= digit << params.shift;
    state.fixed |= 255 << params.shift;
    state.ties = state.k - state.below;
}

impl Twin for RadixChoose {
    const FOLDS: bool = false;

    fn case(n: u32, seed: u64) -> Case {
        let mut stream = Stream::new(seed, StreamId::Test);
        let histogram: Vec<u32> = (0..256).map(|_| stream.below(9)).collect();
        let total: u32 = histogram.iter().sum();
        let state = SelectState {
            k: n.min(total),
            ..SelectState::default()
        };
        let params = ChooseParams {
            shift: 16,
            ..ChooseParams::default()
        };
        let mut after = state;
        radix_choose_cpu(params, &histogram, &mut after);
        Case::new(&params, 1)
            .input(&histogram)
            .update(&[state], Want::equal(&[after]))
    }
}
