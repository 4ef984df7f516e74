//! The mask after a cut: 1 for keys above the threshold, and for equal keys after the first
//! `ties` in flat order. 32 keys a word, an invocation owns its word. Equal to the twin.

use super::select_ties::tied;
use super::{SelectState, TILE, TileParams, select_scan_cpu, select_ties_cpu};
use crate::gpu::{Binding, Case, Kernel, Twin, Want, kernel_fields};

/// Writes the mask. An invocation stands for 32 keys.
#[derive(Debug)]
pub struct SelectMask;

impl Kernel for SelectMask {
    const NAME: &'static str = "select_mask";
    const WGSL: &'static str = include_str!("../../../shaders/select_mask.wgsl");
    const WORKGROUP: u32 = 64;
    type Params = TileParams;
    const BINDINGS: &'static [Binding] = &[
        Binding::read("keys"),
        Binding::read("state"),
        Binding::read("before"),
        Binding::write("mask"),
    ];
    const FIELDS: &'static [(&'static str, usize)] =
        kernel_fields!(TileParams: n, bits, tiles, pad0);
}

/// The same on the CPU; `before` holds the number of equal keys before each tile.
pub fn select_mask_cpu(
    params: &TileParams,
    keys: &[u32],
    state: &SelectState,
    before: &[u32],
) -> Vec<u32> {
    let mut mask = vec![0; keys.len().div_ceil(32)];
    for (tile, (words, &start)) in keys.chunks(TILE as usize).zip(before).enumerate() {
        let mut rank = start;
        for (j, word) in words.iter().enumerate() {
            let key = word & params.bits;
            let kept =
                state.k == 0 || key > state.prefix || (key == state.prefix && rank >= state.ties);
            rank += u32::from(key == state.prefix);
            let i = tile * TILE as usize + j;
            mask[i / 32] |= u32::from(kept) << (i % 32);
        }
    }
    mask
}

impl Twin for SelectMask {
    const FOLDS: bool = false;

    fn case(n: u32, seed: u64) -> Case {
        let (keys, state) = tied(n, seed);
        let params = TileParams::new(n, 0x7fff_ffff);
        let mut before = select_ties_cpu(&params, &keys, &state);
        select_scan_cpu(&mut before);
        let mask = select_mask_cpu(&params, &keys, &state, &before);
        Case::new(&params, n.div_ceil(32))
            .input(&keys)
            .input(&[state])
            .input(&before)
            .output(Want::equal(&mask))
    }

    fn sizes() -> Vec<u32> {
        vec![0, 1, 31, 32, 33, 2047, 2048, 2049, 100_000]
    }
}
