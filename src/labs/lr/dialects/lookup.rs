//! Any schedule as Python code that looks its rates up: drawn, optimised and measured ones, and
//! closed forms whose rates must be those of this lab.

use super::Dialect;

/// Entries of a table up to which it holds every rate exactly.
const MOST_EXACT: usize = 1000;
/// How far a longer table may be off, over the largest rate.
const CLOSE: f64 = 1e-6;
/// How far straight lines may be off where the table counts as exact: rounding.
const ROUNDING: f64 = 1e-12;

/// The fewest updates, greedily, between which straight lines stay within `bound` of all rates.
pub fn knots(rates: &[f64], bound: f64) -> Vec<usize> {
    let mut out = vec![0];
    let (mut from, mut end) = (0, 1);
    // Slopes that pass all updates between `from` and the next candidate closely enough.
    let (mut low, mut high) = (f64::NEG_INFINITY, f64::INFINITY);
    for i in 1..rates.len() {
        let mut run = (i - from) as f64;
        let slope = (rates[i] - rates[from]) / run;
        if slope < low || slope > high {
            out.push(end);
            from = end;
            (low, high) = (f64::NEG_INFINITY, f64::INFINITY);
            run = (i - from) as f64;
        }
        let rise = rates[i] - rates[from];
        low = low.max((rise - bound) / run);
        high = high.min((rise + bound) / run);
        end = i;
    }
    if rates.len() > 1 {
        out.push(rates.len() - 1);
    }
    out
}

/// The library calls that use rate `rates[i]` for update i; `peak` is what the optimizer is given.
/// `None` for libraries without a schedule from a function, and without rates.
pub fn lookup_code(rates: &[f64], peak: f64, dialect: Dialect) -> Option<String> {
    let largest = rates.iter().copied().fold(0.0, f64::max);
    let mut at = knots(rates, ROUNDING * largest);
    let mut fidelity = "every rate to rounding";
    if at.len() > MOST_EXACT {
        at = knots(rates, CLOSE * largest);
        fidelity = "every rate to 1e-6 of the largest";
    }
    if rates.is_empty() || !(peak > 0.0 && peak.is_finite()) {
        return None;
    }
    let list = |values: &mut dyn Iterator<Item = String>| {
        let values: Vec<String> = values.collect();
        let lines: Vec<String> = values.chunks(8).map(|c| c.join(", ")).collect();
        format!("[\n    {},\n]", lines.join(",\n    "))
    };
    let steps = list(&mut at.iter().map(ToString::to_string));
    let values = |scale: f64| list(&mut at.iter().map(|i| format!("{:e}", rates[*i] / scale)));
    let n = rates.len();
    Some(match dialect {
        Dialect::Pytorch | Dialect::Transformers => {
            let (head, tail) = if dialect == Dialect::Pytorch {
                (
                    "; call scheduler.step() once after every optimizer.step()",
                    String::new(),
                )
            } else {
                (
                    "",
                    "# Trainer(..., optimizers=(optimizer, scheduler))\n".to_owned(),
                )
            };
            format!(
                "# {n} updates, {fidelity}: straight lines between the entries.\n\
                 # The optimizer's lr is {peak:e}{head}.\n\
                 from bisect import bisect_right\n\
                 from torch.optim.lr_scheduler import LambdaLR\n\n\
                 STEPS = {steps}\n\
                 # Shares of the optimizer's lr.\n\
                 SHARES = {}\n\n\n\
                 def share(step):\n    \
                     k = bisect_right(STEPS, step) - 1\n    \
                     if k + 1 == len(STEPS):\n        \
                         return SHARES[-1]\n    \
                     part = (step - STEPS[k]) / (STEPS[k + 1] - STEPS[k])\n    \
                     return SHARES[k] + part * (SHARES[k + 1] - SHARES[k])\n\n\n\
                 scheduler = LambdaLR(optimizer, share)\n{tail}",
                values(peak)
            )
        }
        Dialect::Optax => format!(
            "# {n} updates, {fidelity}: straight lines between the entries.\n\
             import jax.numpy as jnp\n\n\
             STEPS = {steps}\n\
             RATES = {}\n\n\n\
             def schedule(step):\n    \
                 return jnp.interp(step, jnp.asarray(STEPS), jnp.asarray(RATES))\n",
            values(1.0)
        ),
        Dialect::Lab | Dialect::Timm => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::num;

    /// Largest distance of straight lines between the knots from the rates.
    fn missed(rates: &[f64], at: &[usize]) -> f64 {
        let mut worst = 0.0_f64;
        for pair in at.windows(2) {
            let (a, b) = (pair[0], pair[1]);
            for i in a..=b {
                let part = (i - a) as f64 / (b - a) as f64;
                worst = worst.max((rates[a] + part * (rates[b] - rates[a]) - rates[i]).abs());
            }
        }
        worst
    }

    #[test]
    fn straight_pieces_take_their_corners_alone() {
        let rates: Vec<f64> = (0..100)
            .map(|i| match i {
                0..10 => 0.1 * f64::from(i + 1),
                10..80 => 1.0,
                _ => 0.04 * f64::from(99 - i),
            })
            .collect();
        let at = knots(&rates, 1e-12);
        assert_eq!(at, [0, 9, 79, 80, 99]);
        assert!(missed(&rates, &at) < 1e-12);
        assert_eq!(knots(&[0.5], 1e-12), [0]);
        assert_eq!(knots(&[0.5, 0.1], 1e-12), [0, 1]);
    }

    #[test]
    fn a_long_cosine_becomes_a_short_table_within_its_bound() {
        let rates: Vec<f64> = (0..24_000)
            .map(|i| 0.5 * (1.0 + num::cos(std::f64::consts::PI * f64::from(i) / 24_000.0)))
            .collect();
        let at = knots(&rates, 1e-6);
        assert!(at.len() < 1500, "{}", at.len());
        assert!(missed(&rates, &at) <= 1e-6, "{}", missed(&rates, &at));
        let text = lookup_code(&rates, 1.0, Dialect::Pytorch).unwrap();
        assert!(text.contains("24000 updates, every rate to 1e-6"), "{text}");
    }

    #[test]
    fn the_code_holds_shares_for_torch_and_rates_for_optax() {
        let rates = [0.5, 1.0, 0.25];
        let torch = lookup_code(&rates, 2.0, Dialect::Pytorch).unwrap();
        assert!(torch.contains("2.5e-1, 5e-1, 1.25e-1"), "{torch}");
        assert!(torch.contains("LambdaLR(optimizer, share)"), "{torch}");
        let optax = lookup_code(&rates, 2.0, Dialect::Optax).unwrap();
        assert!(optax.contains("5e-1, 1e0, 2.5e-1"), "{optax}");
        assert_eq!(lookup_code(&rates, 2.0, Dialect::Timm), None);
        assert_eq!(lookup_code(&[], 2.0, Dialect::Pytorch), None);
    }
}
