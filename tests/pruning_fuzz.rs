//! Seeded mutations of sound `.safetensors` files: whatever the bytes, the readers neither panic
//! nor allocate from a number in the header, and a refusal says what is wrong and where.
#![cfg(not(target_arch = "wasm32"))]

use rand::{Rng as _, RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64;
use schedlab::core::{Error, Step};
use schedlab::labs::pruning::Config;
use schedlab::labs::pruning::checkpoint::read_safetensors;
use schedlab::labs::pruning::header::{self, Strictness};
use schedlab::labs::pruning::rewrite::{Request, Rewrite};
use schedlab::labs::sniff;

const NAME: &str = "m.safetensors";
/// Mutations tried; every one of them is a file.
const ROUNDS: u64 = 4_000;

/// A file from a header text and data.
fn file(text: &str, data: &[u8]) -> Vec<u8> {
    let mut out = (text.len() as u64).to_le_bytes().to_vec();
    out.extend(text.as_bytes());
    out.extend(data);
    out
}

/// A sound file with a few tensors of several formats.
fn sound(rng: &mut Pcg64) -> Vec<u8> {
    let formats = [("F32", 4), ("F16", 2), ("BF16", 2), ("F64", 8), ("I8", 1)];
    let (mut entries, mut data) = (vec![r#""__metadata__":{"a":"b"}"#.to_owned()], Vec::new());
    for i in 0..rng.random_range(1..5_usize) {
        let (dtype, width) = formats[rng.random_range(0..formats.len())];
        let shape = [rng.random_range(1..5_usize), rng.random_range(1..7_usize)];
        let (from, bytes) = (data.len(), shape[0] * shape[1] * width);
        data.extend((0..bytes).map(|_| rng.random::<u8>()));
        entries.push(format!(
            r#""t{i}.weight":{{"dtype":"{dtype}","shape":[{},{}],"data_offsets":[{from},{}]}}"#,
            shape[0],
            shape[1],
            data.len()
        ));
    }
    file(&format!("{{{}}}", entries.join(",")), &data)
}

fn header_of(bytes: &[u8]) -> (String, Vec<u8>) {
    let length = u64::from_le_bytes(*bytes.first_chunk::<8>().expect("8 bytes")) as usize;
    let text = String::from_utf8_lossy(&bytes[8..8 + length]).into_owned();
    (text, bytes[8 + length..].to_vec())
}

/// Replaces the `n`-th run of digits of a text.
fn other_number(text: &str, rng: &mut Pcg64) -> String {
    let starts: Vec<usize> = text
        .char_indices()
        .filter(|&(i, c)| c.is_ascii_digit() && !text[..i].ends_with(|c: char| c.is_ascii_digit()))
        .map(|(i, _)| i)
        .collect();
    let at = starts[rng.random_range(0..starts.len())];
    let end = at + text[at..].find(|c: char| !c.is_ascii_digit()).unwrap_or(0);
    let values = [
        "0",
        "1",
        "7",
        "-1",
        "1.5",
        "4294967296",
        "9223372036854775807",
        "18446744073709551615",
        "18446744073709551616",
        "1e400",
        "null",
        "\"3\"",
    ];
    let value = values[rng.random_range(0..values.len())];
    format!("{}{value}{}", &text[..at], &text[end..])
}

/// A mutation of a sound file and its kind.
fn mutate(bytes: &[u8], rng: &mut Pcg64) -> (&'static str, Vec<u8>) {
    let mut out = bytes.to_vec();
    let (text, data) = header_of(bytes);
    match rng.random_range(0..11_u32) {
        0 => {
            out.truncate(rng.random_range(0..out.len()));
            ("cut off", out)
        }
        1 => {
            let absurd = [
                u64::MAX,
                1 << 63,
                u64::from(u32::MAX),
                100_000_001,
                100_000_000,
                out.len() as u64,
                out.len() as u64 - 7,
                0,
                1,
            ];
            let length = absurd[rng.random_range(0..absurd.len())];
            out[..8].copy_from_slice(&length.to_le_bytes());
            ("header length", out)
        }
        2 => ("number", file(&other_number(&text, rng), &data)),
        3 => {
            let twice = other_number(&other_number(&text, rng), rng);
            ("two numbers", file(&twice, &data))
        }
        4 => ("dtype", file(&text.replacen("F32", "Q7_K", 1), &data)),
        5 => ("names", file(&text.replace("t1", "t0"), &data)),
        6 => {
            // Not-a-number in single precision; harmless in other formats.
            let at = 8 + text.len();
            let room = (out.len() - at).min(4);
            out[at..at + room].copy_from_slice(&f32::NAN.to_le_bytes()[..room]);
            ("NaN", out)
        }
        7 => {
            let at = rng.random_range(0..out.len());
            out[at] ^= 1 << rng.random_range(0..8_u32);
            ("bit", out)
        }
        8 => {
            out.extend((0..rng.random_range(1..9_usize)).map(|_| 0_u8));
            ("more data", out)
        }
        9 => {
            let at = rng.random_range(0..=text.len());
            let at = (at..=text.len()).find(|&i| text.is_char_boundary(i));
            let mut broken = text.clone();
            let junk = ["{", "}", "[", "\"", ",", "\u{0}", "é", "\\", "  "];
            broken.insert_str(at.unwrap_or(0), junk[rng.random_range(0..junk.len())]);
            ("text", file(&broken, &data))
        }
        _ => {
            let from = rng.random_range(0..out.len());
            let to = (from + rng.random_range(1..40_usize)).min(out.len());
            rng.fill_bytes(&mut out[from..to]);
            ("noise", out)
        }
    }
}

/// Prunes the file as the command line does.
fn rewrite(bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let request = Request::of(&Config {
        sparsity: 50.0,
        ..Config::default()
    });
    let mut work = Rewrite::new(NAME, bytes, Vec::new(), None, request)?;
    while let Step::Working = work.step()? {}
    Ok(work.into_sinks().0)
}

#[test]
fn no_mutation_of_a_file_panics_and_every_refusal_names_the_place() {
    let mut seen = std::collections::BTreeMap::new();
    for round in 0..ROUNDS {
        let mut rng = Pcg64::seed_from_u64(round);
        let bytes = sound(&mut rng);
        assert!(
            read_safetensors(NAME, &bytes, Strictness::Ours).is_ok(),
            "round {round}"
        );
        let (kind, bytes) = mutate(&bytes, &mut rng);
        let counts: &mut [u32; 2] = seen.entry(kind).or_default();
        let found = read_safetensors(NAME, &bytes, Strictness::Ours);
        match &found {
            Ok(checkpoint) => {
                counts[0] += 1;
                for t in &checkpoint.tensors {
                    assert!(t.bytes <= bytes.len() as u64, "round {round}, {kind}");
                    let nan = t.values.iter().filter(|v| v.is_nan()).count();
                    assert_eq!(t.nan, nan, "round {round}, {kind}");
                }
            }
            Err(error) => {
                counts[1] += 1;
                let words = error.to_string();
                assert!(
                    words.contains(NAME) && (words.contains("byte") || words.contains("tensor")),
                    "round {round}, {kind}: {words}"
                );
            }
        }
        // All readers agree on what is a file.
        let ours = header::read(NAME, &bytes, Strictness::Ours).is_ok();
        assert_eq!(ours, found.is_ok(), "round {round}, {kind}");
        assert!(
            sniff(NAME, &bytes).is_ok() || !ours || bytes.is_empty(),
            "round {round}, {kind}"
        );
        match rewrite(&bytes) {
            Ok(made) => {
                assert!(ours, "round {round}, {kind}");
                assert!(
                    header::read(NAME, &made, Strictness::Ours).is_ok(),
                    "round {round}, {kind}: what was written is read again"
                );
            }
            Err(error) => assert!(!error.to_string().is_empty(), "round {round}, {kind}"),
        }
    }
    assert_eq!(seen.len(), 11, "every kind was tried: {seen:?}");
    for kind in ["cut off", "header length", "names", "more data"] {
        assert!(seen[kind][1] > 100, "{kind}: {:?}", seen[kind]);
    }
    assert!(seen["dtype"][0] > 50 && seen["NaN"][0] > 100, "{seen:?}");
}

#[test]
fn what_the_reference_reader_refuses_is_refused_in_reference_mode() {
    // The same mutations through the crate that other programs read with.
    let mut compared = 0;
    for round in 0..ROUNDS / 4 {
        let mut rng = Pcg64::seed_from_u64(1_000_000 + round);
        let (kind, bytes) = mutate(&sound(&mut rng), &mut rng);
        let ours = header::read(NAME, &bytes, Strictness::Reference);
        let theirs = safetensors::SafeTensors::deserialize(&bytes);
        if ours.is_ok() == theirs.is_ok() {
            compared += 1;
        } else {
            // A format known to one release and not to another is no disagreement on the file.
            let words = format!("{:?} {:?}", ours.err(), theirs.err());
            assert!(words.contains("dtype"), "round {round}, {kind}: {words}");
        }
    }
    assert!(compared > 900, "{compared}");
}
