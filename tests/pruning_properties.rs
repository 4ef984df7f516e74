//! Laws of the pruning lab that hold for every input.

use proptest::prelude::*;
use schedlab::core::mask::Mask;
use schedlab::core::select::{count_rule, magnitude_key, prune_by_magnitude};
use schedlab::labs::pruning::checkpoint::{self, Checkpoint, read_safetensors};
use schedlab::labs::pruning::header::Strictness;
use schedlab::labs::pruning::measure::effective;
use schedlab::labs::pruning::plan::{Known, Layer, Rule, plan};
use schedlab::labs::pruning::{Config, Granularity, Method};
use std::sync::Arc;

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Weights with many equal magnitudes, zeros of both signs, denormals and infinities.
fn weight() -> impl Strategy<Value = f32> {
    prop_oneof![
        4 => (-8_i8..8).prop_map(|v| f32::from(v) / 4.0),
        1 => Just(-0.0_f32),
        1 => Just(f32::INFINITY),
        1 => Just(f32::from_bits(1)),
        2 => any::<f32>().prop_filter("a number", |v| !v.is_nan()),
    ]
}

fn tensors() -> impl Strategy<Value = Vec<Vec<f32>>> {
    prop::collection::vec(prop::collection::vec(weight(), 1..60), 1..5)
}

fn masks_of(tensors: &[Vec<f32>], k: usize) -> Vec<Mask> {
    let parts: Vec<&[f32]> = tensors.iter().map(Vec::as_slice).collect();
    prune_by_magnitude(&parts, k as u64).1
}

fn layers(tensors: &[Vec<f32>]) -> Arc<[Layer]> {
    let mut start = 0;
    let mut layer = |t: &Vec<f32>| {
        let layer = Layer {
            name: String::new(),
            dtype: "F32".to_owned(),
            shape: vec![1, t.len() as u64],
            rows: 1,
            cols: t.len(),
            values: t.as_slice().into(),
            start,
        };
        start += t.len() as u64;
        layer
    };
    tensors.iter().map(&mut layer).collect()
}

/// A sound file: an entry a tensor, in any order of names.
fn sound_file() -> impl Strategy<Value = Vec<u8>> {
    let tensor = (
        prop::sample::select(vec![
            ("F32", 4_usize),
            ("F16", 2),
            ("BF16", 2),
            ("I64", 8),
            ("U8", 1),
            ("Q5", 1),
        ]),
        0_usize..4,
        1_usize..5,
    );
    (prop::collection::vec(tensor, 0..5), any::<bool>()).prop_map(|(tensors, texts)| {
        let (mut at, mut entries) = (0, Vec::new());
        if texts {
            entries.push(r#""__metadata__":{"format":"pt"}"#.to_owned());
        }
        for (i, ((dtype, width), rows, cols)) in tensors.into_iter().enumerate() {
            let end = at + width * rows * cols;
            entries.push(format!(
                r#""t{i}.weight":{{"dtype":"{dtype}","shape":[{rows},{cols}],"data_offsets":[{at},{end}]}}"#
            ));
            at = end;
        }
        let header = format!("{{{}}}", entries.join(","));
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend((0..at).map(|i| (i * 7 + 3) as u8 & 0x3f));
        bytes
    })
}

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn a_sound_file_is_read_whole_and_comes_out_of_pruning_nothing_unchanged(bytes in sound_file()) {
        use schedlab::core::Step;
        use schedlab::labs::pruning::rewrite::{Request, Rewrite};
        let read = checkpoint::read("w.safetensors", &bytes);
        let held = read.map(|c| 8 + c.header_length + c.tensors.iter().map(|t| t.bytes).sum::<u64>());
        prop_assert_eq!(held, Ok(bytes.len() as u64));
        let request = Request { sparsity: 0.0, ..Request::of(&Config::default()) };
        if let Ok(mut job) = Rewrite::new("w.safetensors", bytes.as_slice(), Vec::new(), None, request) {
            while matches!(job.step(), Ok(Step::Working)) {}
            prop_assert_eq!(job.into_sinks().0, bytes);
        }
    }
}

proptest! {
    #![proptest_config(config(200))]

    #[test]
    fn exactly_k_weights_go_and_no_kept_one_is_smaller_than_a_pruned_one(t in tensors(), share in 0.0..=1.0_f64) {
        let n: usize = t.iter().map(Vec::len).sum();
        let k = count_rule(share, n);
        let masks = masks_of(&t, k);
        let kept: usize = masks.iter().map(Mask::count).sum();
        prop_assert_eq!(kept, n - k);
        let mut all: Vec<(u32, usize, bool)> = Vec::new();
        for (t, m) in t.iter().zip(&masks) {
            for (i, &w) in t.iter().enumerate() {
                all.push((magnitude_key(w), all.len(), m.kept(i)));
            }
        }
        // Sorted by key and then by flat index, the pruned ones come first.
        all.sort_unstable();
        prop_assert!(all.iter().take(k).all(|w| !w.2));
        prop_assert!(all.iter().skip(k).all(|w| w.2));
    }

    #[test]
    fn a_larger_k_prunes_everything_a_smaller_one_does(t in tensors(), a in 0.0..=1.0_f64, b in 0.0..=1.0_f64) {
        let n: usize = t.iter().map(Vec::len).sum();
        let (low, high) = (count_rule(a.min(b), n), count_rule(a.max(b), n));
        for (few, many) in masks_of(&t, low).iter().zip(&masks_of(&t, high)) {
            prop_assert_eq!(&few.and(many), many);
        }
    }

    #[test]
    fn a_sweep_holds_the_masks_of_single_cuts(t in tensors()) {
        let steps = [0.0, 10.0, 33.0, 50.0, 90.0, 99.0];
        let layers = layers(&t);
        let n: usize = t.iter().map(Vec::len).sum();
        let rule = Rule::of(&Config::default());
        let swept = plan(&layers, rule, Known::default(), &steps);
        for (i, s) in steps.iter().enumerate() {
            for (l, mask) in masks_of(&t, count_rule(s / 100.0, n)).iter().enumerate() {
                let from_plan = Mask::from_fn(mask.len(), |w| usize::from(swept.pruned_at[l][w]) > i);
                prop_assert_eq!(&from_plan, mask);
                prop_assert_eq!(swept.kept[l][i], mask.count() as u64);
            }
        }
    }

    #[test]
    fn every_method_gives_nested_masks(t in tensors(), seed in any::<u64>()) {
        let layers = layers(&t);
        for method in Method::ALL.into_iter().filter(|m| m.from_weights()) {
            let rule = Rule { method, granularity: Granularity::Layer, seed, ..Rule::of(&Config::default()) };
            let swept = plan(&layers, rule, Known::default(), &[0.0, 25.0, 50.0, 75.0]);
            for kept in &swept.kept {
                prop_assert!(kept.windows(2).all(|w| w[0] >= w[1]), "{:?} {:?}", method, kept);
            }
        }
    }

    #[test]
    fn effective_weights_are_kept_and_sit_between_living_units(bits in prop::collection::vec(any::<bool>(), 5 * 6 + 6 * 4 + 4 * 3)) {
        let dims = [[6, 5], [4, 6], [3, 4]];
        let starts = [0, 30, 54];
        let kept = |l: usize, i: usize| bits[starts[l] + i];
        let e = effective(&dims, &kept);
        for l in 0..3 {
            let nominal = (0..dims[l][0] * dims[l][1]).filter(|&i| kept(l, i)).count() as u64;
            prop_assert!(e.kept[l] <= nominal);
            let any_alive = e.alive[l + 1].iter().any(|a| *a);
            prop_assert_eq!(e.kept[l] > 0, any_alive, "a living unit needs a living weight");
        }
    }
}

/// A small valid file.
fn good_file() -> Vec<u8> {
    let header = r#"{"__metadata__":{"k":"v"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"b.weight":{"dtype":"BF16","shape":[2,2],"data_offsets":[24,32]}}  "#;
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend((0..32_u8).map(|b| b.wrapping_mul(37)));
    bytes
}

fn names(checkpoint: &Checkpoint) -> Vec<String> {
    let mut names: Vec<String> = checkpoint.tensors.iter().map(|t| t.name.clone()).collect();
    names.sort_unstable();
    names
}

/// Our reference mode against the `safetensors` crate itself.
fn agrees_with_the_reference(bytes: &[u8]) -> Result<(), TestCaseError> {
    let ours = read_safetensors("x.safetensors", bytes, Strictness::Reference);
    let theirs = safetensors::SafeTensors::deserialize(bytes);
    prop_assert_eq!(
        ours.is_ok(),
        theirs.is_ok(),
        "ours {:?}, theirs {:?}",
        ours.err(),
        theirs.err()
    );
    if let (Ok(ours), Ok(theirs)) = (ours, theirs) {
        let mut want: Vec<String> = theirs.names().into_iter().map(str::to_owned).collect();
        want.sort_unstable();
        prop_assert_eq!(names(&ours), want);
    }
    Ok(())
}

#[test]
fn the_good_file_is_good() {
    let read = checkpoint::read("x.safetensors", &good_file()).expect("a good file");
    assert_eq!(names(&read), ["a", "b.weight"]);
    assert!(safetensors::SafeTensors::deserialize(&good_file()).is_ok());
}

proptest! {
    #![proptest_config(config(2000))]

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), name in prop_oneof![Just("x.safetensors"), Just("x.npy"), Just("x.txt")]) {
        let _told = schedlab::labs::sniff(name, &bytes).map_err(|e| e.to_string());
        agrees_with_the_reference(&bytes)?;
    }

    #[test]
    fn random_headers_never_panic(text in "\\{(\"[ab]\":\\{(\"(dtype|shape|data_offsets|x)\":(\"(F32|U8|Q)\"|\\[[0-9]{0,3}(,[0-9]{0,20})?\\]|null),?){0,3}\\},?){0,2}\\}", data in 0..20_usize) {
        let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(text.as_bytes());
        bytes.resize(bytes.len() + data, 0);
        let _told = checkpoint::read("x.safetensors", &bytes).map_err(|e| e.to_string());
        agrees_with_the_reference(&bytes)?;
    }

    #[test]
    fn a_damaged_file_is_read_or_refused_with_its_name(at in 0..200_usize, byte in any::<u8>(), cut in 0..220_usize) {
        let mut bytes = good_file();
        if let Some(b) = bytes.get_mut(at) {
            *b = byte;
        }
        bytes.truncate(cut);
        if let Err(error) = checkpoint::read("x.safetensors", &bytes) {
            prop_assert!(error.to_string().starts_with("x.safetensors, "), "{}", error);
        }
        agrees_with_the_reference(&bytes)?;
    }

    #[test]
    fn a_damaged_npy_file_never_panics(at in 0..140_usize, byte in any::<u8>(), cut in 0..160_usize) {
        let header = "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }";
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend([7_u8; 24]);
        if let Some(b) = bytes.get_mut(at) {
            *b = byte;
        }
        bytes.truncate(cut);
        let _told = checkpoint::read("x.npy", &bytes).map_err(|e| e.to_string());
    }
}
