//! Trace-event format of Chrome ("Trace Event Format", Google), which Perfetto and speedscope open.

use crate::labs::serving::Run;
use crate::labs::serving::log::Stretch;
use std::fmt::Write as _;

/// Process id of the requests; instances come after it.
const REQUESTS: usize = 1;
/// Requests whose lives are written; the iterations of all are.
const MOST_REQUESTS: usize = 20_000;

/// The run as JSON: a process per instance with its iterations and counters, and one process with a
/// thread per request. Times are microseconds.
pub fn chrome_trace(run: &Run) -> String {
    let mut out = String::from("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n");
    let mut first = true;
    let mut event = |text: &str| {
        if !std::mem::take(&mut first) {
            out.push_str(",\n");
        }
        out.push_str(text);
    };
    let name = |pid: usize, name: &str| {
        format!(
            "{{\"ph\":\"M\",\"pid\":{pid},\"name\":\"process_name\",\"args\":{{\"name\":\"{name}\"}}}}"
        )
    };
    let replicas = run.config().replicas as usize;
    for replica in 0..replicas {
        event(&name(
            REQUESTS + 1 + replica,
            &format!("Instance {replica}"),
        ));
    }
    event(&name(REQUESTS, "Requests"));
    iterations(run, &mut event);
    requests(run, &mut event);
    for eviction in &run.log().evictions {
        event(&format!(
            "{{\"ph\":\"i\",\"s\":\"t\",\"pid\":{REQUESTS},\"tid\":{},\"ts\":{},\"name\":\"preempted\",\"args\":{{\"tokens\":{}}}}}",
            eviction.request,
            micros(eviction.at),
            eviction.tokens
        ));
    }
    for swap in &run.log().swaps {
        event(&format!(
            "{{\"ph\":\"i\",\"s\":\"t\",\"pid\":{REQUESTS},\"tid\":{},\"ts\":{},\"name\":\"{}\",\"args\":{{\"blocks\":{}}}}}",
            swap.request,
            micros(swap.at),
            if swap.out {
                "swapped out"
            } else {
                "swapped in"
            },
            swap.blocks
        ));
    }
    out.push_str("\n]}\n");
    out
}

fn iterations(run: &Run, event: &mut impl FnMut(&str)) {
    let it = &run.log().iterations;
    let mut text = String::new();
    for i in 0..it.len() {
        if !(it.started[i].is_finite() && it.ended[i].is_finite()) {
            continue;
        }
        let pid = REQUESTS + 1 + it.replica[i] as usize;
        let kind = match (it.prefill[i], it.decodes[i]) {
            (0, _) => "decode",
            (_, 0) => "prefill",
            _ => "mixed",
        };
        text.clear();
        // Batches of several pipeline stages overlap; every one gets its own row by turns.
        let lane = i as u64 % run.config().stages();
        write!(
            text,
            "{{\"ph\":\"X\",\"pid\":{pid},\"tid\":{lane},\"ts\":{},\"dur\":{},\"name\":\"{kind}\",\"args\":{{\"iteration\":{i},\"requests\":{},\"prefill_tokens\":{},\"decodes\":{}}}}}",
            micros(it.started[i]),
            micros(it.ended[i] - it.started[i]),
            it.batch_len(i),
            it.prefill[i],
            it.decodes[i],
        )
        .ok();
        event(&text);
        for (counter, value) in [("waiting", it.waiting[i]), ("KV blocks", it.kv_used[i])] {
            event(&format!(
                "{{\"ph\":\"C\",\"pid\":{REQUESTS},\"ts\":{},\"name\":\"{counter}\",\"args\":{{\"{counter}\":{value}}}}}",
                micros(it.formed[i])
            ));
        }
    }
}

fn requests(run: &Run, event: &mut impl FnMut(&str)) {
    let n = run.results().len().min(MOST_REQUESTS);
    for r in 0..n as u32 {
        let mut merged: Option<(f64, f64, Stretch)> = None;
        let mut write = |(from, to, what): (f64, f64, Stretch)| {
            event(&format!(
                "{{\"ph\":\"X\",\"pid\":{REQUESTS},\"tid\":{r},\"ts\":{},\"dur\":{},\"name\":\"{}\"}}",
                micros(from),
                micros(to - from),
                name_of(what)
            ));
        };
        // Neighbouring stretches of the same kind are one slice.
        for s in run.segments(r) {
            match &mut merged {
                Some((_, to, what)) if *what == s.what && *to == s.from => *to = s.to,
                _ => {
                    if let Some(done) = merged.replace((s.from, s.to, s.what)) {
                        write(done);
                    }
                }
            }
        }
        if let Some(done) = merged {
            write(done);
        }
    }
}

fn name_of(what: Stretch) -> &'static str {
    match what {
        Stretch::Waiting => "waiting",
        Stretch::Prefill => "prefill",
        Stretch::Decode => "decode",
        Stretch::Stalled => "stalled",
        Stretch::Preempted => "preempted",
        Stretch::Swapped => "swapped out",
        Stretch::Transfer => "KV transfer",
        Stretch::Tail => "finished, place not free",
    }
}

/// Microseconds with three decimals: the format's readers keep nanoseconds.
fn micros(secs: f64) -> f64 {
    (secs * 1e9).round() / 1e3
}
