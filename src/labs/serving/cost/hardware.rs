//! Models and GPUs by their published figures.

use serde::{Deserialize, Serialize};

/// A GPU. Peaks are dense bf16 without sparsity, from the tables of ai-dynamo/aiconfigurator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Gpu {
    /// A100 SXM with 80 GB.
    #[default]
    A100,
    /// H100 SXM.
    H100,
    /// H200 SXM.
    H200,
    /// B200 SXM.
    B200,
    /// L40S on PCIe.
    L40s,
}

impl Gpu {
    /// All, in the order of the menu.
    pub const ALL: [Self; 5] = [Self::A100, Self::H100, Self::H200, Self::B200, Self::L40s];
    /// Names in the menu, in the order of [`Self::ALL`].
    pub const NAMES: [&'static str; 5] = ["A100 80 GB", "H100", "H200", "B200", "L40S"];

    /// Dense bf16 peak in FLOP/s.
    pub fn flops(self) -> f64 {
        1e12 * match self {
            Self::A100 => 312.0,
            Self::H100 | Self::H200 => 989.0,
            Self::B200 => 2250.0,
            Self::L40s => 362.0,
        }
    }

    /// Memory bandwidth in bytes per second.
    pub fn bandwidth(self) -> f64 {
        1e12 * match self {
            Self::A100 => 2.039,
            Self::H100 => 3.35,
            Self::H200 => 4.80,
            Self::B200 => 7.70,
            Self::L40s => 0.864,
        }
    }

    /// Memory in bytes.
    pub fn memory(self) -> f64 {
        (1_u64 << 30) as f64
            * match self {
                Self::A100 | Self::H100 => 80.0,
                Self::H200 => 141.0,
                Self::B200 => 180.0,
                Self::L40s => 45.0,
            }
    }

    /// Link to other GPUs, one way, in bytes per second.
    pub fn link(self) -> f64 {
        1e9 * match self {
            Self::A100 => 300.0,
            Self::H100 | Self::H200 => 450.0,
            Self::B200 => 900.0,
            Self::L40s => 32.0,
        }
    }

    /// Thermal design power in watts.
    pub fn tdp_watts(self) -> f64 {
        match self {
            Self::A100 => 400.0,
            Self::H100 | Self::H200 => 700.0,
            Self::B200 => 1000.0,
            Self::L40s => 350.0,
        }
    }
}

/// A model by the shape in its published config. Parameter counts are the makers' round figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Model {
    /// Llama-3-8B.
    #[default]
    Llama3_8b,
    /// Llama-3-70B.
    Llama3_70b,
    /// Qwen2.5-7B.
    Qwen2_5_7b,
    /// Qwen3-14B.
    Qwen3_14b,
    /// Mixtral-8x7B.
    Mixtral8x7b,
    /// Qwen3-30B-A3B.
    Qwen3_30bA3b,
    /// DeepSeek-V3.
    DeepseekV3,
}

/// The shape of a model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    /// Layers.
    pub layers: f64,
    /// Width.
    pub width: f64,
    /// Heads times their width, in prefill and (absorbed, for MLA) in decode.
    pub attention: [f64; 2],
    /// Parameters, and those active for a token.
    pub params: [f64; 2],
    /// Bytes of KV per token, bf16.
    pub kv_bytes: f64,
    /// Experts, if it has any.
    pub experts: Option<Experts>,
}

/// Experts of a mixture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Experts {
    /// Layers with experts.
    pub layers: f64,
    /// Experts per layer.
    pub count: u32,
    /// Experts per token.
    pub active: u32,
    /// Width of an expert.
    pub ffn: f64,
}

impl Model {
    /// All, in the order of the menu.
    pub const ALL: [Self; 7] = [
        Self::Llama3_8b,
        Self::Llama3_70b,
        Self::Qwen2_5_7b,
        Self::Qwen3_14b,
        Self::Mixtral8x7b,
        Self::Qwen3_30bA3b,
        Self::DeepseekV3,
    ];
    /// Names in the menu, in the order of [`Self::ALL`].
    pub const NAMES: [&'static str; 7] = [
        "Llama-3-8B",
        "Llama-3-70B",
        "Qwen2.5-7B",
        "Qwen3-14B",
        "Mixtral-8x7B",
        "Qwen3-30B-A3B",
        "DeepSeek-V3",
    ];

    /// Its shape.
    pub fn shape(self) -> Shape {
        let dense = |layers, width, heads: f64, params: f64, kv_bytes| Shape {
            layers,
            width,
            attention: [heads * 128.0; 2],
            params: [params * 1e9; 2],
            kv_bytes,
            experts: None,
        };
        match self {
            Self::Llama3_8b => dense(32.0, 4096.0, 32.0, 8.03, 131_072.0),
            Self::Llama3_70b => dense(80.0, 8192.0, 64.0, 70.6, 327_680.0),
            Self::Qwen2_5_7b => dense(28.0, 3584.0, 28.0, 7.6, 57_344.0),
            Self::Qwen3_14b => dense(40.0, 5120.0, 40.0, 14.8, 163_840.0),
            Self::Mixtral8x7b => Shape {
                params: [46.7e9, 12.9e9],
                experts: Some(Experts {
                    layers: 32.0,
                    count: 8,
                    active: 2,
                    ffn: 14_336.0,
                }),
                ..dense(32.0, 4096.0, 32.0, 46.7, 131_072.0)
            },
            Self::Qwen3_30bA3b => Shape {
                params: [30.5e9, 3.3e9],
                experts: Some(Experts {
                    layers: 48.0,
                    count: 128,
                    active: 8,
                    ffn: 768.0,
                }),
                ..dense(48.0, 2048.0, 32.0, 30.5, 98_304.0)
            },
            Self::DeepseekV3 => Shape {
                layers: 61.0,
                width: 7168.0,
                // Prefill: query and key 192, value 128. Decode: absorbed, 576 and 512.
                attention: [128.0 * 160.0, 128.0 * 544.0],
                params: [671e9, 37e9],
                kv_bytes: 70_272.0,
                experts: Some(Experts {
                    layers: 58.0,
                    count: 256,
                    active: 8,
                    ffn: 2048.0,
                }),
            },
        }
    }
}
