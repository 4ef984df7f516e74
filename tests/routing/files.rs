//! Dumps of real routers: routed, or refused in words.

use schedlab::core::finish;
use schedlab::core::rng::{Stream, StreamId};
use schedlab::labs::routing::{Along, BatchRun, Config, Routing};
use schedlab::labs::{DataKey, Lab as _, LabRun as _, Library, sniff};

/// A `.npy` file of single-precision numbers.
fn npy(shape: &str, values: &[f32]) -> Vec<u8> {
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}");
    let pad = 64 - (10 + header.len() + 1) % 64;
    let header = format!("{header}{}\n", " ".repeat(pad));
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    out.extend((header.len() as u16).to_le_bytes());
    out.extend(header.as_bytes());
    out.extend(values.iter().flat_map(|v| v.to_le_bytes()));
    out
}

/// Reads a file as a dump and routes it; the error in words where that cannot be.
fn route_bytes(name: &str, bytes: &[u8]) -> Result<usize, String> {
    let data = sniff(name, bytes).map_err(|e| e.to_string())?;
    let key = DataKey::of(name, bytes);
    let config = Routing::use_data(&Config::default(), &key, &data).map_err(|e| e.to_string())?;
    let mut library = Library::default();
    library.insert(key, data);
    let config = Config {
        tokens: config.tokens.min(16),
        batches: 1,
        ..config
    };
    let mut job = Routing::start(&config, &library).map_err(|e| e.to_string())?;
    let run = finish(&mut *job).map_err(|e| e.to_string())?;
    let batches = run.batches().expect("batches of tokens").batches();
    let pairs = batches[0].pairs.iter();
    assert!(
        pairs
            .clone()
            .all(|p| p.gate.is_finite() && p.weight.is_finite()),
        "{name}: a gate that is not a number"
    );
    Ok(pairs.count())
}

#[test]
fn broken_dumps_are_refused_in_words_or_routed_and_never_panic() {
    let mut draw = Stream::new(9, StreamId::Test);
    let logits: Vec<f32> = (0..2 * 24 * 8).map(|_| draw.normal_f32()).collect();
    let table: String = (0..24)
        .flat_map(|t| (0..4).map(move |j| format!("{},{}\n", j / 2, (3 * t + j) % 8)))
        .collect();
    let table = format!("layer,expert\n{table}");
    let files = [
        ("logits.npy", npy("(2, 24, 8)", &logits)),
        ("trace.csv", table.into_bytes()),
    ];
    for (name, bytes) in &files {
        assert_eq!(route_bytes(name, bytes).map(|n| n > 0), Ok(true), "{name}");
    }
    for round in 0..240_u32 {
        let (name, bytes) = &files[(round % 2) as usize];
        let mut broken = bytes.clone();
        for _ in 0..=draw.below(3) {
            let at = draw.below(broken.len() as u32) as usize;
            match draw.below(5) {
                0 => broken.truncate(at),
                1 => broken[at] ^= 1 << draw.below(8),
                2 => broken[at] = draw.word() as u8,
                // A number that is none, where it may fall inside of one.
                3 => broken.splice(at..at, f32::NAN.to_le_bytes()).for_each(drop),
                _ => broken.splice(at..at, b"999999999".to_vec()).for_each(drop),
            }
            if broken.is_empty() {
                break;
            }
        }
        if let Err(words) = route_bytes(name, &broken) {
            assert!(words.len() > 10, "round {round}: {words:?} says too little");
        }
    }
}

#[test]
fn wrong_shapes_numbers_and_sizes_are_named() {
    let ok = vec![0.5_f32; 4 * 6];
    let mut nan = ok.clone();
    nan[6 * 2 + 3] = f32::NAN;
    let whole = npy("(4, 6)", &ok);
    for (what, bytes, words) in [
        ("not a number", npy("(4, 6)", &nan), "row 2"),
        ("cut short", whole[..whole.len() - 5].to_vec(), ""),
        ("no such shape", npy("(2, 2, 2, 3)", &ok), "tokens"),
        (
            "a shape larger than the file",
            npy("(4000000000, 600)", &ok),
            "",
        ),
        ("too many experts", npy("(1, 600)", &[0.1; 600]), "512"),
        ("without tokens", npy("(0, 8)", &[]), ""),
    ] {
        let error = route_bytes("logits.npy", &bytes).expect_err(what);
        assert!(error.contains(words), "{what}: {error}");
        assert!(
            error.contains("logits.npy"),
            "{what} names no file: {error}"
        );
    }
    for (text, words) in [
        ("layer,expert\n0,1\n0,one\n", "line 3"),
        ("layer,expert\n0,1\n0,2\n1,3\n0,4\n", "token 1"),
        ("layer,expert\n0,7\n0,7\n", "twice"),
        ("layer,expert\n0,512\n", "512"),
        ("layer,expert\n", "logits.csv"),
    ] {
        let error = route_bytes("logits.csv", text.as_bytes()).expect_err(text);
        assert!(error.contains(words), "{text:?}: {error}");
    }
}

#[test]
fn every_layer_of_a_dump_stands_beside_the_one_that_is_routed() {
    // All tokens on two experts; then two neighbours each, in turn; then the first again.
    let top = |layer: usize, t: usize| if layer == 1 { t % 8 } else { 3 };
    let entry = |i: usize| {
        let (layer, t, e) = (i / 512, i / 8 % 64, i % 8);
        let rank = (e + 8 - top(layer, t)) % 8;
        [2.5, 1.5].get(rank).copied().unwrap_or(0.25)
    };
    let values: Vec<f32> = (0..3 * 64 * 8).map(entry).collect();
    let bytes = npy("(3, 64, 8)", &values);
    let data = sniff("logits.npy", &bytes).expect("a dump");
    let key = DataKey::of("logits.npy", &bytes);
    let config = Routing::use_data(&Config::default(), &key, &data).expect("a setup");
    assert_eq!((config.tokens, config.batches, config.k), (64, 1, 2));
    let mut library = Library::default();
    library.insert(key, data);
    for layer in [0, 1] {
        let config = Config {
            layer,
            ..config.clone()
        };
        let mut job = Routing::start(&config, &library).expect("a legal config");
        let run = finish(&mut *job).expect("the run ends");
        let chart = run.charts().iter().find(|c| c.id == "layers");
        let chart = chart.expect("a chart of the layers");
        let line: Vec<[f64; 2]> = chart.series[0].points.to_vec();
        assert_eq!(line, [[0.0, 3.0], [1.0, 0.0], [2.0, 3.0]]);
        assert_eq!(chart.marks[0].x, layer as f64);
        let own = run.metrics().into_iter().find(|m| m.id == "max_violation");
        let own = own.expect("a figure").value;
        assert_eq!(own, line[layer as usize][1], "the run's own figure");
    }
}

/// A run on a dump, as it opens, on this layer.
fn opened(bytes: &[u8], layer: u64) -> BatchRun {
    let data = sniff("logits.npy", bytes).expect("a dump");
    let key = DataKey::of("logits.npy", bytes);
    let config = Routing::use_data(&Config::default(), &key, &data).expect("a setup");
    let mut library = Library::default();
    library.insert(key, data);
    let mut job = Routing::start(&Config { layer, ..config }, &library).expect("a legal config");
    let run = finish(&mut *job).expect("the run ends");
    run.batches().cloned().expect("batches of tokens")
}

#[test]
fn the_panels_of_layers_hold_what_a_plain_loop_counts() {
    let (layers, tokens, experts) = (5, 300, 12);
    let mut draw = Stream::new(4, StreamId::Test);
    let values: Vec<f32> = (0..layers * tokens * experts)
        .map(|i| draw.normal_f32() + (i % experts) as f32 * 0.1)
        .collect();
    let run = opened(&npy("(5, 300, 12)", &values), 2);
    let config = run.config();
    let taken = (config.tokens * config.batches) as usize;
    let k = config.k as usize;
    assert!(taken > 200 && k == 2, "{taken} tokens");
    let panels = run.multiples().expect("several layers");
    assert_eq!((panels.along, panels.panels.len()), (Along::Layers, layers));
    for (layer, panel) in panels.panels.iter().enumerate() {
        let mut counts = vec![0.0; experts];
        for t in 0..taken {
            let row = &values[(layer * tokens + t) * experts..][..experts];
            let mut order: Vec<usize> = (0..experts).collect();
            order.sort_by(|&a, &b| row[b].total_cmp(&row[a]));
            for &e in &order[..k] {
                counts[e] += 1.0;
            }
        }
        assert_eq!(panel.pairs(), counts, "layer {layer}");
        let fair = (taken * k) as f64 / experts as f64;
        let over: Vec<f64> = counts.iter().map(|c| c / fair).collect();
        assert_eq!(panel.loads[..], over[..], "layer {layer}");
        let sorted: Vec<f64> = panel.order.iter().map(|&e| over[e]).collect();
        assert_eq!(panel.sorted[..], sorted[..], "layer {layer}");
        assert!(sorted.is_sorted_by(|a, b| a >= b), "layer {layer}");
        assert!(panels.top > sorted[0] || sorted[0] > 2.0, "layer {layer}");
        let chance = panel.chance.as_ref().expect("choices by scores");
        assert_eq!(chance.ranks.len(), experts);
    }
    // The layer of the run, by the run's own count.
    let own: Vec<f64> = (0..experts)
        .map(|e| run.batches().iter().map(|b| f64::from(b.demand[e])).sum())
        .collect();
    assert_eq!(panels.panels[2].pairs(), own);
}

#[test]
fn without_several_layers_the_panels_are_the_batches() {
    let mut job = Routing::start(&Config::default(), &Library::default()).expect("a legal config");
    let run = finish(&mut *job).expect("the run ends");
    let run = run.batches().expect("batches of tokens");
    let panels = run.multiples().expect("several batches");
    assert_eq!(panels.along, Along::Batches);
    assert_eq!(panels.panels.len(), run.batches().len());
    for (panel, batch) in panels.panels.iter().zip(run.batches()) {
        let demand: Vec<f64> = batch.demand.iter().map(|&d| f64::from(d)).collect();
        assert_eq!(panel.pairs(), demand);
    }
    let one = Config {
        batches: 1,
        ..Config::default()
    };
    let mut job = Routing::start(&one, &Library::default()).expect("a legal config");
    let run = finish(&mut *job).expect("the run ends");
    let run = run.batches().expect("batches of tokens");
    assert_eq!(run.multiples(), None, "nothing to compare");
}
