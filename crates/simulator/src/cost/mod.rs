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
pub use roofline::{Bound, Choices, Parts, Roofline, blocks_that_fit};

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
    /// One of the others where computing and reading memory go on at the same time.
    Overlapped(Box<Self>),
}

/// What work asks of the two sides of a GPU, in seconds on all stages together.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Demand {
    /// Computing: c1·P + c2·Q + c3·D, or operations over the rate reached.
    pub compute: f64,
    /// Reading KV: c4·K, or its bytes over the bandwidth reached.
    pub kv: f64,
    /// Reading weights, where they are told apart from what is fixed.
    pub weights: f64,
    /// What overlaps with nothing: c0, or the CPU and the links.
    pub fixed: f64,
}

impl Demand {
    /// Seconds of an iteration whose operators overlap: fixed + max(computing, reading).
    pub fn overlapped(&self) -> f64 {
        self.fixed + self.compute.max(self.weights + self.kv)
    }

    /// Compute density: seconds of computing over seconds of reading KV.
    pub fn density(&self) -> f64 {
        self.compute / self.kv.max(f64::MIN_POSITIVE)
    }
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
            Self::Overlapped(inner) => {
                let send = match &**inner {
                    Self::Roofline(roofline) if stages > 1 => roofline.send_seconds(work),
                    _ => 0.0,
                };
                inner.demand(work).overlapped() / parts + send
            }
        }
    }

    /// What work asks of computing and of memory.
    pub fn demand(&self, work: &Work) -> Demand {
        match self {
            Self::Linear(c) | Self::Hinge(_, c) => {
                let bend = if let Self::Hinge(bend, _) = self {
                    c[1] * bend
                } else {
                    0.0
                };
                let decodes = if let Self::Hinge(..) = self {
                    c[1] + c[3]
                } else {
                    c[3]
                };
                Demand {
                    compute: c[1] * work.prefill as f64
                        + c[2] * work.quad as f64
                        + decodes * work.decodes as f64,
                    kv: c[4] * work.kv_read as f64,
                    weights: bend,
                    fixed: c[0],
                }
            }
            Self::Roofline(roofline) => roofline.demand(work),
            Self::Overlapped(inner) => inner.demand(work),
        }
    }

    /// Seconds of one of `stages` stages in which an iteration computes and in which it reads
    /// memory, where the two overlap; nothing otherwise.
    pub fn busy(&self, work: &Work, stages: u32) -> [f64; 2] {
        let Self::Overlapped(inner) = self else {
            return [0.0; 2];
        };
        let demand = inner.demand(work);
        [demand.compute, demand.weights + demand.kv].map(|secs| secs / f64::from(stages))
    }

    /// The roofline, where the model is one.
    pub fn roofline(&self) -> Option<&Roofline> {
        match self {
            Self::Roofline(roofline) => Some(roofline),
            Self::Overlapped(inner) => inner.roofline(),
            Self::Linear(_) | Self::Hinge(..) => None,
        }
    }

    /// Experts whose weights an iteration reads, summed over layers; 0 without experts.
    pub fn expert_loads(&self, work: &Work) -> f64 {
        self.roofline().map_or(0.0, |r| r.expert_loads(work))
    }

    /// What one of `stages` stages of an iteration spends its seconds on, in words.
    pub fn parts(&self, work: &Work, stages: u32) -> Vec<(&'static str, f64)> {
        let parts = f64::from(stages);
        let (decodes, tokens) = (work.decodes as f64, (work.prefill + work.decodes) as f64);
        let (quad, read) = (work.quad as f64, work.kv_read as f64);
        let whole = match self {
            Self::Linear(c) => vec![
                ("fixed", c[0]),
                ("prompt tokens", c[1] * work.prefill as f64),
                ("attention of prompts", c[2] * quad),
                ("decodes", c[3] * decodes),
                ("KV read", c[4] * read),
            ],
            Self::Hinge(bend, c) => vec![
                ("fixed", c[0]),
                ("tokens", c[1] * tokens.max(*bend)),
                ("attention of prompts", c[2] * quad),
                ("decodes", c[3] * decodes),
                ("KV read", c[4] * read),
            ],
            Self::Roofline(roofline) => {
                let p = roofline.parts(work);
                let linear = if p.linear.computes {
                    "linear layers, bound by computing"
                } else {
                    "linear layers, bound by reading weights"
                };
                let attention = if p.attention.computes {
                    "attention, bound by computing"
                } else {
                    "attention, bound by reading KV"
                };
                vec![
                    (linear, p.linear.secs),
                    (attention, p.attention.secs),
                    ("all-reduces between GPUs", p.reduce),
                    ("CPU", p.cpu),
                ]
            }
            Self::Overlapped(inner) => {
                let demand = inner.demand(work);
                let reading = demand.weights + demand.kv;
                let longer = if demand.compute >= reading {
                    "computing, with reading beside it"
                } else {
                    "reading memory, with computing beside it"
                };
                vec![
                    ("fixed", demand.fixed),
                    (longer, demand.compute.max(reading)),
                ]
            }
        };
        let mut out: Vec<_> = (whole.into_iter())
            .map(|(name, secs)| (name, secs / parts))
            .filter(|(_, secs)| *secs > 0.0)
            .collect();
        if let (Some(roofline), 2..) = (self.roofline(), stages) {
            out.push(("hand-over to the next stage", roofline.send_seconds(work)));
        }
        out
    }

    /// Refuses coefficients with which time could stand still or run backwards.
    ///
    /// # Errors
    /// The first such coefficient.
    pub fn check(&self) -> Result<()> {
        let c = match self {
            Self::Linear(c) | Self::Hinge(_, c) => c,
            Self::Roofline(_) => return Ok(()),
            Self::Overlapped(inner) => return inner.check(),
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
    fn the_parts_of_an_iteration_add_up_to_it() {
        let work = Work {
            prefill: 512,
            quad: 512 * 512 + 2 * 512 * 300,
            decodes: 40,
            kv_read: 40_300,
            prefill_past: 300,
            swap_blocks: 0,
            swap_groups: 0,
            layered: crate::engine::Layered::default(),
        };
        let roofline = Roofline::new(&Choices {
            shape: Model::Llama3_8b.shape().unwrap(),
            gpu: Gpu::A100.spec().unwrap(),
            tensor_parallel: 4,
            flops_share: 0.65,
            bandwidth_share: 0.78,
            clock: 1.0,
            reduce_secs: 5e-6,
            cpu_secs: 3e-4,
            expert_skew: 0.0,
        });
        for cost in [
            CostModel::from([1e-3, 1e-4, 1e-9, 1e-5, 1e-8]),
            CostModel::Hinge(600.0, [1e-3, 1e-4, 1e-9, 1e-5, 1e-8]),
            CostModel::Roofline(Arc::new(roofline.clone())),
            CostModel::Overlapped(Box::new([1e-3, 1e-4, 1e-9, 1e-5, 1e-8].into())),
            CostModel::Overlapped(Box::new(CostModel::Roofline(Arc::new(roofline)))),
        ] {
            for stages in [1, 4] {
                let sum: f64 = cost.parts(&work, stages).iter().map(|p| p.1).sum();
                let whole = cost.stage_seconds(&work, stages);
                assert!((sum / whole - 1.0).abs() < 1e-12, "{cost:?} {sum} {whole}");
            }
        }
    }

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
