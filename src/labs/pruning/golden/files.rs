//! File formats.

use super::list;
use super::measures::bytes_field;
use crate::core::Result;
use crate::core::golden::{Case, Check, Tolerance, field, flat_floats, flat_integers, str_field};
use crate::labs::pruning::checkpoint::{exact_values, read_safetensors};
use crate::labs::pruning::header::{self, Strictness};
use crate::labs::pruning::npy;
use serde_json::Value;

pub(super) fn file_formats(file: &Value) -> Result<Vec<Case>> {
    let mut out = Vec::new();
    if let Some(group) = file.get("good") {
        out.push(good(group)?);
    }
    if file.get("cases").is_some() {
        for case in list(file, "cases")? {
            out.push(one(case)?);
        }
    }
    if file.get("npy").is_some() {
        for case in list(file, "npy")? {
            let name = str_field(case, "name")?;
            let mut check = Check::new(format!("npy {name}"), Tolerance::exact());
            match npy::read(name, &bytes_field(case, "bytes_base64")?) {
                Err(error) => check.fail(error.to_string()),
                Ok(got) => {
                    check.equal("descr", &got.descr.as_str(), &str_field(case, "descr")?);
                    let dims: Vec<i64> = got.shape.iter().map(|d| *d as i64).collect();
                    check.integers("shape", &dims, field(case, "shape")?);
                    check.integers(
                        "fortran",
                        &[i64::from(got.fortran)],
                        field(case, "fortran")?,
                    );
                    check.floats("values", &got.values, field(case, "values")?);
                }
            }
            out.push(check.done());
        }
    }
    Ok(out)
}

fn good(group: &Value) -> Result<Case> {
    let mut check = Check::new("a good file", Tolerance::exact());
    let bytes = bytes_field(group, "bytes_base64")?;
    let got = match header::read("good", &bytes, Strictness::Reference) {
        Ok(got) => got,
        Err(error) => {
            check.fail(error.to_string());
            return Ok(check.done());
        }
    };
    check.integers(
        "header_len",
        &[got.length as i64],
        field(group, "header_len")?,
    );
    let data = bytes.get(8 + got.length as usize..).unwrap_or(&[]);
    let wanted = field(group, "tensors")?.as_object();
    check.equal(
        "tensors",
        &got.entries.len(),
        &wanted.map_or(0, serde_json::Map::len),
    );
    for (name, want) in wanted.into_iter().flatten() {
        let Some(entry) = got.entries.iter().find(|e| e.name == *name) else {
            check.fail(format!("tensor {name} is missing"));
            continue;
        };
        let [start, end] = entry.span.map(|b| b as usize);
        let raw = data.get(start..end).unwrap_or(&[]);
        match exact_values(&entry.dtype, raw) {
            Some(values) => check.slices(name, &values, &flat_floats(want)?),
            None => check.fail(format!("{name}: the format {} is not opened", entry.dtype)),
        }
    }
    for (key, want) in group
        .get("metadata")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        let found = got.metadata.get(key).map(String::as_str);
        check.equal(&format!("metadata {key}"), &found, &want.as_str());
    }
    Ok(check.done())
}

fn one(case: &Value) -> Result<Case> {
    let name = str_field(case, "name")?;
    let mut check = Check::new(name, Tolerance::exact());
    let accepts = flat_integers(field(case, "reference_accepts")?)? == [1];
    let bytes = bytes_field(case, "bytes_base64")?;
    match (
        read_safetensors(name, &bytes, Strictness::Reference),
        accepts,
    ) {
        (Ok(_), false) => check.fail("accepted, the reference refuses it"),
        (Err(error), true) => check.fail(format!("refused, the reference accepts it: {error}")),
        (Err(error), false) => check.remark(error.to_string()),
        (Ok(got), true) => {
            let mut names: Vec<&str> = got.tensors.iter().map(|t| t.name.as_str()).collect();
            names.sort_unstable();
            let want: Vec<&str> = list(case, "reference_says")?
                .iter()
                .filter_map(Value::as_str)
                .collect();
            check.equal("names", &names, &want);
        }
    }
    Ok(check.done())
}
