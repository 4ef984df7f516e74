//! Parameters of rules that decide about layers.

use super::super::config::{Config, LayerRule};
use super::{asks, index_of, nth, skips};
use crate::core::Param;

pub(super) static PARAMS: &[Param<Config>] = &[
    Param::choice(
        "layer_rule",
        "Rule",
        LayerRule::NAMES,
        |c: &Config| index_of(&LayerRule::ALL, &c.layer_rule),
        |c, v| c.layer_rule = nth(&LayerRule::ALL, v),
    )
    .group("Layers")
    .when(skips)
    .doc("Which rule the picture and the headline numbers show. All are measured on the same samples; mixture of depths trains networks of its own and FiRST routers of its own, which are measured when one of them is chosen."),
    Param::int("blocks", "Blocks", [2, 6], |c: &Config| c.blocks, |c, v| c.blocks = v)
        .group("Layers")
        .when(skips)
        .doc("Residual blocks (24-16-24, RMS norm). All 3^blocks paths of skip, run and run twice are followed."),
    Param::float("control", "Routers' control", [-1.0, 1.0], |c: &Config| c.control, |c, v| c.control = v)
        .group("Layers")
        .when(skips)
        .doc("Blends the trained routers' decision (-0.5) with skipping (-1), running (0.5) and running twice (1)."),
    Param::float("skipped", "Sparsity", [0.0, 0.8], |c: &Config| c.skipped, |c, v| c.skipped = v)
        .group("Layers")
        .when(skips)
        .doc("Mean share of the samples that skip a block, under the two sparsity rules: the samples skip that the exit before the block is surest of. FiRST's routers are trained towards this share."),
    Param::float(
        "depth_capacity",
        "Capacity of routed blocks",
        [0.03, 1.0],
        |c: &Config| c.depth_capacity,
        |c, v| c.depth_capacity = v,
    )
    .group("Layers")
    .when(|c| skips(c) && c.layer_rule.is_depths())
    .doc("Share of a sequence of 64 samples that runs every other block: those with the largest scores."),
    Param::float("noise", "Noise on the digits", [0.0, 3.0], |c: &Config| c.noise, |c, v| c.noise = v)
        .group("Layers")
        .when(|c| skips(c) || (asks(c) && c.query_rule.is_cascade()))
        .doc("Standard deviation of the noise added to every pixel, in units of the pixels' own spread: makes some digits hard."),
    Param::float(
        "halting_weight",
        "Weight of the exit prior",
        [0.0, 5.0],
        |c: &Config| c.halting_weight,
        |c, v| c.halting_weight = v,
    )
    .group("Layers")
    .when(skips)
    .advanced()
    .doc("Weight of the divergence of the exit distribution from a geometric one."),
    Param::float(
        "halting_prior",
        "Exit prior",
        [0.02, 0.9],
        |c: &Config| c.halting_prior,
        |c, v| c.halting_prior = v,
    )
    .group("Layers")
    .when(skips)
    .advanced()
    .doc("Probability of leaving at each exit under that prior."),
];
