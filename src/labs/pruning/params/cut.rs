//! One cut: how weights are ranked, and what a method asks for.

use super::super::config::{Config, Granularity, Method, Regime};
use super::super::kinds::{Choosing, Fusion};
use super::{by_hand, grouped, in_blocks, not_grouped, ranked};
use crate::core::Param;

pub(super) const PARAMS: &[Param<Config>] = &[
    Param::float(
        "sparsity",
        "Sparsity",
        [0.0, 99.9],
        |c: &Config| c.sparsity,
        |c, v| c.sparsity = v,
    )
    .unit("%")
    .doc("Share of the prunable weights that go: k = s·n, rounded half to even, exactly k are set to 0. On an opened file it is the rate of the tensors without one of their own. The headline numbers are those at this sparsity; after one cut the playhead sweeps all of them. While training it is the sparsity at the end.")
    .group("Pruning")
    .when(not_grouped),
    Param::choice(
        "method",
        "Method",
        &[
            "magnitude",
            "random",
            "LAMP",
            "ERK",
            "N:M",
            "Wanda",
            "OBD (Fisher)",
            "hidden units",
            "joint DP",
            "relative contribution",
            "blocks",
            "own rates",
            "movement",
            "signal to noise (ES)",
            "hidden units, SAAP",
            "sketch, at start",
            "SNIP, at start",
            "GraSP, at start",
            "SynFlow, at start",
        ],
        |c: &Config| Method::ALL.iter().position(|m| *m == c.method).unwrap_or(0),
        |c, i| c.method = Method::ALL.get(i).copied().unwrap_or_default(),
    )
    .doc("How weights are ranked and how the removals are spread over the layers. Methods at the start prune the untrained network and train what is left; their accuracy is measured at ten sparsities. Movement needs the gradients of a training: it goes with a schedule.")
    .group("Pruning")
    .when(ranked),
    Param::choice(
        "granularity",
        "Ranking",
        &["global", "per layer"],
        |c: &Config| usize::from(c.granularity == Granularity::Layer),
        |c, i| {
            c.granularity = if i == 1 {
                Granularity::Layer
            } else {
                Granularity::Global
            }
        },
    )
    .doc("Global: one ranking over all weights, layers end up with different densities. Per layer: every layer loses the same share.")
    .group("Pruning")
    .when(|c| {
        ranked(c) && matches!(c.method, Method::Magnitude | Method::Random)
            || matches!(c.regime, Regime::Sap | Regime::HyperSparse)
    }),
    Param::int("keep_n", "Kept per group (N)", [1, 32], |c: &Config| c.keep_n, |c, v| c.keep_n = v)
        .doc("Weights kept in every group of M neighbours of a row. 2:4 is what current hardware can use. At most M.")
        .group("Pruning")
        .when(grouped),
    Param::int("group_m", "Group size (M)", [2, 32], |c: &Config| c.group_m, |c, v| c.group_m = v)
        .doc("Neighbouring weights along the input dimension that form one group. A short last group of g keeps min(g, N).")
        .group("Pruning")
        .when(grouped),
    Param::int("rounds", "Rounds", [1, 200], |c: &Config| c.rounds, |c, v| c.rounds = v)
        .doc("SynFlow scores what is left again in every round; one round is the one-shot form that loses whole layers.")
        .group("Pruning")
        .when(|c| c.regime == Regime::Cut && c.method == Method::SynFlow),
    Param::float("rate1", "First layer", [0.0, 99.9], |c: &Config| c.rate1, |c, v| c.rate1 = v)
        .unit("%")
        .doc("Share of this layer's weights that go, the smallest first. The total stands at the top; along the playhead all rates grow together and meet yours at the chosen sparsity.")
        .group("Pruning")
        .when(by_hand),
    Param::float("rate2", "Second layer", [0.0, 99.9], |c: &Config| c.rate2, |c, v| c.rate2 = v)
        .unit("%")
        .doc("Share of this layer's weights that go, the smallest first. The total stands at the top; along the playhead all rates grow together and meet yours at the chosen sparsity.")
        .group("Pruning")
        .when(by_hand),
    Param::float("rate3", "Third layer", [0.0, 99.9], |c: &Config| c.rate3, |c, v| c.rate3 = v)
        .unit("%")
        .doc("Share of this layer's weights that go, the smallest first. The total stands at the top; along the playhead all rates grow together and meet yours at the chosen sparsity.")
        .group("Pruning")
        .when(|c| by_hand(c) && c.hidden2 > 0),
    Param::int("block_rows", "Block rows", [1, 32], |c: &Config| c.block_rows, |c, v| c.block_rows = v)
        .doc("Outputs in a block. Blocks start at the first weight; those at the edge are smaller.")
        .group("Pruning")
        .when(in_blocks),
    Param::int("block_cols", "Block columns", [1, 32], |c: &Config| c.block_cols, |c, v| c.block_cols = v)
        .doc("Inputs in a block.")
        .group("Pruning")
        .when(in_blocks),
    Param::float("spread", "Spread", [-3.0, 3.0], |c: &Config| c.spread, |c, v| c.spread = v)
        .doc("Standard deviations of the contribution over the images that are added to its mean (λ); 0 ranks by the mean alone.")
        .group("Pruning")
        .when(|c| c.regime == Regime::Cut && c.method == Method::Contribution),
    Param::float("damping", "Floor of the curvature", [1e-8, 1.0], |c: &Config| c.damping, |c, v| c.damping = v)
        .doc("The search distribution has variance 1 / (F + this), F the mean squared gradient. 0 would be OBD's order; a large floor that of the magnitudes.")
        .group("Pruning")
        .log()
        .when(|c| c.regime == Regime::Cut && c.method == Method::Snr),
    Param::choice(
        "fusion",
        "Importance",
        &["both, by uncertainty", "vector-wise", "element-wise"],
        |c: &Config| c.fusion as usize,
        |c, i| {
            c.fusion = match i {
                1 => Fusion::Vector,
                2 => Fusion::Element,
                _ => Fusion::Both,
            }
        },
    )
    .doc("What the loss would change by if the unit went: of all its weights as one step, of each weight alone, or both, each divided by how much it varies from batch to batch.")
    .group("Pruning")
    .when(|c| c.regime == Regime::Cut && c.method == Method::Saap),
    Param::choice(
        "choosing",
        "Choice",
        &["largest |w| ‖x‖", "largest |w|", "drawn by |w| ‖x‖"],
        |c: &Config| c.choosing as usize,
        |c, i| {
            c.choosing = match i {
                1 => Choosing::Free,
                2 => Choosing::Drawn,
                _ => Choosing::Top,
            }
        },
    )
    .doc("A mask as a sketch of each layer's product: the largest terms, the largest weights without looking at data, or weights drawn with probabilities proportional to their terms.")
    .group("Pruning")
    .when(|c| c.regime == Regime::Cut && c.method == Method::Sketch),
];
