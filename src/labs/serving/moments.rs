//! The time axis of a run with its named moments.

use super::config::Config;
use super::log::Log;
use super::results::{Ending, Results};
use super::workload::Workload;
use crate::core::{Moment, MomentKind, Timeline};

/// One position per iteration, from 0 to the last event.
pub(super) fn timeline(
    config: &Config,
    workload: &Workload,
    results: &Results,
    log: &Log,
) -> Timeline {
    let mut steps = Vec::with_capacity(log.iterations.len() + 2);
    steps.push(0.0);
    for &at in log.iterations.formed.iter().chain([&results.end]) {
        if steps.last().is_some_and(|&last| at > last) {
            steps.push(at);
        }
    }
    let mut moments: Vec<Moment> = [
        first_preemption(log),
        first_swap(log),
        first_miss(config, workload, results),
        longest_stall(log),
        longest_queue(log),
    ]
    .into_iter()
    .flatten()
    .collect();
    moments.extend(super::instances::moments(log));
    Moment::sort(&mut moments);
    Timeline {
        steps: steps.into(),
        axis: "simulated time",
        unit: "s",
        step_name: "1 scheduler iteration",
        moments,
    }
}

fn first_preemption(log: &Log) -> Option<Moment> {
    let eviction = log.evictions.first()?;
    Some(Moment {
        at: eviction.at,
        label: format!("first preemption: request {}", eviction.request),
        kind: MomentKind::Bad,
    })
}

fn first_swap(log: &Log) -> Option<Moment> {
    let swap = log.swaps.first()?;
    Some(Moment {
        at: swap.at,
        label: format!("first swap: request {} goes out", swap.request),
        kind: MomentKind::Bad,
    })
}

/// The earliest time at which it is known that a request misses a target.
fn first_miss(config: &Config, workload: &Workload, results: &Results) -> Option<Moment> {
    (0..results.len())
        .filter(|&i| !results.meets_slo[i] && results.ending[i] == Ending::Finished)
        .map(|i| {
            let [first, _] = config.targets(workload.tags.class(i as u32));
            let after = if results.ttft[i] > first {
                first
            } else {
                results.e2e[i]
            };
            (workload.arrival[i] + after, i)
        })
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(at, i)| Moment {
            at,
            label: format!("first missed target: request {i}"),
            kind: MomentKind::Bad,
        })
}

fn longest_stall(log: &Log) -> Option<Moment> {
    let (request, &(gap, at)) = log
        .longest_gap
        .iter()
        .enumerate()
        .max_by(|a, b| a.1.0.total_cmp(&b.1.0))?;
    (gap > 0.0).then(|| Moment {
        at: at - gap,
        label: format!("longest stall: request {request}, {gap:.2} s between two tokens"),
        kind: MomentKind::Note,
    })
}

fn longest_queue(log: &Log) -> Option<Moment> {
    let it = &log.iterations;
    let longest = it.waiting.iter().copied().max()?;
    let i = it.waiting.iter().position(|&w| w == longest)?;
    (longest > 1).then(|| Moment {
        at: it.formed[i],
        label: format!("longest queue: {longest} requests wait"),
        kind: MomentKind::Note,
    })
}
