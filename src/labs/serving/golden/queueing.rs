//! Closed forms of queueing theory and the latency of a request alone, compared with the file; the
//! single request and the Lindley path also come out of the simulator itself.

use super::unknown_fields;
use crate::core::golden::{
    Case, Check, Tolerance, field, flat_floats, float, float_field, floats_field, usize_field,
};
use crate::core::{Error, Result, Simulation as _};
use crate::labs::serving::engine::{Engine, Limits, Quirks, Requests};
use crate::labs::serving::policies::Vllm;
use crate::labs::serving::queueing as forms;
use crate::labs::serving::routers::Routing;
use serde_json::Value;

type Evaluate = fn(&Value) -> Result<Vec<(&'static str, f64)>>;

/// Groups that are lists of cases: name, inputs (never compared), evaluation.
const GROUPS: [(&str, &[&str], Evaluate); 5] = [
    (
        "mg1",
        &[
            "name",
            "arrival_rate",
            "c0",
            "c1",
            "prompt",
            "mean_prompt",
            "prompts",
        ],
        mg1,
    ),
    ("mmk", &["k", "utilisation", "service_rate", "name"], mmk),
    (
        "mm1_split_vs_pooled",
        &["k", "utilisation", "service_rate", "name"],
        split_or_pooled,
    ),
    (
        "priority_mm1_nonpreemptive",
        &["rho_high", "rho_low", "mean_service", "name"],
        priority,
    ),
    ("srpt_mm1", &["utilisation", "mean_service", "name"], srpt),
];

/// Evaluates every group that is present.
pub(super) fn evaluate(file: &Value) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for (group, inputs, evaluate) in GROUPS {
        let Some(list) = file.get(group) else {
            continue;
        };
        let list = list
            .as_array()
            .ok_or_else(|| Error::malformed(group, "is not a list"))?;
        for (i, inputs_and_outputs) in list.iter().enumerate() {
            let label = match inputs_and_outputs.get("name").and_then(Value::as_str) {
                Some(name) => format!("{group}[{i}] {name}"),
                None => format!("{group}[{i}]"),
            };
            let got = evaluate(inputs_and_outputs)?;
            cases.push(compared(label, inputs_and_outputs, &got, inputs)?);
        }
    }
    if let Some(group) = file.get("single_request_latency") {
        single_requests(group, &mut cases)?;
    }
    if let Some(group) = file.get("lindley_fcfs") {
        cases.push(lindley(group)?);
    }
    let known = [
        "schema",
        "lab",
        "kind",
        "source",
        "mapping",
        "note",
        "notes",
        "tolerance",
        "mg1",
        "mmk",
        "mm1_split_vs_pooled",
        "priority_mm1_nonpreemptive",
        "srpt_mm1",
        "single_request_latency",
        "lindley_fcfs",
    ];
    let unknown = unknown_fields(file, &known);
    if !unknown.is_empty() {
        let mut check = Check::new("other groups", Tolerance::default());
        check.remark(format!("not compared: {}", unknown.join(", ")));
        cases.push(check.done());
    }
    Ok(cases)
}

fn compared(
    label: String,
    object: &Value,
    got: &[(&'static str, f64)],
    inputs: &[&str],
) -> Result<Case> {
    let mut check = Check::new(label, Tolerance::default());
    for &(name, value) in got {
        if let Some(want) = object.get(name) {
            check.float(name, value, float(want)?);
        }
    }
    let known: Vec<&str> = got
        .iter()
        .map(|g| g.0)
        .chain(inputs.iter().copied())
        .collect();
    let unknown = unknown_fields(object, &known);
    if !unknown.is_empty() {
        check.remark(format!("not compared: {}", unknown.join(", ")));
    }
    Ok(check.done())
}

fn or(object: &Value, name: &str, absent: f64) -> Result<f64> {
    if object.get(name).is_some() {
        float_field(object, name)
    } else {
        Ok(absent)
    }
}

fn mg1(object: &Value) -> Result<Vec<(&'static str, f64)>> {
    let rate = float_field(object, "arrival_rate")?;
    let (c0, c1) = (or(object, "c0", 0.0)?, or(object, "c1", 0.0)?);
    let service = if object.get("prompt").is_some() {
        forms::Service::constant(c0 + c1 * float_field(object, "prompt")?)
    } else if object.get("mean_prompt").is_some() {
        forms::Service::geometric(c0, c1, float_field(object, "mean_prompt")?)
    } else if let Some(list) = object.get("prompts") {
        let flat = flat_floats(list)?;
        let pairs: Vec<(f64, f64)> = flat
            .chunks_exact(2)
            .map(|p| (c0 + c1 * p[0], p[1]))
            .collect();
        forms::Service::discrete(&pairs)
    } else {
        forms::Service::exponential(float_field(object, "mean_service")?)
    };
    let q = forms::mg1(rate, service);
    Ok(vec![
        ("mean_service", service.mean),
        ("second_moment_service", service.second_moment()),
        ("utilisation", q.utilisation),
        ("mean_wait", q.wait),
        ("mean_response", q.response),
        ("mean_queue_length", q.queue_length),
        ("mean_in_system", q.in_system),
    ])
}

fn pool(object: &Value) -> Result<forms::Pool> {
    let k = usize_field(object, "k")?;
    if k == 0 {
        return Err(Error::out_of_range("k", k, "at least 1"));
    }
    Ok(forms::mmk(
        k,
        float_field(object, "utilisation")?,
        or(object, "service_rate", 1.0)?,
    ))
}

fn mmk(object: &Value) -> Result<Vec<(&'static str, f64)>> {
    let q = pool(object)?;
    Ok(vec![
        ("arrival_rate", q.arrival_rate),
        ("erlang_b_blocking", q.blocking),
        ("prob_wait", q.prob_wait),
        ("mean_wait", q.wait),
        ("mean_response", q.response),
    ])
}

fn split_or_pooled(object: &Value) -> Result<Vec<(&'static str, f64)>> {
    let rho = float_field(object, "utilisation")?;
    let mu = or(object, "service_rate", 1.0)?;
    Ok(vec![
        ("k_separate_mm1_mean_wait", rho / (mu * (1.0 - rho))),
        ("pooled_mmk_mean_wait", pool(object)?.wait),
    ])
}

fn priority(object: &Value) -> Result<Vec<(&'static str, f64)>> {
    let [high, low, fcfs] = forms::two_classes(
        float_field(object, "rho_high")?,
        float_field(object, "rho_low")?,
        float_field(object, "mean_service")?,
    );
    Ok(vec![
        ("wait_high", high),
        ("wait_low", low),
        ("wait_fcfs", fcfs),
    ])
}

fn srpt(object: &Value) -> Result<Vec<(&'static str, f64)>> {
    let (rho, s) = (
        float_field(object, "utilisation")?,
        float_field(object, "mean_service")?,
    );
    Ok(vec![
        ("srpt_mean_response", forms::srpt_mm1(rho, s)),
        ("fcfs_mean_response", s / (1.0 - rho)),
        ("ps_mean_response", s / (1.0 - rho)),
    ])
}

/// One instance that serves one request at a time.
fn alone(cost: [f64; 5], arrival: &[f64], prefill: &[u32], decode: &[u32]) -> Result<Engine> {
    let longest = prefill
        .iter()
        .zip(decode)
        .map(|(&p, &d)| u64::from(p) + u64::from(d))
        .max()
        .unwrap_or(1);
    let limits = Limits {
        block_size: 16,
        num_blocks: (longest / 16 + 2) as u32,
        batch_cap: 1,
        max_tokens_in_batch: longest,
        token_budget: u32::MAX,
        watermark_blocks: 0,
        whole_prompt: false,
        prefix_caching: false,
        max_new_tokens: u32::MAX,
        slot_blocks: 0,
        max_waiting_iters: 0,
        stages: 1,
        cost: cost.into(),
        swap: None,
        quirks: Quirks::NONE,
        padded: true,
        ignore_misfits: false,
    };
    let requests = Requests::new(arrival.into(), prefill, decode);
    let mut engine = Engine::new(limits, requests, &Vllm, 1, Routing::RoundRobin)?;
    while engine.advance() {}
    engine.deadlock().map_or(Ok(engine), Err)
}

fn single_requests(group: &Value, cases: &mut Vec<Case>) -> Result<()> {
    let cost: [f64; 5] = floats_field(group, "cost")?
        .try_into()
        .map_err(|c: Vec<f64>| Error::malformed("cost", format!("{} values, want 5", c.len())))?;
    let list = field(group, "cases")?
        .as_array()
        .ok_or_else(|| Error::malformed("cases", "is not a list"))?;
    for (i, object) in list.iter().enumerate() {
        let (p, d) = (
            usize_field(object, "prefill")?,
            usize_field(object, "decode")?,
        );
        let latency = forms::request_alone(&cost, p as u64, d as u64);
        let got = [
            ("ttft", latency.ttft),
            ("e2e", latency.e2e),
            ("e2e_closed_form", latency.e2e_closed_form),
        ];
        let label = format!("single_request_latency[{i}] P={p} D={d}");
        cases.push(compared(label, object, &got, &["prefill", "decode"])?);
        let engine = alone(cost, &[0.0], &[p as u32], &[d as u32])?;
        let simulated = [
            ("ttft", engine.requests().first_at[0]),
            ("e2e", engine.requests().completed_at[0]),
        ];
        let label = format!("single_request_latency[{i}] simulated");
        let inputs = ["prefill", "decode", "e2e_closed_form"];
        cases.push(compared(label, object, &simulated, &inputs)?);
    }
    Ok(())
}

fn lindley(group: &Value) -> Result<Case> {
    let mut check = Check::new("lindley_fcfs", Tolerance::default());
    let (c0, c1) = (or(group, "c0", 0.0)?, or(group, "c1", 0.0)?);
    let arrival = floats_field(group, "arrival")?;
    let prompts = floats_field(group, "prefill")?;
    if arrival.len() != prompts.len() {
        return Err(Error::malformed(
            "prefill",
            format!("{} values, want {}", prompts.len(), arrival.len()),
        ));
    }
    let Some(want) = group.get("wait") else {
        return Ok(check.done());
    };
    let service: Vec<f64> = prompts.iter().map(|p| c0 + c1 * p).collect();
    check.floats("wait", &forms::lindley(&arrival, &service), want);
    let whole: Vec<u32> = prompts.iter().map(|&p| p as u32).collect();
    let engine = alone(
        [c0, c1, 0.0, 0.0, 0.0],
        &arrival,
        &whole,
        &vec![1; whole.len()],
    )?;
    let r = engine.requests();
    let waits: Vec<f64> = r
        .scheduled_at
        .iter()
        .zip(r.arrival.iter())
        .map(|(s, a)| s - a)
        .collect();
    let want = flat_floats(want)?;
    if waits.len() == want.len() {
        // Differences of absolute times carry the rounding of the largest of them.
        let scale = arrival.last().copied().unwrap_or(0.0).max(1.0);
        let simulated = Tolerance {
            abs: 1e-12 * scale,
            rel: 1e-9,
        };
        for (i, (&got, &want)) in waits.iter().zip(&want).enumerate() {
            check.float_within(&format!("simulated wait[{i}]"), got, want, simulated);
        }
    }
    Ok(check.done())
}
