//! Reference files of this lab.

mod bounds;
mod fits;
mod laws;
mod schedules;
mod trajectories;

use crate::core::golden::{Case, Check, Tolerance, field};
use crate::core::{Error, Result};
use crate::labs::golden::ReadData;
use serde_json::Value;

/// Evaluates a reference file of this lab; `None` when the kind is not supported.
///
/// # Errors
/// When the file's inputs are malformed.
pub fn evaluate(kind: &str, file: &Value, read: ReadData<'_>) -> Result<Option<Vec<Case>>> {
    match kind {
        "lr_schedule" => schedules::libraries(file),
        "lr_schedule_formula" => schedules::formulas(file),
        "mpl_prediction" => laws::mpl(file),
        "annealing_law" => laws::annealing(file, read),
        "nqm_expected_loss" => trajectories::quadratic(file),
        "optimizer_trajectory" => trajectories::optimizers(file),
        "schedule_free_trajectory" => trajectories::schedule_free(file),
        "convex_bound" => bounds::bound(file),
        "convex_bound_curve" => bounds::curves(file),
        "convex_bound_optimum" => bounds::optimum(file),
        "refined_schedule" => bounds::refined(file),
        "mpl_fit" => fits::mpl_fit(file, read),
        _ => Ok(None),
    }
}

/// The list of cases of a file.
fn cases(file: &Value) -> Result<&Vec<Value>> {
    field(file, "cases")?
        .as_array()
        .ok_or_else(|| Error::malformed("cases", "is not a list"))
}

/// Evaluates every case; a case of an unknown name is reported as such, and a file with nothing
/// but unknown names is unsupported.
fn evaluate_cases(
    file: &Value,
    mut one: impl FnMut(usize, &Value) -> Result<Option<Case>>,
) -> Result<Option<Vec<Case>>> {
    let (mut out, mut known) = (Vec::new(), false);
    for (i, case) in cases(file)?.iter().enumerate() {
        if let Some(case) = one(i, case)? {
            known = true;
            out.push(case);
        } else {
            let mut check = Check::new(format!("case {i}"), Tolerance::default());
            check.remark("unsupported name, not evaluated");
            out.push(check.done());
        }
    }
    Ok(known.then_some(out))
}

/// The file's own numeric tolerance (absolute), or another one.
fn tolerance_or(file: &Value, other: Tolerance) -> Tolerance {
    file.get("tolerance")
        .and_then(Value::as_f64)
        .map_or(other, Tolerance::absolute)
}

/// A skipped case, with the reason.
fn skipped(name: &str, reason: &str) -> Case {
    let mut check = Check::new(name, Tolerance::default());
    check.remark(format!("skipped: {reason}"));
    check.done()
}
