//! Hyperschedules. Fathi, Scholak, Noel: "Unifying Autoregressive and Diffusion-Based Sequence
//! Generation" (arXiv 2504.06416); block annealing as in ServiceNow/hdlm.

use crate::core::{Result, Verdict};
use crate::labs::noise::claims::{PerSeed, ratio_verdict};
use crate::labs::noise::tokens::{self, OrderKind, Source};
use crate::labs::noise::{Config, Noise, World};
use crate::labs::{Basis, Claim, Exhibit, Lab, Paper, Setup};

const ROUNDS: usize = 8;

fn revealed(order: OrderKind, block: u64) -> Config {
    Config {
        world: World::Tokens,
        source: Source::Markov,
        order,
        block,
        rounds: ROUNDS as u64,
        ..Config::default()
    }
}

/// Blocks of 8 over one block of the whole length, at the same number of calls.
fn over_whole(seed: u64) -> Result<f64> {
    let total = |block: u64| {
        let world = tokens::World::new(&revealed(OrderKind::Blocks, block))?;
        let cost = tokens::cost(&world, OrderKind::Blocks, ROUNDS, block as usize, seed);
        Ok::<f64, crate::core::Error>(cost.total())
    };
    Ok(total(8)? / total(32)?)
}

fn judge(mean: f64, interval: [f64; 2]) -> (Verdict, String) {
    ratio_verdict(
        mean,
        interval,
        0.9,
        "Markov chains of 32 tokens, 8 calls, blocks of 8 against no blocks, random inside. With an exact denoiser neighbours inside a block depend on each other, and only calls can separate them; what a schedule between the two does to training is not part of this.",
    )
}

const RATIO: PerSeed = PerSeed {
    quantity: "divergence from the data, blocks of 8 over the whole length, 32 tokens, 8 calls",
    unit: "×",
    value: over_whole,
    judge,
};

/// The exhibit.
pub(super) static HYPERSCHEDULE: Exhibit = Exhibit {
    id: "hyperschedules",
    lab: Noise::KIND,
    title: "Hyperschedules (block annealing)",
    idea: "One noise level per position and step: blocks finished from left to right run from token by token (block 1) to plain masked diffusion (one block).",
    paper: Paper {
        title: "Unifying Autoregressive and Diffusion-Based Sequence Generation",
        authors: "Fathi, Scholak, Noël",
        year: 2025,
        arxiv: "2504.06416",
    },
    basis: Basis::Code,
    deviations: "Block annealing only, in equal numbers per call; no sliding window and no correction of revealed tokens.",
    equation: "all positions of a block go through noise levels tau - 1 … 0 together, then the next block;  a masked token is revealed with probability 1 - s / t",
    symbols: &[
        ("tau", "calls of a block"),
        ("t, s", "noise level now and next"),
    ],
    setup: || Setup::Noise(revealed(OrderKind::Blocks, 8)),
    claim: Some(Claim {
        statement: "Schedules between autoregression and diffusion generate better sequences than either at the same cost.",
        experiment: "Divergence of generated Markov sequences from the data with blocks of 8 and with one block, 8 calls, random inside; ratio, over seeds. Token by token takes 32 calls and is exact.",
        start: |effort| RATIO.start(effort),
    }),
};
