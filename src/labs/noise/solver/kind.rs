//! The samplers by name.

use serde::{Deserialize, Serialize};

/// Which sampler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SolverKind {
    /// First order, with a share `eta` of fresh noise (0: deterministic, 1: DDPM ancestral).
    #[default]
    Ddim,
    /// First order in sigma: DDIM at eta 0.
    Euler,
    /// Second order: the average of the slopes at both ends. Two calls a step.
    Heun,
    /// DPM-Solver++(2M): second order from the previous estimate.
    DpmPp2m,
    /// UniPC of order 2: a multistep predictor with a corrector that costs no call.
    UniPc,
    /// Linear multistep of order 4.
    Lms,
    /// k-diffusion's ancestral Euler: a deterministic sub-step, then noise up.
    EulerAncestral,
    /// DPM-Solver++(2S): second order from a call in the middle of the step. Two calls a step.
    DpmPp2s,
    /// SDE-DPM-Solver++(2M): 2M with a share `eta` of fresh noise.
    DpmPp2mSde,
    /// UniPC of order 3.
    #[serde(rename = "uni_pc3")]
    UniPc3,
    /// PLMS (iPNDM): Adams-Bashforth weights of equal steps, order 4.
    Plms,
    /// Euler on the flow path x = (1 - u) x0 + u eps: the same points as DDIM.
    FlowEuler,
    /// Heun after raising the noise by a share of what EDM allows: gamma = eta (sqrt 2 - 1).
    HeunChurn,
    /// Optimal Linear Subspace Search: fitted combinations of the start and all noise estimates.
    Olss,
    /// Multistep consistency sampling: to the end of the exact flow, and up again with fresh noise.
    Consistency,
}

impl SolverKind {
    /// All, in the order of the menu.
    pub const ALL: [Self; 15] = [
        Self::Ddim,
        Self::Euler,
        Self::FlowEuler,
        Self::Heun,
        Self::DpmPp2s,
        Self::DpmPp2m,
        Self::UniPc,
        Self::UniPc3,
        Self::Lms,
        Self::Plms,
        Self::EulerAncestral,
        Self::DpmPp2mSde,
        Self::HeunChurn,
        Self::Olss,
        Self::Consistency,
    ];

    /// Whether `eta` adds fresh noise to it.
    pub fn takes_noise(self) -> bool {
        matches!(
            self,
            Self::Ddim | Self::EulerAncestral | Self::DpmPp2mSde | Self::HeunChurn
        )
    }

    /// Order of UniPC; 2 for the others, which do not read it.
    pub fn order(self) -> usize {
        if self == Self::UniPc3 { 3 } else { 2 }
    }

    /// Evaluations of the denoiser behind one call, roughly: the exact consistency function
    /// follows the flow to its end.
    pub(in crate::labs::noise) fn evaluations(self) -> usize {
        if self == Self::Consistency { 150 } else { 1 }
    }

    /// Its name in legends.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ddim => "DDIM",
            Self::Euler => "Euler",
            Self::Heun => "Heun",
            Self::DpmPp2m => "DPM-Solver++ 2M",
            Self::UniPc => "UniPC-2",
            Self::Lms => "LMS-4",
            Self::EulerAncestral => "Euler ancestral",
            Self::DpmPp2s => "DPM-Solver++ 2S",
            Self::DpmPp2mSde => "DPM-Solver++ 2M SDE",
            Self::UniPc3 => "UniPC-3",
            Self::Plms => "PLMS",
            Self::FlowEuler => "flow Euler",
            Self::HeunChurn => "Heun with churn",
            Self::Olss => "OLSS",
            Self::Consistency => "consistency",
        }
    }
}

/// Calls of the denoiser per point that a solver needs for `steps` steps ending at level 0.
pub fn calls_needed(kind: SolverKind, steps: usize) -> usize {
    match kind {
        SolverKind::Heun | SolverKind::HeunChurn | SolverKind::DpmPp2s => {
            (2 * steps).saturating_sub(1)
        }
        _ => steps,
    }
}
