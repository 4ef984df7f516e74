//! The multi-power law against the measured curves of its authors (MIT licence, not part of this
//! crate: cases that need them are skipped without).

use super::super::curves::mpl_curve;
use super::super::fit::{Errors, Target, fit};
use super::super::laws::{MultiPower, Prepared};
use super::laws::law_from;
use super::skipped;
use crate::core::golden::{Case, Check, Tolerance, field, float_field, floats_field};
use crate::core::{Error, Result, num};
use crate::labs::golden::ReadData;
use serde_json::Value;
use std::collections::BTreeMap;

/// The curves the reference trains on.
pub(super) const TRAIN: [&str; 3] = ["cosine_24000", "constant_24000", "wsdcon_9"];

/// The measured curves of one model size, with their rates.
pub(super) struct Curves {
    items: Vec<Measured>,
}

struct Measured {
    name: String,
    rates: Vec<f64>,
    steps: Vec<usize>,
    losses: Vec<f64>,
}

/// Predicts the losses of a schedule at some steps.
pub(super) type Predict<'a> = &'a dyn Fn(&[f64], &[usize]) -> Vec<f64>;

impl Curves {
    /// Reads the curves of a model size ("25"); `None` when the file is not there.
    pub(super) fn read(size: &str, read: ReadData<'_>) -> Result<Option<Self>> {
        let file = format!("data/lr/mpl_curves_{size}M.csv");
        let Some(text) = read(&file) else {
            return Ok(None);
        };
        let mut rows: BTreeMap<String, (Vec<usize>, Vec<f64>)> = BTreeMap::new();
        for (i, line) in text.lines().enumerate().skip(1) {
            let bad = |problem: &str| Error::import(&file, format!("line {}", i + 1), problem);
            let cells: Vec<&str> = line.split(',').collect();
            let [name, step, _, loss] = cells[..] else {
                return Err(bad("wants curve,step,lr,loss"));
            };
            let (Ok(step), Ok(loss)) = (step.parse(), loss.parse()) else {
                return Err(bad("step or loss is not a number"));
            };
            let entry = rows.entry(name.to_owned()).or_default();
            entry.0.push(step);
            entry.1.push(loss);
        }
        let mut items = Vec::new();
        for (name, (steps, losses)) in rows {
            if let Some(rates) = mpl_curve(&name)? {
                items.push(Measured {
                    name,
                    rates,
                    steps,
                    losses,
                });
            }
        }
        Ok(Some(Self { items }))
    }

    /// Errors of a prediction on every curve.
    pub(super) fn errors(&self, predict: Predict<'_>) -> BTreeMap<String, Errors> {
        self.items
            .iter()
            .map(|m| {
                let pred = predict(&m.rates, &m.steps);
                (m.name.clone(), Errors::of(&pred, &m.losses))
            })
            .collect()
    }

    fn law_errors(&self, law: MultiPower) -> BTreeMap<String, Errors> {
        self.errors(&|rates, steps| {
            let prepared = Prepared::new(law, rates, 1);
            steps.iter().map(|s| prepared.at(*s).loss()).collect()
        })
    }

    fn targets(&self, names: &[&str]) -> Vec<Target> {
        self.items
            .iter()
            .filter(|m| names.contains(&m.name.as_str()))
            .map(|m| Target::new(&m.rates, &m.steps, &m.losses))
            .collect()
    }
}

impl Errors {
    /// Sum of the Huber losses over the training curves.
    pub(super) fn train_huber(errors: &BTreeMap<String, Self>, train: &[&str]) -> f64 {
        train
            .iter()
            .map(|name| errors.get(*name).map_or(f64::NAN, |e| e.huber))
            .sum()
    }

    fn test_mean(errors: &BTreeMap<String, Self>, train: &[&str], name: &str) -> Option<f64> {
        let values: Option<Vec<f64>> = errors
            .iter()
            .filter(|(curve, _)| !train.contains(&curve.as_str()))
            .map(|(_, e)| e.get(name))
            .collect();
        values.map(|v| num::sum(v.iter().copied()) / v.len() as f64)
    }

    /// Compares the means over the held-out curves with every field of `want`.
    pub(super) fn check_mean(
        errors: &BTreeMap<String, Self>,
        train: &[&str],
        want: &Value,
        place: &str,
        check: &mut Check,
    ) -> Result<()> {
        for name in want.as_object().into_iter().flat_map(serde_json::Map::keys) {
            match Self::test_mean(errors, train, name) {
                Some(got) => check.float(&format!("{place}.{name}"), got, float_field(want, name)?),
                None => check.fail(format!("{place}.{name} is not known")),
            }
        }
        Ok(())
    }
}

pub(super) fn mpl_fit(file: &Value, read: ReadData<'_>) -> Result<Option<Vec<Case>>> {
    let train: Vec<&str> = match file.get("train") {
        Some(list) => list
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect(),
        None => TRAIN.to_vec(),
    };
    let models = field(file, "models")?
        .as_object()
        .ok_or_else(|| Error::malformed("models", "is not an object"))?;
    let mut out = Vec::new();
    for (size, model) in models {
        let Some(curves) = Curves::read(size, read)? else {
            out.push(skipped(
                &format!("{size} M"),
                "the measured curves are not here",
            ));
            continue;
        };
        out.push(at_params(size, model, &curves, &train)?);
        if let Some(second) = model.get("second_order") {
            out.push(at_second_order(size, second, &curves, &train)?);
            out.push(own_fit(size, model, second, &curves, &train)?);
        }
    }
    Ok(Some(out))
}

/// (a) errors at the published parameters.
fn at_params(size: &str, model: &Value, curves: &Curves, train: &[&str]) -> Result<Case> {
    let errors = curves.law_errors(law_from(&floats_field(model, "params")?)?);
    let mut check = Check::new(
        format!("{size} M, published parameters"),
        Tolerance::relative(1e-9),
    );
    let per_curve = field(model, "per_curve")?;
    for (curve, want) in per_curve.as_object().into_iter().flatten() {
        let Some(got) = errors.get(curve) else {
            check.fail(format!("{curve} was not measured"));
            continue;
        };
        for name in want.as_object().into_iter().flat_map(serde_json::Map::keys) {
            let place = format!("{curve}.{name}");
            match got.get(name) {
                Some(got) => check.float(&place, got, float_field(want, name)?),
                None => check.fail(format!("{place} is not known")),
            }
        }
    }
    Errors::check_mean(
        &errors,
        train,
        field(model, "test_mean")?,
        "test_mean",
        &mut check,
    )?;
    check.float(
        "train_huber_at_params",
        Errors::train_huber(&errors, train),
        float_field(model, "train_huber_at_params")?,
    );
    Ok(check.done())
}

/// (b) errors at the file's converged parameters.
fn at_second_order(size: &str, second: &Value, curves: &Curves, train: &[&str]) -> Result<Case> {
    let errors = curves.law_errors(law_from(&floats_field(second, "params")?)?);
    let mut check = Check::new(
        format!("{size} M, converged parameters"),
        Tolerance::relative(1e-9),
    );
    check.float(
        "train_huber",
        Errors::train_huber(&errors, train),
        float_field(second, "train_huber")?,
    );
    Errors::check_mean(
        &errors,
        train,
        field(second, "test_mean")?,
        "test_mean",
        &mut check,
    )?;
    Ok(check.done())
}

/// (c) our own fit: its objective may not be worse than the file's by more than 0.1 %.
fn own_fit(
    size: &str,
    model: &Value,
    second: &Value,
    curves: &Curves,
    train: &[&str],
) -> Result<Case> {
    let init = floats_field(model, "init_L0_A_alpha_B")?;
    let [l0, a, alpha, b] = init[..] else {
        return Err(Error::malformed("init_L0_A_alpha_B", "wants four numbers"));
    };
    let start = MultiPower {
        l0,
        a,
        alpha,
        b,
        c: 0.3,
        beta: 0.3,
        gamma: 0.7,
    };
    let fit = fit(&curves.targets(train), start);
    let want = float_field(second, "train_huber")?;
    let mut check = Check::new(
        format!("{size} M, own fit"),
        Tolerance {
            abs: 0.0,
            rel: 1e-3,
        },
    );
    // Better than the file's is welcome.
    check.float("objective", fit.objective.max(want), want);
    let mae = Errors::test_mean(&curves.law_errors(fit.law), train, "mae").unwrap_or(f64::NAN);
    let theirs = float_field(field(second, "test_mean")?, "mae").unwrap_or(f64::NAN);
    check.remark(format!(
        "objective {:.5e} against {want:.5e}, test MAE {mae:.5} against {theirs:.5}, {} evaluations",
        fit.objective, fit.evaluations
    ));
    Ok(check.done())
}
