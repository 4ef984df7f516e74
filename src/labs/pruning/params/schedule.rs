//! When the network becomes sparse, and along what.

use super::super::config::{Config, Exchange, Fade, Regime, Shape, Switching};
use super::{exchanged, in_rounds, rounded, scheduled, tuned, windowed};
use crate::core::Param;

pub(super) const PARAMS: &[Param<Config>] = &[
    Param::choice(
        "regime",
        "When",
        &[
            "one cut",
            "while training, schedule",
            "sparse from the start",
            "lottery ticket, rounds",
            "SAP, rounds",
            "subnetwork annealing",
            "HyperSparse",
            "layer by layer, calibrated",
            "one cut, fine-tuning",
            "second task",
            "by image",
            "data pruning",
            "fewer bits",
        ],
        |c: &Config| Regime::ALL.iter().position(|r| *r == c.regime).unwrap_or(0),
        |c, i| c.regime = Regime::ALL.get(i).copied().unwrap_or_default(),
    )
    .doc("One cut: the trained network is pruned once, at every sparsity. All others change the mask while the network trains; the playhead then runs over optimizer steps.")
    .group("Pruning"),
    Param::choice(
        "shape",
        "Schedule",
        &[
            "one-shot",
            "linear",
            "cubic",
            "exponential",
            "cosine",
            "iterative",
            "harmonic",
        ],
        |c: &Config| Shape::ALL.iter().position(|s| *s == c.shape).unwrap_or(2),
        |c, i| c.shape = Shape::ALL.get(i).copied().unwrap_or_default(),
    )
    .doc("How the sparsity grows between begin and end. Harmonic touches the final sparsity early and reopens weights, which come back with their old values.")
    .group("Schedule")
    .when(scheduled),
    Param::float("initial", "Initial sparsity", [0.0, 99.0], |c: &Config| c.initial, |c, v| c.initial = v)
        .unit("%")
        .doc("Sparsity at the begin of the schedule; before it nothing is pruned. At most the final sparsity.")
        .group("Schedule")
        .advanced()
        .when(windowed),
    Param::float("begin", "Begin", [0.0, 99.0], |c: &Config| c.begin, |c, v| c.begin = v)
        .unit("% of training")
        .doc("When pruning begins, as a share of the training.")
        .group("Schedule")
        .when(scheduled),
    Param::float("finish", "End", [1.0, 100.0], |c: &Config| c.finish, |c, v| c.finish = v)
        .unit("% of training")
        .doc("When the final sparsity is reached, as a share of the training: after it the network only recovers. For an exchange of weights: when it ends. For HyperSparse: when the cut comes at the latest.")
        .group("Schedule")
        .when(|c| windowed(c) || exchanged(c) || c.regime == Regime::HyperSparse),
    Param::int("every", "Steps between changes", [1, 500], |c: &Config| c.every, |c, v| c.every = v)
        .unit("steps")
        .doc("Optimizer steps between changes of the mask; the last change always comes at the end of the schedule.")
        .group("Schedule")
        .log()
        .when(|c| scheduled(c) || exchanged(c) || rounded(c)),
    Param::float("power", "Exponent", [1.0, 8.0], |c: &Config| c.power, |c, v| c.power = v)
        .doc("Exponent of the remaining time; 3 is the published cubic form.")
        .group("Schedule")
        .when(|c| scheduled(c) && matches!(c.shape, Shape::Cubic | Shape::Harmonic)),
    Param::int("cycles", "Cycles", [1, 12], |c: &Config| c.cycles, |c, v| c.cycles = v)
        .doc("How often the harmonic schedule touches the final sparsity.")
        .group("Schedule")
        .when(|c| scheduled(c) && c.shape == Shape::Harmonic),
    Param::int("jumps", "Jumps", [1, 50], |c: &Config| c.jumps, |c, v| c.jumps = v)
        .doc("Cuts of the iterative schedule; each removes the same share of what is left.")
        .group("Schedule")
        .when(|c| scheduled(c) && c.shape == Shape::Iterative),
    Param::choice(
        "fade",
        "Gradient of pruned weights",
        &["none", "fades, cosine", "fades, linear", "stays"],
        |c: &Config| c.fade as usize,
        |c, i| {
            c.fade = match i {
                1 => Fade::Cosine,
                2 => Fade::Linear,
                3 => Fade::Constant,
                _ => Fade::Hard,
            }
        },
    )
    .doc("Pruned weights can go on learning in the shadow and come back when they have grown (AutoSparse). The share of their gradient fades over the training, or stays (1: straight-through).")
    .group("Schedule")
    .when(scheduled),
    Param::float("alpha", "Share of the gradient", [0.0, 1.0], |c: &Config| c.alpha, |c, v| c.alpha = v)
        .doc("Share of their gradient that pruned weights get at the start.")
        .group("Schedule")
        .when(|c| scheduled(c) && c.fade != Fade::Hard),
    Param::choice(
        "exchange",
        "Exchange",
        &["by gradient (RigL)", "at random (SET)", "never"],
        |c: &Config| c.exchange as usize,
        |c, i| {
            c.exchange = match i {
                1 => Exchange::Random,
                2 => Exchange::Never,
                _ => Exchange::Gradient,
            }
        },
    )
    .doc("The mask starts at random with Erdős-Rényi-kernel densities. At every change the smallest kept weights of a layer go, and as many others come: those with the largest gradients, or random ones.")
    .group("Schedule")
    .when(|c| c.regime == Regime::Exchange),
    Param::float("drop", "Exchanged share", [1.0, 90.0], |c: &Config| c.drop, |c, v| c.drop = v)
        .unit("%")
        .doc("Share of the kept weights exchanged at first; it falls to 0 along half a cosine until the end of the exchange.")
        .group("Schedule")
        .when(exchanged),
    Param::float("per_round", "Cut per round", [5.0, 90.0], |c: &Config| c.per_round, |c, v| c.per_round = v)
        .unit("%")
        .doc("Share of the surviving weights, the smallest of all layers, that go after each round; the last cut is smaller, so that the wanted sparsity is met exactly.")
        .group("Schedule")
        .when(|c| c.regime == Regime::Ticket),
    Param::int("rewind", "Rewind to", [0, 2000], |c: &Config| c.rewind, |c, v| c.rewind = v)
        .unit("steps")
        .doc("After a cut the survivors go back to their values at this step of the first training; 0 is the initialisation.")
        .group("Schedule")
        .when(in_rounds),
    Param::float("gamma", "Eagerness", [0.1, 4.0], |c: &Config| c.gamma, |c, v| c.gamma = v)
        .doc("Scales the cut that the PQ index proposes (γ); 1 is the published value.")
        .group("Schedule")
        .when(|c| c.regime == Regime::Sap),
    Param::int("tune_steps", "Later training", [20, 2000], |c: &Config| c.tune_steps, |c, v| c.tune_steps = v)
        .unit("steps")
        .doc("Optimizer steps after the dense training.")
        .group("Schedule")
        .log()
        .when(tuned),
    Param::choice(
        "switching",
        "Still on",
        &["with 1 - t/A", "with (1 + cos πt/A)/4"],
        |c: &Config| c.switching as usize,
        |c, i| {
            c.switching = if i == 1 {
                Switching::Temperature
            } else {
                Switching::Random
            }
        },
    )
    .doc("Probability that a pruned weight takes part in a step nevertheless; it is drawn for every weight and step.")
    .group("Schedule")
    .when(|c| c.regime == Regime::Flicker),
    Param::float("settle", "Settled after", [0.0, 100.0], |c: &Config| c.settle, |c, v| c.settle = v)
        .unit("% of the later training")
        .doc("When the mask is deterministic (A); 0 is one cut before the later training.")
        .group("Schedule")
        .when(|c| c.regime == Regime::Flicker),
    Param::float("pressure", "Pressure", [1e-7, 1.0], |c: &Config| c.pressure, |c, v| c.pressure = v)
        .doc("Weight of the HyperSparse term in the loss at first (λ).")
        .group("Schedule")
        .log()
        .when(|c| c.regime == Regime::HyperSparse),
    Param::float("growth", "Growth of the pressure", [0.0, 20.0], |c: &Config| c.growth, |c, v| c.growth = v)
        .unit("% per step")
        .doc("The weight of the term grows by this share in every step, until the pruned network is as good on the training images as the dense one.")
        .group("Schedule")
        .when(|c| c.regime == Regime::HyperSparse),
];
