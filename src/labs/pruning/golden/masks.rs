//! Masks and allocations.

use super::{bits, compare_masks, compare_tensors, items, list, matrix, shape, tensors};
use crate::core::golden::{
    Case, Check, Tolerance, field, flat_floats, flat_integers, float_field, floats_field,
    str_field, usize_field,
};
use crate::core::groups::mask_of_scores;
use crate::core::mask::Mask;
use crate::core::select::{
    MAGNITUDE_BITS, count_rule, masks, prune_by_magnitude, prune_by_score, radix_select,
};
use crate::core::{Error, Result};
use crate::labs::pruning::criteria::joint_dp::allocate;
use crate::labs::pruning::criteria::structured::{Amount, prune_slices, prune_smallest};
use crate::labs::pruning::systems::erk::{Kind, densities};
use crate::labs::pruning::systems::n_of_m::block_mask;
use crate::labs::pruning::systems::{lamp as scores_of, random};
use serde_json::Value;

fn exact(name: impl Into<String>) -> Check {
    Check::new(name, Tolerance::exact())
}

fn magnitudes(w: &[f64]) -> Vec<f64> {
    w.iter().map(|w| w.abs()).collect()
}

pub(super) fn counter_rng(file: &Value) -> Result<Vec<Case>> {
    let mut out = Vec::new();
    for case in list(file, "cases")? {
        let seed = usize_field(case, "seed")?;
        let mut check = exact(format!("seed {seed}"));
        let index = flat_integers(field(case, "index")?)?;
        let draw = |i: &i64| i64::from(random::key(seed as u32, *i as u32));
        let got: Vec<i64> = index.iter().map(draw).collect();
        check.integers("out", &got, field(case, "out")?);
        out.push(check.done());
    }
    if let Some(group) = file.get("random_mask") {
        let mut check = exact("random mask");
        let (seed, n) = (usize_field(group, "seed")?, usize_field(group, "n")?);
        let keys: Vec<u32> = (0..n).map(|i| random::key(seed as u32, i as u32)).collect();
        let cut = radix_select(&[&keys], u32::MAX, usize_field(group, "k")? as u64);
        for mask in masks(&[&keys], u32::MAX, &cut) {
            check.integers("mask", &bits(&mask), field(group, "mask")?);
        }
        out.push(check.done());
    }
    Ok(out)
}

/// Prunes the k smallest magnitudes; by integer keys when every value is an `f32`.
fn smallest(w: &[Vec<f64>], k: usize) -> Vec<Mask> {
    let narrow = |w: &Vec<f64>| w.iter().map(|&v| v as f32).collect::<Vec<f32>>();
    if w.iter().flatten().all(|&v| f64::from(v as f32) == v) {
        let narrowed: Vec<Vec<f32>> = w.iter().map(narrow).collect();
        let parts: Vec<&[f32]> = narrowed.iter().map(Vec::as_slice).collect();
        return prune_by_magnitude(&parts, k as u64).1;
    }
    let flat: Vec<f64> = w.iter().flatten().copied().collect();
    split(&prune_by_score(&magnitudes(&flat), None, k), w)
}

/// Cuts a mask over all tensors into one per tensor.
fn split(mask: &Mask, tensors: &[Vec<f64>]) -> Vec<Mask> {
    let mut start = 0;
    let mut cut = |t: &Vec<f64>| {
        let part = Mask::from_fn(t.len(), |i| mask.kept(start + i));
        start += t.len();
        part
    };
    tensors.iter().map(&mut cut).collect()
}

fn amount(case: &Value) -> Result<Amount> {
    match field(case, "amount")? {
        Value::Number(n) if n.is_u64() => Ok(Amount::Count(n.as_u64().unwrap_or(0) as usize)),
        _ => Ok(Amount::Share(float_field(case, "amount")?)),
    }
}

fn order(case: &Value) -> Result<f64> {
    let malformed = |n: &str| Error::malformed("n", format!("found {n:?}, want a norm"));
    match field(case, "n")? {
        Value::String(n) if n == "inf" => Ok(f64::INFINITY),
        Value::String(n) if n == "-inf" => Ok(f64::NEG_INFINITY),
        Value::String(n) => n.parse().ok().ok_or_else(|| malformed(n)),
        _ => float_field(case, "n"),
    }
}

/// One pruning call on a tensor that already has a mask.
fn torch_step(case: &Value, w: &[f64], dims: &[usize], mask: &Mask) -> Result<Mask> {
    match case.get("fn").and_then(Value::as_str) {
        None | Some("l1_unstructured") => Ok(prune_smallest(w, mask, amount(case)?)),
        Some("ln_structured") => {
            // As in torch, a negative dimension counts from the end.
            let dim = match flat_integers(field(case, "dim")?)?.first() {
                Some(&d) if d < 0 => (dims.len() as i64 + d).max(0) as usize,
                Some(&d) => d as usize,
                None => return Err(Error::malformed("dim", "is empty")),
            };
            Ok(prune_slices(
                w,
                dims,
                dim,
                order(case)?,
                mask,
                amount(case)?,
            ))
        }
        Some(other) => Err(Error::malformed("fn", format!("{other} is not known"))),
    }
}

pub(super) fn torch(file: &Value) -> Result<Vec<Case>> {
    let store = field(file, "tensors")?;
    let mut out = Vec::new();
    for (i, case) in list(file, "cases")?.iter().enumerate() {
        let (function, name) = (str_field(case, "fn")?, str_field(case, "tensor")?);
        let mut check = exact(format!("{i}: {function} of {name}"));
        let want = field(case, "mask")?;
        if function == "global_unstructured" {
            let chosen: Vec<Vec<f64>> = name
                .split('+')
                .map(|n| flat_floats(field(store, n)?))
                .collect::<Result<_>>()?;
            let n = chosen.iter().map(Vec::len).sum();
            compare_masks(
                &mut check,
                "mask",
                &smallest(&chosen, amount(case)?.of(n)),
                want,
            )?;
        } else {
            let tensor = field(store, name)?;
            let w = vec![flat_floats(tensor)?];
            let got = torch_step(case, &w[0], &shape(tensor), &Mask::all(w[0].len()))?;
            if function == "l1_unstructured" {
                let by_keys = smallest(&w, amount(case)?.of(w[0].len()));
                check.equal("integer keys", &by_keys[0], &got);
            }
            check.integers("mask", &bits(&got), want);
        }
        out.push(check.done());
    }
    for (group, name) in [
        ("iterative_l1_on_lin", "lin"),
        ("l1_then_structured_on_conv", "conv"),
    ] {
        let Some(steps) = file.get(group) else {
            continue;
        };
        let tensor = field(store, name)?;
        let w = flat_floats(tensor)?;
        let mut check = exact(group);
        let mut mask = Mask::all(w.len());
        for (i, step) in items(steps)?.iter().enumerate() {
            mask = torch_step(step, &w, &shape(tensor), &mask)?;
            check.integers(
                &format!("mask after {}", i + 1),
                &bits(&mask),
                field(step, "mask")?,
            );
        }
        out.push(check.done());
    }
    if let Some(rules) = file.get("count_rule") {
        let mut check = exact("count rule");
        for rule in items(rules)? {
            let n = usize_field(rule, "n")?;
            let got = count_rule(float_field(rule, "amount")?, n);
            check.equal(&format!("k of {n}"), &got, &usize_field(rule, "k")?);
        }
        out.push(check.done());
    }
    Ok(out)
}

pub(super) fn ties_and_specials(file: &Value) -> Result<Vec<Case>> {
    let mut out = Vec::new();
    if let Some(group) = file.get("ties") {
        let w = vec![floats_field(group, "w")?];
        let mut check = exact("ties");
        for case in list(group, "cases")? {
            let k = usize_field(case, "k")?;
            let got = smallest(&w, k);
            check.integers(&format!("k = {k}"), &bits(&got[0]), field(case, "mask")?);
        }
        out.push(check.done());
    }
    if let Some(group) = file.get("denormals") {
        let words: Vec<u32> = flat_integers(field(group, "w_bits")?)?
            .into_iter()
            .map(|w| w as u32)
            .collect();
        let mut check = exact("denormals");
        for case in list(group, "cases")? {
            let k = usize_field(case, "k")?;
            let cut = radix_select(&[&words], MAGNITUDE_BITS, k as u64);
            let got = masks(&[&words], MAGNITUDE_BITS, &cut);
            check.integers(&format!("k = {k}"), &bits(&got[0]), field(case, "mask")?);
        }
        out.push(check.done());
    }
    Ok(out)
}

pub(super) fn erk(file: &Value) -> Result<Vec<Case>> {
    let mut out = Vec::new();
    for case in list(file, "cases")? {
        let kind = match str_field(case, "kind")? {
            "ER" => Kind::Er,
            "ERK" => Kind::Erk,
            other => return Err(Error::malformed("kind", format!("{other} is not known"))),
        };
        let shapes: Vec<Vec<u64>> = list(case, "shapes")?
            .iter()
            .map(|s| Ok(flat_integers(s)?.into_iter().map(|d| d as u64).collect()))
            .collect::<Result<_>>()?;
        let sparsity = float_field(case, "sparsity")?;
        let net = case.get("net").and_then(Value::as_str).unwrap_or("net");
        let mut check = Check::new(
            format!("{net} {kind:?} at {sparsity}"),
            Tolerance::default(),
        );
        let got = densities(&shapes, sparsity, kind);
        check.floats("density", &got.density, field(case, "density")?);
        check.float("epsilon", got.epsilon, float_field(case, "epsilon")?);
        let dense: Vec<i64> = got.dense.iter().map(|d| i64::from(*d)).collect();
        check.integers("dense", &dense, field(case, "dense")?);
        if case.get("rounds").is_some() {
            check.equal("rounds", &got.rounds, &usize_field(case, "rounds")?);
        }
        out.push(check.done());
    }
    Ok(out)
}

pub(super) fn lamp(file: &Value) -> Result<Vec<Case>> {
    let weights = tensors(field(file, "weights")?)?;
    let scores: Vec<Vec<f64>> = weights.iter().map(|w| scores_of::scores(w)).collect();
    let mut check = Check::new("scores", Tolerance::default());
    compare_tensors(&mut check, "scores", &scores, field(file, "scores")?)?;
    let mut out = vec![check.done()];
    let flat: Vec<f64> = scores.iter().flatten().copied().collect();
    for case in list(file, "masks")? {
        let sparsity = float_field(case, "sparsity")?;
        let mut check = exact(format!("sparsity {sparsity}"));
        let k = count_rule(sparsity, flat.len());
        let got = split(&prune_by_score(&flat, None, k), &weights);
        compare_masks(&mut check, "masks", &got, field(case, "masks")?)?;
        let kept: Vec<i64> = got.iter().map(|m| m.count() as i64).collect();
        check.integers("layer_kept", &kept, field(case, "layer_kept")?);
        out.push(check.done());
    }
    Ok(out)
}

pub(super) fn nm_and_block(file: &Value) -> Result<Vec<Case>> {
    let (w, cols) = matrix(file, "w")?;
    let mut out = Vec::new();
    for case in list(file, "nm")? {
        let (n, m) = (usize_field(case, "n")?, usize_field(case, "m")?);
        let mut check = exact(format!("{n}:{m}"));
        let got = mask_of_scores(&magnitudes(&w), cols, n, m);
        check.integers("mask", &bits(&got), field(case, "mask")?);
        out.push(check.done());
    }
    if let Some(want) = file.get("best_24_pairs") {
        let mask = mask_of_scores(&magnitudes(&w), cols, 2, 4);
        let kept: Vec<i64> = (0..w.len())
            .filter(|&i| mask.kept(i))
            .map(|i| (i % cols % 4) as i64)
            .collect();
        let mut check = exact("best 2:4 pairs");
        check.integers("positions", &kept, want);
        out.push(check.done());
    }
    for case in list(file, "block")? {
        let size = flat_integers(field(case, "block")?)?;
        let &[height, width] = size.as_slice() else {
            return Err(Error::malformed("block", "is not [height, width]"));
        };
        let level = float_field(case, "level")?;
        let mut check = exact(format!("block {height} × {width} at {level}"));
        let got = block_mask(&w, cols, [height as usize, width as usize], level);
        check.integers("mask", &bits(&got), field(case, "mask")?);
        out.push(check.done());
    }
    if let Some(group) = file.get("ragged") {
        let (w, cols) = matrix(group, "w")?;
        let (n, m) = (usize_field(group, "n")?, usize_field(group, "m")?);
        let mut check = exact("ragged");
        let got = mask_of_scores(&magnitudes(&w), cols, n, m);
        check.integers("mask", &bits(&got), field(group, "mask")?);
        out.push(check.done());
    }
    Ok(out)
}

pub(super) fn joint_dp(file: &Value) -> Result<Vec<Case>> {
    let mut out = Vec::new();
    for (i, case) in list(file, "cases")?.iter().enumerate() {
        let sizes: Vec<usize> = flat_integers(field(case, "sizes")?)?
            .into_iter()
            .map(|n| n as usize)
            .collect();
        let distortion = tensors(field(case, "distortion")?)?;
        let got = allocate(
            &sizes,
            float_field(case, "unit")?,
            &floats_field(case, "grid")?,
            &distortion,
            float_field(case, "sparsity")?,
        );
        let mut check = Check::new(format!("case {}", i + 1), Tolerance::default());
        check.equal(
            "budget_units",
            &got.budget,
            &usize_field(case, "budget_units")?,
        );
        let kept: Vec<i64> = got.kept.iter().flatten().map(|k| *k as i64).collect();
        check.integers("kept_units", &kept, field(case, "kept_units")?);
        match (&got.best, case.get("best_value").unwrap_or(&Value::Null)) {
            (None, Value::Null) => {}
            (None, Value::String(word)) if word == "Infinity" => {}
            (Some((value, choice)), Value::Number(_)) => {
                let want = float_field(case, "best_value")?;
                check.float("best_value", *value, want);
                // Another choice is as good if it fits the budget and reaches the same sum.
                let used: usize = choice.iter().zip(&got.kept).map(|(&j, k)| k[j]).sum();
                let sum: f64 = choice.iter().zip(&distortion).map(|(&j, d)| d[j]).sum();
                check.equal("choice fits the budget", &(used <= got.budget), &true);
                check.float("sum of the choice", sum, want);
            }
            (got, want) => check.fail(format!("best: got {got:?}, want {want}")),
        }
        out.push(check.done());
    }
    Ok(out)
}
