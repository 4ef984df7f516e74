//! Parameters of training.

use super::super::config::{Config, Score, Study, Task};
use super::{asks, index_of, nth, skips, studies, trains};
use crate::core::Param;

const TASKS: [Task; 3] = [Task::Digits, Task::Mixture, Task::Sequence];
const SCORES: [Score; 2] = [Score::Sigmoid, Score::Softmax];

pub(super) static PARAMS: &[Param<Config>] = &[
    Param::choice(
        "task",
        "Task",
        &["digits", "vectors in clusters", "two tasks in sequence"],
        |c: &Config| index_of(&TASKS, &c.task),
        |c, v| c.task = nth(&TASKS, v),
    )
    .group("Training")
    .when(trains)
    .doc("Handwritten digits (64-24 stem with RMS norm, experts 24-8-24 on the residual path, head 24-10); vectors in clusters, each with its own linear map to learn (linear experts); or the same with half of the clusters first and the others after them."),
    Param::int("train_steps", "Updates", [10, 5000], |c: &Config| c.train_steps, |c, v| c.train_steps = v)
        .log()
        .group("Training")
        .when(|c| {
            let learns = matches!(c.study, Study::Heads | Study::Manifold);
            trains(c) || skips(c) || (asks(c) && c.query_rule.is_cascade()) || (studies(c) && learns)
        })
        .doc("Updates of the parameters, one batch each."),
    Param::int("train_batch", "Batch", [8, 1024], |c: &Config| c.train_batch, |c, v| c.train_batch = v)
        .log()
        .unit("tokens")
        .group("Training")
        .when(trains)
        .doc("Tokens per update; balance, capacity and bias count within it."),
    Param::float(
        "learning_rate",
        "Learning rate",
        [1e-4, 0.1],
        |c: &Config| c.learning_rate,
        |c, v| c.learning_rate = v,
    )
    .log()
    .group("Training")
    .when(trains)
    .doc("Adam's rate at the start; it falls along a cosine to 1e-5."),
    Param::choice(
        "score",
        "Scores",
        &["sigmoid", "softmax"],
        |c: &Config| index_of(&SCORES, &c.score),
        |c, v| c.score = nth(&SCORES, v),
    )
    .group("Training")
    .when(trains)
    .doc("How the gate's logits become scores. Softmax over all experts with k = 1 and without renormalisation is Switch."),
    Param::toggle("loss_free", "Loss-free bias", |c: &Config| c.loss_free, |c, v| c.loss_free = v)
        .group("Balancing")
        .when(trains)
        .doc("A bias on the scores, for the choice only, follows the load after every update."),
    Param::float(
        "aux_weight",
        "Auxiliary loss",
        [0.0, 10.0],
        |c: &Config| c.aux_weight,
        |c, v| c.aux_weight = v,
    )
    .group("Balancing")
    .when(trains)
    .doc("Weight of E Σ f_e P_e: share of the assignments times mean share of the scores. 0.01 is usual in language models."),
    Param::float(
        "erc_weight",
        "Coupling loss",
        [0.0, 10.0],
        |c: &Config| c.erc_weight,
        |c, v| c.erc_weight = v,
    )
    .group("Balancing")
    .when(trains)
    .doc("Weight of the expert-router coupling loss: every expert should respond to its own gate row more than to others', and its row excite it more than others."),
    Param::float(
        "erc_alpha",
        "Strictness of coupling",
        [0.0, 1.0],
        |c: &Config| c.erc_alpha,
        |c, v| c.erc_alpha = v,
    )
    .group("Balancing")
    .when(|c| trains(c) && c.erc_weight > 0.0)
    .doc("What another response may be of the expert's own before it is punished."),
    Param::float(
        "latency_weight",
        "Latency-aware loss",
        [0.0, 10.0],
        |c: &Config| c.latency_weight,
        |c, v| c.latency_weight = v,
    )
    .group("Balancing")
    .when(trains)
    .doc("Weight of CV² of latency times importance: experts should take equal time, not equal tokens."),
    Param::float(
        "latency_ratio",
        "Slow experts",
        [1.0, 8.0],
        |c: &Config| c.latency_ratio,
        |c, v| c.latency_ratio = v,
    )
    .unit("×")
    .group("Balancing")
    .when(|c| trains(c) && c.latency_weight > 0.0)
    .doc("Time of an even-numbered expert over that of an odd one."),
    Param::float("z_weight", "Router z-loss", [0.0, 1.0], |c: &Config| c.z_weight, |c, v| c.z_weight = v)
        .group("Balancing")
        .when(trains)
        .doc("Weight of the mean squared log-sum-exp of the logits: keeps them small. 0.001 is usual."),
    Param::float("context", "Context", [0.0, 3.0], |c: &Config| c.context, |c, v| c.context = v)
        .group("Tokens")
        .when(|c| trains(c) && c.task == Task::Mixture)
        .doc("Size of a part of the input that comes from one of 8 contexts, over that of the token's cluster."),
    Param::float("overlap", "Overlap of the tasks", [0.0, 1.0], |c: &Config| c.overlap, |c, v| c.overlap = v)
        .group("Tokens")
        .when(|c| trains(c) && c.task == Task::Sequence)
        .doc("Each task uses half of the dimensions: 0 means other ones, 1 the same."),
    Param::toggle("protect", "Protect the first task", |c: &Config| c.protect, |c, v| c.protect = v)
        .group("Balancing")
        .when(|c| trains(c) && c.task == Task::Sequence)
        .doc("During the second task the gate moves only in directions orthogonal to 95 % of the energy of the first task's inputs."),
];
