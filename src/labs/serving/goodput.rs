//! Service that counts, where requests are promised different things: figures, and charts over
//! time and of the estimates that the ranking goes by.

use super::charts::thinned;
use super::config::{Config, JitOrder, Scheduler};
use super::log::{Log, Service, Terms};
use super::policies::length_quantile;
use super::workload::Workload;
use crate::core::stats::percentile;
use crate::core::{Axis, Better, Chart, Metric, Series, SeriesKind};

/// What the log has to know to count service, where anything is promised.
pub(super) fn service(config: &Config, workload: &Workload) -> Option<Box<Service>> {
    config.promises().then(|| {
        Box::new(Service::new(Terms {
            tags: workload.tags.clone(),
            arrival: workload.arrival.clone(),
            tokens: (workload.prefill.iter().zip(&workload.decode))
                .map(|(&p, &d)| [p, d])
                .collect(),
            targets: [config.targets(0), config.targets(1)],
        }))
    })
}

/// Service goodput, and the share of each kind of requests for which everything was kept.
pub(super) fn metrics(log: &Log, end: f64) -> Vec<Metric> {
    let Some(service) = &log.service else {
        return Vec::new();
    };
    let all: u64 = service.counted().iter().sum();
    let mut out = vec![Metric {
        id: "service_goodput",
        name: "Service goodput",
        unit: "tok/s",
        value: all as f64 / end.max(f64::MIN_POSITIVE),
        better: Better::Higher,
        doc: "Tokens that count per second: of streams each output token in time, of requests with a deadline all tokens, prompt and output, if the last one is in time, of compound ones if the last one of all calls is.",
    }];
    let names = [
        ("streams_kept_percent", "Streams in time"),
        ("deadlines_kept_percent", "Deadlines kept"),
        ("compounds_kept_percent", "Compounds in time"),
    ];
    for ((id, name), [all, kept]) in names.into_iter().zip(service.requests()) {
        if all > 0 {
            out.push(Metric {
                id,
                name,
                unit: "%",
                value: 100.0 * kept as f64 / all as f64,
                better: Better::Higher,
                doc: "Share of the requests of this kind for which everything they were promised was kept: every token of a stream, the last token before the deadline, the last token of all calls.",
            });
        }
    }
    out
}

/// Tokens that count over time, and how the estimates of the output lengths sharpen.
pub(super) fn charts(config: &Config, workload: &Workload, log: &Log) -> Vec<Chart> {
    let Some(service) = &log.service else {
        return Vec::new();
    };
    let (width, rows) = service.course();
    let kind = |which: usize| -> Vec<[f64; 2]> {
        (rows.iter().enumerate())
            .map(|(b, row)| [width * b as f64, row[which] / width])
            .collect()
    };
    let names = ["streams", "with a deadline", "compound"];
    let series = (names.iter().zip(service.requests()).enumerate())
        .filter(|(_, (_, requests))| requests[0] > 0)
        .map(|(k, (name, _))| Series::new(*name, SeriesKind::Stairs, kind(k)));
    let mut out = vec![Chart {
        id: "service",
        title: "Service that counts",
        doc: "Tokens that count per second: of streams when they come, of requests with a deadline all at once with the last token in time, of compound ones with the last token of the last call. What comes too late is not in here.",
        x: Axis::linear("simulated time", "s"),
        y: Axis::zero_based("service", "tok/s"),
        series: series.collect(),
        marks: Vec::new(),
        on_timeline: true,
    }];
    if config.scheduler == Scheduler::JitServe && config.jit_order == JitOrder::Margin {
        out.push(estimates(config, workload));
    }
    out
}

/// Requests whose estimates are drawn.
const SAMPLE: usize = 400;

/// Estimated over true output length, by the share of the output that is out.
fn estimates(config: &Config, workload: &Workload) -> Chart {
    let shares: Vec<f64> = (0..=19).map(|k| 0.05 * f64::from(k)).collect();
    let ratios: Vec<Vec<f64>> = (shares.iter())
        .map(|share| {
            thinned(workload.decode.len(), SAMPLE)
                .map(|r| {
                    let length = f64::from(workload.decode[r]);
                    let predicted = workload.tags.predicted(r as u32).max(1.0);
                    let out = (share * length).floor();
                    let (sigma, quantile) = (config.prediction_sigma, config.jit_quantile);
                    length_quantile(predicted, sigma, quantile, out) / length
                })
                .collect()
        })
        .collect();
    let line = |p: f64| -> Vec<[f64; 2]> {
        (shares.iter().zip(&ratios))
            .map(|(share, ratios)| [100.0 * share, percentile(ratios, p)])
            .collect()
    };
    Chart {
        id: "length_estimates",
        title: "Estimates of the length",
        doc: "The output length that the ranking reckons with, over the true one, while the output grows: median, and the tenth and ninetieth percentile over the requests. Every token that does not end the output raises it: predictions that were too short are corrected first, so that the requests come closer together.",
        x: Axis::linear("of the output that is out", "%"),
        y: Axis::zero_based("estimate over truth", "×"),
        series: vec![
            Series::line("median", line(50.0)),
            Series::line("tenth", line(10.0)),
            Series::line("ninetieth", line(90.0)),
            Series::line("truth", vec![[0.0, 1.0], [95.0, 1.0]]).as_reference(),
        ],
        marks: Vec::new(),
        on_timeline: false,
    }
}
