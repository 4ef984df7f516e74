//! `transformers` schedules (5.23): a factor of the peak `lr`. Progress is not clipped at 1.

use super::super::schedule::half_cosine;
use super::{Params, each, unknown};
use crate::core::{Error, Result, num};
use std::f64::consts::PI;

/// Warmup, then `decay` of the progress q = (i - W) / (T - W).
struct Ramp {
    lr: f64,
    warmup: usize,
    total: usize,
}

impl Ramp {
    fn new(p: Params<'_>) -> Result<Self> {
        let (warmup, total) = (p.count("num_warmup_steps")?, p.steps("num_training_steps")?);
        if warmup > total {
            return Err(Error::out_of_range(
                "num_warmup_steps",
                warmup,
                format!("at most num_training_steps = {total}"),
            ));
        }
        Ok(Self {
            lr: p.rate("lr")?,
            warmup,
            total,
        })
    }

    fn values(&self, n: usize, decay: impl Fn(f64) -> f64) -> Vec<f64> {
        let length = (self.total - self.warmup).max(1) as f64;
        each(n, |i| {
            self.lr
                * if i < self.warmup {
                    i as f64 / self.warmup as f64
                } else {
                    decay((i - self.warmup) as f64 / length)
                }
        })
    }
}

fn wave(cycles: f64, q: f64) -> f64 {
    (0.5 * (1.0 + num::cos(2.0 * PI * cycles * q))).max(0.0)
}

pub(super) fn schedule(name: &str, p: Params<'_>, n: usize) -> Result<Option<Vec<f64>>> {
    Ok(Some(match name {
        "get_constant_schedule" => vec![p.rate("lr")?; n],
        "get_constant_schedule_with_warmup" => {
            let (lr, warmup) = (p.rate("lr")?, p.count("num_warmup_steps")?);
            each(n, |i| {
                if i < warmup {
                    lr * (i as f64 / warmup as f64)
                } else {
                    lr
                }
            })
        }
        "get_linear_schedule_with_warmup" => Ramp::new(p)?.values(n, |q| (1.0 - q).max(0.0)),
        "get_cosine_schedule_with_warmup" => {
            let cycles = p.number_or("num_cycles", 0.5)?;
            Ramp::new(p)?.values(n, |q| wave(cycles, q))
        }
        "get_cosine_with_hard_restarts_schedule_with_warmup" => {
            let cycles = p.number("num_cycles")?;
            Ramp::new(p)?.values(n, |q| {
                if q >= 1.0 {
                    0.0
                } else {
                    half_cosine((cycles * q) % 1.0).max(0.0)
                }
            })
        }
        "get_cosine_with_min_lr_schedule_with_warmup" => {
            let cycles = p.number_or("num_cycles", 0.5)?;
            let base = Ramp::new(p)?;
            let r = if p.get("min_lr_rate").is_some() {
                p.rate("min_lr_rate")?
            } else if p.get("min_lr").is_some() {
                p.rate("min_lr")? / base.lr
            } else {
                return Err(Params::missing("min_lr_rate"));
            };
            base.values(n, |q| (wave(cycles, q) * (1.0 - r) + r).max(0.0))
        }
        "get_polynomial_decay_schedule_with_warmup" => polynomial(p, n)?,
        "get_inverse_sqrt_schedule" => inverse_sqrt(p, n)?,
        "get_wsd_schedule" => wsd(p, n)?,
        _ => return Ok(None),
    }))
}

fn polynomial(p: Params<'_>, n: usize) -> Result<Vec<f64>> {
    let base = Ramp::new(p)?;
    let (lr, end, power) = (p.positive("lr")?, p.rate("lr_end")?, p.rate("power")?);
    if end > lr {
        return Err(Error::out_of_range(
            "lr_end",
            end,
            format!("at most lr = {lr}"),
        ));
    }
    Ok(base.values(n, |q| {
        if q > 1.0 {
            end / lr
        } else {
            ((lr - end) * num::pow(1.0 - q, power) + end) / lr
        }
    }))
}

fn inverse_sqrt(p: Params<'_>, n: usize) -> Result<Vec<f64>> {
    let (lr, warmup) = (p.rate("lr")?, p.count("num_warmup_steps")?);
    let scale = match p.get("timescale") {
        Some(_) => p.positive("timescale")?,
        None if warmup == 0 => 10_000.0,
        None => warmup as f64,
    };
    Ok(each(n, |i| {
        lr * if i < warmup {
            i as f64 / warmup as f64
        } else {
            1.0 / ((i as f64 + scale - warmup as f64) / scale).sqrt()
        }
    }))
}

/// Falling ramp of a WSD part, from 1 at q = 0 to 0 at q = 1.
fn ramp(field: &str, kind: &str, q: f64) -> Result<f64> {
    Ok(match kind {
        "linear" => 1.0 - q,
        "cosine" => half_cosine(q),
        "1-sqrt" => 1.0 - q.sqrt(),
        other => return Err(unknown(field, other, "linear, cosine, 1-sqrt")),
    })
}

fn wsd(p: Params<'_>, n: usize) -> Result<Vec<f64>> {
    let lr = p.rate("lr")?;
    let (warmup, stable, decay) = (
        p.count("num_warmup_steps")?,
        p.count("num_stable_steps")?,
        p.count("num_decay_steps")?,
    );
    let (up, down) = (p.word("warmup_type")?, p.word("decay_type")?);
    let r = p.rate("min_lr_ratio")?;
    (0..n)
        .map(|i| {
            let f = if i < warmup {
                // The rising ramps are the falling ones run backwards.
                ramp("warmup_type", up, 1.0 - i as f64 / warmup as f64)?
            } else if i < warmup + stable {
                1.0
            } else if i < warmup + stable + decay {
                let q = (i - warmup - stable) as f64 / decay as f64;
                ramp("decay_type", down, q)?
            } else {
                return Ok(lr * r);
            };
            Ok(lr * (f * (1.0 - r) + r))
        })
        .collect()
}
