//! The adaptive correction sampler. Fathi, Scholak, Noel: "Unifying Autoregressive and
//! Diffusion-Based Sequence Generation" (arXiv 2504.06416); rule as in ServiceNow/hdlm
//! `epsilon_hybrid/sample.py`, algorithm "acs".

use crate::core::{Result, Verdict};
use crate::labs::noise::claims::{PerSeed, ratio_verdict};
use crate::labs::noise::tokens::{self, Order, OrderKind, Source};
use crate::labs::noise::{Config, Noise, World};
use crate::labs::{Basis, Claim, Exhibit, Lab, Paper, Setup};

/// Eight tokens in one block of eight noise levels.
fn corrected(correction: f64) -> Config {
    Config {
        world: World::Tokens,
        source: Source::Markov,
        length: 8,
        order: OrderKind::BlockAnnealing,
        block: 8,
        levels: 8,
        correction,
        ..Config::default()
    }
}

/// With corrections over without, at the same number of calls.
fn over_plain(seed: u64) -> Result<f64> {
    let total = |correction: f64| {
        let config = corrected(correction);
        let world = tokens::World::new(&config)?;
        let cost = tokens::cost(&world, Order::of(&config), seed)?;
        Ok::<f64, crate::core::Error>(cost.total())
    };
    Ok(total(0.015)? / total(0.0)?)
}

fn judge(mean: f64, interval: [f64; 2]) -> (Verdict, String) {
    ratio_verdict(
        mean,
        interval,
        0.9,
        "Markov chains of 8 tokens, 8 calls, eta = 0.015 as in the code, whose runs have hundreds of calls; exact law of the sampler on every random course, mean over 24 courses a seed. The oracle is exact: one correction alone is a step of Gibbs sampling, which cannot harm, but a token drawn again beside neighbours that are drawn in the same call does not see what they become. A network's own errors are not part of this.",
    )
}

const RATIO: PerSeed = PerSeed {
    quantity: "divergence from the data, with corrections over without, 8 tokens, 8 calls",
    unit: "×",
    value: over_plain,
    judge,
};

/// The exhibit.
pub(super) static CORRECTION: Exhibit = Exhibit {
    id: "adaptive-correction",
    lab: Noise::KIND,
    title: "Adaptive correction sampler",
    idea: "Tokens that are already revealed are drawn again now and then, given all others: mistakes of parallel draws are mended before they settle.",
    paper: Paper {
        title: "Unifying Autoregressive and Diffusion-Based Sequence Generation",
        authors: "Fathi, Scholak, Noël",
        year: 2025,
        arxiv: "2504.06416",
    },
    basis: Basis::Code,
    deviations: "Each correction draws from the exact law given the other tokens, where the code's network also sees the token itself; at most four corrections a call. The variants that mask again are left out.",
    equation: "as its noise index falls from a to b, a revealed token is drawn again with probability eta (1 - p), p = 1 - b / a",
    symbols: &[
        ("eta", "strength, 0.015 in the code"),
        ("a, b", "noise index before and after the call"),
    ],
    setup: || Setup::Noise(corrected(0.1)),
    claim: Some(Claim {
        statement: "The sampler corrects its past mistakes: sequences are better at the same number of calls.",
        experiment: "Divergence of generated Markov sequences from the data with corrections and without, same random courses of revealing, exact law of the sampler; ratio, over seeds.",
        start: |effort| RATIO.start(effort),
    }),
};
