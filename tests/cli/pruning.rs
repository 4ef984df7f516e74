//! Checkpoints.

use super::*;

fn read_bytes(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|mut f| std::io::Read::read_to_end(&mut f, &mut bytes))
        .expect("a file");
    bytes
}

/// A checkpoint with two weights, a bias and integers.
fn checkpoint(values: impl Iterator<Item = f32>) -> Vec<u8> {
    let header = r#"{"up.weight":{"dtype":"F32","shape":[4,8],"data_offsets":[0,128]},"up.bias":{"dtype":"F32","shape":[4],"data_offsets":[128,144]},"ids":{"dtype":"I64","shape":[1],"data_offsets":[144,152]},"down.weight":{"dtype":"BF16","shape":[2,4],"data_offsets":[152,168]}}"#;
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend(values.take(36).flat_map(f32::to_le_bytes));
    bytes.extend(9_i64.to_le_bytes());
    bytes.extend([0x80, 0x3f].repeat(8));
    bytes
}

#[test]
fn a_checkpoint_is_pruned_listed_and_left_alone() {
    let folder = Folder::new();
    let bytes = checkpoint((0_u8..).map(|i| f32::from(i) / 8.0 - 2.0));
    let input = folder.file("a.safetensors", &bytes);
    let out = folder.path("b.safetensors");
    let out = out.to_str().expect("a name in UTF-8");
    let csv = folder.path("layers.csv");
    let recipe = folder.path("recipe.json");
    let masks = folder.path("masks.safetensors");

    let listed = schedlab(&["prune", "--in", &input, "--list", "--only", "weight"]);
    assert_eq!(code(&listed), 0, "{}", stderr(&listed));
    assert!(stdout(&listed).contains("2 of 4 tensors, 40 prunable weights"));

    let same = schedlab(&["prune", "--in", &input, "--out", out, "--sparsity", "0"]);
    assert_eq!(code(&same), 0, "{}", stderr(&same));
    assert_eq!(read_bytes(Path::new(out)), bytes, "byte for byte");

    let text = |path: &Path| path.to_str().expect("a name in UTF-8").to_owned();
    let done = schedlab(&[
        "prune",
        "--in",
        &input,
        "--out",
        out,
        "--sparsity",
        "0.5",
        "--csv",
        &text(&csv),
        "--recipe",
        &text(&recipe),
        "--masks",
        &text(&masks),
    ]);
    assert_eq!(code(&done), 0, "{}", stderr(&done));
    assert!(
        stdout(&done).contains("20 of 40 weights set to 0 (50 %)"),
        "{}",
        stdout(&done)
    );
    let own = schedlab(&[
        "prune",
        "--in",
        &input,
        "--out",
        &text(&folder.path("own.safetensors")),
        "--sparsity",
        "0.5",
        "--rate",
        "up=0",
    ]);
    assert_eq!(code(&own), 0, "{}", stderr(&own));
    assert!(stdout(&own).contains("0.00 % pruned"), "{}", stdout(&own));
    let pruned = read_bytes(Path::new(out));
    let (old, new) = (
        safetensors::SafeTensors::deserialize(&bytes).expect("sound"),
        safetensors::SafeTensors::deserialize(&pruned).expect("sound"),
    );
    for (name, was) in old.tensors() {
        let is = new.tensor(&name).expect("still there");
        assert_eq!(
            (was.dtype(), was.shape()),
            (is.dtype(), is.shape()),
            "{name}"
        );
        let width = was.data().len() / was.shape().iter().product::<usize>();
        let pairs = was.data().chunks(width).zip(is.data().chunks(width));
        let kept = pairs.filter(|(a, b)| a == b).count();
        let gone = is
            .data()
            .chunks(width)
            .filter(|b| b.iter().all(|x| *x == 0))
            .count();
        if name.ends_with("weight") {
            assert!(kept + gone >= is.shape().iter().product(), "{name}");
        } else {
            assert_eq!(was.data(), is.data(), "{name}");
        }
    }
    let rows = std::fs::read_to_string(&csv).expect("written");
    assert_eq!(rows.lines().count(), 3, "{rows}");
    let recipe: Value = serde_json::from_slice(&read_bytes(&recipe)).expect("JSON");
    assert_eq!(
        (
            recipe["pruned"].as_u64(),
            recipe["recipe"]["sparsity"].as_f64()
        ),
        (Some(20), Some(0.5))
    );
    let masks = read_bytes(&masks);
    let masks = safetensors::SafeTensors::deserialize(&masks).expect("sound");
    let ones: usize = masks
        .tensors()
        .iter()
        .map(|(_, t)| t.data().iter().map(|b| usize::from(*b)).sum::<usize>())
        .sum();
    assert_eq!(ones, 20, "kept weights in the masks");

    // What cannot be done is said, and leaves no file.
    let bad = folder.path("c.safetensors");
    let bad_name = text(&bad);
    let nan = folder.file("nan.safetensors", &checkpoint(std::iter::repeat(f32::NAN)));
    for (args, words) in [
        (
            vec!["--in", &nan, "--sparsity", "0.5"],
            vec!["nan.safetensors", "tensor \"up.weight\"", "not a number"],
        ),
        (
            vec!["--in", &input, "--sparsity", "1.5"],
            vec!["sparsity is 1.5", "0 to 1"],
        ),
        (vec!["--in", &input, "--method", "5:4"], vec!["keep_n is 5"]),
        (
            vec!["--in", &input, "--method", "best", "--sparsity", "0.5"],
            vec!["method is best", "magnitude"],
        ),
        (vec!["--in", &input], vec!["--sparsity", "missing"]),
        (
            vec!["--in", &input, "--method", "2:4", "--sparsity", "0.5"],
            vec!["N:M"],
        ),
    ] {
        let mut all = vec!["prune", "--out", &bad_name];
        all.extend(args);
        assert_bad_input(&schedlab(&all), &words);
        assert!(
            !bad.exists() && !folder.path("c.safetensors.part").exists(),
            "{words:?}"
        );
    }
    let onto_itself = schedlab(&[
        "prune",
        "--in",
        &input,
        "--out",
        &input,
        "--sparsity",
        "0.5",
    ]);
    assert_bad_input(&onto_itself, &["is the input"]);
    let cut = folder.file("cut.safetensors", &bytes[..bytes.len() - 1]);
    let cut = schedlab(&[
        "prune",
        "--in",
        &cut,
        "--out",
        &bad_name,
        "--sparsity",
        "0.5",
    ]);
    assert_bad_input(
        &cut,
        &["cut.safetensors", "tensor \"down.weight\"", "cut off"],
    );
}

/// Makes a file with texts, and formats and shapes of several kinds.
const MAKE: &str = r#"
import sys, numpy as np
from safetensors.numpy import save_file
r = np.random.default_rng(0)
save_file({
    "l.weight": r.normal(size=(64, 32)).astype("f4"),
    "h.weight": r.normal(size=(8, 3, 3, 3)).astype("f2"),
    "d.weight": r.normal(size=(4, 4)).astype("f8"),
    "l.bias": np.ones(64, "f4"),
    "ids": np.arange(5),
    "empty": np.zeros((0, 3), "f4"),
}, sys.argv[1], {"format": "np", "by": "a \u00e9 test"})
"#;

/// Compares a file with its pruned copy; prints how many weights are 0.
const CHECK: &str = r#"
import sys, numpy as np
from safetensors import safe_open
with safe_open(sys.argv[1], "numpy") as a, safe_open(sys.argv[2], "numpy") as b:
    texts = dict(b.metadata())
    assert "schedlab" in texts.pop("pruning"), "the recipe"
    assert texts == dict(a.metadata()), (texts, a.metadata())
    assert list(a.keys()) == list(b.keys()), "names"
    zeros = 0
    for name in a.keys():
        was, now = a.get_tensor(name), b.get_tensor(name)
        assert (was.dtype, was.shape) == (now.dtype, now.shape), name
        if not name.endswith("weight"):
            assert (was == now).all(), name
            continue
        assert ((now == was) | (now == 0)).all(), name
        zeros += int((now == 0).sum())
print(zeros)
"#;

/// Opt-in: `SCHEDLAB_PYTHON` names an interpreter that has safetensors and numpy.
#[test]
fn a_pruned_checkpoint_opens_in_the_python_library() {
    let Ok(python) = std::env::var("SCHEDLAB_PYTHON") else {
        println!("SKIPPED pruned checkpoint in Python: SCHEDLAB_PYTHON names no interpreter");
        return;
    };
    let run = |script: &str, args: &[&str]| {
        let mut all = vec!["-c", script];
        all.extend(args);
        let done = Command::new(&python).args(all).output();
        done.unwrap_or_else(|e| panic!("{python}: {e}"))
    };
    let there = run("import numpy, safetensors", &[]);
    if !there.status.success() {
        println!("SKIPPED pruned checkpoint in Python: {}", stderr(&there));
        return;
    }
    let folder = Folder::new();
    let [a, b] = ["a.safetensors", "b.safetensors"].map(|n| folder.path(n).display().to_string());
    let made = run(MAKE, &[&a]);
    assert!(made.status.success(), "{}", stderr(&made));
    // Half to even: 2,280 weights in all.
    for (sparsity, gone) in [("0.75", 1710), ("0.9", 2052)] {
        let done = schedlab(&["prune", "--in", &a, "--out", &b, "--sparsity", sparsity]);
        assert_eq!(code(&done), 0, "{}", stderr(&done));
        let checked = run(CHECK, &[&a, &b]);
        assert!(checked.status.success(), "{}", stderr(&checked));
        assert_eq!(stdout(&checked).trim(), gone.to_string(), "zeros");
    }
    println!("safetensors in Python reads the pruned file as it was written");
}

#[test]
fn singular_values_of_every_matrix_of_a_checkpoint_are_printed_and_written() {
    let folder = Folder::new();
    // Four rows with one entry each: 5, 0, 3 and 4; all ones in the other one.
    let at = |i: usize| [5.0, 0.0, -3.0, 4.0][i / 8] * f32::from(u8::from(i % 8 == i / 8));
    let values = (0..36).map(|i| if i < 32 { at(i) } else { 0.0 });
    let input = folder.file("a.safetensors", &checkpoint(values));
    let csv = folder.path("values.csv").display().to_string();
    let done = schedlab(&["prune", "--in", &input, "--spectra", &csv]);
    assert_eq!(code(&done), 0, "{}", stderr(&done));
    let said = stdout(&done);
    assert!(
        said.contains("up.weight: 4 × 8, largest 5, stable rank 2, effective rank 2.9"),
        "{said}"
    );
    assert!(said.contains("down.weight: 2 × 4"), "{said}");
    let rows = std::fs::read_to_string(&csv).expect("written");
    let values: Vec<f64> = rows
        .lines()
        .skip(1)
        .map(|row| row.split(',').nth(4).and_then(|v| v.parse().ok()))
        .map(|v| v.expect("a number"))
        .collect();
    assert_eq!(values.len(), 6, "{rows}");
    assert_eq!(values[..4], [5.0, 4.0, 3.0, 0.0]);
    // Ones alone: √8, and 0 up to rounding.
    assert!((values[4] - 8.0_f64.sqrt()).abs() < 1e-12, "{rows}");
    assert!(values[5] < 1e-7, "{rows}");

    // What has none is left out in words; nothing at all is refused.
    let nan = folder.file("nan.safetensors", &checkpoint(std::iter::repeat(f32::NAN)));
    let part = schedlab(&["prune", "--in", &nan, "--spectra", &csv]);
    assert_eq!(code(&part), 0, "{}", stderr(&part));
    assert!(stderr(&part).contains("up.weight"), "{}", stderr(&part));
    let none = schedlab(&["prune", "--in", &nan, "--spectra", &csv, "--only", "up"]);
    assert_eq!(code(&none), 2, "nothing was computed");
    let said = stderr(&none);
    assert!(said.contains("tensor \"up.weight\""), "{said}");
    assert!(said.contains("none has singular values"), "{said}");
}
