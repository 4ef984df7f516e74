//! Kinds `switch_top1`, `gshard_top2` and `capacity_topk`.

use super::families::gap;
use super::read::{
    Against as _, check, choices, floats, indices, list, logits, marks, matrix, object,
    unsupported, whole,
};
use crate::core::golden::{Case, Check, field, float_field, usize_field};
use crate::core::matrix::{Matrix, counts};
use crate::core::{Error, Result};
use crate::labs::routing::rules::capacity::{capacity, check_inputs, ranks};
use crate::labs::routing::rules::choice::{Mask, keep_best, mask_of, reroute};
use crate::labs::routing::rules::gshard::{Choices, Renormalise, Second, serve};
use crate::labs::routing::rules::losses::{switch_loss, z_loss};
use serde_json::Value;

fn optional_gap(c: &mut Check, file: &Value, z: &Matrix, k: usize) {
    if file.get("min_logit_gap").is_some() {
        gap(c, "min_logit_gap", z.selection_gap(k), file);
    }
}

fn as_loads(counts: &[usize]) -> Vec<f64> {
    counts.iter().map(|&c| c as f64).collect()
}

pub(super) fn switch_top1(file: &Value) -> Result<Vec<Case>> {
    let z = logits(file)?;
    let p = z.softmax_rows();
    let chosen = p.argmax_rows();
    let positions = ranks(chosen.iter().copied(), z.cols);
    let load = counts(chosen.iter().copied(), z.cols);
    let mut shared = check("choice, positions, losses");
    optional_gap(&mut shared, file, &z, 1);
    shared.whole_in(&whole(&chosen), file, "indices");
    let gates: Vec<f64> = chosen
        .iter()
        .enumerate()
        .map(|(t, &e)| p.at(t, e))
        .collect();
    shared.floats_in(&gates, file, "gate");
    shared.whole_in(&whole(&positions), file, "positions");
    shared.float_in(switch_loss(&as_loads(&load), &p), file, "aux_loss_unscaled");
    shared.float_in(z_loss(&z), file, "z_loss_unscaled");
    let mut out = vec![shared.done()];
    for case in list(file, "cases")? {
        let factor = float_field(case, "capacity_factor")?;
        check_inputs(z.rows, z.cols, 1, factor, &z.data)?;
        let places = capacity(factor, 1, z.rows, z.cols);
        let mut c = check(format!("capacity factor {factor}"));
        c.whole_in(&[places as i64], case, "capacity");
        let kept: Vec<bool> = positions.iter().map(|&r| r < places).collect();
        let dropped: Vec<usize> = (0..kept.len()).filter(|&t| !kept[t]).collect();
        let after: Vec<usize> = load.iter().map(|&f| f.min(places)).collect();
        c.whole_in(&marks(&kept), case, "kept");
        c.whole_in(&whole(&dropped), case, "dropped");
        c.whole_in(&whole(&load), case, "load_before");
        c.whole_in(&whole(&after), case, "load_after");
        out.push(c.done());
    }
    Ok(out)
}

pub(super) fn gshard_top2(file: &Value) -> Result<Vec<Case>> {
    let z = logits(file)?;
    if z.cols < 2 {
        return Err(Error::out_of_range(
            "experts",
            z.cols,
            "at least 2 for two choices",
        ));
    }
    let p = z.softmax_rows();
    let top = p.top_k_rows(2);
    let choices = Choices {
        experts: top.iter().map(|r| [r[0], r[1]]).collect(),
        gates: top
            .iter()
            .enumerate()
            .map(|(t, r)| [p.at(t, r[0]), p.at(t, r[1])])
            .collect(),
    };
    let mut shared = check("choices and loss");
    optional_gap(&mut shared, file, &z, 2);
    shared.whole_in(&whole(choices.experts.iter().flatten()), file, "indices");
    shared.floats_in(&choices.gates.concat(), file, "raw_gates");
    let firsts = counts(choices.experts.iter().map(|r| r[0]), z.cols);
    shared.float_in(switch_loss(&as_loads(&firsts), &p), file, "aux_loss_gshard");
    let mut out = vec![shared.done()];
    let cases = object(file, "cases")?;
    for (key, case) in cases {
        let mut c = check(key);
        let drawn = || {
            let holder = if case.get("uniforms").is_some() {
                Some(case)
            } else {
                cases.get("random_second_gshard")
            };
            let holder = holder.ok_or_else(|| Error::malformed("uniforms", "is missing"))?;
            floats(holder, "uniforms", z.rows)
        };
        let (uniforms, raw) = match key.as_str() {
            "random_second_gshard" => (drawn()?, false),
            "random_second_nllb" => (drawn()?, true),
            "all_position_order"
            | "tight_capacity"
            | "batch_prioritised"
            | "renormalise_before_dropping" => (Vec::new(), false),
            _ => {
                unsupported(&mut c, key);
                out.push(c.done());
                continue;
            }
        };
        let second = match (uniforms.is_empty(), raw) {
            (true, _) => Second::Always,
            (false, false) => Second::Renormalised(&uniforms),
            (false, true) => Second::Raw(&uniforms),
        };
        let renormalise = if key == "renormalise_before_dropping" {
            Renormalise::BeforeDropping
        } else {
            Renormalise::AfterDropping
        };
        let places = usize_field(case, "capacity")?;
        let prioritised = key == "batch_prioritised";
        let got = serve(&choices, z.cols, places, &second, prioritised, renormalise);
        c.whole_in(&marks(&got.second_sent), case, "second_sent");
        c.whole_in(&got.positions.concat(), case, "positions");
        c.whole_in(&marks(got.kept.iter().flatten()), case, "kept");
        c.floats_in(&got.weights.concat(), case, "weights");
        c.whole_in(&whole(&got.load_before), case, "load_before");
        c.whole_in(&[got.dropped_pairs as i64], case, "dropped_pairs");
        out.push(c.done());
    }
    Ok(out)
}

/// Inputs of the capacity rules.
struct Pairs {
    p: Matrix,
    wanted: Mask,
    keys: Matrix,
    k: usize,
}

pub(super) fn capacity_topk(file: &Value) -> Result<Vec<Case>> {
    let z = logits(file)?;
    let k = choices(field(file, "params")?, "k", z.cols)?;
    let p = z.softmax_rows();
    let top = p.top_k_rows(k);
    let mut shared = check("choices");
    optional_gap(&mut shared, file, &z, k);
    shared.floats_in(&p.data, file, "probs");
    shared.whole_in(&whole(top.iter().flatten()), file, "indices");
    let load = counts(top.iter().flatten().copied(), z.cols);
    shared.whole_in(&whole(&load), file, "load_before");
    let keys = matrix(file, "random_keys")?;
    if (keys.rows, keys.cols) != (z.rows, z.cols) {
        return Err(Error::malformed(
            "random_keys",
            format!(
                "{} x {}, want {} x {}",
                keys.rows, keys.cols, z.rows, z.cols
            ),
        ));
    }
    let pairs = Pairs {
        wanted: mask_of(&top, z.cols),
        p,
        keys,
        k,
    };
    let mut out = vec![shared.done()];
    for group in list(file, "cases")? {
        let rules = group
            .as_object()
            .ok_or_else(|| Error::malformed("cases", "an entry is not an object"))?;
        for (rule, case) in rules {
            let factor = float_field(case, "capacity_factor")?;
            check_inputs(z.rows, z.cols, k as i64, factor, &z.data)?;
            let mut c = check(format!("{rule}, factor {factor}"));
            capacity_case(&pairs, rule, case, factor, &mut c)?;
            out.push(c.done());
        }
    }
    Ok(out)
}

fn capacity_case(s: &Pairs, rule: &str, case: &Value, factor: f64, c: &mut Check) -> Result<()> {
    let (n, e) = (s.p.rows, s.p.cols);
    let places = capacity(factor, s.k, n, e);
    c.whole_in(&[places as i64], case, "capacity");
    let by_score = |candidates: &Mask| keep_best(candidates, |t, e| s.p.at(t, e), places);
    let mut kept = match rule {
        "by_score" | "reroute" => by_score(&s.wanted),
        "first_kept" => keep_best(&s.wanted, |t, _| -(t as f64), places),
        "last_kept" => keep_best(&s.wanted, |t, _| t as f64, places),
        "random" => keep_best(&s.wanted, |t, e| s.keys.at(t, e), places),
        _ if rule.starts_with("expanded") => {
            let local = indices(case, "local_experts", e)?;
            let mut candidates = s.wanted.clone();
            for row in &mut candidates {
                for &e in &local {
                    row[e] = true;
                }
            }
            by_score(&candidates)
        }
        _ => {
            unsupported(c, rule);
            return Ok(());
        }
    };
    let pair_count = |f: &dyn Fn(usize, usize) -> bool| {
        (0..n)
            .map(|t| (0..e).filter(|&i| f(t, i)).count())
            .sum::<usize>()
    };
    let dropped = pair_count(&|t, i| s.wanted[t][i] && !kept[t][i]);
    if rule == "reroute" {
        let got = reroute(&s.p, &s.wanted, &mut kept, places);
        let moved: Vec<i64> = got.moved.iter().flatten().map(|&v| v as i64).collect();
        c.whole_in(&moved, case, "moved");
        c.whole_in(&[got.unplaced as i64], case, "unplaced_pairs");
    } else if rule.starts_with("expanded") {
        let added = pair_count(&|t, i| kept[t][i] && !s.wanted[t][i]);
        c.whole_in(&[added as i64], case, "added_pairs");
    }
    outcome(s, &kept, dropped, case, c);
    Ok(())
}

fn outcome(s: &Pairs, kept: &Mask, dropped: usize, case: &Value, c: &mut Check) {
    let (n, e) = (s.p.rows, s.p.cols);
    let pairs = (n * s.k) as f64;
    let load: Vec<usize> = (0..e)
        .map(|i| kept.iter().filter(|row| row[i]).count())
        .collect();
    let most = load.iter().copied().max().unwrap_or(0);
    let without: Vec<usize> = (0..n).filter(|&t| !kept[t].contains(&true)).collect();
    let mass = |mask: &Mask| -> f64 {
        (0..n)
            .map(|t| {
                (0..e)
                    .filter(|&i| mask[t][i])
                    .map(|i| s.p.at(t, i))
                    .sum::<f64>()
            })
            .sum()
    };
    c.whole_in(&marks(kept.iter().flatten()), case, "kept");
    c.whole_in(&whole(&load), case, "load_after");
    c.whole_in(&[dropped as i64], case, "dropped_pairs");
    c.float_in(dropped as f64 / pairs, case, "drop_rate");
    c.whole_in(&whole(&without), case, "tokens_without_expert");
    c.float_in(mass(kept) / mass(&s.wanted), case, "retained_gate_mass");
    c.whole_in(&[most as i64], case, "max_load");
    c.float_in(most as f64 / (pairs / e as f64), case, "straggler_ratio");
}
