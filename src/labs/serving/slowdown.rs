//! Idealized runtime: how long a request would take alone on the same hardware, and what the
//! company of others costs it. "Cheaply evaluating inference efficiency metrics for autoregressive
//! transformer APIs" (arXiv 2305.02440; stanford-crfm/helm, efficiency_metrics.py):
//! T(p, o) = F(p) + g·(o − 1), F the time of a prompt of p tokens, g that of an output token.
//!
//! F and g come from the cost model of the run instead of a regression on measurements, g as the
//! mean of the first and the last decode, which is exact where the cost is linear in the KV read.

use super::config::Config;
use super::cost::CostModel;
use super::engine::Work;
use super::results::{Ending, Results};
use super::workload::Workload;
use crate::core::stats::percentile_sorted;
use crate::core::{Better, Metric, num};
use std::ops::Range;

/// Seconds of a request alone: its whole prompt in one iteration, then a decode per output token
/// after the first.
pub(super) fn idealized_secs(cost: &CostModel, prompt: u32, output: u32) -> f64 {
    let (p, o) = (u64::from(prompt), u64::from(output.max(1)));
    let first = Work {
        prefill: p,
        quad: p * p,
        ..Work::default()
    };
    let decode = |past: u64| {
        let work = Work {
            decodes: 1,
            kv_read: past,
            ..Work::default()
        };
        cost.stage_seconds(&work, 1)
    };
    let further = (o - 1) as f64 * 0.5 * (decode(p + 1) + decode((p + o).saturating_sub(1)));
    cost.stage_seconds(&first, 1) + further
}

/// Idealized runtimes of some of the requests in seconds; NaN for those that have not ended.
pub(super) fn idealized(
    config: &Config,
    workload: &Workload,
    results: &Results,
    requests: Range<usize>,
) -> Vec<f64> {
    let cost = config.cost_model();
    requests
        .map(|i| match results.ending[i] {
            Ending::Finished if !results.saturated => {
                idealized_secs(&cost, workload.prefill[i], workload.decode[i])
            }
            _ => f64::NAN,
        })
        .collect()
}

/// Mean and 99th percentile of the slowdowns that averages count, given in order, and the mean of
/// the idealized runtimes that they count.
pub(super) fn metrics(slowdowns: &[f64], idealized: &[f64]) -> [Metric; 3] {
    let sorted = slowdowns;
    let mean = |values: &[f64]| num::sum(values.iter().copied()) / values.len() as f64;
    let metric = |id, name, unit, value, doc| Metric {
        id,
        name,
        unit,
        value,
        better: Better::Lower,
        doc,
    };
    [
        metric(
            "idealized_mean_secs",
            "Idealized runtime, mean",
            "s",
            mean(idealized),
            "Mean time that a request takes alone on the same hardware, its prompt in one piece: what the setup can do without anybody else (arXiv 2305.02440).",
        ),
        metric(
            "slowdown_mean",
            "Slowdown, mean",
            "×",
            mean(sorted),
            "Time from arrival to last token over the idealized runtime, that of the same request alone on the same hardware with its prompt in one piece: what the company of others costs.",
        ),
        metric(
            "slowdown_p99",
            "Slowdown p99",
            "×",
            percentile_sorted(sorted, 99.0),
            "99th percentile over requests of the time from arrival to last token over the idealized runtime, that of the same request alone.",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::finish;
    use crate::labs::serving::{Scheduler, Serving};
    use crate::labs::{LabRun as _, Library};

    fn figure(config: &Config, id: &str) -> f64 {
        let run = finish(&mut *Serving::simulate(config, &Library::default()).unwrap()).unwrap();
        let metrics = run.metrics();
        metrics.iter().find(|m| m.id == id).unwrap().value
    }

    fn slowdown(config: &Config) -> f64 {
        figure(config, "slowdown_mean")
    }

    #[test]
    fn a_request_alone_takes_the_idealized_runtime_and_company_costs() {
        let alone = Config {
            rate: 0.01,
            requests: 5,
            ..Config::default()
        };
        assert!(
            (slowdown(&alone) - 1.0).abs() < 1e-9,
            "{}",
            slowdown(&alone)
        );
        let one = Config {
            requests: 1,
            ..alone.clone()
        };
        let [ideal, took] = ["idealized_mean_secs", "e2e_p50_secs"].map(|id| figure(&one, id));
        assert!((ideal / took - 1.0).abs() < 1e-9, "{ideal} {took}");
        let chunked = Config {
            scheduler: Scheduler::Sarathi,
            ..alone.clone()
        };
        assert!(slowdown(&chunked) > 1.0, "every chunk costs an iteration");
        assert!(
            slowdown(&Config::default()) > 1.2,
            "{}",
            slowdown(&Config::default())
        );
    }

    #[test]
    fn it_is_the_closed_form_where_the_cost_is_linear() {
        let c = [0.01, 6e-5, 3e-9, 5e-5, 8e-8];
        let (p, d) = (700.0, 90.0);
        let ttft = c[0] + c[1] * p + c[2] * p * p;
        let want = ttft + (d - 1.0) * (c[0] + c[3]) + c[4] * ((d - 1.0) * p + d * (d - 1.0) / 2.0);
        let got = idealized_secs(&c.into(), 700, 90);
        assert!((got / want - 1.0).abs() < 1e-12, "{got} {want}");
        assert!(
            (idealized_secs(&c.into(), 700, 1) - ttft).abs() < 1e-15,
            "one token"
        );
    }
}
