//! Global magnitude pruning: the oldest idea, and hard to beat by much.
//!
//! One ranking by |w| over all layers; exactly k = s·N weights go. Rules of counting, ties and
//! special values are those of the parent module's `select`.

use super::experiment::{Contest, Entrant};
use crate::core::{ClaimResult, Job};
use crate::labs::pruning::{Config, Granularity, Method};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub static GLOBAL_MAGNITUDE: Exhibit = Exhibit {
    id: "global-magnitude",
    lab: LabKind::Pruning,
    title: "Global magnitude",
    idea: "Rank all weights of a network by size in one list and drop the smallest. Layers with many small weights lose more.",
    paper: Paper {
        title: "Learning both Weights and Connections for Efficient Neural Networks",
        authors: "Han and others",
        year: 2015,
        arxiv: "1506.02626",
    },
    basis: Basis::Code,
    deviations: "One cut without retraining, as torch.nn.utils.prune does it; the paper prunes layer by layer and retrains.",
    equation: "prune the k smallest |w| of all layers together; k = round_half_to_even(s N)",
    symbols: &[
        ("s", "sparsity, the share of weights that go"),
        ("N", "number of prunable weights"),
        ("k", "number of weights that go"),
    ],
    setup: || Setup::Pruning(Config::default()),
    claim: Some(Claim {
        statement: "One global ranking loses less accuracy than the same sparsity in every layer.",
        experiment: "Digit readers 64-128-64-10 trained from several seeds, pruned once to 90 % without retraining; difference in test accuracy, global minus per layer.",
        start: against_layers,
    }),
};

/// The exhibit of the per-layer form.
pub static LAYER_MAGNITUDE: Exhibit = Exhibit {
    id: "layer-magnitude",
    lab: LabKind::Pruning,
    title: "Per-layer magnitude",
    idea: "Every layer loses the same share of its weights, the smallest first. Simple, and unfair to small layers.",
    paper: GLOBAL_MAGNITUDE.paper,
    basis: Basis::Code,
    deviations: "One cut without retraining.",
    equation: "in every layer l prune the k_l smallest |w|; k_l = round_half_to_even(s n_l)",
    symbols: &[
        ("s", "sparsity, the same for every layer"),
        ("n_l", "number of weights of layer l"),
        ("k_l", "number of weights of layer l that go"),
    ],
    setup: || {
        Setup::Pruning(Config {
            granularity: Granularity::Layer,
            sparsity: 95.0,
            ..Config::default()
        })
    },
    claim: None,
};

fn against_layers(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Box::new(Contest::new(
        effort,
        90.0,
        Entrant::new("global magnitude", Method::Magnitude, Granularity::Global),
        Entrant::new("per-layer magnitude", Method::Magnitude, Granularity::Layer),
    ))
}
