//! `optax` schedules (0.2.8), in double precision.

use super::super::schedule::half_cosine;
use super::{Params, each};
use crate::core::Arrange as _;
use crate::core::{Error, Result, num};

pub(super) fn schedule(name: &str, p: Params<'_>, n: usize) -> Result<Option<Vec<f64>>> {
    Ok(Some(match name {
        "polynomial_schedule" => {
            let (a, b) = (p.rate("init_value")?, p.rate("end_value")?);
            let (power, steps) = (p.rate("power")?, p.steps("transition_steps")? as f64);
            let begin = p.count("transition_begin")? as f64;
            each(n, |i| {
                let c = (i as f64 - begin).clamp(0.0, steps);
                (a - b) * num::pow(1.0 - c / steps, power) + b
            })
        }
        "exponential_decay" => exponential(p, n)?,
        "piecewise_constant_schedule" => piecewise(p, n)?,
        "cosine_decay_schedule" => {
            let decay = CosineDecay {
                init: p.rate("init_value")?,
                steps: p.steps("decay_steps")?,
                alpha: p.number("alpha")?,
                exponent: p.number_or("exponent", 1.0)?,
            };
            each(n, |i| decay.at(i))
        }
        "warmup_cosine_decay_schedule" => {
            let cycle = Cycle::new(p)?;
            each(n, |i| cycle.at(i))
        }
        "sgdr_schedule" => sgdr(p, n)?,
        "linear_onecycle_schedule" => one_cycle(p, n, true)?,
        "cosine_onecycle_schedule" => one_cycle(p, n, false)?,
        _ => return Ok(None),
    }))
}

fn exponential(p: Params<'_>, n: usize) -> Result<Vec<f64>> {
    let (init, rate) = (p.rate("init_value")?, p.positive("decay_rate")?);
    let (steps, begin) = (
        p.steps("transition_steps")? as f64,
        p.count("transition_begin")? as f64,
    );
    let staircase = p.flag("staircase")?;
    let end = p
        .get("end_value")
        .map(|_| p.rate("end_value"))
        .transpose()?;
    Ok(each(n, |i| {
        let j = i as f64 - begin;
        let power = if staircase {
            (j / steps).floor()
        } else {
            j / steps
        };
        let value = if j <= 0.0 {
            init
        } else {
            init * num::pow(rate, power)
        };
        match end {
            None => value,
            Some(end) if rate < 1.0 => value.max(end),
            Some(end) => value.min(end),
        }
    }))
}

fn piecewise(p: Params<'_>, n: usize) -> Result<Vec<f64>> {
    const NAME: &str = "boundaries_and_scales";
    let init = p.rate("init_value")?;
    let map = p
        .get(NAME)
        .ok_or_else(|| Params::missing(NAME))?
        .as_object()
        .ok_or_else(|| Error::malformed(NAME, "is not an object"))?;
    let mut scales = Vec::new();
    for (key, _) in map {
        let at: usize = key
            .parse()
            .map_err(|e| Error::malformed(NAME, format!("boundary {key:?}: {e}")))?;
        scales.push((at, Params(&p.0[NAME]).rate(key)?));
    }
    scales.arrange_by_key(|s| s.0);
    Ok(each(n, |i| {
        scales
            .iter()
            .filter(|s| s.0 <= i)
            .fold(init, |v, s| v * s.1)
    }))
}

struct CosineDecay {
    init: f64,
    steps: usize,
    alpha: f64,
    exponent: f64,
}

impl CosineDecay {
    fn at(&self, i: usize) -> f64 {
        let q = i.min(self.steps) as f64 / self.steps as f64;
        let shape = num::pow(half_cosine(q), self.exponent);
        self.init * ((1.0 - self.alpha) * shape + self.alpha)
    }
}

/// Warmup, then cosine; `decay_steps` counts both.
struct Cycle {
    init: f64,
    peak: f64,
    warmup: usize,
    length: usize,
    decay: CosineDecay,
}

impl Cycle {
    fn new(p: Params<'_>) -> Result<Self> {
        let (peak, end) = (p.rate("peak_value")?, p.rate("end_value")?);
        let (warmup, length) = (p.count("warmup_steps")?, p.steps("decay_steps")?);
        if warmup >= length {
            return Err(Error::out_of_range(
                "warmup_steps",
                warmup,
                format!("below decay_steps = {length}"),
            ));
        }
        Ok(Self {
            init: p.rate("init_value")?,
            peak,
            warmup,
            length,
            decay: CosineDecay {
                init: peak,
                steps: length - warmup,
                alpha: if peak == 0.0 { 0.0 } else { end / peak },
                exponent: p.number_or("exponent", 1.0)?,
            },
        })
    }

    fn at(&self, i: usize) -> f64 {
        if i < self.warmup {
            self.init + (self.peak - self.init) * (i as f64 / self.warmup as f64)
        } else {
            self.decay.at(i - self.warmup)
        }
    }
}

fn sgdr(p: Params<'_>, n: usize) -> Result<Vec<f64>> {
    const NAME: &str = "cosine_kwargs";
    let list = p
        .get(NAME)
        .ok_or_else(|| Params::missing(NAME))?
        .as_array()
        .filter(|a| !a.is_empty())
        .ok_or_else(|| Error::malformed(NAME, "is not a list of cycles"))?;
    let cycles = list
        .iter()
        .map(|c| Cycle::new(Params(c)))
        .collect::<Result<Vec<_>>>()?;
    Ok(each(n, |i| {
        let mut local = i;
        for cycle in &cycles[..cycles.len() - 1] {
            if local < cycle.length {
                return cycle.at(local);
            }
            local -= cycle.length;
        }
        cycles[cycles.len() - 1].at(local)
    }))
}

fn one_cycle(p: Params<'_>, n: usize, linear: bool) -> Result<Vec<f64>> {
    let steps = p.steps("transition_steps")?;
    let peak = p.rate("peak_value")?;
    let start = peak / p.positive("div_factor")?;
    let end = start / p.positive("final_div_factor")?;
    let share = |name: &str| {
        let v = p.number(name)?;
        if (0.0..=1.0).contains(&v) {
            Ok((v * steps as f64) as usize)
        } else {
            Err(Error::out_of_range(name, v, "0 to 1"))
        }
    };
    let mut knots = vec![(0, start), (share("pct_start")?, peak)];
    if linear {
        knots.push((share("pct_final")?, start));
    }
    knots.push((steps, end));
    if knots.windows(2).any(|w| w[0].0 > w[1].0) {
        return Err(Error::out_of_range(
            "pct_final",
            format!("{knots:?}"),
            "not before pct_start",
        ));
    }
    Ok(each(n, |i| {
        for pair in knots.windows(2) {
            let ((a, from), (b, to)) = (pair[0], pair[1]);
            if i < b {
                let q = (i - a) as f64 / (b - a) as f64;
                return if linear {
                    from + (to - from) * q
                } else {
                    to + (from - to) * half_cosine(q)
                };
            }
        }
        end
    }))
}
