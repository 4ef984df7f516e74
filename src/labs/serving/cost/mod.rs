//! What an iteration costs: a linear model with fitted coefficients, one with a bend, or a roofline
//! from published figures of model and GPU.
//!
//! Linear: t = c0 + c1·P + c2·Q + c3·D + c4·K with P prefill tokens, Q = Σ(q² + 2·q·past) over
//! prefill chunks, D decodes, K tokens of KV read. Coefficients are fitted to operator medians
//! published with microsoft/vidur and ai-dynamo/aiconfigurator; two independent tables for the same
//! GPU differ by 20 %, so more than two digits of a latency mean nothing.
//!
//! Left out by all of them: gaps between kernels, padding of captured graphs, contention of
//! all-reduces, quantisation of tiles, the network in front.

mod fit;
mod hardware;
pub mod power;
mod presets;
mod profile;
mod roofline;

pub use fit::{Fit, Measured, fit, fit_hinge, looks_like_profile, read_profile};
pub use hardware::{Experts, Gpu, GpuSpec, Model, Shape};
pub use presets::CostPreset;
pub use profile::Profile;
pub use roofline::{Choices, Roofline, blocks_that_fit};

use super::engine::Work;
use crate::core::{Error, Result};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Which model of the cost is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum CostKind {
    /// Linear, with the coefficients of a preset.
    #[default]
    Preset,
    /// Linear, with coefficients of one's own.
    Linear,
    /// With a bend: c0 + c1·max(bend, P + D) + c2·Q + c3·D + c4·K.
    Hinge,
    /// Roofline of model and GPU.
    Roofline,
}

impl CostKind {
    /// All, in the order of the menu.
    pub const ALL: [Self; 4] = [Self::Preset, Self::Linear, Self::Hinge, Self::Roofline];
    /// Names in the menu, in the order of [`Self::ALL`].
    pub const NAMES: [&'static str; 4] = [
        "Fitted, presets",
        "Linear, own",
        "With a bend, own",
        "Roofline",
    ];
}

/// Seconds of an iteration by what it asks of the hardware.
#[derive(Debug, Clone, PartialEq)]
pub enum CostModel {
    /// c0 to c4.
    Linear([f64; 5]),
    /// The bend in tokens, and c0 to c4.
    Hinge(f64, [f64; 5]),
    /// From published figures.
    Roofline(Arc<Roofline>),
}

impl From<[f64; 5]> for CostModel {
    fn from(c: [f64; 5]) -> Self {
        Self::Linear(c)
    }
}

impl CostModel {
    /// Seconds of one of `stages` stages of an iteration.
    pub fn stage_seconds(&self, work: &Work, stages: u32) -> f64 {
        let parts = f64::from(stages);
        match self {
            Self::Linear(c) => work.seconds(c) / parts,
            Self::Hinge(bend, c) => {
                let tokens = (work.prefill + work.decodes) as f64;
                let whole = c[0]
                    + c[1] * tokens.max(*bend)
                    + c[2] * work.quad as f64
                    + c[3] * work.decodes as f64
                    + c[4] * work.kv_read as f64;
                whole / parts
            }
            Self::Roofline(roofline) => {
                let send = if stages > 1 {
                    roofline.send_seconds(work)
                } else {
                    0.0
                };
                roofline.seconds(work) / parts + send
            }
        }
    }

    /// Refuses coefficients with which time could stand still or run backwards.
    ///
    /// # Errors
    /// The first such coefficient.
    pub fn check(&self) -> Result<()> {
        let (Self::Linear(c) | Self::Hinge(_, c)) = self else {
            return Ok(());
        };
        for (i, c) in c.iter().enumerate() {
            if !(c.is_finite() && *c >= 0.0) {
                return Err(Error::out_of_range(
                    format!("c{i}"),
                    c,
                    "finite, not negative",
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn below_the_bend_tokens_cost_nothing_more() {
        let hinge = CostModel::Hinge(100.0, [1e-3, 1e-4, 0.0, 0.0, 0.0]);
        let of = |prefill| Work {
            prefill,
            ..Work::default()
        };
        assert_eq!(
            hinge.stage_seconds(&of(10), 1),
            hinge.stage_seconds(&of(100), 1)
        );
        assert!((hinge.stage_seconds(&of(200), 1) - 0.021).abs() < 1e-12);
        assert!((hinge.stage_seconds(&of(200), 2) - 0.0105).abs() < 1e-12);
        assert!(
            CostModel::from([0.0, f64::NAN, 0.0, 0.0, 0.0])
                .check()
                .is_err()
        );
    }
}
