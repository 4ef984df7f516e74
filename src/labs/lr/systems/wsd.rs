//! Warmup, stable, decay.

use super::super::Config;
use super::super::claims::standard;
use super::super::schedule::{Cooldown, Shape};
use crate::labs::{Basis, Claim, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static WSD: Exhibit = Exhibit {
    id: "wsd",
    lab: LabKind::Lr,
    title: "Warmup-stable-decay (WSD)",
    idea: "A long flat stretch and a short cooldown. The flat part needs no horizon: a cooldown can branch off anywhere, and most of the loss drop happens inside it.",
    paper: Paper {
        title: "MiniCPM: Unveiling the Potential of Small Language Models with Scalable Training Strategies",
        authors: "Hu et al.",
        year: 2024,
        arxiv: "2404.06395",
    },
    basis: Basis::Code,
    deviations: "Cooldown shapes as in arXiv 2508.01483 in place of the original halving; a linear one by default.",
    equation: "η_i = η_pk for W ≤ i < T - D, then η_pk · g(x), x = (i - T + D) / D",
    symbols: &[
        ("D", "cooldown updates"),
        ("x", "share of the cooldown done"),
        (
            "g",
            "cooldown shape: 1 - x, 1 - √x, cosine, mirrored cosine, 1 - x², r^x",
        ),
    ],
    setup: || {
        Setup::Lr(Config {
            shape: Shape::Wsd,
            cooldown_shape: Cooldown::OneMinusSqrt,
            ..Config::default()
        })
    },
    claim: Some(Claim {
        statement: "The shape of the cooldown matters: 1-sqrt ends lowest and square highest (arXiv 2508.01483).",
        experiment: "Digits network, AdamW, 20 % cooldown, both shapes at their own tuned peak over paired seeds; and the order of all five on the exact quadratic.",
        start: standard::cooldowns,
    }),
};
