//! Tables of a run for export.

use super::Run;
use super::results::Ending;
use crate::core::Table;

/// One row per request, in order of arrival.
pub(super) fn requests(run: &Run) -> Table {
    let (w, r) = (run.workload(), run.results());
    let columns = [
        "request",
        "arrival_secs",
        "prompt_tokens",
        "output_tokens",
        "instance",
        "finished",
        "queueing_secs",
        "ttft_secs",
        "tpot_secs",
        "e2e_secs",
        "longest_stall_secs",
        "preemptions",
        "swapped_out",
        "meets_targets",
    ];
    let mut swapped = vec![0_u32; r.len()];
    for swap in run.log().swaps.iter().filter(|s| s.out) {
        swapped[swap.request as usize] += 1;
    }
    let rows = (0..r.len())
        .map(|i| {
            vec![
                i as f64,
                w.arrival[i],
                f64::from(w.prefill[i]),
                f64::from(w.decode[i]),
                f64::from(r.replica[i]),
                f64::from(u8::from(r.ending[i] == Ending::Finished)),
                r.queueing[i],
                r.ttft[i],
                r.tpot[i],
                r.e2e[i],
                r.stall[i],
                f64::from(r.restarts[i]),
                f64::from(swapped[i]),
                f64::from(u8::from(r.meets_slo[i])),
            ]
        })
        .collect();
    Table {
        columns: columns.map(str::to_owned).to_vec(),
        rows,
    }
}

/// One row per iteration, in order of forming; several to a row in very long runs.
pub(super) fn iterations(run: &Run) -> Table {
    let it = &run.log().iterations;
    let columns = [
        "iteration",
        "instance",
        "formed_secs",
        "started_secs",
        "ended_secs",
        "requests",
        "prefill_tokens",
        "decodes",
        "waiting",
        "kv_blocks_used",
    ];
    let rows = (0..it.len())
        .map(|i| {
            vec![
                (i as u64 * it.per_row()) as f64,
                f64::from(it.replica[i]),
                it.formed[i],
                it.started[i],
                it.ended[i],
                it.batch_len(i) as f64,
                f64::from(it.prefill[i]),
                f64::from(it.decodes[i]),
                f64::from(it.waiting[i]),
                f64::from(it.kv_used[i]),
            ]
        })
        .collect();
    Table {
        columns: columns.map(str::to_owned).to_vec(),
        rows,
    }
}
