//! `timm` schedulers (1.0.31). Entry i is the value at t = i; entry 0 without warmup is the
//! optimizer's own rate, because the formula is first evaluated at t = 1.

use super::super::schedule::half_cosine;
use super::{Params, unknown};
use crate::core::{Error, Result, num};

/// The cycle that t falls in: its number, length, and the time inside it.
struct Cycles {
    initial: f64,
    mul: f64,
    decay: f64,
    limit: f64,
}

impl Cycles {
    fn new(p: Params<'_>) -> Result<Self> {
        Ok(Self {
            initial: p.steps("t_initial")? as f64,
            mul: match p.get("cycle_mul") {
                Some(_) => p.positive("cycle_mul")?,
                None => 1.0,
            },
            decay: p.rate_or("cycle_decay", 1.0)?,
            limit: p.count_or("cycle_limit", 1)? as f64,
        })
    }

    fn at(&self, t: f64) -> Result<(f64, f64, f64)> {
        let (t0, m) = (self.initial, self.mul);
        if m == 1.0 {
            let k = (t / t0).floor();
            return Ok((k, t0, t - t0 * k));
        }
        let k = (num::ln(1.0 - t / t0 * (1.0 - m)) / num::ln(m)).floor();
        if !k.is_finite() {
            return Err(Error::out_of_range(
                "cycle_mul",
                m,
                format!("cycles that reach t = {t}"),
            ));
        }
        let scale = num::pow(m, k);
        Ok((k, scale * t0, t - (1.0 - scale) / (1.0 - m) * t0))
    }
}

/// The curves after the warmup.
enum Curve {
    Cosine {
        cycles: Cycles,
        k_decay: f64,
    },
    Tanh {
        cycles: Cycles,
        lb: f64,
        ub: f64,
    },
    Poly {
        cycles: Cycles,
        k_decay: f64,
        power: f64,
    },
    Step {
        every: f64,
        rate: f64,
    },
    Wsd(Wsd),
}

struct Wsd {
    initial: f64,
    decay: f64,
    decay_fn: Decay,
    stable_fn: Stable,
    timescale: f64,
}

enum Decay {
    Linear,
    OneMinusSqrt,
    Cosine,
    Power(f64),
    Exp(f64),
}

enum Stable {
    Constant,
    Rsqrt,
    Power(f64),
}

impl Curve {
    fn at(&self, lr: f64, floor: f64, t: f64) -> Result<f64> {
        let cycles = match self {
            Self::Step { every, rate } => return Ok(lr * num::pow(*rate, (t / every).floor())),
            Self::Wsd(wsd) => return Ok(wsd.at(lr, floor, t)),
            Self::Cosine { cycles, .. } | Self::Tanh { cycles, .. } | Self::Poly { cycles, .. } => {
                cycles
            }
        };
        let (k, length, inside) = cycles.at(t)?;
        if k >= cycles.limit {
            return Ok(floor);
        }
        let top = lr * num::pow(cycles.decay, k);
        Ok(match *self {
            Self::Cosine { k_decay, .. } => {
                let q = num::pow(inside, k_decay) / num::pow(length, k_decay);
                floor + (top - floor) * half_cosine(q)
            }
            Self::Tanh { lb, ub, .. } => {
                let u = inside / length;
                floor + 0.5 * (top - floor) * (1.0 - num::tanh(lb * (1.0 - u) + ub * u))
            }
            Self::Poly { k_decay, power, .. } => {
                let q = num::pow(inside, k_decay) / num::pow(length, k_decay);
                floor + (top - floor) * num::pow(1.0 - q, power)
            }
            Self::Step { .. } | Self::Wsd(_) => floor,
        })
    }
}

impl Wsd {
    fn new(p: Params<'_>, warmup: usize) -> Result<Self> {
        let word = |name: &str, default| p.get(name).map_or(Ok(default), |_| p.word(name));
        let (initial, decay) = (p.steps("t_initial")?, p.count("decay_t")?);
        if decay > initial {
            return Err(Error::out_of_range(
                "decay_t",
                decay,
                format!("at most t_initial = {initial}"),
            ));
        }
        Ok(Self {
            initial: initial as f64,
            decay: decay as f64,
            decay_fn: match word("decay_fn", "1-sqrt")? {
                "linear" => Decay::Linear,
                "1-sqrt" => Decay::OneMinusSqrt,
                "cosine" => Decay::Cosine,
                "power" => Decay::Power(p.positive("decay_power")?),
                "exp" => Decay::Exp(p.positive("decay_ratio")?),
                other => {
                    return Err(unknown(
                        "decay_fn",
                        other,
                        "linear, 1-sqrt, cosine, power, exp",
                    ));
                }
            },
            stable_fn: match word("stable_fn", "constant")? {
                "constant" => Stable::Constant,
                "rsqrt" => Stable::Rsqrt,
                "power" => Stable::Power(p.number("stable_power")?),
                other => return Err(unknown("stable_fn", other, "constant, rsqrt, power")),
            },
            timescale: match p.get("stable_timescale") {
                Some(_) => p.positive("stable_timescale")?,
                None => warmup.max(1) as f64,
            },
        })
    }

    fn at(&self, lr: f64, floor: f64, t: f64) -> f64 {
        let age = 1.0 + t / self.timescale;
        let stable = match self.stable_fn {
            Stable::Constant => 1.0,
            Stable::Rsqrt => num::pow(age, -0.5),
            Stable::Power(power) => num::pow(age, -power),
        };
        let v = (lr * stable).max(floor);
        if t < self.initial - self.decay {
            return v;
        }
        let q = if self.decay > 0.0 {
            ((t - self.initial + self.decay) / self.decay).min(1.0)
        } else {
            1.0
        };
        let g = match self.decay_fn {
            Decay::Linear => 1.0 - q,
            Decay::OneMinusSqrt => 1.0 - q.sqrt(),
            Decay::Cosine => half_cosine(q),
            Decay::Power(power) => 1.0 - num::pow(q, power),
            Decay::Exp(r) => (num::pow(r, q) - r) / (1.0 - r),
        };
        floor + (v - floor) * g
    }
}

pub(super) fn schedule(name: &str, p: Params<'_>, n: usize) -> Result<Option<Vec<f64>>> {
    if !matches!(
        name,
        "CosineLRScheduler"
            | "TanhLRScheduler"
            | "PolyLRScheduler"
            | "StepLRScheduler"
            | "WSDLRScheduler"
    ) {
        return Ok(None);
    }
    let lr = p.rate("lr")?;
    let floor = p.rate_or("lr_min", 0.0)?;
    let warmup = p.count_or("warmup_t", 0)?;
    let init = p.rate_or("warmup_lr_init", 0.0)?;
    let k_decay = p.number_or("k_decay", 1.0)?;
    let (curve, prefix) = match name {
        "CosineLRScheduler" => (
            Curve::Cosine {
                cycles: Cycles::new(p)?,
                k_decay,
            },
            false,
        ),
        "TanhLRScheduler" => (
            Curve::Tanh {
                cycles: Cycles::new(p)?,
                lb: p.number_or("lb", -7.0)?,
                ub: p.number_or("ub", 3.0)?,
            },
            false,
        ),
        "PolyLRScheduler" => (
            Curve::Poly {
                cycles: Cycles::new(p)?,
                k_decay,
                power: p.rate_or("power", 0.5)?,
            },
            false,
        ),
        "StepLRScheduler" => (
            Curve::Step {
                every: p.positive("decay_t")?,
                rate: p.rate("decay_rate")?,
            },
            true,
        ),
        _ => (Curve::Wsd(Wsd::new(p, warmup)?), true),
    };
    // WSD always puts its warmup in front; the others only when asked.
    let prefix = if name == "WSDLRScheduler" || p.get("warmup_prefix").is_none() {
        prefix
    } else {
        p.flag("warmup_prefix")?
    };
    let shift = if prefix { warmup as f64 } else { 0.0 };
    let target = if matches!(curve, Curve::Tanh { .. }) && !prefix && warmup > 0 {
        curve.at(lr, floor, warmup as f64)?
    } else {
        lr
    };
    (0..n)
        .map(|i| {
            if i < warmup {
                Ok(init + i as f64 * (target - init) / warmup as f64)
            } else if i == 0 {
                Ok(lr)
            } else {
                curve.at(lr, floor, i as f64 - shift)
            }
        })
        .collect::<Result<Vec<f64>>>()
        .map(Some)
}
