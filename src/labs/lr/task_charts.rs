//! Which traces of a problem are drawn, one chart each, with every schedule in it.

use super::config::Problem;
use super::steer::{
    BRANCHES, DOMAINS, FEDERATED, GROWING, LOGISTIC, MASKING, MODULES, RELABEL, ROBUST, SPARSE,
};
use crate::core::Axis;

/// A chart of one trace over the run, first seed of every schedule.
pub(super) struct Compared {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) doc: &'static str,
    pub(super) y: Axis,
    pub(super) trace: &'static str,
}

/// The charts of a problem's traces.
pub(super) fn compared_of(problem: Problem) -> Vec<Compared> {
    let one = |id, title, doc, y, trace| Compared {
        id,
        title,
        doc,
        y,
        trace,
    };
    match problem {
        Problem::Sparse => vec![one(
            "alive",
            "Weights alive",
            "Products u v above 0.01 of the first seed: while a large rate keeps the loss up, small ones die.",
            Axis::zero_based("weights", ""),
            SPARSE[0],
        )],
        Problem::Federated => vec![
            one(
                "server",
                "Steps that the hypergradient sets",
                "The server's step over plain averaging, first seed: it grows while neighbouring updates agree.",
                Axis::zero_based("server's step", "×"),
                FEDERATED[0],
            ),
            one(
                "clients",
                "Clients' rates",
                "Mean rate of the clients' local steps, first seed.",
                Axis::zero_based("rate", ""),
                FEDERATED[1],
            ),
        ],
        Problem::Relabel => vec![
            one(
                "effective",
                "Effective rate",
                "η / ‖W‖² of the normalised layer, first seed: how far a step turns the weights. It decays by itself when the norm grows.",
                Axis::log("η / ‖W‖²", ""),
                RELABEL[1],
            ),
            one(
                "norm",
                "Norm of the hidden weights",
                "Grows with every step of plain SGD, because gradients of a normalised layer are at right angles to its weights.",
                Axis::zero_based("‖W‖", ""),
                RELABEL[0],
            ),
            one(
                "accuracy",
                "Accuracy while labels change",
                "Share of the batches' samples right before their update: how fast every new labelling is learnt.",
                Axis::zero_based("accuracy", ""),
                RELABEL[2],
            ),
        ],
        Problem::Growing => vec![
            one(
                "batch",
                "Batch",
                "Samples per optimizer step: it grows when the gradients spread more widely than their mean is long.",
                Axis::log("batch", "samples"),
                GROWING[0],
            ),
            one(
                "scale",
                "Noise scale",
                "Step size over batch: growing the batch does to the noise what decaying the rate does.",
                Axis::log("step size / batch", ""),
                GROWING[2],
            ),
            one(
                "steps",
                "Optimizer steps",
                "Steps made with the samples seen so far.",
                Axis::zero_based("steps", ""),
                GROWING[1],
            ),
        ],
        Problem::Logistic => vec![one(
            "excess",
            "Above the optimum",
            "Exact loss over the whole distribution, minus that of the best classifier there is.",
            Axis::log("excess loss", "nats"),
            LOGISTIC[0],
        )],
        Problem::Bigram => vec![excess()],
        Problem::Masking => vec![
            one(
                "masking",
                "Masking rate",
                "Share of the letters that are hidden and predicted.",
                Axis::zero_based("share hidden", ""),
                MASKING[0],
            ),
            excess(),
        ],
        Problem::Robust => vec![
            one(
                "scale_run",
                "Scale along the run",
                "c of the robust loss: it shrinks as the discretisation steps double.",
                Axis::log("c", ""),
                ROBUST[0],
            ),
            one(
                "truth",
                "Distance to the truth",
                "Norm of the difference between the weights and the true ones, first seed.",
                Axis::log("distance", ""),
                ROBUST[2],
            ),
        ],
        Problem::Domains => vec![
            one(
                "night_share",
                "Share of night samples",
                "Sampling weight of the night over the sum of both weights.",
                Axis::zero_based("share", ""),
                DOMAINS[0],
            ),
            one(
                "day",
                "Held-out loss by day",
                "Loss on held-out digits in full light, first seed.",
                Axis::linear("loss", "nats"),
                DOMAINS[1],
            ),
            one(
                "night",
                "Held-out loss by night",
                "Loss on held-out digits with a quarter of the light under the same noise, first seed.",
                Axis::linear("loss", "nats"),
                DOMAINS[2],
            ),
        ],
        Problem::Modules => vec![
            one(
                "moved_first",
                "How far the first layer moved",
                "Distance of its weights from the pretrained ones: the pull is strongest here.",
                Axis::zero_based("distance", ""),
                MODULES[0],
            ),
            one(
                "moved_last",
                "How far the third layer moved",
                "The last pretrained module is free under the module-wise pull.",
                Axis::zero_based("distance", ""),
                MODULES[1],
            ),
            one(
                "clean",
                "Loss on clean images",
                "Held-out images like those of the fine-tuning.",
                Axis::linear("loss", "nats"),
                MODULES[2],
            ),
            one(
                "shifted",
                "Loss on shifted, noisy images",
                "Held-out images of the kind that only pretraining saw.",
                Axis::linear("loss", "nats"),
                MODULES[3],
            ),
        ],
        Problem::Branches => vec![one(
            "variance",
            "Variance of the copies",
            "Mean held-out loss of the copies minus that of their mean model, first seed.",
            Axis::linear("loss", "nats"),
            BRANCHES[1],
        )],
        _ => Vec::new(),
    }
}

fn excess() -> Compared {
    Compared {
        id: "excess",
        title: "Above the conditional entropy",
        doc: "Exact loss over the text with the left neighbour shown, minus the least there is.",
        y: Axis::log("excess loss", "nats"),
        trace: MASKING[1],
    }
}
