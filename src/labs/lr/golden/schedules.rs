//! Schedules of libraries and papers.

use super::super::dialects::{Params, formula_schedule, library_schedule};
use super::{evaluate_cases, tolerance_or};
use crate::core::Result;
use crate::core::golden::{Case, Check, Tolerance, field, floats_field, str_field, usize_field};
use serde_json::Value;

/// 1e-11 of the largest value of the case.
fn tolerance(file: &Value, values: &[f64]) -> Tolerance {
    let largest = values.iter().copied().fold(0.0, f64::max);
    tolerance_or(file, Tolerance::absolute(1e-11 * largest))
}

pub(super) fn libraries(file: &Value) -> Result<Option<Vec<Case>>> {
    let mut out = evaluate_cases(file, |i, case| {
        let name = str_field(case, "name")?;
        let metric = case
            .get("metric")
            .map(|_| floats_field(case, "metric"))
            .transpose()?;
        let n = usize_field(case, "n")?;
        let params = Params(field(case, "params")?);
        let Some(values) = library_schedule(name, params, n, metric.as_deref())? else {
            return Ok(None);
        };
        let mut check = Check::new(
            format!("{name} {i}"),
            tolerance(file, &floats_field(case, "lr")?),
        );
        check.floats("lr", &values.rates, field(case, "lr")?);
        if let (Some(momentum), Some(want)) = (values.momentum, case.get("momentum")) {
            check.floats("momentum", &momentum, want);
        }
        Ok(Some(check.done()))
    })?;
    if let (Some(out), Some(bad)) = (&mut out, file.get("must_be_rejected")) {
        out.extend(rejections(bad)?);
    }
    Ok(out)
}

/// Inputs that have to give an error.
fn rejections(bad: &Value) -> Result<Vec<Case>> {
    let mut out = Vec::new();
    for (i, case) in bad.as_array().into_iter().flatten().enumerate() {
        let name = str_field(case, "name")?;
        let mut check = Check::new(format!("rejected {i}: {name}"), Tolerance::exact());
        let n = usize_field(case, "n").unwrap_or(10);
        match library_schedule(name, Params(field(case, "params")?), n, None) {
            Err(reason) => check.remark(reason.to_string()),
            Ok(_) => check.fail("was accepted"),
        }
        out.push(check.done());
    }
    Ok(out)
}

pub(super) fn formulas(file: &Value) -> Result<Option<Vec<Case>>> {
    evaluate_cases(file, |i, case| {
        let name = str_field(case, "name")?;
        let Some(all) = formula_schedule(name, Params(field(case, "params")?))? else {
            return Ok(None);
        };
        let stride = match case.get("index_stride") {
            Some(_) => usize_field(case, "index_stride")?.max(1),
            None => 1,
        };
        let got: Vec<f64> = all.into_iter().step_by(stride).collect();
        let want = floats_field(case, "lr")?;
        let mut check = Check::new(format!("{name} {i}"), tolerance(file, &want));
        check.slices("lr", &got, &want);
        Ok(Some(check.done()))
    })
}
