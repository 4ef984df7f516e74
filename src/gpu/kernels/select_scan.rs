//! Exclusive prefix sum in place, by one workgroup: enough for the tile counts of a select (16,384
//! tiles at the default binding limit). Integers only: equal to the twin. At most 8 million
//! values, so that no invocation loops over 32,000 times.

use crate::core::rng::{Stream, StreamId};
use crate::gpu::{Binding, Case, Kernel, Twin, Want, kernel_fields};
use bytemuck::{Pod, Zeroable};

/// Parameters of [`SelectScan`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Pod, Zeroable)]
#[repr(C)]
pub struct ScanParams {
    /// Number of values.
    pub n: u32,
    /// Unused.
    pub pad0: u32,
    /// Unused.
    pub pad1: u32,
    /// Unused.
    pub pad2: u32,
}

/// Replaces each value by the sum of those before it; one workgroup.
#[derive(Debug)]
pub struct SelectScan;

impl Kernel for SelectScan {
    const NAME: &'static str = "select_scan";
    const WGSL: &'static str = include_str!("../../../shaders/select_scan.wgsl");
    const WORKGROUP: u32 = 256;
    type Params = ScanParams;
    const BINDINGS: &'static [Binding] = &[Binding::write("counts")];
    const FIELDS: &'static [(&'static str, usize)] =
        kernel_fields!(ScanParams: n, pad0, pad1, pad2);
}

/// The same on the CPU.
pub fn select_scan_cpu(counts: &mut [u32]) {
    let mut before = 0_u32;
    for count in counts {
        before += std::mem::replace(count, before);
    }
}

impl Twin for SelectScan {
    const FOLDS: bool = false;

    fn case(n: u32, seed: u64) -> Case {
        let mut stream = Stream::new(seed, StreamId::Test);
        let before: Vec<u32> = (0..n).map(|_| stream.below(2049)).collect();
        let mut after = before.clone();
        select_scan_cpu(&mut after);
        let params = ScanParams {
            n,
            ..ScanParams::default()
        };
        // One workgroup, whatever the size.
        Case::new(&params, Self::WORKGROUP).update(&before, Want::equal(&after))
    }

    fn sizes() -> Vec<u32> {
        vec![0, 1, 255, 256, 257, 16_384, 16_385]
    }
}
