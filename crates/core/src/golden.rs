//! Evaluation of reference files: comparison rules and the report of a case.
//!
//! Rules: integers, booleans, strings and orders are equal; floats agree within the file's own
//! tolerance, or relatively within 1e-9, or absolutely within 1e-12.

use super::{Error, Result};
use serde::Serialize;
use serde_json::Value;

/// How floats are compared: a value passes when |got - want| <= abs, or <= rel·|want|.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    /// Absolute bound.
    pub abs: f64,
    /// Relative bound.
    pub rel: f64,
}

impl Default for Tolerance {
    fn default() -> Self {
        Self {
            abs: 1e-12,
            rel: 1e-9,
        }
    }
}

impl Tolerance {
    /// Absolute tolerance from a file; 1e-9 relative passes as well.
    pub fn absolute(abs: f64) -> Self {
        Self { abs, rel: 1e-9 }
    }

    /// Relative tolerance from a file.
    pub fn relative(rel: f64) -> Self {
        Self {
            abs: 1e-12,
            rel: rel.max(1e-9),
        }
    }

    /// Values that have to be equal.
    pub fn exact() -> Self {
        Self { abs: 0.0, rel: 0.0 }
    }

    fn words(self) -> String {
        if self == Self::exact() {
            "equal".to_owned()
        } else {
            format!("abs {:.0e} or rel {:.0e}", self.abs, self.rel)
        }
    }
}

/// Outcome of one case of a reference file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Case {
    /// Name of the case within its file.
    pub name: String,
    /// Whether every value agrees.
    pub pass: bool,
    /// Largest absolute deviation of a float seen.
    pub deviation: f64,
    /// The rule, in words.
    pub tolerance: String,
    /// First disagreement: where, got, wanted. Or a remark.
    pub detail: String,
}

/// Collects the comparisons of one case.
#[derive(Debug)]
pub struct Check {
    case: Case,
    tolerance: Tolerance,
}

impl Check {
    /// Starts a case.
    pub fn new(name: impl Into<String>, tolerance: Tolerance) -> Self {
        Self {
            case: Case {
                name: name.into(),
                pass: true,
                deviation: 0.0,
                tolerance: tolerance.words(),
                detail: String::new(),
            },
            tolerance,
        }
    }

    /// The outcome.
    pub fn done(self) -> Case {
        self.case
    }

    /// Records a failure; the first one is kept.
    pub fn fail(&mut self, detail: impl Into<String>) {
        if self.case.pass {
            self.case.detail = detail.into();
        }
        self.case.pass = false;
    }

    /// Adds a remark to a case that passes.
    pub fn remark(&mut self, detail: impl Into<String>) {
        if self.case.pass {
            self.case.detail = detail.into();
        }
    }

    /// Compares one float under the case's tolerance.
    pub fn float(&mut self, place: &str, got: f64, want: f64) {
        self.float_within(place, got, want, self.tolerance);
    }

    /// Compares one float under another tolerance.
    pub fn float_within(&mut self, place: &str, got: f64, want: f64, tolerance: Tolerance) {
        if got == want || (got.is_nan() && want.is_nan()) {
            return;
        }
        let deviation = (got - want).abs();
        if deviation.is_nan() || deviation > self.case.deviation {
            self.case.deviation = deviation;
        }
        let allowed = tolerance.abs.max(tolerance.rel * want.abs());
        if deviation.is_nan() || deviation > allowed || got.is_finite() != want.is_finite() {
            self.fail(format!("{place}: got {got:?}, want {want:?}"));
        }
    }

    /// Compares a list of floats with a JSON array (any nesting is flattened).
    pub fn floats(&mut self, place: &str, got: &[f64], want: &Value) {
        match flat_floats(want) {
            Ok(want) => self.slices(place, got, &want),
            Err(error) => self.fail(format!("{place}: {error}")),
        }
    }

    /// Compares two lists of floats.
    pub fn slices(&mut self, place: &str, got: &[f64], want: &[f64]) {
        if got.len() != want.len() {
            self.fail(format!(
                "{place}: {} values, want {}",
                got.len(),
                want.len()
            ));
            return;
        }
        for (i, (&g, &w)) in got.iter().zip(want).enumerate() {
            self.float(&format!("{place}[{i}]"), g, w);
        }
    }

    /// Compares a list of whole numbers (masks, orders, indices) with a JSON array, exactly.
    pub fn integers(&mut self, place: &str, got: &[i64], want: &Value) {
        match flat_integers(want) {
            Ok(want) => {
                if got.len() != want.len() {
                    self.fail(format!(
                        "{place}: {} values, want {}",
                        got.len(),
                        want.len()
                    ));
                } else if let Some(i) = (0..got.len()).find(|&i| got[i] != want[i]) {
                    self.fail(format!("{place}[{i}]: got {}, want {}", got[i], want[i]));
                }
            }
            Err(error) => self.fail(format!("{place}: {error}")),
        }
    }

    /// Compares anything that has to be equal.
    pub fn equal<T: PartialEq + std::fmt::Debug>(&mut self, place: &str, got: &T, want: &T) {
        if got != want {
            self.fail(format!("{place}: got {got:?}, want {want:?}"));
        }
    }
}

/// A float, with "NaN", "Infinity" and "-Infinity" for the non-finite.
///
/// # Errors
/// When the value is neither a number nor one of these words.
pub fn float(value: &Value) -> Result<f64> {
    match value {
        Value::Number(n) => n
            .as_f64()
            .ok_or_else(|| Error::malformed("number", n.to_string())),
        Value::String(s) if s == "NaN" => Ok(f64::NAN),
        Value::String(s) if s == "Infinity" => Ok(f64::INFINITY),
        Value::String(s) if s == "-Infinity" => Ok(f64::NEG_INFINITY),
        Value::Bool(b) => Ok(f64::from(u8::from(*b))),
        other => Err(Error::malformed("number", format!("found {other}"))),
    }
}

/// All floats of a nested array, in order.
///
/// # Errors
/// When something else than numbers is inside.
pub fn flat_floats(value: &Value) -> Result<Vec<f64>> {
    let mut out = Vec::new();
    flatten(value, &mut |v| {
        out.push(float(v)?);
        Ok(())
    })?;
    Ok(out)
}

/// All whole numbers (or booleans as 0 and 1) of a nested array, in order.
///
/// # Errors
/// When something else is inside.
pub fn flat_integers(value: &Value) -> Result<Vec<i64>> {
    let mut out = Vec::new();
    flatten(value, &mut |v| {
        let number = match v {
            Value::Bool(b) => Some(i64::from(*b)),
            Value::Number(n) => n
                .as_i64()
                .or_else(|| n.as_f64().filter(|f| f.fract() == 0.0).map(|f| f as i64)),
            _ => None,
        };
        out.push(number.ok_or_else(|| Error::malformed("whole number", format!("found {v}")))?);
        Ok(())
    })?;
    Ok(out)
}

fn flatten(value: &Value, visit: &mut dyn FnMut(&Value) -> Result<()>) -> Result<()> {
    match value {
        Value::Array(items) => items.iter().try_for_each(|v| flatten(v, visit)),
        other => visit(other),
    }
}

/// A required field of a JSON object.
///
/// # Errors
/// When it is missing.
pub fn field<'a>(value: &'a Value, name: &str) -> Result<&'a Value> {
    value
        .get(name)
        .ok_or_else(|| Error::malformed(name, "is missing"))
}

/// A required float field.
///
/// # Errors
/// When it is missing or not a number.
pub fn float_field(value: &Value, name: &str) -> Result<f64> {
    float(field(value, name)?).map_err(|e| Error::malformed(name, e.to_string()))
}

/// A required field with a whole number, not negative.
///
/// # Errors
/// When it is missing or something else.
pub fn usize_field(value: &Value, name: &str) -> Result<usize> {
    let v = field(value, name)?;
    v.as_u64()
        .or_else(|| {
            v.as_f64()
                .filter(|f| *f >= 0.0 && f.fract() == 0.0)
                .map(|f| f as u64)
        })
        .map(|v| v as usize)
        .ok_or_else(|| Error::malformed(name, format!("found {v}, want a whole number")))
}

/// A required text field.
///
/// # Errors
/// When it is missing or not text.
pub fn str_field<'a>(value: &'a Value, name: &str) -> Result<&'a str> {
    field(value, name)?
        .as_str()
        .ok_or_else(|| Error::malformed(name, "is not text"))
}

/// A required field with floats, flattened.
///
/// # Errors
/// When it is missing or holds something else.
pub fn floats_field(value: &Value, name: &str) -> Result<Vec<f64>> {
    flat_floats(field(value, name)?).map_err(|e| Error::malformed(name, e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_float_passes_within_either_bound_and_fails_outside_both() {
        let mut check = Check::new("x", Tolerance::default());
        check.float("small", 1e-13, 0.0);
        check.float("large", 1e6 * (1.0 + 1e-10), 1e6);
        assert!(check.case.pass, "{:?}", check.case);
        check.floats("list", &[1.0, 2.0], &json!([1.0, 2.1]));
        let case = check.done();
        assert!(!case.pass);
        assert!(
            case.detail.starts_with("list[1]: got 2.0"),
            "{}",
            case.detail
        );
    }

    #[test]
    fn non_finite_numbers_compare_by_kind() {
        let mut check = Check::new("x", Tolerance::default());
        check.floats(
            "special",
            &[f64::NAN, f64::INFINITY],
            &json!(["NaN", "Infinity"]),
        );
        assert!(check.case.pass);
        check.float("nan", f64::NAN, 1.0);
        assert!(!check.case.pass);
    }

    #[test]
    fn lists_of_other_length_fail() {
        let mut check = Check::new("x", Tolerance::exact());
        check.integers("order", &[1, 2], &json!([1, 2, 3]));
        assert!(!check.done().pass);
    }
}
