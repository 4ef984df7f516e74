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
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path(name);
        std::fs::File::create(&path)
            .and_then(|mut f| std::io::Write::write_all(&mut f, bytes))
            .expect("written");
        path.display().to_string()
    };
    let bytes = checkpoint((0_u8..).map(|i| f32::from(i) / 8.0 - 2.0));
    let input = write("a.safetensors", &bytes);
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
    let nan = write("nan.safetensors", &checkpoint(std::iter::repeat(f32::NAN)));
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
    let cut = write("cut.safetensors", &bytes[..bytes.len() - 1]);
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

/// Opt-in: `pip install safetensors numpy`.
#[test]
fn a_pruned_checkpoint_opens_in_the_python_library() {
    let python = |script: &str, args: &[&str]| {
        Command::new("python3")
            .arg("-c")
            .arg(script)
            .args(args)
            .output()
    };
    let there = python("import numpy, safetensors", &[]);
    if !there.is_ok_and(|o| o.status.success()) {
        println!("SKIPPED: python3 has no safetensors package");
        return;
    }
    let folder = Folder::new();
    let [a, b] = ["a.safetensors", "b.safetensors"].map(|n| folder.path(n).display().to_string());
    let make = "import sys, numpy as np; from safetensors.numpy import save_file; r = np.random.default_rng(0); \
                save_file({'l.weight': r.normal(size=(64, 32)).astype('f4'), 'h.weight': r.normal(size=(8, 3, 3, 3)).astype('f2'), 'l.bias': np.ones(64, 'f4')}, sys.argv[1], {'format': 'np'})";
    let check = "import sys, numpy as np; from safetensors.numpy import load_file; a, b = load_file(sys.argv[1]), load_file(sys.argv[2]); \
                 assert list(a) == list(b); assert (a['l.bias'] == b['l.bias']).all(); \
                 n = sum((b[k] == 0).sum() for k in b); assert n == round((64 * 32 + 216) * 0.75), n; \
                 assert all(((b[k] == a[k]) | (b[k] == 0)).all() for k in a)";
    let made = python(make, &[&a]).expect("python3 starts");
    assert!(made.status.success(), "{}", stderr(&made));
    let done = schedlab(&["prune", "--in", &a, "--out", &b, "--sparsity", "0.75"]);
    assert_eq!(code(&done), 0, "{}", stderr(&done));
    let checked = python(check, &[&a, &b]).expect("python3 starts");
    assert!(checked.status.success(), "{}", stderr(&checked));
}
