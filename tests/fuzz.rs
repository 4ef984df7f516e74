//! Seeded mutations of sound inputs for every importer and for share links: whatever the bytes,
//! nothing panics, a refusal is in words, and what is accepted can be described and computed with.
//!
//! A bounded number of rounds runs with the other tests; `FUZZ_ROUNDS=100000 FUZZ_SEED=7 cargo test
//! --test fuzz` looks further. A failure names its seed and round, which make the same bytes again.
#![cfg(not(target_arch = "wasm32"))]

use base64::Engine as _;
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64;
use schedlab::core::{Step, png};
use schedlab::labs::pruning::npy;
use schedlab::labs::{
    DataKey, Dataset, Lab, LabKind, LabRun as _, Setup, Shared, exhibits, lr, noise, pruning,
    routing, serving, sniff,
};
use std::panic::{AssertUnwindSafe, catch_unwind};

fn rounds() -> u64 {
    let wanted = std::env::var("FUZZ_ROUNDS").ok();
    wanted.and_then(|w| w.parse().ok()).unwrap_or(1_500)
}

fn seed() -> u64 {
    let wanted = std::env::var("FUZZ_SEED").ok();
    wanted.and_then(|w| w.parse().ok()).unwrap_or(1)
}

/// An archive as NumPy writes it: one array stored, one deflated.
fn archive(arrays: [(&str, Vec<u8>); 2]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (method, (name, content)) in [0_u16, 8].into_iter().zip(arrays) {
        let packed = match method {
            0 => content.clone(),
            _ => miniz_oxide::deflate::compress_to_vec(&content, 6),
        };
        // Versions, method and sizes: what both heads share. Times and checksums are not looked at.
        let sizes = [packed.len() as u32, content.len() as u32];
        let shared = [
            [20_u16, 0, method, 0, 0, 0, 0]
                .map(u16::to_le_bytes)
                .concat(),
            sizes.map(u32::to_le_bytes).concat(),
            [name.len() as u16, 0].map(u16::to_le_bytes).concat(),
        ]
        .concat();
        directory.extend([&b"PK\x01\x02\x14\0"[..], &shared[..], &[0; 10]].concat());
        directory.extend((out.len() as u32).to_le_bytes());
        directory.extend(name.as_bytes());
        out.extend([b"PK\x03\x04", &shared[..], name.as_bytes(), &packed[..]].concat());
    }
    let start = (out.len() as u32).to_le_bytes();
    let length = (directory.len() as u32).to_le_bytes();
    let end = [
        &b"PK\x05\x06\0\0\0\0\x02\0\x02\0"[..],
        &length,
        &start,
        &[0; 2],
    ]
    .concat();
    [out, directory, end].concat()
}

/// 16 x 32 pixels of one colour, baseline.
const JPEG: &str = "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAUDBAQEAwUEBAQFBQUGBwwIBwcHBw8LCwkMEQ8SEhEPERETFhwXExQaFRERGCEYGh0dHx8fExciJCIeJBweHx7/2wBDAQUFBQcGBw4ICA4eFBEUHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh7/wAARCAAgABADASIAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAAAAf/xAAUEAEAAAAAAAAAAAAAAAAAAAAA/8QAFgEBAQEAAAAAAAAAAAAAAAAAAAcI/8QAFBEBAAAAAAAAAAAAAAAAAAAAAP/aAAwDAQACEQMRAD8AlgCdNlgAP//Z";

/// One sound file of every format that is read.
fn sound() -> Vec<(&'static str, Vec<u8>)> {
    let floats = |n: usize| -> Vec<u8> {
        (0..n)
            .flat_map(|i| ((i * 37 % 19) as f32 / 7.0 - 1.0).to_le_bytes())
            .collect()
    };
    let tensors = {
        let header = r#"{"a.weight":{"dtype":"F32","shape":[4,6],"data_offsets":[0,96]},"b.weight":{"dtype":"F32","shape":[6],"data_offsets":[96,120]}}"#;
        let mut out = (header.len() as u64).to_le_bytes().to_vec();
        out.extend(header.as_bytes());
        out.extend(floats(30));
        out
    };
    let profile: Vec<String> = (0..30)
        .map(|i| {
            let (p, d, k) = (i * 37 % 900, i * 13 % 64, i * 911 % 40_000);
            let ms = 4.0 + 0.02 * f64::from(p) + 0.1 * f64::from(d) + 1e-4 * f64::from(k);
            format!("{p},{},{d},{k},{ms}", p * p)
        })
        .collect();
    let profile = profile.join("\n");
    let log = |row: fn(u32, f64, f64) -> String| -> String {
        (1..=12)
            .map(|i| {
                let rate = 1e-3 * (1.0 - f64::from(i) / 20.0);
                row(10 * i, rate, 3.0 + 2.0 / f64::from(i)) + "\n"
            })
            .collect()
    };
    let picture: Vec<u8> = (0..12 * 9_u32)
        .flat_map(|i| [(i * 7 % 256) as u8, (i * 3 % 256) as u8, 40, 255])
        .collect();
    let text = |t: &str| t.as_bytes().to_vec();
    vec![
        (
            "azure.csv",
            text(
                "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.9799600,4808,10\n2023-11-16 18:17:04.0319600,3180,8\n2023-11-16 18:17:05.1,110,27\n",
            ),
        ),
        (
            "plain.csv",
            text(
                "arrival_secs,prompt_tokens,output_tokens,user,class,priority,session\n0.0,812,64,alice,0,0,c1\n0.5,80,6,bob,1,2,c2\n0.9,12,640,alice,0,0,c1\n",
            ),
        ),
        (
            "burst.csv",
            text(
                "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n5,ChatGPT,472,18,490,Conversation log\n45,ChatGPT,1087,230,1317,Conversation log\n",
            ),
        ),
        (
            "mooncake.jsonl",
            text(
                "{\"timestamp\": 0, \"input_length\": 1300, \"output_length\": 500, \"hash_ids\": [0, 1, 2]}\n{\"timestamp\": 3000, \"input_length\": 1024, \"output_length\": 490, \"hash_ids\": [0, 3]}\n",
            ),
        ),
        (
            "profile.csv",
            format!("prefill_tokens,prefill_quad,decode_seqs,kv_tokens_read,iter_ms\n{profile}")
                .into_bytes(),
        ),
        (
            "log.csv",
            format!(
                "curve,step,lr,loss\n{}",
                log(|i, rate, loss| format!("a,{i},{rate},{loss}"))
            )
            .into_bytes(),
        ),
        (
            "log.jsonl",
            log(|i, rate, loss| {
                format!("{{\"step\": {i}, \"loss\": {loss}, \"learning_rate\": {rate}}}")
            })
            .into_bytes(),
        ),
        (
            "wandb.csv",
            format!(
                "\"Step\",\"run - train/loss\",\"run - train/learning_rate\"\n{}",
                log(|i, rate, loss| format!("\"{i}\",\"{loss}\",\"{rate}\""))
            )
            .into_bytes(),
        ),
        ("sigmas.txt", text("[14.6, 6.5, 3.1, 1.2, 0.5, 0.1, 0.0]")),
        (
            "timesteps.json",
            text("{\"timesteps\": [999, 750, 500, 250, 0]}"),
        ),
        (
            "scheduler_config.json",
            text(
                "{\"_class_name\": \"DDIMScheduler\", \"beta_start\": 0.00085, \"beta_end\": 0.012, \"beta_schedule\": \"scaled_linear\", \"num_train_timesteps\": 1000, \"steps_offset\": 1, \"timestep_spacing\": \"leading\", \"prediction_type\": \"epsilon\"}",
            ),
        ),
        ("picture.png", png::encode(12, 9, &picture)),
        (
            "picture.ppm",
            [text("P6\n4 3\n255\n"), (0..36).collect()].concat(),
        ),
        (
            "picture.jpg",
            base64::prelude::BASE64_STANDARD
                .decode(JPEG)
                .unwrap_or_default(),
        ),
        (
            "weights.npz",
            archive([
                ("a.npy", npy::write("<f4", &[8, 8], &floats(64))),
                ("b.npy", npy::write("<f4", &[4, 8], &floats(32))),
            ]),
        ),
        ("logits.npy", npy::write("<f4", &[12, 8], &floats(96))),
        ("weights.npy", npy::write("<f4", &[8, 8], &floats(64))),
        (
            "routes.csv",
            text("layer,expert\n0,3\n0,1\n0,3\n1,2\n1,0\n1,1\n"),
        ),
        ("model.safetensors", tensors),
        (
            "setup.schedlab.json",
            Shared::single(Setup::default_of(LabKind::Noise))
                .to_json()
                .into_bytes(),
        ),
    ]
}

/// Another number, word or sign in the place of one.
fn replaced(bytes: &[u8], rng: &mut Pcg64) -> Vec<u8> {
    const VALUES: [&str; 22] = [
        "0",
        "-0",
        "-1",
        "1e308",
        "1e309",
        "-1e400",
        "1e-400",
        "NaN",
        "nan",
        "inf",
        "-inf",
        "null",
        "true",
        "\"\"",
        "[]",
        "{}",
        "18446744073709551615",
        "18446744073709551616",
        "9007199254740993",
        "0x10",
        "1,5",
        "",
    ];
    let digit = |b: &u8| b.is_ascii_digit() || *b == b'.';
    let starts: Vec<usize> = (0..bytes.len())
        .filter(|&i| digit(&bytes[i]) && (i == 0 || !digit(&bytes[i - 1])))
        .collect();
    let Some(&at) = starts.get(rng.random_range(0..starts.len().max(1))) else {
        return bytes.to_vec();
    };
    let end = bytes[at..]
        .iter()
        .position(|b| !digit(b))
        .map_or(bytes.len(), |n| at + n);
    let value = VALUES[rng.random_range(0..VALUES.len())];
    [&bytes[..at], value.as_bytes(), &bytes[end..]].concat()
}

fn mutate(bytes: &[u8], other: &[u8], rng: &mut Pcg64) -> Vec<u8> {
    let mut out = bytes.to_vec();
    for _ in 0..rng.random_range(1..4_u32) {
        let len = out.len().max(1);
        match rng.random_range(0..10_u32) {
            0 => out.truncate(rng.random_range(0..len)),
            1 => out = replaced(&out, rng),
            2 if !out.is_empty() => {
                let at = rng.random_range(0..out.len());
                out[at] ^= 1 << rng.random_range(0..8_u32);
            }
            3 => {
                let junk: [&[u8]; 11] = [
                    b"\"",
                    b",",
                    b"\n",
                    b"\r",
                    b"{",
                    b"]",
                    b"\0",
                    b"\xff\xfe",
                    b"\xef\xbb\xbf",
                    b";",
                    "ÿ€".as_bytes(),
                ];
                let at = rng.random_range(0..len).min(out.len());
                let junk = junk[rng.random_range(0..junk.len())];
                out.splice(at..at, junk.iter().copied());
            }
            4 => {
                // A piece twice, or many times.
                let from = rng.random_range(0..len).min(out.len());
                let to = (from + rng.random_range(1..60_usize)).min(out.len());
                let times = if rng.random_range(0..8_u32) == 0 {
                    400
                } else {
                    1
                };
                let piece = out[from..to].repeat(times);
                out.splice(to..to, piece);
            }
            5 => {
                let from = rng.random_range(0..len).min(out.len());
                let to = (from + rng.random_range(1..60_usize)).min(out.len());
                out.drain(from..to);
            }
            6 => {
                // The start of one file, the end of another.
                let cut = rng.random_range(0..len).min(out.len());
                let from = rng.random_range(0..other.len().max(1)).min(other.len());
                out.truncate(cut);
                out.extend(&other[from..]);
            }
            7 if !out.is_empty() => {
                let from = rng.random_range(0..out.len());
                let to = (from + rng.random_range(1..12_usize)).min(out.len());
                rng.fill_bytes(&mut out[from..to]);
            }
            8 => {
                let mut lines: Vec<&[u8]> = out.split(|b| *b == b'\n').collect();
                let (a, b) = (
                    rng.random_range(0..lines.len()),
                    rng.random_range(0..lines.len()),
                );
                lines.swap(a, b);
                out = lines.join(&b'\n');
            }
            _ => out = replaced(&replaced(&out, rng), rng),
        }
    }
    out
}

/// Steps taken of a run: enough to begin, whatever its size.
const STEPS: usize = 40;

/// Uses the data as the lab's screen does, and begins the run.
fn begin<L: Lab>(key: &DataKey, data: &Dataset) {
    let Ok(config) = L::use_data(&L::Config::default(), key, data) else {
        return;
    };
    let mut library = schedlab::labs::Library::default();
    library.insert(key.clone(), data.clone());
    let Ok(mut job) = L::start(&config, &library) else {
        return;
    };
    for _ in 0..STEPS {
        match job.step() {
            Ok(Step::Working) => {}
            Ok(Step::Done(run)) => {
                assert!(!run.summary().is_empty(), "a run says something");
                for metric in run.metrics() {
                    assert!(!metric.id.is_empty(), "a metric has a name");
                }
                return;
            }
            Err(error) => {
                assert!(error.to_string().len() > 3, "an error in words");
                return;
            }
        }
    }
}

fn file(name: &str, bytes: &[u8]) -> bool {
    match sniff(name, bytes) {
        Err(error) => {
            let words = error.to_string();
            assert!(words.len() > 8, "{name}: an error in words: {words:?}");
            false
        }
        Ok(data) => {
            assert!(!data.words().is_empty(), "{name}: described");
            let (columns, rows) = data.preview();
            assert!(
                rows.iter().all(|r| r.len() == columns.len()),
                "{name}: preview"
            );
            let key = DataKey::of(name, bytes);
            for lab in data.labs() {
                match lab {
                    LabKind::Serving => begin::<serving::Serving>(&key, &data),
                    LabKind::Lr => begin::<lr::Lr>(&key, &data),
                    LabKind::Noise => begin::<noise::Noise>(&key, &data),
                    LabKind::Routing => begin::<routing::Routing>(&key, &data),
                    LabKind::Pruning => begin::<pruning::Pruning>(&key, &data),
                }
            }
            true
        }
    }
}

/// Runs rounds and says which one panicked.
fn campaign(mut round: impl FnMut(&mut Pcg64) -> bool) -> (u64, u64) {
    let (mut accepted, all) = (0, rounds());
    for i in 0..all {
        let mut rng = Pcg64::seed_from_u64(seed().wrapping_mul(1_000_003).wrapping_add(i));
        match catch_unwind(AssertUnwindSafe(|| round(&mut rng))) {
            Ok(taken) => accepted += u64::from(taken),
            Err(payload) => {
                println!("seed {}, round {i} panicked", seed());
                std::panic::resume_unwind(payload);
            }
        }
    }
    (accepted, all)
}

#[test]
fn sound_files_are_accepted() {
    for (name, bytes) in sound() {
        // Setups are no data: the app reads them before it looks for data.
        if name.ends_with(".schedlab.json") {
            assert!(
                Shared::from_json(&String::from_utf8_lossy(&bytes)).is_ok(),
                "{name}"
            );
        } else {
            assert!(
                file(name, &bytes),
                "{name} is refused: {:?}",
                sniff(name, &bytes).err()
            );
        }
    }
}

#[test]
fn no_file_stops_the_program() {
    let files = sound();
    let (accepted, all) = campaign(|rng| {
        let (name, bytes) = &files[rng.random_range(0..files.len())];
        let (_, other) = &files[rng.random_range(0..files.len())];
        file(name, &mutate(bytes, other, rng))
    });
    assert!(
        accepted > all / 20 && accepted < all,
        "{accepted} of {all} accepted"
    );
}

#[test]
fn no_setup_stops_the_program() {
    let setups: Vec<String> = exhibits()
        .map(|e| Shared::single((e.setup)()).to_json())
        .collect();
    let (accepted, all) = campaign(|rng| {
        let text = &setups[rng.random_range(0..setups.len())];
        let other = &setups[rng.random_range(0..setups.len())];
        let bytes = mutate(text.as_bytes(), other.as_bytes(), rng);
        let text = String::from_utf8_lossy(&bytes);
        match Shared::from_json(&text) {
            Err(error) => {
                assert!(error.to_string().len() > 8, "an error in words");
                false
            }
            Ok(shared) => {
                // What is read is written and read again as the same.
                let again = Shared::from_json(&shared.to_json());
                if shared.playhead.is_finite() {
                    assert_eq!(again.as_ref(), Ok(&shared), "it survives being written");
                }
                for setup in &shared.setups {
                    if let Err(error) = setup.check() {
                        assert!(error.to_string().len() > 8, "an error in words");
                    }
                }
                true
            }
        }
    });
    assert!(
        accepted > all / 100 && accepted < all,
        "{accepted} of {all} accepted"
    );
}

#[test]
fn no_link_stops_the_program() {
    let packed: Vec<String> = exhibits()
        .map(|e| Shared::single((e.setup)()).to_hash())
        .filter_map(|hash| hash.splitn(3, '/').nth(2).map(str::to_owned))
        .collect();
    let (accepted, all) = campaign(|rng| {
        let (a, b) = (
            rng.random_range(0..packed.len()),
            rng.random_range(0..packed.len()),
        );
        let bytes = mutate(packed[a].as_bytes(), packed[b].as_bytes(), rng);
        match Shared::from_packed(&String::from_utf8_lossy(&bytes)) {
            Ok(_) => true,
            Err(error) => {
                assert!(error.to_string().len() > 8, "an error in words");
                false
            }
        }
    });
    assert!(accepted < all, "{accepted} of {all} accepted");
}

#[test]
fn runs_of_accepted_setups_end_in_results_or_words() {
    // Fewer rounds: a run costs more than reading it.
    let setups: Vec<String> = exhibits()
        .map(|e| Shared::single((e.setup)()).to_json())
        .collect();
    let mut begun = 0;
    for i in 0..rounds() / 10 {
        let mut rng = Pcg64::seed_from_u64(seed().wrapping_mul(7_919).wrapping_add(i));
        let text = &setups[rng.random_range(0..setups.len())];
        let bytes = replaced(text.as_bytes(), &mut rng);
        let Ok(shared) = Shared::from_json(&String::from_utf8_lossy(&bytes)) else {
            continue;
        };
        let run = catch_unwind(AssertUnwindSafe(|| {
            for setup in &shared.setups {
                if setup.check().is_ok() {
                    start(setup);
                    begun += 1;
                }
            }
        }));
        assert!(
            run.is_ok(),
            "seed {}, round {i} panicked on {}",
            seed(),
            shared.to_json()
        );
    }
    assert!(begun > 0 || rounds() < 10, "some setups ran");
}

fn start(setup: &Setup) {
    fn some<L: Lab>(config: &L::Config) {
        let library = schedlab::labs::Library::default();
        let Ok(mut job) = L::start(config, &library) else {
            return;
        };
        for _ in 0..STEPS {
            match job.step() {
                Ok(Step::Working) => {}
                Ok(Step::Done(run)) => {
                    assert!(!run.summary().is_empty(), "a run says something");
                    return;
                }
                Err(_) => return,
            }
        }
    }
    match setup {
        Setup::Serving(config) => some::<serving::Serving>(config),
        Setup::Lr(config) => some::<lr::Lr>(config),
        Setup::Noise(config) => some::<noise::Noise>(config),
        Setup::Routing(config) => some::<routing::Routing>(config),
        Setup::Pruning(config) => some::<pruning::Pruning>(config),
    }
}
