//! Headline numbers and first tokens by class of service, each class against its own targets.

use super::charts;
use super::config::Config;
use super::log::Log;
use super::metrics::few_samples;
use super::policies::Feature;
use super::results::Results;
use super::workload::Workload;
use crate::core::stats::percentile_sorted;
use crate::core::{Axis, Better, Chart, Metric, Series, SeriesKind};

/// Ids and names of a class: requests, targets met, first token.
struct Names {
    attainment: [&'static str; 2],
    ttft: [&'static str; 3],
}

/// The class that answers people, and the one that works in the background.
const NAMES: [Names; 2] = [
    Names {
        attainment: ["interactive_attainment_percent", "Targets met, interactive"],
        ttft: [
            "interactive_ttft_p99_secs",
            "TTFT p99, interactive",
            "TTFT p99, interactive (few samples)",
        ],
    },
    Names {
        attainment: ["batch_attainment_percent", "Targets met, batch class"],
        ttft: [
            "batch_ttft_p99_secs",
            "TTFT p99, batch class",
            "TTFT p99, batch class (few samples)",
        ],
    },
];

/// Share of the requests of each class that meet the targets of that class, and the tail of their
/// first tokens; nothing where all requests are of one class.
pub(super) fn metrics(config: &Config, workload: &Workload, results: &Results) -> Vec<Metric> {
    let class = |r: usize| usize::from(workload.tags.class(r as u32) > 0);
    if config.batch_share == 0.0 {
        return Vec::new();
    }
    let (from, to) = results.counted;
    let mut out = Vec::new();
    for (k, names) in NAMES.iter().enumerate() {
        let members: Vec<usize> = (0..results.len()).filter(|&r| class(r) == k).collect();
        let met = members.iter().filter(|&&r| results.meets_slo[r]).count();
        let counted = members.iter().filter(|&&r| (from..to).contains(&r));
        let mut ttft: Vec<f64> = (counted.map(|&r| results.ttft[r]))
            .filter(|t| t.is_finite())
            .collect();
        ttft.sort_by(f64::total_cmp);
        out.push(Metric {
            id: names.attainment[0],
            name: names.attainment[1],
            unit: "%",
            value: 100.0 * met as f64 / members.len() as f64,
            better: Better::Higher,
            doc: "Share of the requests of this class that meet the targets of this class; requests set aside count as missed.",
        });
        out.push(Metric {
            id: names.ttft[0],
            name: names.ttft[1 + usize::from(few_samples(99.0, ttft.len()))],
            unit: "s",
            value: if results.saturated {
                f64::NAN
            } else {
                percentile_sorted(&ttft, 99.0)
            },
            better: Better::Lower,
            doc: "Time from arrival to the first token, over the finished requests of this class inside the counted range.",
        });
    }
    out
}

/// Batches of urgent prompts that made an iteration stand still, and how long they waited for it.
pub(super) fn pauses(config: &Config, log: &Log) -> Vec<Metric> {
    if !config.scheduler.has(Feature::Urgent) {
        return Vec::new();
    }
    let (count, secs) = log.pauses;
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
            "pauses",
            "Iterations preempted",
            "",
            count as f64,
            "Batches of latency-sensitive prompts that came while an iteration ran and did not wait for its end.",
        ),
        metric(
            "pause_wait_mean_secs",
            "Wait for the piece that runs",
            "s",
            secs / (count as f64).max(1.0),
            "Mean time from the forming of such a batch to the end of the expert, layer or iteration that ran.",
        ),
    ]
}

/// First tokens of the two classes, where there are two.
pub(super) fn chart(config: &Config, workload: &Workload, results: &Results) -> Option<Chart> {
    if config.batch_share == 0.0 {
        return None;
    }
    let of = |class: u8| -> Vec<[f64; 2]> {
        let points: Vec<[f64; 2]> = (0..results.len())
            .filter(|&r| workload.tags.class(r as u32) == class && results.ttft[r].is_finite())
            .map(|r| [workload.arrival[r], results.ttft[r]])
            .filter(|p| p[0].is_finite())
            .collect();
        charts::thinned(points.len(), charts::POINTS)
            .map(|i| points[i])
            .collect()
    };
    Some(Chart {
        id: "ttft_by_class",
        title: "First tokens by class",
        doc: "Each dot is a request at its arrival; height is how long its first token took. The class that answers people, and the one that works in the background.",
        x: Axis::linear("simulated time", "s"),
        y: Axis::zero_based("TTFT", "s"),
        series: vec![
            Series::new("interactive", SeriesKind::Points, of(0)),
            Series::new("batch class", SeriesKind::Points, of(1)),
        ],
        marks: Vec::new(),
        on_timeline: true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::finish;
    use crate::labs::serving::Serving;
    use crate::labs::{LabRun as _, Library};

    #[test]
    fn classes_make_up_the_whole_and_are_judged_by_their_own_targets() {
        let config = Config {
            batch_share: 0.4,
            batch_slo_ttft_secs: 1000.0,
            batch_slo_tpot_secs: 1000.0,
            slo_ttft_secs: 0.001,
            ..Config::default()
        };
        let run = finish(&mut *Serving::simulate(&config, &Library::default()).unwrap()).unwrap();
        let value = |id: &str| {
            let metrics = run.metrics();
            metrics.iter().find(|m| m.id == id).map(|m| m.value)
        };
        assert_eq!(value("interactive_attainment_percent"), Some(0.0));
        assert_eq!(value("batch_attainment_percent"), Some(100.0));
        let batch = (0..60)
            .filter(|&r| run.workload().tags.class(r) > 0)
            .count();
        let whole = value("slo_attainment_percent").unwrap();
        assert!(
            (whole - 100.0 * batch as f64 / 60.0).abs() < 1e-9,
            "{whole}"
        );
        let plain = Config::default();
        let run = finish(&mut *Serving::simulate(&plain, &Library::default()).unwrap()).unwrap();
        let metrics = run.metrics();
        assert!(metrics.iter().all(|m| m.id != "batch_attainment_percent"));
    }
}
