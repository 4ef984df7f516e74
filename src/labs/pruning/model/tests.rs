//! A run from its config to its results.

use super::super::checkpoint::{Checkpoint, Tensor};
use super::super::config::NanPolicy;
use super::*;
use crate::core::finish;
use crate::labs::Dataset;
use crate::labs::{DataKey, LabRun as _};

fn run(config: &Config, data: &Library) -> Result<Run> {
    finish(&mut Work::new(config, data)?)
}

fn small() -> Config {
    Config {
        hidden1: 24,
        hidden2: 12,
        train_steps: 120,
        ..Config::default()
    }
}

#[test]
fn a_trained_network_keeps_its_accuracy_for_long_and_then_loses_it() {
    let run = run(&small(), &Library::default()).unwrap();
    let r = run.results();
    let accuracy = |i: usize| r.points[i].judged.unwrap().accuracy();
    assert!(accuracy(0) > 0.9, "dense {}", accuracy(0));
    assert!(accuracy(40) > 0.85, "at 40 % {}", accuracy(40));
    assert!(accuracy(r.points.len() - 1) < 0.5, "at the end");
    assert_eq!(run.timeline().steps.len(), r.points.len());
    assert!(run.charts().iter().all(|c| !c.series.is_empty()));
    // Dense masks are the same; a random one meets a chosen one by chance.
    let random = r.rivals.iter().find(|o| o.name == "random").unwrap();
    assert_eq!(random.overlap[0].1.jaccard, 1.0);
    for (s, o) in &random.overlap {
        assert!((o.jaccard - o.chance).abs() < 0.06, "{s} %: {o:?}");
    }
    let layers = r.rivals.iter().find(|o| o.name == "LAMP").unwrap();
    let at_90 = layers.overlap.iter().find(|o| o.0 == 90.0).unwrap().1;
    assert!(at_90.jaccard > 4.0 * at_90.chance, "{at_90:?}");
    assert_eq!(run.tables()[0].1.rows.len(), 3);
}

#[test]
fn looks_at_a_run_under_way_come_early_and_hold_no_figure_that_is_not_its_own() {
    let mut config = small();
    // No other test trains this one, so that it is not remembered.
    config.seed = 77;
    let mut work = Work::new(&config, &Library::default()).unwrap();
    let (mut looks, mut early) = (Vec::new(), 0);
    let last = loop {
        if let Step::Done(run) = work.step().unwrap() {
            break run;
        }
        if let Some(run) = work.preview() {
            early += usize::from(work.net.is_none());
            looks.push(run);
        }
    };
    assert_eq!(early, SKETCHES as usize, "while it is trained");
    let (ended, trained) = (last.results(), &looks[early..]);
    for look in trained {
        let r = look.results();
        assert_eq!(r.plan, ended.plan);
        for (a, b) in r.points.iter().zip(&ended.points) {
            assert!(a.judged.is_none() || a.judged == b.judged);
            assert_eq!((a.pruned, &a.bytes), (b.pruned, &b.bytes));
        }
    }
    let judged = |r: &Results| r.points.iter().filter(|p| p.judged.is_some()).count();
    let counts: Vec<usize> = trained.iter().map(|l| judged(l.results())).collect();
    assert!(counts.is_sorted() && counts.len() > 2, "{counts:?}");
    assert_eq!(judged(ended), ended.points.len());
}

#[test]
fn another_sparsity_of_the_same_sweep_gives_the_same_accuracies() {
    let a = run(&small(), &Library::default()).unwrap();
    let config = Config {
        sparsity: 87.3,
        ..small()
    };
    let b = run(&config, &Library::default()).unwrap();
    let at = |run: &Run, asked: f64| {
        let points = run.results().points.iter();
        points.filter(|p| p.asked == asked).map(|p| p.judged).next()
    };
    for asked in [0.0, 50.0, 99.0] {
        assert_eq!(at(&a, asked), at(&b, asked), "{asked} %");
    }
    assert!(at(&b, 87.3).flatten().is_some());
}

#[test]
fn every_method_prunes_exactly_the_count_it_promises_and_masks_are_nested() {
    let small = || Config {
        hidden1: 10,
        hidden2: 8,
        train_steps: 20,
        ..Config::default()
    };
    let of_one_cut = Method::ALL.into_iter().filter(|m| *m != Method::Movement);
    for method in of_one_cut {
        let both = matches!(method, Method::Magnitude | Method::Random);
        for granularity in [Granularity::Layer, Granularity::Global] {
            if granularity == Granularity::Global && !both {
                continue;
            }
            let config = Config {
                method,
                granularity,
                ..small()
            };
            let run = run(&config, &Library::default()).unwrap();
            let r = run.results();
            for (step, point) in r.points.iter().enumerate() {
                let counted: usize = r
                    .plan
                    .pruned_at
                    .iter()
                    .flat_map(|l| l.iter())
                    .filter(|&&at| usize::from(at) <= step)
                    .count();
                assert_eq!(counted as u64, point.pruned, "{method:?} step {step}");
                let exact = crate::core::select::count_rule(point.asked / 100.0, r.total as usize);
                let slack = match (method, granularity) {
                    (Method::Magnitude | Method::Random, Granularity::Global)
                    | (
                        Method::Lamp
                        | Method::Obd
                        | Method::Snr
                        | Method::Sketch
                        | Method::Snip
                        | Method::Grasp
                        | Method::SynFlow,
                        _,
                    ) => 0,
                    (
                        Method::NOfM
                        | Method::Units
                        | Method::Saap
                        | Method::Block
                        | Method::Manual,
                        _,
                    ) => r.total,
                    // The budget is an upper bound: more may go where that costs less.
                    (Method::JointDp, _) if point.pruned as usize >= exact => r.total,
                    _ => r.layers.len() as u64,
                };
                assert!(
                    point.pruned.abs_diff(exact as u64) <= slack,
                    "{method:?} {point:?}"
                );
            }
            let ascending = |w: &[Point]| w[0].pruned <= w[1].pruned;
            assert!(r.points.windows(2).all(ascending), "{method:?}");
            assert!(
                run.story(crate::core::EntityId(1), 90.0)
                    .is_some_and(|s| !s.why.is_empty())
            );
        }
    }
}

fn library(values: Vec<f32>) -> (Config, Library) {
    let key = DataKey {
        name: "w.safetensors".to_owned(),
        hash: String::new(),
    };
    let tensor = Tensor {
        name: "a".to_owned(),
        dtype: "F32".to_owned(),
        shape: vec![2, values.len() as u64 / 2],
        nan: values.iter().filter(|v| v.is_nan()).count(),
        values: values.into(),
        bytes: 0,
        inf: 0,
    };
    let mut library = Library::default();
    let checkpoint = Checkpoint {
        tensors: vec![tensor],
        ..Checkpoint::default()
    };
    library.insert(key.clone(), Dataset::Tensors(Arc::new(checkpoint)));
    let config = Config {
        source: Source::Imported,
        file: Some(key),
        sparsity: 50.0,
        ..Config::default()
    };
    (config, library)
}

#[test]
fn an_opened_file_is_pruned_without_claiming_an_accuracy() {
    let (config, library) = library(vec![0.5, -0.1, 0.2, f32::INFINITY, 0.0, 0.2]);
    let run = run(&config, &library).unwrap();
    let r = run.results();
    assert_eq!(r.points[r.chosen].pruned, 3);
    let kept = |i: usize| usize::from(r.plan.pruned_at[0][i]) > r.chosen;
    assert_eq!(
        [0, 1, 2, 3, 4, 5].map(kept),
        [true, false, false, true, false, true]
    );
    assert!(run.metrics().iter().all(|m| m.id != "accuracy_percent"));
}

#[test]
fn values_that_are_not_numbers_wait_for_a_decision() {
    let (mut config, library) = library(vec![0.5, f32::NAN, 0.2, 1.0]);
    let error = run(&config, &library).unwrap_err().to_string();
    assert!(
        error.contains("tensor \"a\": 1 values are not a number"),
        "{error}"
    );
    config.nan_policy = NanPolicy::Zero;
    assert_eq!(
        run(&config, &library).unwrap().results().plan.pruned_at[0][1],
        13,
        "as 0 it goes first: 0.13 · 4 rounds to 1"
    );
    config.nan_policy = NanPolicy::Exclude;
    assert!(run(&config, &library).is_err(), "nothing is left");
    config.file = None;
    assert!(run(&config, &library).is_err());
}

#[test]
fn own_rates_are_met_exactly_where_the_sweep_reaches_their_total() {
    let config = Config {
        method: Method::Manual,
        rate1: 90.0,
        rate2: 25.0,
        rate3: 0.0,
        ..small()
    };
    let run = run(&config, &Library::default()).unwrap();
    let r = run.results();
    let kept: Vec<u64> = r.plan.kept.iter().map(|k| k[r.chosen]).collect();
    let sizes = [64 * 24, 24 * 12, 12 * 10].map(|n: u64| n);
    let gone = crate::core::select::count_rule(0.9, 64 * 24) as u64;
    assert_eq!(kept, [sizes[0] - gone, sizes[1] - 72, sizes[2]]);
    let point = &r.points[r.chosen];
    assert_eq!(point.pruned, gone + 72);
    assert!((r.sparsity(point) - config.total_sparsity()).abs() < 1e-12);
    assert!(point.judged.is_some());
    let first = &r.plan.kept.iter().map(|k| k[0]).sum::<u64>();
    assert_eq!(*first, r.total, "nothing goes at 0 %");
}

#[test]
fn blocks_go_whole() {
    let config = Config {
        method: Method::Block,
        block_rows: 4,
        block_cols: 8,
        sparsity: 50.0,
        hidden1: 10,
        hidden2: 0,
        train_steps: 20,
        ..Config::default()
    };
    let run = run(&config, &Library::default()).unwrap();
    let r = run.results();
    for (layer, at) in r.layers.iter().zip(&r.plan.pruned_at) {
        let mut of_block = std::collections::BTreeMap::new();
        for (i, &step) in at.iter().enumerate() {
            let block = (i / layer.cols / 4, i % layer.cols / 8);
            assert_eq!(*of_block.entry(block).or_insert(step), step, "{block:?}");
        }
        let gone = of_block.values().filter(|&&s| usize::from(s) <= r.chosen);
        // 10 rows are three blocks high, the last one two rows.
        let want = crate::core::select::count_rule(0.5, of_block.len());
        assert_eq!(gone.count(), want);
    }
}
