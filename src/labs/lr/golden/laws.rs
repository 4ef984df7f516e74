//! Loss-curve laws.

use super::super::curves::{MPL_WARMUP, annealing_curve, mpl_curve};
use super::super::fit::Errors;
use super::super::laws::{Annealing, MultiPower, Prepared, annealing_sums};
use super::fits::{Curves, TRAIN};
use super::{evaluate_cases, skipped};
use crate::core::golden::{
    Case, Check, Tolerance, field, float_field, floats_field, str_field, usize_field,
};
use crate::core::{Error, Result};
use crate::labs::golden::ReadData;
use serde_json::Value;

/// Seven numbers as the parameters of the law.
pub(super) fn law_from(values: &[f64]) -> Result<MultiPower> {
    let array: [f64; 7] = values.try_into().map_err(|e| {
        Error::malformed("params", format!("{} numbers, want 7 ({e})", values.len()))
    })?;
    Ok(MultiPower::from_array(array))
}

pub(super) fn mpl(file: &Value) -> Result<Option<Vec<Case>>> {
    let params = field(file, "params")?;
    evaluate_cases(file, |_, case| {
        let name = str_field(case, "curve")?;
        let size = usize_field(case, "model_M")?;
        let Some(rates) = mpl_curve(name)? else {
            return Ok(None);
        };
        let law = law_from(&floats_field(params, &size.to_string())?)?;
        let mut check = Check::new(format!("{name}, {size} M"), Tolerance::relative(1e-10));
        if let Some(n) = case.get("n_schedule").and_then(Value::as_u64) {
            check.equal("n_schedule", &(rates.len() as u64), &n);
        }
        let prepared = Prepared::new(law, &rates, 1);
        let got: Vec<f64> = floats_field(case, "step")?
            .iter()
            .map(|s| prepared.at(*s as usize).loss())
            .collect();
        check.floats("pred", &got, field(case, "pred")?);
        Ok(Some(check.done()))
    })
}

pub(super) fn annealing(file: &Value, read: ReadData<'_>) -> Result<Option<Vec<Case>>> {
    let tolerance = Tolerance {
        abs: 1e-12,
        rel: 1e-10,
    };
    let mut out = evaluate_cases(file, |_, case| {
        let text = str_field(case, "schedule")?;
        let Some(rates) = annealing_curve(text)? else {
            return Ok(None);
        };
        let p = field(case, "params")?;
        let law = Annealing {
            l0: float_field(p, "L0")?,
            a: float_field(p, "A")?,
            alpha: float_field(p, "alpha")?,
            c: float_field(p, "C")?,
            lambda: float_field(case, "lam")?,
        };
        let (s1, s2) = annealing_sums(&rates, law.lambda);
        let mut check = Check::new(text, tolerance);
        let steps: Vec<usize> = floats_field(case, "step")?
            .iter()
            .map(|s| *s as usize)
            .collect();
        if let Some(bad) = steps.iter().find(|s| **s >= rates.len()) {
            check.fail(format!("step {bad} is past the end"));
            return Ok(Some(check.done()));
        }
        let pick = |values: &[f64]| -> Vec<f64> { steps.iter().map(|s| values[*s]).collect() };
        check.floats("lr", &pick(&rates), field(case, "lr")?);
        check.floats("S1", &pick(&s1), field(case, "S1")?);
        check.floats("S2", &pick(&s2), field(case, "S2")?);
        let pred: Vec<f64> = steps.iter().map(|s| law.at(s1[*s], s2[*s])).collect();
        check.floats("pred", &pred, field(case, "pred")?);
        Ok(Some(check.done()))
    })?;
    if let (Some(out), Some(group)) = (&mut out, file.get("fit_on_mpl_curves")) {
        out.extend(annealing_fits(group, read)?);
    }
    Ok(out)
}

/// Errors of the fitted annealing law on the published curves, warmup counted at the peak.
fn annealing_fits(group: &Value, read: ReadData<'_>) -> Result<Vec<Case>> {
    let results = field(group, "results")?
        .as_object()
        .ok_or_else(|| Error::malformed("results", "is not an object"))?;
    let mut out = Vec::new();
    for (key, want) in results {
        let name = format!("fit_on_mpl_curves {key}");
        let parts: Vec<&str> = key.split('_').collect();
        let ["ann", size, lambda] = parts.as_slice() else {
            return Err(Error::malformed(key, "is not ann_<size>_<lambda>"));
        };
        let lambda: f64 = lambda
            .parse()
            .map_err(|e| Error::malformed(key, format!("{e}")))?;
        let Some(curves) = Curves::read(size, read)? else {
            out.push(skipped(&name, "the measured curves are not here"));
            continue;
        };
        let p = floats_field(want, "params_L0_A_alpha_C")?;
        let [l0, a, alpha, c] = p[..] else {
            return Err(Error::malformed(key, "wants four parameters"));
        };
        let law = Annealing {
            l0,
            a,
            alpha,
            c,
            lambda,
        };
        let errors = curves.errors(&|rates: &[f64], steps: &[usize]| {
            let mut rates = rates.to_vec();
            let warmup = MPL_WARMUP.min(rates.len());
            rates[..warmup].fill(super::super::curves::MPL_PEAK);
            let (s1, s2) = annealing_sums(&rates, law.lambda);
            steps.iter().map(|s| law.at(s1[*s], s2[*s])).collect()
        });
        let mut check = Check::new(name, Tolerance::relative(1e-9));
        check.float(
            "train_huber",
            Errors::train_huber(&errors, &TRAIN),
            float_field(want, "train_huber")?,
        );
        Errors::check_mean(&errors, &TRAIN, field(want, "test")?, "test", &mut check)?;
        out.push(check.done());
    }
    Ok(out)
}
