//! Balancing Act: no class may lose much more than the others.
//!
//! λ_c ← λ_c + η (e_c - ε), 0 again once e_c ≤ ε, e_c the accuracy that class c lost beyond what all lost; the loss
//! gets Σ λ_c (L_c - L). As in merajhashemi/balancing-act.

use super::race::{Outcome, Race};
use crate::core::{ClaimResult, Job};
use crate::labs::pruning::{Aid, Config, Regime};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub static BALANCING: Exhibit = Exhibit {
    id: "balancing-act",
    lab: LabKind::Pruning,
    title: "Balancing Act",
    idea: "Pruning does not hurt all classes alike. While the cut network is tuned, a class that lost more than the average weighs more, until none is far behind.",
    paper: Paper {
        title: "Balancing Act: Constraining Disparate Impact in Sparse Models",
        authors: "Hashemizadeh and others",
        year: 2023,
        arxiv: "2310.20673",
    },
    basis: Basis::Code,
    deviations: "Gaps are measured on the last 40 training images of each class, ε is one point, η = 0.05; biases and momentum as in plain tuning.",
    equation: "e_c = (acc_dense(c) - acc(c)) - (acc_dense - acc); λ_c ← λ_c + η (e_c - ε) while e_c > ε, else 0; loss + Σ λ_c (L_c - L)",
    symbols: &[
        ("e_c", "accuracy that class c lost beyond the others"),
        ("λ_c", "extra weight of class c"),
        ("ε", "gap that is tolerated"),
    ],
    setup: || Setup::Pruning(config(Aid::Balance)),
    claim: Some(Claim {
        statement: "With the constraint the worst class of a sparse network falls less far behind than without, at much the same accuracy.",
        experiment: "Digit readers 64-128-64-10, 400 steps, global magnitude to 95 %, 100 steps of tuning; accuracy that the worst class lost beyond all, plain tuning minus with class weights.",
        start: against_plain,
    }),
};

fn config(aid: Aid) -> Config {
    Config {
        regime: Regime::Tune,
        sparsity: 95.0,
        tune_steps: 100,
        strength: 0.05,
        aid,
        ..Config::default()
    }
}

fn against_plain(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let race = Race::new(
        effort,
        "loss of the worst class beyond the mean, plain minus class weights",
        "points",
        vec![
            ("class weights", config(Aid::Balance)),
            ("plain", config(Aid::Plain)),
        ],
        |o: &[Outcome]| o[1].worst_class() - o[0].worst_class(),
    );
    Box::new(race.saying(|all| {
        let mean =
            |i: usize| all.iter().map(|o| o[i].worst_class()).sum::<f64>() / all.len() as f64;
        format!(
            " The worst class loses {:.1} points beyond the mean with class weights, {:.1} without.",
            mean(0),
            mean(1)
        )
    }))
}
