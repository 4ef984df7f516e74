//! Lottery tickets: train, cut, go back to the first weights, train again.

use super::race::{Outcome, Race};
use crate::core::{ClaimResult, Job};
use crate::labs::pruning::{Config, Regime};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub static LOTTERY: Exhibit = Exhibit {
    id: "lottery-ticket",
    lab: LabKind::Pruning,
    title: "Lottery ticket",
    idea: "The survivors of a trained network, set back to their first values, train as well as the whole. The same mask with other first values does not.",
    paper: Paper {
        title: "The Lottery Ticket Hypothesis: Finding Sparse, Trainable Neural Networks",
        authors: "Frankle and Carbin",
        year: 2018,
        arxiv: "1803.03635",
    },
    basis: Basis::Paper,
    deviations: "Global ranking; every round has the full recipe and the same order of images.",
    equation: "repeat: train θ0 ⊙ m to θ; prune the p % smallest |θ| of the survivors from m; back to θ0 ⊙ m",
    symbols: &[
        ("θ0", "first weights (or those of an early step)"),
        ("m", "mask"),
        ("p", "share cut per round"),
    ],
    setup: || Setup::Pruning(config()),
    claim: Some(Claim {
        statement: "At a few per cent of the weights the ticket reaches far more accuracy than the same mask with newly drawn weights.",
        experiment: "Digit readers 64-128-64-10, 400 steps a round, 30 % cut per round down to 1.4 % of the weights; test accuracy, ticket minus control.",
        start: against_control,
    }),
};

fn config() -> Config {
    Config {
        regime: Regime::Ticket,
        sparsity: 98.6,
        ..Config::default()
    }
}

fn against_control(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let race = Race::new(
        effort,
        "test accuracy, ticket minus the same mask with new first weights",
        "points",
        vec![("ticket", config())],
        |o: &[Outcome]| {
            let control = o[0].control.map_or(f64::NAN, |c| 100.0 * c.accuracy());
            o[0].accuracy() - control
        },
    );
    Box::new(race.seeds(5))
}
