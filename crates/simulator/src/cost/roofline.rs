//! Iteration time without a profile: the larger of computing and moving bytes, apart for the linear
//! layers and for attention.

use super::Demand;
use super::hardware::{Experts, GpuSpec, Shape};
use crate::core::num;
use crate::engine::Work;

/// A model on n GPUs with shares of their peaks that are reached in practice.
#[derive(Debug, Clone, PartialEq)]
pub struct Roofline {
    shape: Shape,
    /// Bytes of weights that every iteration reads, and of one expert.
    dense_bytes: f64,
    expert_bytes: f64,
    /// Shares of Zipf's law mixed into uniform routing: probability of each expert per token.
    skewed: Option<Vec<f64>>,
    gpus: f64,
    flops: f64,
    bandwidth: f64,
    link: f64,
    reduce_secs: f64,
    cpu_secs: f64,
}

/// Seconds under a roofline, and which side of it holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bound {
    /// The larger of computing and moving bytes.
    pub secs: f64,
    /// Whether computing takes longer than moving the bytes.
    pub computes: bool,
}

/// Seconds of an iteration by what they are spent on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parts {
    /// Linear layers: weights read, products computed.
    pub linear: Bound,
    /// Attention: KV read, products computed.
    pub attention: Bound,
    /// All-reduces between the GPUs that share every layer.
    pub reduce: f64,
    /// Work of the CPU.
    pub cpu: f64,
}

/// What can be chosen about a [`Roofline`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choices {
    /// The model.
    pub shape: Shape,
    /// The GPU.
    pub gpu: GpuSpec,
    /// GPUs that share every layer.
    pub tensor_parallel: u64,
    /// Share of the peak FLOP/s that is reached: 0.65 on an A100 with 2048 tokens.
    pub flops_share: f64,
    /// Share of the memory bandwidth that is reached: 0.78 on an A100.
    pub bandwidth_share: f64,
    /// Clock over its highest.
    pub clock: f64,
    /// Start of an all-reduce: 5 µs in graphs, 20 to 40 µs without.
    pub reduce_secs: f64,
    /// Work of the CPU per iteration.
    pub cpu_secs: f64,
    /// 0 for uniform routing, 1 for shares by Zipf's law.
    pub expert_skew: f64,
}

impl Roofline {
    /// Puts model and GPU together.
    pub fn new(choices: &Choices) -> Self {
        let shape = choices.shape;
        let n = choices.tensor_parallel.max(1) as f64;
        // bf16; gate, up and down matrix of an expert.
        let expert_bytes = shape
            .experts
            .map_or(0.0, |e| 2.0 * 3.0 * shape.width * e.ffn);
        let all_experts = shape
            .experts
            .map_or(0.0, |e| e.layers * f64::from(e.count) * expert_bytes);
        let skewed = shape
            .experts
            .filter(|_| choices.expert_skew > 0.0)
            .map(|e| zipf_mix(&e, choices.expert_skew));
        Self {
            shape,
            dense_bytes: 2.0 * shape.params[0] - all_experts,
            expert_bytes,
            skewed,
            gpus: n,
            flops: n * choices.gpu.flops() * choices.flops_share * choices.clock,
            bandwidth: n * choices.gpu.bandwidth() * choices.bandwidth_share,
            link: choices.gpu.link(),
            reduce_secs: choices.reduce_secs,
            cpu_secs: choices.cpu_secs,
        }
    }

    /// Experts of a layer that `tokens` tokens touch: E·(1 − (1 − k/E)^T) under uniform routing.
    pub fn distinct_experts(&self, tokens: f64) -> f64 {
        let Some(e) = self.shape.experts else {
            return 0.0;
        };
        let count = f64::from(e.count);
        if let Some(shares) = &self.skewed {
            let untouched = shares.iter().map(|p| num::pow(1.0 - p, tokens));
            return count - num::sum(untouched);
        }
        count * (1.0 - num::pow(1.0 - f64::from(e.active) / count, tokens))
    }

    /// Seconds of an iteration on all its stages together.
    pub fn seconds(&self, work: &Work) -> f64 {
        let Parts {
            linear,
            attention,
            reduce,
            cpu,
        } = self.parts(work);
        linear.secs + attention.secs + reduce + cpu
    }

    /// What an iteration spends its seconds on, on all its stages together.
    pub fn parts(&self, work: &Work) -> Parts {
        if work.layered.groups > 1 && work.layered.tokens > 0 {
            return self.layered_parts(work);
        }
        let shape = &self.shape;
        let tokens = (work.prefill + work.decodes) as f64;
        let decode_past = (work.kv_read - work.prefill_past) as f64;
        let experts = shape.experts.map_or(0.0, |e| {
            e.layers * self.expert_bytes * self.distinct_experts(tokens)
        });
        let linear = self.larger(2.0 * shape.params[1] * tokens, self.dense_bytes + experts);
        let attention = self.larger(
            4.0 * shape.layers
                * (shape.attention[0] * work.quad as f64 / 2.0 + shape.attention[1] * decode_past),
            shape.kv_bytes * (work.kv_read as f64 + tokens),
        );
        Parts {
            linear,
            attention,
            reduce: 2.0 * shape.layers * self.reduce(tokens),
            cpu: self.cpu_secs,
        }
    }

    /// What work asks of computing and of memory, with all its prompts in all layers.
    pub fn demand(&self, work: &Work) -> Demand {
        let shape = &self.shape;
        let tokens = (work.prefill + work.decodes) as f64;
        let decode_past = (work.kv_read - work.prefill_past) as f64;
        let experts = shape.experts.map_or(0.0, |e| {
            e.layers * self.expert_bytes * self.distinct_experts(tokens)
        });
        let flops = 2.0 * shape.params[1] * tokens
            + 4.0
                * shape.layers
                * (shape.attention[0] * work.quad as f64 / 2.0 + shape.attention[1] * decode_past);
        Demand {
            compute: flops / self.flops,
            kv: shape.kv_bytes * (work.kv_read as f64 + tokens) / self.bandwidth,
            weights: (self.dense_bytes + experts) / self.bandwidth,
            fixed: 2.0 * shape.layers * self.reduce(tokens) + self.cpu_secs,
        }
    }

    /// The same where prompts run through one of several groups of layers and decodes through all.
    fn layered_parts(&self, work: &Work) -> Parts {
        let shape = &self.shape;
        let (prompts, decodes) = (work.layered.tokens as f64, work.decodes as f64);
        let past = work.kv_read as f64;
        // Of the layers in `share`: tokens there, and what attention of prompts computes.
        let part = |share: f64, tokens: f64, quad: f64| {
            let experts = shape.experts.map_or(0.0, |e| {
                e.layers * self.expert_bytes * self.distinct_experts(tokens)
            });
            let linear = self.larger(
                share * 2.0 * shape.params[1] * tokens,
                share * (self.dense_bytes + experts),
            );
            let attention = self.larger(
                4.0 * shape.layers
                    * (shape.attention[0] * quad / 2.0 + share * shape.attention[1] * past),
                share * shape.kv_bytes * (past + tokens),
            );
            let reduce = share * 2.0 * shape.layers * self.reduce(tokens);
            (linear, attention, reduce)
        };
        let share = 1.0 / f64::from(work.layered.groups);
        let active = part(share, prompts + decodes, work.quad as f64);
        let mut parts = Parts {
            linear: active.0,
            attention: active.1,
            reduce: active.2,
            cpu: self.cpu_secs,
        };
        if work.decodes > 0 {
            let others = part(1.0 - share, decodes, 0.0);
            parts.linear.secs += others.0.secs;
            parts.attention.secs += others.1.secs;
            parts.reduce += others.2;
        }
        parts
    }

    /// Experts whose weights an iteration reads, summed over layers.
    pub fn expert_loads(&self, work: &Work) -> f64 {
        let Some(experts) = self.shape.experts else {
            return 0.0;
        };
        let decodes = work.decodes as f64;
        if work.layered.groups > 1 {
            let share = 1.0 / f64::from(work.layered.groups);
            let tokens = work.layered.tokens as f64 + decodes;
            return experts.layers
                * (share * self.distinct_experts(tokens)
                    + (1.0 - share) * self.distinct_experts(decodes));
        }
        experts.layers * self.distinct_experts(work.prefill as f64 + decodes)
    }

    /// Bytes of the weights of one expert.
    pub fn expert_bytes(&self) -> f64 {
        self.expert_bytes
    }

    /// Seconds to hand the activations of a batch to the next stage.
    pub fn send_seconds(&self, work: &Work) -> f64 {
        let tokens = (work.prefill + work.decodes) as f64;
        self.reduce_secs + 2.0 * self.shape.width * tokens / self.link
    }

    fn larger(&self, flops: f64, bytes: f64) -> Bound {
        let (computing, moving) = (flops / self.flops, bytes / self.bandwidth);
        Bound {
            secs: computing.max(moving),
            computes: computing >= moving,
        }
    }

    /// One all-reduce of the activations.
    fn reduce(&self, tokens: f64) -> f64 {
        if self.gpus <= 1.0 {
            return 0.0;
        }
        let bytes = 2.0 * self.shape.width * tokens;
        2.0 * (self.gpus - 1.0) / self.gpus * bytes / self.link + self.reduce_secs
    }
}

/// Chance of each expert to be chosen by a token: k/E mixed with shares ∝ 1/rank.
fn zipf_mix(experts: &Experts, skew: f64) -> Vec<f64> {
    let (count, active) = (f64::from(experts.count), f64::from(experts.active));
    let total = num::sum((1..=experts.count).map(|rank| 1.0 / f64::from(rank)));
    (1..=experts.count)
        .map(|rank| {
            let zipf = active / f64::from(rank) / total;
            ((1.0 - skew) * active / count + skew * zipf).min(1.0)
        })
        .collect()
}

/// KV blocks that fit beside the weights: ⌊(memory·(1 − margin) − weights) / block⌋ per group of
/// GPUs that share every layer and hold 1/stages of the layers.
pub fn blocks_that_fit(
    choices: &Choices,
    stages: u64,
    block_size: u64,
    margin: f64,
) -> Option<u64> {
    let shape = choices.shape;
    let gpus = (choices.tensor_parallel * stages).max(1) as f64;
    let free = gpus * choices.gpu.memory() * (1.0 - margin) - 2.0 * shape.params[0];
    let blocks = (free / (block_size as f64 * shape.kv_bytes)).floor();
    (blocks >= 1.0).then_some(blocks as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::{Gpu, Model};

    fn choices(model: Model, gpu: Gpu) -> Choices {
        Choices {
            shape: model.shape().unwrap(),
            gpu: gpu.spec().unwrap(),
            tensor_parallel: 1,
            flops_share: 0.65,
            bandwidth_share: 0.78,
            clock: 1.0,
            reduce_secs: 5e-6,
            cpu_secs: 3e-4,
            expert_skew: 0.0,
        }
    }

    #[test]
    fn layered_prefill_reads_fewer_experts_as_worked_out_by_hand() {
        use crate::engine::Layered;
        let roofline = Roofline::new(&choices(Model::Qwen3_30bA3b, Gpu::H100));
        let chunk = |prefill: u64, decodes| Work {
            prefill,
            decodes,
            ..Work::default()
        };
        let phase = |prompt: u64, groups: u32, decodes| {
            let layered = (0..groups).map(|group| Work {
                layered: Layered {
                    groups,
                    group,
                    tokens: prompt,
                },
                ..chunk(prompt / u64::from(groups), decodes)
            });
            layered.map(|w| roofline.expert_loads(&w)).sum::<f64>()
        };
        // A prompt of 8192 tokens beside 16 decodes: 16 chunks of 512, or 16 groups of 3 layers.
        let chunked = 16.0 * roofline.expert_loads(&chunk(512, 16));
        assert_eq!(chunked.round(), 98_304.0);
        assert_eq!(phase(8192, 16, 16).round(), 65_488.0);
        // A prompt of 2048 tokens: 4 groups save 27 %; beside 64 decodes there is little to save.
        let saved = |prompt, groups, decodes| {
            let chunks = f64::from(groups) * roofline.expert_loads(&chunk(512, decodes));
            1.0 - phase(prompt, groups, decodes) / chunks
        };
        assert!(
            (saved(2048, 4, 16) - 0.27).abs() < 0.005,
            "{}",
            saved(2048, 4, 16)
        );
        assert!(
            (saved(8192, 16, 64) - 0.02).abs() < 0.005,
            "{}",
            saved(8192, 16, 64)
        );
    }

    #[test]
    fn a_long_prompt_computes_and_a_decode_reads() {
        let roofline = Roofline::new(&choices(Model::Llama3_8b, Gpu::A100));
        let prompt = Work {
            prefill: 2048,
            quad: 2048 * 2048,
            ..Work::default()
        };
        // 2·8.03e9·2048 / (312e12·0.65) = 162.2 ms, attention 4·32·4096·2048²/2 / … = 5.4 ms.
        assert!((roofline.seconds(&prompt) - 0.16790).abs() < 2e-4);
        let decode = Work {
            decodes: 1,
            kv_read: 1000,
            ..Work::default()
        };
        // 16.06 GB / (2.039 TB/s·0.78) = 10.10 ms, KV 131 MB = 0.08 ms, CPU 0.3 ms.
        assert!((roofline.seconds(&decode) - 0.01048).abs() < 2e-5);
    }

    #[test]
    fn few_tokens_touch_few_experts() {
        let roofline = Roofline::new(&choices(Model::Qwen3_30bA3b, Gpu::H100));
        assert!((roofline.distinct_experts(1.0) - 8.0).abs() < 1e-9);
        assert!(
            (roofline.distinct_experts(16.0) - 128.0 * (1.0 - 0.9375_f64.powi(16))).abs() < 1e-9
        );
        let skewed = Roofline::new(&Choices {
            expert_skew: 1.0,
            ..choices(Model::Qwen3_30bA3b, Gpu::H100)
        });
        assert!(skewed.distinct_experts(64.0) < roofline.distinct_experts(64.0));
    }

    #[test]
    fn tensor_parallelism_divides_work_and_adds_reductions() {
        let one = Roofline::new(&choices(Model::Llama3_70b, Gpu::H100));
        let four = Roofline::new(&Choices {
            tensor_parallel: 4,
            ..choices(Model::Llama3_70b, Gpu::H100)
        });
        let decode = Work {
            decodes: 8,
            kv_read: 8000,
            ..Work::default()
        };
        let ratio = one.seconds(&decode) / four.seconds(&decode);
        assert!((2.5..4.0).contains(&ratio), "{ratio}");
    }

    #[test]
    fn an_a100_holds_the_blocks_that_its_memory_gives() {
        let a100 = choices(Model::Llama3_8b, Gpu::A100);
        // (80 GiB·0.9 − 16.06 GB) / 2 MiB.
        assert_eq!(blocks_that_fit(&a100, 1, 16, 0.1), Some(29_205));
        let big = choices(Model::Llama3_70b, Gpu::A100);
        assert_eq!(blocks_that_fit(&big, 1, 16, 0.1), None);
    }
}
