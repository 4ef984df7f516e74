//! The convex bound and the refined schedule.

use super::super::bound::{Bound, optimal_schedule, power_norms, refined_schedule, unit_schedule};
use super::evaluate_cases;
use crate::core::golden::{
    Case, Check, Tolerance, field, flat_floats, float, float_field, floats_field, str_field,
    usize_field,
};
use crate::core::{Error, Result};
use serde_json::Value;

pub(super) fn bound(file: &Value) -> Result<Option<Vec<Case>>> {
    evaluate_cases(file, |i, case| {
        let name = str_field(case, "schedule")?;
        let t = usize_field(case, "T")?;
        let fraction = match case.get("cooldown_frac") {
            None | Some(Value::Null) => None,
            Some(v) => Some(float(v)?),
        };
        let Some(eta) = unit_schedule(name, t, fraction)? else {
            return Ok(None);
        };
        let g = power_norms(t, float_field(case, "G_exponent")?);
        let bound = Bound::new(&eta, &g, float_field(case, "D")?)?;
        let mut check = Check::new(format!("{name}, T = {t}, {i}"), Tolerance::relative(5e-5));
        if let Some(want) = case.get("eta_unit").filter(|v| !v.is_null()) {
            let want = flat_floats(want)?;
            check.equal("eta_unit length", &eta.len(), &want.len());
            for (k, (got, want)) in eta.iter().zip(&want).enumerate() {
                let place = format!("eta_unit[{k}]");
                check.float_within(&place, *got, *want, Tolerance::absolute(1e-12));
            }
        }
        check.floats(
            "terms_at_base_1",
            &[bound.distance, bound.noise, bound.rest - bound.noise],
            field(case, "terms_at_base_1")?,
        );
        check.float(
            "opt_base_lr",
            bound.best_base(),
            float_field(case, "opt_base_lr")?,
        );
        check.float("opt_bound", bound.best(), float_field(case, "opt_bound")?);
        for pair in floats_field(case, "bound_at_base_lr")?.chunks_exact(2) {
            check.float(&format!("bound at {}", pair[0]), bound.at(pair[0]), pair[1]);
        }
        Ok(Some(check.done()))
    })
}

pub(super) fn curves(file: &Value) -> Result<Option<Vec<Case>>> {
    let t = usize_field(file, "T")?;
    let curves = field(file, "curves")?
        .as_object()
        .ok_or_else(|| Error::malformed("curves", "is not an object"))?;
    let g = vec![1.0; t];
    let mut out = Vec::new();
    for (name, want) in curves {
        let Some(unit) = unit_schedule(name, t, Some(0.2))? else {
            out.push(super::skipped(name, "unsupported name"));
            continue;
        };
        let base = Bound::new(&unit, &g, 1.0)?.best_base();
        let mut check = Check::new(name.clone(), Tolerance::relative(1e-5));
        check.float("base_lr", base, float_field(want, "base_lr")?);
        let mut got = Vec::new();
        for horizon in floats_field(want, "t")? {
            let horizon = horizon as usize;
            if horizon == 0 || horizon > t {
                return Err(Error::out_of_range("t", horizon, format!("1 to {t}")));
            }
            got.push(Bound::new(&unit[..horizon], &g, 1.0)?.at(base));
        }
        check.floats("bound", &got, field(want, "bound")?);
        out.push(check.done());
    }
    Ok(Some(out))
}

pub(super) fn optimum(file: &Value) -> Result<Option<Vec<Case>>> {
    evaluate_cases(file, |i, case| {
        let t = usize_field(case, "T")?;
        let g = power_norms(t, float_field(case, "G_exponent")?);
        let d = float_field(case, "D")?;
        let (eta, value) = optimal_schedule(&g, d)?;
        let largest = eta.iter().copied().fold(0.0, f64::max);
        let shape = Tolerance::absolute(1e-3 * largest);
        let mut check = Check::new(format!("T = {t}, {i}"), Tolerance::relative(1e-6));
        check.float("opt_bound", value, float_field(case, "opt_bound")?);
        let linear = unit_schedule("linear", t, None)?
            .ok_or_else(|| Error::malformed("linear", "is not known"))?;
        check.float(
            "linear_tuned_bound",
            Bound::new(&linear, &g, d)?.best(),
            float_field(case, "linear_tuned_bound")?,
        );
        let quartiles = [0, t / 4, t / 2, 3 * t / 4, t.saturating_sub(2), t - 1].map(|k| eta[k]);
        let mut compare = |place: &str, got: &[f64]| -> Result<()> {
            if let Some(want) = case.get(place).filter(|v| !v.is_null()) {
                let want = flat_floats(want)?;
                check.equal(place, &got.len(), &want.len());
                for (k, (g, w)) in got.iter().zip(&want).enumerate() {
                    check.float_within(&format!("{place}[{k}]"), *g, *w, shape);
                }
            }
            Ok(())
        };
        compare("eta", &eta)?;
        compare("eta_quartiles", &quartiles)?;
        Ok(Some(check.done()))
    })
}

pub(super) fn refined(file: &Value) -> Result<Option<Vec<Case>>> {
    evaluate_cases(file, |i, case| {
        let weights = str_field(case, "weights")?;
        let Some(power) = weights.strip_prefix("G^").and_then(|p| p.parse().ok()) else {
            return Ok(None);
        };
        let got = refined_schedule(&floats_field(case, "G")?, power)?;
        let name = case.get("name").and_then(Value::as_str).unwrap_or("case");
        let mut check = Check::new(format!("{name} {i}"), Tolerance::relative(1e-10));
        check.floats("sched", &got, field(case, "sched")?);
        Ok(Some(check.done()))
    })
}
