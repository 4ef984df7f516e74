//! What the kernels share that change the masks of 64-32-10 networks between updates.

use super::{MLP_PARAMS, MLP_WEIGHTS};
use crate::core::rng::Stream;
use crate::labs::pruning::many::masks::Masked;
use bytemuck::{Pod, Zeroable};

/// Parameters of [`super::MlpPrune`] and [`super::MlpExchange`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct MlpRowParams {
    /// Networks.
    pub runs: u32,
    /// Row of the table that says what happens.
    pub row: u32,
    /// Unused.
    pub pad0: u32,
    /// Unused.
    pub pad1: u32,
}

impl MlpRowParams {
    /// So many networks, and a row of the table.
    pub fn new(runs: usize, row: usize) -> Self {
        Self {
            runs: runs as u32,
            row: row as u32,
            ..Self::default()
        }
    }
}

/// Networks of a test.
#[derive(Debug, Clone)]
pub(super) struct Networks {
    /// Parameters, network by network.
    pub(super) weights: Vec<f32>,
    /// First, then second moments of each network.
    pub(super) moments: Vec<f32>,
    /// 1 where a weight is kept.
    pub(super) mask: Vec<u32>,
    /// Values of pruned weights.
    pub(super) resting: Vec<f32>,
}

impl Networks {
    /// With many equal values, zeros of both signs among them; every third network is open, the
    /// others keep shares of several sizes.
    pub(super) fn draw(runs: usize, stream: &mut Stream) -> Self {
        let mut values = |n: usize| -> Vec<f32> {
            let value = |_| (stream.below(200) as f32 - 100.0) / 64.0;
            (0..n).map(value).collect()
        };
        let weights = values(runs * MLP_PARAMS);
        let moments = values(2 * runs * MLP_PARAMS);
        let resting = values(runs * MLP_WEIGHTS);
        let kept = |i: usize| {
            let run = i / MLP_WEIGHTS;
            run.is_multiple_of(3) || stream.below(2 + run as u32 % 9) == 0
        };
        let mask = (0..runs * MLP_WEIGHTS).map(kept).map(u32::from).collect();
        Self {
            weights,
            moments,
            mask,
            resting,
        }
    }

    /// What some work makes of each.
    pub(super) fn after(&self, mut work: impl FnMut(usize, &mut Masked<'_>)) -> Self {
        let mut out = self.clone();
        let networks = out
            .weights
            .chunks_mut(MLP_PARAMS)
            .zip(out.moments.chunks_mut(2 * MLP_PARAMS))
            .zip(out.mask.chunks_mut(MLP_WEIGHTS))
            .zip(out.resting.chunks_mut(MLP_WEIGHTS));
        for (run, (((weights, moments), mask), resting)) in networks.enumerate() {
            let mut net = Masked {
                weights,
                moments,
                mask,
                resting,
            };
            work(run, &mut net);
        }
        out
    }
}
