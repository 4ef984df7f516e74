//! Layer rates by dynamic programming over measured distortions. The programme is in `criteria::joint_dp`, checked against exhaustive search.

use super::experiment::{Contest, Entrant};
use crate::core::{ClaimResult, Job};
use crate::labs::pruning::{Config, Granularity, Method};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub static JOINT_DP: Exhibit = Exhibit {
    id: "joint-dp",
    lab: LabKind::Pruning,
    title: "Joint DP",
    idea: "Prune one layer at a time and measure what it does to the outputs. The damage of pruning several layers is close to the sum, so the best rates are a knapsack, solved exactly.",
    paper: Paper {
        title: "Efficient Joint Optimization of Layer-Adaptive Weight Pruning in Deep Neural Networks",
        authors: "Xu and others",
        year: 2023,
        arxiv: "2308.10438",
    },
    basis: Basis::Code,
    deviations: "41 rates a layer, 128 calibration images, 1000 units of budget; the exact dynamic programme instead of the published code's closest rate for the first layer. Along the sweep a layer's rate only grows. One cut without retraining.",
    equation: "f_l(b) = min_j [δ_l(a_j) + f_{l-1}(b - kept_l(j))]; inside a layer the smallest |w| go",
    symbols: &[
        (
            "δ_l(a)",
            "mean squared change of the logits when only layer l is pruned at rate a",
        ),
        ("b", "budget of kept weights"),
    ],
    setup: || {
        Setup::Pruning(Config {
            method: Method::JointDp,
            sparsity: 95.0,
            ..Config::default()
        })
    },
    claim: Some(Claim {
        statement: "Jointly optimised rates keep more accuracy than other allocations.",
        experiment: "Digit readers 64-128-64-10 from several seeds, pruned once to 95 % without retraining; difference in test accuracy, joint DP minus LAMP.",
        start: experiment,
    }),
};

fn experiment(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Box::new(Contest::new(
        effort,
        95.0,
        Entrant::new("joint DP", Method::JointDp, Granularity::Layer),
        Entrant::new("LAMP", Method::Lamp, Granularity::Global),
    ))
}
