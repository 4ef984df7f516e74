//! Exchange of weights of 64-32-10 networks after an update of [`super::MlpTrain`]: in each layer some of
//! the smallest go, and as many of those pruned before come, at 0: those with the largest gradients, or
//! random ones. [`super::MlpPrune`] follows and zeroes what went. Integers and zeros only: equal to the
//! twin ([`Masked::exchange`]).

use super::mlp_masks::{MlpRowParams, Networks};
use crate::core::rng::{Stream, StreamId};
use crate::gpu::{Binding, Case, Kernel, Twin, Want, kernel_fields};
use crate::labs::pruning::many::masks::{Gain, Masked};

/// Exchange of weights of small networks in training.
#[derive(Debug)]
pub struct MlpExchange;

impl Kernel for MlpExchange {
    const NAME: &'static str = "mlp_exchange";
    const WGSL: &'static str = include_str!("../../../shaders/mlp_exchange.wgsl");
    const WORKGROUP: u32 = 64;
    type Params = MlpRowParams;
    const BINDINGS: &'static [Binding] = &[
        Binding::read("exchanges"),
        Binding::write("weights"),
        Binding::write("moments"),
        Binding::write("mask"),
    ];
    const FIELDS: &'static [(&'static str, usize)] =
        kernel_fields!(MlpRowParams: runs, row, pad0, pad1);
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
        let before = Networks::draw(runs, &mut stream);
        let of_row = &exchanges[row * runs..(row + 1) * runs];
        let after = before.after(|run, net| mlp_exchange_cpu(of_row[run], net));
        Case::new(&MlpRowParams::new(runs, row), n * Self::WORKGROUP)
            .input(&exchanges)
            .update(&before.weights, Want::equal(&after.weights))
            .update(&before.moments, Want::equal(&after.moments))
            .update(&before.mask, Want::equal(&after.mask))
    }
}
