use super::super::config::Config;
use super::*;
use crate::core::rng::{Stream, StreamId};
use crate::labs::pruning::checkpoint;
use crate::labs::pruning::plan::{Known, Layer, Rule, plan};

fn framed(header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend_from_slice(data);
    bytes
}

/// A file of all float formats with ties, a bias and integers, in an order of its own.
fn sample() -> Vec<u8> {
    let mut stream = Stream::new(4, StreamId::Test);
    let mut data = Vec::new();
    let mut spans = Vec::new();
    for (name, dtype, shape) in [
        ("z.weight", "BF16", [7, 11]),
        ("a.bias", "F32", [1, 5]),
        ("m.weight", "F32", [6, 50]),
        ("steps", "I64", [1, 2]),
        ("k.weight", "F16", [9, 13]),
        ("d.weight", "F64", [3, 10]),
    ] {
        let start = data.len();
        for _ in 0..shape[0] * shape[1] {
            let v = (stream.normal_f32() * 6.0).round() / 6.0;
            match dtype {
                "BF16" => data.extend(half::bf16::from_f32(v).to_le_bytes()),
                "F16" => data.extend(half::f16::from_f32(v).to_le_bytes()),
                "F32" => data.extend(v.to_le_bytes()),
                "F64" => data.extend(f64::from(v).to_le_bytes()),
                _ => data.extend(7_i64.to_le_bytes()),
            }
        }
        spans.push(format!(
            r#""{name}":{{"dtype":"{dtype}","shape":[{},{}],"data_offsets":[{start},{}]}}"#,
            shape[0],
            shape[1],
            data.len()
        ));
    }
    // The names stand in another order than the data.
    spans.reverse();
    let header = format!(
        r#"{{"__metadata__":{{"format":"pt"}},{}}}"#,
        spans.join(",")
    );
    framed(&header, &data)
}

fn request(method: Method, granularity: Granularity, sparsity: f64) -> Request {
    Request {
        method,
        granularity,
        ..Request::of(&Config {
            sparsity: 100.0 * sparsity,
            ..Config::default()
        })
    }
}

fn run(bytes: &[u8], request: Request) -> Result<(Vec<u8>, Vec<u8>, Report)> {
    let mut job = Rewrite::new(
        "w.safetensors",
        bytes,
        Vec::new(),
        Some(Vec::new()),
        request,
    )?;
    let report = loop {
        if let Step::Done(report) = job.step()? {
            break report;
        }
    };
    let (out, masks) = job.into_sinks();
    Ok((out, masks.unwrap(), report))
}

#[test]
fn nothing_pruned_means_the_same_bytes() {
    let bytes = sample();
    for method in [Method::Magnitude, Method::Random, Method::Lamp, Method::Erk] {
        let (out, _, report) = run(&bytes, request(method, Granularity::Global, 0.0)).unwrap();
        assert_eq!(out, bytes, "{method:?}");
        assert_eq!(report.pruned(), 0);
    }
    let all = Request {
        keep_n: 4,
        ..request(Method::NOfM, Granularity::Global, 0.0)
    };
    assert_eq!(run(&bytes, all).unwrap().0, bytes);
}

#[test]
fn a_file_is_pruned_as_the_lab_prunes_it_and_kept_weights_keep_their_bits() {
    let bytes = sample();
    let before = checkpoint::read("w.safetensors", &bytes).unwrap();
    let prunable = before.tensors.iter().filter(|t| t.is_prunable()).cloned();
    let layers: std::sync::Arc<[Layer]> = Layer::chain(prunable).into();
    for (method, granularity) in [
        (Method::Magnitude, Granularity::Global),
        (Method::Magnitude, Granularity::Layer),
        (Method::Random, Granularity::Global),
        (Method::Lamp, Granularity::Global),
        (Method::Erk, Granularity::Global),
        (Method::NOfM, Granularity::Global),
    ] {
        let asked = request(method, granularity, 0.7);
        let (out, masks, report) = run(&bytes, asked).unwrap();
        let after = checkpoint::read("w.safetensors", &out).unwrap();
        let masks = checkpoint::read("m.safetensors", &masks).unwrap();
        let rule = Rule {
            method,
            granularity,
            ..Rule::of(&Config::default())
        };
        let (steps, step) = match method {
            Method::NOfM => (vec![0.0, 25.0, 50.0], 2),
            _ => (vec![70.0], 0),
        };
        let want = plan(&layers, rule, Known::default(), &steps);
        let mut pruned = 0;
        for (l, layer) in layers.iter().enumerate() {
            let of = |c: &checkpoint::Checkpoint, name: &str| {
                let found = c.tensors.iter().find(|t| t.name == name);
                found.map(|t| t.values.clone()).unwrap()
            };
            let (old, new) = (of(&before, &layer.name), of(&after, &layer.name));
            let mask = of(&masks, &format!("{}.mask", layer.name));
            for i in 0..old.len() {
                let kept = usize::from(want.pruned_at[l][i]) > step;
                assert_eq!(mask[i] == 1.0, kept, "{method:?} {} {i}", layer.name);
                let expected = if kept { old[i].to_bits() } else { 0 };
                assert_eq!(new[i].to_bits(), expected, "{method:?} {} {i}", layer.name);
                pruned += u64::from(!kept);
            }
            assert_eq!(report.tensors[l].name, layer.name);
        }
        assert_eq!(report.pruned(), pruned, "{method:?}");
        // Everything else is as it was, in the same order.
        for (a, b) in before.tensors.iter().zip(&after.tensors) {
            assert_eq!((&a.name, &a.dtype, &a.shape), (&b.name, &b.dtype, &b.shape));
            assert!(a.is_prunable() || a.values == b.values);
        }
        assert_eq!(after.metadata["format"], "pt");
        assert!(after.metadata["pruning"].contains("\"schedlab\""));
        assert_eq!(after.header_length % 8, 0);
        let again = safetensors::SafeTensors::deserialize(&out).unwrap();
        assert_eq!(
            again.len(),
            before.tensors.len(),
            "the format's own library"
        );
    }
}

#[test]
fn names_can_be_left_out_and_chosen() {
    let bytes = sample();
    let asked = Request {
        only: vec!["weight".to_owned()],
        exclude: vec!["m.".to_owned(), "k.".to_owned()],
        ..request(Method::Magnitude, Granularity::Global, 0.5)
    };
    let (_, _, report) = run(&bytes, asked).unwrap();
    let names: Vec<&str> = report.tensors.iter().map(|t| t.name.as_str()).collect();
    assert_eq!(names, ["z.weight", "d.weight"]);
    assert_eq!(
        (report.weights(), report.pruned()),
        (107, 54),
        "53.5 rounds to 54"
    );
    assert_eq!(report.to_csv().lines().count(), 3);
    let none = Request {
        only: vec!["nothing".to_owned()],
        ..request(Method::Magnitude, Granularity::Global, 0.5)
    };
    assert!(run(&bytes, none).is_err());
}

#[test]
fn values_that_are_not_numbers_are_refused_zeroed_or_left_alone() {
    let values = [1.0_f32, f32::NAN, 3.0, 4.0];
    let data: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let mut twice = data.clone();
    twice.extend(1.0_f32.to_le_bytes().iter().chain(&2.0_f32.to_le_bytes()));
    let header = r#"{"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},"b":{"dtype":"F32","shape":[2,1],"data_offsets":[16,24]}}"#;
    let bytes = framed(header, &twice);
    let asked = |nan_policy| Request {
        nan_policy,
        ..request(Method::Magnitude, Granularity::Global, 0.5)
    };
    let error = run(&bytes, asked(NanPolicy::Refuse))
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("w.safetensors, tensor \"a\": 1 values are not a number"),
        "{error}"
    );
    let read = |out: &[u8]| {
        let c = checkpoint::read("w.safetensors", out).unwrap();
        c.tensors
            .iter()
            .flat_map(|t| t.values.to_vec())
            .collect::<Vec<f32>>()
    };
    let (out, _, report) = run(&bytes, asked(NanPolicy::Zero)).unwrap();
    assert_eq!(
        read(&out),
        [0.0, 0.0, 3.0, 4.0, 0.0, 2.0],
        "{:?}",
        report.remarks
    );
    let (out, _, _) = run(&bytes, asked(NanPolicy::Exclude)).unwrap();
    let got = read(&out);
    assert!(
        got[1].is_nan() && got[0] == 1.0 && got[4..] == [0.0, 2.0],
        "{got:?}"
    );
}

#[test]
fn lamp_says_how_much_memory_it_needs() {
    let asked = Request {
        memory: 100,
        ..request(Method::Lamp, Granularity::Global, 0.5)
    };
    assert_eq!(run(&sample(), asked).unwrap_err().field(), Some("memory"));
}

#[test]
fn an_npy_array_goes_through_and_keeps_its_bits() {
    use crate::labs::pruning::npy as format;
    // Two rows of three, stored columns first and big-endian.
    let mut bytes = format::write("<f4", &[2, 3], &[]);
    let at = bytes.windows(5).position(|w| w == b"False").unwrap();
    bytes[at..at + 5].copy_from_slice(b"True ");
    let at = bytes.windows(3).position(|w| w == b"<f4").unwrap();
    bytes[at] = b'>';
    for v in [1.0_f32, 4.0, 2.0, 5.0, 3.0, 6.0] {
        bytes.extend(v.to_be_bytes());
    }
    let array = format::read("w.npy", &bytes).unwrap();
    let wrapped = npy_as_safetensors("w.npy", &array).unwrap();
    let asked = request(Method::Magnitude, Granularity::Global, 0.5);
    let (out, _, _) = run(&wrapped, asked).unwrap();
    let back = npy_of_safetensors("w.npy", &out).unwrap();
    let array = format::read("w.npy", &back).unwrap();
    assert_eq!(array.values, [0.0, 0.0, 0.0, 4.0, 5.0, 6.0]);
    assert_eq!(
        (array.descr.as_str(), array.shape.as_slice()),
        ("<f4", &[2, 3][..])
    );
    assert_eq!((back.len() - 24) % 64, 0, "data at a multiple of 64");
    let flags = format::Array {
        descr: "|b1".to_owned(),
        ..array
    };
    assert!(npy_as_safetensors("w.npy", &flags).is_err());
}
