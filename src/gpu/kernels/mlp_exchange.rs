//! Exchange of weights of 64-32-10 networks after an update of [`super::MlpTrain`]: in each layer some of
//! the smallest go, and as many of those pruned before come, at 0: those with the largest gradients, or
//! random ones. [`super::MlpPrune`] follows and zeroes what went. Integers and zeros only: equal to the
//! twin ([`Masked::exchange`]).

use super::{MLP_PARAMS, MLP_WEIGHTS};
use crate::core::rng::{Stream, StreamId};
use crate::gpu::{Binding, Case, Kernel, Twin, Want, kernel_fields};
use crate::labs::pruning::many::masks::{Gain, Masked};
use bytemuck::{Pod, Zeroable};

/// Parameters of [`MlpExchange`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct MlpExchangeParams {
    /// Networks.
    pub runs: u32,
    /// Row of the table.
    pub row: u32,
    /// Unused.
    pub pad0: u32,
    /// Unused.
    pub pad1: u32,
}

/// Exchange of weights of small networks in training.
#[derive(Debug)]
pub struct MlpExchange;

impl Kernel for MlpExchange {
    const NAME: &'static str = "mlp_exchange";
    const WGSL: &'static str = include_str!("../../../shaders/mlp_exchange.wgsl");
    const WORKGROUP: u32 = 64;
    type Params = MlpExchangeParams;
    const BINDINGS: &'static [Binding] = &[
        Binding::read("exchanges"),
        Binding::write("weights"),
        Binding::write("moments"),
        Binding::write("mask"),
    ];
    const FIELDS: &'static [(&'static str, usize)] =
        kernel_fields!(MlpExchangeParams: runs, row, pad0, pad1);
}

/// Entry of the table: how many of either layer, by what, seed. All 0: nothing.
pub fn mlp_exchange_entry(exchange: Option<([u32; 2], Gain)>) -> [u32; 4] {
    match exchange {
        None => [0; 4],
        Some(([first, second], Gain::Gradient)) => [first, second, 1, 0],
        Some(([first, second], Gain::Random(seed))) => [first, second, 2, seed],
    }
}

/// The same for one network.
pub fn mlp_exchange_cpu([first, second, by, seed]: [u32; 4], net: &mut Masked<'_>) {
    match by {
        0 => {}
        1 => net.exchange([first, second], Gain::Gradient),
        _ => net.exchange([first, second], Gain::Random(seed)),
    }
}

impl Twin for MlpExchange {
    const FOLDS: bool = false;

    fn sizes() -> Vec<u32> {
        vec![0, 1, 2, 7, 65]
    }

    /// `n` networks with ties, masks of several densities, and counts of all kinds.
    fn case(n: u32, seed: u64) -> Case {
        let mut stream = Stream::new(seed, StreamId::Test);
        let runs = n as usize;
        let rows = 3;
        let counts = [[0, 0], [1, 0], [0, 5], [400, 60], [3000, 3000]];
        let exchanges: Vec<[u32; 4]> = (0..rows * runs)
            .map(|_| {
                let [first, second] = counts[stream.below(counts.len() as u32) as usize];
                [first, second, stream.below(3), stream.word()]
            })
            .collect();
        let row = seed as usize % rows;
        // Multiples of 1/64, zeros of both signs among them: many ties.
        let draw = |stream: &mut Stream| (stream.below(200) as f32 - 100.0) / 64.0;
        let before: Vec<f32> = (0..runs * MLP_PARAMS).map(|_| draw(&mut stream)).collect();
        let moved: Vec<f32> = (0..2 * runs * MLP_PARAMS)
            .map(|_| draw(&mut stream))
            .collect();
        let open: Vec<u32> = (0..runs * MLP_WEIGHTS)
            .map(|i| u32::from(stream.below(2 + (i / MLP_WEIGHTS) as u32 % 9) == 0))
            .collect();
        let (mut weights, mut moments, mut mask) = (before.clone(), moved.clone(), open.clone());
        let networks = weights
            .chunks_mut(MLP_PARAMS)
            .zip(moments.chunks_mut(2 * MLP_PARAMS))
            .zip(mask.chunks_mut(MLP_WEIGHTS));
        for (run, ((weights, moments), mask)) in networks.enumerate() {
            let mut net = Masked {
                weights,
                moments,
                mask,
                resting: &mut [],
            };
            mlp_exchange_cpu(exchanges[row * runs + run], &mut net);
        }
        let params = MlpExchangeParams {
            runs: n,
            row: row as u32,
            ..MlpExchangeParams::default()
        };
        Case::new(&params, n * Self::WORKGROUP)
            .input(&exchanges)
            .update(&before, Want::equal(&weights))
            .update(&moved, Want::equal(&moments))
            .update(&open, Want::equal(&mask))
    }
}
