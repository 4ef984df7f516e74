//! Dynamic masking rate.

use super::super::claims::curricula;
use super::super::schedule::Shape;
use super::super::{Config, Problem};
use crate::labs::{Basis, Claim, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static MASKING_RATE: Exhibit = Exhibit {
    id: "masking-rate",
    lab: LabKind::Lr,
    title: "Dynamic masking rate",
    idea: "A masked language model learns from the symbols that are hidden and sees those that are not. Hiding many gives more to learn from in every step, hiding few shows more to learn it by: so start with 30 % hidden and end with 15 %.",
    paper: Paper {
        title: "Dynamic Masking Rate Schedules for MLM Pretraining",
        authors: "Ankner et al.",
        year: 2023,
        arxiv: "2305.15096",
    },
    basis: Basis::AbstractOnly,
    deviations: "From the abstract: a straight line from 30 % to 15 %. BERT cannot be pretrained here; the model is a softmax regression of every hidden letter on its left neighbour, which may be hidden too, on 32,000 letters of \"Alice's Adventures in Wonderland\" (1865). Its optimum is known exactly. Hidden symbols are always replaced by the mask.",
    equation: "m_t = m_0 + (m_1 - m_0) t / (T - 1); loss = mean over hidden i of -ln p(x_i | x_(i-1) or mask)",
    symbols: &[
        ("m_t", "share of symbols hidden at update t"),
        ("m_0, m_1", "first and last share, 30 % and 15 %"),
    ],
    setup: || {
        Setup::Lr(Config {
            shape: Shape::Linear,
            rivals: false,
            ..Config::default().with_problem(Problem::Masking)
        })
    },
    claim: Some(Claim {
        statement: "A masking rate that falls from 30 % to 15 % beats fixed rates (up to 0.46 points of GLUE).",
        experiment: "Masked letters, 400 updates of AdamW under linear decay, exact excess loss: falling rate against 15 % and against 30 %, each at its own tuned peak rate over paired seeds.",
        start: curricula::masking,
    }),
};
