//! Counts the keys equal to the threshold in each tile of 2,048 keys, to rank ties by their flat
//! index. Where all of them are among the smallest, as where no two keys are equal, nothing has to be
//! ranked and no key is read. Integers only: equal to the twin.

use super::SelectState;
use crate::core::rng::{Stream, StreamId};
use crate::gpu::{Binding, Case, Kernel, Twin, Want, kernel_fields};
use bytemuck::{Pod, Zeroable};

/// Keys in one tile: 64 invocations of 32.
pub const TILE: u32 = 2048;

/// Parameters of [`SelectTies`] and [`super::SelectMask`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct TileParams {
    /// Number of keys.
    pub n: u32,
    /// Bits of a word that make its key.
    pub bits: u32,
    /// Number of tiles.
    pub tiles: u32,
    /// Unused.
    pub pad0: u32,
}

impl TileParams {
    /// For `n` keys.
    pub fn new(n: u32, bits: u32) -> Self {
        Self {
            n,
            bits,
            tiles: n.div_ceil(TILE),
            pad0: 0,
        }
    }
}

/// Counts ties. An invocation stands for 32 keys.
#[derive(Debug)]
pub struct SelectTies;

impl Kernel for SelectTies {
    const NAME: &'static str = "select_ties";
    const WGSL: &'static str = include_str!("../../../shaders/select_ties.wgsl");
    const WORKGROUP: u32 = 64;
    type Params = TileParams;
    const BINDINGS: &'static [Binding] = &[
        Binding::read("keys"),
        Binding::read("state"),
        Binding::write("counts"),
    ];
    const FIELDS: &'static [(&'static str, usize)] =
        kernel_fields!(TileParams: n, bits, tiles, pad0);
}

/// The same on the CPU.
pub fn select_ties_cpu(params: &TileParams, keys: &[u32], state: &SelectState) -> Vec<u32> {
    let ranked = state.equal != state.ties;
    let tie = |word: &&u32| ranked && *word & params.bits == state.prefix;
    keys.chunks(TILE as usize)
        .map(|tile| tile.iter().filter(tie).count() as u32)
        .collect()
}

/// Keys with many ties, and the state of a select that has found key 3.
pub(super) fn tied(n: u32, seed: u64) -> (Vec<u32>, SelectState) {
    let mut stream = Stream::new(seed, StreamId::Test);
    let keys: Vec<u32> = (0..n).map(|_| stream.word() & 0x8000_0007).collect();
    let count = |wanted: fn(u32) -> bool| keys.iter().filter(|k| wanted(**k & 7)).count() as u32;
    let (below, equal) = (count(|k| k < 3), count(|k| k == 3));
    let ties = equal / 2;
    let state = SelectState {
        k: below + ties,
        prefix: 3,
        fixed: u32::MAX,
        below,
        equal,
        ties,
        pad: [0; 2],
    };
    (keys, state)
}

impl Twin for SelectTies {
    const FOLDS: bool = false;

    fn case(n: u32, seed: u64) -> Case {
        let (keys, mut state) = tied(n, seed);
        if seed.is_multiple_of(3) {
            state.ties = state.equal;
        }
        let params = TileParams::new(n, 0x7fff_ffff);
        let counts = select_ties_cpu(&params, &keys, &state);
        Case::new(&params, n.div_ceil(32))
            .input(&keys)
            .input(&[state])
            .output(Want::equal(&counts))
    }

    fn sizes() -> Vec<u32> {
        vec![0, 1, 2047, 2048, 2049, 100_000]
    }
}
