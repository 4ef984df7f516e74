//! What other programs read: a trace of events, engine flags, the requests themselves, numbers per
//! class.

mod chrome;
mod flags;

pub use chrome::chrome_trace;
pub use flags::{sglang_flags, vllm_flags};

use super::Run;
use super::results::Ending;
use crate::core::stats::percentile_sorted;
use crate::labs::LabRun as _;
use serde_json::{Value, json};

/// What a run can be saved as.
pub(super) const FILES: &[(&str, &str)] = &[
    ("Metrics, JSON", "schedlab-metrics.json"),
    ("Requests, CSV", "schedlab-requests.csv"),
    ("Iterations, CSV", "schedlab-iterations.csv"),
    ("Timeline for Perfetto", "schedlab-trace.json"),
    ("Workload, CSV", "schedlab-workload.csv"),
    ("vLLM flags", "schedlab-vllm.txt"),
    ("SGLang flags", "schedlab-sglang.txt"),
];

/// Text of the file at a place of [`FILES`].
pub(super) fn file(run: &Run, place: usize) -> String {
    match place {
        0 => metrics_json(run),
        1 => super::tables::requests(run).to_csv(),
        2 => super::tables::iterations(run).to_csv(),
        3 => chrome_trace(run),
        4 => requests_csv(run),
        5 => vllm_flags(run.config()),
        _ => sglang_flags(run.config()),
    }
}

/// Setup and headline numbers, per class too where there are several.
fn metrics_json(run: &Run) -> String {
    let metrics: serde_json::Map<String, Value> = run
        .metrics()
        .iter()
        .map(|m| {
            // JSON has no NaN: a number that is undefined is null.
            let value = Some(m.value).filter(|v| v.is_finite());
            (m.id.to_owned(), json!(value))
        })
        .collect();
    let whole = json!({
        "setup": crate::labs::Setup::Serving(run.config().clone()),
        "metrics": metrics,
        "classes": by_class(run),
        "summary": run.summary(),
    });
    serde_json::to_string_pretty(&whole).unwrap_or_default() + "\n"
}

/// The requests of a run as plain CSV that the app reads back: arrivals are those of the run, also
/// where they followed the end of others.
pub fn requests_csv(run: &Run) -> String {
    let w = run.workload();
    super::trace::to_csv(&w.arrival, &w.prefill, &w.decode, &w.tags)
}

/// Headline numbers of every class, where there are several.
pub fn by_class(run: &Run) -> Vec<Value> {
    let (w, r) = (run.workload(), run.results());
    let classes = w.tags.class.iter().copied().max().map_or(0, |c| c + 1);
    (0..classes)
        .map(|class| {
            let members: Vec<usize> = (0..r.len())
                .filter(|&i| w.tags.class(i as u32) == class)
                .collect();
            let sorted = |values: &[f64]| -> Vec<f64> {
                let mut out: Vec<f64> = members
                    .iter()
                    .map(|&i| values[i])
                    .filter(|v| v.is_finite())
                    .collect();
                out.sort_by(f64::total_cmp);
                out
            };
            let (ttft, tpot, e2e) = (sorted(&r.ttft), sorted(&r.tpot), sorted(&r.e2e));
            let at = |sorted: &[f64], p: f64| {
                // JSON has no NaN: an empty class has no percentiles.
                Some(percentile_sorted(sorted, p)).filter(|v| v.is_finite())
            };
            let met = members.iter().filter(|&&i| r.meets_slo[i]).count();
            let [target_ttft, target_tpot] = run.config().targets(class);
            json!({
                "class": class,
                "requests": members.len(),
                "finished": members.iter().filter(|&&i| r.ending[i] == Ending::Finished).count(),
                "target_ttft_secs": target_ttft,
                "target_tpot_secs": target_tpot,
                "slo_attainment_percent": 100.0 * met as f64 / members.len().max(1) as f64,
                "ttft_p50_secs": at(&ttft, 50.0),
                "ttft_p99_secs": at(&ttft, 99.0),
                "tpot_p50_secs": at(&tpot, 50.0),
                "tpot_p99_secs": at(&tpot, 99.0),
                "e2e_p50_secs": at(&e2e, 50.0),
                "e2e_p99_secs": at(&e2e, 99.0),
            })
        })
        .collect()
}
