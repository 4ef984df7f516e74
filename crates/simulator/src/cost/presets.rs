//! Fitted coefficients of published operator times.

use super::hardware::{Gpu, Model};
use serde::{Deserialize, Serialize};

/// A model on a GPU, with fitted coefficients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum CostPreset {
    /// Llama-3-8B on one A100.
    #[default]
    Llama3_8bA100,
    /// Llama-3-70B on four A100.
    Llama3_70bA100Tp4,
    /// Llama-2-70B on four H100.
    Llama2_70bH100Tp4,
    /// Llama-3-8B on one H100.
    Llama3_8bH100,
    /// Llama-3-8B on one H200.
    Llama3_8bH200,
    /// Llama-3-8B on one B200.
    Llama3_8bB200,
    /// Llama-3-8B on one L40S.
    Llama3_8bL40s,
}

impl CostPreset {
    /// All presets, in the order of the menu.
    pub const ALL: [Self; 7] = [
        Self::Llama3_8bA100,
        Self::Llama3_70bA100Tp4,
        Self::Llama2_70bH100Tp4,
        Self::Llama3_8bH100,
        Self::Llama3_8bH200,
        Self::Llama3_8bB200,
        Self::Llama3_8bL40s,
    ];

    /// Names in the menu, in the order of [`Self::ALL`].
    pub const NAMES: [&'static str; 7] = [
        "Llama-3-8B, A100",
        "Llama-3-70B, 4 × A100",
        "Llama-2-70B, 4 × H100",
        "Llama-3-8B, H100",
        "Llama-3-8B, H200",
        "Llama-3-8B, B200",
        "Llama-3-8B, L40S",
    ];

    /// GPUs of one pipeline stage: the tensor-parallel degree.
    pub fn gpus(self) -> u64 {
        match self {
            Self::Llama3_70bA100Tp4 | Self::Llama2_70bH100Tp4 => 4,
            _ => 1,
        }
    }

    /// Bytes of KV per token: 2 · layers · KV heads · head width · 2 bytes.
    pub fn kv_bytes(self) -> f64 {
        match self {
            Self::Llama3_70bA100Tp4 | Self::Llama2_70bH100Tp4 => 327_680.0,
            _ => 131_072.0,
        }
    }

    /// Layers of the model.
    pub fn layers(self) -> u32 {
        match self {
            Self::Llama3_70bA100Tp4 | Self::Llama2_70bH100Tp4 => 80,
            _ => 32,
        }
    }

    /// The GPU.
    pub fn gpu(self) -> Gpu {
        match self {
            Self::Llama3_8bA100 | Self::Llama3_70bA100Tp4 => Gpu::A100,
            Self::Llama2_70bH100Tp4 | Self::Llama3_8bH100 => Gpu::H100,
            Self::Llama3_8bH200 => Gpu::H200,
            Self::Llama3_8bB200 => Gpu::B200,
            Self::Llama3_8bL40s => Gpu::L40s,
        }
    }

    /// The model; Llama-2-70B has the shape of Llama-3-70B.
    pub fn model(self) -> Model {
        match self {
            Self::Llama3_70bA100Tp4 | Self::Llama2_70bH100Tp4 => Model::Llama3_70b,
            _ => Model::Llama3_8b,
        }
    }

    /// Mean and 95th percentile of the relative error on 500 batches held back, in per cent.
    pub fn error_percent(self) -> [f64; 2] {
        match self {
            Self::Llama3_8bA100 => [5.1, 12.8],
            Self::Llama3_70bA100Tp4 => [3.7, 10.0],
            Self::Llama2_70bH100Tp4 => [5.1, 14.3],
            Self::Llama3_8bH100 => [4.4, 11.6],
            Self::Llama3_8bH200 => [4.4, 10.8],
            Self::Llama3_8bB200 => [3.5, 8.6],
            Self::Llama3_8bL40s => [9.5, 21.3],
        }
    }

    /// c0 to c4 in seconds.
    pub fn coefficients(self) -> [f64; 5] {
        match self {
            Self::Llama3_8bA100 => [8.839e-3, 6.302e-5, 2.736e-9, 5.323e-5, 8.213e-8],
            Self::Llama3_70bA100Tp4 => [3.073e-2, 1.792e-4, 3.838e-9, 1.587e-4, 6.050e-8],
            Self::Llama2_70bH100Tp4 => [2.230e-2, 6.024e-5, 6.13e-10, 3.945e-5, 2.827e-8],
            Self::Llama3_8bH100 => [5.968e-3, 1.553e-5, 7.75e-10, 1.435e-5, 4.026e-8],
            Self::Llama3_8bH200 => [4.408e-3, 1.691e-5, 4.20e-10, 1.660e-5, 2.910e-8],
            Self::Llama3_8bB200 => [3.358e-3, 8.374e-6, 3.70e-10, 7.016e-6, 1.654e-8],
            Self::Llama3_8bL40s => [2.217e-2, 4.104e-5, 2.941e-9, 4.931e-5, 9.982e-8],
        }
    }
}
