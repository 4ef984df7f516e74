//! Config of the lab.

use crate::core::Param;
use crate::labs::DataKey;
use serde::{Deserialize, Serialize};

/// Where the weights come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A network trained here on the built-in digits.
    #[default]
    Trained,
    /// A file the user opened.
    Imported,
}

/// How weights are ranked, and how the removals are spread over layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Smallest |w| first.
    #[default]
    Magnitude,
    /// In random order.
    Random,
    /// Layer-adaptive magnitude scores.
    Lamp,
    /// Erdős-Rényi-kernel densities, smallest |w| first within a layer.
    Erk,
    /// N of every M weights of a row are kept, the largest.
    NOfM,
    /// Magnitude times the norm of the input, inside a layer.
    Wanda,
    /// Optimal brain damage with the empirical Fisher diagonal.
    Obd,
    /// Whole hidden units, by the norm of their weights.
    Units,
    /// Magnitude, layer rates by dynamic programming over output distortions.
    JointDp,
    /// At initialisation: weight times gradient.
    Snip,
    /// At initialisation: weight times Hessian times gradient.
    Grasp,
    /// At initialisation: flow of path products, in rounds, without data.
    SynFlow,
}

impl Method {
    /// All methods in the order of the menu.
    pub const ALL: [Self; 12] = [
        Self::Magnitude,
        Self::Random,
        Self::Lamp,
        Self::Erk,
        Self::NOfM,
        Self::Wanda,
        Self::Obd,
        Self::Units,
        Self::JointDp,
        Self::Snip,
        Self::Grasp,
        Self::SynFlow,
    ];

    /// Whether weights are chosen before the network is trained; it is trained afterwards.
    pub fn at_init(self) -> bool {
        matches!(self, Self::Snip | Self::Grasp | Self::SynFlow)
    }

    /// Whether the weights alone say what goes: such methods work on an opened file.
    pub fn from_weights(self) -> bool {
        matches!(
            self,
            Self::Magnitude | Self::Random | Self::Lamp | Self::Erk | Self::NOfM
        )
    }

    /// Whether the order inside a layer is that of the magnitudes.
    pub fn by_magnitude(self) -> bool {
        matches!(
            self,
            Self::Magnitude | Self::Lamp | Self::Erk | Self::NOfM | Self::JointDp
        )
    }

    /// Whether one ranking runs over all layers whatever the granularity.
    pub fn always_global(self) -> bool {
        self == Self::Obd || self.at_init()
    }
}

/// Over which weights one ranking runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Granularity {
    /// One ranking over all layers.
    #[default]
    Global,
    /// Every layer loses the same share.
    Layer,
}

/// What to do with a tensor that holds values that are not numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NanPolicy {
    /// Do not run.
    #[default]
    Refuse,
    /// Take them for 0: they go first.
    Zero,
    /// Leave the tensor as it is.
    Exclude,
}

/// Every input that changes a number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the weights come from.
    pub source: Source,
    /// The opened file, for [`Source::Imported`].
    pub file: Option<DataKey>,
    /// Units of the first hidden layer.
    pub hidden1: u64,
    /// Units of the second hidden layer; 0 leaves it out.
    pub hidden2: u64,
    /// Optimizer steps of the training.
    pub train_steps: u64,
    /// How weights are ranked.
    pub method: Method,
    /// Over which weights one ranking runs.
    pub granularity: Granularity,
    /// Share of the weights to prune, in per cent.
    pub sparsity: f64,
    /// Weights kept of every group.
    pub keep_n: u64,
    /// Weights in a group.
    pub group_m: u64,
    /// Rounds of SynFlow.
    pub rounds: u64,
    /// What to do with values that are not numbers.
    pub nan_policy: NanPolicy,
    /// Seed of every random draw.
    pub seed: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            source: Source::Trained,
            file: None,
            hidden1: 128,
            hidden2: 64,
            train_steps: 400,
            method: Method::Magnitude,
            granularity: Granularity::Global,
            sparsity: 90.0,
            keep_n: 2,
            group_m: 4,
            rounds: 100,
            nan_policy: NanPolicy::Refuse,
            seed: 0,
        }
    }
}

impl Config {
    /// Sizes of the trained network, input first.
    pub fn sizes(&self) -> Vec<usize> {
        let mut sizes = vec![crate::core::digits::PIXELS, self.hidden1 as usize];
        if self.hidden2 > 0 {
            sizes.push(self.hidden2 as usize);
        }
        sizes.push(crate::core::digits::CLASSES);
        sizes
    }

    /// What the config runs, in a few words.
    pub fn label(&self) -> String {
        let scope = match self.granularity {
            Granularity::Global => "global",
            Granularity::Layer => "per-layer",
        };
        let method = match self.method {
            Method::Magnitude => format!("{scope} magnitude"),
            Method::Random => format!("{scope} random"),
            Method::Lamp => "LAMP".to_owned(),
            Method::Erk => "ERK magnitude".to_owned(),
            Method::Wanda => "Wanda".to_owned(),
            Method::Obd => "OBD (Fisher)".to_owned(),
            Method::Units => "hidden units, L2 norm".to_owned(),
            Method::JointDp => "joint DP".to_owned(),
            Method::Snip => "SNIP".to_owned(),
            Method::Grasp => "GraSP".to_owned(),
            Method::SynFlow => format!("SynFlow {} rounds", self.rounds),
            Method::NOfM => return format!("{}:{} magnitude", self.keep_n, self.group_m),
        };
        format!("{method}, {} %", self.sparsity)
    }
}

fn trained(c: &Config) -> bool {
    c.source == Source::Trained
}

fn not_grouped(c: &Config) -> bool {
    c.method != Method::NOfM
}

fn grouped(c: &Config) -> bool {
    c.method == Method::NOfM
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
    .doc("Share of the prunable weights that go: k = s·n, rounded half to even, exactly k are set to 0. The headline numbers are those at this sparsity; the playhead sweeps all of them.")
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
            "SNIP, at start",
            "GraSP, at start",
            "SynFlow, at start",
        ],
        |c: &Config| Method::ALL.iter().position(|m| *m == c.method).unwrap_or(0),
        |c, i| c.method = Method::ALL.get(i).copied().unwrap_or_default(),
    )
    .doc("How weights are ranked and how the removals are spread over the layers. Methods at the start prune the untrained network and train what is left; their accuracy is measured at ten sparsities.")
    .group("Pruning"),
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
    .when(|c| matches!(c.method, Method::Magnitude | Method::Random)),
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
        .when(|c| c.method == Method::SynFlow),
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
        .doc("Optimizer steps before pruning: SGD, momentum 0.9, weight decay 1e-4, batches of 64, learning rate 0.1 falling to 0 along a cosine. Nothing is trained after pruning.")
        .group("Network")
        .log()
        .when(trained),
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
