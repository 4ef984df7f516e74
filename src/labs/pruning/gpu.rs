//! Kernels of the lab: exact selection of the smallest magnitudes.

use super::Pruning;
use crate::gpu::GpuLab;
#[cfg(not(target_arch = "wasm32"))]
use {
    super::select::{MAGNITUDE_BITS, count_rule},
    crate::core::golden::{Case, Check, Tolerance, field, flat_floats, flat_integers, str_field},
    crate::core::{Error, Result},
    crate::gpu::{Gpu, Selector},
    serde_json::Value,
};

impl GpuLab for Pruning {
    #[cfg(not(target_arch = "wasm32"))]
    fn verify_gpu(gpu: &Gpu, kind: &str, file: &Value) -> Result<Option<Vec<Case>>> {
        if kind != "torch_prune_masks" {
            return Ok(None);
        }
        let cases = field(file, "cases")?.as_array();
        let cases = cases.ok_or_else(|| Error::malformed("cases", "is not a list"))?;
        let mut out = Vec::new();
        for (i, case) in cases.iter().enumerate() {
            out.extend(magnitude_case(gpu, file, i, case)?);
        }
        Ok(Some(out))
    }
}

/// A case of magnitude pruning by the radix select kernels; `None` for other functions, and for
/// weights that are not exact in single precision.
#[cfg(not(target_arch = "wasm32"))]
fn magnitude_case(gpu: &Gpu, file: &Value, i: usize, case: &Value) -> Result<Option<Case>> {
    let function = str_field(case, "fn")?;
    if !matches!(function, "l1_unstructured" | "global_unstructured") {
        return Ok(None);
    }
    let name = str_field(case, "tensor")?;
    let mut weights = Vec::new();
    for tensor in name.split('+') {
        weights.extend(flat_floats(field(field(file, "tensors")?, tensor)?)?);
    }
    if weights.iter().any(|&w| f64::from(w as f32) != w) {
        return Ok(None);
    }
    let amount = field(case, "amount")?;
    let k = match (amount.as_u64(), amount.as_f64()) {
        (Some(count), _) => count,
        (None, Some(share)) => count_rule(share, weights.len()) as u64,
        (None, None) => return Err(Error::malformed("amount", format!("found {amount}"))),
    };
    let words: Vec<u32> = weights.iter().map(|&w| (w as f32).to_bits()).collect();
    let found = Selector::new(gpu, &words, MAGNITUDE_BITS)?
        .submit(gpu, k)?
        .wait(gpu)?;
    let kept: Vec<i64> = (0..words.len())
        .map(|i| i64::from(found.mask[i / 32] >> (i % 32) & 1))
        .collect();
    let mut check = Check::new(format!("{i}: {function} of {name}"), Tolerance::exact());
    let want = flat_integers(field(case, "mask")?)?;
    check.equal("mask", &kept, &want);
    Ok(Some(check.done()))
}
