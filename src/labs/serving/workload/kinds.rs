//! What can be chosen about a workload.

use serde::{Deserialize, Serialize};

/// Where requests come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Arrivals {
    /// Exponential gaps.
    #[default]
    Poisson,
    /// Gamma gaps with a chosen coefficient of variation.
    Gamma,
    /// Poisson whose rate jumps between a quiet and a busy phase (Markov-modulated, two states).
    Mmpp,
    /// Poisson whose rate follows a sine.
    DayNight,
    /// Poisson whose rate grows over a period and then stays.
    Ramp,
    /// Equal gaps.
    Steady,
    /// All at time 0.
    Burst,
    /// A fixed number of clients; each sends its next request a while after the last one ended.
    ClosedLoop,
    /// Conversations: each turn repeats what was said before and follows the answer to the last.
    Sessions,
    /// An imported trace.
    Trace,
}

impl Arrivals {
    /// All kinds, in the order of the menu.
    pub const ALL: [Self; 10] = [
        Self::Poisson,
        Self::Gamma,
        Self::Mmpp,
        Self::DayNight,
        Self::Ramp,
        Self::Steady,
        Self::Burst,
        Self::ClosedLoop,
        Self::Sessions,
        Self::Trace,
    ];
    /// Names in the menu, in the order of [`Self::ALL`].
    pub const NAMES: [&'static str; 10] = [
        "Poisson",
        "Bursty (gamma)",
        "Quiet and busy phases",
        "Day and night",
        "Ramp",
        "Steady",
        "All at once",
        "Closed loop of clients",
        "Conversations",
        "Imported trace",
    ];

    /// Whether the arrival rate is a parameter.
    pub fn has_rate(self) -> bool {
        !matches!(self, Self::Trace | Self::Burst | Self::ClosedLoop)
    }

    /// Whether the rate changes over a period.
    pub fn has_period(self) -> bool {
        matches!(self, Self::DayNight | Self::Ramp)
    }

    /// Whether requests follow the end of others.
    pub fn has_thinking(self) -> bool {
        matches!(self, Self::ClosedLoop | Self::Sessions)
    }
}

/// How prompt and output lengths are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Lengths {
    /// Lognormal with a median and a spread.
    #[default]
    Lognormal,
    /// Every length between the shortest and the longest is equally likely.
    Uniform,
    /// Always the same.
    Fixed,
    /// Geometric with a mean.
    Geometric,
    /// Probability ∝ length^−s between the shortest and the longest.
    Zipf,
    /// Pairs of prompt and output drawn from an imported trace, together.
    Resampled,
}

impl Lengths {
    /// All kinds, in the order of the menu.
    pub const ALL: [Self; 6] = [
        Self::Lognormal,
        Self::Uniform,
        Self::Fixed,
        Self::Geometric,
        Self::Zipf,
        Self::Resampled,
    ];
    /// Names in the menu, in the order of [`Self::ALL`].
    pub const NAMES: [&'static str; 6] = [
        "Lognormal",
        "Uniform",
        "Fixed",
        "Geometric",
        "Zipf",
        "Pairs of a trace",
    ];

    /// Whether a typical length is a parameter.
    pub fn has_typical(self) -> bool {
        matches!(self, Self::Lognormal | Self::Fixed | Self::Geometric)
    }

    /// Whether a shortest length is a parameter.
    pub fn has_shortest(self) -> bool {
        matches!(self, Self::Uniform | Self::Zipf)
    }

    /// Whether a longest length is a parameter.
    pub fn has_longest(self) -> bool {
        !matches!(self, Self::Fixed | Self::Resampled)
    }
}
