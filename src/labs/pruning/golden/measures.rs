//! Metrics of masks, indices, cached tokens, low rank, and the data split.

use super::{bits, compare_masks, items, list, mask_of, matrix};
use crate::core::digits;
use crate::core::golden::{
    Case, Check, Tolerance, field, flat_floats, flat_integers, float_field, floats_field,
    str_field, usize_field,
};
use crate::core::mask::Mask;
use crate::core::{Error, Result};
use crate::labs::pruning::criteria::low_rank::{residual, svd};
use crate::labs::pruning::criteria::pqi::{Sap, larger_half, pqi};
use crate::labs::pruning::criteria::{kv_cache, pqi as index};
use crate::labs::pruning::measure::{Planes, effective, group_gap, mask_entropy, overlap};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// The bytes of a base64 field.
pub(super) fn bytes_field(value: &Value, name: &str) -> Result<Vec<u8>> {
    STANDARD
        .decode(str_field(value, name)?)
        .map_err(|e| Error::malformed(name, e.to_string()))
}

pub(super) fn metrics(file: &Value) -> Result<Vec<Case>> {
    let mut out = Vec::new();
    if let Some(group) = file.get("effective") {
        out.push(effective_case(group)?);
    }
    if let Some(group) = file.get("overlap") {
        let (a, b) = (mask_of(field(group, "a")?)?, mask_of(field(group, "b")?)?);
        let got = overlap(&a, &b);
        let mut check = Check::new("overlap", Tolerance::default());
        check.equal("hamming", &got.hamming, &usize_field(group, "hamming")?);
        check.float("jaccard", got.jaccard, float_field(group, "jaccard")?);
        check.float(
            "overlap_of_kept",
            got.of_kept,
            float_field(group, "overlap_of_kept")?,
        );
        out.push(check.done());
    }
    if let Some(group) = file.get("bitpack") {
        let mask = mask_of(field(group, "mask")?)?;
        let got: Vec<u8> = mask.words().iter().flat_map(|w| w.to_le_bytes()).collect();
        let mut check = Check::new("bit packing", Tolerance::exact());
        check.equal("words", &got, &bytes_field(group, "words_le_base64")?);
        out.push(check.done());
    }
    if let Some(group) = file.get("byte_planes") {
        let raw = bytes_field(group, "values_f32_base64")?;
        let (mut full, mut half) = (Planes::new(4), Planes::new(2));
        for value in raw.chunks_exact(4) {
            full.add(value);
            half.add(&value[2..]);
        }
        let mut check = Check::new("byte planes", Tolerance::default());
        let want = field(group, "plane_entropy_bits_f32")?;
        check.floats("f32", &full.entropies(), want);
        let want = field(group, "plane_entropy_bits_bf16_truncated")?;
        check.floats("bf16", &half.entropies(), want);
        out.push(check.done());
    }
    if file.get("mask_entropy").is_some() {
        let mut check = Check::new("mask entropy", Tolerance::default());
        for case in list(file, "mask_entropy")? {
            let density = float_field(case, "density")?;
            let want = float_field(case, "bits_per_weight")?;
            check.float(&format!("density {density}"), mask_entropy(density), want);
        }
        out.push(check.done());
    }
    if let Some(group) = file.get("group_gap") {
        let f = |name| floats_field(group, name);
        let got = group_gap(&f("acc_dense")?, &f("acc_sparse")?, &f("count")?);
        let mut check = Check::new("group gap", Tolerance::default());
        check.floats("gap", &got.gap, field(group, "gap")?);
        check.float(
            "overall_gap",
            got.overall,
            float_field(group, "overall_gap")?,
        );
        check.floats("excess_gap", &got.excess, field(group, "excess_gap")?);
        check.float(
            "max_excess",
            got.max_excess,
            float_field(group, "max_excess")?,
        );
        out.push(check.done());
    }
    Ok(out)
}

fn effective_case(group: &Value) -> Result<Case> {
    let mut dims = Vec::new();
    let mut masks: Vec<Mask> = Vec::new();
    for layer in list(group, "masks")? {
        let shape = super::shape(layer);
        let &[rows, cols] = shape.as_slice() else {
            return Err(Error::malformed("masks", "a layer is not a matrix"));
        };
        if dims.last().is_some_and(|d: &[usize; 2]| d[0] != cols) {
            return Err(Error::malformed("masks", "layers do not fit together"));
        }
        dims.push([rows, cols]);
        masks.push(mask_of(layer)?);
    }
    let kept = |l: usize, i: usize| masks[l].kept(i);
    let got = effective(&dims, &kept);
    let mut check = Check::new("effective sparsity", Tolerance::default());
    let total: usize = masks.iter().map(Mask::len).sum();
    let nominal: usize = masks.iter().map(Mask::count).sum();
    let share = |kept: f64| 1.0 - kept / total as f64;
    check.float(
        "sparsity",
        share(nominal as f64),
        float_field(group, "sparsity")?,
    );
    let on_path: u64 = got.kept.iter().sum();
    check.float(
        "effective_sparsity",
        share(on_path as f64),
        float_field(group, "effective_sparsity")?,
    );
    let on_path = |l: usize, i: usize| {
        let cols = dims[l][1].max(1);
        masks[l].kept(i) && got.alive[l][i % cols] && got.alive[l + 1][i / cols]
    };
    let masks: Vec<Mask> = (0..dims.len())
        .map(|l| Mask::from_fn(dims[l][0] * dims[l][1], |i| on_path(l, i)))
        .collect();
    compare_masks(
        &mut check,
        "effective_masks",
        &masks,
        field(group, "effective_masks")?,
    )?;
    for (l, want) in list(group, "alive_units")?.iter().enumerate() {
        let units = got.alive.get(l).map(Vec::as_slice).unwrap_or_default();
        let units: Vec<i64> = units.iter().map(|a| i64::from(*a)).collect();
        check.integers(&format!("alive_units[{l}]"), &units, want);
    }
    Ok(check.done())
}

pub(super) fn pqi_sap(file: &Value) -> Result<Vec<Case>> {
    let vectors = field(file, "vectors")?;
    let mut out = Vec::new();
    for case in list(file, "cases")? {
        let name = str_field(case, "vector")?;
        let w = floats_field(vectors, name)?;
        let (p, q) = (float_field(case, "p")?, float_field(case, "q")?);
        let mut check = Check::new(format!("{name}, p {p}, q {q}"), Tolerance::default());
        check.float("pqi", pqi(&w, p, q), float_field(case, "pqi")?);
        let half = pqi(&larger_half(&w), p, q);
        check.float(
            "pqi_of_half_mask",
            half,
            float_field(case, "pqi_of_half_mask")?,
        );
        for (field_name, eta, gamma) in [("sap", 0.0, 1.0), ("sap_eta", 0.5, 2.0)] {
            let Some(want) = case.get(field_name) else {
                continue;
            };
            let beta = 0.9;
            let sap = Sap {
                p,
                q,
                eta,
                gamma,
                beta,
            };
            match (sap.propose(&w), want) {
                (None, Value::Null) => {}
                (Some(got), Value::Object(_)) => {
                    proposal(&mut check, field_name, &sap, &got, want)?;
                }
                (got, _) => check.fail(format!("{field_name}: got {got:?}, want {want}")),
            }
        }
        out.push(check.done());
    }
    Ok(out)
}

fn proposal(
    check: &mut Check,
    place: &str,
    sap: &Sap,
    got: &index::Proposal,
    want: &Value,
) -> Result<()> {
    check.float(&format!("{place}.pqi"), got.pqi, float_field(want, "pqi")?);
    check.equal(&format!("{place}.d"), &got.d, &usize_field(want, "d")?);
    let bound = float_field(want, "kept_bound")?;
    // The number under the ceiling may lie on an integer up to rounding: then m may differ by 1.
    let on_edge = (got.exact_bound - got.exact_bound.round()).abs() < 1e-9 * got.d as f64;
    let prune = usize_field(want, "prune")?;
    if on_edge && (got.kept_bound - bound).abs() <= 1.0 {
        check.equal(&format!("{place}.prune"), &sap.cut(got.d, bound), &prune);
    } else {
        check.equal(&format!("{place}.kept_bound"), &got.kept_bound, &bound);
        check.equal(&format!("{place}.prune"), &got.prune, &prune);
    }
    Ok(())
}

pub(super) fn kv_eviction(file: &Value) -> Result<Vec<Case>> {
    let keep = usize_field(file, "keep")?;
    let mut check = Check::new("scores and masks", Tolerance::default());
    let (mut all, mut mean, mut defensive) = (Vec::new(), Vec::new(), Vec::new());
    let (mut mean_bits, mut defensive_bits) = (Vec::new(), Vec::new());
    for head in list(file, "attention")? {
        let window: Vec<Vec<f64>> = items(head)?
            .iter()
            .map(|row| Ok(kv_cache::pooled(&flat_floats(row)?)))
            .collect::<Result<_>>()?;
        if window.iter().any(|r| r.len() != window[0].len()) {
            return Err(Error::malformed("attention", "rows differ in length"));
        }
        let (m, d) = (
            kv_cache::mean_score(&window),
            kv_cache::defensive_score(&window),
        );
        mean_bits.extend(bits(&kv_cache::best(&m, keep)));
        defensive_bits.extend(bits(&kv_cache::best(&d, keep)));
        all.extend(window.into_iter().flatten());
        mean.extend(m);
        defensive.extend(d);
    }
    check.floats("pooled", &all, field(file, "pooled")?);
    check.floats("mean_score", &mean, field(file, "mean_score")?);
    check.floats(
        "defensive_score",
        &defensive,
        field(file, "defensive_score")?,
    );
    check.integers("mean_mask", &mean_bits, field(file, "mean_mask")?);
    check.integers(
        "defensive_mask",
        &defensive_bits,
        field(file, "defensive_mask")?,
    );
    Ok(vec![check.done()])
}

pub(super) fn low_rank(file: &Value) -> Result<Vec<Case>> {
    let (d, cols) = matrix(file, "D")?;
    let parts = svd(&d, cols);
    let mut check = Check::new("singular values", Tolerance::default());
    check.floats(
        "singular_values",
        &parts.values,
        field(file, "singular_values")?,
    );
    let mut out = vec![check.done()];
    for case in list(file, "cases")? {
        let rank = usize_field(case, "rank")?;
        let mut check = Check::new(format!("rank {rank}"), Tolerance::default());
        let product = parts.product(rank);
        check.floats("product", &product, field(case, "product")?);
        check.float(
            "energy_kept",
            parts.energy(rank),
            float_field(case, "energy_kept")?,
        );
        let left = residual(&d, &product, cols, 2);
        check.float(
            "residual_fro",
            left.norm,
            float_field(case, "residual_fro")?,
        );
        let columns: Vec<i64> = left.columns.iter().map(|c| *c as i64).collect();
        check.integers("best2_columns", &columns, field(case, "best2_columns")?);
        let want = float_field(case, "residual_fro_after_columns")?;
        check.float("residual_fro_after_columns", left.after_columns, want);
        out.push(check.done());
    }
    Ok(out)
}

pub(super) fn digits_split(file: &Value) -> Result<Vec<Case>> {
    let train = flat_integers(field(file, "train")?)?;
    let test = flat_integers(field(file, "test")?)?;
    let mut check = Check::new("split", Tolerance::exact());
    let mut all: Vec<i64> = train.iter().chain(&test).copied().collect();
    all.sort_unstable();
    let complete = all.into_iter().eq(0..digits::COUNT as i64);
    check.equal("train and test cover 0..1796 once", &complete, &true);
    let data = digits::digits();
    let pixels = |i: i64| {
        data.raw(i as usize)
            .iter()
            .map(|&v| i64::from(v))
            .sum::<i64>()
    };
    let label = |i: i64| data.labels().get(i as usize).map_or(0, |&l| i64::from(l));
    let labels: i64 = test.iter().map(|&i| label(i)).sum();
    check.integers("label_sum_test", &[labels], field(file, "label_sum_test")?);
    let sum: i64 = test.iter().map(|&i| pixels(i)).sum();
    check.integers("pixel_sum_test", &[sum], field(file, "pixel_sum_test")?);
    let sum: i64 = (0..digits::COUNT as i64).map(pixels).sum();
    check.integers("pixel_sum_all", &[sum], field(file, "pixel_sum_all")?);
    Ok(vec![check.done()])
}
