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
    /// With figures of one's own.
    Own,
}

impl Gpu {
    /// All, in the order of the menu.
    pub const ALL: [Self; 6] = [
        Self::A100,
        Self::H100,
        Self::H200,
        Self::B200,
        Self::L40s,
        Self::Own,
    ];
    /// Names in the menu, in the order of [`Self::ALL`].
    pub const NAMES: [&'static str; 6] = ["A100 80 GB", "H100", "H200", "B200", "L40S", "Own"];

    /// Its published figures; `None` for a GPU of one's own.
    pub fn spec(self) -> Option<GpuSpec> {
        let spec = |tflops, tbps, gib, link_gbps, watts| GpuSpec {
            tflops,
            tbps,
            gib,
            link_gbps,
            watts,
        };
        Some(match self {
            Self::A100 => spec(312.0, 2.039, 80.0, 300.0, 400.0),
            Self::H100 => spec(989.0, 3.35, 80.0, 450.0, 700.0),
            Self::H200 => spec(989.0, 4.80, 141.0, 450.0, 700.0),
            Self::B200 => spec(2250.0, 7.70, 180.0, 900.0, 1000.0),
            Self::L40s => spec(362.0, 0.864, 45.0, 32.0, 350.0),
            Self::Own => return None,
        })
    }
}

/// Figures of a GPU.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GpuSpec {
    /// Dense bf16 peak in TFLOP/s.
    pub tflops: f64,
    /// Memory bandwidth in TB/s.
    pub tbps: f64,
    /// Memory in GiB.
    pub gib: f64,
    /// Link to other GPUs, one way, in GB/s.
    pub link_gbps: f64,
    /// Thermal design power in watts.
    pub watts: f64,
}

impl GpuSpec {
    /// Dense bf16 peak in FLOP/s.
    pub fn flops(&self) -> f64 {
        1e12 * self.tflops
    }

    /// Memory bandwidth in bytes per second.
    pub fn bandwidth(&self) -> f64 {
        1e12 * self.tbps
    }

    /// Memory in bytes.
    pub fn memory(&self) -> f64 {
        (1_u64 << 30) as f64 * self.gib
    }

    /// Link to other GPUs, one way, in bytes per second.
    pub fn link(&self) -> f64 {
        1e9 * self.link_gbps
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
    /// With a shape of one's own.
    Own,
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
    pub const ALL: [Self; 8] = [
        Self::Llama3_8b,
        Self::Llama3_70b,
        Self::Qwen2_5_7b,
        Self::Qwen3_14b,
        Self::Mixtral8x7b,
        Self::Qwen3_30bA3b,
        Self::DeepseekV3,
        Self::Own,
    ];
    /// Names in the menu, in the order of [`Self::ALL`].
    pub const NAMES: [&'static str; 8] = [
        "Llama-3-8B",
        "Llama-3-70B",
        "Qwen2.5-7B",
        "Qwen3-14B",
        "Mixtral-8x7B",
        "Qwen3-30B-A3B",
        "DeepSeek-V3",
        "Own",
    ];

    /// Its shape; `None` for a model of one's own.
    pub fn shape(self) -> Option<Shape> {
        let dense = |layers, width, heads: f64, params: f64, kv_bytes| Shape {
            layers,
            width,
            attention: [heads * 128.0; 2],
            params: [params * 1e9; 2],
            kv_bytes,
            experts: None,
        };
        Some(match self {
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
            Self::Own => return None,
        })
    }
}
