//! Schedules from papers, by their formulas: REX (arXiv 2107.04197, in the form of
//! pytorch-optimizer), UBA (arXiv 2505.24452), WSD cooldown shapes (arXiv 2508.01483), the power
//! scheduler (arXiv 2408.13359; IBM/dolomite-engine).

use super::super::schedule::{self, Cooldown};
use super::{Params, each, unknown};
use crate::core::{Error, Result, num};

/// Value after k = 1..n calls of `step()`.
pub(super) fn rex(name: &str, p: Params<'_>, n: usize) -> Result<Option<Vec<f64>>> {
    if name != "REXScheduler" {
        return Ok(None);
    }
    let (max, min, total) = (
        p.rate("max_lr")?,
        p.rate("min_lr")?,
        p.steps("total_steps")?,
    );
    if n > total {
        return Err(Error::out_of_range(
            "n",
            n,
            format!("at most total_steps = {total}"),
        ));
    }
    Ok(Some(each(n, |i| {
        min + (max - min) * schedule::rex((i + 1) as f64 / total as f64)
    })))
}

pub(super) fn formula(name: &str, p: Params<'_>) -> Result<Option<Vec<f64>>> {
    Ok(Some(match name {
        "uba" => {
            let (top, floor) = (p.rate("eta_max")?, p.rate("eta_min")?);
            let (phi, total) = (p.positive("phi")?, p.length("T")?);
            each(total + 1, |i| {
                floor + (top - floor) * schedule::uba(i as f64 / total as f64, phi)
            })
        }
        "cooldown" => cooldown(p)?,
        "power" => power(p)?,
        _ => return Ok(None),
    }))
}

fn cooldown(p: Params<'_>) -> Result<Vec<f64>> {
    let (n, floor) = (p.length("n")?, p.rate("final_factor")?);
    let shape = match p.word("shape")? {
        "linear" => Cooldown::Linear,
        "cosine" => Cooldown::Cosine,
        "mirror_cosine" => Cooldown::MirrorCosine,
        "square" => Cooldown::Square,
        "1-sqrt" => Cooldown::OneMinusSqrt,
        "exp" if floor > 0.0 => Cooldown::Exponential,
        "exp" => {
            return Err(Error::out_of_range(
                "final_factor",
                floor,
                "above 0 for exp",
            ));
        }
        other => {
            return Err(unknown(
                "shape",
                other,
                "linear, cosine, mirror_cosine, square, 1-sqrt, exp",
            ));
        }
    };
    Ok(each(n + 1, |i| shape.factor(i as f64 / n as f64, floor)))
}

/// min(η_pk, a nᵇ) of the tokens n seen, with a linear warmup to the capped value at W.
fn power(p: Params<'_>) -> Result<Vec<f64>> {
    let (top, a, b) = (p.rate("eta_max")?, p.positive("a")?, p.number("b")?);
    let tokens = p.positive("tokens_per_step")?;
    let (warmup, n) = (p.count("warmup")?, p.length("n")?);
    let law = |i: usize| {
        if i == 0 {
            top
        } else {
            top.min(a * num::pow(i as f64 * tokens, b))
        }
    };
    Ok(each(n + 1, |i| {
        if i < warmup {
            i as f64 / warmup as f64 * law(warmup)
        } else {
            law(i)
        }
    }))
}
