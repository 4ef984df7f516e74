//! The Halton scheduler for masked image generation. Besnier et al.: "Halton Scheduler for Masked
//! Generative Image Transformer" (ICLR 2025, arXiv 2503.17076); order as in valeoai/Halton-MaskGIT.

use crate::core::rng::{Stream, StreamId};
use crate::core::{Result, Verdict};
use crate::labs::noise::claims::{PerSeed, ratio_verdict};
use crate::labs::noise::tokens::{self, Order, OrderKind, Source};
use crate::labs::noise::{Config, Noise, World};
use crate::labs::{Basis, Claim, Exhibit, Lab, Paper, Setup};

fn revealed(order: OrderKind) -> Config {
    Config {
        world: World::Tokens,
        source: Source::Field,
        order,
        rounds: 8,
        ..Config::default()
    }
}

/// Divergence of Halton over that of confidence on a 12 x 12 field, correlation length from 1.5 to
/// 5 cells.
fn over_confidence(seed: u64) -> Result<f64> {
    let correlation = 1.5 + 3.5 * Stream::new(seed, StreamId::Data).uniform();
    let total = |order| {
        let config = Config {
            side: 12,
            correlation,
            ..revealed(order)
        };
        let world = tokens::World::new(&config)?;
        Ok::<f64, crate::core::Error>(tokens::cost(&world, Order::of(&config), seed)?.total())
    };
    Ok(total(OrderKind::Halton)? / total(OrderKind::Confidence)?)
}

fn judge(mean: f64, interval: [f64; 2]) -> (Verdict, String) {
    ratio_verdict(
        mean,
        interval,
        0.5,
        "Exact on Gaussian token fields, 8 rounds along the arccosine law, ties of confidence at random. What a trained network's confidence knows beyond the exact marginals is not part of this.",
    )
}

const RATIO: PerSeed = PerSeed {
    quantity: "divergence from the data, Halton over confidence, 12 x 12 field, 8 calls",
    unit: "×",
    value: over_confidence,
    judge,
};

/// The exhibit.
pub(super) static HALTON: Exhibit = Exhibit {
    id: "halton-scheduler",
    lab: Noise::KIND,
    title: "Halton scheduler",
    idea: "Reveal tokens that lie far apart: a low-discrepancy sequence keeps those drawn together nearly independent.",
    paper: Paper {
        title: "Halton Scheduler for Masked Generative Image Transformer",
        authors: "Besnier, Chen, Hurych, Valle, Cord",
        year: 2025,
        arxiv: "2503.17076",
    },
    basis: Basis::Code,
    deviations: "No guidance, temperature or shifting of the sequence; on sequences the base-2 part alone.",
    equation: "cell_i = (floor(n vdC_2(i)), floor(n vdC_3(i))), first occurrences;  count after step i = n^2 (1 - (2 / pi) acos((i + 1) / S))",
    symbols: &[
        ("vdC_b", "van der Corput sequence in base b"),
        ("n", "side of the lattice"),
        ("S", "calls"),
    ],
    setup: || Setup::Noise(revealed(OrderKind::Halton)),
    claim: Some(Claim {
        statement: "Spreading the revealed tokens by a Halton sequence generates better than revealing the most confident ones.",
        experiment: "Exact divergence of the generated field from the data with the Halton order and with confidence in 8 calls, one correlation length per seed; ratio.",
        start: |effort| RATIO.start(effort),
    }),
};
