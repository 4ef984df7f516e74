//! Pruning of 64-32-10 networks between the updates of [`super::MlpTrain`]: where more weights are to
//! go, those with the smallest magnitudes, found by an exact radix select in a workgroup; then all
//! pruned weights and their momentum are set to zero, which after every update is the training of a
//! masked network. Biases never go; a pruned weight comes back with its old value where the count says
//! so, and never else; among equal magnitudes the smaller flat index goes first. Integers, copies and
//! zeros only: equal to the twin ([`Masked::cut`]).

use super::mlp_masks::{MlpRowParams, Networks};
use crate::core::rng::{Stream, StreamId};
use crate::gpu::{Binding, Case, Kernel, Twin, Want, kernel_fields};
use crate::labs::pruning::many::masks::{Masked, WEIGHTS};

/// Weights of such a network that can go.
pub const MLP_WEIGHTS: usize = WEIGHTS;
/// In a table of counts: as many are gone as before.
pub const MLP_KEEP: u32 = u32::MAX;
/// Added to a count: pruned weights rank by what they were and may come back.
pub const MLP_REOPENS: u32 = 1 << 31;

/// Pruning of small networks in training.
#[derive(Debug)]
pub struct MlpPrune;

impl Kernel for MlpPrune {
    const NAME: &'static str = "mlp_prune";
    const WGSL: &'static str = include_str!("../../../shaders/mlp_prune.wgsl");
    const WORKGROUP: u32 = 64;
    type Params = MlpRowParams;
    const BINDINGS: &'static [Binding] = &[
        Binding::read("gone"),
        Binding::write("weights"),
        Binding::write("moments"),
        Binding::write("mask"),
        Binding::write("resting"),
    ];
    const FIELDS: &'static [(&'static str, usize)] =
        kernel_fields!(MlpRowParams: runs, row, pad0, pad1);
}

/// The same for one network: what the table of counts says, from here on.
pub fn mlp_prune_cpu(gone: u32, net: &mut Masked<'_>) {
    if gone != MLP_KEEP {
        net.cut(u64::from(gone & !MLP_REOPENS), gone & MLP_REOPENS != 0);
    }
    net.hold();
}

impl Twin for MlpPrune {
    const FOLDS: bool = false;

    fn sizes() -> Vec<u32> {
        vec![0, 1, 2, 7, 65]
    }

    /// `n` networks with ties, masks of several densities, and counts of all kinds.
    fn case(n: u32, seed: u64) -> Case {
        let mut stream = Stream::new(seed, StreamId::Test);
        let runs = n as usize;
        let rows = 3;
        let counts = [
            MLP_KEEP,
            0,
            1,
            700,
            2000,
            MLP_WEIGHTS as u32 - 1,
            MLP_WEIGHTS as u32,
            MLP_REOPENS,
            MLP_REOPENS + 300,
            MLP_REOPENS + 1500,
        ];
        let gone: Vec<u32> = (0..rows * runs)
            .map(|_| counts[stream.below(counts.len() as u32) as usize])
            .collect();
        let row = seed as usize % rows;
        let before = Networks::draw(runs, &mut stream);
        let of_row = &gone[row * runs..(row + 1) * runs];
        let after = before.after(|run, net| mlp_prune_cpu(of_row[run], net));
        Case::new(&MlpRowParams::new(runs, row), n * Self::WORKGROUP)
            .input(&gone)
            .update(&before.weights, Want::equal(&after.weights))
            .update(&before.moments, Want::equal(&after.moments))
            .update(&before.mask, Want::equal(&after.mask))
            .update(&before.resting, Want::equal(&after.resting))
    }
}
