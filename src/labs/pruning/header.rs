//! The header of a `.safetensors` file: 8 bytes of little-endian length, a JSON object, then the
//! data. Every number is checked against the file before it is used; nothing is allocated from a
//! number in the header. Rules as in the reference implementation (safetensors 0.8.0), except for
//! the differences listed at [`Strictness`].

use crate::core::Arrange as _;
use crate::core::{Error, Result};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;

/// Longest header the format allows, in bytes.
const MAX_HEADER: u64 = 100_000_000;

/// Whose rules decide what is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// Those of the reference: an unknown dtype refuses the file, the last of two tensors with one
    /// name wins, bytes before the brace are ignored.
    Reference,
    /// Ours: an unknown dtype is listed as unsupported, two tensors with one name are refused (one
    /// would be lost silently), blanks before the brace give a remark.
    Ours,
}

/// One tensor as the header describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Its number format as written, `BF16`.
    pub dtype: String,
    /// Its dimensions.
    pub shape: Vec<u64>,
    /// First byte and byte after the last one, counted from the start of the data.
    pub span: [u64; 2],
}

impl Entry {
    /// Number of elements.
    pub fn elements(&self) -> u64 {
        self.shape.iter().product()
    }
}

/// A checked header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Length of the JSON part in bytes, padding included.
    pub length: u64,
    /// The tensors in the order of their data.
    pub entries: Vec<Entry>,
    /// The free texts under `__metadata__`.
    pub metadata: BTreeMap<String, String>,
    /// Oddities that were accepted.
    pub remarks: Vec<String>,
}

/// Bits of one element of a format, where the format is known.
pub fn bits_of(dtype: &str) -> Option<u64> {
    Some(match dtype {
        "F4" => 4,
        "F6_E2M3" | "F6_E3M2" => 6,
        "BOOL" | "U8" | "I8" | "F8_E5M2" | "F8_E4M3" | "F8_E8M0" => 8,
        "I16" | "U16" | "F16" | "BF16" => 16,
        "I32" | "U32" | "F32" => 32,
        "F64" | "I64" | "U64" | "C64" => 64,
        _ => return None,
    })
}

/// The dimensions in words: `128 × 64`, `scalar`.
pub fn shape_words(shape: &[u64]) -> String {
    if shape.is_empty() {
        return "scalar".to_owned();
    }
    let dims: Vec<String> = shape.iter().map(u64::to_string).collect();
    dims.join(" × ")
}

#[derive(Deserialize)]
struct Info {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

/// The JSON object with its repeated keys, which a map would swallow.
struct Object {
    tensors: Vec<(String, Info)>,
    metadata: BTreeMap<String, String>,
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with one entry for each tensor")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> std::result::Result<Object, A::Error> {
                let (mut tensors, mut metadata) = (Vec::new(), None);
                while let Some(key) = map.next_key::<String>()? {
                    let named = |e: A::Error| A::Error::custom(format!("tensor {key:?}: {e}"));
                    if key != "__metadata__" {
                        let info = map.next_value::<Info>().map_err(named)?;
                        tensors.push((key, info));
                    } else if metadata.is_some() {
                        return Err(A::Error::custom("__metadata__ stands there twice"));
                    } else {
                        metadata = Some(
                            map.next_value::<Option<BTreeMap<String, String>>>()
                                .map_err(|e| A::Error::custom(format!("__metadata__: {e}")))?,
                        );
                    }
                }
                Ok(Object {
                    tensors,
                    metadata: metadata.flatten().unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

/// Reads and checks the header of a file of `bytes`.
///
/// # Errors
/// The first thing wrong, with the tensor or byte where it is.
pub fn read(file: &str, bytes: &[u8], strictness: Strictness) -> Result<Header> {
    parse(file, bytes, bytes.len() as u64, strictness)
}

/// Length of the JSON part of a file of `total` bytes, from its first (up to) 8 bytes.
///
/// # Errors
/// A length that the format or the file does not allow.
pub fn length_of(file: &str, start: &[u8], total: u64) -> Result<u64> {
    let Some(first) = start.first_chunk::<8>() else {
        return Err(Error::import(
            file,
            format!("byte {}", start.len()),
            "the file ends inside the 8 bytes of the header's length",
        ));
    };
    let length = u64::from_le_bytes(*first);
    if length > MAX_HEADER {
        return Err(Error::import(
            file,
            "byte 0",
            format!("the header claims {length} bytes; at most {MAX_HEADER} are allowed"),
        ));
    }
    if length > total.saturating_sub(8) {
        return Err(Error::import(
            file,
            "byte 0",
            format!(
                "the header claims {length} bytes, but only {} follow: the file is cut off",
                total.saturating_sub(8)
            ),
        ));
    }
    Ok(length)
}

/// Checks the header of a file of `total` bytes, of which `start` holds at least the header.
///
/// # Errors
/// The first thing wrong, with the tensor or byte where it is.
pub fn parse(file: &str, start: &[u8], total: u64, strictness: Strictness) -> Result<Header> {
    let (text, length) = text_of(file, start, total)?;
    let mut remarks = Vec::new();
    if !text.starts_with('{')
        && strictness == Strictness::Ours
        && text.trim_start().starts_with('{')
    {
        remarks.push("the header starts with blanks before its brace".to_owned());
    }
    let object: Object = serde_json::from_str(text).map_err(|e| {
        let place = format!("byte {}", 8 + byte_of(text, e.line(), e.column()));
        Error::import(file, place, format!("the header is not as expected: {e}"))
    })?;
    let mut entries: Vec<Entry> = Vec::with_capacity(object.tensors.len());
    let mut position: BTreeMap<String, usize> = BTreeMap::new();
    for (name, info) in object.tensors {
        let entry = Entry {
            name: name.clone(),
            dtype: info.dtype,
            shape: info.shape,
            span: [info.data_offsets.0, info.data_offsets.1],
        };
        match position.get(&name).and_then(|&i| entries.get_mut(i)) {
            Some(_) if strictness == Strictness::Ours => {
                return Err(Error::import(
                    file,
                    format!("tensor {name:?}"),
                    "stands in the header twice; one of the two would be lost",
                ));
            }
            Some(earlier) => *earlier = entry,
            None => {
                position.insert(name, entries.len());
                entries.push(entry);
            }
        }
    }
    entries.arrange_by_key(|e| e.span);
    check_spans(file, &entries, total - 8 - length, strictness)?;
    Ok(Header {
        length,
        entries,
        metadata: object.metadata,
        remarks,
    })
}

/// The JSON text and its length in bytes.
fn text_of<'a>(file: &str, start: &'a [u8], total: u64) -> Result<(&'a str, u64)> {
    let length = length_of(file, start, total)?;
    let header = start.get(8..8 + length as usize).unwrap_or(&[]);
    let text = std::str::from_utf8(header).map_err(|e| {
        Error::import(
            file,
            format!("byte {}", 8 + e.valid_up_to()),
            "the header is not UTF-8 text",
        )
    })?;
    Ok((text, length))
}

/// Byte offset of a line and column (both from 1) of a text.
fn byte_of(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    (before + column.saturating_sub(1)).min(text.len())
}

/// The data of sorted tensors must start at 0, touch without hole or overlap, have the size that
/// shape and dtype ask for, and end with the file.
fn check_spans(file: &str, entries: &[Entry], data: u64, strictness: Strictness) -> Result<()> {
    let mut at = 0;
    let mut previous = "the header";
    for entry in entries {
        let [start, end] = entry.span;
        let fail = |problem: String| {
            Err(Error::import(
                file,
                format!("tensor {:?}, data byte {start}", entry.name),
                problem,
            ))
        };
        if end < start {
            return fail(format!("its data ends at byte {end}, before its start"));
        }
        if start < at {
            return fail(format!(
                "its data overlaps {previous}, which ends at byte {at}"
            ));
        }
        if start > at {
            return fail(format!(
                "{} bytes before it belong to no tensor (the one before ends at byte {at})",
                start - at
            ));
        }
        let elements = entry
            .shape
            .iter()
            .try_fold(1_u64, |product, &d| product.checked_mul(d));
        let Some(elements) = elements else {
            return fail(format!("its shape {} overflows", shape_words(&entry.shape)));
        };
        match bits_of(&entry.dtype) {
            Some(bits) => match elements.checked_mul(bits) {
                None => return fail(format!("its shape {} overflows", shape_words(&entry.shape))),
                Some(bits) if bits % 8 != 0 => {
                    return fail(format!("its {bits} bits do not fill whole bytes"));
                }
                Some(bits) if bits / 8 != end - start => {
                    return fail(format!(
                        "{} of {} needs {} bytes, the header gives it {}",
                        shape_words(&entry.shape),
                        entry.dtype,
                        bits / 8,
                        end - start
                    ));
                }
                Some(_) => {}
            },
            None if strictness == Strictness::Reference => {
                return fail(format!("the dtype {} is not known", entry.dtype));
            }
            None => {}
        }
        at = end;
        previous = &entry.name;
    }
    if at == data {
        return Ok(());
    }
    let place = match entries.last() {
        Some(last) if at > data => format!("tensor {:?}", last.name),
        _ => format!("data byte {}", at.min(data)),
    };
    let problem = if at > data {
        format!("its data should end at byte {at}, but the file holds only {data}: it is cut off")
    } else {
        format!(
            "{} bytes after the last tensor belong to nothing",
            data - at
        )
    };
    Err(Error::import(file, place, problem))
}
