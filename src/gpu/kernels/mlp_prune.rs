//! Pruning of 64-32-10 networks between the updates of [`super::MlpTrain`]: where more weights are to
//! go, those with the smallest magnitudes, found by an exact radix select in a workgroup; then all
//! pruned weights and their momentum are set to zero, which after every update is the training of a
//! masked network. Biases never go; a pruned weight comes back with its old value where the count says
//! so, and never else; among equal magnitudes the smaller flat index goes first. Integers, copies and
//! zeros only: equal to the twin ([`Masked::cut`]).

use super::MLP_PARAMS;
use crate::core::rng::{Stream, StreamId};
use crate::gpu::{Binding, Case, Kernel, Twin, Want, kernel_fields};
use crate::labs::pruning::many::masks::{Masked, WEIGHTS};
use bytemuck::{Pod, Zeroable};

/// Weights of such a network that can go.
pub const MLP_WEIGHTS: usize = WEIGHTS;
/// In a table of counts: as many are gone as before.
pub const MLP_KEEP: u32 = u32::MAX;
/// Added to a count: pruned weights rank by what they were and may come back.
pub const MLP_REOPENS: u32 = 1 << 31;

/// Parameters of [`MlpPrune`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct MlpPruneParams {
    /// Networks.
    pub runs: u32,
    /// Row of the table of counts.
    pub row: u32,
    /// Unused.
    pub pad0: u32,
    /// Unused.
    pub pad1: u32,
}

/// Pruning of small networks in training.
#[derive(Debug)]
pub struct MlpPrune;

impl Kernel for MlpPrune {
    const NAME: &'static str = "mlp_prune";
    const WGSL: &'static str = include_str!("../../../shaders/mlp_prune.wgsl");
    const WORKGROUP: u32 = 64;
    type Params = MlpPruneParams;
    const BINDINGS: &'static [Binding] = &[
        Binding::read("gone"),
        Binding::write("weights"),
        Binding::write("moments"),
        Binding::write("mask"),
        Binding::write("resting"),
    ];
    const FIELDS: &'static [(&'static str, usize)] =
        kernel_fields!(MlpPruneParams: runs, row, pad0, pad1);
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

    /// `n` networks with ties and a mask that is open or partly closed; counts of all kinds.
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
        // Multiples of 1/64, zeros of both signs among them: many ties.
        let draw = |stream: &mut Stream| (stream.below(200) as f32 - 100.0) / 64.0;
        let before: Vec<f32> = (0..runs * MLP_PARAMS).map(|_| draw(&mut stream)).collect();
        let moved: Vec<f32> = (0..2 * runs * MLP_PARAMS)
            .map(|_| stream.normal_f32())
            .collect();
        let open: Vec<u32> = (0..runs * MLP_WEIGHTS)
            .map(|i| u32::from((i / MLP_WEIGHTS).is_multiple_of(2) || stream.below(3) > 0))
            .collect();
        let rest: Vec<f32> = (0..runs * MLP_WEIGHTS).map(|_| draw(&mut stream)).collect();
        let (mut weights, mut moments) = (before.clone(), moved.clone());
        let (mut mask, mut resting) = (open.clone(), rest.clone());
        let networks = weights
            .chunks_mut(MLP_PARAMS)
            .zip(moments.chunks_mut(2 * MLP_PARAMS))
            .zip(mask.chunks_mut(MLP_WEIGHTS))
            .zip(resting.chunks_mut(MLP_WEIGHTS));
        for (run, (((weights, moments), mask), resting)) in networks.enumerate() {
            let mut net = Masked {
                weights,
                moments,
                mask,
                resting,
            };
            mlp_prune_cpu(gone[row * runs + run], &mut net);
        }
        let params = MlpPruneParams {
            runs: n,
            row: row as u32,
            ..MlpPruneParams::default()
        };
        Case::new(&params, n * Self::WORKGROUP)
            .input(&gone)
            .update(&before, Want::equal(&weights))
            .update(&moved, Want::equal(&moments))
            .update(&open, Want::equal(&mask))
            .update(&rest, Want::equal(&resting))
    }
}
