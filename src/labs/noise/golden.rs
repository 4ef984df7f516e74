//! Reference files of this lab, by the rules of its specification: f64 values pass within the
//! file's absolute tolerance or 1e-9 relative, indices and orders are equal.

mod masked;
mod oracle;
mod schedules;
mod search;

use crate::core::golden::{Case, Check, Tolerance, field, float, floats_field};
use crate::core::{Error, Result};
use crate::labs::golden::ReadData;
use crate::labs::noise::mixture::Mixture;
use serde_json::Value;

/// Evaluates a reference file of this lab; `None` when the kind is not supported.
///
/// # Errors
/// When the file's inputs are malformed.
pub fn evaluate(kind: &str, file: &Value, _read: ReadData<'_>) -> Result<Option<Vec<Case>>> {
    Ok(Some(match kind {
        "train_tables" => schedules::train_tables(file)?,
        "continuous_families" => schedules::continuous_families(file)?,
        "sampling_schedules_closed" => schedules::closed(file)?,
        "sampling_schedules_diffusers" => schedules::diffusers(file)?,
        "published_lists" => schedules::published_lists(file)?,
        "mixture_denoiser" => oracle::mixture_denoiser(file)?,
        "empirical_denoiser" => oracle::empirical_denoiser(file)?,
        "stochastic_steps" => oracle::stochastic_steps(file)?,
        "trajectories" => oracle::trajectories(file)?,
        "oss_dp" => search::oss_dp(file)?,
        "optimal_schedules" => search::optimal_schedules(file)?,
        "halton_order" => masked::halton_order(file)?,
        "masked_orders" => masked::masked_orders(file)?,
        _ => return Ok(None),
    }))
}

/// The file's absolute tolerance; 1e-12 without one.
fn tolerance(file: &Value, name: &str) -> Result<Tolerance> {
    match file.get(name) {
        Some(v) => Ok(Tolerance::absolute(float(v)?)),
        None => Ok(Tolerance::default()),
    }
}

/// The list under `name`, or nothing: files may leave groups out.
fn cases<'a>(file: &'a Value, name: &str) -> Result<&'a [Value]> {
    match file.get(name) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(Error::malformed(name, "is not a list")),
    }
}

/// Records a refusal of the inputs as a failure of the case, so that the others still count.
fn attempt(
    name: String,
    tolerance: Tolerance,
    body: impl FnOnce(&mut Check) -> Result<()>,
) -> Case {
    let mut check = Check::new(name, tolerance);
    if let Err(error) = body(&mut check) {
        check.fail(error.to_string());
    }
    check.done()
}

/// A mixture `{w, mu, cov}`.
fn mixture(value: &Value) -> Result<Mixture> {
    let w = floats_field(value, "w")?;
    let mu = floats_field(value, "mu")?;
    let dim = mu.len() / w.len().max(1);
    Mixture::new(dim, &w, &mu, &floats_field(value, "cov")?)
}

/// Compares an expected field if the case has it.
fn compare(check: &mut Check, case: &Value, name: &str, got: &[f64]) {
    if let Some(want) = case.get(name) {
        check.floats(name, got, want);
    }
}

/// A case's own name, or its number.
fn name_of(case: &Value, index: usize) -> String {
    case.get("name")
        .and_then(Value::as_str)
        .map_or_else(|| format!("case {index}"), str::to_owned)
}

/// Reads a whole number that may be written as a float.
fn count(value: &Value, name: &str) -> Result<usize> {
    let n = float(field(value, name)?)?;
    if n >= 0.0 && n.fract() == 0.0 && n <= 1e6 {
        Ok(n as usize)
    } else {
        Err(Error::malformed(
            name,
            format!("found {n}, want a whole number"),
        ))
    }
}
