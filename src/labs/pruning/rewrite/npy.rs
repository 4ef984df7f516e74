//! An `.npy` array through the passes of a checkpoint: wrapped as its only tensor, and unwrapped.
//! Big-endian and columns-first arrays come out little-endian and rows first; values keep their
//! bits.

use super::super::header::{self, Strictness};
use super::super::npy::{self, Array};
use super::report::framed;
use crate::core::{Error, Result};
use serde_json::json;

/// The only tensor of the wrapped file.
const NAME: &str = "array";

/// A `.safetensors` file whose only tensor is the array.
///
/// # Errors
/// An array that is not floating point.
pub fn npy_as_safetensors(file: &str, array: &Array) -> Result<Vec<u8>> {
    let values = array.values.iter();
    let (dtype, data): (&str, Vec<u8>) = match array.descr.get(1..) {
        Some("f2") => (
            "F16",
            values
                .flat_map(|&v| half::f16::from_f64(v).to_le_bytes())
                .collect(),
        ),
        Some("f4") => (
            "F32",
            values.flat_map(|&v| (v as f32).to_le_bytes()).collect(),
        ),
        Some("f8") => ("F64", values.flat_map(|v| v.to_le_bytes()).collect()),
        _ => {
            let problem = format!("{} is not a floating-point format", array.descr);
            return Err(Error::import(file, "header", problem));
        }
    };
    let info = json!({"dtype": dtype, "shape": array.shape, "data_offsets": [0, data.len()]});
    let mut out = framed(&[(NAME.to_owned(), info)]);
    out.extend(data);
    Ok(out)
}

/// The array of such a file.
///
/// # Errors
/// A file that is none.
pub fn npy_of_safetensors(file: &str, bytes: &[u8]) -> Result<Vec<u8>> {
    let header = header::read(file, bytes, Strictness::Ours)?;
    let start = (8 + header.length) as usize;
    let (Some(entry), Some(data)) = (header.entries.first(), bytes.get(start..)) else {
        return Err(Error::import(file, "header", "holds no array"));
    };
    let descr = match entry.dtype.as_str() {
        "F16" => "<f2",
        "F64" => "<f8",
        _ => "<f4",
    };
    Ok(npy::write(descr, &entry.shape, data))
}
