//! The shapes of schedules, their warmups and cooldowns, as factors of the peak rate.

use crate::core::num;
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// The shape of a schedule after its warmup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// Stays at the peak.
    Constant,
    /// Straight line to the floor.
    Linear,
    /// Half a cosine to the floor.
    Cosine,
    /// Warmup, stable, decay: the peak, then a cooldown.
    Wsd,
    /// Reflected exponential.
    Rex,
    /// The peak, then a straight line down: WSD with a linear cooldown.
    Trapezoid,
    /// A factor after every stretch of equal length.
    Step,
    /// A factor at chosen updates.
    MultiStep,
    /// The same factor after every update.
    Exponential,
    /// A power of what is left of the run.
    Polynomial,
    /// One over the root of the update: Noam.
    InverseSqrt,
    /// Cosine cycles with warm restarts (SGDR).
    Restarts,
    /// Up to the peak and far below the start (1cycle).
    OneCycle,
    /// Triangles between two rates (CLR).
    Cyclic,
    /// Budgeted min-max schedule with one shape parameter (UBA).
    Uba,
    /// A power of the tokens seen, capped, then a cooldown.
    Power,
    /// A line through points drawn by hand.
    Drawn,
    /// Refined from the gradient norms of a linear decay.
    Refined,
    /// The minimiser of the convex bound.
    BoundOptimal,
    /// The minimiser of the multi-power law.
    LawOptimal,
    /// Drops by a factor when the loss stops falling (ReduceLROnPlateau).
    Plateau,
    /// Follows the angle between neighbouring gradients.
    Hypergradient,
    /// Follows the volatility of the accuracy (VolSched).
    VolSched,
    /// Searches the rate of every stage with short probes (AutoLRS).
    AutoLrs,
    /// A constant rate under a Schedule-Free optimizer.
    ScheduleFree,
    /// A constant rate whose server or clients follow the hypergradient (FedHyper).
    FedHyper,
    /// The optimum under drift, from the state of the run.
    DriftOptimal,
    /// A finished WSD run that goes on at a lower stable rate.
    Extended,
    /// The minimiser of the exact expected loss.
    ExactOptimal,
}

impl Shape {
    /// All shapes, in the order of the menu.
    pub const ALL: [Self; 29] = [
        Self::Constant,
        Self::Linear,
        Self::Cosine,
        Self::Wsd,
        Self::Rex,
        Self::Trapezoid,
        Self::Step,
        Self::MultiStep,
        Self::Exponential,
        Self::Polynomial,
        Self::InverseSqrt,
        Self::Restarts,
        Self::OneCycle,
        Self::Cyclic,
        Self::Uba,
        Self::Power,
        Self::Drawn,
        Self::Refined,
        Self::BoundOptimal,
        Self::LawOptimal,
        Self::Plateau,
        Self::Hypergradient,
        Self::VolSched,
        Self::AutoLrs,
        Self::ScheduleFree,
        Self::FedHyper,
        Self::DriftOptimal,
        Self::Extended,
        Self::ExactOptimal,
    ];
    /// Their names, in the same order.
    pub const NAMES: [&'static str; 29] = [
        "constant",
        "linear",
        "cosine",
        "WSD",
        "REX",
        "trapezoid",
        "step",
        "multistep",
        "exponential",
        "polynomial",
        "inverse sqrt",
        "SGDR",
        "1cycle",
        "cyclic",
        "UBA",
        "power",
        "drawn",
        "refined",
        "bound optimum",
        "law optimum",
        "plateau",
        "hypergradient",
        "VolSched",
        "AutoLRS",
        "Schedule-Free",
        "FedHyper",
        "drift optimum",
        "extended WSD",
        "exact optimum",
    ];
    /// The shapes every run can be compared with.
    pub const RIVALS: [Self; 5] = [
        Self::Constant,
        Self::Linear,
        Self::Cosine,
        Self::Wsd,
        Self::Rex,
    ];

    /// Whether it ends in a cooldown.
    pub fn cools(self) -> bool {
        matches!(self, Self::Wsd | Self::Trapezoid | Self::Power)
    }

    /// Whether it decays to the floor.
    pub fn has_floor(self) -> bool {
        !matches!(
            self,
            Self::Constant
                | Self::Step
                | Self::MultiStep
                | Self::Exponential
                | Self::InverseSqrt
                | Self::OneCycle
                | Self::Cyclic
                | Self::Drawn
                | Self::Refined
                | Self::BoundOptimal
                | Self::Hypergradient
                | Self::VolSched
                | Self::AutoLrs
                | Self::ScheduleFree
                | Self::FedHyper
                | Self::DriftOptimal
                | Self::ExactOptimal
        )
    }

    /// Whether it brings its own way up, so that no warmup goes before it.
    pub fn rises_itself(self) -> bool {
        matches!(
            self,
            Self::OneCycle
                | Self::Cyclic
                | Self::Drawn
                | Self::Refined
                | Self::BoundOptimal
                | Self::Hypergradient
                | Self::AutoLrs
                | Self::FedHyper
                | Self::DriftOptimal
                | Self::Extended
                | Self::ExactOptimal
        )
    }

    /// Whether its values have to be computed before a run.
    pub fn is_computed(self) -> bool {
        matches!(
            self,
            Self::Refined | Self::BoundOptimal | Self::LawOptimal | Self::ExactOptimal
        )
    }

    /// Whether its rates come out of the run itself.
    pub fn is_guided(self) -> bool {
        matches!(
            self,
            Self::Plateau
                | Self::Hypergradient
                | Self::VolSched
                | Self::AutoLrs
                | Self::ScheduleFree
                | Self::FedHyper
                | Self::DriftOptimal
        )
    }

    /// Its place in [`Shape::ALL`].
    pub fn index(self) -> usize {
        Self::ALL.iter().position(|s| *s == self).unwrap_or(0)
    }

    /// The shape at a place of [`Shape::ALL`]; the first for places past the end.
    pub fn from_index(i: usize) -> Self {
        Self::ALL.get(i).copied().unwrap_or(Self::Constant)
    }

    /// Its name on screen.
    pub fn name(self) -> &'static str {
        Self::NAMES[self.index()]
    }
}

/// The shape of a WSD cooldown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cooldown {
    /// 1 - x.
    Linear,
    /// 1 - √x: falls fast, then slowly.
    OneMinusSqrt,
    /// (1 + cos πx) / 2.
    Cosine,
    /// 2 (1 - x) - (1 + cos πx) / 2: the cosine mirrored at the line.
    MirrorCosine,
    /// 1 - x²: stays high, then falls.
    Square,
    /// Floor to the power x; needs a floor above 0.
    Exponential,
    /// Falls to 70 % at once, then a straight line.
    LoweredLinear,
}

/// Where a lowered linear cooldown starts, as a share of the peak (the paper names the shape, its
/// constant is our choice).
const LOWERED: f64 = 0.7;

impl Cooldown {
    /// All shapes, in the order of the menu.
    pub const ALL: [Self; 7] = [
        Self::Linear,
        Self::OneMinusSqrt,
        Self::Cosine,
        Self::MirrorCosine,
        Self::Square,
        Self::Exponential,
        Self::LoweredLinear,
    ];
    /// Their names, in the same order.
    pub const NAMES: [&'static str; 7] = [
        "linear",
        "1-sqrt",
        "cosine",
        "mirror cosine",
        "square",
        "exponential",
        "lowered linear",
    ];

    /// Its place in [`Cooldown::ALL`].
    pub fn index(self) -> usize {
        Self::ALL.iter().position(|s| *s == self).unwrap_or(0)
    }

    /// The shape at a place of [`Cooldown::ALL`]; the first for places past the end.
    pub fn from_index(i: usize) -> Self {
        Self::ALL.get(i).copied().unwrap_or(Self::Linear)
    }

    /// Its name on screen.
    pub fn name(self) -> &'static str {
        Self::NAMES[self.index()]
    }

    /// Its formula with the numbers put in, before the floor.
    pub fn formula(self, x: f64) -> String {
        match self {
            Self::Linear => format!("1 - {x:.3}"),
            Self::OneMinusSqrt => format!("1 - √{x:.3}"),
            Self::Cosine => format!("(1 + cos(π × {x:.3})) / 2"),
            Self::MirrorCosine => {
                format!("2 (1 - {x:.3}) - (1 + cos(π × {x:.3})) / 2")
            }
            Self::Square => format!("1 - {x:.3}²"),
            Self::Exponential => format!("floor^{x:.3}"),
            Self::LoweredLinear => format!("{LOWERED} (1 - {x:.3})"),
        }
    }

    /// The factor at share `x` of the cooldown, from 1 to `floor`.
    pub fn factor(self, x: f64, floor: f64) -> f64 {
        let f = match self {
            Self::Linear => 1.0 - x,
            Self::OneMinusSqrt => 1.0 - x.sqrt(),
            Self::Cosine => half_cosine(x),
            Self::MirrorCosine => 2.0 * (1.0 - x) - half_cosine(x),
            Self::Square => 1.0 - x * x,
            Self::Exponential => return num::pow(floor, x),
            Self::LoweredLinear => LOWERED * (1.0 - x),
        };
        floor + (1.0 - floor) * f
    }
}

/// How the rate rises to its peak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Warmup {
    /// (i + 1) / W.
    Linear,
    /// (1 - cos πx) / 2.
    Cosine,
    /// 1 - √(1 - x).
    OneMinusSqrt,
    /// A tenth of the peak until the warmup ends.
    Constant,
}

impl Warmup {
    /// All of them, in the order of the menu.
    pub const ALL: [Self; 4] = [
        Self::Linear,
        Self::Cosine,
        Self::OneMinusSqrt,
        Self::Constant,
    ];
    /// Their names, in the same order.
    pub const NAMES: [&'static str; 4] = ["linear", "cosine", "1-sqrt", "constant tenth"];

    /// Its place in [`Warmup::ALL`].
    pub fn index(self) -> usize {
        Self::ALL.iter().position(|s| *s == self).unwrap_or(0)
    }

    /// The warmup at a place of [`Warmup::ALL`]; the first for places past the end.
    pub fn from_index(i: usize) -> Self {
        Self::ALL.get(i).copied().unwrap_or(Self::Linear)
    }

    /// Its name on screen.
    pub fn name(self) -> &'static str {
        Self::NAMES[self.index()]
    }

    /// The factor at share `x` of the warmup; 1 at its end.
    pub fn factor(self, x: f64) -> f64 {
        match self {
            Self::Linear => x,
            Self::Cosine => half_cosine(1.0 - x),
            Self::OneMinusSqrt => 1.0 - (1.0 - x).sqrt(),
            Self::Constant if x < 1.0 => 0.1,
            Self::Constant => 1.0,
        }
    }
}

/// (1 + cos πq) / 2.
pub fn half_cosine(q: f64) -> f64 {
    0.5 * (1.0 + num::cos(PI * q))
}

/// REX profile (1 - q) / (1/2 + (1 - q) / 2).
pub fn rex(q: f64) -> f64 {
    (1.0 - q) / (0.5 + 0.5 * (1.0 - q))
}

/// UBA profile 2 (1 + cos πq) / (2 φ + (2 - φ) (1 + cos πq)); φ = 2 is the cosine.
pub fn uba(q: f64, phi: f64) -> f64 {
    let c = 1.0 + num::cos(PI * q);
    2.0 * c / (2.0 * phi + (2.0 - phi) * c)
}
