//! Choices of the regimes that go on after the dense training.

use serde::{Deserialize, Serialize};

/// How layers are pruned one after the other against their calibration inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Surgery {
    /// Column by column; what goes is made up for by the columns to the right.
    #[default]
    SparseGpt,
    /// Weight by weight; what goes is made up for by all weights left in the row.
    Surgeon,
    /// |w| times the norm of the input, inside each row; nothing is made up for.
    Wanda,
    /// |w| inside each row; nothing is made up for.
    Magnitude,
    /// Few directions and few dense columns instead of all weights (LOST).
    LowRank,
}

impl Surgery {
    /// All of them in the order of the menu.
    pub const ALL: [Self; 5] = [
        Self::SparseGpt,
        Self::Surgeon,
        Self::Wanda,
        Self::Magnitude,
        Self::LowRank,
    ];
}

/// Which weights of a row may go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pattern {
    /// Any.
    #[default]
    Free,
    /// All but N of every M neighbours.
    Groups,
}

/// What helps a training to become sparse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aid {
    /// Nothing.
    #[default]
    Plain,
    /// The gradient is taken uphill, as far for every unit (sharpness-aware minimisation).
    Sharpness,
    /// The same, further for units that are likely to go (`AdaSAP`).
    AdaSap,
    /// Weights that the loss does not ask for decay faster.
    Shrink,
    /// Weights pass through a function that is steep at zero and bounded.
    Compander,
    /// Neighbouring hidden layers of equal width are pulled together.
    Flow,
    /// Classes that lose more than the average weigh more while the cut network is fine-tuned.
    Balance,
}

impl Aid {
    /// All of them in the order of the menu.
    pub const ALL: [Self; 7] = [
        Self::Plain,
        Self::Sharpness,
        Self::AdaSap,
        Self::Shrink,
        Self::Compander,
        Self::Flow,
        Self::Balance,
    ];
}

/// What becomes of a network on a second task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transfer {
    /// Its weights stay, a mask is learnt (R-AMT).
    #[default]
    Mask,
    /// A share of its weights stays, the others are tuned (HFT).
    Half,
    /// It was sparse on the first task and is dense on the second (SPDF).
    Open,
    /// It was sparse on the first task and stays so.
    Shut,
}

impl Transfer {
    /// All of them in the order of the menu.
    pub const ALL: [Self; 4] = [Self::Mask, Self::Half, Self::Open, Self::Shut];
}

/// Which importances of a unit SAAP uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fusion {
    /// Both, weighed by how uncertain they are.
    #[default]
    Both,
    /// That of the unit's weights taken as one step.
    Vector,
    /// The sum of those of its single weights.
    Element,
}

/// How a sketch at initialisation chooses weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choosing {
    /// The largest |w| ‖x‖.
    #[default]
    Top,
    /// The largest |w|: no data needed.
    Free,
    /// Drawn with probabilities proportional to |w| ‖x‖.
    Drawn,
}

/// Which training images stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pick {
    /// Those with the smallest margins.
    #[default]
    Hard,
    /// Those with the largest margins.
    Easy,
    /// Any, drawn by the seed.
    Random,
}

impl Pick {
    /// All of them in the order of the menu.
    pub const ALL: [Self; 3] = [Self::Hard, Self::Easy, Self::Random];

    /// What stays, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Hard => "the hardest images",
            Self::Easy => "the easiest images",
            Self::Random => "random images",
        }
    }
}

/// How weights lose bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Coder {
    /// Bits and exponent of every unit are learnt (self-compressing networks).
    #[default]
    Learnt,
    /// Small weights are cut, the others rounded, and what is left is entropy-coded (L²).
    Rounded,
}
