//! Kinds `expert_cache`, `permute_combine`, `edge_cases` and `expert_placement`.

use super::read::{
    Against as _, as_matrix, check, choices, finite, floats, list, marks, matrix, unsupported,
    whole,
};
use crate::core::golden::{Case, field, flat_integers, float_field, floats_field, usize_field};
use crate::core::matrix::{Matrix, counts};
use crate::core::permute;
use crate::core::{Error, Result};
use crate::labs::routing::rules::capacity::{
    capacity, check_groups, check_inputs, choice_major_positions,
};
use crate::labs::routing::rules::families::granite;
use crate::labs::routing::rules::{cache, placement};
use serde_json::Value;

/// Hits of a policy on a trace.
type Policy = fn(&[cache::Key], usize) -> usize;

pub(super) fn expert_cache(file: &Value) -> Result<Vec<Case>> {
    let mut accesses: Vec<cache::Key> = Vec::new();
    for row in list(file, "trace")? {
        let row = flat_integers(row)?;
        let [_, layer, experts @ ..] = row.as_slice() else {
            return Err(Error::malformed(
                "trace",
                "a row needs token, layer and experts",
            ));
        };
        let mut experts = experts.to_vec();
        experts.sort_unstable();
        accesses.extend(experts.into_iter().map(|e| (*layer, e)));
    }
    let mut out = Vec::new();
    if file.get("accesses").is_some() {
        let mut c = check("accesses");
        c.whole_in(&[accesses.len() as i64], file, "accesses");
        out.push(c.done());
    }
    for case in list(file, "hits")? {
        let room = usize_field(case, "capacity")?;
        let mut c = check(format!("capacity {room}"));
        let policies: [(&str, Policy); 4] = [
            ("lru", cache::lru),
            ("lfu", cache::lfu),
            ("belady", cache::belady),
            ("static_oracle_top", cache::static_top),
        ];
        let entries = case.as_object().into_iter().flatten();
        for (key, _) in entries.filter(|(key, _)| *key != "capacity") {
            match policies.iter().find(|(name, _)| name == key) {
                Some((_, hits)) => c.whole_in(&[hits(&accesses, room) as i64], case, key),
                None => unsupported(&mut c, key),
            }
        }
        out.push(c.done());
    }
    Ok(out)
}

pub(super) fn permute_combine(file: &Value) -> Result<Vec<Case>> {
    let z = finite(matrix(file, "logits")?)?;
    let k = choices(field(file, "params")?, "k", z.cols)?;
    let x = matrix(file, "x")?;
    if x.rows != z.rows {
        return Err(Error::malformed(
            "x",
            format!("{} rows, want {}", x.rows, z.rows),
        ));
    }
    let routed: Vec<(Vec<usize>, Vec<f64>)> = (0..z.rows).map(|t| granite(z.row(t), k)).collect();
    let pairs: Vec<usize> = routed.iter().flat_map(|r| r.0.iter().copied()).collect();
    let weights: Vec<f64> = routed.iter().flat_map(|r| r.1.iter().copied()).collect();
    let got = permute::permutation(&pairs, z.cols);
    let source: Vec<usize> = got.order.iter().map(|pair| pair / k).collect();
    let combined = Matrix::from_fn(x.rows, x.cols, |t, d| {
        (0..k)
            .map(|j| weights[t * k + j] * (x.at(t, d) * (1.0 + pairs[t * k + j] as f64)))
            .sum()
    });
    let padded = permute::padded(&got.counts, usize_field(file, "block")?);
    let mut c = check("permutation");
    c.whole_in(&whole(&pairs), file, "indices");
    c.floats_in(&weights, file, "weights");
    c.whole_in(&whole(&got.counts), file, "counts");
    c.whole_in(&whole(&got.offsets), file, "offsets");
    c.whole_in(&whole(&got.order), file, "order");
    c.whole_in(&whole(&got.inverse), file, "inverse");
    c.whole_in(&whole(&source), file, "permuted_source_token");
    let mut out = vec![c.done()];
    let mut c = check("combination and padding");
    c.floats_in(&combined.data, file, "combined");
    c.whole_in(&whole(&padded), file, "padded_counts");
    c.whole_in(&whole(&permute::offsets(&padded)), file, "padded_offsets");
    out.push(c.done());
    Ok(out)
}

pub(super) fn edge_cases(file: &Value) -> Result<Vec<Case>> {
    let mut out = Vec::new();
    for case in list(file, "cases")? {
        out.push(edge_case(case)?);
    }
    if file.get("must_be_rejected").is_some() {
        for rule in list(file, "must_be_rejected")? {
            out.push(rejection(rule.as_str().unwrap_or_default()));
        }
    }
    Ok(out)
}

fn edge_case(case: &Value) -> Result<Case> {
    let name = case.get("name").and_then(Value::as_str).unwrap_or("case");
    let z = as_matrix(field(case, "logits")?, "logits")?;
    let k = usize_field(case, "k")?;
    let factor = float_field(case, "capacity_factor")?;
    check_inputs(z.rows, z.cols, k as i64, factor, &z.data)?;
    let routed: Vec<(Vec<usize>, Vec<f64>)> = (0..z.rows).map(|t| granite(z.row(t), k)).collect();
    let chosen: Vec<Vec<usize>> = routed.iter().map(|r| r.0.clone()).collect();
    let weights: Vec<f64> = routed.iter().flat_map(|r| r.1.iter().copied()).collect();
    let places = capacity(factor, k, z.rows, z.cols);
    let positions = choice_major_positions(&chosen, z.cols);
    let kept: Vec<bool> = positions.iter().flatten().map(|&p| p < places).collect();
    let mut c = check(name);
    c.whole_in(&[places as i64], case, "capacity");
    c.whole_in(&whole(chosen.iter().flatten()), case, "indices");
    c.floats_in(&weights, case, "weights");
    c.whole_in(
        &whole(positions.iter().flatten()),
        case,
        "positions_choice_major",
    );
    c.whole_in(&marks(&kept), case, "kept");
    c.whole_in(
        &whole(&counts(chosen.iter().flatten().copied(), z.cols)),
        case,
        "load_before",
    );
    let dropped = kept.iter().filter(|&&k| !k).count();
    c.whole_in(&[dropped as i64], case, "dropped_pairs");
    Ok(c.done())
}

/// Every input that a rule of the list forbids must be refused with the word of its reason.
fn rejection(rule: &str) -> Case {
    let mut c = check(format!("rejects {rule}"));
    let zeros = [0.0; 16];
    let with = |bad: f64| {
        let mut z = zeros;
        z[9] = bad;
        z
    };
    let inputs =
        |tokens, experts, k, factor: f64, z: &[f64]| check_inputs(tokens, experts, k, factor, z);
    let (word, trials): (&str, Vec<Result<()>>) = match rule {
        "k < 1" => ("k", vec![inputs(4, 4, 0, 1.0, &zeros)]),
        "k > experts" => ("k", vec![inputs(4, 4, 5, 1.0, &zeros)]),
        "capacity_factor <= 0 or not finite" => (
            "capacity_factor",
            [0.0, -1.0, f64::NAN, f64::INFINITY]
                .map(|f| inputs(4, 4, 2, f, &zeros))
                .to_vec(),
        ),
        "NaN or infinite logits" => (
            "row 2",
            [f64::NAN, f64::INFINITY, f64::NEG_INFINITY]
                .map(|bad| inputs(4, 4, 2, 1.0, &with(bad)))
                .to_vec(),
        ),
        "experts < 1" => ("experts", vec![inputs(4, 0, 2, 1.0, &[])]),
        "tokens < 1" => ("tokens", vec![inputs(0, 4, 2, 1.0, &[])]),
        "groups that do not divide the experts" => ("groups", vec![check_groups(4, 3, 1, 1)]),
        "k > topk_group * experts / groups" => ("k", vec![check_groups(4, 2, 1, 3)]),
        _ => {
            unsupported(&mut c, rule);
            return c.done();
        }
    };
    for trial in trials {
        match trial {
            Ok(()) => c.fail(format!("{rule}: accepted, want an error")),
            Err(error) if !error.to_string().contains(word) => {
                c.fail(format!("{rule}: the error does not name {word}: {error}"));
            }
            Err(error) => c.remark(error.to_string()),
        }
    }
    c.done()
}

pub(super) fn expert_placement(file: &Value) -> Result<Vec<Case>> {
    list(file, "cases")?
        .iter()
        .map(|case| {
            let load = floats_field(case, "load")?;
            if case.get("experts").is_some() {
                floats(case, "load", usize_field(case, "experts")?)?;
            }
            let shape = placement::Cluster {
                groups: usize_field(case, "groups")?,
                nodes: usize_field(case, "nodes")?,
                gpus: usize_field(case, "gpus")?,
                physical: usize_field(case, "physical")?,
            };
            placement::check(load.len(), shape)?;
            let got = placement::place(&load, shape);
            let mut c = check(format!(
                "{} experts, {} slots, {} devices",
                load.len(),
                shape.physical,
                shape.gpus
            ));
            c.whole_in(
                &whole(&got.physical_to_logical),
                case,
                "physical_to_logical",
            );
            c.whole_in(&whole(&got.replicas), case, "replicas");
            c.floats_in(&got.gpu_load, case, "gpu_load");
            c.float_in(got.straggler, case, "straggler");
            let plain = placement::contiguous_straggler(&load, shape.gpus);
            c.float_in(plain, case, "straggler_without_replicas_contiguous");
            if let Some(want) = case.get("global_policy") {
                let global = placement::global(&load, shape);
                c.whole_in(
                    &whole(&global.physical_to_logical),
                    want,
                    "physical_to_logical",
                );
                c.float_in(global.straggler, want, "straggler");
            }
            Ok(c.done())
        })
        .collect()
}
