//! What a config says about models and GPUs.

use super::super::cost::{
    Choices, CostKind, CostModel, Experts, Gpu, GpuSpec, Roofline, Shape, blocks_that_fit,
};
use super::super::policies::Feature;
use super::Config;

/// Share of a GPU's memory that is kept free.
const MARGIN: f64 = 0.1;

impl Config {
    /// Stages in use: schedulers written for one stage keep one.
    pub fn stages(&self) -> u64 {
        if self.scheduler.has(Feature::Stages) {
            self.pipeline_stages
        } else {
            1
        }
    }

    /// GPUs that share every layer.
    pub fn tensor_parallel(&self) -> u64 {
        match self.cost_kind {
            CostKind::Preset => self.cost.gpus(),
            CostKind::Roofline => self.roofline_tensor_parallel,
            CostKind::Linear | CostKind::Hinge => 1,
        }
    }

    /// Bytes of KV per token, on all GPUs of an instance together.
    pub fn kv_bytes_per_token(&self) -> f64 {
        match self.cost_kind {
            CostKind::Preset => self.cost.kv_bytes(),
            CostKind::Roofline => self.shape().kv_bytes,
            CostKind::Linear | CostKind::Hinge => self.kv_bytes,
        }
    }

    /// The GPU, for its power.
    pub fn gpu(&self) -> Gpu {
        match self.cost_kind {
            CostKind::Preset => self.cost.gpu(),
            _ => self.roofline_gpu,
        }
    }

    /// The figures of the GPU.
    pub fn gpu_spec(&self) -> GpuSpec {
        self.gpu().spec().unwrap_or(GpuSpec {
            tflops: self.own_gpu_tflops,
            tbps: self.own_gpu_tbps,
            gib: self.own_gpu_gib,
            link_gbps: self.own_gpu_link_gbps,
            watts: self.own_gpu_watts,
        })
    }

    /// The shape of the roofline's model.
    pub fn shape(&self) -> Shape {
        let layers = self.own_model_layers as f64;
        self.model.shape().unwrap_or(Shape {
            layers,
            width: self.own_model_width as f64,
            attention: [self.own_model_attention as f64; 2],
            params: [self.own_model_params * 1e9, self.own_model_active * 1e9],
            kv_bytes: self.kv_bytes,
            experts: (self.own_model_experts > 0).then_some(Experts {
                layers,
                count: self.own_model_experts as u32,
                active: self.own_model_topk as u32,
                ffn: self.own_model_expert_width as f64,
            }),
        })
    }

    /// Makes the figures of the GPU in use one's own, to be changed.
    pub fn adopt_gpu(&mut self) {
        let spec = self.gpu_spec();
        self.own_gpu_tflops = spec.tflops;
        self.own_gpu_tbps = spec.tbps;
        self.own_gpu_gib = spec.gib;
        self.own_gpu_link_gbps = spec.link_gbps;
        self.own_gpu_watts = spec.watts;
    }

    /// Makes the shape of the model in use one's own, to be changed. Of an attention whose decode
    /// differs from its prefill the prefill is kept.
    pub fn adopt_model(&mut self) {
        let shape = self.shape();
        self.own_model_layers = shape.layers as u64;
        self.own_model_width = shape.width as u64;
        self.own_model_attention = shape.attention[0] as u64;
        [self.own_model_params, self.own_model_active] = shape.params.map(|p| p / 1e9);
        self.kv_bytes = shape.kv_bytes;
        self.own_model_experts = shape.experts.map_or(0, |e| u64::from(e.count));
        if let Some(experts) = shape.experts {
            self.own_model_topk = u64::from(experts.active);
            self.own_model_expert_width = experts.ffn as u64;
        }
    }

    /// Makes the coefficients in use one's own, to be changed, where they are those of a preset.
    pub fn adopt_coefficients(&mut self) {
        if self.cost_kind == CostKind::Preset {
            self.roofline_gpu = self.cost.gpu();
            self.kv_bytes = self.cost.kv_bytes();
            [self.c0, self.c1, self.c2, self.c3, self.c4] = self.cost.coefficients();
        }
    }

    /// The same model and GPU under the roofline, which knows every degree of tensor parallelism,
    /// where the cost is that of a preset.
    pub fn on_roofline(&self) -> Self {
        let mut config = self.clone();
        if self.cost_kind == CostKind::Preset {
            config.cost_kind = CostKind::Roofline;
            config.model = self.cost.model();
            config.roofline_gpu = self.cost.gpu();
            config.roofline_tensor_parallel = self.cost.gpus();
        }
        config
    }

    pub(super) fn roofline(&self) -> Choices {
        Choices {
            shape: self.shape(),
            gpu: self.gpu_spec(),
            tensor_parallel: self.roofline_tensor_parallel,
            flops_share: self.flops_share,
            bandwidth_share: self.bandwidth_share,
            clock: self.clock,
            reduce_secs: self.reduce_micros * 1e-6,
            cpu_secs: self.cpu_millis * 1e-3,
            expert_skew: self.expert_skew,
        }
    }

    /// What an iteration costs.
    pub fn cost_model(&self) -> CostModel {
        let model = self.cost_in_turn();
        if self.overlaps() {
            return CostModel::Overlapped(Box::new(model));
        }
        model
    }

    /// Whether computing and reading memory go on at the same time. Not while prompts and decodes
    /// run through different layers.
    pub fn overlaps(&self) -> bool {
        self.overlap && !self.scheduler.has(Feature::Layered)
    }

    /// The cost where operators follow each other. A lower clock slows what computes: c1 and c2.
    fn cost_in_turn(&self) -> CostModel {
        let slowed = |c: [f64; 5]| [c[0], c[1] / self.clock, c[2] / self.clock, c[3], c[4]];
        let own = [self.c0, self.c1, self.c2, self.c3, self.c4];
        match self.cost_kind {
            CostKind::Preset => CostModel::Linear(slowed(self.cost.coefficients())),
            CostKind::Linear => CostModel::Linear(slowed(own)),
            CostKind::Hinge => CostModel::Hinge(self.bend_tokens, slowed(own)),
            CostKind::Roofline => CostModel::Roofline(Roofline::new(&self.roofline()).into()),
        }
    }

    /// Whether the KV pool follows from the memory of the GPUs.
    pub fn sizes_pool(&self) -> bool {
        self.cost_kind == CostKind::Roofline && self.blocks_from_memory
    }

    /// KV blocks that the roofline's weights leave room for on the GPUs of one instance, a tenth of
    /// their memory kept free; `None` where the weights do not fit.
    pub fn blocks_beside_weights(&self) -> Option<u64> {
        blocks_that_fit(&self.roofline(), self.stages(), self.block_size, MARGIN)
    }

    /// Memory of the GPUs of one instance for weights and KV, in bytes.
    pub fn usable_memory(&self) -> f64 {
        let gpus = (self.tensor_parallel() * self.stages()) as f64;
        gpus * self.gpu_spec().memory() * (1.0 - MARGIN)
    }

    /// KV blocks of one instance; at least one, the check refuses a model that does not fit.
    pub fn kv_blocks(&self) -> u64 {
        if self.sizes_pool() {
            self.blocks_beside_weights()
                .unwrap_or(1)
                .min(100_000_000 / self.block_size)
        } else {
            self.num_blocks
        }
    }

    /// GPUs of all instances together.
    pub fn gpus(&self) -> u64 {
        self.replicas * self.stages() * self.tensor_parallel()
    }

    /// Tokens the pool of one instance holds.
    pub fn pool_tokens(&self) -> u64 {
        self.block_size * self.kv_blocks()
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::cost::Model;
    use super::*;

    #[test]
    fn own_hardware_begins_with_the_preset_and_can_be_changed() {
        let roofline = Config {
            cost_kind: CostKind::Roofline,
            model: Model::Qwen3_30bA3b,
            roofline_gpu: Gpu::H100,
            ..Config::default()
        };
        let mut own = roofline.clone();
        own.adopt_model();
        own.adopt_gpu();
        (own.model, own.roofline_gpu) = (Model::Own, Gpu::Own);
        assert_eq!(own.check(), Ok(()));
        assert_eq!(own.cost_model(), roofline.cost_model());
        assert_eq!(own.kv_blocks(), roofline.kv_blocks());
        let more = Config {
            own_gpu_gib: 141.0,
            ..own.clone()
        };
        assert!(more.kv_blocks() > own.kv_blocks(), "more memory");
        let small = Config {
            own_model_params: 5.0,
            own_model_active: 3.0,
            ..own
        };
        let error = small.check().unwrap_err().to_string();
        assert!(error.contains("experts"), "{error}");
        let mut linear = Config::default();
        linear.adopt_coefficients();
        linear.cost_kind = CostKind::Linear;
        assert_eq!(linear.cost_model(), Config::default().cost_model());
    }
}
