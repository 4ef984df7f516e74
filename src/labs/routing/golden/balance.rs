//! Kinds `lossfree_bias`, `sinkhorn` and `base_assignment`.

use super::families::gap;
use super::read::{
    Against as _, check, choices, finite, indices, list, logits, matrix, object, unsupported, whole,
};
use crate::core::gate;
use crate::core::golden::{Case, Check, field, float_field, str_field, usize_field};
use crate::core::matrix::{Matrix, counts};
use crate::core::{Error, Result, num};
use crate::labs::routing::rules::{assignment, bias, load, sinkhorn as rule};
use serde_json::Value;

pub(super) fn lossfree_bias(file: &Value) -> Result<Vec<Case>> {
    let pool = finite(matrix(file, "logits_pool")?)?;
    let params = field(file, "params")?;
    let k = choices(params, "k", pool.cols)?;
    let (batch, steps) = (usize_field(params, "batch")?, usize_field(params, "steps")?);
    if batch < 1 {
        return Err(Error::out_of_range("batch", batch, "at least 1"));
    }
    let mut out = Vec::new();
    for (key, case) in object(file, "cases")? {
        let mut c = check(key);
        trajectory(&pool, Sizes { k, batch, steps }, key, case, &mut c)?;
        out.push(c.done());
    }
    Ok(out)
}

#[derive(Clone, Copy)]
struct Sizes {
    k: usize,
    batch: usize,
    steps: usize,
}

fn trajectory(pool: &Matrix, sizes: Sizes, key: &str, case: &Value, c: &mut Check) -> Result<()> {
    let follow = match str_field(case, "rule")? {
        "sign" => bias::Rule::Sign,
        "prop" => bias::Rule::Proportional,
        other => {
            unsupported(c, other);
            return Ok(());
        }
    };
    let scores = if key.contains("softmax") {
        pool.softmax_rows()
    } else {
        pool.map_rows(|row| row.iter().map(|&z| num::sigmoid(z)).collect())
    };
    let rate = float_field(case, "u")?;
    if rate < 0.0 {
        return Err(Error::out_of_range("u", rate, "0 or more"));
    }
    let decay = match case.get("decay") {
        None | Some(Value::Null) => None,
        Some(v) => Some(crate::core::golden::float(v)?),
    };
    let centred = case
        .get("centred")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    let mut b = vec![0.0; pool.cols];
    let (mut biases, mut loads, mut violations) = (Vec::new(), Vec::new(), Vec::new());
    let mut smallest = f64::INFINITY;
    for t in 0..sizes.steps {
        let mut f = vec![0.0; pool.cols];
        for i in 0..sizes.batch {
            let row: Vec<f64> = scores
                .row((37 * t + i) % pool.rows)
                .iter()
                .zip(&b)
                .map(|(s, b)| s + b)
                .collect();
            smallest = smallest.min(gate::selection_gap(&row, sizes.k));
            for e in gate::top_k(&row, sizes.k) {
                f[e] += 1.0;
            }
        }
        let u = decay.map_or(rate, |d| rate / num::pow(1.0 + t as f64, d));
        bias::step(&mut b, &f, follow, u, centred);
        violations.push(load::max_violation(&f));
        loads.extend(f);
        biases.push(b.clone());
    }
    let shown = if case.get("bias_steps").is_some() {
        indices(case, "bias_steps", sizes.steps)?
    } else {
        (0..sizes.steps).collect()
    };
    let shown: Vec<f64> = shown.iter().flat_map(|&t| biases[t].clone()).collect();
    c.floats_in(&shown, case, "bias");
    if case.get("loads").is_some() {
        c.floats_in(&loads, case, "loads");
    }
    c.floats_in(&violations, case, "maxvio");
    let tail = &violations[violations.len().saturating_sub(50)..];
    c.float_in(
        tail.iter().sum::<f64>() / tail.len() as f64,
        case,
        "mean_maxvio_last_50",
    );
    if case.get("min_selection_gap").is_some() {
        gap(c, "min_selection_gap", smallest, case);
    }
    Ok(())
}

pub(super) fn sinkhorn(file: &Value) -> Result<Vec<Case>> {
    let z = logits(file)?;
    let params = field(file, "params")?;
    let mut out = Vec::new();
    if file.get("logits").is_some() {
        let mut c = check("logits");
        c.floats_in(&z.data, file, "logits");
        out.push(c.done());
    }
    if let Some(case) = file.get("megatron") {
        let mut c = check("megatron");
        let got = rule::megatron(&z, float_field(params, "tol")?, float_field(params, "eps")?);
        let (n, e) = (z.rows, z.cols);
        let top = got.plan.argmax_rows();
        c.whole_in(&[got.iterations as i64], case, "iterations");
        c.floats_in(&got.plan.data, case, "plan");
        c.floats_in(&got.d0, case, "d0");
        c.floats_in(&got.d1, case, "d1");
        c.float_in(
            rule::sum_error(&got.plan.row_sums(), 1.0 / n as f64),
            case,
            "row_sum_max_err",
        );
        c.float_in(
            rule::sum_error(&got.plan.column_sums(), 1.0 / e as f64),
            case,
            "col_sum_max_err",
        );
        c.whole_in(&whole(&top), case, "top1");
        c.whole_in(&whole(&counts(top.iter().copied(), e)), case, "load");
        c.whole_in(
            &whole(&counts(z.argmax_rows(), e)),
            case,
            "load_of_plain_argmax",
        );
        let gates: Vec<f64> = top
            .iter()
            .enumerate()
            .map(|(t, &i)| num::sigmoid(z.at(t, i)))
            .collect();
        c.floats_in(&gates, case, "gate_sigmoid_top1");
        out.push(c.done());
    }
    if file.get("log_domain").is_some() {
        for case in list(file, "log_domain")? {
            let tau = float_field(case, "tau")?;
            if tau <= 0.0 {
                return Err(Error::out_of_range("tau", tau, "above 0"));
            }
            let mut c = check(format!("log domain, tau {tau}"));
            let (plan, g) = rule::log_domain(&z, tau, usize_field(case, "iterations")?);
            let first = &plan.data[..plan.data.len().min(8 * plan.cols)];
            c.floats_in(first, case, "plan_first_8_rows");
            c.floats_in(&g, case, "g");
            c.float_in(
                rule::sum_error(&plan.row_sums(), 1.0 / z.rows as f64),
                case,
                "row_err",
            );
            c.whole_in(
                &whole(&counts(plan.argmax_rows(), z.cols)),
                case,
                "load_argmax",
            );
            out.push(c.done());
        }
    }
    Ok(out)
}

pub(super) fn base_assignment(file: &Value) -> Result<Vec<Case>> {
    let z = finite(matrix(file, "logits")?)?;
    let per_expert = usize_field(field(file, "params")?, "per_expert")?;
    let got = assignment::base(&z, per_expert).ok_or_else(|| {
        Error::out_of_range(
            "per_expert",
            per_expert,
            format!("room for {} tokens over {} experts", z.rows, z.cols),
        )
    })?;
    let mut c = check("assignment");
    c.whole_in(&whole(&got), file, "assignment");
    let total: f64 = got.iter().enumerate().map(|(t, &e)| z.at(t, e)).sum();
    c.float_in(total, file, "total_score");
    let greedy: f64 = z
        .argmax_rows()
        .iter()
        .enumerate()
        .map(|(t, &e)| z.at(t, e))
        .sum();
    c.float_in(greedy, file, "greedy_upper_bound");
    Ok(vec![c.done()])
}
