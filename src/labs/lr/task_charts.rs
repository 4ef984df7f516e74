//! Which traces of a problem are drawn, one chart each, with every schedule in it.

use super::config::Problem;
use super::steer::{
    BRANCHES, DOMAINS, FEDERATED, GROWING, LOGISTIC, MASKING, MODULES, RELABEL, ROBUST, SPARSE,
};
use crate::core::Axis;

/// A chart of one trace over the run, first seed of every schedule.
pub(super) struct Compared {
    pub(super) problem: Problem,
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) doc: &'static str,
    pub(super) y: Axis,
    pub(super) trace: &'static str,
}

/// The charts of a problem's traces, the one it is about first.
pub(super) fn compared_of(problem: Problem) -> impl Iterator<Item = &'static Compared> {
    CHARTS.iter().filter(move |c| c.problem == problem)
}

const CHARTS: &[Compared] = &[
    Compared {
        problem: Problem::Sparse,
        id: "alive",
        title: "Weights alive",
        doc: "Products u v above 0.01 of the first seed: while a large rate keeps the loss up, small ones die.",
        y: Axis::zero_based("weights", ""),
        trace: SPARSE[0],
    },
    Compared {
        problem: Problem::Federated,
        id: "server",
        title: "Steps that the hypergradient sets",
        doc: "The server's step over plain averaging, first seed: it grows while neighbouring updates agree.",
        y: Axis::zero_based("server's step", "×"),
        trace: FEDERATED[0],
    },
    Compared {
        problem: Problem::Federated,
        id: "clients",
        title: "Clients' rates",
        doc: "Mean rate of the clients' local steps, first seed.",
        y: Axis::zero_based("rate", ""),
        trace: FEDERATED[1],
    },
    Compared {
        problem: Problem::Relabel,
        id: "effective",
        title: "Effective rate",
        doc: "η / ‖W‖² of the normalised layer, first seed: how far a step turns the weights. It decays by itself when the norm grows.",
        y: Axis::log("η / ‖W‖²", ""),
        trace: RELABEL[1],
    },
    Compared {
        problem: Problem::Relabel,
        id: "norm",
        title: "Norm of the hidden weights",
        doc: "Grows with every step of plain SGD, because gradients of a normalised layer are at right angles to its weights.",
        y: Axis::zero_based("‖W‖", ""),
        trace: RELABEL[0],
    },
    Compared {
        problem: Problem::Relabel,
        id: "accuracy",
        title: "Accuracy while labels change",
        doc: "Share of the batches' samples right before their update: how fast every new labelling is learnt.",
        y: Axis::zero_based("accuracy", ""),
        trace: RELABEL[2],
    },
    Compared {
        problem: Problem::Growing,
        id: "batch",
        title: "Batch",
        doc: "Samples per optimizer step: it grows when the gradients spread more widely than their mean is long.",
        y: Axis::log("batch", "samples"),
        trace: GROWING[0],
    },
    Compared {
        problem: Problem::Growing,
        id: "scale",
        title: "Noise scale",
        doc: "Step size over batch: growing the batch does to the noise what decaying the rate does.",
        y: Axis::log("step size / batch", ""),
        trace: GROWING[2],
    },
    Compared {
        problem: Problem::Growing,
        id: "steps",
        title: "Optimizer steps",
        doc: "Steps made with the samples seen so far.",
        y: Axis::zero_based("steps", ""),
        trace: GROWING[1],
    },
    Compared {
        problem: Problem::Logistic,
        id: "excess",
        title: "Above the optimum",
        doc: "Exact loss over the whole distribution, minus that of the best classifier there is.",
        y: Axis::log("excess loss", "nats"),
        trace: LOGISTIC[0],
    },
    Compared {
        problem: Problem::Bigram,
        id: "excess",
        title: "Above the conditional entropy",
        doc: "Exact loss over the text with the left neighbour shown, minus the least there is.",
        y: Axis::log("excess loss", "nats"),
        trace: MASKING[1],
    },
    Compared {
        problem: Problem::Masking,
        id: "masking",
        title: "Masking rate",
        doc: "Share of the letters that are hidden and predicted.",
        y: Axis::zero_based("share hidden", ""),
        trace: MASKING[0],
    },
    Compared {
        problem: Problem::Masking,
        id: "excess",
        title: "Above the conditional entropy",
        doc: "Exact loss over the text with the left neighbour shown, minus the least there is.",
        y: Axis::log("excess loss", "nats"),
        trace: MASKING[1],
    },
    Compared {
        problem: Problem::Robust,
        id: "scale_run",
        title: "Scale along the run",
        doc: "c of the robust loss: it shrinks as the discretisation steps double.",
        y: Axis::log("c", ""),
        trace: ROBUST[0],
    },
    Compared {
        problem: Problem::Robust,
        id: "truth",
        title: "Distance to the truth",
        doc: "Norm of the difference between the weights and the true ones, first seed.",
        y: Axis::log("distance", ""),
        trace: ROBUST[2],
    },
    Compared {
        problem: Problem::Domains,
        id: "night_share",
        title: "Share of night samples",
        doc: "Sampling weight of the night over the sum of both weights.",
        y: Axis::zero_based("share", ""),
        trace: DOMAINS[0],
    },
    Compared {
        problem: Problem::Domains,
        id: "day",
        title: "Held-out loss by day",
        doc: "Loss on held-out digits in full light, first seed.",
        y: Axis::linear("loss", "nats"),
        trace: DOMAINS[1],
    },
    Compared {
        problem: Problem::Domains,
        id: "night",
        title: "Held-out loss by night",
        doc: "Loss on held-out digits with a quarter of the light under the same noise, first seed.",
        y: Axis::linear("loss", "nats"),
        trace: DOMAINS[2],
    },
    Compared {
        problem: Problem::Modules,
        id: "moved_first",
        title: "How far the first layer moved",
        doc: "Distance of its weights from the pretrained ones: the pull is strongest here.",
        y: Axis::zero_based("distance", ""),
        trace: MODULES[0],
    },
    Compared {
        problem: Problem::Modules,
        id: "moved_last",
        title: "How far the third layer moved",
        doc: "The last pretrained module is free under the module-wise pull.",
        y: Axis::zero_based("distance", ""),
        trace: MODULES[1],
    },
    Compared {
        problem: Problem::Modules,
        id: "clean",
        title: "Loss on clean images",
        doc: "Held-out images like those of the fine-tuning.",
        y: Axis::linear("loss", "nats"),
        trace: MODULES[2],
    },
    Compared {
        problem: Problem::Modules,
        id: "shifted",
        title: "Loss on shifted, noisy images",
        doc: "Held-out images of the kind that only pretraining saw.",
        y: Axis::linear("loss", "nats"),
        trace: MODULES[3],
    },
    Compared {
        problem: Problem::Branches,
        id: "variance",
        title: "Variance of the copies",
        doc: "Mean held-out loss of the copies minus that of their mean model, first seed.",
        y: Axis::linear("loss", "nats"),
        trace: BRANCHES[1],
    },
];
