//! Sparse from the start: weights are exchanged while the network trains.
//!
//! Every ΔT steps until 75 % of the training, in every layer, the n = ⌊f_t · ones⌋ smallest kept |w| go
//! and n of those not kept come: `RigL` takes the largest |gradient|, SET random ones. New weights start at 0.
//! f_t = (α/2)(1 + cos πt/T_end).

use super::race::{Outcome, Race};
use crate::core::{ClaimResult, Job};
use crate::labs::pruning::{Config, Exchange, Regime};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit of `RigL`.
pub static RIGL: Exhibit = Exhibit {
    id: "rigl",
    lab: LabKind::Pruning,
    title: "RigL",
    idea: "Never dense: the mask starts at random, and now and then the smallest weights give way to those whose gradient is largest.",
    paper: Paper {
        title: "Rigging the Lottery: Making All Tickets Winners",
        authors: "Evci and others",
        year: 2019,
        arxiv: "1911.11134",
    },
    basis: Basis::Code,
    deviations: "Ties go by index instead of by noise of 1e-5 on the scores. As in the paper an exchange takes the place of an update, and a weight that has just gone may come back; only in the comparison over 20 seeds (Measure) the exchange follows the update of its step, and none that has just gone comes back.",
    equation: "n = ⌊f_t · ones⌋, f_t = (α/2)(1 + cos πt/T_end); drop the n smallest |w|, grow the n largest |∂L/∂w|",
    symbols: &[
        ("α", "share exchanged at first"),
        ("T_end", "step after which the mask stays"),
        ("ones", "kept weights of the layer"),
    ],
    setup: || Setup::Pruning(config(Exchange::Gradient)),
    claim: Some(Claim {
        statement: "Growing by gradient beats growing at random and a fixed mask, at the same sparsity and length of training.",
        experiment: "Digit readers 64-128-64-10, 500 steps, 95 %, random Erdős-Rényi-kernel masks; test accuracy, RigL minus SET.",
        start: against_set,
    }),
};

/// The exhibit of SET.
pub static SET: Exhibit = Exhibit {
    id: "set",
    lab: LabKind::Pruning,
    title: "SET",
    idea: "Sparse evolutionary training: the smallest weights give way to random ones.",
    paper: Paper {
        title: "Scalable training of artificial neural networks with adaptive sparse connectivity inspired by network science",
        authors: "Mocanu and others",
        year: 2018,
        arxiv: "1707.04780",
    },
    basis: Basis::Secondary,
    deviations: "The exchanged share falls along RigL's cosine; the smallest weights by magnitude go, of both signs together. An exchange comes every ΔT steps and takes the place of an update, as in RigL; in the paper it follows the last update of an epoch. In the comparison over 20 seeds (Measure) it follows the update of its step.",
    equation: "n = ⌊f_t · ones⌋; drop the n smallest |w|, grow n others at random",
    symbols: RIGL.symbols,
    setup: || Setup::Pruning(config(Exchange::Random)),
    claim: Some(Claim {
        statement: "Exchanging weights while training beats a fixed random mask.",
        experiment: "Digit readers 64-128-64-10, 500 steps, 95 %, random Erdős-Rényi-kernel masks; test accuracy, SET minus the fixed mask.",
        start: against_fixed,
    }),
};

fn config(exchange: Exchange) -> Config {
    Config {
        regime: Regime::Exchange,
        exchange,
        sparsity: 95.0,
        train_steps: 500,
        every: 25,
        ..Config::default()
    }
}

fn against_set(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Box::new(Race::new(
        effort,
        "test accuracy, RigL minus SET",
        "points",
        vec![
            ("RigL", config(Exchange::Gradient)),
            ("SET", config(Exchange::Random)),
            ("fixed mask", config(Exchange::Never)),
        ],
        |o: &[Outcome]| o[0].accuracy() - o[1].accuracy(),
    ))
}

fn against_fixed(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Box::new(Race::new(
        effort,
        "test accuracy, SET minus a fixed random mask",
        "points",
        vec![
            ("SET", config(Exchange::Random)),
            ("fixed mask", config(Exchange::Never)),
        ],
        |o: &[Outcome]| o[0].accuracy() - o[1].accuracy(),
    ))
}
