//! What long generations cost when memory counts beside arithmetic: "Kinetics: rethinking test-time
//! scaling laws" (arXiv 2506.05333, repository Infini-AI-Lab/Kinetics, cost_model/utils.py).
//!
//! eFLOPs = compute + I·bytes with I the FLOP that a GPU computes while it reads a byte. Of one
//! output of o tokens after i tokens of prompt: compute = 2·N·o + 4·(i + o/2)·o·H·d·L, bytes =
//! (i + o/2)·o·kv, N active parameters, H·d width of the query heads, L layers, kv bytes of KV per
//! token. The prompt itself and the weights that a batch shares are left out, as there.

use super::config::Config;
use super::cost::{CostKind, Shape};
use super::results::{Ending, Results};
use super::workload::Workload;
use crate::core::{Better, Metric, num};

/// FLOP per byte of the reference implementation.
const INTENSITY: f64 = 562.5;

/// eFLOPs of an output of `output` tokens: those of computing, and those of reading KV.
pub(super) fn eflops(shape: &Shape, prompt: f64, output: f64) -> [f64; 2] {
    let read = (prompt + output / 2.0) * output;
    [
        2.0 * shape.params[1] * output + 4.0 * read * shape.attention[1] * shape.layers,
        INTENSITY * read * shape.kv_bytes,
    ]
}

/// Mean cost of a finished request, and the share of reading KV, where the shape of the model is
/// known.
pub(super) fn metrics(config: &Config, workload: &Workload, results: &Results) -> Vec<Metric> {
    if config.cost_kind != CostKind::Roofline {
        return Vec::new();
    }
    let shape = config.shape();
    let finished = (0..results.len()).filter(|&i| results.ending[i] == Ending::Finished);
    let each: Vec<[f64; 2]> = finished
        .map(|i| {
            eflops(
                &shape,
                f64::from(workload.prefill[i]),
                f64::from(workload.decode[i]),
            )
        })
        .collect();
    let compute = num::sum(each.iter().map(|e| e[0]));
    let memory = num::sum(each.iter().map(|e| e[1]));
    let metric = |id, name, unit, value, doc| Metric {
        id,
        name,
        unit,
        value,
        better: Better::Lower,
        doc,
    };
    vec![
        metric(
            "eflops_per_request_tera",
            "Kinetics cost per request",
            "TeFLOP",
            1e-12 * (compute + memory) / each.len() as f64,
            "Mean cost of the output of a request by the accounting of Kinetics: arithmetic, and 562.5 FLOP for every byte of KV read. Prompts and weights are left out.",
        ),
        metric(
            "eflops_kv_percent",
            "Of this reading KV",
            "%",
            100.0 * memory / (compute + memory),
            "Share of that cost that is reading KV.",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_kv_dominates_long_outputs_as_published() {
        // Qwen3-32B: 64 layers, 64 query and 8 KV heads of 128.
        let shape = Shape {
            layers: 64.0,
            width: 5120.0,
            attention: [8192.0; 2],
            params: [32.8e9; 2],
            kv_bytes: 4.0 * 8.0 * 128.0 * 64.0,
            experts: None,
        };
        let share = |output: f64| {
            let [compute, memory] = eflops(&shape, 512.0, output);
            memory / (compute + memory)
        };
        assert!((share(4096.0) - 0.84).abs() < 0.02, "{}", share(4096.0));
        assert!((share(32_768.0) - 0.96).abs() < 0.02, "{}", share(32_768.0));
        // By hand, i = 2, o = 4: 16 tokens read.
        let [compute, memory] = eflops(&shape, 2.0, 4.0);
        assert_eq!(compute, 8.0 * 32.8e9 + 4.0 * 16.0 * 8192.0 * 64.0);
        assert_eq!(memory, 562.5 * 16.0 * 262_144.0);
    }
}
