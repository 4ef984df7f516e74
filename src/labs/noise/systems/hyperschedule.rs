//! Hyperschedules. Fathi, Scholak, Noel: "Unifying Autoregressive and Diffusion-Based Sequence
//! Generation" (arXiv 2504.06416); sliding, block and hybrid annealing as in ServiceNow/hdlm
//! `metaschedule.py`.

use crate::core::{Result, Verdict};
use crate::labs::noise::claims::{PerSeed, ratio_verdict};
use crate::labs::noise::tokens::{self, Order, OrderKind, Source};
use crate::labs::noise::{Config, Noise, World};
use crate::labs::{Basis, Claim, Exhibit, Lab, Paper, Setup};

/// Block annealing in eight calls of 32 tokens.
fn annealed(block: u64) -> Config {
    Config {
        world: World::Tokens,
        source: Source::Markov,
        order: OrderKind::BlockAnnealing,
        block,
        levels: block / 4,
        ..Config::default()
    }
}

/// Blocks of 8 over one block of the whole length, at the same number of calls.
fn over_whole(seed: u64) -> Result<f64> {
    let total = |block: u64| {
        let config = annealed(block);
        let world = tokens::World::new(&config)?;
        let cost = tokens::cost(&world, Order::of(&config), seed)?;
        Ok::<f64, crate::core::Error>(cost.total())
    };
    Ok(total(8)? / total(32)?)
}

fn judge(mean: f64, interval: [f64; 2]) -> (Verdict, String) {
    ratio_verdict(
        mean,
        interval,
        0.9,
        "Markov chains of 32 tokens, 8 calls: w = 8, tau = 2 against w = 32, tau = 8, mean over random courses. With an exact denoiser neighbours inside a block depend on each other, and only calls can separate them; what a schedule between the two does to training is not part of this.",
    )
}

const RATIO: PerSeed = PerSeed {
    quantity: "divergence from the data, block annealing (8, 2) over (32, 8), 32 tokens, 8 calls",
    unit: "×",
    value: over_whole,
    judge,
};

/// The exhibit.
pub(super) static HYPERSCHEDULE: Exhibit = Exhibit {
    id: "hyperschedules",
    lab: Noise::KIND,
    title: "Hyperschedules",
    idea: "One noise index per position and call: a window or block of falling indices moves from left to right. Width 1 is token by token, the whole length is plain masked diffusion.",
    paper: Paper {
        title: "Unifying Autoregressive and Diffusion-Based Sequence Generation",
        authors: "Fathi, Scholak, Noël",
        year: 2025,
        arxiv: "2504.06416",
    },
    basis: Basis::Code,
    deviations: "Generation only: the denoiser is exact, so the hybrid noise process of training plays no part. Calls in which no index falls are left out. The orders in blocks with equal numbers per call are ours.",
    equation: "block: w positions fall tau - 1 … 0 together, then the next block;  sliding: w indices round(i (tau - 1) / (w - 1)) move right by their zeros;  hybrid: max(0, tau - 1 - max(0, s - j));  a masked token is revealed with probability 1 - b / a as its index falls from a to b",
    symbols: &[
        ("w", "width of window or block"),
        ("tau", "noise levels; tau is masked, 0 settled"),
        ("s, j", "call and place within the block"),
    ],
    setup: || Setup::Noise(annealed(8)),
    claim: Some(Claim {
        statement: "Schedules between autoregression and diffusion generate better sequences than either at the same cost.",
        experiment: "Divergence of generated Markov sequences from the data under block annealing with blocks of 8 and with one block, 8 calls; ratio, over seeds. Token by token takes 32 calls and is exact.",
        start: |effort| RATIO.start(effort),
    }),
};
