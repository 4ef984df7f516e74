//! What an iteration costs, and on how many GPUs.

use super::super::config::{Config, Routing};
use super::super::cost::{CostKind, CostPreset, Gpu, Model};
use super::super::policies::Feature;
use super::{choose, own, roofline};
use crate::core::Param;

fn own_gpu(c: &Config) -> bool {
    c.cost_kind != CostKind::Preset && c.roofline_gpu == Gpu::Own
}

fn own_gpu_in_roofline(c: &Config) -> bool {
    own_gpu(c) && roofline(c)
}

fn own_model(c: &Config) -> bool {
    roofline(c) && c.model == Model::Own
}

pub(super) const PARAMS: &[Param<Config>] = &[
    Param::choice(
        "cost_kind",
        "Cost model",
        &CostKind::NAMES,
        |c: &Config| c.cost_kind as usize,
        |c, i| {
            if let Some(v) = choose(&CostKind::ALL, i) {
                if matches!(v, CostKind::Linear | CostKind::Hinge) {
                    c.adopt_coefficients();
                }
                c.cost_kind = v;
            }
        },
    )
    .doc("How long an iteration takes: coefficients fitted to published operator times (mean error 4 to 10 %), coefficients of your own, or the roofline of a model on a GPU. All leave out gaps between kernels, graph padding, contention and the network. Drop a profile CSV on the window to fit your own.")
    .group("Hardware"),
    Param::choice(
        "cost",
        "Model and GPU",
        &CostPreset::NAMES,
        |c: &Config| c.cost as usize,
        |c, i| {
            if let Some(v) = choose(&CostPreset::ALL, i) {
                c.cost = v;
            }
        },
    )
    .doc("Coefficients of t = c0 + c1·P + c2·Q + c3·D + c4·K, fitted to published operator times; two independent tables differ by up to 20 %.")
    .group("Hardware")
    .when(|c| c.cost_kind == CostKind::Preset),
    Param::float(
        "c0",
        "c0",
        [0.0, 10.0],
        |c: &Config| c.c0,
        |c, v| c.c0 = v,
    )
    .unit("s")
    .doc("Seconds of every iteration.")
    .group("Hardware")
    .when(own),
    Param::float(
        "c1",
        "c1",
        [0.0, 10.0],
        |c: &Config| c.c1,
        |c, v| c.c1 = v,
    )
    .unit("s")
    .doc("Seconds per prefill token; with a bend, per token above it.")
    .group("Hardware")
    .when(own),
    Param::float(
        "c2",
        "c2",
        [0.0, 10.0],
        |c: &Config| c.c2,
        |c, v| c.c2 = v,
    )
    .unit("s")
    .doc("Seconds per unit of Q = Σ(q² + 2·q·past) over prefill chunks.")
    .group("Hardware")
    .when(own),
    Param::float(
        "c3",
        "c3",
        [0.0, 10.0],
        |c: &Config| c.c3,
        |c, v| c.c3 = v,
    )
    .unit("s")
    .doc("Seconds per decode.")
    .group("Hardware")
    .when(own),
    Param::float(
        "c4",
        "c4",
        [0.0, 10.0],
        |c: &Config| c.c4,
        |c, v| c.c4 = v,
    )
    .unit("s")
    .doc("Seconds per token of KV read.")
    .group("Hardware")
    .when(own),
    Param::float(
        "bend_tokens",
        "Bend",
        [0.0, 100_000.0],
        |c: &Config| c.bend_tokens,
        |c, v| c.bend_tokens = v,
    )
    .unit("tok")
    .doc("Tokens of an iteration below which fewer save no time.")
    .group("Hardware")
    .when(|c| c.cost_kind == CostKind::Hinge),
    Param::float(
        "kv_bytes",
        "KV per token",
        [1.0, 100_000_000.0],
        |c: &Config| c.kv_bytes,
        |c, v| c.kv_bytes = v,
    )
    .log()
    .unit("B")
    .doc("Bytes of KV per token: what a swapped request has to copy, and what is sent to a decode instance. 131,072 for Llama-3-8B.")
    .group("Hardware")
    .advanced()
    .when(|c| own(c) && (c.swaps() || c.pools().is_some() || c.migrates()) || own_model(c)),
    Param::choice(
        "model",
        "Model",
        &Model::NAMES,
        |c: &Config| c.model as usize,
        |c, i| {
            if let Some(v) = choose(&Model::ALL, i) {
                if v == Model::Own {
                    c.adopt_model();
                }
                c.model = v;
            }
        },
    )
    .doc("Shape of the model, from its published config; weights and KV in bf16. Own: begins with the shape that was chosen before.")
    .group("Hardware")
    .when(roofline),
    Param::choice(
        "roofline_gpu",
        "GPU",
        &Gpu::NAMES,
        |c: &Config| c.roofline_gpu as usize,
        |c, i| {
            if let Some(v) = choose(&Gpu::ALL, i) {
                if v == Gpu::Own {
                    c.adopt_gpu();
                }
                c.roofline_gpu = v;
            }
        },
    )
    .doc("Peaks, memory, link and power of the GPU. With own coefficients only its power counts. Own: begins with the figures that were chosen before.")
    .group("Hardware")
    .when(|c| c.cost_kind != CostKind::Preset),
    Param::float(
        "own_gpu_tflops",
        "GPU, peak",
        [0.1, 100_000.0],
        |c: &Config| c.own_gpu_tflops,
        |c, v| c.own_gpu_tflops = v,
    )
    .log()
    .unit("TFLOP/s")
    .doc("Dense bf16 peak without sparsity.")
    .group("Hardware")
    .when(own_gpu_in_roofline),
    Param::float(
        "own_gpu_tbps",
        "GPU, bandwidth",
        [0.01, 1000.0],
        |c: &Config| c.own_gpu_tbps,
        |c, v| c.own_gpu_tbps = v,
    )
    .log()
    .unit("TB/s")
    .doc("Bandwidth of its memory.")
    .group("Hardware")
    .when(own_gpu_in_roofline),
    Param::float(
        "own_gpu_gib",
        "GPU, memory",
        [1.0, 10_000.0],
        |c: &Config| c.own_gpu_gib,
        |c, v| c.own_gpu_gib = v,
    )
    .log()
    .unit("GiB")
    .doc("Its memory.")
    .group("Hardware")
    .when(own_gpu_in_roofline),
    Param::float(
        "own_gpu_link_gbps",
        "GPU, link",
        [0.1, 10_000.0],
        |c: &Config| c.own_gpu_link_gbps,
        |c, v| c.own_gpu_link_gbps = v,
    )
    .log()
    .unit("GB/s")
    .doc("To other GPUs, one way.")
    .group("Hardware")
    .when(own_gpu_in_roofline),
    Param::float(
        "own_gpu_watts",
        "GPU, power",
        [1.0, 10_000.0],
        |c: &Config| c.own_gpu_watts,
        |c, v| c.own_gpu_watts = v,
    )
    .log()
    .unit("W")
    .doc("Thermal design power.")
    .group("Hardware")
    .when(own_gpu),
    Param::int(
        "own_model_layers",
        "Model, layers",
        [1, 1000],
        |c: &Config| c.own_model_layers,
        |c, v| c.own_model_layers = v,
    )
    .log()
    .doc("Layers of the model.")
    .group("Hardware")
    .when(own_model),
    Param::int(
        "own_model_width",
        "Model, width",
        [16, 1_000_000],
        |c: &Config| c.own_model_width,
        |c, v| c.own_model_width = v,
    )
    .log()
    .doc("Width of the residual stream.")
    .group("Hardware")
    .when(own_model),
    Param::int(
        "own_model_attention",
        "Model, heads × width",
        [16, 1_000_000],
        |c: &Config| c.own_model_attention,
        |c, v| c.own_model_attention = v,
    )
    .log()
    .doc("Query heads times the width of a head: what attention computes.")
    .group("Hardware")
    .when(own_model),
    Param::float(
        "own_model_params",
        "Model, parameters",
        [0.001, 100_000.0],
        |c: &Config| c.own_model_params,
        |c, v| c.own_model_params = v,
    )
    .log()
    .unit("10⁹")
    .doc("All parameters, in billions; two bytes each.")
    .group("Hardware")
    .when(own_model),
    Param::float(
        "own_model_active",
        "Model, active",
        [0.001, 100_000.0],
        |c: &Config| c.own_model_active,
        |c, v| c.own_model_active = v,
    )
    .log()
    .unit("10⁹")
    .doc("Parameters that a token uses, in billions; all of them without experts.")
    .group("Hardware")
    .when(own_model),
    Param::int(
        "own_model_experts",
        "Model, experts",
        [0, 4096],
        |c: &Config| c.own_model_experts,
        |c, v| c.own_model_experts = v,
    )
    .doc("Experts per layer; 0 without any.")
    .group("Hardware")
    .when(own_model),
    Param::int(
        "own_model_topk",
        "Model, experts per token",
        [1, 4096],
        |c: &Config| c.own_model_topk,
        |c, v| c.own_model_topk = v,
    )
    .log()
    .doc("Experts that a token chooses per layer.")
    .group("Hardware")
    .when(|c| own_model(c) && c.own_model_experts > 0),
    Param::int(
        "own_model_expert_width",
        "Model, width of an expert",
        [1, 1_000_000],
        |c: &Config| c.own_model_expert_width,
        |c, v| c.own_model_expert_width = v,
    )
    .log()
    .doc("Inner width of one expert.")
    .group("Hardware")
    .when(|c| own_model(c) && c.own_model_experts > 0),
    Param::int(
        "roofline_tensor_parallel",
        "Tensor parallel",
        [1, 64],
        |c: &Config| c.roofline_tensor_parallel,
        |c, v| c.roofline_tensor_parallel = v,
    )
    .log()
    .unit("GPUs")
    .doc("GPUs that share every layer: work and memory are divided, two all-reduces per layer are added.")
    .group("Hardware")
    .when(roofline),
    Param::float(
        "flops_share",
        "FLOP/s reached",
        [0.05, 1.0],
        |c: &Config| c.flops_share,
        |c, v| c.flops_share = v,
    )
    .doc("Share of the peak that large matrices reach; 0.65 measured on A100 with 2048 tokens.")
    .group("Hardware")
    .advanced()
    .when(roofline),
    Param::float(
        "bandwidth_share",
        "Bandwidth reached",
        [0.05, 1.0],
        |c: &Config| c.bandwidth_share,
        |c, v| c.bandwidth_share = v,
    )
    .doc("Share of the memory bandwidth that is reached; 0.78 measured on A100.")
    .group("Hardware")
    .advanced()
    .when(roofline),
    Param::float(
        "reduce_micros",
        "All-reduce start",
        [0.0, 1000.0],
        |c: &Config| c.reduce_micros,
        |c, v| c.reduce_micros = v,
    )
    .unit("µs")
    .doc("Time of an all-reduce that moves nothing: 5 µs in captured graphs, 20 to 40 µs without.")
    .group("Hardware")
    .advanced()
    .when(|c| roofline(c) && c.roofline_tensor_parallel * c.pipeline_stages > 1),
    Param::float(
        "cpu_millis",
        "CPU per iteration",
        [0.0, 100.0],
        |c: &Config| c.cpu_millis,
        |c, v| c.cpu_millis = v,
    )
    .unit("ms")
    .doc("Scheduling and launching by the CPU; our own choice.")
    .group("Hardware")
    .advanced()
    .when(roofline),
    Param::float(
        "expert_skew",
        "Skew of experts",
        [0.0, 1.0],
        |c: &Config| c.expert_skew,
        |c, v| c.expert_skew = v,
    )
    .doc("0: tokens choose experts uniformly; 1: by Zipf's law, so that a batch touches fewer of them.")
    .group("Hardware")
    .advanced()
    .when(|c| roofline(c) && c.shape().experts.is_some()),
    Param::toggle(
        "blocks_from_memory",
        "KV blocks from memory",
        |c: &Config| c.blocks_from_memory,
        |c, v| c.blocks_from_memory = v,
    )
    .doc("The pool is what fits beside the weights into 90 % of the memory; off: as many blocks as set.")
    .group("Hardware")
    .when(roofline),
    Param::toggle(
        "overlap",
        "Operators overlap",
        |c: &Config| c.overlap,
        |c, v| c.overlap = v,
    )
    .doc("Operators that compute and operators that read memory run at the same time, as in NanoFlow: an iteration takes its fixed part and the longer of the two, not their sum. An ideal: real overlap reaches less.")
    .group("Hardware")
    .advanced()
    .when(|c| !c.scheduler.has(Feature::Layered)),
    Param::float(
        "clock",
        "Clock",
        [0.6, 1.0],
        |c: &Config| c.clock,
        |c, v| c.clock = v,
    )
    .doc("Clock of the GPUs over its highest. Slows what computes (prefill), hardly what reads memory (decode), and saves power.")
    .group("Hardware")
    .advanced()
    .when(|_| true),
    Param::float(
        "power_exponent",
        "Power by clock",
        [1.0, 3.0],
        |c: &Config| c.power_exponent,
        |c, v| c.power_exponent = v,
    )
    .doc("Dynamic power follows the clock to this power; our own choice.")
    .group("Hardware")
    .advanced()
    .when(|c| c.clock < 1.0),
    Param::int(
        "replicas",
        "Instances",
        [1, 64],
        |c: &Config| c.replicas,
        |c, v| c.replicas = v,
    )
    .doc("Independent copies of the model, each with its own pool.")
    .group("Hardware"),
    Param::choice(
        "routing",
        "Routing",
        Routing::NAMES,
        |c: &Config| c.routing as usize,
        |c, i| {
            if let Some(v) = choose(Routing::ALL, i) {
                c.routing = v;
            }
        },
    )
    .doc("Which instance an arrival goes to.")
    .group("Hardware")
    .when(|c| c.replicas > 1),
    Param::toggle(
        "quirk_waiting_only",
        "Quirk: count the waiting only",
        |c: &Config| c.quirk_waiting_only,
        |c, v| c.quirk_waiting_only = v,
    )
    .doc("As in the reference simulator: least outstanding counts the requests that wait, not those that run, so an instance with a full batch and an empty queue looks idle.")
    .group("Hardware")
    .advanced()
    .when(|c| c.replicas > 1 && c.routing == Routing::LeastOutstanding),
    Param::int(
        "prefill_instances",
        "Prefill instances",
        [0, 63],
        |c: &Config| c.prefill_instances,
        |c, v| c.prefill_instances = v,
    )
    .doc("Instances that only compute prompts; the others only decode, and the KV is sent to the one with the fewest requests. 0: every instance does both.")
    .group("Hardware")
    .when(|c| c.scheduler.has(Feature::Pools) && c.replicas > 1),
    Param::float(
        "transfer_gbps",
        "Link for KV",
        [0.01, 10_000.0],
        |c: &Config| c.transfer_gbps,
        |c, v| c.transfer_gbps = v,
    )
    .log()
    .unit("GB/s")
    .doc("Bandwidth of the link of every instance: 25 GB/s is a 200 Gbit/s network, 300 GB/s NVLink of an A100. An instance sends one request after the other.")
    .group("Hardware")
    .when(|c| c.pools().is_some() || c.migrates()),
    Param::float(
        "transfer_millis",
        "Latency of the link",
        [0.0, 10_000.0],
        |c: &Config| c.transfer_millis,
        |c, v| c.transfer_millis = v,
    )
    .unit("ms")
    .doc("Time until the first byte of a transfer arrives.")
    .group("Hardware")
    .advanced()
    .when(|c| c.pools().is_some() || c.migrates()),
    Param::int(
        "pipeline_stages",
        "Pipeline stages",
        [1, 64],
        |c: &Config| c.pipeline_stages,
        |c, v| c.pipeline_stages = v,
    )
    .doc("Stages of one instance; as many batches can be on their way.")
    .group("Hardware")
    .advanced()
    .when(|c| c.scheduler.has(Feature::Stages)),
];
