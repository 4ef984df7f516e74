//! `torch.optim.lr_scheduler` (2.15).

use super::super::plateau::Plateau;
use super::super::schedule::half_cosine;
use super::{Params, Values, each, unknown};
use crate::core::golden::flat_floats;
use crate::core::{Error, Result, num};
use std::f64::consts::PI;

pub(super) fn schedule(name: &str, p: Params<'_>, n: usize) -> Result<Option<Vec<f64>>> {
    Ok(Some(match name {
        "StepLR" => {
            let (lr, gamma, size) = (p.rate("lr")?, p.rate("gamma")?, p.steps("step_size")?);
            each(n, |i| lr * num::pow(gamma, (i / size) as f64))
        }
        "MultiStepLR" => multi_step(p, n)?,
        "ExponentialLR" => {
            let (lr, gamma) = (p.rate("lr")?, p.rate("gamma")?);
            each(n, |i| lr * num::pow(gamma, i as f64))
        }
        "PolynomialLR" => {
            let (lr, total, power) = (p.rate("lr")?, p.steps("total_iters")?, p.rate("power")?);
            each(n, |i| {
                lr * num::pow(1.0 - i.min(total) as f64 / total as f64, power)
            })
        }
        "ConstantLR" => {
            let (lr, factor, total) = (p.rate("lr")?, p.rate("factor")?, p.count("total_iters")?);
            each(n, |i| if i < total { lr * factor } else { lr })
        }
        "LinearLR" => {
            let (lr, total) = (p.rate("lr")?, p.steps("total_iters")?);
            let (a, b) = (p.rate("start_factor")?, p.rate("end_factor")?);
            each(n, |i| {
                lr * (a + (b - a) * i.min(total) as f64 / total as f64)
            })
        }
        "CosineAnnealingLR" => {
            let (lr, floor, t_max) = (p.rate("lr")?, p.rate("eta_min")?, p.steps("T_max")?);
            each(n, |i| cosine(lr, floor, i, t_max))
        }
        "CosineAnnealingWarmRestarts" => warm_restarts(p, n)?,
        "CyclicLR" => cyclic(p, n)?,
        "SequentialLR(LinearLR,CosineAnnealingLR)" => {
            let (lr, floor, t_max) = (p.rate("lr")?, p.rate("eta_min")?, p.steps("T_max")?);
            let (start, warmup) = (p.rate("start_factor")?, p.count("warmup")?);
            each(n, |i| {
                if i < warmup {
                    lr * (start + (1.0 - start) * i as f64 / warmup as f64)
                } else {
                    cosine(lr, floor, i - warmup, t_max)
                }
            })
        }
        _ => return Ok(None),
    }))
}

fn cosine(lr: f64, floor: f64, i: usize, t_max: usize) -> f64 {
    floor + (lr - floor) * half_cosine(i as f64 / t_max as f64)
}

fn multi_step(p: Params<'_>, n: usize) -> Result<Vec<f64>> {
    let (lr, gamma) = (p.rate("lr")?, p.rate("gamma")?);
    let value = p
        .get("milestones")
        .ok_or_else(|| Params::missing("milestones"))?;
    let milestones =
        flat_floats(value).map_err(|e| Error::malformed("milestones", e.to_string()))?;
    let whole = milestones.iter().all(|m| *m >= 0.0 && m.fract() == 0.0);
    if !whole || milestones.windows(2).any(|w| w[0] > w[1]) {
        return Err(Error::out_of_range(
            "milestones",
            format!("{milestones:?}"),
            "whole numbers that do not decrease",
        ));
    }
    Ok(each(n, |i| {
        let passed = milestones.iter().filter(|m| **m <= i as f64).count();
        lr * num::pow(gamma, passed as f64)
    }))
}

fn warm_restarts(p: Params<'_>, n: usize) -> Result<Vec<f64>> {
    let (lr, floor) = (p.rate("lr")?, p.rate("eta_min")?);
    let (mut cycle, mult) = (p.steps("T_0")?, p.steps("T_mult")?);
    let mut t = 0;
    Ok((0..n)
        .map(|_| {
            let value = cosine(lr, floor, t, cycle);
            t += 1;
            if t == cycle {
                t = 0;
                cycle *= mult;
            }
            value
        })
        .collect())
}

fn cyclic(p: Params<'_>, n: usize) -> Result<Vec<f64>> {
    let (base, max) = (p.rate("base_lr")?, p.rate("max_lr")?);
    let up = p.positive("step_size_up")?;
    let down = match p.get("step_size_down") {
        None => up,
        Some(_) => p.positive("step_size_down")?,
    };
    let mode = p.word("mode")?;
    let gamma = if mode == "exp_range" {
        p.number("gamma")?
    } else {
        1.0
    };
    if !matches!(mode, "triangular" | "triangular2" | "exp_range") {
        return Err(unknown("mode", mode, "triangular, triangular2, exp_range"));
    }
    let (total, ratio) = (up + down, up / (up + down));
    Ok(each(n, |i| {
        let at = i as f64 / total;
        let cycle = (1.0 + at).floor();
        let x = 1.0 + at - cycle;
        let scale = if x <= ratio {
            x / ratio
        } else {
            (x - 1.0) / (ratio - 1.0)
        };
        let amplitude = match mode {
            "triangular2" => num::pow(2.0, 1.0 - cycle),
            "exp_range" => num::pow(gamma, i as f64),
            _ => 1.0,
        };
        base + (max - base) * scale * amplitude
    }))
}

/// Interpolation of OneCycleLR.
fn anneal(cos: bool, start: f64, end: f64, p: f64) -> f64 {
    if cos {
        end + (start - end) / 2.0 * (1.0 + num::cos(PI * p))
    } else {
        start + (end - start) * p
    }
}

pub(super) fn one_cycle(p: Params<'_>, n: usize) -> Result<Values> {
    let max = p.rate("max_lr")?;
    let total = p.steps("total_steps")?;
    let pct = p.number("pct_start")?;
    if !(0.0..=1.0).contains(&pct) {
        return Err(Error::out_of_range("pct_start", pct, "0 to 1"));
    }
    let cos = match p.word("anneal_strategy")? {
        "cos" => true,
        "linear" => false,
        other => return Err(unknown("anneal_strategy", other, "cos, linear")),
    };
    let start = max / p.positive("div_factor")?;
    let end = start / p.positive("final_div_factor")?;
    let (low, high) = (
        p.number_or("base_momentum", 0.85)?,
        p.number_or("max_momentum", 0.95)?,
    );
    if n > total {
        return Err(Error::out_of_range(
            "n",
            n,
            format!("at most total_steps = {total}"),
        ));
    }
    let total = total as f64;
    // (end step, rate there, momentum there)
    let phases = if p.flag("three_phase")? {
        vec![
            (pct * total - 1.0, max, low),
            (2.0 * pct * total - 2.0, start, high),
            (total - 1.0, end, high),
        ]
    } else {
        vec![(pct * total - 1.0, max, low), (total - 1.0, end, high)]
    };
    let (mut rates, mut momentum) = (Vec::new(), Vec::new());
    for i in 0..n {
        let step = i as f64;
        let mut from = (0.0, start, high);
        for (k, &to) in phases.iter().enumerate() {
            if step <= to.0 || k + 1 == phases.len() {
                let share = (step - from.0) / (to.0 - from.0);
                if !share.is_finite() {
                    return Err(Error::out_of_range(
                        "pct_start",
                        pct,
                        "phases longer than zero steps",
                    ));
                }
                rates.push(anneal(cos, from.1, to.1, share));
                momentum.push(anneal(cos, from.2, to.2, share));
                break;
            }
            from = to;
        }
    }
    Ok(Values {
        rates,
        momentum: Some(momentum),
    })
}

pub(super) fn plateau(p: Params<'_>, n: usize, metric: &[f64]) -> Result<Vec<f64>> {
    let lr = p.rate("lr")?;
    let (factor, patience) = (p.rate("factor")?, p.count("patience")?);
    let (threshold, cooldown) = (p.rate("threshold")?, p.count("cooldown")?);
    let (min_lr, eps) = (p.rate("min_lr")?, p.rate("eps")?);
    let min = match p.word("mode")? {
        "min" => true,
        "max" => false,
        other => return Err(unknown("mode", other, "min, max")),
    };
    let relative = match p.word("threshold_mode")? {
        "rel" => true,
        "abs" => false,
        other => return Err(unknown("threshold_mode", other, "rel, abs")),
    };
    if factor >= 1.0 {
        return Err(Error::out_of_range("factor", factor, "below 1"));
    }
    if metric.len() < n {
        return Err(Error::malformed(
            "metric",
            format!("{} values, want {n}", metric.len()),
        ));
    }
    let mut state = Plateau {
        lr,
        factor,
        patience,
        threshold,
        relative,
        min,
        cooldown,
        min_lr,
        eps,
        ..Plateau::default()
    };
    let rates = metric[..n]
        .iter()
        .map(|m| {
            let used = state.lr;
            state.observe(*m);
            used
        })
        .collect();
    Ok(rates)
}
