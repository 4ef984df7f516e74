//! What the numbers of a problem are called.

use super::config::Problem;

/// Names and sentences of one problem.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words {
    /// The loss along the run.
    pub(super) curve: &'static str,
    /// The loss that a run is judged by, in a sentence and as a headline.
    pub(super) last: &'static str,
    pub(super) headline: &'static str,
    /// Unit of both.
    pub(super) unit: &'static str,
    /// What the chart of the loss shows.
    pub(super) doc: &'static str,
    /// Title of the picture's lower half.
    #[cfg_attr(
        not(feature = "app"),
        expect(dead_code, reason = "a title of the screen alone")
    )]
    pub(super) picture: &'static str,
}

/// A learning rate with that many significant digits: "0.028", "3e-4".
pub(super) fn rate_words(rate: f64, digits: usize) -> String {
    let text = format!("{rate:.*e}", digits.saturating_sub(1));
    match text.parse::<f64>() {
        Ok(v) if v == 0.0 || (1e-3..1e3).contains(&v) => v.to_string(),
        Ok(v) => format!("{v:e}"),
        Err(_) => text,
    }
}

/// The words of a problem.
pub(super) fn words(problem: Problem) -> Words {
    match problem {
        Problem::Law => Words {
            curve: "predicted loss",
            last: "predicted final loss",
            headline: "Predicted final loss",
            unit: "nats",
            doc: "Loss that the chosen law predicts, and what the other laws say of the same schedule. It falls faster as the rate falls. Two real runs of the same schedule differ by up to 0.023.",
            picture: "predicted loss, nats; hatched: rates that no law was fitted on",
        },
        Problem::Quadratic => Words {
            curve: "expected loss",
            last: "expected final loss",
            headline: "Expected final loss",
            unit: "",
            doc: "Exact expected loss. It flattens while the rate is high and drops as the rate falls.",
            picture: "expected loss, log scale",
        },
        Problem::Digits => Words {
            curve: "training loss",
            last: "held-out loss",
            headline: "Held-out loss",
            unit: "nats",
            doc: "Mean loss of the training batches since the last point; the band covers all seeds.",
            picture: "training loss, nats; band over seeds",
        },
        Problem::Bound => Words {
            curve: "bound on the loss",
            last: "bound at the end",
            headline: "Bound at the end",
            unit: "",
            doc: "What convex theory promises if training stopped there, for gradients of norm 1 and a start 1 away from the optimum. Right for shapes and best rates, not a loss predictor.",
            picture: "convex bound on the loss, log scale",
        },
        Problem::Log => Words {
            curve: "loss",
            last: "predicted final loss",
            headline: "Predicted final loss",
            unit: "nats",
            doc: "What was logged, and what the law fitted to it predicts for the rest; the band covers the bootstrap refits.",
            picture: "logged (dots) and predicted loss, nats; hatched: rates below every logged one",
        },
        Problem::Valley => Words {
            curve: "expected loss",
            last: "expected final loss",
            headline: "Expected final loss",
            unit: "",
            doc: "Height above the river plus the river's own height. A constant rate floats above the river; a cooldown lets the run down to it, but hardly moves it along.",
            picture: "expected height, log scale",
        },
        Problem::Drift => Words {
            curve: "squared distance to the optimum",
            last: "mean squared distance over the run",
            headline: "Mean squared distance",
            unit: "",
            doc: "Exact expected squared distance to the moving optimum. Where the optimum starts to drift, small rates are left behind.",
            picture: "squared distance to the optimum, log scale",
        },
        Problem::Sparse => Words {
            curve: "training loss",
            last: "test loss",
            headline: "Test loss",
            unit: "",
            doc: "Loss of the samples drawn since the last point. Large rates keep it up while weights die; it falls when the rate drops.",
            picture: "training loss; band over seeds",
        },
        Problem::Federated => Words {
            curve: "clients' training loss",
            last: "held-out loss",
            headline: "Held-out loss",
            unit: "nats",
            doc: "Mean loss of the clients' batches in every round; the band covers all seeds.",
            picture: "clients' training loss, nats; band over seeds",
        },
        Problem::Relabel => Words {
            curve: "training loss",
            last: "loss over the last quarter",
            headline: "Loss over the last quarter",
            unit: "nats",
            doc: "Mean loss of the training batches since the last point. It jumps when the labels change; a network that has lost its plasticity recovers more and more slowly.",
            picture: "training loss, nats; band over seeds",
        },
        Problem::Growing => Words {
            curve: "training loss",
            last: "held-out loss",
            headline: "Held-out loss",
            unit: "nats",
            doc: "Mean loss of the batches since the last point, by samples seen.",
            picture: "training loss, nats, by base batches of samples",
        },
        Problem::Logistic => Words {
            curve: "training loss",
            last: "excess loss",
            headline: "Excess loss",
            unit: "nats",
            doc: "Mean loss of the batches since the last point. The run is judged by how far its loss over the whole distribution lies above the optimum's, which is known exactly.",
            picture: "training loss, nats; band over seeds",
        },
        Problem::Absolute => Words {
            curve: "training loss",
            last: "excess loss",
            headline: "Excess loss",
            unit: "",
            doc: "Mean absolute residual of the batches since the last point. The run is judged by how far its loss over the whole distribution lies above the least there is, both exact. Gradients do not shrink near the optimum: what the convex bound assumes.",
            picture: "training loss; band over seeds",
        },
        Problem::Bigram | Problem::Masking => Words {
            curve: "training loss",
            last: "excess loss",
            headline: "Excess loss",
            unit: "nats",
            doc: "Mean loss of the batches since the last point. The run is judged by its exact loss over the text above the conditional entropy, the least there is.",
            picture: "training loss, nats; band over seeds",
        },
        Problem::Transformer => Words {
            curve: "training loss",
            last: "held-out loss",
            headline: "Held-out loss",
            unit: "nats",
            doc: "Mean loss of the batches since the last point, in nats per letter; guessing costs ln 27 = 3.30.",
            picture: "training loss, nats per letter; band over seeds",
        },
        Problem::Robust => Words {
            curve: "training loss",
            last: "distance to the truth",
            headline: "Distance to the truth",
            unit: "",
            doc: "Mean robust loss of the batches since the last point. Its scale changes, so it need not fall; the run is judged by the distance of its weights to the true ones.",
            picture: "robust loss; band over seeds",
        },
        Problem::Domains => Words {
            curve: "training loss",
            last: "held-out loss, day and night",
            headline: "Held-out loss",
            unit: "nats",
            doc: "Mean loss of the batches since the last point; it rises as night samples enter. Judged by the mean of both held-out losses.",
            picture: "training loss, nats; band over seeds",
        },
        Problem::Modules => Words {
            curve: "fine-tuning loss",
            last: "loss on shifted, noisy images",
            headline: "Loss on unseen shifts",
            unit: "nats",
            doc: "Mean loss of the fine-tuning batches, the pull included. Judged on shifted and noisy images, which fine-tuning never sees but pretraining did.",
            picture: "fine-tuning loss, nats; band over seeds",
        },
        Problem::Denoiser => Words {
            curve: "training loss",
            last: "excess error",
            headline: "Excess error",
            unit: "",
            doc: "Mean squared error of the batches since the last point. Even the exact denoiser makes an error here; the run is judged by its squared distance to that one.",
            picture: "training loss; band over seeds",
        },
        Problem::League => Words {
            curve: "targets not reached",
            last: "share of the score lost",
            headline: "Score lost",
            unit: "",
            doc: "Share of the studies that have not reached their target yet, over five problems. Rates are drawn over each problem's own best one.",
            picture: "share of the targets not reached yet",
        },
        Problem::Branches => Words {
            curve: "training loss",
            last: "mean held-out loss of the copies",
            headline: "Mean loss of the copies",
            unit: "nats",
            doc: "Mean loss of the batches since the last point; from the cooldown on the mean of all copies.",
            picture: "training loss, nats; mean of the copies",
        },
    }
}
