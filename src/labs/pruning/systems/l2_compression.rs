//! L²: lossy cuts and rounding chosen for what the lossless coder will make of them.

use super::race::{Outcome, Race};
use crate::core::{ClaimResult, Job};
use crate::labs::pruning::{Coder, Config, Regime};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub static L2_COMPRESSION: Exhibit = Exhibit {
    id: "l2-compression",
    lab: LabKind::Pruning,
    title: "L² compression",
    idea: "Cut small weights, round the others, and let an entropy coder do the rest. How much each layer is cut follows from one budget of bits for all.",
    paper: Paper {
        title: "Lossy and Lossless (L²) Post-training Model Size Compression",
        authors: "Shi and others",
        year: 2023,
        arxiv: "2308.04269",
    },
    basis: Basis::Code,
    deviations: "Prune, round and entropy only, as read in part of the code: edges are chosen exactly from 24 shares a layer by the squared change of the weights over their square, not learnt through a differentiable counter. The entropy is that of the symbols of a layer; no file is written in the format.",
    equation: "q(w) = 0 if |w| ≤ t_l, else Δ_l round(w / Δ_l); min Σ ‖W_l - q(W_l)‖² / ‖W_l‖² with Σ n_l H(q(W_l)) ≤ budget · N; ∂q/∂w = 1",
    symbols: &[
        ("t_l", "edge of layer l"),
        ("Δ_l", "its grid: largest |w| over 2^(B-1) - 1"),
        ("H", "entropy of the rounded weights in bits"),
    ],
    setup: || Setup::Pruning(config(3.2)),
    claim: Some(Claim {
        statement: "A tenth of the size without losing accuracy, a twentieth with a minor loss.",
        experiment: "Digit readers 64-128-64-10, 400 steps, then 300 steps through cut and rounding at 3.2 bits a weight, a tenth of single precision; test accuracy, compressed minus dense after as many steps (the claim is read as allowing half a point).",
        start: against_dense,
    }),
};

fn config(bit_budget: f64) -> Config {
    Config {
        regime: Regime::Bits,
        coder: Coder::Rounded,
        bit_budget,
        ..Config::default()
    }
}

fn against_dense(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let dense = Config {
        regime: Regime::Tune,
        sparsity: 0.0,
        ..Config::default()
    };
    let race = Race::new(
        effort,
        "test accuracy at a tenth of the size, compressed minus dense",
        "points",
        vec![
            ("a tenth", config(3.2)),
            ("dense", dense),
            ("a twentieth", config(1.6)),
        ],
        |o: &[Outcome]| o[0].accuracy() - o[1].accuracy(),
    );
    Box::new(race.allowing(0.5).saying(|all| {
        let mean = |i: usize| all.iter().map(|o| o[i].bits).sum::<f64>() / all.len().max(1) as f64;
        format!(" A weight costs {:.2} and {:.2} bits.", mean(0), mean(2))
    }))
}
