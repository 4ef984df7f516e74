//! The choices of a config that are not schedules: what is trained, by which rule, on which model.

use serde::{Deserialize, Serialize};

/// What the schedule is tried on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Problem {
    /// The multi-power law's prediction for a language model.
    Law,
    /// The noisy quadratic: exact expected loss.
    Quadratic,
    /// A small network trained on digits.
    Digits,
    /// The convex last-iterate bound.
    Bound,
    /// The user's own run, by a law fitted to its log.
    Log,
    /// A river valley: steep across, gently falling along.
    Valley,
    /// Online linear regression whose optimum drifts.
    Drift,
    /// A diagonal network that may become sparse.
    Sparse,
    /// The digits network trained by clients of a server.
    Federated,
    /// The digits network, normalised, under labels that change.
    Relabel,
    /// The digits network with a batch that grows.
    Growing,
    /// Logistic regression with a teacher, judged exactly.
    Logistic,
    /// Softmax regression of a symbol on the one before it, on a text.
    Bigram,
    /// A small character-level transformer.
    Transformer,
    /// The bigram model under a masking rate that changes.
    Masking,
    /// Regression under a robust loss whose scale changes.
    Robust,
    /// The digits network on two domains with a curriculum.
    Domains,
    /// A digits network fine-tuned near its pretrained weights.
    Modules,
    /// Cooldowns of one digits network on different data.
    Branches,
    /// A small denoiser of the plane, judged against the exact one.
    Denoiser,
    /// Time to a target on several problems.
    League,
    /// Linear regression by the absolute loss, judged exactly.
    Absolute,
}

/// What a run that is resumed does with its scheduler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resume {
    /// Goes on where it was.
    Restored,
    /// Starts anew: its state was not saved.
    Restarted,
    /// Uses the last rate twice (a `last_epoch` one too low).
    Repeated,
    /// Leaves a rate out (a `last_epoch` one too high).
    Skipped,
}

impl Resume {
    /// All of them, in the order of the menu.
    pub const ALL: [Self; 4] = [
        Self::Restored,
        Self::Restarted,
        Self::Repeated,
        Self::Skipped,
    ];
    /// Their names, in the same order.
    pub const NAMES: [&'static str; 4] = [
        "goes on where it was",
        "starts anew",
        "repeats a step",
        "skips a step",
    ];

    /// Its place in [`Resume::ALL`].
    pub fn index(self) -> usize {
        Self::ALL.iter().position(|r| *r == self).unwrap_or(0)
    }

    /// Steps of the scheduler before update `i` of a run resumed at update `at`, one per update.
    pub fn step(self, i: usize, at: usize) -> usize {
        match self {
            _ if at == 0 || i < at => i,
            Self::Restored => i,
            Self::Restarted => i - at,
            Self::Repeated => i - 1,
            Self::Skipped => i + 1,
        }
    }
}

/// A law that stands beside the fitted ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Card {
    /// None.
    None,
    /// Kaplan's law of size and updates.
    Kaplan,
    /// One loss curve read off another.
    LossToLoss,
    /// A cooldown with quantised weights.
    Quantised,
}

impl Card {
    /// All of them, in the order of the menu.
    pub const ALL: [Self; 4] = [Self::None, Self::Kaplan, Self::LossToLoss, Self::Quantised];
    /// Their names, in the same order.
    pub const NAMES: [&'static str; 4] = [
        "none",
        "Kaplan's law (recalled)",
        "one loss from another (recalled)",
        "quantised cooldown (abstract only)",
    ];

    /// Its place in [`Card::ALL`].
    pub fn index(self) -> usize {
        Self::ALL.iter().position(|c| *c == self).unwrap_or(0)
    }
}

/// The scale of the robust loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scaling {
    /// Shrinks as the discretisation steps double.
    Adaptive,
    /// That of the first number of steps, throughout.
    Wide,
    /// That of the last number of steps, throughout.
    Narrow,
}

/// How night samples enter the batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Night {
    /// With a weight that grows over the run.
    Ramped,
    /// With the mean share of the ramp, from the start.
    Even,
    /// Not at all.
    Never,
}

/// How fine-tuned weights are held near the pretrained ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proximity {
    /// Not at all.
    Free,
    /// All modules alike, with the mean of the module-wise pull.
    Uniform,
    /// The first module most, the last not.
    Modules,
}

/// What makes a batch grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Growth {
    /// Nothing.
    Fixed,
    /// The norm test: variance of the gradients over their squared mean.
    Norm,
    /// The inner-product test: variance of the products with the mean.
    InnerProduct,
    /// That, and the variance at right angles to the mean.
    Augmented,
}

impl Growth {
    /// All of them, in the order of the menu.
    pub const ALL: [Self; 4] = [Self::Fixed, Self::Norm, Self::InnerProduct, Self::Augmented];
    /// Their names, in the same order.
    pub const NAMES: [&'static str; 4] = [
        "nothing",
        "the norm test",
        "the inner-product test",
        "the augmented inner-product test",
    ];

    /// Its place in [`Growth::ALL`].
    pub fn index(self) -> usize {
        Self::ALL.iter().position(|g| *g == self).unwrap_or(0)
    }
}

/// Where `FedHyper` acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fed {
    /// On the server's step (G).
    Server,
    /// On the server's step, with momentum (GM).
    ServerMomentum,
    /// On all clients' rate, set by the server (SL).
    ClientsByServer,
    /// On each client's rate, set by the client (CL).
    Client,
}

impl Fed {
    /// All of them, in the order of the menu.
    pub const ALL: [Self; 4] = [
        Self::Server,
        Self::ServerMomentum,
        Self::ClientsByServer,
        Self::Client,
    ];

    /// Its place in [`Fed::ALL`].
    pub fn index(self) -> usize {
        Self::ALL.iter().position(|f| *f == self).unwrap_or(0)
    }
}

impl Problem {
    /// All of them, in the order of the menu.
    pub const ALL: [Self; 22] = [
        Self::Law,
        Self::Quadratic,
        Self::Digits,
        Self::Bound,
        Self::Log,
        Self::Valley,
        Self::Drift,
        Self::Sparse,
        Self::Federated,
        Self::Relabel,
        Self::Growing,
        Self::Logistic,
        Self::Bigram,
        Self::Transformer,
        Self::Masking,
        Self::Robust,
        Self::Domains,
        Self::Modules,
        Self::Branches,
        Self::Denoiser,
        Self::League,
        Self::Absolute,
    ];
    /// Their names, in the same order.
    pub const NAMES: [&'static str; 22] = [
        "predicted language model",
        "noisy quadratic (exact)",
        "digits network (trained)",
        "convex bound (theory)",
        "your own log (fitted law)",
        "river valley (exact)",
        "drifting regression (exact)",
        "diagonal network (trained)",
        "federated digits (trained)",
        "digits with changing labels (trained)",
        "digits with a growing batch (trained)",
        "logistic regression (trained, judged exactly)",
        "letter pairs of a text (trained, judged exactly)",
        "character transformer (trained)",
        "masked letters of a text (trained, judged exactly)",
        "robust regression (trained)",
        "digits by day and night (trained)",
        "fine-tuned digits (trained)",
        "copies of a cooldown (trained)",
        "denoiser of a spiral (trained, judged exactly)",
        "time to a target on five problems (trained)",
        "regression by absolute loss (trained, judged exactly)",
    ];

    /// Its place in [`Problem::ALL`].
    pub fn index(self) -> usize {
        Self::ALL.iter().position(|p| *p == self).unwrap_or(0)
    }

    /// Whether the optimizer of the config trains it.
    pub fn has_optimizer(self) -> bool {
        matches!(
            self,
            Self::Digits
                | Self::Logistic
                | Self::Bigram
                | Self::Transformer
                | Self::Masking
                | Self::Robust
                | Self::Domains
                | Self::Modules
                | Self::Branches
                | Self::Denoiser
                | Self::Absolute
        )
    }

    /// Peak rate and weight decay that suit an update rule here.
    pub fn suits(self, rule: Rule) -> (f64, f64) {
        match (self, rule) {
            (Self::Denoiser, Rule::Sgd) => (0.1, 0.0),
            (Self::Denoiser, Rule::AdamW | Rule::Soap) => (5e-3, 0.0),
            (Self::Denoiser, Rule::Muon) => (1e-2, 0.0),
            (_, Rule::Sgd) => (0.1, 1e-4),
            (_, Rule::AdamW | Rule::Muon | Rule::Soap) => (2e-2, 0.1),
        }
    }

    /// Whether losses are expectations in closed form: a seed changes nothing.
    pub fn is_exact(self) -> bool {
        matches!(self, Self::Quadratic | Self::Valley | Self::Drift)
    }

    /// Whether the cards of other laws can be opened beside it.
    pub fn has_cards(self) -> bool {
        matches!(self, Self::Law | Self::Log)
    }

    /// Whether every run is trained, or its moments followed, one update at a time.
    pub fn trains(self) -> bool {
        !matches!(self, Self::Law | Self::Bound | Self::Log)
    }
}

/// Form of the hypergradient rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hyper {
    /// η ← η (1 + κ cos(g_t, g_(t-1))).
    Multiplicative,
    /// η ← η + κ g_t · g_(t-1).
    Additive,
}

/// The update rule of the digits network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// SGD with momentum.
    Sgd,
    /// AdamW with betas 0.9 and 0.95.
    AdamW,
    /// Orthogonalised momentum for hidden matrices, AdamW for the rest.
    Muon,
    /// Adam in the eigenbasis of Shampoo's preconditioner.
    Soap,
}

impl Rule {
    /// All of them, in the order of the menu.
    pub const ALL: [Self; 4] = [Self::Sgd, Self::AdamW, Self::Muon, Self::Soap];
    /// Their names, in the same order.
    pub const NAMES: [&'static str; 4] = ["SGD with momentum", "AdamW", "Muon", "SOAP"];

    /// Its place in [`Rule::ALL`].
    pub fn index(self) -> usize {
        Self::ALL.iter().position(|r| *r == self).unwrap_or(0)
    }

    /// Its name on screen.
    pub fn name(self) -> &'static str {
        Self::NAMES[self.index()]
    }
}

/// Size of the language model whose loss is predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelSize {
    /// 25 million parameters.
    M25,
    /// 100 million parameters.
    M100,
    /// 400 million parameters.
    M400,
}

impl ModelSize {
    /// All sizes.
    pub const ALL: [Self; 3] = [Self::M25, Self::M100, Self::M400];
}
