//! Rate arrays behind the names and strings of the published loss curves.
//!
//! Multi-power-law curves (arXiv 2503.12811): entry 0 to W - 1 is peak · i / (W - 1), both ends
//! included, then the shape. Annealing-law strings (arXiv 2408.11029) list T + 1 points and count
//! the warmup at the peak.

use super::schedule::half_cosine;
use crate::core::{Error, Result, num};

/// Warmup of the shipped curves.
pub const MPL_WARMUP: usize = 2160;
/// Peak rate of the shipped curves.
pub const MPL_PEAK: f64 = 3e-4;
/// Lowest rate of the shipped curves.
pub const MPL_END: f64 = 3e-5;
/// The law has η^-γ, so an end of 0 is replaced by this.
const SMALLEST_END: f64 = 1e-9;

/// The shape of a named curve after its warmup; d is the first step of the decay.
enum Decay {
    Constant,
    Cosine,
    Exponential(usize),
    Linear(usize),
    Step(usize),
}

fn mpl_rates(n: usize, warmup: usize, peak: f64, end: f64, decay: &Decay) -> Vec<f64> {
    let end = if end < SMALLEST_END {
        SMALLEST_END
    } else {
        end
    };
    let share =
        |i: usize, d: usize| ((i as f64 - d as f64) / (n as f64 - d as f64)).clamp(0.0, 1.0);
    (0..n)
        .map(|i| {
            if i < warmup {
                return if warmup == 1 {
                    0.0
                } else {
                    peak * (i as f64 / (warmup - 1) as f64)
                };
            }
            match *decay {
                Decay::Constant => peak,
                Decay::Cosine => end + (peak - end) * half_cosine(share(i, warmup)),
                Decay::Exponential(d) => peak * num::pow(end / peak, share(i, d)),
                Decay::Linear(d) => peak + (end - peak) * share(i, d),
                Decay::Step(d) => {
                    if i < d {
                        peak
                    } else {
                        end
                    }
                }
            }
        })
        .collect()
}

fn bad(name: &str, problem: impl Into<String>) -> Error {
    Error::malformed(format!("curve {name}"), problem)
}

fn whole(name: &str, text: &str) -> Result<usize> {
    let v: usize = text
        .parse()
        .map_err(|e| bad(name, format!("{text:?} is not a whole number ({e})")))?;
    if (1..=2_000_000).contains(&v) {
        Ok(v)
    } else {
        Err(bad(name, format!("{v} is not in 1 to 2,000,000")))
    }
}

fn rate(name: &str, text: &str) -> Result<f64> {
    let v: f64 = text
        .parse()
        .map_err(|e| bad(name, format!("{text:?} is not a number ({e})")))?;
    if v >= 0.0 && v.is_finite() {
        Ok(v)
    } else {
        Err(bad(name, format!("rate {v} is negative or not finite")))
    }
}

/// The rates of a named curve; `None` when the name is not known.
///
/// # Errors
/// When the name is known but its numbers are not usable.
pub fn mpl_curve(name: &str) -> Result<Option<Vec<f64>>> {
    let parts: Vec<&str> = name.split('_').collect();
    let shipped =
        |n: usize, end: f64, decay: &Decay| Some(mpl_rates(n, MPL_WARMUP, MPL_PEAK, end, decay));
    Ok(match parts.as_slice() {
        ["constant", n] => shipped(whole(name, n)?, MPL_END, &Decay::Constant),
        ["cosine", n] => shipped(whole(name, n)?, MPL_END, &Decay::Cosine),
        ["wsd", d, n] => {
            let (d, n) = (whole(name, d)?, whole(name, n)?);
            check_decay(name, d, n)?;
            shipped(n, MPL_END, &Decay::Exponential(d))
        }
        ["wsdld", d, n] => {
            let (d, n) = (whole(name, d)?, whole(name, n)?);
            check_decay(name, d, n)?;
            shipped(n, MPL_END, &Decay::Linear(d))
        }
        ["wsdcon", "3"] => shipped(16_000, 3e-5, &Decay::Step(8000)),
        ["wsdcon", "9"] => shipped(16_000, 9e-5, &Decay::Step(8000)),
        ["wsdcon", "18"] => shipped(16_000, 1.8e-4, &Decay::Step(8000)),
        ["cosine", n, w, peak, "to", end] if w.starts_with('w') => {
            let (n, w) = (whole(name, n)?, warmup_of(name, w)?);
            let (peak, end) = (rate(name, peak)?, rate(name, end)?);
            check_decay(name, w, n)?;
            Some(mpl_rates(n, w, peak, end, &Decay::Cosine))
        }
        ["wsd", kind @ ("exp" | "lin"), n, d, w, peak, end]
            if d.starts_with("dec") && w.starts_with('w') =>
        {
            let (n, w) = (whole(name, n)?, warmup_of(name, w)?);
            let d = whole(name, &d[3..])?;
            let (peak, end) = (rate(name, peak)?, rate(name, end)?);
            check_decay(name, d.max(w), n)?;
            let decay = if *kind == "exp" {
                Decay::Exponential(d)
            } else {
                Decay::Linear(d)
            };
            Some(mpl_rates(n, w, peak, end, &decay))
        }
        _ => None,
    })
}

fn warmup_of(name: &str, text: &str) -> Result<usize> {
    if text == "w0" {
        return Ok(0);
    }
    whole(name, &text[1..])
}

fn check_decay(name: &str, d: usize, n: usize) -> Result<()> {
    if d < n {
        Ok(())
    } else {
        Err(bad(name, format!("step {d} is not before the end, {n}")))
    }
}

/// The rates (T + 1 points) of an annealing-law string `<shape> T=<int> [W=<int>] [decay=<int>]
/// <peak>[-><end>]`; `None` when the shape is not known.
///
/// # Errors
/// When the shape is known but a part is missing or not usable.
pub fn annealing_curve(text: &str) -> Result<Option<Vec<f64>>> {
    let mut words = text.split_whitespace();
    let shape = words.next().unwrap_or("");
    if !matches!(shape, "constant" | "cosine" | "linear" | "wsd_exp") {
        return Ok(None);
    }
    let (mut total, mut warmup, mut decay, mut rates) = (None, 0, None, None);
    for word in words {
        if let Some(v) = word.strip_prefix("T=") {
            total = Some(whole(text, v)?);
        } else if let Some(v) = word.strip_prefix("W=") {
            warmup = if v == "0" { 0 } else { whole(text, v)? };
        } else if let Some(v) = word.strip_prefix("decay=") {
            decay = Some(whole(text, v)?);
        } else {
            let (peak, end) = word.split_once("->").unwrap_or((word, word));
            rates = Some((rate(text, peak)?, rate(text, end)?));
        }
    }
    let t = total.ok_or_else(|| bad(text, "T= is missing"))?;
    let (peak, end) = rates.ok_or_else(|| bad(text, "the peak rate is missing"))?;
    if warmup >= t {
        return Err(bad(text, format!("W={warmup} is not before T={t}")));
    }
    let decay = match (shape, decay) {
        ("wsd_exp", None) => return Err(bad(text, "decay= is missing")),
        ("wsd_exp", Some(d)) if d > t => {
            return Err(bad(text, format!("decay={d} is longer than T={t}")));
        }
        (_, d) => d.unwrap_or(t),
    };
    if shape == "wsd_exp" && (end <= 0.0 || peak <= 0.0) {
        return Err(bad(text, "an exponential decay needs rates above 0"));
    }
    Ok(Some(
        (0..=t)
            .map(|i| {
                let q = ((i as f64 - warmup as f64) / (t - warmup) as f64).clamp(0.0, 1.0);
                let x = ((i as f64 - t as f64 + decay as f64) / decay as f64).clamp(0.0, 1.0);
                match shape {
                    "cosine" => end + (peak - end) * half_cosine(q),
                    "linear" => peak + (end - peak) * q,
                    "wsd_exp" => peak * num::pow(end / peak, x),
                    _ => peak,
                }
            })
            .collect(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_names_are_not_errors_but_bad_numbers_are() {
        assert_eq!(mpl_curve("triangle_24000"), Ok(None));
        assert_eq!(annealing_curve("zigzag T=5 1e-4"), Ok(None));
        assert!(mpl_curve("wsd_30000_24000").is_err(), "decay past the end");
        assert!(annealing_curve("cosine 1e-4->0").is_err(), "no T");
        assert!(annealing_curve("wsd_exp T=100 1e-4->1e-5").is_err());
    }

    #[test]
    fn the_warmup_includes_both_ends() {
        let r = mpl_curve("constant_3000").unwrap().unwrap();
        assert_eq!((r[0], r[MPL_WARMUP - 1], r.len()), (0.0, MPL_PEAK, 3000));
    }
}
