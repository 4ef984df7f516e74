//! Dilated unmasking. Luxembourg, Permuter, Nachmani: "Plan for Speed: Dilated Scheduling for Masked
//! Diffusion Language Models" (arXiv 2506.19037); rule as in omerlux/DUS.

use crate::core::{Result, Verdict};
use crate::labs::noise::claims::{PerSeed, ratio_verdict};
use crate::labs::noise::tokens::{self, Order, OrderKind, Source};
use crate::labs::noise::{Config, Noise, World};
use crate::labs::{Basis, Claim, Exhibit, Lab, Paper, Setup};

fn revealed(order: OrderKind) -> Config {
    Config {
        world: World::Tokens,
        source: Source::Hidden,
        order,
        rounds: 5,
        ..Config::default()
    }
}

fn over_confidence(seed: u64) -> Result<f64> {
    let total = |order| {
        let world = tokens::World::new(&revealed(order))?;
        Ok::<f64, crate::core::Error>(tokens::cost(&world, Order::at(order, 5), seed)?.total())
    };
    Ok(total(OrderKind::Dilated)? / total(OrderKind::Confidence)?)
}

fn judge(mean: f64, interval: [f64; 2]) -> (Verdict, String) {
    ratio_verdict(
        mean,
        interval,
        0.7,
        "Hidden Markov chains of 32 tokens with memory, 5 calls each, confidence in equal numbers with ties at random; the mean of exact terms over 200 sequences a seed. Token by token costs nothing, so dilation is always below that.",
    )
}

const RATIO: PerSeed = PerSeed {
    quantity: "divergence from the data, dilated over confidence, 32 tokens, 5 calls",
    unit: "×",
    value: over_confidence,
    judge,
};

/// The exhibit.
pub(super) static DUS: Exhibit = Exhibit {
    id: "dus",
    lab: Noise::KIND,
    title: "Dilated unmasking (DUS)",
    idea: "Reveal every second token of what is left, so that those drawn together have known neighbours between them.",
    paper: Paper {
        title: "Plan for Speed: Dilated Scheduling for Masked Diffusion Language Models",
        authors: "Luxembourg, Permuter, Nachmani",
        year: 2025,
        arxiv: "2506.19037",
    },
    basis: Basis::Secondary,
    deviations: "One block; base 2; without the confidence gate of the code. With other numbers of rounds the dilated order is cut into equal numbers.",
    equation: "s_t = floor(B / 2^t);  round t reveals every hidden k with k mod s_t = 0",
    symbols: &[("B", "length of the block"), ("s_t", "stride of round t")],
    setup: || Setup::Noise(revealed(OrderKind::Dilated)),
    claim: Some(Claim {
        statement: "At the same number of calls dilation is better than confidence (GSM8K, B = 32: 65.7 against 38.7).",
        experiment: "Divergence of generated sequences of a hidden Markov chain from the data with dilated and with confident revealing in 5 calls; ratio, over seeds.",
        start: |effort| RATIO.start(effort),
    }),
};
