//! What comes after a dense training, and what helps it.

use super::super::config::{Config, Regime};
use super::super::kinds::{Aid, Coder, Pattern, Pick, Surgery, Transfer};
use super::{aided, rounded};
use crate::core::Param;

pub(super) const PARAMS: &[Param<Config>] = &[
    Param::choice(
        "surgery",
        "Repair",
        &[
            "SparseGPT: columns to the right",
            "OBS: the whole row",
            "none, Wanda scores",
            "none, magnitudes",
            "low rank with dense columns",
        ],
        |c: &Config| Surgery::ALL.iter().position(|s| *s == c.surgery).unwrap_or(0),
        |c, i| c.surgery = Surgery::ALL.get(i).copied().unwrap_or_default(),
    )
    .doc("The dense network is pruned layer by layer; every layer sees 256 training images through the pruned layers before it. SparseGPT goes over the columns from left to right, and the columns to the right make up for what goes; the optimal brain surgeon removes one weight of a row at a time, and all others of the row make up for it.")
    .group("Pruning")
    .when(|c| c.regime == Regime::Surgery),
    Param::choice(
        "pattern",
        "Pattern",
        &["any weight", "N of every M"],
        |c: &Config| usize::from(c.pattern == Pattern::Groups),
        |c, i| {
            c.pattern = if i == 1 {
                Pattern::Groups
            } else {
                Pattern::Free
            }
        },
    )
    .doc("Which weights of a row may go together: any, or all but N of every M neighbours.")
    .group("Pruning")
    .when(|c| c.regime == Regime::Surgery && c.surgery != Surgery::LowRank),
    Param::float("directions", "Directions", [0.0, 100.0], |c: &Config| c.directions, |c, v| c.directions = v)
        .unit("% of the numbers")
        .doc("A layer may store 1 - sparsity of its numbers: this share of them goes to the directions of the low-rank form (at least one), the rest to whole columns of what it leaves.")
        .group("Pruning")
        .when(|c| c.regime == Regime::Surgery && c.surgery == Surgery::LowRank),
    Param::float("mass", "Share of the activation", [1.0, 100.0], |c: &Config| c.mass, |c, v| c.mass = v)
        .unit("%")
        .doc("In every hidden layer the largest activations of the image are kept until they make up this share of all; the other units are off for this image.")
        .group("Pruning")
        .when(|c| c.regime == Regime::Dynamic),
    Param::choice(
        "crossing",
        "Unit that crosses the share",
        &["is kept", "goes, as published"],
        |c: &Config| usize::from(!c.crossing),
        |c, i| c.crossing = i == 0,
    )
    .doc("The published code drops the unit with which the sum passes the share: one dominant unit then leaves none.")
    .group("Pruning")
    .when(|c| c.regime == Regime::Dynamic),
    Param::int("columns", "Block of columns", [1, 512], |c: &Config| c.columns, |c, v| c.columns = v)
        .doc("Columns whose weights are chosen together (B): all rows of a block share one threshold, and the choice sees the repairs of the blocks before. 128 is the published value.")
        .group("Pruning")
        .log()
        .when(|c| c.regime == Regime::Surgery && c.surgery == Surgery::SparseGpt),
    Param::choice(
        "transfer",
        "On the second task",
        &[
            "learn a mask, weights stay",
            "tune a part of the weights",
            "sparse before, dense tuning",
            "sparse before, sparse tuning",
        ],
        |c: &Config| Transfer::ALL.iter().position(|t| *t == c.transfer).unwrap_or(0),
        |c, i| c.transfer = Transfer::ALL.get(i).copied().unwrap_or_default(),
    )
    .doc("The network learns the digits first. The second task is the same digits mirrored over their diagonal, which it has never seen: 12 % right at first.")
    .group("Pruning")
    .when(|c| c.regime == Regime::Transfer),
    Param::float("frozen", "Frozen", [0.0, 99.0], |c: &Config| c.frozen, |c, v| c.frozen = v)
        .unit("% of the weights")
        .doc("Share of the weights, drawn at random, that keep their values on the second task; biases are tuned.")
        .group("Pruning")
        .when(|c| c.regime == Regime::Transfer && c.transfer == Transfer::Half),
    Param::int("examples", "Images of the second task", [0, 1297], |c: &Config| c.examples, |c, v| c.examples = v)
        .unit("images")
        .doc("Training images of the second task, drawn by the seed; 0 takes all 1,297.")
        .group("Pruning")
        .when(|c| c.regime == Regime::Transfer),
    Param::choice(
        "pick",
        "Kept images",
        &["the hardest", "the easiest", "random ones"],
        |c: &Config| Pick::ALL.iter().position(|p| *p == c.pick).unwrap_or(0),
        |c, i| c.pick = Pick::ALL.get(i).copied().unwrap_or_default(),
    )
    .doc("Difficulty of an image: its margin in a first network, the logit of its label minus the largest other logit. A second network with other first weights is trained on what stays.")
    .group("Pruning")
    .when(|c| c.regime == Regime::Data),
    Param::float("images_cut", "Pruned images", [0.0, 99.0], |c: &Config| c.images_cut, |c, v| c.images_cut = v)
        .unit("%")
        .doc("Share of the training images that go: k = s·n, rounded half to even. No weight is pruned.")
        .group("Pruning")
        .when(|c| c.regime == Regime::Data),
    Param::int("pool", "Images to choose from", [0, 1297], |c: &Config| c.pool, |c, v| c.pool = v)
        .unit("images")
        .doc("Training images there are at all, drawn by the seed; 0 takes all 1,297. With few of them the easy ones are worth more.")
        .group("Pruning")
        .when(|c| c.regime == Regime::Data),
    Param::choice(
        "coder",
        "Bits",
        &["learnt by every unit", "cut, rounded, entropy-coded"],
        |c: &Config| c.coder as usize,
        |c, i| {
            c.coder = if i == 1 {
                Coder::Rounded
            } else {
                Coder::Learnt
            }
        },
    )
    .doc("Learnt: every unit has its own number of bits and exponent, trained with the weights against a price per bit; a unit without bits is gone. Rounded: after a dense training each layer's small weights are cut and the others rounded to a grid, so that the entropy of what is left meets a budget; training goes on through the rounding.")
    .group("Pruning")
    .when(|c| c.regime == Regime::Bits),
    Param::float("bit_price", "Price of a bit", [1e-4, 10.0], |c: &Config| c.bit_price, |c, v| c.bit_price = v)
        .unit("nats")
        .doc("The loss grows by this times the mean bits of a weight (γ).")
        .group("Pruning")
        .log()
        .when(|c| c.regime == Regime::Bits && c.coder == Coder::Learnt),
    Param::float("first_bits", "Bits at first", [2.0, 16.0], |c: &Config| c.first_bits, |c, v| c.first_bits = v)
        .unit("bits")
        .doc("Bits of every weight at the start; the exponent is chosen so that the largest weight of the unit just fits.")
        .group("Pruning")
        .advanced()
        .when(|c| c.regime == Regime::Bits && c.coder == Coder::Learnt),
    Param::float("bit_budget", "Budget", [0.05, 12.0], |c: &Config| c.bit_budget, |c, v| c.bit_budget = v)
        .unit("bits per weight")
        .doc("Entropy that the weights of all layers together may have. 3.2 is a tenth of single precision, 1.6 a twentieth.")
        .group("Pruning")
        .log()
        .when(rounded),
    Param::int("grid_bits", "Grid", [2, 12], |c: &Config| c.grid_bits, |c, v| c.grid_bits = v)
        .unit("bits")
        .doc("Weights are rounded to so many bits, symmetric around 0, scaled by the largest weight of the layer.")
        .group("Pruning")
        .when(rounded),
    Param::choice(
        "aid",
        "Help",
        &[
            "none",
            "sharpness-aware steps",
            "AdaSAP",
            "regularised shrinking",
            "weight compander",
            "feature flow",
            "class weights",
        ],
        |c: &Config| Aid::ALL.iter().position(|a| *a == c.aid).unwrap_or(0),
        |c, i| c.aid = Aid::ALL.get(i).copied().unwrap_or_default(),
    )
    .doc("What is done while the network trains so that pruning hurts less. Feature flow wants two hidden layers of equal width; class weights act while the cut network is fine-tuned.")
    .group("Schedule")
    .when(aided),
    Param::float("radius", "Radius", [0.0, 2.0], |c: &Config| c.radius, |c, v| c.radius = v)
        .doc("How far uphill the gradient is taken (ρ); AdaSAP takes 1.7 ρ for the weakest unit of a layer and 0.3 ρ for the strongest.")
        .group("Schedule")
        .when(|c| aided(c) && matches!(c.aid, Aid::Sharpness | Aid::AdaSap)),
    Param::float("strength", "Strength", [0.0, 10.0], |c: &Config| c.strength, |c, v| c.strength = v)
        .doc("Weight of the extra decay (shrinking) or of the pull between the layers (feature flow), or the step of the class weights.")
        .group("Schedule")
        .when(|c| aided(c) && matches!(c.aid, Aid::Shrink | Aid::Flow | Aid::Balance)),
    Param::float("slope", "Slope at zero", [0.5, 8.0], |c: &Config| c.slope, |c, v| c.slope = v)
        .doc("w = atan(slope · v): bounded by π/2, steep at 0 for slopes above 1.")
        .group("Schedule")
        .when(|c| aided(c) && c.aid == Aid::Compander),
];
