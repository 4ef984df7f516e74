//! SAP: the PQ index of the survivors says how much can go.
//!
//! m = ⌈d (1 + η)^(-q/(q-p)) (1 - I)^(pq/(q-p))⌉ is a lower bound on the weights to keep; ⌊d clip(γ(1 - m/d),
//! 0, β)⌋ go, and the others train again from the first weights.

use super::race::{Outcome, Race};
use crate::core::stats;
use crate::core::{ClaimResult, Job};
use crate::labs::pruning::{Config, Regime};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub static SAP: Exhibit = Exhibit {
    id: "sap",
    lab: LabKind::Pruning,
    title: "SAP and the PQ index",
    idea: "An index of how unequal the surviving weights are bounds how many are needed. Cut so many, train again from the first weights, measure again.",
    paper: Paper {
        title: "Pruning Deep Neural Networks from a Sparsity Perspective",
        authors: "Diao and others",
        year: 2023,
        arxiv: "2302.05601",
    },
    basis: Basis::Code,
    deviations: "p = ½, q = 1, η = 0; β = 0.9. Scope: all layers together, or each layer.",
    equation: "I = 1 - d^(1/q - 1/p) ‖w‖_p / ‖w‖_q over the d survivors; m = ⌈d (1 - I)⌉; prune ⌊d clip(γ(1 - m/d), 0, β)⌋",
    symbols: &[
        ("I", "PQ index of the survivors, 0 when all are equal"),
        ("m", "lower bound on the weights to keep"),
        ("γ", "eagerness"),
    ],
    setup: || Setup::Pruning(config()),
    claim: Some(Claim {
        statement: "As weights go, the PQ index of the survivors first falls, then rises near the limit of what can be pruned.",
        experiment: "Digit readers 64-128-64-10, 400 steps a round, 30 % cut per round down to 1.4 % with rewinding; PQ index after the last round minus its minimum over the rounds before.",
        start: rises_again,
    }),
};

fn config() -> Config {
    Config {
        regime: Regime::Sap,
        sparsity: 95.0,
        gamma: 2.0,
        ..Config::default()
    }
}

fn rises_again(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let rounds = Config {
        regime: Regime::Ticket,
        sparsity: 98.6,
        ..Config::default()
    };
    let race = Race::new(
        effort,
        "PQ index after the last round minus its minimum before",
        "",
        vec![("the last round", rounds)],
        |o: &[Outcome]| match o[0].rounds.split_last() {
            Some((last, before)) => {
                last.1 - before.iter().map(|r| r.1).fold(f64::INFINITY, f64::min)
            }
            None => f64::NAN,
        },
    );
    Box::new(race.seeds(5).saying(course_of_the_index))
}

fn course_of_the_index(all: &[Vec<Outcome>]) -> String {
    let mean = |round: usize, of: fn(&(f64, f64, crate::core::mlp::Evaluation)) -> f64| {
        let found = all.iter().filter_map(|o| o[0].rounds.get(round).map(of));
        stats::mean(&found.collect::<Vec<f64>>())
    };
    let rounds = all.iter().map(|o| o[0].rounds.len()).min().unwrap_or(0);
    let lowest = (0..rounds).min_by(|&a, &b| mean(a, |r| r.1).total_cmp(&mean(b, |r| r.1)));
    let at = |round: usize| {
        format!(
            "{:.4} at {:.1} % of the weights ({:.1} % right)",
            mean(round, |r| r.1),
            100.0 * mean(round, |r| r.0),
            100.0 * mean(round, |r| r.2.accuracy())
        )
    };
    match (lowest, rounds) {
        (Some(lowest), 1..) => format!(
            " Index {} at first, lowest {}, last {}. The final fall on collapse is not reached here.",
            at(0),
            at(lowest),
            at(rounds - 1)
        ),
        _ => String::new(),
    }
}
