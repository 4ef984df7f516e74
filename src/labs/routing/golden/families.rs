//! Kinds `softmax_topk` and `grouped_biased`.

use super::read::{
    Against as _, check, choices, floats, indices, logits, matrix, number_in, object, unsupported,
    whole,
};
use crate::core::gate;
use crate::core::golden::{Case, Check, Tolerance, field, float_field, usize_field};
use crate::core::matrix::Matrix;
use crate::core::{Error, Result};
use crate::labs::routing::rules::capacity::check_groups;
use crate::labs::routing::rules::families::{self, Grouped, Groups, Routed, biased};
use serde_json::Value;

/// Gaps are compared relatively within 1e-6.
pub(super) fn gap(check: &mut Check, name: &str, got: f64, file: &Value) {
    match file.get(name).map(crate::core::golden::float) {
        Some(Ok(want)) => check.float_within(name, got, want, Tolerance::relative(1e-6)),
        _ => check.fail(format!("{name}: is missing in the file")),
    }
}

fn compare(check: &mut Check, routed: &[Routed], case: &Value) {
    let chosen = whole(routed.iter().flat_map(|r| &r.0));
    let weights: Vec<f64> = routed.iter().flat_map(|r| r.1.iter().copied()).collect();
    check.whole_in(&chosen, case, "indices");
    check.floats_in(&weights, case, "weights");
}

fn each(z: &Matrix, route: impl Fn(&[f64]) -> Routed) -> Vec<Routed> {
    (0..z.rows).map(|t| route(z.row(t))).collect()
}

pub(super) fn softmax_topk(file: &Value) -> Result<Vec<Case>> {
    let z = logits(file)?;
    let e = z.cols;
    let mut shared = check("logits and probabilities");
    shared.floats_in(&z.data, file, "logits");
    shared.floats_in(&z.softmax_rows().data, file, "probs");
    let cases = object(file, "cases")?;
    if let Some(gaps) = file.get("min_logit_gap").and_then(Value::as_object) {
        for key in gaps.keys() {
            let (name, is_biased) = match key.strip_suffix("_biased") {
                Some(name) => (name, true),
                None => (key.as_str(), false),
            };
            let k = number_in(name)? as usize;
            let bias = cases.values().find_map(|c| c.get("bias"));
            let rows = match (is_biased, bias) {
                (true, Some(bias)) => {
                    let bias = crate::core::golden::flat_floats(bias)?;
                    z.map_rows(|row| biased(row, &bias))
                }
                _ => z.clone(),
            };
            gap(
                &mut shared,
                key,
                rows.selection_gap(k),
                &file["min_logit_gap"],
            );
        }
    }
    let mut out = vec![];
    let difference = (0..z.rows)
        .flat_map(|t| {
            let k = e.min(2);
            let (a, b) = (
                families::mixtral(z.row(t), k),
                families::granite(z.row(t), k),
            );
            a.1.into_iter()
                .zip(b.1)
                .map(|(a, b)| (a - b).abs())
                .collect::<Vec<_>>()
        })
        .fold(0.0, f64::max);
    if difference >= 1e-12 {
        shared.fail(format!("the two softmax orders differ by {difference:e}"));
    }
    out.push(shared.done());
    for (key, case) in cases {
        let mut c = check(key);
        let k = choices(case, "k", e)?;
        let routed = match key.as_str() {
            "mixtral" => each(&z, |row| families::mixtral(row, k)),
            "qwen2_moe" => each(&z, |row| families::qwen2_moe(row, k)),
            "granitemoe" => each(&z, |row| families::granite(row, k)),
            "gpt_oss" => {
                let bias = floats(case, "bias", e)?;
                each(&z, |row| families::gpt_oss(row, &bias, k))
            }
            "llama4" => each(&z, |row| families::llama4(row, k)),
            "phimoe" => {
                let eps = float_field(case, "jitter_eps")?;
                each(&z, |row| families::phimoe(row, k, eps))
            }
            _ => {
                unsupported(&mut c, key);
                out.push(c.done());
                continue;
            }
        };
        compare(&mut c, &routed, case);
        out.push(c.done());
    }
    Ok(out)
}

/// A grouped or biased router on a batch, with the smallest selection gaps.
struct Setup {
    z: Matrix,
    bias: Vec<f64>,
    shape: Groups,
}

fn grouped(s: &Setup, route: impl Fn(&[f64]) -> Grouped) -> Vec<Grouped> {
    (0..s.z.rows).map(|t| route(s.z.row(t))).collect()
}

fn smallest_gap(rows: impl Iterator<Item = Vec<f64>>, k: usize) -> f64 {
    rows.map(|row| gate::selection_gap(&row, k))
        .fold(f64::INFINITY, f64::min)
}

fn gaps(s: &Setup, file: &Value) -> Option<Case> {
    let want = file.get("min_gap")?.as_object()?;
    let rows = || (0..s.z.rows).map(|t| s.z.row(t));
    let v3 = |row: &[f64]| families::deepseek_v3(row, &s.bias, s.shape);
    let mut c = check("selection gaps");
    for key in want.keys() {
        let k = s.shape.k;
        let got = match key.as_str() {
            "v3_groups" => smallest_gap(rows().map(|r| v3(r).group_scores), s.shape.topk_group),
            "v3" => smallest_gap(rows().map(|r| v3(r).masked), k),
            "v2" => smallest_gap(rows().map(|r| families::deepseek_v2(r, s.shape).masked), k),
            "v4" => smallest_gap(rows().map(|r| biased(&families::v4_scores(r), &s.bias)), k),
            "softmax_biased" => smallest_gap(rows().map(|r| biased(&gate::softmax(r), &s.bias)), k),
            _ => {
                unsupported(&mut c, key);
                continue;
            }
        };
        gap(&mut c, key, got, &file["min_gap"]);
    }
    Some(c.done())
}

pub(super) fn grouped_biased(file: &Value) -> Result<Vec<Case>> {
    let z = logits(file)?;
    let params = field(file, "params")?;
    let k = choices(params, "k", z.cols)?;
    let groups = usize_field(params, "groups")?;
    let topk_group = usize_field(params, "topk_group")?;
    check_groups(z.cols, groups, topk_group, k)?;
    let s = Setup {
        bias: floats(file, "bias", z.cols)?,
        shape: Groups {
            groups,
            topk_group,
            k,
            scale: float_field(params, "scale")?,
        },
        z,
    };
    let mut out = Vec::new();
    if file.get("logits").is_some() {
        let mut c = check("logits");
        c.floats_in(&s.z.data, file, "logits");
        out.push(c.done());
    }
    out.extend(gaps(&s, file));
    for (key, case) in object(file, "cases")? {
        let mut c = check(key);
        grouped_case(&s, key, case, &mut c)?;
        out.push(c.done());
    }
    Ok(out)
}

fn grouped_case(s: &Setup, key: &str, case: &Value, c: &mut Check) -> Result<()> {
    let Groups { k, scale, .. } = s.shape;
    let routed = match key {
        "deepseek_v3" | "deepseek_v2" => {
            let rows = if key == "deepseek_v3" {
                grouped(s, |row| families::deepseek_v3(row, &s.bias, s.shape))
            } else {
                grouped(s, |row| families::deepseek_v2(row, s.shape))
            };
            if case.get("group_scores").is_some() {
                let scores: Vec<f64> = rows
                    .iter()
                    .flat_map(|g| g.group_scores.iter().copied())
                    .collect();
                c.floats_in(&scores, case, "group_scores");
            }
            c.whole_in(&whole(rows.iter().flat_map(|g| &g.groups)), case, "groups");
            rows.into_iter().map(|g| g.routed).collect()
        }
        "deepseek_v4" => each(&s.z, |row| families::deepseek_v4(row, &s.bias, k, scale)),
        "deepseek_v4_hash" => {
            let table = matrix(case, "table")?;
            let ids = indices(case, "token_ids", table.rows)?;
            if ids.len() != s.z.rows {
                return Err(Error::malformed(
                    "token_ids",
                    format!("{} values, want {}", ids.len(), s.z.rows),
                ));
            }
            indices(case, "table", s.z.cols)?;
            ids.iter()
                .enumerate()
                .map(|(t, &id)| {
                    let chosen: Vec<usize> = table.row(id).iter().map(|&e| e as usize).collect();
                    let weights = families::v4_hash_weights(s.z.row(t), &chosen, scale);
                    (chosen, weights)
                })
                .collect()
        }
        "longcat_flash" => each(&s.z, |row| families::longcat_flash(row, &s.bias, k, scale)),
        "ernie4_5" => each(&s.z, |row| families::ernie4_5(row, &s.bias, k)),
        _ => {
            unsupported(c, key);
            return Ok(());
        }
    };
    compare(c, &routed, case);
    Ok(())
}
