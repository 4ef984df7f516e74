//! Replays of a workload through a scheduler, compared request by request and batch by batch.

use super::unknown_fields;
use crate::core::Arrange as _;
use crate::core::golden::{
    Case, Check, Tolerance, field, flat_integers, float_field, floats_field, str_field, usize_field,
};
use crate::core::{Error, Result};
use crate::labs::serving::engine::{Column, Engine, Entry, Formed, Limits, Quirks, Requests, Sink};
use crate::labs::serving::policies::{
    LightLlm, Orca, Policy, Sarathi, Srpt, StaticBatching, Vllm, VllmV1,
};
use crate::labs::serving::routers::Routing;
use serde_json::Value;

/// Times agree within this many seconds.
const SECONDS: f64 = 1e-9;
/// More events than any reference file needs: a run that gets here does not progress.
const MAX_EVENTS: u64 = 200_000_000;
/// Batches a file may list.
const MAX_BATCHES: usize = 4096;

/// A batch with what the file lists about it.
struct Batch {
    start: f64,
    formed: Vec<Entry>,
    work: [u64; 4],
    duration: f64,
}

/// Keeps the first batches. With pipelining a batch may start later than another formed after it
/// on another instance, so more are kept than the file lists.
#[derive(Default)]
struct Firsts {
    keep: usize,
    batches: Vec<Batch>,
}

impl Sink for Firsts {
    fn formed(&mut self, batch: &Formed<'_>) {
        if self.batches.len() < self.keep {
            let w = batch.work;
            self.batches.push(Batch {
                start: f64::INFINITY,
                formed: batch.entries.to_vec(),
                work: [w.prefill, w.quad, w.decodes, w.kv_read],
                duration: batch.stage_secs,
            });
        }
    }

    fn started(&mut self, iteration: u64, at: f64) {
        if let Some(batch) = self.batches.get_mut(iteration as usize) {
            batch.start = at;
        }
    }
}

/// A replay of microsoft/vidur, oddities included.
pub(super) fn vidur(file: &Value) -> Result<Vec<Case>> {
    let params = field(file, "params")?;
    let scheduler = str_field(file, "scheduler")?;
    let count = |name: &str| usize_field(params, name).map(|v| v as u32);
    let optional = |name: &str, absent: u32| match params.get(name) {
        None | Some(Value::Null) => Ok(absent),
        Some(_) => count(name),
    };
    let num_blocks = count("num_blocks")?;
    let block_size = count("block_size")?;
    let watermark = match params.get("watermark_blocks") {
        Some(Value::Null) => 0,
        Some(_) => count("watermark_blocks")?,
        None => match params.get("watermark_fraction") {
            None | Some(Value::Null) => 0,
            Some(_) => (float_field(params, "watermark_fraction")? * f64::from(num_blocks)) as u32,
        },
    };
    let slot = match params.get("blocks_reserved_per_sequence") {
        None | Some(Value::Null) => optional("max_tokens_per_sequence", 0)? / block_size.max(1),
        Some(_) => count("blocks_reserved_per_sequence")?,
    };
    let (policy, needs): (Box<dyn Policy>, &[&str]) = match scheduler {
        "vllm" => (Box::new(Vllm), &["max_tokens_in_batch"]),
        "sarathi" => (Box::<Sarathi>::default(), &["chunk_size"]),
        "orca" => (Box::new(Orca), &[]),
        "faster_transformer" => (Box::<StaticBatching>::default(), &[]),
        "lightllm" => (
            Box::<LightLlm>::default(),
            &["max_tokens_in_batch", "max_waiting_iters"],
        ),
        other => {
            return Err(Error::malformed(
                "scheduler",
                format!(
                    "found {other:?}; known: vllm, sarathi, orca, faster_transformer, lightllm"
                ),
            ));
        }
    };
    for name in needs {
        count(name)?;
    }
    let unreserved = matches!(scheduler, "orca" | "faster_transformer" | "lightllm");
    let limits = Limits {
        block_size,
        num_blocks,
        batch_cap: count("batch_size_cap")?,
        max_tokens_in_batch: u64::from(optional("max_tokens_in_batch", u32::MAX)?),
        token_budget: optional("chunk_size", u32::MAX)?,
        watermark_blocks: if unreserved { 0 } else { watermark },
        whole_prompt: false,
        prefix_caching: false,
        max_new_tokens: u32::MAX,
        slot_blocks: slot,
        max_waiting_iters: optional("max_waiting_iters", 0)?,
        stages: optional("pipeline_stages", 1)?,
        cost: cost(params)?.into(),
        swap: None,
        quirks: Quirks::ALL,
        padded: true,
        ignore_misfits: false,
    };
    let router = match params.get("global_scheduler").and_then(Value::as_str) {
        None | Some("round_robin") => Routing::RoundRobin,
        Some("least_outstanding_requests") => Routing::LeastOutstanding,
        Some(other) => {
            return Err(Error::malformed(
                "global_scheduler",
                format!("found {other:?}; known: round_robin, least_outstanding_requests"),
            ));
        }
    };
    let engine = Engine::new(
        limits,
        requests(file)?,
        &*policy,
        optional("replicas", 1)?,
        router,
    )?;
    compare(scheduler, file, engine)
}

/// A replay of an engine of our own semantics, one instance.
pub(super) fn engine(file: &Value) -> Result<Vec<Case>> {
    let params = field(file, "params")?;
    let name = str_field(file, "name")?;
    let policy: Box<dyn Policy> = if name.starts_with("vllm_v1") {
        Box::new(VllmV1)
    } else if name.starts_with("srpt") {
        Box::<Srpt>::default()
    } else {
        return Err(Error::malformed(
            "name",
            format!("found {name:?}; known beginnings: vllm_v1, srpt"),
        ));
    };
    let count = |name: &str| usize_field(params, name).map(|v| v as u32);
    let limits = Limits {
        block_size: count("block_size")?,
        num_blocks: count("num_blocks")?,
        batch_cap: count("max_seqs")?,
        max_tokens_in_batch: u64::from(u32::MAX),
        token_budget: count("token_budget")?,
        watermark_blocks: 0,
        whole_prompt: false,
        prefix_caching: false,
        max_new_tokens: u32::MAX,
        slot_blocks: 0,
        max_waiting_iters: 0,
        stages: 1,
        cost: cost(params)?.into(),
        swap: None,
        quirks: Quirks::NONE,
        padded: true,
        ignore_misfits: false,
    };
    let engine = Engine::new(limits, requests(file)?, &*policy, 1, Routing::RoundRobin)?;
    compare(name, file, engine)
}

fn cost(params: &Value) -> Result<[f64; 5]> {
    let c = floats_field(field(params, "cost_model")?, "c")?;
    c.try_into()
        .map_err(|c: Vec<f64>| Error::malformed("c", format!("{} values, want 5", c.len())))
}

fn requests(file: &Value) -> Result<Requests> {
    let object = field(file, "requests")?;
    let arrival = floats_field(object, "arrival")?;
    let lengths = |name: &str| -> Result<Vec<u32>> {
        let values = flat_integers(field(object, name)?)?;
        if values.len() != arrival.len() {
            return Err(Error::malformed(
                name,
                format!(
                    "{} values, want {} as in arrival",
                    values.len(),
                    arrival.len()
                ),
            ));
        }
        values
            .into_iter()
            .map(|v| u32::try_from(v).map_err(|_too_big| Error::out_of_range(name, v, "1 to 2^30")))
            .collect()
    };
    let (prefill, decode) = (lengths("prefill")?, lengths("decode")?);
    Ok(Requests::new(arrival.into(), &prefill, &decode))
}

fn compare(name: &str, file: &Value, mut engine: Engine) -> Result<Vec<Case>> {
    let listed = file.get("first_iterations").and_then(Value::as_array);
    let keep = listed.map_or(0, |l| (l.len() * 4 + 64).min(MAX_BATCHES));
    let mut firsts = Firsts {
        keep,
        ..Firsts::default()
    };
    let mut events = 0;
    while engine.advance_with(&mut firsts) {
        events += 1;
        if events > MAX_EVENTS {
            return Err(Error::Stuck(format!(
                "no end after {MAX_EVENTS} events, simulated time {} s",
                engine.now()
            )));
        }
    }
    let mut cases = Vec::new();
    if let Some(expected) = file.get("expected") {
        cases.push(per_request(name, expected, &engine));
    }
    if let Some(totals) = file.get("totals") {
        cases.push(all_totals(name, totals, &engine));
    }
    if let Some(listed) = listed {
        cases.push(first_batches(name, listed, firsts.batches));
    }
    if let (Some(error), Some(case)) = (engine.deadlock(), cases.first_mut()) {
        case.pass = false;
        case.detail = error.to_string();
    }
    Ok(cases)
}

fn within_seconds() -> Tolerance {
    Tolerance {
        abs: SECONDS,
        rel: 0.0,
    }
}

fn per_request(name: &str, expected: &Value, engine: &Engine) -> Case {
    let mut check = Check::new(format!("{name}: requests"), within_seconds());
    let r = engine.requests();
    for (field, got) in [
        ("scheduled_at", &r.scheduled_at),
        ("first_token_at", &r.first_at),
        ("completed_at", &r.completed_at),
    ] {
        if let Some(want) = expected.get(field) {
            check.floats(field, &got.to_vec(), want);
        }
    }
    for (field, got) in [("restarts", &r.restarts), ("replica", &r.replica)] {
        if let Some(want) = expected.get(field) {
            let got: Vec<i64> = got.iter().map(|&v| i64::from(v)).collect();
            check.integers(field, &got, want);
        }
    }
    let known = [
        "scheduled_at",
        "first_token_at",
        "completed_at",
        "restarts",
        "replica",
    ];
    report_unknown(&mut check, &unknown_fields(expected, &known));
    check.done()
}

fn report_unknown(check: &mut Check, fields: &[String]) {
    if !fields.is_empty() {
        check.remark(format!("not compared: {}", fields.join(", ")));
    }
}

fn all_totals(name: &str, totals: &Value, engine: &Engine) -> Case {
    let mut check = Check::new(format!("{name}: totals"), Tolerance::default());
    let r = engine.requests();
    let desks = || (0..engine.replicas()).map(|i| engine.desk(i));
    let integers = [
        ("iterations", engine.iterations()),
        ("restarts", r.restarts.iter().map(|&v| u64::from(v)).sum()),
        (
            "restarts_of_partly_prefilled_requests",
            desks().map(|d| d.partly_evictions).sum(),
        ),
        (
            "max_allocated_blocks",
            desks().map(|d| u64::from(d.peak)).max().unwrap_or(0),
        ),
    ];
    for (field, got) in integers {
        if let Some(want) = totals.get(field) {
            check.integers(field, &[got as i64], want);
        }
    }
    let n = r.len() as f64;
    let mean_since_arrival = |at: &Column<f64>| -> f64 {
        crate::core::num::sum(at.iter().zip(r.arrival.iter()).map(|(t, a)| t - a)) / n
    };
    let floats = [
        (
            "makespan",
            r.completed_at.iter().copied().fold(f64::NAN, f64::max),
            within_seconds(),
        ),
        (
            "mean_ttft",
            mean_since_arrival(&r.first_at),
            Tolerance::default(),
        ),
        (
            "mean_e2e",
            mean_since_arrival(&r.completed_at),
            Tolerance::default(),
        ),
    ];
    for (field, got, tolerance) in floats {
        if let Some(want) = totals.get(field) {
            match crate::core::golden::float(want) {
                Ok(want) => check.float_within(field, got, want, tolerance),
                Err(error) => check.fail(format!("{field}: {error}")),
            }
        }
    }
    let known = [
        "iterations",
        "restarts",
        "restarts_of_partly_prefilled_requests",
        "max_allocated_blocks",
        "makespan",
        "mean_ttft",
        "mean_e2e",
    ];
    report_unknown(&mut check, &unknown_fields(totals, &known));
    check.done()
}

fn first_batches(name: &str, listed: &[Value], mut batches: Vec<Batch>) -> Case {
    let mut check = Check::new(format!("{name}: first iterations"), within_seconds());
    batches.arrange_by(|a, b| a.start.total_cmp(&b.start));
    if batches.len() < listed.len() {
        check.fail(format!("{} batches, want {}", batches.len(), listed.len()));
    }
    let mut unknown = Vec::new();
    for (i, (want, got)) in listed.iter().zip(&batches).enumerate() {
        let at = |field: &str| format!("first_iterations[{i}].{field}");
        let ids: Vec<i64> = got.formed.iter().map(|e| i64::from(e.request)).collect();
        let tokens: Vec<i64> = got.formed.iter().map(|e| i64::from(e.tokens)).collect();
        let work = got.work.map(|v| vec![v as i64]);
        let [p, q, d, k] = &work;
        for (field, got) in [
            ("request_ids", &ids),
            ("num_tokens", &tokens),
            ("P", p),
            ("Q", q),
            ("D", d),
            ("K", k),
        ] {
            if let Some(want) = want.get(field) {
                check.integers(&at(field), got, want);
            }
        }
        for (field, got) in [("start", got.start), ("duration", got.duration)] {
            if let Some(want) = want.get(field) {
                check.floats(&at(field), &[got], want);
            }
        }
        let known = [
            "request_ids",
            "num_tokens",
            "P",
            "Q",
            "D",
            "K",
            "start",
            "duration",
        ];
        unknown.extend(unknown_fields(want, &known));
    }
    unknown.sort();
    unknown.dedup();
    report_unknown(&mut check, &unknown);
    check.done()
}
