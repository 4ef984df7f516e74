//! Drafting by a masked denoiser, verified by a chain. DiffuSpec
//! (arXiv 2510.02358), rebuilt from its abstract.

use crate::core::rng::{Stream, StreamId};
use crate::core::{Result, Verdict, num};
use crate::labs::noise::claims::PerSeed;
use crate::labs::noise::tokens::{self, Draft, OrderKind, Source};
use crate::labs::noise::{Config, Noise, World};
use crate::labs::{Basis, Claim, Exhibit, Lab, Paper, Setup};

fn drafted(stickiness: f64) -> Config {
    Config {
        world: World::Tokens,
        source: Source::Markov,
        stickiness,
        order: OrderKind::LeftToRight,
        rounds: 8,
        drafting: true,
        ..Config::default()
    }
}

/// Tokens per call, drafts and verifications counted alike, on a chain that stays with a
/// probability from 0.6 to 0.95.
fn tokens_per_call(seed: u64) -> Result<f64> {
    const ROUNDS: usize = 2000;
    let stream = Stream::new(seed, StreamId::Noise).replicate(25);
    let stay = 0.6 + 0.35 * stream.clone().step(1).uniform();
    let tokens::World::Chain(chain) = tokens::World::new(&drafted(stay))? else {
        return Ok(f64::NAN);
    };
    let rounds = tokens::controlled(&chain, Draft::Path, ROUNDS, stream);
    let total = num::sum(rounds.iter().map(|r| (r.accepted + 1) as f64));
    Ok(total / (2 * ROUNDS) as f64)
}

fn judge(mean: f64, [low, high]: [f64; 2]) -> (Verdict, String) {
    let (verdict, reading) = if low >= 3.0 {
        (
            Verdict::Reproduced,
            "all of the interval lies at 3 or above",
        )
    } else if low > 1.0 {
        (
            Verdict::Partly,
            "the interval lies above 1, but not above 3",
        )
    } else {
        (Verdict::NotReproduced, "the interval reaches 1 or below")
    };
    let words = format!(
        "{mean:.2} tokens per call ({low:.2} to {high:.2}): {reading}. Markov chains of four tokens that stay with a probability from 0.6 to 0.95, one per seed; consistent paths, length by the controller. A draft counts as much as a verification, and verifying a whole draft as one call; clocks, trained networks and text are not part of this. How predictable the text is decides: the paper's factor is an upper end."
    );
    (verdict, words)
}

const SPEED: PerSeed = PerSeed {
    quantity: "tokens per call of draft or verification, against 1 token by token",
    unit: "×",
    value: tokens_per_call,
    judge,
};

/// The exhibit.
pub(super) static DIFFU_SPEC: Exhibit = Exhibit {
    id: "diffuspec",
    lab: Noise::KIND,
    title: "DiffuSpec (drafts from a masked denoiser)",
    idea: "One call of a masked denoiser drafts many tokens, the chain itself verifies them: what is kept is exact, and the length of the draft follows what was accepted.",
    paper: Paper {
        title: "DiffuSpec: unlocking diffusion language models for speculative decoding",
        authors: "Li, Fu, Fang, et al.",
        year: 2025,
        arxiv: "2510.02358",
    },
    basis: Basis::AbstractOnly,
    deviations: "Rebuilt from the abstract. Path search (pairs weighed like marginals, three tokens a position) and length controller (moving mean with weight 0.3, plus 2, from 4 to 32) are our choices; the drafter knows the exact marginals.",
    equation: "a drafted token passes with probability min(1, p / q);  path: max sum ln q_i + w ln p(x_i | x_{i-1});  m <- clip(round(L + 2), 4, 32)",
    symbols: &[
        ("p, q", "law of the chain and of the draft"),
        ("m", "tokens drafted"),
        ("L", "moving mean of the accepted tokens"),
        ("w", "weight of the pairs, 1"),
    ],
    setup: || Setup::Noise(drafted(0.8)),
    claim: Some(Claim {
        statement: "Drafting with a pretrained diffusion language model is up to 3 times as fast as token by token.",
        experiment: "2000 rounds of drafting and exact verification on Markov chains, consistent paths, length by the controller; tokens per call of either kind, one chain per seed.",
        start: |effort| SPEED.start(effort),
    }),
};
