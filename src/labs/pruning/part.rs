//! A part of a checkpoint that is too large to be opened whole: its header is read, then the tensors
//! that can be pruned, as many as fit. What is read forms a smaller file of the same format.

use super::checkpoint::{bytes_words, is_prunable};
use super::header::{Header, Strictness, length_of, parse};
use crate::core::{Error, Reading, Result};
use serde_json::{Map, Value, json};

/// Key of the free text that says what was left out.
pub const LEFT_OUT: &str = "schedlab.left_out";

/// What to read of a file of `total` bytes, of which at most `most` bytes of tensors are to be kept.
/// `start` holds as much of it as was read so far.
///
/// # Errors
/// What is wrong with the header, and where; or that no tensor fits.
pub fn reading(file: &str, total: u64, start: &[u8], most: u64) -> Result<Reading> {
    if start.len() < 8 && total >= 8 {
        return Ok(Reading::Start(8));
    }
    let length = length_of(file, start, total)?;
    if (start.len() as u64) < 8 + length {
        return Ok(Reading::Start(8 + length));
    }
    let header = parse(file, start, total, Strictness::Ours)?;
    choose(file, &header, total, most)
}

fn choose(file: &str, header: &Header, total: u64, most: u64) -> Result<Reading> {
    let (mut texts, mut parts) = (Map::new(), Vec::new());
    let (mut at, mut open) = (0, 0_usize);
    for e in &header.entries {
        let size = e.span[1] - e.span[0];
        if size == 0 || at + size > most || !is_prunable(&e.name, &e.dtype, &e.shape) {
            continue;
        }
        let entry = json!({
            "dtype": e.dtype,
            "shape": e.shape,
            "data_offsets": [at, at + size],
        });
        texts.insert(e.name.clone(), entry);
        parts.push(e.span.map(|b| 8 + header.length + b));
        (at, open) = (at + size, open + 1);
    }
    if open == 0 {
        return Err(Error::import(
            file,
            "all tensors",
            format!(
                "none can be pruned and is at most {} large; the file has {}",
                bytes_words(most as f64),
                bytes_words(total as f64)
            ),
        ));
    }
    let mut free: Map<String, Value> = Map::new();
    for (key, text) in &header.metadata {
        free.insert(key.clone(), Value::String(text.clone()));
    }
    let words = format!(
        "a part of a file of {}: {open} of its {} tensors are open, {} of those that can be pruned; `schedlab prune` works on the whole file",
        bytes_words(total as f64),
        header.entries.len(),
        bytes_words(at as f64),
    );
    free.insert(LEFT_OUT.to_owned(), Value::String(words));
    let mut all = Map::new();
    all.insert("__metadata__".to_owned(), Value::Object(free));
    all.extend(texts);
    let text = Value::Object(all).to_string();
    let mut head = (text.len() as u64).to_le_bytes().to_vec();
    head.extend(text.as_bytes());
    Ok(Reading::Parts { head, parts })
}

#[cfg(test)]
mod tests {
    use super::super::checkpoint;
    use super::*;

    fn file(text: &str, data: &[u8]) -> Vec<u8> {
        let mut out = (text.len() as u64).to_le_bytes().to_vec();
        out.extend(text.as_bytes());
        out.extend(data);
        out
    }

    fn sample() -> Vec<u8> {
        let values: Vec<u8> = (0..22_u8)
            .flat_map(|i| f32::from(i).to_le_bytes())
            .collect();
        file(
            r#"{"__metadata__":{"by":"me"},"a.weight":{"dtype":"F32","shape":[2,4],"data_offsets":[0,32]},"a.bias":{"dtype":"F32","shape":[2],"data_offsets":[32,40]},"b.weight":{"dtype":"F32","shape":[2,5],"data_offsets":[40,80]},"c.weight":{"dtype":"F32","shape":[1,2],"data_offsets":[80,88]}}"#,
            &values,
        )
    }

    /// Reads as the program does: more of the start as long as it is asked for, then the parts.
    fn open(bytes: &[u8], most: u64) -> Result<(Vec<u8>, u64)> {
        let (mut start, mut read) = (0, 0);
        loop {
            match reading("big.safetensors", bytes.len() as u64, &bytes[..start], most)? {
                Reading::Start(n) => {
                    assert!(n as usize > start, "it makes progress");
                    start = n as usize;
                    read = n;
                }
                found @ Reading::Parts { .. } => {
                    let size = found.size();
                    let Reading::Parts { mut head, parts } = found else {
                        unreachable!("matched above");
                    };
                    for [from, to] in parts {
                        head.extend(&bytes[from as usize..to as usize]);
                        read += to - from;
                    }
                    assert_eq!(head.len() as u64, size);
                    return Ok((head, read));
                }
            }
        }
    }

    #[test]
    fn the_tensors_that_fit_come_out_with_their_bits_and_the_rest_is_named() {
        let bytes = sample();
        let (part, read) = open(&bytes, 40).unwrap();
        assert!(read < bytes.len() as u64, "{read} of {}", bytes.len());
        let whole = checkpoint::read("big.safetensors", &bytes).unwrap();
        let found = checkpoint::read("big.safetensors", &part).unwrap();
        let names: Vec<&str> = found.tensors.iter().map(|t| t.name.as_str()).collect();
        // b would not fit beside a; c does.
        assert_eq!(names, ["a.weight", "c.weight"]);
        for t in &found.tensors {
            let same = whole.tensors.iter().find(|w| w.name == t.name).unwrap();
            assert_eq!(t, same);
        }
        assert_eq!(found.metadata["by"], "me");
        let said = found
            .remarks
            .iter()
            .any(|r| r.contains("2 of its 4 tensors"));
        assert!(said, "{:?}", found.remarks);
        assert_eq!(
            *found.raw, *part,
            "the part can be saved as a file of its own"
        );
    }

    #[test]
    fn what_is_broken_is_refused_before_anything_is_read() {
        let bytes = sample();
        let cut = &bytes[..bytes.len() - 3];
        let error = open(cut, 100).unwrap_err().to_string();
        assert!(
            error.contains("c.weight") && error.contains("cut off"),
            "{error}"
        );
        let mut absurd = bytes.clone();
        absurd[..8].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(
            open(&absurd, 100)
                .unwrap_err()
                .to_string()
                .contains("byte 0")
        );
        let error = open(&bytes, 4).unwrap_err().to_string();
        assert!(error.contains("none can be pruned"), "{error}");
        assert!(
            reading("x", 3, &bytes[..3], 100).is_err(),
            "shorter than its length"
        );
    }
}
