//! How well a decoding step uses its devices, counting only the experts that its tokens touch
//! (MoE-CAP, arXiv 2412.07067).

use super::config::Config;
use super::model::BatchRun;
use super::route::Batch;
use super::rules::losses::Machine;
use super::touched::{Growing, touched, touched_pairs};
use crate::core::{Axis, Better, Chart, Metric, Series};

/// Bytes of a mebibyte, a gibibyte; a billion.
const MIB: f64 = (1_u64 << 20) as f64;
const GIB: f64 = (1_u64 << 30) as f64;
const GIGA: f64 = 1e9;

/// The model in bytes: what is counted in parameters elsewhere, times their size.
fn machine(config: &Config) -> Machine {
    Machine {
        layers: config.model_layers as f64,
        expert_params: config.expert_mib * MIB,
        attention_params: config.other_mib * MIB,
    }
}

/// Bandwidth of all devices, bytes per second.
fn bandwidth(config: &Config) -> f64 {
    config.devices as f64 * config.bandwidth_gbs * GIGA
}

/// Share of the peak bandwidth with so many experts read per layer: (L (A P_expert + P_other) + KV)
/// bytes / (step time · devices · peak bandwidth).
fn mbu(config: &Config, active: f64) -> f64 {
    let seconds = 1e-3 * config.step_ms;
    machine(config).mbu(active, config.kv_gib * GIB, 1.0, seconds, bandwidth(config))
}

/// Share of the peak throughput with so many experts per token: L (P_other + k P_expert) · 2 ·
/// tokens per second / peak.
fn mfu(config: &Config, per_token: f64) -> f64 {
    let peak = config.devices as f64 * config.peak_tflops * 1e12;
    let speed = config.together as f64 / (1e-3 * config.step_ms);
    let bytes = f64::from(config.weight_bits as u32) / 8.0;
    machine(config).mfu(per_token, speed, peak) / bytes
}

/// S-MBU and S-MFU of batches, as shares.
pub(super) fn sparse(config: &Config, batches: &[Batch]) -> [f64; 2] {
    let active = touched(batches, config.experts as usize, config.together as usize);
    [mbu(config, active), mfu(config, touched_pairs(batches))]
}

/// The figures of a run.
pub(super) fn metrics(run: &BatchRun) -> Vec<Metric> {
    let config = run.config();
    let experts = config.experts as usize;
    let [s_mbu, s_mfu] = sparse(config, run.batches());
    let per_cent = |share: f64| 100.0 * share;
    vec![
        Metric::new(
            "s_mbu",
            "S-MBU",
            "%",
            per_cent(s_mbu),
            Better::Higher,
            "Sparse bandwidth utilisation of a decoding step: bytes of the experts that its tokens touch, the other weights and the KV cache, over step time and peak bandwidth. Above 100 % the step time given is shorter than the reading takes.",
        ),
        Metric::new(
            "dense_mbu",
            "MBU, all experts",
            "%",
            per_cent(mbu(config, experts as f64)),
            Better::Neither,
            "The same as if every expert were read: what the usual metric says, above 100 % where few are touched.",
        ),
        Metric::new(
            "s_mfu",
            "S-MFU",
            "%",
            per_cent(s_mfu),
            Better::Higher,
            "Sparse flop utilisation: two operations for each parameter that a token uses, over step time and peak throughput; attention scores are left out.",
        ),
        Metric::new(
            "dense_mfu",
            "MFU, all experts",
            "%",
            per_cent(mfu(config, experts as f64)),
            Better::Neither,
            "The same as if every token used every expert.",
        ),
    ]
}

/// The least time of a step by the tokens decoded together.
pub(super) fn step_chart(config: &Config, growing: &Growing) -> Chart {
    let millis = |active: f64| {
        // A step that takes a second uses this share of the bandwidth: its seconds at least.
        1e3 * machine(config).mbu(active, config.kv_gib * GIB, 1.0, 1.0, bandwidth(config))
    };
    let line = |active: &dyn Fn(f64) -> f64| -> Vec<[f64; 2]> {
        let all = growing.points.iter();
        all.map(|[w, own]| [*w, millis(active(*own))]).collect()
    };
    let (sparse, dense) = (line(&|own| own), line(&|_| config.experts as f64));
    let given = [config.together as f64, config.step_ms];
    Chart {
        id: "step_time",
        title: "Least time of a decoding step",
        doc: "Time to read what a step needs at the devices' peak bandwidth, by the tokens decoded together: counting the experts they touch (S-MBU) or all of them. The step time given over the line is 1 / S-MBU; below the upper line the usual metric exceeds 100 %.",
        x: Axis::log("tokens together", ""),
        y: Axis::zero_based("least time", "ms"),
        series: vec![
            Series::line("experts touched", sparse),
            Series::line("all experts", dense),
            Series::new(
                "step time given",
                crate::core::SeriesKind::Points,
                vec![given],
            )
            .as_reference(),
        ],
        marks: Vec::new(),
        on_timeline: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utilisation_follows_the_formula_in_bytes_and_parameters() {
        let config = Config {
            model_layers: 2,
            expert_mib: 3.0,
            other_mib: 5.0,
            kv_gib: 0.0,
            devices: 2,
            bandwidth_gbs: 100.0,
            step_ms: 10.0,
            together: 4,
            weight_bits: 16,
            peak_tflops: 1.0,
            ..Config::default()
        };
        // 2 (4 · 3 + 5) MiB in 10 ms over 200 GB/s.
        let want = 34.0 * MIB / (0.01 * 200e9);
        assert!((mbu(&config, 4.0) - want).abs() < 1e-15);
        // 2 (5 + 2 · 3) MiB of 16-bit weights, two operations each, 400 tokens a second, 2 Tflop/s.
        let want = 22.0 * MIB / 2.0 * 2.0 * 400.0 / 2e12;
        assert!((mfu(&config, 2.0) - want).abs() < 1e-15);
    }
}
