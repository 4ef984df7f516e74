//! Reference files of this lab: reads inputs, calls the lab's code, compares.

mod files;
mod masks;
mod measures;
mod scores;
mod training;

use crate::core::golden::{Case, Check, field, flat_floats};
use crate::core::mask::Mask;
use crate::core::{Error, Result};
use crate::labs::golden::ReadData;
use serde_json::Value;

/// Evaluates a reference file of this lab; `None` when the kind is not supported.
///
/// # Errors
/// When the file's inputs are malformed.
pub fn evaluate(kind: &str, file: &Value, _read: ReadData<'_>) -> Result<Option<Vec<Case>>> {
    Ok(Some(match kind {
        "counter_rng" => masks::counter_rng(file)?,
        "torch_prune_masks" => masks::torch(file)?,
        "ties_and_specials" => masks::ties_and_specials(file)?,
        "erk" => masks::erk(file)?,
        "lamp" => masks::lamp(file)?,
        "nm_and_block" => masks::nm_and_block(file)?,
        "joint_dp" => masks::joint_dp(file)?,
        "schedules" => training::schedules(file)?,
        "dynamic_and_regularisers" => training::dynamic(file)?,
        "metrics" => measures::metrics(file)?,
        "pqi_sap" => measures::pqi_sap(file)?,
        "kv_eviction" => measures::kv_eviction(file)?,
        "low_rank" => measures::low_rank(file)?,
        "digits_split" => measures::digits_split(file)?,
        "wanda_sparsegpt_obs" => scores::layerwise(file)?,
        "pai_scores" => scores::at_init(file)?,
        "file_formats" => files::file_formats(file)?,
        _ => return Ok(None),
    }))
}

/// The items of a list field.
fn list<'a>(value: &'a Value, name: &str) -> Result<&'a [Value]> {
    items(field(value, name)?).map_err(|e| Error::malformed(name, e.to_string()))
}

fn items(value: &Value) -> Result<&[Value]> {
    value
        .as_array()
        .map(Vec::as_slice)
        .ok_or_else(|| Error::malformed("list", format!("found {value}")))
}

/// Dimensions of a nested list (by its first items).
fn shape(value: &Value) -> Vec<usize> {
    let mut out = Vec::new();
    let mut at = value;
    while let Value::Array(list) = at {
        out.push(list.len());
        match list.first() {
            Some(first) => at = first,
            None => break,
        }
    }
    out
}

/// A list of tensors, flattened one by one.
fn tensors(value: &Value) -> Result<Vec<Vec<f64>>> {
    items(value)?.iter().map(flat_floats).collect()
}

/// A matrix: its values row by row, and its number of columns.
fn matrix(value: &Value, name: &str) -> Result<(Vec<f64>, usize)> {
    let value = field(value, name)?;
    let values = flat_floats(value).map_err(|e| Error::malformed(name, e.to_string()))?;
    let cols = shape(value).get(1).copied().unwrap_or(1);
    if cols == 0 || !values.len().is_multiple_of(cols) {
        return Err(Error::malformed(name, "is not a matrix"));
    }
    Ok((values, cols))
}

fn bits(mask: &Mask) -> Vec<i64> {
    mask.iter().map(i64::from).collect()
}

fn mask_of(value: &Value) -> Result<Mask> {
    let flags = flat_floats(value)?;
    Ok(Mask::from_fn(flags.len(), |i| flags[i] != 0.0))
}

/// Compares masks of several tensors with a list of nested lists.
fn compare_masks(check: &mut Check, place: &str, got: &[Mask], want: &Value) -> Result<()> {
    let want = items(want)?;
    check.equal(place, &got.len(), &want.len());
    for (l, (got, want)) in got.iter().zip(want).enumerate() {
        check.integers(&format!("{place}[{l}]"), &bits(got), want);
    }
    Ok(())
}

/// Compares values per weight with a list of nested lists.
fn compare_tensors(check: &mut Check, place: &str, got: &[Vec<f64>], want: &Value) -> Result<()> {
    let want = items(want)?;
    check.equal(place, &got.len(), &want.len());
    for (l, (got, want)) in got.iter().zip(want).enumerate() {
        check.floats(&format!("{place}[{l}]"), got, want);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::labs::golden::{GoldenFile, evaluate};

    /// Every reference file of the lab, as copied into the repository.
    const FILES: &[(&str, &str)] = &[
        (
            "counter_rng",
            include_str!("../../../tests/golden/pruning/counter_rng.json"),
        ),
        (
            "digits_split",
            include_str!("../../../tests/golden/pruning/digits_split.json"),
        ),
        (
            "dynamic_and_regularisers",
            include_str!("../../../tests/golden/pruning/dynamic_and_regularisers.json"),
        ),
        (
            "erk",
            include_str!("../../../tests/golden/pruning/erk.json"),
        ),
        (
            "file_formats",
            include_str!("../../../tests/golden/pruning/file_formats.json"),
        ),
        (
            "joint_dp",
            include_str!("../../../tests/golden/pruning/joint_dp.json"),
        ),
        (
            "kv_eviction",
            include_str!("../../../tests/golden/pruning/kv_eviction.json"),
        ),
        (
            "lamp",
            include_str!("../../../tests/golden/pruning/lamp.json"),
        ),
        (
            "low_rank",
            include_str!("../../../tests/golden/pruning/low_rank.json"),
        ),
        (
            "metrics",
            include_str!("../../../tests/golden/pruning/metrics.json"),
        ),
        (
            "nm_and_block",
            include_str!("../../../tests/golden/pruning/nm_and_block.json"),
        ),
        (
            "pai_scores",
            include_str!("../../../tests/golden/pruning/pai_scores.json"),
        ),
        (
            "pqi_sap",
            include_str!("../../../tests/golden/pruning/pqi_sap.json"),
        ),
        (
            "schedules",
            include_str!("../../../tests/golden/pruning/schedules.json"),
        ),
        (
            "ties_and_specials",
            include_str!("../../../tests/golden/pruning/ties_and_specials.json"),
        ),
        (
            "torch_prune_masks",
            include_str!("../../../tests/golden/pruning/torch_prune_masks.json"),
        ),
        (
            "wanda_sparsegpt_obs",
            include_str!("../../../tests/golden/pruning/wanda_sparsegpt_obs.json"),
        ),
    ];

    #[test]
    fn every_reference_file_agrees() {
        let mut failures = Vec::new();
        for (name, text) in FILES {
            let file = GoldenFile::parse(text).unwrap();
            assert_eq!(file.kind, *name);
            let cases = evaluate(&file, &|_| None)
                .unwrap()
                .expect("a supported kind");
            assert!(!cases.is_empty(), "{name}");
            for case in cases.iter().filter(|c| !c.pass) {
                failures.push(format!("{name} / {}: {}", case.name, case.detail));
            }
            println!("{name}: {} cases", cases.len());
        }
        assert!(
            failures.is_empty(),
            "{} failures:\n{}",
            failures.len(),
            failures.join("\n")
        );
    }

    #[test]
    fn a_changed_value_is_noticed() {
        let text = FILES[0].1.replacen("817759070", "817759071", 1);
        let file = GoldenFile::parse(&text).unwrap();
        let cases = evaluate(&file, &|_| None).unwrap().unwrap();
        assert!(cases.iter().any(|c| !c.pass));
    }
}
