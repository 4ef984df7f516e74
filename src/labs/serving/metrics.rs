//! Headline numbers of a run.

use super::config::Config;
use super::log::Log;
use super::power;
use super::results::{Ending, Ordered, Results};
use crate::core::stats::percentile_sorted;
use crate::core::{Better, Metric, num};

/// Whether a percentile (0 to 100) of `n` samples deserves a mark: fewer than 10 / (1 − p).
pub(super) fn few_samples(p: f64, n: usize) -> bool {
    (n as f64) < 10.0 / (1.0 - p / 100.0) - 1e-9
}

/// A percentile with the name that fits its number of samples.
struct Tail {
    id: &'static str,
    name: &'static str,
    few: &'static str,
    p: f64,
    doc: &'static str,
}

impl Tail {
    fn of(&self, n: usize, value: f64, saturated: bool) -> Metric {
        Metric {
            id: self.id,
            name: if few_samples(self.p, n) {
                self.few
            } else {
                self.name
            },
            unit: "s",
            value: if saturated { f64::NAN } else { value },
            better: Better::Lower,
            doc: self.doc,
        }
    }
}

const TTFT_DOC: &str = "Time from a request's arrival to its first token, over finished requests inside the counted range.";

const TBT_DOC: &str = "Time between two tokens of a request: all gaps of all requests pooled.";
const TBT_SKETCH_DOC: &str = "Time between two tokens of a request: all gaps of all requests pooled, within 0.4 % (a sketch, because there are so many).";

/// Every headline number, the most important first. A saturated run has no averages.
pub(super) fn metrics(config: &Config, results: &Results, log: &Log) -> Vec<Metric> {
    let saturated = results.saturated;
    let mut out = latencies(results, log, saturated);
    out.extend(rates(config, results, log));
    out.extend(power::metrics(config, log, results.end));
    if config.swaps() {
        out.extend(swapping(log));
    }
    if let Some(roofline) = config.cost_model().roofline()
        && config.shape().experts.is_some()
    {
        out.extend(experts(log, roofline.expert_bytes()));
    }
    if config.watches_power() {
        out.extend(row(log));
    }
    if config.overlaps() {
        out.extend(sides(log));
    }
    if config.pools().is_some() {
        out.extend(transfers(log));
    }
    if saturated {
        out.push(Metric {
            id: "queue_growth_per_sec",
            name: "Queue growth",
            unit: "req/s",
            value: results.waiting_at_end as f64 / results.end.max(f64::MIN_POSITIVE),
            better: Better::Lower,
            doc: "The run was stopped as saturated: waiting requests at the end over the simulated time. Averages of an unstable queue mean nothing and are left out.",
        });
    }
    out
}

/// How much of the time of the iterations the two sides of the GPUs are busy.
fn sides(log: &Log) -> [Metric; 2] {
    let metric = |id, name, secs: f64, doc| Metric {
        id,
        name,
        unit: "%",
        value: 100.0 * secs / log.busy_stage_secs,
        better: Better::Higher,
        doc,
    };
    let [compute, memory] = log.sides.total();
    [
        metric(
            "compute_busy_percent",
            "Computing",
            compute,
            "Share of the time of all iterations in which the GPUs compute. Where computing and reading memory overlap, the longer of the two decides.",
        ),
        metric(
            "memory_busy_percent",
            "Reading memory",
            memory,
            "Share of the time of all iterations in which the GPUs read memory; what is fixed per iteration counts to neither side.",
        ),
    ]
}

fn row(log: &Log) -> [Metric; 3] {
    let meter = &log.meter;
    let metric = |id, name, value, doc| Metric {
        id,
        name,
        unit: "%",
        value: 100.0 * value,
        better: Better::Lower,
        doc,
    };
    [
        metric(
            "row_power_max_percent",
            "Row power, highest",
            meter.highest,
            "Highest power of the row between two looks, over its budget.",
        ),
        metric(
            "power_capped_percent",
            "Time under caps",
            meter.secs[1] / meter.secs[0],
            "Share of the time in which some clocks were held down.",
        ),
        metric(
            "power_brake_percent",
            "Time braking",
            meter.secs[3] / meter.secs[0],
            "Share of the time in which all clocks were at half because the row drew its whole budget.",
        ),
    ]
}

fn experts(log: &Log, bytes: f64) -> [Metric; 2] {
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
            "expert_gb_per_output_token",
            "Expert weights read per token",
            "GB",
            1e-9 * bytes * log.expert_loads / log.gaps.tokens_out() as f64,
            "Weights of experts read from memory over output tokens: every iteration reads those that its tokens choose, in every layer, in expectation.",
        ),
        metric(
            "prefill_expert_gb_per_output_token",
            "Of these beside prompts",
            "GB",
            1e-9 * bytes * log.prefill_expert_loads / log.gaps.tokens_out() as f64,
            "The part of them in iterations that run prompts.",
        ),
    ]
}

fn transfers(log: &Log) -> [Metric; 2] {
    let mean = |sum: f64| sum / log.transfers.len() as f64;
    let moving = num::sum(log.transfers.iter().map(|t| t.at - t.started));
    let metric = |id, name, value, doc| Metric {
        id,
        name,
        unit: "s",
        value,
        better: Better::Lower,
        doc,
    };
    [
        metric(
            "kv_transfer_mean_secs",
            "KV transfer",
            mean(moving),
            "Mean time in which the KV of a request travels from its prefill to its decode instance.",
        ),
        metric(
            "kv_transfer_wait_mean_secs",
            "Wait for the transfer",
            mean(log.transfer_wait_secs),
            "Mean time between the first token and the start of the transfer: for room on the decode instance, and for the link of the sender.",
        ),
    ]
}

fn latencies(results: &Results, log: &Log, saturated: bool) -> Vec<Metric> {
    let Ordered {
        ttft,
        queueing,
        e2e,
        gaps,
    } = &results.ordered;
    let between = if log.gaps.sketched() {
        TBT_SKETCH_DOC
    } else {
        TBT_DOC
    };
    let tails = [
        (
            Tail {
                id: "ttft_p50_secs",
                name: "TTFT p50",
                few: "TTFT p50 (few samples)",
                p: 50.0,
                doc: TTFT_DOC,
            },
            Some(ttft),
        ),
        (
            Tail {
                id: "ttft_p99_secs",
                name: "TTFT p99",
                few: "TTFT p99 (few samples)",
                p: 99.0,
                doc: TTFT_DOC,
            },
            Some(ttft),
        ),
        (
            Tail {
                id: "tbt_p50_secs",
                name: "TBT p50",
                few: "TBT p50 (few samples)",
                p: 50.0,
                doc: between,
            },
            None,
        ),
        (
            Tail {
                id: "tbt_p99_secs",
                name: "TBT p99",
                few: "TBT p99 (few samples)",
                p: 99.0,
                doc: between,
            },
            None,
        ),
        (
            Tail {
                id: "e2e_p50_secs",
                name: "E2E p50",
                few: "E2E p50 (few samples)",
                p: 50.0,
                doc: "Time from a request's arrival to its last token.",
            },
            Some(e2e),
        ),
        (
            Tail {
                id: "queueing_p50_secs",
                name: "Queueing p50",
                few: "Queueing p50 (few samples)",
                p: 50.0,
                doc: "Time from a request's arrival to the forming of its first batch.",
            },
            Some(queueing),
        ),
    ];
    let mut out: Vec<Metric> = tails
        .iter()
        .map(|(tail, sorted)| match sorted {
            Some(sorted) => tail.of(sorted.len(), percentile_sorted(sorted, tail.p), saturated),
            None => tail.of(gaps.len() as usize, gaps.percentile(tail.p), saturated),
        })
        .collect();
    out.push(Metric {
        id: "max_stall_secs",
        name: "Longest stall",
        unit: "s",
        value: gaps.longest(),
        better: Better::Lower,
        doc: "Longest time any request waited between two of its tokens.",
    });
    out
}

fn swapping(log: &Log) -> [Metric; 2] {
    [
        Metric {
            id: "swaps",
            name: "Swapped out",
            unit: "",
            value: log.swaps_out() as f64,
            better: Better::Lower,
            doc: "How often the blocks of a running request were copied to the host.",
        },
        Metric {
            id: "swap_percent",
            name: "Time copying",
            unit: "%",
            value: 100.0 * log.swap_secs / log.busy_stage_secs,
            better: Better::Lower,
            doc: "Share of the time of all iterations in which they waited for blocks that were copied to the host or back.",
        },
    ]
}

fn rates(config: &Config, results: &Results, log: &Log) -> Vec<Metric> {
    let secs = results.end;
    let per_sec = |count: f64| if secs > 0.0 { count / secs } else { f64::NAN };
    let tokens = log.gaps.tokens_out() as f64;
    let finished = results.count(Ending::Finished);
    let met = results.meets_slo.iter().filter(|m| **m).count();
    let blocks = f64::from(config.limits().num_blocks) * config.replicas as f64;
    let lost = num::sum(log.evictions.iter().map(|e| f64::from(e.tokens)));
    let metric = |id, name, unit, value, better, doc| Metric {
        id,
        name,
        unit,
        value,
        better,
        doc,
    };
    vec![
        metric(
            "throughput_tokens_per_sec",
            "Throughput",
            "tok/s",
            per_sec(tokens),
            Better::Higher,
            "Output tokens per second, from time 0 to the last token.",
        ),
        metric(
            "throughput_requests_per_sec",
            "Requests finished",
            "req/s",
            per_sec(finished as f64),
            Better::Higher,
            "Finished requests per second, from time 0 to the last token.",
        ),
        metric(
            "slo_attainment_percent",
            "Targets met",
            "%",
            100.0 * results.attainment(),
            Better::Higher,
            "Share of all arrived requests whose TTFT and mean time per token meet the targets; requests set aside count as missed.",
        ),
        metric(
            "goodput_requests_per_sec",
            "Goodput",
            "req/s",
            per_sec(met as f64),
            Better::Higher,
            "Requests per second that met their targets.",
        ),
        metric(
            "kv_utilisation_percent",
            "KV pool in use",
            "%",
            100.0 * log.kv_integral / (blocks * secs),
            Better::Neither,
            "Average over time of KV blocks in use, reserved slots included.",
        ),
        metric(
            "preemptions",
            "Preemptions",
            "",
            (log.evictions.len() + log.swaps_out()) as f64,
            Better::Lower,
            "How often a running request lost its memory: to start again, or swapped out.",
        ),
        metric(
            "recomputed_percent",
            "Recomputed",
            "%",
            100.0 * lost / log.processed.max(1) as f64,
            Better::Lower,
            "Share of all processed tokens whose KV was lost to a preemption.",
        ),
        metric(
            "makespan_secs",
            "Simulated time",
            "s",
            secs,
            Better::Neither,
            "Time from 0 to the last event.",
        ),
        metric(
            "iterations",
            "Iterations",
            "",
            log.iterations.total() as f64,
            Better::Neither,
            "Batches formed.",
        ),
        metric(
            "ignored_requests",
            "Set aside",
            "",
            results.count(Ending::Ignored) as f64,
            Better::Lower,
            "Requests that could never fit into the KV pool and were set aside at arrival.",
        ),
        metric(
            "unfinished_requests",
            "Unfinished",
            "",
            results.count(Ending::Unfinished) as f64,
            Better::Lower,
            "Requests that the run left unfinished because it was stopped.",
        ),
    ]
}
