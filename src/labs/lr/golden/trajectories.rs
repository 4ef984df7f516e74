//! Trajectories of optimizers and the exact noisy quadratic.

use super::super::optimizers::{FreeConfig, FreeKind, Optimizer, Rule, ScheduleFree};
use super::super::quadratic::{Problem, heavy_ball_losses, schedule_free_losses, sgd_losses};
use super::super::schedule::half_cosine;
use super::evaluate_cases;
use crate::core::golden::{
    Case, Check, Tolerance, field, float_field, floats_field, str_field, usize_field,
};
use crate::core::{Error, Result, num};
use serde_json::Value;

/// `name` of `value`, or a default when it is missing or null.
fn number_or(value: &Value, name: &str, default: f64) -> Result<f64> {
    match value.get(name) {
        None | Some(Value::Null) => Ok(default),
        Some(_) => float_field(value, name),
    }
}

/// Rates of a quadratic's schedule name: peak · min((t+1)/w, 1) · f(q).
fn named_rates(name: &str, peak: f64, total: usize, warmup: usize) -> Option<Vec<f64>> {
    let split = name
        .find(|c: char| c.is_ascii_digit())
        .unwrap_or(name.len());
    let (kind, digits) = name.split_at(split);
    let percent = if digits.is_empty() {
        None
    } else {
        Some(digits.parse::<f64>().ok()? / 100.0)
    };
    match (kind, percent) {
        ("constant", None) | ("linear" | "cosine", Some(_)) => {}
        ("wsd", Some(p)) if p > 0.0 && p <= 1.0 => {}
        _ => return None,
    }
    let p = percent.unwrap_or(0.0);
    Some(
        (0..total)
            .map(|t| {
                let ramp = if warmup == 0 {
                    1.0
                } else {
                    ((t + 1) as f64 / warmup as f64).min(1.0)
                };
                let q =
                    ((t as f64 - warmup as f64) / (total as f64 - warmup as f64)).clamp(0.0, 1.0);
                let f = match kind {
                    "linear" => 1.0 - q * (1.0 - p),
                    "cosine" => p + (1.0 - p) * half_cosine(q),
                    "wsd" if q >= 1.0 - p => (1.0 - q) / p,
                    _ => 1.0,
                };
                peak * ramp * f
            })
            .collect(),
    )
}

pub(super) fn quadratic(file: &Value) -> Result<Option<Vec<Case>>> {
    let empty = Value::Object(serde_json::Map::new());
    let params = file.get("params").unwrap_or(&empty);
    let problem = Problem::new(
        number_or(params, "d", 512.0)? as usize,
        number_or(params, "a", 1.0)?,
        number_or(params, "b", 0.6)?,
        number_or(params, "s2", 0.05)?,
    );
    let total = usize_field(params, "T")?;
    let file_warmup = number_or(params, "warmup", 0.0)?;
    if file_warmup as usize > total {
        return Err(Error::out_of_range(
            "warmup",
            file_warmup,
            format!("at most {total}"),
        ));
    }
    evaluate_cases(file, |i, case| {
        let method = str_field(case, "method")?;
        let rates = || -> Result<Option<Vec<f64>>> {
            Ok(named_rates(
                str_field(case, "schedule")?,
                float_field(case, "peak")?,
                total,
                file_warmup as usize,
            ))
        };
        let losses = match method {
            "sgd" => rates()?.map(|r| sgd_losses(&problem, &r)),
            "heavy_ball" => {
                let mu = float_field(case, "mu")?;
                rates()?.map(|r| heavy_ball_losses(&problem, &r, mu))
            }
            "schedule_free_sgd" => Some(schedule_free_losses(
                &problem,
                total,
                float_field(case, "lr")?,
                number_or(case, "warmup", file_warmup)? as usize,
                float_field(case, "beta")?,
            )),
            _ => None,
        };
        let Some(losses) = losses else {
            return Ok(None);
        };
        let mut check = Check::new(format!("{method} {i}"), Tolerance::relative(1e-10));
        let got: Vec<f64> = floats_field(case, "step")?
            .iter()
            .map(|s| losses.get(*s as usize).copied().unwrap_or(f64::NAN))
            .collect();
        check.floats("loss", &got, field(case, "loss")?);
        if let Some(mc) = case.get("monte_carlo_last") {
            let (mean, se) = (float_field(mc, "mean")?, float_field(mc, "se")?);
            let off = (got.last().copied().unwrap_or(f64::NAN) - mean) / se;
            check.remark(format!(
                "the file's simulation lies {off:.1} standard errors away"
            ));
        }
        Ok(Some(check.done()))
    })
}

/// f(x) = ½ (x - c)ᵀ H (x - c), with a deterministic "noise" on the gradient.
struct Bowl {
    h: Vec<f64>,
    c: Vec<f64>,
    x0: Vec<f64>,
}

impl Bowl {
    fn read(file: &Value) -> Result<Self> {
        let (h, c, x0) = (
            floats_field(file, "H")?,
            floats_field(file, "c")?,
            floats_field(file, "x0")?,
        );
        let d = c.len();
        if h.len() != d * d || x0.len() != d {
            return Err(Error::malformed(
                "H",
                format!("is not {d} × {d}, or x0 not {d} long"),
            ));
        }
        Ok(Self { h, c, x0 })
    }

    fn slope(&self, x: &[f64]) -> Vec<f64> {
        let d = self.c.len();
        (0..d)
            .map(|i| (0..d).map(|j| self.h[i * d + j] * (x[j] - self.c[j])).sum())
            .collect()
    }

    fn loss(&self, x: &[f64]) -> f64 {
        let slope = self.slope(x);
        0.5 * (0..x.len())
            .map(|i| (x[i] - self.c[i]) * slope[i])
            .sum::<f64>()
    }

    fn gradient(&self, x: &[f64], noise: f64, t: usize) -> Vec<f64> {
        let d = self.c.len();
        let mut g = self.slope(x);
        for (j, g) in g.iter_mut().enumerate() {
            *g += noise * num::sin(12.9898 * (t * d + j + 1) as f64);
        }
        g
    }
}

fn betas(params: &Value) -> Result<[f64; 2]> {
    match params.get("betas") {
        None => Ok([0.9, 0.999]),
        Some(_) => match floats_field(params, "betas")?[..] {
            [a, b] => Ok([a, b]),
            _ => Err(Error::malformed("betas", "wants two numbers")),
        },
    }
}

fn flag_or(params: &Value, name: &str, default: bool) -> Result<bool> {
    params.get(name).map_or(Ok(default), |v| {
        v.as_bool()
            .ok_or_else(|| Error::malformed(name, "is not true or false"))
    })
}

fn rule(name: &str, p: &Value) -> Result<Option<(Rule, f64)>> {
    let decay = number_or(p, "weight_decay", if name == "AdamW" { 0.01 } else { 0.0 })?;
    let rule = match name {
        "SGD" => Rule::Sgd {
            momentum: number_or(p, "momentum", 0.0)?,
            dampening: number_or(p, "dampening", 0.0)?,
            nesterov: flag_or(p, "nesterov", false)?,
        },
        "Adam" | "AdamW" => Rule::Adam {
            betas: betas(p)?,
            decoupled: name == "AdamW",
        },
        "Adagrad" => Rule::Adagrad,
        "RMSprop" => Rule::RmsProp {
            alpha: number_or(p, "alpha", 0.99)?,
        },
        _ => return Ok(None),
    };
    Ok(Some((rule, decay)))
}

fn schedule_factor(name: &str, t: usize, n: usize) -> Option<f64> {
    let (t, n) = (t as f64, n as f64);
    Some(match name {
        "constant" => 1.0,
        "linear" => 1.0 - t / n,
        "wsd" if t < 5.0 => (t + 1.0) / 5.0,
        "wsd" if t < 0.8 * n => 1.0,
        "wsd" => (n - t) / (0.2 * n),
        _ => return None,
    })
}

pub(super) fn optimizers(file: &Value) -> Result<Option<Vec<Case>>> {
    let bowl = Bowl::read(file)?;
    evaluate_cases(file, |i, case| {
        let name = str_field(case, "name")?;
        let Some((rule, decay)) = rule(name, field(case, "params")?)? else {
            return Ok(None);
        };
        let schedule = str_field(case, "schedule")?;
        let (n, lr, noise) = (
            usize_field(case, "n")?,
            float_field(case, "lr")?,
            float_field(case, "noise")?,
        );
        let mut x = bowl.x0.clone();
        let mut optimizer = Optimizer::new(rule, decay, x.len());
        let (mut rows, mut losses) = (Vec::new(), Vec::new());
        for t in 0..n {
            let Some(factor) = schedule_factor(schedule, t, n) else {
                return Ok(None);
            };
            let g = bowl.gradient(&x, noise, t);
            optimizer.update(&mut x, &g, lr * factor);
            rows.extend_from_slice(&x);
            losses.push(bowl.loss(&x));
        }
        let mut check = Check::new(
            format!("{name} {i}, {schedule}"),
            Tolerance::absolute(1e-10),
        );
        check.floats("x", &rows, field(case, "x")?);
        check.floats("loss", &losses, field(case, "loss")?);
        Ok(Some(check.done()))
    })
}

pub(super) fn schedule_free(file: &Value) -> Result<Option<Vec<Case>>> {
    let bowl = Bowl::read(file)?;
    evaluate_cases(file, |i, case| {
        let name = str_field(case, "name")?;
        let p = field(case, "params")?;
        let kind = match name {
            "SGDScheduleFree" => FreeKind::Sgd,
            "AdamWScheduleFree" => FreeKind::AdamW,
            "RAdamScheduleFree" => FreeKind::RAdam,
            _ => return Ok(None),
        };
        let [beta1, beta2] = betas(p)?;
        let default_lr = if kind == FreeKind::Sgd { 1.0 } else { 0.0025 };
        let config = FreeConfig {
            kind,
            lr: number_or(case, "lr", default_lr)?,
            beta: if kind == FreeKind::Sgd {
                number_or(p, "momentum", 0.9)?
            } else {
                beta1
            },
            beta2,
            warmup: number_or(p, "warmup_steps", 0.0)? as usize,
            weight_decay: number_or(p, "weight_decay", 0.0)?,
            r: number_or(p, "r", 0.0)?,
            weight_lr_power: number_or(p, "weight_lr_power", 2.0)?,
            silent_sgd_phase: flag_or(p, "silent_sgd_phase", true)?,
        };
        let noise = float_field(case, "noise")?;
        let mut run = ScheduleFree::new(config, &bowl.x0)?;
        let (mut xs, mut ys, mut zs, mut losses) = (vec![], vec![], vec![], vec![]);
        for t in 0..usize_field(case, "n")? {
            let g = bowl.gradient(&run.y, noise, t);
            run.update(&g);
            let x = run.x();
            losses.push(bowl.loss(&x));
            xs.extend(x);
            ys.extend_from_slice(&run.y);
            zs.extend_from_slice(&run.z);
        }
        let mut check = Check::new(format!("{name} {i}"), Tolerance::absolute(1e-10));
        for (place, got) in [("x", &xs), ("y", &ys), ("z", &zs), ("loss", &losses)] {
            check.floats(place, got, field(case, place)?);
        }
        Ok(Some(check.done()))
    })
}
