//! GraSP: gradient signal preservation at initialisation. Scores are in `criteria::at_init`, checked against reference values.

use super::experiment::{Contest, Entrant};
use crate::core::{ClaimResult, Job};
use crate::labs::pruning::{Config, Method};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub static GRASP: Exhibit = Exhibit {
    id: "grasp",
    lab: LabKind::Pruning,
    title: "GraSP",
    idea: "Prune before training: keep the connections that the gradient flow needs, by a product of Hessian and gradient.",
    paper: Paper {
        title: "Picking Winning Tickets Before Training by Preserving Gradient Flow",
        authors: "Wang, Zhang and Grosse",
        year: 2020,
        arxiv: "2002.07376",
    },
    basis: Basis::Code,
    deviations: "",
    equation: "score = w · (H g), logits divided by 200; prune the k lowest of all layers, then train",
    symbols: &[
        (
            "g, H",
            "gradient and Hessian of the loss over 256 training images",
        ),
        ("k", "round_half_to_even(s N)"),
    ],
    setup: || {
        Setup::Pruning(Config {
            method: Method::Grasp,
            sparsity: 90.0,
            ..Config::default()
        })
    },
    claim: Some(Claim {
        statement: "At high sparsity, keeping the gradient flow trains to a better network than SNIP's sensitivity.",
        experiment: "Digit readers 64-128-64-10 from several seeds, pruned to 95 % before 400 training steps; difference in test accuracy, GraSP minus SNIP.",
        start: experiment,
    }),
};

fn experiment(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Box::new(
        Contest::new(
            effort,
            95.0,
            Entrant::at_init("GraSP", Method::Grasp),
            Entrant::at_init("SNIP", Method::Snip),
        )
        .seeds(8),
    )
}
