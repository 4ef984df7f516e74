//! Power and energy of a run, from the shares in [`cost::power`](super::cost::power).

use super::Config;
use super::cost::power::{IDLE_SHARE, PREFILL_SHARE, WORK_SHARE, dynamic_draw};
use super::log::Log;
use crate::core::{Better, Metric, num};

/// Joules of a run and its mean power in watts, all GPUs together.
pub(super) fn energy(config: &Config, log: &Log, end: f64) -> (f64, f64) {
    let gpu = config.gpu_spec().watts;
    let dynamic = num::pow(config.clock, config.power_exponent);
    // Every stage runs its part of an iteration on its own GPUs.
    let gpus = (config.tensor_parallel() * config.stages()) as f64;
    let idle = IDLE_SHARE * config.gpus() as f64 * end;
    let work = (WORK_SHARE - IDLE_SHARE) * log.work_draw_secs * gpus;
    let prefill = PREFILL_SHARE * log.prefill_draw_secs * gpus;
    let joules = gpu * (idle + dynamic * (work + prefill));
    (joules, joules / end)
}

/// Mean power in watts in each of `bins` equal stretches of a run, as [start of the stretch, power].
pub(super) fn over_time(config: &Config, log: &Log, end: f64, bins: usize) -> Vec<[f64; 2]> {
    let gpu = config.gpu_spec().watts;
    let dynamic = num::pow(config.clock, config.power_exponent);
    let idle = gpu * IDLE_SHARE * config.gpus() as f64;
    let width = end / bins.max(1) as f64;
    let mut joules = vec![idle * width; bins];
    let it = &log.iterations;
    for i in 0..it.len() {
        // An iteration is on the GPUs of one stage after the other.
        let share = dynamic_draw(u64::from(it.prefill[i]));
        let draw = gpu * dynamic * share * config.tensor_parallel() as f64;
        let (from, to) = (it.started[i], it.ended[i].min(end));
        if width <= 0.0 || from >= to || !(from.is_finite() && to.is_finite()) {
            continue;
        }
        let last = ((to / width) as usize).min(bins - 1);
        for (b, joules) in joules
            .iter_mut()
            .enumerate()
            .take(last + 1)
            .skip((from / width) as usize)
        {
            let (left, right) = (width * b as f64, width * (b + 1) as f64);
            *joules += draw * (to.min(right) - from.max(left)).max(0.0);
        }
    }
    (joules.into_iter().enumerate())
        .map(|(b, joules)| [width * b as f64, joules / width.max(f64::MIN_POSITIVE)])
        .collect()
}

/// Energy as headline numbers.
pub(super) fn metrics(config: &Config, log: &Log, end: f64) -> Vec<Metric> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::finish;
    use crate::labs::Library;
    use crate::labs::serving::Serving;

    #[test]
    fn power_over_time_adds_up_to_the_energy() {
        for replicas in [1, 2] {
            let config = Config {
                replicas,
                ..Config::default()
            };
            let run =
                finish(&mut *Serving::simulate(&config, &Library::default()).unwrap()).unwrap();
            let end = run.results().end;
            let (joules, _) = energy(&config, run.log(), end);
            let course = over_time(&config, run.log(), end, 37);
            let sum: f64 = course.iter().map(|c| c[1] * end / 37.0).sum();
            assert!((sum / joules - 1.0).abs() < 1e-9, "{sum} {joules}");
        }
    }
}
