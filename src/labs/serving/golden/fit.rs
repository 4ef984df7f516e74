//! Fits of the linear cost model to measured iteration times.

use super::unknown_fields;
use crate::core::golden::{Case, Check, Tolerance, field, float_field, usize_field};
use crate::core::{Error, Result};
use crate::labs::golden::ReadData;
use crate::labs::serving::cost::{Fit, fit, read_profile};
use serde_json::Value;
use std::fmt::Write as _;

/// Our objective may exceed the file's by this factor.
const OBJECTIVE: f64 = 1.001;

/// Fits every profile the file names.
pub(super) fn evaluate(file: &Value, read: ReadData<'_>) -> Result<Vec<Case>> {
    let fits = field(file, "fits")?
        .as_object()
        .ok_or_else(|| Error::malformed("fits", "is not an object"))?;
    fits.iter()
        .map(|(key, want)| one(key, want, read))
        .collect()
}

fn one(key: &str, want: &Value, read: ReadData<'_>) -> Result<Case> {
    let path = format!("data/serving/iter_profile_{key}.csv");
    let text = read(&path).ok_or_else(|| Error::MissingData { name: path.clone() })?;
    let rows = read_profile(&path, &text)?;
    let ours = fit(&rows)?;
    let mut check = Check::new(key, Tolerance::default());
    if want.get("rows").is_some() {
        check.equal("rows", &rows.len(), &usize_field(want, "rows")?);
    }
    if let Some(c) = want.get("relative_weighted_nnls") {
        let mut theirs = [0.0; 5];
        for (i, c_i) in theirs.iter_mut().enumerate() {
            *c_i = float_field(c, &format!("c{i}"))?;
        }
        let reference = Fit::of(theirs, &rows);
        if ours.objective > OBJECTIVE * reference.objective {
            check.fail(format!(
                "objective {:.9e}, the file's coefficients have {:.9e}",
                ours.objective, reference.objective
            ));
        }
    }
    let mut remark = format!(
        "MAPE {:.4} %, P95 {:.4} %, max {:.4} %",
        100.0 * ours.mape,
        100.0 * ours.p95_ape,
        100.0 * ours.max_ape
    );
    for (name, got) in [
        ("mape", ours.mape),
        ("p95_ape", ours.p95_ape),
        ("max_ape", ours.max_ape),
    ] {
        if want.get(name).is_some() {
            let difference = got - float_field(want, name)?;
            // Writing to a string cannot fail.
            write!(remark, "; {name} differs by {difference:.1e}").ok();
        }
    }
    let known = [
        "rows",
        "relative_weighted_nnls",
        "mape",
        "p95_ape",
        "max_ape",
    ];
    let unknown = unknown_fields(want, &known);
    if !unknown.is_empty() {
        remark.push_str("; not compared: ");
        remark.push_str(&unknown.join(", "));
    }
    check.remark(remark);
    Ok(check.done())
}
