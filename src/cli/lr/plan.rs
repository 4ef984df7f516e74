//! Branches of one stable run: where every cooldown starts, what it predicts, what the family costs.

use super::super::{OK, files, run, say};
use super::Settings;
use super::law::{law_of, lowest_fitted, past_of};
use crate::core::{Error, Result};
use crate::labs::lr::Problem;
use crate::labs::lr::plan::{Branch, Stable, cost};
use serde_json::json;
use std::path::Path;

/// The run so far and the budgets that are planned for.
pub(super) struct Request<'a> {
    pub(super) law: &'a str,
    pub(super) log: Option<&'a Path>,
    pub(super) run: Option<&'a str>,
    pub(super) budgets: &'a str,
    pub(super) extrapolate: bool,
}

/// Budgets from "2000,4000,8000", rising.
fn budgets(text: &str) -> Result<Vec<usize>> {
    let mut out = text
        .split(',')
        .map(|part| {
            part.trim()
                .parse::<usize>()
                .ok()
                .filter(|b| (1..=2_000_000).contains(b))
                .ok_or_else(|| {
                    Error::out_of_range("budgets", part, "numbers of updates from 1 to 2000000")
                })
        })
        .collect::<Result<Vec<usize>>>()?;
    out.sort_unstable();
    out.dedup();
    Ok(out)
}

pub(super) fn plan(request: &Request<'_>, settings: &Settings, out: Option<&Path>) -> Result<u8> {
    let (law, replicates) = law_of(request.law)?;
    let config = settings.config(Problem::Law)?;
    let past = if let Some(path) = request.log {
        past_of(path, request.run)?
    } else {
        let s = config.chosen();
        (0..s.warmup).map(|i| s.rate(i)).collect()
    };
    let rate = match request.log {
        Some(_) => past.last().copied().unwrap_or(config.peak),
        None => config.peak,
    };
    if rate <= 0.0 {
        return Err(Error::out_of_range(
            "peak",
            rate,
            "above 0 at the end of the log",
        ));
    }
    let lowest = if request.extrapolate {
        0.0
    } else {
        lowest_fitted(request.law)?
    };
    let stable = Stable {
        past: &past,
        rate,
        floor: config.floor.max(lowest / rate).min(1.0),
    };
    let branches = budgets(request.budgets)?
        .into_iter()
        .map(|budget| stable.branch(&law, budget))
        .collect::<Result<Vec<Branch>>>()?;
    let n = past.len();
    let mut lines = vec![format!(
        "stable rate {rate:.2e} from step {n}, cooldowns to {:.1e}\n  budget  cooldown from   updates  shape       predicted  without cooldown\n",
        stable.floor * rate
    )];
    let mut rows = Vec::new();
    for b in &branches {
        lines.push(format!(
            "{:8}  {:13}  {:8}  {:10}  {:9.4}  {:16.4}\n",
            b.budget,
            b.start,
            b.cooldown(n),
            b.shape.name(),
            b.loss,
            b.flat
        ));
        let spread: Vec<f64> = replicates
            .iter()
            .filter_map(|law| Some(stable.branch(law, b.budget).ok()?.loss))
            .collect();
        let interval = (spread.len() > 1)
            .then(|| [2.5, 97.5].map(|p| crate::core::stats::percentile(&spread, p)));
        rows.push(json!({
            "budget": b.budget,
            "last_step": n + b.budget - 1,
            "cooldown_start": b.start,
            "cooldown_updates": b.cooldown(n),
            "cooldown_shape": b.shape.name(),
            "predicted_loss": b.loss,
            "interval": interval,
            "loss_without_cooldown": b.flat,
        }));
    }
    let [shared, separate] = cost(&branches, n);
    lines.push(format!(
        "all {} from one stable run: {shared} updates; each on its own: {separate}\nTwo runs of the same schedule differ by up to 0.02, so differences below that are not certain.\n",
        branches.len()
    ));
    let result = json!({
        "from_step": n,
        "rate": rate,
        "floor": stable.floor * rate,
        "branches": rows,
        "updates_of_family": shared,
        "updates_apart": separate,
    });
    say(&lines.concat());
    if let Some(path) = out {
        files::write(path, &run::pretty(&result))?;
    }
    Ok(OK)
}
