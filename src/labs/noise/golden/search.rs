//! Searched and optimal schedules.

use super::super::optimal::{self, Range};
use super::super::oss;
use super::{attempt, cases, compare, count, mixture, name_of, tolerance};
use crate::core::golden::{Case, Check, Tolerance, field, float_field, floats_field};
use crate::core::{Error, Result, num};
use serde_json::Value;

pub(super) fn oss_dp(file: &Value) -> Result<Vec<Case>> {
    let tolerance = tolerance(file, "tolerance")?;
    let shared = file.get("mixture");
    let list = cases(file, "cases")?;
    Ok(list
        .iter()
        .enumerate()
        .map(|(i, case)| {
            attempt(name_of(case, i), tolerance, |check| {
                let mixture = mixture(
                    case.get("mixture")
                        .or(shared)
                        .ok_or_else(|| Error::malformed("mixture", "is missing"))?,
                )?;
                let (n, k) = (count(case, "N")?, count(case, "K")?);
                let t = match case.get("t") {
                    Some(_) => floats_field(case, "t")?,
                    None => num::linspace(0.0, 1.0, n + 1),
                };
                if t.len() != n + 1 || k == 0 || n == 0 {
                    return Err(Error::malformed(
                        "t",
                        format!("has {} times, want N + 1 = {}", t.len(), n + 1),
                    ));
                }
                let found = oss::search(&mixture, &floats_field(case, "x1")?, &t, k);
                table(check, case, &found.best)?;
                if let Some(want) = case.get("steps_from_data_to_noise") {
                    let path: Vec<i64> = found.path.iter().map(|i| *i as i64).collect();
                    check.integers("steps_from_data_to_noise", &path, want);
                }
                compare(check, case, "teacher_end", &found.teacher_end);
                compare(check, case, "final_mse_oss", &[found.replayed]);
                compare(check, case, "final_mse_uniform", &[found.uniform]);
                Ok(())
            })
        })
        .collect())
}

/// Rows of the search; null stands for "never reached".
fn table(check: &mut Check, case: &Value, got: &[Vec<f64>]) -> Result<()> {
    let Some(want) = case.get("dp") else {
        return Ok(());
    };
    let rows = want
        .as_array()
        .ok_or_else(|| Error::malformed("dp", "is not a list"))?;
    check.equal("dp: rows", &got.len(), &rows.len());
    for (k, (row, want)) in got.iter().zip(rows).enumerate() {
        let want: Vec<Value> = want.as_array().cloned().unwrap_or_default();
        let want = want.into_iter().map(|v| {
            if v.is_null() {
                Value::from("Infinity")
            } else {
                v
            }
        });
        check.floats(&format!("dp[{k}]"), row, &Value::Array(want.collect()));
    }
    Ok(())
}

pub(super) fn optimal_schedules(file: &Value) -> Result<Vec<Case>> {
    let tolerance = tolerance(file, "tolerance")?;
    let mut out = Vec::new();
    for (i, case) in cases(file, "gaussian")?.iter().enumerate() {
        out.push(attempt(format!("gaussian {i}"), tolerance, |check| {
            gaussian(check, case)
        }));
    }
    for (i, case) in cases(file, "spectrum")?.iter().enumerate() {
        out.extend(spectrum(i, case, tolerance)?);
    }
    Ok(out)
}

fn range(case: &Value) -> Result<Range> {
    let range = Range {
        min: float_field(case, "sigma_min")?,
        max: float_field(case, "sigma_max")?,
        steps: count(case, "K")?,
    };
    range.check()?;
    Ok(range)
}

fn gaussian(check: &mut Check, case: &Value) -> Result<()> {
    let range = range(case)?;
    let c = float_field(case, "c")?;
    if c.is_nan() || c <= 0.0 {
        return Err(Error::out_of_range("c", c, "above 0"));
    }
    let tangent = optimal::tangent_law(c, range);
    compare(
        check,
        case,
        "klub_optimal",
        &optimal::gaussian_klub(c, range),
    );
    compare(
        check,
        case,
        "klub_per_dim",
        &[optimal::gaussian_klub_value(c, range)],
    );
    compare(
        check,
        case,
        "check",
        &[optimal::gaussian_klub_value(c, range)],
    );
    compare(
        check,
        case,
        "tan_law_euler_std_ratio",
        &[optimal::euler_std_ratio(c, &tangent)],
    );
    compare(
        check,
        case,
        "tan_law_predicted",
        &[optimal::tangent_std_ratio(c, range)],
    );
    compare(check, case, "tan_law", &tangent);
    Ok(())
}

fn spectrum(i: usize, case: &Value, tolerance: Tolerance) -> Result<Vec<Case>> {
    let range = range(case)?;
    let variances = floats_field(case, "eigenvalues")?;
    let points = count(case, "grid_points")?;
    if points > 4000 {
        return Err(Error::out_of_range("grid_points", points, "at most 4000"));
    }
    let grid = num::logspace(range.min, range.max, points);
    let mmse: Vec<f64> = grid
        .iter()
        .map(|s| optimal::spectrum_mmse(&variances, *s))
        .collect();
    let results = field(case, "results")?
        .as_object()
        .ok_or_else(|| Error::malformed("results", "is not an object"))?;
    Ok(results
        .iter()
        .map(|(key, want)| {
            attempt(format!("spectrum {i} {key}"), tolerance, |check| {
                let p: f64 = key
                    .strip_prefix("p=")
                    .and_then(|p| p.parse().ok())
                    .ok_or_else(|| {
                        Error::malformed("results", format!("{key} is not p=<number>"))
                    })?;
                let best = optimal::best_on_grid(&grid, &mmse, p, range.steps)?;
                if let Some(index) = want.get("grid_index") {
                    let got: Vec<i64> = best.index.iter().map(|i| *i as i64).collect();
                    check.integers("grid_index", &got, index);
                }
                let sigmas: Vec<f64> = best.index.iter().map(|i| grid[*i]).collect();
                compare(check, want, "sigmas", &sigmas);
                compare(check, want, "objective", &[best.objective]);
                Ok(())
            })
        })
        .collect())
}
