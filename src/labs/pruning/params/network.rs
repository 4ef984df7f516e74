//! The network and its training.

use super::super::config::{Config, NanPolicy, RateShape, Source};
use super::{trained, while_training};
use crate::core::Param;

pub(super) const PARAMS: &[Param<Config>] = &[
    Param::choice(
        "source",
        "Weights",
        &["trained here", "opened file"],
        |c: &Config| usize::from(c.source == Source::Imported),
        |c, i| {
            c.source = if i == 1 {
                Source::Imported
            } else {
                Source::Trained
            }
        },
    )
    .doc("A small network trained on 8 × 8 digits in this app, or the tensors of a .safetensors or .npy file you open. A file has no task, so no accuracy.")
    .group("Network"),
    Param::int("hidden1", "First hidden layer", [4, 512], |c: &Config| c.hidden1, |c, v| c.hidden1 = v)
        .unit("units")
        .doc("Units of the first hidden layer; each has one 8 × 8 field of incoming weights.")
        .group("Network")
        .log()
        .when(trained),
    Param::int("hidden2", "Second hidden layer", [0, 512], |c: &Config| c.hidden2, |c, v| c.hidden2 = v)
        .unit("units")
        .doc("Units of the second hidden layer; 0 leaves it out.")
        .group("Network")
        .when(trained),
    Param::int("train_steps", "Training", [20, 2000], |c: &Config| c.train_steps, |c, v| c.train_steps = v)
        .unit("steps")
        .doc("Optimizer steps: SGD, momentum 0.9, weight decay 1e-4, batches of 64, learning rate 0.1 falling to 0 along a cosine. After one cut nothing is trained. Tickets and SAP train so long in every round.")
        .group("Network")
        .log()
        .when(trained),
    Param::float("rate", "Peak learning rate", [1e-3, 1.0], |c: &Config| c.rate, |c, v| c.rate = v)
        .doc("Learning rate of every training (and later training) at its start.")
        .group("Network")
        .log()
        .when(while_training),
    Param::choice(
        "rate_shape",
        "Learning rate",
        &["cosine to 0", "constant"],
        |c: &Config| c.rate_shape as usize,
        |c, i| {
            c.rate_shape = if i == 1 {
                RateShape::Constant
            } else {
                RateShape::Cosine
            }
        },
    )
    .doc("Weights that are pruned late need a rate to recover with: the shape decides when pruning should end.")
    .group("Network")
    .when(while_training),
    Param::choice(
        "nan_policy",
        "Not-a-number values",
        &["refuse", "treat as 0", "exclude the tensor"],
        |c: &Config| c.nan_policy as usize,
        |c, i| {
            c.nan_policy = match i {
                1 => NanPolicy::Zero,
                2 => NanPolicy::Exclude,
                _ => NanPolicy::Refuse,
            }
        },
    )
    .doc("A value that is not a number has no place in a ranking; you decide what happens to it.")
    .group("Network")
    .advanced()
    .when(|c| c.source == Source::Imported),
    Param::int("seed", "Seed", [0, u64::MAX], |c: &Config| c.seed, |c, v| c.seed = v)
        .doc("Seed of the initial weights, of the order of the training images and of random masks.")
        .group("Network"),
];
