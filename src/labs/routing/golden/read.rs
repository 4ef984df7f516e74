//! Reading inputs of reference files, with their shapes checked.

use crate::core::golden::{Check, Tolerance, field, flat_floats, flat_integers};
use crate::core::matrix::Matrix;
use crate::core::{Error, Result};
use serde_json::{Map, Value};

/// A case under the rule for values computed in double precision.
pub(super) fn check(name: impl Into<String>) -> Check {
    Check::new(name, Tolerance::default())
}

/// A rectangular matrix from nested lists.
pub(super) fn as_matrix(value: &Value, name: &str) -> Result<Matrix> {
    let rows = value
        .as_array()
        .ok_or_else(|| Error::malformed(name, "is not a list of rows"))?;
    let mut data = Vec::new();
    let mut cols = None;
    for (i, row) in rows.iter().enumerate() {
        let row = flat_floats(row)
            .map_err(|e| Error::malformed(format!("{name}[{i}]"), e.to_string()))?;
        if *cols.get_or_insert(row.len()) != row.len() {
            return Err(Error::malformed(
                format!("{name}[{i}]"),
                format!(
                    "{} columns, the rows before have {}",
                    row.len(),
                    cols.unwrap_or(0)
                ),
            ));
        }
        data.extend(row);
    }
    Ok(Matrix {
        rows: rows.len(),
        cols: cols.unwrap_or(0),
        data,
    })
}

/// A required matrix.
pub(super) fn matrix(file: &Value, name: &str) -> Result<Matrix> {
    as_matrix(field(file, name)?, name)
}

/// A required list of floats of a given length.
pub(super) fn floats(file: &Value, name: &str, len: usize) -> Result<Vec<f64>> {
    let out = crate::core::golden::floats_field(file, name)?;
    sized(out, name, len)
}

fn sized<T>(list: Vec<T>, name: &str, len: usize) -> Result<Vec<T>> {
    if list.len() == len {
        Ok(list)
    } else {
        Err(Error::malformed(
            name,
            format!("{} values, want {len}", list.len()),
        ))
    }
}

/// A required list of indices below a bound.
pub(super) fn indices(file: &Value, name: &str, below: usize) -> Result<Vec<usize>> {
    flat_integers(field(file, name)?)
        .map_err(|e| Error::malformed(name, e.to_string()))?
        .into_iter()
        .map(|v| {
            usize::try_from(v)
                .ok()
                .filter(|&v| v < below)
                .ok_or_else(|| {
                    Error::malformed(
                        name,
                        format!("found {v}, want 0 to {}", below.saturating_sub(1)),
                    )
                })
        })
        .collect()
}

/// A required object.
pub(super) fn object<'a>(file: &'a Value, name: &str) -> Result<&'a Map<String, Value>> {
    field(file, name)?
        .as_object()
        .ok_or_else(|| Error::malformed(name, "is not an object"))
}

/// A required list.
pub(super) fn list<'a>(file: &'a Value, name: &str) -> Result<&'a [Value]> {
    field(file, name)?
        .as_array()
        .map(Vec::as_slice)
        .ok_or_else(|| Error::malformed(name, "is not a list"))
}

/// Logits of a file: given, or x Wᵀ.
pub(super) fn logits(file: &Value) -> Result<Matrix> {
    let z = if file.get("W").is_some() {
        project(&matrix(file, "x")?, &matrix(file, "W")?)?
    } else {
        matrix(file, "logits")?
    };
    finite(z)
}

/// x Wᵀ with the widths checked.
pub(super) fn project(x: &Matrix, w: &Matrix) -> Result<Matrix> {
    if x.cols != w.cols {
        return Err(Error::malformed(
            "W",
            format!("{} columns, x has {}", w.cols, x.cols),
        ));
    }
    Ok(x.times_transposed(w))
}

/// Refuses empty and non-finite logits.
pub(super) fn finite(z: Matrix) -> Result<Matrix> {
    crate::labs::routing::rules::capacity::check_inputs(z.rows, z.cols, 1, 1.0, &z.data)?;
    Ok(z)
}

/// A required number of choices, 1 to the number of experts.
pub(super) fn choices(value: &Value, name: &str, experts: usize) -> Result<usize> {
    let k = crate::core::golden::usize_field(value, name)?;
    if k < 1 || k > experts {
        return Err(Error::out_of_range(name, k, format!("1 to {experts}")));
    }
    Ok(k)
}

/// A number inside a key, after its leading letters: `c2`, `alpha0.4`, `0.25`.
pub(super) fn number_in(key: &str) -> Result<f64> {
    key.trim_start_matches(|c: char| c.is_ascii_alphabetic() || c == '_')
        .parse()
        .map_err(|_error| Error::malformed(key, "holds no number"))
}

/// Whole numbers for a comparison.
pub(super) fn whole<'a>(values: impl IntoIterator<Item = &'a usize>) -> Vec<i64> {
    values.into_iter().map(|&v| v as i64).collect()
}

/// Marks as whole numbers for a comparison.
pub(super) fn marks<'a>(values: impl IntoIterator<Item = &'a bool>) -> Vec<i64> {
    values.into_iter().map(|&v| i64::from(v)).collect()
}

/// Compares against a field when it is there; a missing field of the expected values is an error
/// of the file and is reported as a failure.
pub(super) trait Against {
    /// Floats against a field.
    fn floats_in(&mut self, got: &[f64], file: &Value, name: &str);
    /// Whole numbers against a field.
    fn whole_in(&mut self, got: &[i64], file: &Value, name: &str);
    /// One float against a field.
    fn float_in(&mut self, got: f64, file: &Value, name: &str);
}

impl Against for Check {
    fn floats_in(&mut self, got: &[f64], file: &Value, name: &str) {
        match file.get(name) {
            Some(want) => self.floats(name, got, want),
            None => self.fail(format!("{name}: is missing in the file")),
        }
    }

    fn whole_in(&mut self, got: &[i64], file: &Value, name: &str) {
        match file.get(name) {
            Some(want) => self.integers(name, got, want),
            None => self.fail(format!("{name}: is missing in the file")),
        }
    }

    fn float_in(&mut self, got: f64, file: &Value, name: &str) {
        self.floats_in(&[got], file, name);
    }
}

/// Fails a case whose rule is not in the vocabulary.
pub(super) fn unsupported(check: &mut Check, key: &str) {
    check.fail(format!("{key}: this rule is not supported"));
}
