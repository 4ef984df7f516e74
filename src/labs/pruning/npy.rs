//! Reader of `.npy` files (NumPy's array format, versions 1 to 3): magic, header dictionary, data.

use crate::core::{Error, Result};

/// An array as the file describes it, its values in C order.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Type string, `<f4`.
    pub descr: String,
    /// Whether the file stores columns first.
    pub fortran: bool,
    /// Dimensions.
    pub shape: Vec<u64>,
    /// Values, row by row.
    pub values: Vec<f64>,
    /// Oddities that were accepted.
    pub remarks: Vec<String>,
}

/// First bytes of every `.npy` file.
pub const MAGIC: &[u8] = b"\x93NUMPY";

/// Reads a whole file.
///
/// # Errors
/// What is wrong, and at which byte.
pub fn read(file: &str, bytes: &[u8]) -> Result<Array> {
    let fail = |at: usize, problem: &str| Err(Error::import(file, format!("byte {at}"), problem));
    if !bytes.starts_with(MAGIC) {
        return fail(0, "the first bytes are not those of an .npy file");
    }
    let (at, length): (usize, usize) = match (bytes.get(6), bytes.get(8..10), bytes.get(8..12)) {
        (Some(1), Some(&[a, b]), _) => (10, usize::from(u16::from_le_bytes([a, b]))),
        (Some(2 | 3), _, Some(&[a, b, c, d])) => (12, u32::from_le_bytes([a, b, c, d]) as usize),
        (Some(1..=3), _, _) => return fail(bytes.len(), "the file ends inside its header"),
        _ => return fail(6, "only versions 1, 2 and 3 of the format are known"),
    };
    let Some(header) = bytes.get(at..at.saturating_add(length)) else {
        return fail(at, "the header is longer than the file");
    };
    let text = String::from_utf8_lossy(header);
    let descr = quoted(&text, "descr").ok_or_else(|| {
        let problem = "the header names no simple dtype (structured types are not read)";
        Error::import(file, format!("byte {at}"), problem)
    })?;
    let fortran = match after(&text, "fortran_order").map(str::trim_start) {
        Some(v) if v.starts_with("True") => true,
        Some(v) if v.starts_with("False") => false,
        _ => return fail(at, "the header lacks fortran_order"),
    };
    let Some(shape) = shape_of(&text) else {
        return fail(at, "the header lacks a shape of whole numbers");
    };
    let data = &bytes[at + length..];
    let size = width(&descr).ok_or_else(|| {
        let problem = if descr.contains('O') {
            "holds pickled objects, which are refused".to_owned()
        } else {
            format!("the dtype {descr} is not read; allowed: f2, f4, f8, i1 to i8, u1 to u8, b1")
        };
        Error::import(file, format!("byte {at}"), problem)
    })?;
    let need = shape
        .iter()
        .try_fold(size as u64, |product, &d| product.checked_mul(d))
        .and_then(|n| usize::try_from(n).ok());
    let Some(need) = need else {
        return fail(at, "the shape overflows");
    };
    if data.len() < need {
        let problem = format!("{need} bytes of data expected, {} found", data.len());
        return fail(bytes.len(), &problem);
    }
    let mut remarks = Vec::new();
    if data.len() > need {
        remarks.push(format!(
            "{} bytes after the data were ignored",
            data.len() - need
        ));
    }
    let stored: Vec<f64> = data[..need]
        .chunks_exact(size)
        .map(|raw| value(raw, &descr))
        .collect();
    let values = if fortran {
        transposed(&stored, &shape)
    } else {
        stored
    };
    Ok(Array {
        descr,
        fortran,
        shape,
        values,
        remarks,
    })
}

/// An array as a file: version 1, little-endian, rows first.
pub fn write(descr: &str, shape: &[u64], data: &[u8]) -> Vec<u8> {
    let mut dims: Vec<String> = shape.iter().map(u64::to_string).collect();
    if dims.len() == 1 {
        dims.push(String::new());
    }
    let mut text = format!(
        "{{'descr': '{descr}', 'fortran_order': False, 'shape': ({}), }}",
        dims.join(", ").trim_end_matches(' ')
    );
    // Data start at a multiple of 64 bytes; the header ends with a line end.
    let padding = (10 + text.len() + 1).next_multiple_of(64) - (10 + text.len() + 1);
    text.push_str(&" ".repeat(padding));
    text.push('\n');
    let mut out = MAGIC.to_vec();
    out.extend([1, 0]);
    out.extend((text.len() as u16).to_le_bytes());
    out.extend(text.as_bytes());
    out.extend(data);
    out
}

/// What follows `'key':` in the header.
fn after<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let start = text.find(&format!("'{key}'"))? + key.len() + 2;
    text[start..].trim_start().strip_prefix(':')
}

/// The quoted text that follows a key.
fn quoted(text: &str, key: &str) -> Option<String> {
    let rest = after(text, key)?.trim_start().strip_prefix('\'')?;
    Some(rest[..rest.find('\'')?].to_owned())
}

/// The tuple that follows `'shape':`.
fn shape_of(text: &str) -> Option<Vec<u64>> {
    let rest = after(text, "shape")?.trim_start().strip_prefix('(')?;
    rest[..rest.find(')')?]
        .split(',')
        .map(str::trim)
        .filter(|d| !d.is_empty())
        .map(|d| d.trim_end_matches('L').parse().ok())
        .collect()
}

/// Bytes of one element, for the types that are read.
fn width(descr: &str) -> Option<usize> {
    match descr {
        "|i1" | "|u1" | "|b1" | "<i1" | "<u1" | "<b1" => Some(1),
        "<f2" | ">f2" | "<i2" | ">i2" | "<u2" | ">u2" => Some(2),
        "<f4" | ">f4" | "<i4" | ">i4" | "<u4" | ">u4" => Some(4),
        "<f8" | ">f8" | "<i8" | ">i8" | "<u8" | ">u8" => Some(8),
        _ => None,
    }
}

/// One element.
fn value(raw: &[u8], descr: &str) -> f64 {
    let mut bytes = [0_u8; 8];
    let n = raw.len().min(8);
    bytes[..n].copy_from_slice(&raw[..n]);
    if descr.starts_with('>') {
        bytes[..n].reverse();
    }
    let whole = u64::from_le_bytes(bytes);
    match (descr.as_bytes().get(1), n) {
        (Some(b'b'), _) => f64::from(u8::from(whole != 0)),
        (Some(b'u'), _) => whole as f64,
        // The sign sits in the top bit of the stored width.
        (Some(b'i'), _) => {
            let shift = 64 - 8 * n as u32;
            (((whole << shift) as i64) >> shift) as f64
        }
        (_, 2) => half::f16::from_le_bytes([bytes[0], bytes[1]]).to_f64(),
        (_, 4) => f64::from(f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])),
        _ => f64::from_le_bytes(bytes),
    }
}

/// Rows-first order of values stored columns first.
fn transposed(stored: &[f64], shape: &[u64]) -> Vec<f64> {
    let dims: Vec<usize> = shape.iter().map(|&d| d as usize).collect();
    let mut index = vec![0_usize; dims.len()];
    let mut out = Vec::with_capacity(stored.len());
    for _ in 0..stored.len() {
        let mut at = 0;
        for (i, d) in index.iter().zip(&dims).rev() {
            at = at * d + i;
        }
        out.push(stored[at]);
        for axis in (0..dims.len()).rev() {
            index[axis] += 1;
            if index[axis] < dims[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    out
}
