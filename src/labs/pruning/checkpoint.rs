//! Weight tensors from a user's file: `.safetensors`, or arrays as `.npy` and `.npz`.

use super::header::{self, Entry, Strictness, shape_words};
use super::part::LEFT_OUT;
use super::{npy, npz};
use crate::core::{Error, Result};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One tensor of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// Its name.
    pub name: String,
    /// Its number format, `BF16`.
    pub dtype: String,
    /// Its dimensions.
    pub shape: Vec<u64>,
    /// Its values in single precision; empty for formats that are listed but not opened.
    pub values: Arc<[f32]>,
    /// Size in the file, in bytes.
    pub bytes: u64,
    /// How many values are not a number.
    pub nan: usize,
    /// How many values are infinite.
    pub inf: usize,
}

/// Parts of a name that mean "do not prune".
const EXCLUDED: [&str; 3] = ["embed", "norm", "bias"];

/// Whether a number format is a floating-point one that is opened.
fn is_float(dtype: &str) -> bool {
    matches!(dtype, "F64" | "F32" | "F16" | "BF16")
}

/// Whether a tensor is pruned by default: at least two dimensions, floating point, not empty, and
/// not an embedding, a norm or a bias by its name.
pub fn is_prunable(name: &str, dtype: &str, shape: &[u64]) -> bool {
    let name = name.to_lowercase();
    is_float(dtype)
        && shape.len() >= 2
        && !shape.contains(&0)
        && !EXCLUDED.iter().any(|part| name.contains(part))
}

impl Tensor {
    /// Whether it is pruned by default ([`is_prunable`]).
    pub fn is_prunable(&self) -> bool {
        is_prunable(&self.name, &self.dtype, &self.shape)
    }

    /// Rows and columns of the matrix `[out, in · kh · kw]`.
    pub fn matrix(&self) -> [usize; 2] {
        let rows = self.shape.first().map_or(1, |&d| d as usize);
        [rows, self.values.len().checked_div(rows).unwrap_or(0)]
    }

    /// The dimensions in words.
    pub fn shape_words(&self) -> String {
        shape_words(&self.shape)
    }
}

/// Named weight tensors.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Checkpoint {
    /// The tensors in the order of their data.
    pub tensors: Vec<Tensor>,
    /// Free texts of the file.
    pub metadata: BTreeMap<String, String>,
    /// Length of the JSON header in bytes (0 for `.npy`).
    pub header_length: u64,
    /// Remarks of the import.
    pub remarks: Vec<String>,
    /// The file as it is, to be pruned and saved; empty where it cannot be.
    pub raw: Arc<[u8]>,
}

impl Checkpoint {
    /// Number of elements of all tensors.
    pub fn elements(&self) -> u64 {
        let count = |t: &Tensor| t.shape.iter().product::<u64>();
        self.tensors.iter().map(count).fold(0, u64::saturating_add)
    }

    /// What it is, with its size.
    pub fn words(&self) -> String {
        let prunable = self.tensors.iter().filter(|t| t.is_prunable()).count();
        let bytes: u64 = self.tensors.iter().map(|t| t.bytes).sum();
        format!(
            "{} tensors, {prunable} of them prunable, {} values, {}",
            self.tensors.len(),
            count_words(self.elements()),
            bytes_words(bytes as f64),
        )
    }

    /// First rows: column names and cells.
    pub fn preview(&self) -> (Vec<String>, Vec<Vec<String>>) {
        let columns = [
            "tensor", "dtype", "shape", "values", "NaN", "infinite", "prunable",
        ];
        let row = |t: &Tensor| {
            vec![
                t.name.clone(),
                t.dtype.clone(),
                t.shape_words(),
                count_words(t.shape.iter().product()),
                t.nan.to_string(),
                t.inf.to_string(),
                if t.is_prunable() { "yes" } else { "no" }.to_owned(),
            ]
        };
        (
            columns.map(str::to_owned).to_vec(),
            self.tensors.iter().take(20).map(row).collect(),
        )
    }
}

/// A count with an SI prefix: `1.2 M`.
pub fn count_words(n: u64) -> String {
    let v = n as f64;
    match n {
        0..1_000 => n.to_string(),
        1_000..1_000_000 => format!("{:.1} k", v / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} M", v / 1e6),
        _ => format!("{:.2} G", v / 1e9),
    }
}

/// A size in bytes with a binary prefix: `4.6 MiB`.
pub fn bytes_words(v: f64) -> String {
    if v < 1024.0 {
        format!("{v:.0} B")
    } else if v < 1_048_576.0 {
        format!("{:.1} KiB", v / 1024.0)
    } else if v < 1_073_741_824.0 {
        format!("{:.1} MiB", v / 1_048_576.0)
    } else {
        format!("{:.2} GiB", v / 1_073_741_824.0)
    }
}

/// Whether the bytes are meant to be a safetensors (or `.npy`) file.
pub fn looks_like(name: &str, bytes: &[u8]) -> bool {
    // Eight bytes of a small number, then a brace: no text file starts with zero bytes.
    let by_content = bytes.get(4..9) == Some(&[0, 0, 0, 0, b'{']);
    has_extension(name, "safetensors")
        || has_extension(name, "npy")
        || has_extension(name, "npz")
        || by_content
        || bytes.starts_with(npz::MAGIC)
        || bytes.starts_with(npy::MAGIC)
}

fn has_extension(name: &str, wanted: &str) -> bool {
    std::path::Path::new(name)
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case(wanted))
}

/// Reads a safetensors or `.npy` file.
///
/// # Errors
/// What is wrong, and at which tensor or byte.
pub fn read(name: &str, bytes: &[u8]) -> Result<Checkpoint> {
    let is_npz = bytes.starts_with(npz::MAGIC) || has_extension(name, "npz");
    let is_npy = bytes.starts_with(npy::MAGIC) || has_extension(name, "npy");
    let mut checkpoint = if is_npz {
        read_npz(name, bytes)?
    } else if is_npy {
        read_npy(name, bytes)?
    } else {
        read_safetensors(name, bytes, Strictness::Ours)?
    };
    if let Some(words) = checkpoint.metadata.get(LEFT_OUT) {
        checkpoint.remarks.insert(0, words.clone());
    }
    for t in &checkpoint.tensors {
        if t.nan > 0 {
            checkpoint.remarks.push(format!(
                "tensor {:?} holds {} values that are not a number; choose how to treat them before pruning",
                t.name, t.nan
            ));
        }
        if t.inf > 0 {
            checkpoint.remarks.push(format!(
                "tensor {:?} holds {} infinite values; they count as the largest and are kept",
                t.name, t.inf
            ));
        }
    }
    if !checkpoint.tensors.iter().any(Tensor::is_prunable) {
        checkpoint.remarks.push(
            "no tensor can be pruned: that needs floating point, two dimensions, and a name without embed, norm or bias"
                .to_owned(),
        );
    }
    Ok(checkpoint)
}

/// Reads a safetensors file by the given rules.
///
/// # Errors
/// What is wrong, and at which tensor or byte.
pub fn read_safetensors(name: &str, bytes: &[u8], strictness: Strictness) -> Result<Checkpoint> {
    let header = header::read(name, bytes, strictness)?;
    let mut remarks = header.remarks;
    let data = usize::try_from(8 + header.length)
        .ok()
        .and_then(|start| bytes.get(start..))
        .unwrap_or(&[]);
    let mut tensors = Vec::with_capacity(header.entries.len());
    for entry in &header.entries {
        let [start, end] = entry.span.map(|b| b as usize);
        let raw = data.get(start..end).unwrap_or(&[]);
        tensors.push(decode(entry, raw, &mut remarks));
    }
    Ok(Checkpoint {
        tensors,
        metadata: header.metadata,
        header_length: header.length,
        remarks,
        raw: bytes.into(),
    })
}

fn read_npy(name: &str, bytes: &[u8]) -> Result<Checkpoint> {
    let array = npy::read(name, bytes)?;
    let dtype = match array.descr.get(1..) {
        Some("f2") => "F16",
        Some("f4") => "F32",
        Some("f8") => "F64",
        Some("b1") => "BOOL",
        Some("u1") => "U8",
        Some("i2") => "I16",
        Some("u2") => "U16",
        Some("i4") => "I32",
        Some("u4") => "U32",
        Some("i8") => "I64",
        Some("u8") => "U64",
        _ => "I8",
    };
    let values: Vec<f32> = array.values.iter().map(|&v| v as f32).collect();
    // Wrapped as the only tensor of a checkpoint; formats that are not pruned have no such form.
    let raw = super::rewrite::npy_as_safetensors(name, &array).unwrap_or_default();
    let stem = name.rsplit('/').next().unwrap_or(name);
    let stem = stem.strip_suffix(".npy").unwrap_or(stem);
    let bytes = values.len() as u64 * header::bits_of(dtype).unwrap_or(8) / 8;
    Ok(Checkpoint {
        tensors: vec![with_counts(
            stem.to_owned(),
            dtype.to_owned(),
            array.shape,
            values,
            bytes,
        )],
        remarks: array.remarks,
        raw: raw.into(),
        ..Checkpoint::default()
    })
}

fn read_npz(name: &str, bytes: &[u8]) -> Result<Checkpoint> {
    let mut out = Checkpoint::default();
    for (array, content) in npz::arrays(name, bytes)? {
        let read = read_npy(&format!("{name}/{array}.npy"), &content)?;
        out.tensors.extend(read.tensors);
        out.remarks.extend(read.remarks);
    }
    Ok(out)
}

fn with_counts(
    name: String,
    dtype: String,
    shape: Vec<u64>,
    values: Vec<f32>,
    bytes: u64,
) -> Tensor {
    Tensor {
        nan: values.iter().filter(|v| v.is_nan()).count(),
        inf: values.iter().filter(|v| v.is_infinite()).count(),
        name,
        dtype,
        shape,
        values: values.into(),
        bytes,
    }
}

/// Converts the raw bytes of a tensor. Half formats are widened exactly; double precision is
/// rounded, which is said.
fn decode(entry: &Entry, raw: &[u8], remarks: &mut Vec<String>) -> Tensor {
    let values: Vec<f32> = match entry.dtype.as_str() {
        "F32" => each(raw, f32::from_le_bytes),
        "F16" => each(raw, |b| half::f16::from_le_bytes(b).to_f32()),
        "BF16" => each(raw, |b| half::bf16::from_le_bytes(b).to_f32()),
        "F64" => {
            remarks.push(format!(
                "tensor {:?} is rounded from F64 to single precision",
                entry.name
            ));
            each(raw, |b| f64::from_le_bytes(b) as f32)
        }
        "I8" => each(raw, |b| f32::from(i8::from_le_bytes(b))),
        "U8" => each(raw, |b| f32::from(u8::from_le_bytes(b))),
        "BOOL" => each(raw, |[b]: [u8; 1]| f32::from(u8::from(b != 0))),
        "I16" => each(raw, |b| f32::from(i16::from_le_bytes(b))),
        "U16" => each(raw, |b| f32::from(u16::from_le_bytes(b))),
        "I32" => each(raw, |b| i32::from_le_bytes(b) as f32),
        "I64" => each(raw, |b| i64::from_le_bytes(b) as f32),
        other => {
            remarks.push(format!(
                "tensor {:?}: the format {other} is listed, not opened",
                entry.name
            ));
            Vec::new()
        }
    };
    let bytes = raw.len() as u64;
    with_counts(
        entry.name.clone(),
        entry.dtype.clone(),
        entry.shape.clone(),
        values,
        bytes,
    )
}

/// Raw values of a tensor in double precision, where its format can be written as numbers.
pub fn exact_values(dtype: &str, raw: &[u8]) -> Option<Vec<f64>> {
    Some(match dtype {
        "F64" => each(raw, f64::from_le_bytes),
        "F32" => each(raw, |b| f64::from(f32::from_le_bytes(b))),
        "F16" => each(raw, |b| half::f16::from_le_bytes(b).to_f64()),
        "BF16" => each(raw, |b| half::bf16::from_le_bytes(b).to_f64()),
        "I8" => each(raw, |b| f64::from(i8::from_le_bytes(b))),
        "U8" => each(raw, |b| f64::from(u8::from_le_bytes(b))),
        "BOOL" => each(raw, |[b]: [u8; 1]| f64::from(u8::from(b != 0))),
        "I16" => each(raw, |b| f64::from(i16::from_le_bytes(b))),
        "U16" => each(raw, |b| f64::from(u16::from_le_bytes(b))),
        "I32" => each(raw, |b| f64::from(i32::from_le_bytes(b))),
        "U32" => each(raw, |b| f64::from(u32::from_le_bytes(b))),
        "I64" => each(raw, |b| i64::from_le_bytes(b) as f64),
        "U64" => each(raw, |b| u64::from_le_bytes(b) as f64),
        _ => return None,
    })
}

fn each<const N: usize, T>(raw: &[u8], convert: impl Fn([u8; N]) -> T) -> Vec<T> {
    let (chunks, _) = raw.as_chunks::<N>();
    chunks.iter().map(|&b| convert(b)).collect()
}

/// An import error for a tensor that holds values that are not numbers.
pub fn nan_error(file: &str, tensor: &Tensor) -> Error {
    Error::import(
        file,
        format!("tensor {:?}", tensor.name),
        format!(
            "{} values are not a number; set “Not-a-number values” to treat as 0 or to exclude the tensor",
            tensor.nan
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(data);
        bytes
    }

    fn message(header: &str, data: &[u8]) -> String {
        read("w.safetensors", &file(header, data))
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn broken_files_are_refused_with_the_tensor_or_byte() {
        let one = r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
        assert_eq!(
            message(one, &[0; 4]),
            "w.safetensors, tensor \"a\": its data should end at byte 8, but the file holds only 4: it is cut off"
        );
        assert_eq!(
            message(
                r#"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#,
                &[0; 8]
            ),
            "w.safetensors, tensor \"a\", data byte 0: 3 of F32 needs 12 bytes, the header gives it 8"
        );
        let twice = r#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}"#;
        assert!(message(twice, &[0; 2]).contains("stands in the header twice"));
        let overlap = r#"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}"#;
        assert!(
            message(overlap, &[0; 3]).contains("tensor \"b\", data byte 1: its data overlaps a")
        );
        assert!(message(r#"{"a":{"dtype":"U8","shape":[-1]}}"#, &[]).contains("tensor \"a\""));
        assert_eq!(
            read("w.safetensors", &[1, 2]).unwrap_err().to_string(),
            "w.safetensors, byte 2: the file ends inside the 8 bytes of the header's length"
        );
    }

    #[test]
    fn an_unknown_format_does_not_hide_the_other_tensors() {
        let header = r#"{"a":{"dtype":"Q7","shape":[9],"data_offsets":[0,3]},"b":{"dtype":"BF16","shape":[1,2],"data_offsets":[3,7]}}"#;
        let checkpoint = read(
            "w.safetensors",
            &file(header, &[1, 2, 3, 0x80, 0x3f, 0x80, 0x7f]),
        )
        .unwrap();
        assert_eq!(checkpoint.tensors[0].values.len(), 0);
        assert_eq!(*checkpoint.tensors[1].values, [1.0, f32::INFINITY]);
        assert_eq!(checkpoint.tensors[1].inf, 1);
        assert!(checkpoint.tensors[1].is_prunable());
        assert_eq!(checkpoint.remarks.len(), 2, "{:?}", checkpoint.remarks);
    }

    #[test]
    fn names_formats_and_shapes_decide_what_is_prunable() {
        let tensor = |name: &str, dtype: &str, shape: &[u64]| {
            let values = vec![0.0; shape.iter().product::<u64>() as usize];
            with_counts(name.to_owned(), dtype.to_owned(), shape.to_vec(), values, 0).is_prunable()
        };
        assert!(tensor("layers.0.weight", "F16", &[2, 3]));
        assert!(!tensor("token_embed.weight", "F16", &[2, 3]));
        assert!(!tensor("layers.0.weight", "F32", &[6]));
        assert!(!tensor("layers.0.weight", "I8", &[2, 3]));
    }
}
