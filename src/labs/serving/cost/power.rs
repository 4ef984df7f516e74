//! Power and energy: a share of the thermal design power that depends on what runs.
//!
//! p = p_idle + (0.44 − p_idle)·[any work] + 0.56·√min(1, P/2048), drawn by eye through the
//! measurements of Mutinifni/splitwise-sim (Llama-2-70B on eight A100: decode 0.43 to 0.46, prompts
//! 0.46 at 128 tokens to 1.00 at 4096). The idle share is our own choice, and so is the exponent by
//! which dynamic power follows the clock.

use super::super::config::Config;
use super::super::log::Log;
use crate::core::{Better, Metric, num};

/// Idle share of the thermal design power.
pub const IDLE_SHARE: f64 = 0.15;
/// Share while anything runs.
const WORK_SHARE: f64 = 0.44;
/// Share that a large prefill adds.
const PREFILL_SHARE: f64 = 0.56;
/// Prefill tokens at which that share is reached.
const FULL_PREFILL: f64 = 2048.0;

/// How much of the prefill share an iteration with `prefill` prompt tokens draws.
pub fn prefill_draw(prefill: u64) -> f64 {
    (prefill as f64 / FULL_PREFILL).min(1.0).sqrt()
}

/// Joules of a run and its mean power in watts, all GPUs together.
pub fn energy(config: &Config, log: &Log, end: f64) -> (f64, f64) {
    let gpu = config.gpu_spec().watts;
    let dynamic = num::pow(config.clock, config.power_exponent);
    // Every stage runs its part of an iteration on its own GPUs.
    let gpus = (config.tensor_parallel() * config.stages()) as f64;
    let idle = IDLE_SHARE * config.gpus() as f64 * end;
    let work = (WORK_SHARE - IDLE_SHARE) * log.busy_stage_secs * gpus;
    let prefill = PREFILL_SHARE * log.prefill_draw_secs * gpus;
    let joules = gpu * (idle + dynamic * (work + prefill));
    (joules, joules / end)
}

/// Energy as headline numbers.
pub(in crate::labs::serving) fn metrics(config: &Config, log: &Log, end: f64) -> Vec<Metric> {
    let (joules, watts) = energy(config, log, end);
    let out = log.gaps.tokens_out() as f64;
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
            "energy_per_output_token_joules",
            "Energy per token",
            "J",
            joules / out,
            "Energy of all GPUs over output tokens, idle time included. A model drawn by eye through measurements on A100: good for comparing, not for a bill.",
        ),
        metric(
            "energy_per_processed_token_joules",
            "Energy per processed token",
            "J",
            joules / log.processed.max(1) as f64,
            "Energy of all GPUs over prompt and output tokens that were processed.",
        ),
        metric(
            "mean_power_watts",
            "Mean power",
            "W",
            watts,
            "Mean power of all GPUs together.",
        ),
    ]
}
