//! Parameters of the lab.

use super::config::{
    Config, Exchange, Fade, Granularity, Method, NanPolicy, RateShape, Regime, Shape, Source,
    Switching,
};
use super::kinds::{Aid, Choosing, Fusion, Pattern, Surgery, Transfer};
use crate::core::Param;

fn trained(c: &Config) -> bool {
    c.source == Source::Trained
}

/// Whether the sparsity is a free number.
fn not_grouped(c: &Config) -> bool {
    match c.regime {
        Regime::Cut => c.method != Method::NOfM && !by_hand(c),
        Regime::Surgery => c.pattern == Pattern::Free || c.surgery == Surgery::LowRank,
        Regime::Dynamic => false,
        Regime::Transfer => matches!(c.transfer, Transfer::Open | Transfer::Shut),
        _ => true,
    }
}

fn grouped(c: &Config) -> bool {
    match c.regime {
        Regime::Cut => c.method == Method::NOfM,
        Regime::Surgery => c.pattern == Pattern::Groups && c.surgery != Surgery::LowRank,
        _ => false,
    }
}

fn by_hand(c: &Config) -> bool {
    c.regime == Regime::Cut && c.method == Method::Manual && trained(c)
}

fn in_blocks(c: &Config) -> bool {
    c.regime == Regime::Cut && c.method == Method::Block
}

fn ranked(c: &Config) -> bool {
    matches!(
        c.regime,
        Regime::Cut | Regime::Gradual | Regime::Flicker | Regime::Tune
    )
}

fn scheduled(c: &Config) -> bool {
    c.regime == Regime::Gradual
}

fn windowed(c: &Config) -> bool {
    scheduled(c) && c.shape != Shape::OneShot
}

fn exchanged(c: &Config) -> bool {
    c.regime == Regime::Exchange && c.exchange != Exchange::Never
}

fn in_rounds(c: &Config) -> bool {
    matches!(c.regime, Regime::Ticket | Regime::Sap)
}

fn tuned(c: &Config) -> bool {
    matches!(
        c.regime,
        Regime::Flicker | Regime::HyperSparse | Regime::Tune | Regime::Transfer
    )
}

fn aided(c: &Config) -> bool {
    matches!(c.regime, Regime::Gradual | Regime::Tune)
}

fn while_training(c: &Config) -> bool {
    c.regime != Regime::Cut
}

/// The parameters, in the order of the panel.
pub(super) const PARAMS: &[Param<Config>] = &[
    Param::float(
        "sparsity",
        "Sparsity",
        [0.0, 99.9],
        |c: &Config| c.sparsity,
        |c, v| c.sparsity = v,
    )
    .unit("%")
    .doc("Share of the prunable weights that go: k = s·n, rounded half to even, exactly k are set to 0. With own rates on an opened file it is the rate of every tensor without one. The headline numbers are those at this sparsity; after one cut the playhead sweeps all of them. While training it is the sparsity at the end.")
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
        .when(|c| scheduled(c) || exchanged(c)),
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
