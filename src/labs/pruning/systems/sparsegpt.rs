//! SparseGPT: what goes is made up for by the columns to its right.
//!
//! H = (2/n) XᵀX + damping, U the upper Cholesky factor of H⁻¹; going over the columns from left to
//! right, e = (w_j - q_j) / U_jj and w_{j..} -= e U_{j, j..}.

use super::race::{Outcome, Race};
use crate::core::{ClaimResult, Job};
use crate::labs::pruning::{Config, Pattern, Regime, Surgery};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub static SPARSE_GPT: Exhibit = Exhibit {
    id: "sparsegpt",
    lab: LabKind::Pruning,
    title: "SparseGPT",
    idea: "Prune a layer column by column against its inputs: whatever goes, the columns not yet visited shift so that the outputs hardly notice. No training.",
    paper: Paper {
        title: "SparseGPT: Massive Language Models Can Be Accurately Pruned in One-Shot",
        authors: "Frantar and Alistarh",
        year: 2023,
        arxiv: "2301.00774",
    },
    basis: Basis::Code,
    deviations: "Small digit readers instead of language models, 256 calibration images, double precision. As in the code, every block loses one weight more than its share.",
    equation: "score w² / U_jj², H⁻¹ = Uᵀ U; e = (w_j - q_j) / U_jj; w_k ← w_k - e U_jk for every k ≥ j",
    symbols: &[
        ("H", "(2/n) XᵀX + 1 % of its mean diagonal"),
        ("U", "upper Cholesky factor of H⁻¹"),
        ("q_j", "0 where the weight goes, w_j where it stays"),
        ("e", "error passed on to the right"),
    ],
    setup: || Setup::Pruning(config(Surgery::SparseGpt, 70.0)),
    claim: Some(Claim {
        statement: "In one shot and without retraining SparseGPT keeps far more accuracy than magnitude; half of the weights go at hardly any loss, also as 2:4.",
        experiment: "Digit readers 64-128-64-10, 400 steps, pruned layer by layer to 80 % against 256 training images; test accuracy, SparseGPT minus magnitude. Wanda, 50 % and 2:4 beside them.",
        start: against_magnitude,
    }),
};

fn config(surgery: Surgery, sparsity: f64) -> Config {
    Config {
        regime: Regime::Surgery,
        surgery,
        sparsity,
        ..Config::default()
    }
}

fn against_magnitude(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let two_four = |surgery| Config {
        pattern: Pattern::Groups,
        ..config(surgery, 50.0)
    };
    Box::new(Race::new(
        effort,
        "test accuracy at 80 %, SparseGPT minus magnitude",
        "points",
        vec![
            ("SparseGPT", config(Surgery::SparseGpt, 80.0)),
            ("magnitude by row", config(Surgery::Magnitude, 80.0)),
            ("Wanda by row", config(Surgery::Wanda, 80.0)),
            ("SparseGPT at 50 %", config(Surgery::SparseGpt, 50.0)),
            ("SparseGPT 2:4", two_four(Surgery::SparseGpt)),
            ("magnitude 2:4", two_four(Surgery::Magnitude)),
        ],
        |o: &[Outcome]| o[0].accuracy() - o[1].accuracy(),
    ))
}
