//! Reader of `.npz` files: a zip archive of `.npy` arrays, stored or deflated (what NumPy's `savez` and
//! `savez_compressed` write).

use crate::core::{Error, Result};

/// First bytes of a zip archive with at least one file.
pub const MAGIC: &[u8] = b"PK\x03\x04";
/// Most bytes that the arrays of one archive may unpack to.
const MAX_BYTES: usize = 1 << 29;

/// Names (without `.npy`) and bytes of the arrays, in the order of the archive's directory.
///
/// # Errors
/// What is wrong, and at which byte or array.
pub fn arrays(file: &str, bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>> {
    let (count, mut at) = directory(file, bytes)?;
    let mut left = MAX_BYTES;
    let mut out = Vec::new();
    for _ in 0..count {
        let entry = Entry::read(bytes, at).ok_or_else(|| {
            Error::import(
                file,
                format!("byte {at}"),
                "the archive's directory is damaged",
            )
        })?;
        at = entry.next;
        if let Some(name) = entry.name.strip_suffix(".npy") {
            let content = entry.content(file, bytes, left)?;
            left -= content.len();
            out.push((name.to_owned(), content));
        }
    }
    if out.is_empty() {
        return Err(Error::import(
            file,
            "directory",
            "the archive holds no .npy array",
        ));
    }
    Ok(out)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<usize> {
    let raw = bytes.get(at..at.checked_add(2)?)?;
    Some(usize::from(u16::from_le_bytes([raw[0], raw[1]])))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<usize> {
    let raw = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes([raw[0], raw[1], raw[2], raw[3]]) as usize)
}

/// Number of files and start of the directory, from the record at the end of the archive.
fn directory(file: &str, bytes: &[u8]) -> Result<(usize, usize)> {
    // The record is 22 bytes long and may be followed by a comment of up to 65,535.
    let last = bytes.len().saturating_sub(22);
    let record = (last.saturating_sub(0xffff)..=last)
        .rev()
        .find(|&at| bytes[at..].starts_with(b"PK\x05\x06"));
    let found = record.and_then(|at| Some((u16_at(bytes, at + 10)?, u32_at(bytes, at + 16)?)));
    found.ok_or_else(|| {
        Error::import(
            file,
            format!("byte {}", bytes.len()),
            "the archive ends before its directory: it is cut off",
        )
    })
}

struct Entry {
    name: String,
    method: usize,
    packed: usize,
    unpacked: usize,
    start: usize,
    next: usize,
}

impl Entry {
    fn read(bytes: &[u8], at: usize) -> Option<Self> {
        if !bytes.get(at..)?.starts_with(b"PK\x01\x02") {
            return None;
        }
        let [name, extra, comment] = [28, 30, 32].map(|o| u16_at(bytes, at + o));
        let (name, extra, comment) = (name?, extra?, comment?);
        let local = u32_at(bytes, at + 42)?;
        let start = local + 30 + u16_at(bytes, local + 26)? + u16_at(bytes, local + 28)?;
        Some(Self {
            name: String::from_utf8_lossy(bytes.get(at + 46..at + 46 + name)?).into_owned(),
            method: u16_at(bytes, at + 10)?,
            packed: u32_at(bytes, at + 20)?,
            unpacked: u32_at(bytes, at + 24)?,
            start,
            next: at + 46 + name + extra + comment,
        })
    }

    fn content(&self, file: &str, bytes: &[u8], limit: usize) -> Result<Vec<u8>> {
        let fail = |problem: String| {
            Err(Error::import(
                file,
                format!("array {:?}", self.name),
                problem,
            ))
        };
        if self.unpacked > limit {
            return fail(format!(
                "{} bytes unpacked; at most {MAX_BYTES} in all",
                self.unpacked
            ));
        }
        let Some(raw) = bytes.get(self.start..self.start.saturating_add(self.packed)) else {
            return fail("its data is cut off".to_owned());
        };
        let content = match self.method {
            0 => raw.to_vec(),
            8 => match miniz_oxide::inflate::decompress_to_vec_with_limit(raw, limit) {
                Ok(content) => content,
                Err(error) => return fail(format!("cannot be unpacked: {error}")),
            },
            other => {
                return fail(format!(
                    "packing method {other} is not read; allowed: stored, deflated"
                ));
            }
        };
        if content.len() != self.unpacked {
            return fail(format!(
                "{} bytes expected, {} found",
                self.unpacked,
                content.len()
            ));
        }
        Ok(content)
    }
}
