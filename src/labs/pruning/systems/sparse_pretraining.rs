//! Sparse pre-training, dense fine-tuning: the zeros come to life on the second task.

use super::race::{Outcome, Race};
use crate::core::{ClaimResult, Job};
use crate::labs::pruning::{Config, Regime, Transfer};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub static SPARSE_PRETRAINING: Exhibit = Exhibit {
    id: "sparse-pretraining",
    lab: LabKind::Pruning,
    title: "Sparse pre-training, dense tuning",
    idea: "Pre-train with a fixed random mask, which is cheap; open it for the task that counts.",
    paper: Paper {
        title: "SPDF: Sparse Pre-training and Dense Fine-tuning for Large Language Models",
        authors: "Thangarasa and others",
        year: 2023,
        arxiv: "",
    },
    basis: Basis::AbstractOnly,
    deviations: "Digits, then mirrored digits of which 400 images are given; Erdős-Rényi-kernel densities.",
    equation: "first task: w = 0 where the random mask is 0; second task: all weights are tuned, those from 0",
    symbols: &[],
    setup: || Setup::Pruning(config(Transfer::Open, 75.0)),
    claim: Some(Claim {
        statement: "Pre-training at 75 % sparsity and tuning densely loses nothing significant against dense pre-training, with 2.5 times fewer operations in pre-training.",
        experiment: "Digit readers 64-128-64-10, 400 steps on digits, 300 on 400 mirrored ones; test accuracy on the mirrored digits, 75 % sparse before minus dense before (the claim allows 1 point).",
        start: against_dense,
    }),
};

fn config(transfer: Transfer, sparsity: f64) -> Config {
    Config {
        regime: Regime::Transfer,
        transfer,
        sparsity,
        examples: 400,
        ..Config::default()
    }
}

fn against_dense(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let race = Race::new(
        effort,
        "test accuracy on the second task, 75 % sparse before minus dense before",
        "points",
        vec![
            ("sparse, then dense", config(Transfer::Open, 75.0)),
            ("dense, then dense", config(Transfer::Open, 0.0)),
            ("sparse, then sparse", config(Transfer::Shut, 75.0)),
        ],
        |o: &[Outcome]| o[0].accuracy() - o[1].accuracy(),
    );
    Box::new(race.allowing(1.0))
}
