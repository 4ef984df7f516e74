//! The power scheduler.

use super::super::Config;
use super::super::claims::versus;
use super::super::schedule::Shape;
use crate::labs::{Basis, Claim, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static POWER: Exhibit = Exhibit {
    id: "power-scheduler",
    lab: LabKind::Lr,
    title: "Power scheduler",
    idea: "One line on log-log axes serves every horizon: a capped power of the tokens seen, then a cooldown from wherever it stands.",
    paper: Paper {
        title: "Power Scheduler: A Batch Size and Token Number Agnostic Learning Rate Scheduler",
        authors: "Shen et al.",
        year: 2024,
        arxiv: "2408.13359",
    },
    basis: Basis::Code,
    deviations: "Given by the update at which the law meets the cap instead of a and the batch size: η_pk = a (n_k c)^b with c tokens per update. The cooldown at the end is explicit.",
    equation: "η_i = min(η_pk, a n^b), n = i c tokens; warmup i / W of the value at W; then a cooldown",
    symbols: &[
        ("a", "scale, proportional to the batch size"),
        ("b", "exponent, -0.51"),
        ("n", "tokens seen"),
        ("c", "tokens per update"),
    ],
    setup: || {
        Setup::Lr(Config {
            shape: Shape::Power,
            knee: 60,
            ..Config::default()
        })
    },
    claim: Some(Claim {
        statement: "The best parameters depend neither on the length of the run nor, with a in proportion, on the batch size.",
        experiment: "Digits network, AdamW: best peak per seed at a short and a longer run with the same law, and the same for WSD; and with twice the batch on the same samples.",
        start: versus::power,
    }),
};
