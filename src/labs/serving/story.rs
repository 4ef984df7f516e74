//! The story of a request: what is known about it, and the rule that decides at a moment.

use super::Run;
use super::config::{Config, Scheduler};
use super::engine::{Engine, Oracle, Phase, Stop};
use super::log::Log;
use super::metrics::few_samples;
use super::policies::Feature;
use super::results::{Ending, Results};
use crate::core::stats::percentile_sorted;
use crate::core::{EntityId, Fact, Story};

/// A time with three significant digits and a fitting unit.
pub(super) fn secs(value: f64) -> String {
    if value.is_nan() {
        return "–".to_owned();
    }
    let magnitude = value.abs();
    if magnitude >= 100.0 {
        format!("{value:.0} s")
    } else if magnitude >= 10.0 {
        format!("{value:.1} s")
    } else if magnitude >= 1.0 {
        format!("{value:.2} s")
    } else if magnitude >= 0.1 {
        format!("{:.0} ms", value * 1e3)
    } else if magnitude >= 0.01 {
        format!("{:.1} ms", value * 1e3)
    } else {
        format!("{:.2} ms", value * 1e3)
    }
}

/// The story of request `entity` at time `at`; `None` for an unknown id.
pub(super) fn story(run: &Run, entity: EntityId, at: f64) -> Option<Story> {
    let i = usize::try_from(entity.0)
        .ok()
        .filter(|&i| i < run.results().len())?;
    let state = run.state_at(at);
    let mut facts = now_facts(run, &state, i);
    facts.extend(whole_facts(run, i));
    Some(Story {
        title: format!("Request {i}"),
        facts,
        why: why(run.config(), &state, i as u32, at),
    })
}

fn now_facts(run: &Run, state: &Engine, i: usize) -> Vec<Fact> {
    let r = state.requests();
    let w = run.workload();
    let total = w.prefill[i] + w.decode[i];
    let left = r.remaining(Oracle::declare(), i as u32);
    let out = match r.phase[i] {
        Phase::Done => w.decode[i],
        Phase::Swapped | Phase::Transfer => w.decode[i].saturating_sub(left),
        Phase::Future | Phase::Ignored => 0,
        _ if r.phase[i] == Phase::Decode => w.decode[i].saturating_sub(left),
        // After a preemption the produced tokens stand in the prompt.
        _ => r.prefill[i] - w.prefill[i].min(r.prefill[i]),
    };
    let mut facts = vec![
        Fact::new("Now", words(state, i)),
        Fact::new("Tokens out", format!("{out} of {}", w.decode[i])),
        Fact::new("KV blocks held", r.blocks[i].to_string()),
    ];
    if run.config().replicas > 1 && r.phase[i] != Phase::Future {
        facts.push(Fact::new("Instance", r.replica[i].to_string()));
    }
    if let Some(cache) = &state.desk(r.replica[i] as usize).cache
        && r.blocks[i] > 0
    {
        facts.push(Fact::new(
            "Of them found in memory",
            cache.found(i as u32).to_string(),
        ));
    }
    facts.push(Fact::new(
        "Prompt + output",
        format!("{} + {} = {total} tok", w.prefill[i], w.decode[i]),
    ));
    facts
}

fn words(state: &Engine, i: usize) -> String {
    let r = state.requests();
    let again = r.restarts[i] > 0;
    match r.phase[i] {
        Phase::Future => "not arrived yet".to_owned(),
        Phase::Waiting => {
            let desk = state.desk(r.replica[i] as usize);
            let place = desk.queue.iter().position(|&q| q as usize == i);
            let place = place.map_or(String::new(), |p| {
                format!(", place {} of {}", p + 1, desk.queue.len())
            });
            if again {
                format!("preempted, waits again{place}")
            } else {
                format!("waits{place}")
            }
        }
        Phase::Prefill => format!(
            "prefill{}, {} of {} tok",
            if again { " once more" } else { "" },
            r.processed[i],
            r.prefill[i]
        ),
        Phase::Decode => "decodes".to_owned(),
        Phase::Swapped => "swapped out to the host".to_owned(),
        Phase::Transfer if state.held_back(i as u32).is_some() => {
            "waits for room on a decode instance".to_owned()
        }
        Phase::Transfer => "its KV is on its way".to_owned(),
        Phase::Done => "finished".to_owned(),
        Phase::Ignored => "set aside at arrival".to_owned(),
    }
}

fn whole_facts(run: &Run, i: usize) -> Vec<Fact> {
    let (w, r) = (run.workload(), run.results());
    let mut facts = vec![
        Fact::new("Arrival", format!("{:.3} s", w.arrival[i])),
        Fact::new("Queueing", secs(r.queueing[i])),
        Fact::new("TTFT", secs(r.ttft[i])),
        Fact::new("TPOT", secs(r.tpot[i])),
        Fact::new("E2E", secs(r.e2e[i])),
        Fact::new("Longest stall", secs(r.stall[i])),
        Fact::new("Preemptions", r.restarts[i].to_string()),
        Fact::new(
            "Targets",
            if r.meets_slo[i] { "met" } else { "missed" }.to_owned(),
        ),
    ];
    if run.config().swaps() {
        let own: Vec<_> = (run.log().swaps.iter())
            .filter(|s| s.out && s.request as usize == i)
            .collect();
        let blocks: u32 = own.iter().map(|s| s.blocks).sum();
        let words = match own.len() {
            0 => "never".to_owned(),
            n => format!("{n} time{}, {blocks} blocks", plural(n as u32)),
        };
        facts.push(Fact::new("Swapped out", words));
    }
    facts
}

/// The rule that decides about request `i` at this moment, with its numbers.
fn why(config: &Config, state: &Engine, r: u32, at: f64) -> Vec<String> {
    let requests = state.requests();
    let i = r as usize;
    match requests.phase[i] {
        Phase::Future => vec![format!(
            "It arrives at {:.3} s; now is {at:.3} s.",
            requests.arrival[i]
        )],
        Phase::Ignored => vec![never_fits(config, state, i)],
        Phase::Done => vec![format!(
            "Its last token was out at {:.3} s{}.",
            requests.completed_at[i],
            if requests.blocks[i] > 0 {
                "; its slot stays taken until the whole batch is done"
            } else {
                ""
            }
        )],
        Phase::Waiting => waiting(config, state, r),
        Phase::Swapped => state.why(r),
        Phase::Transfer => vec![transfer(state, r)],
        Phase::Prefill | Phase::Decode => running(config, state, r),
    }
}

/// Where the KV of a request with its first token is, and what it waits for.
fn transfer(state: &Engine, r: u32) -> String {
    let requests = state.requests();
    let tokens = requests.processed[r as usize] - 1;
    if let Some((to, before)) = state.held_back(r) {
        let (desk, limits) = (state.desk(to), state.limits());
        return format!(
            "Room: instance {to} has to give {} blocks above {} in reserve, {} are free; {before} request{} {} for it before this one, and {} preempted there. Its blocks stay taken where its prompt was computed.",
            limits.blocks_for(tokens),
            limits.watermark_blocks,
            desk.free(limits),
            plural(before as u32),
            if before == 1 { "waits" } else { "wait" },
            desk.queue.len() + desk.swapped.len(),
        );
    }
    let transfers = state.transfers();
    let found = transfers.iter().find(|t| t.request == r);
    if let Some(m) = state.moves().iter().find(|m| m.request == r) {
        return format!(
            "Migration: the last piece of its {tokens} tokens of KV goes from instance {} to instance {} until {:.3} s; the rest was copied while it decoded, from {:.3} s on.",
            m.from, m.to, m.until, m.began
        );
    }
    found.map_or(String::new(), |t| {
        format!(
            "Transfer: {tokens} tokens of KV from instance {} to instance {}, from {:.3} s to {:.3} s; it decodes after that.",
            t.from, t.to, t.started, t.at
        )
    })
}

fn never_fits(config: &Config, state: &Engine, i: usize) -> String {
    let limits = state.limits();
    let total =
        state.requests().prefill[i] + state.requests().output(Oracle::declare(), i as u32) - 1;
    format!(
        "It needs {} blocks at its longest; {} of {} can ever be free ({} kept in reserve).",
        limits.blocks_for(total),
        limits.num_blocks - limits.watermark_blocks,
        config.num_blocks,
        limits.watermark_blocks
    )
}

fn waiting(config: &Config, state: &Engine, r: u32) -> Vec<String> {
    if let Some(before) = state.at_gateway(r) {
        return vec![format!(
            "Gateway: no instance that is idle has room for it; {before} request{} before it there.",
            if before == 1 { " waits" } else { "s wait" }
        )];
    }
    let desk = state.desk(state.requests().replica[r as usize] as usize);
    let mut lines = state.why(r);
    let place = desk.queue.iter().position(|&q| q == r).unwrap_or(0);
    if place > 0 && config.scheduler.has(Feature::InOrder) {
        lines.push(format!(
            "Order: {place} request{} before it in the queue, and nobody overtakes the head.",
            if place == 1 { " stands" } else { "s stand" }
        ));
    }
    let head = if place == 0 { "It" } else { "The head" };
    lines.push(stop_words(head, desk.stop, config));
    if state.requests().restarts[r as usize] > 0 {
        lines.push(format!(
            "It was preempted {} time{}: its {} tokens have to be computed again.",
            state.requests().restarts[r as usize],
            plural(state.requests().restarts[r as usize]),
            state.requests().prefill[r as usize]
        ));
    }
    lines
}

fn plural(n: u32) -> &'static str {
    if n == 1 { "" } else { "s" }
}

/// The condition that failed when the last batch was formed.
fn stop_words(head: &str, stop: Stop, config: &Config) -> String {
    match stop {
        Stop::None => format!("{head} has to wait: a batch is running, and the next one is formed when it ends."),
        Stop::Blocks {
            need,
            free,
            reserve,
        } if reserve > 0 => format!(
            "Blocks: {head} needs {need}; {free} are free and {reserve} stay in reserve, so {} can be given.",
            free.saturating_sub(reserve)
        ),
        Stop::Blocks { need, free, .. } => {
            format!("Blocks: {head} needs {need}, {free} are free.")
        }
        Stop::Holders(cap) => format!("Batch cap: {cap} requests hold memory, as many as may."),
        Stop::BatchFull(limit) => format!("Batch cap: {limit} requests are in the batch, as many as may."),
        Stop::Tokens { with, limit } => format!(
            "Prefill limit: with {} the batch would have {with} tokens{}; {limit} are allowed.",
            head.to_lowercase(),
            if config.scheduler == Scheduler::Vllm && config.padded_prefill { ", padded to the longest prompt" } else { "" }
        ),
        Stop::Budget(budget) => format!("Budget: all {budget} tokens of this iteration went to requests before it."),
        Stop::StaticBatch(n) => format!("Order: a static batch runs with {n} unfinished request{}; nobody joins before it ends.", plural(n)),
        Stop::NotDue { waited, of } => format!("Order: prompts are admitted every {of} iterations; {waited} have passed."),
        Stop::Layers { group, groups } => format!("Order: prompts run through group {group} of {groups} of the layers; nobody joins before they are through all."),
        Stop::Peak { peak, capacity } => format!("Memory to come: with {} the peak would be {peak} tokens; the pool has {capacity}.", head.to_lowercase()),
        Stop::Preempted => "Order: a running request was preempted for lack of blocks in this iteration, so nobody is admitted.".to_owned(),
        Stop::Room { need, free } => format!("Memory to come: {} and the outputs still to come need room for {need} tokens; {free} are free.", head.to_lowercase()),
        Stop::Swapped(n) => format!("Order: {n} swapped-out request{} come{} back before anybody is admitted.", plural(n), if n == 1 { "s" } else { "" }),
        Stop::Rank => "Rank: others stand before it; they used the budget or the batch cap.".to_owned(),
    }
}

fn running(config: &Config, state: &Engine, r: u32) -> Vec<String> {
    let requests = state.requests();
    let i = r as usize;
    let replica = requests.replica[i] as usize;
    let batch: Vec<_> = state.in_flight(replica).copied().collect();
    let prefill: u32 = batch.iter().filter(|e| e.prefill).map(|e| e.tokens).sum();
    let prompts = batch.iter().filter(|e| e.prefill).count();
    let decodes = batch.len() - prompts;
    let Some(entry) = batch.iter().find(|e| e.request == r) else {
        return vec![stalled(config, prompts, prefill, decodes)];
    };
    let mut lines = vec![if entry.prefill {
        format!(
            "Runs with {} of its {} prompt tokens; the batch has {prefill} prefill tokens and {decodes} decode{}.",
            entry.tokens,
            requests.prefill[i],
            plural(decodes as u32)
        )
    } else {
        format!(
            "Decodes one token beside {} other{} and {prefill} prefill tokens.",
            decodes - 1,
            plural(decodes as u32 - 1)
        )
    }];
    lines.extend(state.why(r));
    if let Some(m) = state.moves().iter().find(|m| m.request == r) {
        lines.push(format!(
            "Migration: its KV is copied to instance {} beside the decoding since {:.3} s; this round ends at {:.3} s.",
            m.to, m.began, m.until
        ));
    }
    if config.scheduler.has(Feature::Budget) {
        lines.push(format!(
            "Budget: {} of {} tokens of this iteration are used.",
            prefill + decodes as u32,
            config.chunk_size
        ));
    }
    lines.extend(iteration(config, state, r));
    if config.scheduler.has(Feature::Slots) {
        let held = requests.blocks[i];
        let filled = state.limits().blocks_for(requests.processed[i]);
        lines.push(format!(
            "Its slot has {held} blocks, {filled} of them hold tokens; the rest is reserved for its longest possible output."
        ));
    }
    lines
}

/// How long the batch of a running request takes and why, and where in the pipeline it is.
fn iteration(config: &Config, state: &Engine, r: u32) -> Option<String> {
    let batch = state.under_way(r)?;
    let (cost, stages) = (&state.limits().cost, state.limits().stages);
    let work = state.work_of(&batch);
    let mut parts = cost.parts(&work, stages);
    let copies = batch.stage_secs - cost.stage_seconds(&work, stages);
    if copies > 0.0 {
        parts.push(("copies of swapped blocks", copies));
    }
    let parts: Vec<String> = (parts.iter())
        .map(|(name, time)| format!("{name} {}", secs(*time)))
        .collect();
    let gpus = match config.tensor_parallel() {
        n if n > 1 => format!(" on {n} GPUs"),
        _ => String::new(),
    };
    let per = if stages > 1 {
        let wait = match batch.until {
            Some(until) => format!("until {until:.3} s"),
            None => "next, behind another batch".to_owned(),
        };
        format!(
            "Pipeline: stage {} of {stages} has the batch {wait}; every stage takes",
            batch.stage + 1
        )
    } else {
        "Time: this iteration takes".to_owned()
    };
    Some(format!(
        "{per} {}{gpus}: {}.",
        secs(batch.stage_secs),
        parts.join(", ")
    ))
}

fn stalled(config: &Config, prompts: usize, prefill: u32, decodes: usize) -> String {
    match config.scheduler {
        Scheduler::Vllm | Scheduler::Lightllm | Scheduler::PastFuture if prompts > 0 => format!(
            "Stalled: {prompts} new prompt{} with {prefill} tokens run alone; all running requests wait for the end of this iteration.",
            plural(prompts as u32)
        ),
        _ if prompts + decodes == 0 => {
            "It holds its memory; no batch is running at this moment.".to_owned()
        }
        _ if config.scheduler.has(Feature::Budget) => format!(
            "Stalled: the {} tokens of this iteration went to {} other requests.",
            config.chunk_size,
            prompts + decodes
        ),
        _ => format!(
            "It holds its memory but is not among the {} requests of the batch that runs.",
            prompts + decodes
        ),
    }
}

/// Requests worth a click.
pub(super) fn notable(r: &Results) -> Vec<(EntityId, String)> {
    let largest = |values: &[f64]| {
        values
            .iter()
            .copied()
            .enumerate()
            .filter(|(_, v)| v.is_finite() && *v > 0.0)
            .max_by(|a, b| a.1.total_cmp(&b.1))
    };
    let mut out: Vec<(EntityId, String)> = Vec::new();
    let mut add = |i: usize, text: String| {
        let id = EntityId(i as u64);
        if out.iter().all(|(known, _)| *known != id) {
            out.push((id, text));
        }
    };
    if let Some((i, v)) = largest(&r.stall) {
        add(i, format!("request {i}: longest stall, {}", secs(v)));
    }
    if let Some((i, v)) = largest(&r.ttft) {
        add(i, format!("request {i}: slowest first token, {}", secs(v)));
    }
    if let Some((i, n)) = (r.restarts.iter().enumerate())
        .max_by_key(|(i, n)| (**n, std::cmp::Reverse(*i)))
        .filter(|(_, n)| **n > 0)
    {
        add(i, format!("request {i}: preempted {n} time{}", plural(*n)));
    }
    if let Some((i, v)) = largest(&r.e2e) {
        add(i, format!("request {i}: longest in all, {}", secs(v)));
    }
    if let Some(i) = r.ending.iter().position(|e| *e == Ending::Ignored) {
        add(i, format!("request {i}: set aside, it can never fit"));
    }
    out
}

/// One sentence with the result in words.
pub(super) fn summary(config: &Config, r: &Results, log: &Log) -> String {
    let name = config.scheduler.name();
    if r.saturated {
        return format!(
            "{name} is saturated: {} requests wait after {} of simulated time, and the run was stopped.",
            r.waiting_at_end,
            secs(r.end)
        );
    }
    let tokens = log.gaps.tokens_out() as f64;
    let mark = if few_samples(99.0, log.gaps.len() as usize) {
        " (few samples)"
    } else {
        ""
    };
    let gaps = &r.ordered.gaps;
    let mut text = format!(
        "{name} finishes {} of {} requests in {} at {:.0} tokens per second; the median first token takes {}, the p99 gap between tokens {}{mark}, the longest stall {}; {:.1} % meet their targets, {} preemptions{}.",
        r.count(Ending::Finished),
        r.len(),
        secs(r.end),
        if r.end > 0.0 { tokens / r.end } else { 0.0 },
        secs(percentile_sorted(&r.ordered.ttft, 50.0)),
        secs(gaps.percentile(99.0)),
        secs(gaps.longest()),
        100.0 * r.attainment(),
        log.evictions.len() + log.swaps_out(),
        if log.swaps.is_empty() {
            String::new()
        } else {
            format!(", {} of them by swap", log.swaps_out())
        },
    );
    let ignored = r.count(Ending::Ignored);
    if ignored > 0 {
        text = format!("{text} {ignored} could never fit and were set aside.");
    }
    text
}
