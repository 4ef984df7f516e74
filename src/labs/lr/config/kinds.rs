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
    pub const ALL: [Self; 11] = [
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
    ];
    /// Their names, in the same order.
    pub const NAMES: [&'static str; 11] = [
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
    ];

    /// Its place in [`Problem::ALL`].
    pub fn index(self) -> usize {
        Self::ALL.iter().position(|p| *p == self).unwrap_or(0)
    }

    /// Whether losses are expectations in closed form: a seed changes nothing.
    pub fn is_exact(self) -> bool {
        matches!(self, Self::Quadratic | Self::Valley | Self::Drift)
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
