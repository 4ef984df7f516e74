//! Choices of the config: where weights come from, how they are ranked, when they go.

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
    /// Mean share of a weight's term in the input of its unit.
    Contribution,
    /// Whole blocks of the matrix, by the mean square of their weights.
    Block,
    /// Magnitude inside each layer, at rates of one's own.
    Manual,
    /// What training moves away from zero: the sum of -w ∂L/∂w over its steps.
    Movement,
    /// Signal over noise of an evolution strategy's search distribution.
    Snr,
    /// Whole hidden units, by what their removal does to the loss to first and second order.
    Saap,
    /// At initialisation: weight times norm of its input.
    Sketch,
    /// At initialisation: weight times gradient.
    Snip,
    /// At initialisation: weight times Hessian times gradient.
    Grasp,
    /// At initialisation: flow of path products, in rounds, without data.
    SynFlow,
}

impl Method {
    /// All methods in the order of the menu.
    pub const ALL: [Self; 19] = [
        Self::Magnitude,
        Self::Random,
        Self::Lamp,
        Self::Erk,
        Self::NOfM,
        Self::Wanda,
        Self::Obd,
        Self::Units,
        Self::JointDp,
        Self::Contribution,
        Self::Block,
        Self::Manual,
        Self::Movement,
        Self::Snr,
        Self::Saap,
        Self::Sketch,
        Self::Snip,
        Self::Grasp,
        Self::SynFlow,
    ];

    /// Whether weights are chosen before the network is trained; it is trained afterwards.
    pub fn at_init(self) -> bool {
        matches!(
            self,
            Self::Sketch | Self::Snip | Self::Grasp | Self::SynFlow
        )
    }

    /// Whether the weights alone say what goes: such methods work on an opened file.
    pub fn from_weights(self) -> bool {
        matches!(
            self,
            Self::Magnitude | Self::Random | Self::Lamp | Self::Erk | Self::NOfM | Self::Manual
        )
    }

    /// Whether the order inside a layer is that of the magnitudes.
    pub fn by_magnitude(self) -> bool {
        matches!(
            self,
            Self::Magnitude | Self::Lamp | Self::Erk | Self::NOfM | Self::JointDp | Self::Manual
        )
    }

    /// Whether one ranking runs over all layers whatever the granularity.
    pub fn always_global(self) -> bool {
        matches!(self, Self::Obd | Self::Movement | Self::Snr) || self.at_init()
    }
}

/// When and how the network becomes sparse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Regime {
    /// In one cut after (or, for methods at the start, before) the training, at every sparsity.
    #[default]
    Cut,
    /// While it trains, along a sparsity schedule.
    Gradual,
    /// Sparse from the start; weights are exchanged while it trains.
    Exchange,
    /// In rounds: train, cut, go back to the first weights, train again.
    Ticket,
    /// In rounds as well; the PQ index says how much goes.
    Sap,
    /// After a dense training pruned weights keep flickering, ever less.
    Flicker,
    /// After a dense training a growing pressure bends small weights to zero before the cut.
    HyperSparse,
    /// After a dense training layers are pruned one by one against calibration inputs.
    Surgery,
    /// After a dense training one cut, then the survivors are tuned.
    Tune,
    /// After training on the digits, the same network on the digits turned over their diagonal.
    Transfer,
    /// After a dense training every image chooses its own hidden units.
    Dynamic,
    /// A network says which training images are easy; another one is trained on a part of them.
    Data,
    /// Weights lose bits while they train.
    Bits,
}

impl Regime {
    /// All regimes in the order of the menu.
    pub const ALL: [Self; 13] = [
        Self::Cut,
        Self::Gradual,
        Self::Exchange,
        Self::Ticket,
        Self::Sap,
        Self::Flicker,
        Self::HyperSparse,
        Self::Surgery,
        Self::Tune,
        Self::Transfer,
        Self::Dynamic,
        Self::Data,
        Self::Bits,
    ];
}

/// Shape of the sparsity schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// All at once, at the begin.
    OneShot,
    /// In a straight line.
    Linear,
    /// Fast, then slow: (1 - u) to a power.
    #[default]
    Cubic,
    /// The density falls by the same factor in equal times.
    Exponential,
    /// Half a cosine.
    Cosine,
    /// Exponential in a few jumps.
    Iterative,
    /// Touches the final sparsity early and reopens, ever less.
    Harmonic,
}

impl Shape {
    /// All shapes in the order of the menu.
    pub const ALL: [Self; 7] = [
        Self::OneShot,
        Self::Linear,
        Self::Cubic,
        Self::Exponential,
        Self::Cosine,
        Self::Iterative,
        Self::Harmonic,
    ];

    /// Its name.
    pub fn words(self) -> &'static str {
        match self {
            Self::OneShot => "one-shot",
            Self::Linear => "linear",
            Self::Cubic => "cubic",
            Self::Exponential => "exponential",
            Self::Cosine => "cosine",
            Self::Iterative => "iterative",
            Self::Harmonic => "harmonic",
        }
    }
}

/// Shape of the learning rate over the training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RateShape {
    /// Falls to 0 along half a cosine.
    #[default]
    Cosine,
    /// Stays.
    Constant,
}

/// How weights are exchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exchange {
    /// Those with the largest gradients grow (`RigL`).
    #[default]
    Gradient,
    /// Random ones grow (SET).
    Random,
    /// None are: a fixed mask.
    Never,
}

/// How the gradient of pruned weights fades.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fade {
    /// Pruned weights get no gradient at all.
    #[default]
    Hard,
    /// A share of it that falls along half a cosine.
    Cosine,
    /// A share of it that falls in a straight line.
    Linear,
    /// A share of it that stays.
    Constant,
}

/// How often a pruned weight is still on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Switching {
    /// With probability 1 - t/A.
    #[default]
    Random,
    /// With probability (1 + cos πt/A)/4.
    Temperature,
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
