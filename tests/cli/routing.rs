//! Router dumps.

use super::*;

/// An `.npy` file.
fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let mut header =
        format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}");
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    out.extend((header.len() as u16).to_le_bytes());
    out.extend(header.as_bytes());
    out.extend(data);
    out
}

/// Logits with favourites: expert e of E gets a bonus that falls with e.
fn skewed_logits(rows: usize, experts: usize) -> Vec<f32> {
    (0..rows * experts)
        .map(|i| {
            let (t, e) = (i / experts, i % experts);
            let word = (t * 7919 + e * 104_729) % 1000;
            word as f32 / 500.0 - 0.35 * e as f32
        })
        .collect()
}

fn le(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// A zip archive with one stored file.
fn stored_zip(name: &str, content: &[u8]) -> Vec<u8> {
    let size = (content.len() as u32).to_le_bytes();
    let name_len = (name.len() as u16).to_le_bytes();
    let mut out = b"PK\x03\x04\x14\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00".to_vec();
    out.extend(size.iter().chain(&size).chain(&name_len).chain(&[0, 0]));
    out.extend(name.as_bytes());
    out.extend(content);
    let directory = out.len() as u32;
    out.extend(b"PK\x01\x02\x14\x00\x14\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00");
    out.extend(size.iter().chain(&size).chain(&name_len));
    out.extend([0_u8; 12]);
    out.extend(0_u32.to_le_bytes());
    out.extend(name.as_bytes());
    let length = out.len() as u32 - directory;
    out.extend(b"PK\x05\x06\x00\x00\x00\x00\x01\x00\x01\x00");
    out.extend(length.to_le_bytes());
    out.extend(directory.to_le_bytes());
    out.extend([0, 0]);
    out
}

fn written(folder: &Folder, name: &str, bytes: &[u8]) -> String {
    let path = folder.path(name);
    std::fs::write(&path, bytes).expect("written");
    path.display().to_string()
}

#[test]
fn a_logit_dump_is_routed_under_several_policies() {
    let folder = Folder::new();
    let data = le(&skewed_logits(2 * 512, 8));
    let file = written(
        &folder,
        "router_logits.npy",
        &npy("<f4", "2, 512, 8", &data),
    );
    let (pairs, out) = (folder.path("p.csv"), folder.path("m.json"));
    let mask = folder.path("served.npy");
    let output = schedlab(&[
        "route",
        &file,
        "--layer",
        "all",
        "--router",
        "mixtral,base,loss_free",
        "--set",
        "capacity_factor=1.25",
        "--assignments",
        pairs.to_str().expect("utf-8"),
        "--mask",
        mask.to_str().expect("utf-8"),
        "--out",
        out.to_str().expect("utf-8"),
    ]);
    let said = stdout(&output);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(
        said.contains("router_logits[1]: router logits of 512 tokens over 8 experts"),
        "{said}"
    );
    assert_eq!(
        said.lines().filter(|l| l.starts_with("layer ")).count(),
        6,
        "{said}"
    );
    let rows = std::fs::read_to_string(&pairs).expect("written");
    assert!(rows.starts_with("layer,router,batch,token,"), "{rows:.60}");
    let base = rows.lines().filter(|l| l.starts_with("1,base,")).count();
    assert_eq!(base, 512, "one expert a token");
    let mask = std::fs::read(&mask).expect("written");
    let header = String::from_utf8_lossy(&mask[..128]);
    assert!(
        header.contains("'|u1'") && header.contains("(6, 512, 8)"),
        "{header}"
    );
    let served = mask[mask.len() - 6 * 512 * 8..]
        .iter()
        .map(|&b| usize::from(b))
        .sum::<usize>();
    let kept = rows.lines().filter(|l| l.ends_with(",1")).count();
    assert_eq!(served, kept, "a one for every pair that is kept");
    let json: Value =
        serde_json::from_str(&std::fs::read_to_string(&out).expect("written")).expect("JSON");
    let metric = |i: usize, id: &str| {
        let metrics = json["results"][i]["metrics"].as_array().expect("metrics");
        let found = metrics.iter().find(|m| m["id"] == id).expect("the metric");
        found["value"].as_f64().expect("a number")
    };
    assert!(metric(0, "max_violation") > 0.5, "favourites stand out");
    assert_eq!(metric(1, "max_violation"), 0.0, "512 tokens, 64 each");
}

#[test]
fn choices_are_read_from_numpy_archives_and_tables() {
    let folder = Folder::new();
    let choices: Vec<u8> = (0..256_i64)
        .flat_map(|t| [t % 5, 5 + t % 3])
        .flat_map(i64::to_le_bytes)
        .collect();
    let array = npy("<i8", "256, 2", &choices);
    let file = written(&folder, "dump.npz", &stored_zip("topk.npy", &array));
    let output = schedlab(&["route", &file]);
    let said = stdout(&output);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(
        said.contains("topk: chosen experts of 256 tokens over 8 experts, 2 per token"),
        "{said}"
    );
    let table: String = "layer,expert\n".to_owned()
        + &(0..64)
            .flat_map(|t| (0..2).map(move |l| format!("{l},{}\n{l},{}\n", t % 3, 3 + t % 2)))
            .collect::<String>();
    let file = folder.file("moe-trace.csv", &table);
    let output = schedlab(&["route", &file, "--layer", "1"]);
    let said = stdout(&output);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(said.contains("layer 1  As recorded"), "{said}");
}

#[test]
fn bad_router_dumps_are_refused_with_the_reason() {
    let folder = Folder::new();
    let good = le(&skewed_logits(4, 4));
    let mut nan = skewed_logits(4, 4);
    nan[9] = f32::NAN;
    let cases: [(&str, Vec<u8>, &[&str]); 6] = [
        (
            "cut.npy",
            npy("<f4", "9, 4", &good),
            &["144 bytes of data expected, 64 found"],
        ),
        (
            "flat.npy",
            npy("<f4", "16", &good),
            &["no tensor of tokens × experts", "flat 16"],
        ),
        (
            "nan.npy",
            npy("<f4", "4, 4", &le(&nan)),
            &["row 2", "entry 1 is NaN"],
        ),
        (
            "huge.npy",
            npy("<f4", "4294967296, 4294967296", &good),
            &["overflows"],
        ),
        (
            "cut.npz",
            stored_zip("a.npy", &good)[..60].to_vec(),
            &["cut off"],
        ),
        (
            "twice.npy",
            npy("|u1", "2, 2", &[3, 3, 1, 2]),
            &["row 0", "expert 3 stands there twice"],
        ),
    ];
    for (name, bytes, words) in cases {
        let file = written(&folder, name, &bytes);
        assert_bad_input(&schedlab(&["route", &file]), words);
    }
    let file = written(&folder, "ok.npy", &npy("<f4", "4, 4", &good));
    for (args, words) in [
        (["--layer", "3"], &["--layer is 3", "0 to 0"][..]),
        (["--router", "nonsense"], &["nonsense"]),
        (["--router", "hash"], &["router is Hash", "no embeddings"]),
        (["--router", "recorded"], &["scores, not choices"]),
        (["--set", "k=5"], &["k is 5"]),
        (["--set", "kk=5"], &["--set is kk"]),
        (["--set", "capacity_factor=-1"], &["capacity_factor is -1"]),
    ] {
        let output = schedlab(&["route", &file, args[0], args[1]]);
        let said = stderr(&output);
        assert_eq!(code(&output), 2, "{args:?}: {said}{}", stdout(&output));
        for word in words {
            assert!(said.contains(word), "{args:?}: {word:?} is not in {said}");
        }
    }
}
