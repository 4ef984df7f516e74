//! Tables, families, grids and published lists.

use super::super::{families, grids, library, lists, tables};
use super::{attempt, cases, compare, count, name_of, tolerance};
use crate::core::golden::{
    Case, Check, Tolerance, field, float, float_field, floats_field, str_field,
};
use crate::core::{Error, Result};
use library::{Class, LibraryConfig, Time};
use serde_json::Value;

fn config(case: &Value) -> Result<LibraryConfig> {
    LibraryConfig::deserialize_from(field(case, "config")?)
}

impl LibraryConfig {
    fn deserialize_from(value: &Value) -> Result<Self> {
        serde_json::from_value(value.clone()).map_err(|e| Error::malformed("config", e.to_string()))
    }
}

pub(super) fn train_tables(file: &Value) -> Result<Vec<Case>> {
    let library = tolerance(file, "tolerance")?;
    let list = cases(file, "cases")?;
    Ok(list
        .iter()
        .enumerate()
        .map(|(i, case)| {
            attempt(name_of(case, i), Tolerance::default(), |check| {
                let spec = config(case)?.table_spec();
                let index: Vec<usize> = floats_field(case, "index")?
                    .iter()
                    .map(|i| *i as usize)
                    .collect();
                let exact = tables::Table::exact(&spec)?;
                let single = tables::Table::single(&spec)?;
                let take = |v: &[f64]| -> Result<Vec<f64>> {
                    index
                        .iter()
                        .map(|i| {
                            v.get(*i)
                                .copied()
                                .ok_or_else(|| Error::malformed("index", i.to_string()))
                        })
                        .collect()
                };
                compare(check, case, "betas_ref64", &take(&exact.betas)?);
                let bars = take(&exact.alpha_bars)?;
                compare(check, case, "alphas_cumprod_ref64", &bars);
                if case.get("alphas_cumprod_diffusers_f32").is_some() {
                    let want = floats_field(case, "alphas_cumprod_diffusers_f32")?;
                    let absolute = |abs| Tolerance { abs, rel: 0.0 };
                    within(
                        check,
                        "f64 against the library",
                        &bars,
                        &want,
                        absolute(library.abs),
                    );
                    within(
                        check,
                        "f32 mode",
                        &take(&single.alpha_bars)?,
                        &want,
                        absolute(2e-7),
                    );
                }
                Ok(())
            })
        })
        .collect())
}

fn within(check: &mut Check, place: &str, got: &[f64], want: &[f64], tolerance: Tolerance) {
    check.equal(&format!("{place}: length"), &got.len(), &want.len());
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        check.float_within(&format!("{place}[{i}]"), *g, *w, tolerance);
    }
}

pub(super) fn continuous_families(file: &Value) -> Result<Vec<Case>> {
    let tolerance = tolerance(file, "tolerance")?;
    let list = cases(file, "cases")?;
    Ok(list
        .iter()
        .enumerate()
        .map(|(i, case)| {
            attempt(name_of(case, i), tolerance, |check| {
                let name = str_field(case, "name")?;
                let params = case.get("params").unwrap_or(&Value::Null);
                let got: Result<Vec<f64>> = floats_field(case, "t")?
                    .into_iter()
                    .map(|t| family(name, params, t))
                    .collect();
                check.floats("values", &got?, field(case, "values")?);
                Ok(())
            })
        })
        .collect())
}

fn family(name: &str, params: &Value, t: f64) -> Result<f64> {
    let p = |key: &str, default: f64| params.get(key).map_or(Ok(default), float);
    Ok(match name {
        "chen_linear" => families::chen_linear(t),
        "chen_cosine" => families::chen_cosine(t, p("s", 0.0)?, p("e", 1.0)?, p("tau", 1.0)?),
        "chen_sigmoid" => families::chen_sigmoid(t, p("s", -3.0)?, p("e", 3.0)?, p("tau", 1.0)?),
        "hang_cosine" => families::hang_cosine(t),
        "hang_laplace" => families::hang_laplace(t, p("mu", 0.0)?, p("b", 0.5)?),
        "hang_cauchy" => families::hang_cauchy(t, p("mu", 0.0)?, p("gamma", 1.0)?),
        "hang_cosine_scaled" => families::hang_cosine_scaled(t, p("s", 1.0)?),
        "hang_cosine_shifted" => families::hang_cosine_shifted(t, p("mu", 0.0)?),
        "simple_diffusion_shift" => families::simple_diffusion_shift(
            t,
            float_field(params, "image")?,
            float_field(params, "noise")?,
        ),
        "logistic" => {
            let times = p("T", 1000.0)?;
            families::logistic(t * times, p("k", 0.015)?, p("t0", 0.6 * times)?)
        }
        "flow_shift" => families::flow_shift(t, float_field(params, "shift")?),
        "input_scaling" => {
            let base = family(str_field(params, "base")?, params, t)?;
            families::input_scaling(base, float_field(params, "b")?)
        }
        other => return Err(Error::Unsupported(format!("the family {other}"))),
    })
}

pub(super) fn closed(file: &Value) -> Result<Vec<Case>> {
    let tolerance = tolerance(file, "tolerance")?;
    let list = cases(file, "cases")?;
    Ok(list
        .iter()
        .enumerate()
        .map(|(i, case)| {
            attempt(name_of(case, i), tolerance, |check| {
                let n = count(case, "n")?;
                let limit = |key: &str| case.get(key).map_or(Ok(f64::NAN), float);
                let got = law(
                    str_field(case, "name")?,
                    n,
                    limit("sigma_min")?,
                    limit("sigma_max")?,
                )?;
                check.floats("values", &got, field(case, "values")?);
                Ok(())
            })
        })
        .collect())
}

fn law(name: &str, n: usize, min: f64, max: f64) -> Result<Vec<f64>> {
    let (base, rho) = match name.rsplit_once("_rho") {
        Some((base, rho)) => (base, rho.parse().ok()),
        None => (name, None),
    };
    let limits = !matches!(base, "vp" | "beta_time_space_sd" | "linear_quadratic");
    if limits && !(min > 0.0 && min < max) {
        return Err(Error::out_of_range(
            "sigma_min",
            min,
            format!("above 0 and below {max}"),
        ));
    }
    if n == 0 || n > 1000 {
        return Err(Error::out_of_range("n", n, "1 to 1000"));
    }
    Ok(match base {
        "karras" => grids::karras(n, min, max, rho.unwrap_or(7.0)),
        "exponential" => grids::exponential(n, min, max),
        "polyexponential" => grids::polyexponential(n, min, max, rho.unwrap_or(1.0)),
        "kl_optimal" => grids::tangent(n, min, max, 1.0),
        "kl_optimal_c05" => grids::tangent(n, min, max, 0.5),
        "beta_sigma_space" => grids::beta_sigma_space(n, min, max),
        "vp" => grids::vp(n, 19.9, 0.1),
        "beta_time_space_sd" => grids::beta_time_space(
            n,
            &tables::Table::exact(&tables::TableSpec::stable_diffusion())?,
        ),
        "linear_quadratic" => grids::linear_quadratic(n),
        other => return Err(Error::Unsupported(format!("the law {other}"))),
    })
}

pub(super) fn diffusers(file: &Value) -> Result<Vec<Case>> {
    let rel = file.get("tolerance").map_or(Ok(2e-5), float)?;
    let list = cases(file, "cases")?;
    Ok(list
        .iter()
        .enumerate()
        .map(|(i, case)| {
            let class = case.get("cls").and_then(Value::as_str).unwrap_or("?");
            attempt(format!("{i}: {class}"), Tolerance::relative(rel), |check| {
                let class: Class = serde_json::from_value(field(case, "cls")?.clone())
                    .map_err(|e| Error::malformed("cls", e.to_string()))?;
                let mu = case
                    .get("extra")
                    .and_then(|e| e.get("mu"))
                    .map(float)
                    .transpose()?;
                let n = count(case, "num_inference_steps")?;
                let grid = library::grid(class, &config(case)?, n, mu)?;
                compare_times(check, &grid.times, &floats_field(case, "timesteps")?);
                if case.get("sigmas_f32").is_some() {
                    let want = floats_field(case, "sigmas_f32")?;
                    check.slices("sigmas", &grid.sigmas.unwrap_or_default(), &want);
                }
                Ok(())
            })
        })
        .collect())
}

/// Whole times are equal; fractional ones within 1e-3 or 2e-5 relative; truncated ones equal,
/// except that next to a whole number either neighbour passes.
fn compare_times(check: &mut Check, got: &[Time], want: &[f64]) {
    check.equal("timesteps: length", &got.len(), &want.len());
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        let place = format!("timesteps[{i}]");
        match *g {
            Time::Whole(t) => check.float_within(&place, t, *w, Tolerance::exact()),
            Time::Fractional(t) => {
                check.float_within(
                    &place,
                    t,
                    *w,
                    Tolerance {
                        abs: 1e-3,
                        rel: 2e-5,
                    },
                );
            }
            Time::Truncated(t) => {
                let near = (t - t.round()).abs() <= 1e-3;
                let fits = *w == t.trunc() || (near && (*w == t.round() || *w == t.round() - 1.0));
                if !fits {
                    check.fail(format!("{place}: got {t} truncated, want {w}"));
                }
            }
        }
    }
}

pub(super) fn published_lists(file: &Value) -> Result<Vec<Case>> {
    let tolerance = tolerance(file, "tolerance")?;
    let mut out = Vec::new();
    for (group, own) in [
        ("ays_sigmas", lists::AYS_SIGMAS),
        ("ays_timesteps", lists::AYS_TIMES),
        ("gits_sd15", lists::GITS),
    ] {
        for (name, want) in entries(file, group) {
            out.push(attempt(format!("{group} {name}"), tolerance, |check| {
                shipped(check, lists::named(own, name), want)
            }));
        }
    }
    for (name, own) in lists::OSS {
        if let Some(want) = file.get(*name) {
            out.push(attempt((*name).to_owned(), tolerance, |check| {
                shipped(check, Some(own), want)
            }));
        }
    }
    for (name, want) in entries(file, "ays_resampled") {
        out.push(attempt(
            format!("ays_resampled {name}"),
            tolerance,
            |check| {
                let (list, steps) = name
                    .rsplit_once('_')
                    .and_then(|(list, n)| Some((list, n.parse::<usize>().ok()?)))
                    .ok_or_else(|| {
                        Error::malformed("ays_resampled", format!("{name} is not NAME_STEPS"))
                    })?;
                let levels = match file.get("ays_sigmas").and_then(|a| a.get(list)) {
                    Some(levels) => crate::core::golden::flat_floats(levels)?,
                    None => lists::named(lists::AYS_SIGMAS, list)
                        .ok_or_else(|| {
                            Error::malformed("ays_resampled", format!("no list {list}"))
                        })?
                        .to_vec(),
                };
                check.floats("values", &grids::resample(&levels, steps), want);
                Ok(())
            },
        ));
    }
    if let Some(want) = file.get("ays_sd15_timesteps_are_consistent_with_scaled_linear") {
        out.push(attempt(
            "ays_sd15_timesteps".to_owned(),
            tolerance,
            |check| {
                let sigmas = tables::Table::exact(&tables::TableSpec::stable_diffusion())?.sigmas();
                let times = match file.get("ays_timesteps").and_then(|a| a.get("SD15")) {
                    Some(times) => crate::core::golden::flat_floats(times)?,
                    None => lists::named(lists::AYS_TIMES, "SD15")
                        .unwrap_or_default()
                        .to_vec(),
                };
                let mut got: Vec<f64> = times
                    .iter()
                    .filter_map(|t| sigmas.get(*t as usize).copied())
                    .collect();
                got.push(sigmas[0]);
                check.floats("sigmas", &got, want);
                Ok(())
            },
        ));
    }
    Ok(out)
}

fn entries<'a>(file: &'a Value, group: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    file.get(group)
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
}

fn shipped(check: &mut Check, own: Option<&[f64]>, want: &Value) -> Result<()> {
    match own {
        Some(list) => check.floats("shipped copy", list, want),
        None => check.remark("not among the shipped lists; only its order is checked"),
    }
    let list = crate::core::golden::flat_floats(want)?;
    if let Some(i) = list.windows(2).position(|w| w[0] <= w[1]) {
        check.fail(format!("does not fall at {}", i + 1));
    }
    Ok(())
}
