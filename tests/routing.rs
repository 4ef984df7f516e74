//! Laws of the routing lab.

use proptest::prelude::*;
use schedlab::core::finish;
use schedlab::core::rng::{Stream, StreamId};
use schedlab::labs::routing::rules::assignment::base;
use schedlab::labs::routing::rules::capacity::{capacity, choice_major_positions};
use schedlab::labs::routing::rules::choice::{expert_choice, keep_best, mask_of};
use schedlab::labs::routing::rules::families;
use schedlab::labs::routing::rules::gate::{softmax, top_k};
use schedlab::labs::routing::rules::matrix::Matrix;
use schedlab::labs::routing::{
    Batch, BatchRun, BufferOrder, CapacityRule, CapacityScope, Config, DropOrder, Entity, Fate,
    Overflow, Router, Routing, SecondChoice, Study, Task, World,
};
use schedlab::labs::{DataKey, Lab as _, LabRun as _, Library, sniff};
use std::collections::BTreeSet;

fn run(config: &Config) -> BatchRun {
    let mut job = Routing::start(config, &Library::default()).expect("a legal config");
    let run = finish(&mut *job).expect("the run ends");
    run.batches().cloned().expect("batches of tokens")
}

fn configs() -> impl Strategy<Value = Config> {
    (
        // The last router replays a file.
        (0..Router::ALL.len() - 1, 1..12_u64, 1..4_u64, 1..80_u64),
        (0.2..2.5_f64, 0..4_usize, any::<bool>(), 0..4_usize),
        (0..1000_u64, 0.0..2.0_f64, 0.0..3.0_f64),
        (0..3_usize, 0..3_usize, 0..3_usize),
    )
        .prop_map(
            |(
                (router, experts, k, tokens),
                (factor, who, limited, second),
                (seed, skew, scale),
                (order, overflow, formula),
            )| {
                let experts = experts.max(k).max(2);
                Config {
                    seed,
                    router: Router::ALL[router],
                    experts,
                    k,
                    groups: 1,
                    topk_group: 1,
                    limited,
                    capacity_factor: factor,
                    drop_order: [
                        DropOrder::Token,
                        DropOrder::Score,
                        DropOrder::Last,
                        DropOrder::Random,
                    ][who],
                    buffer_order: [
                        BufferOrder::ChoiceMajor,
                        BufferOrder::TokenMajor,
                        BufferOrder::Prioritised,
                    ][order],
                    overflow: [Overflow::Drop, Overflow::Reroute, Overflow::Expand][overflow],
                    capacity_rule: [CapacityRule::Ceil, CapacityRule::Nllb, CapacityRule::Tutel]
                        [formula],
                    second_choice: [
                        SecondChoice::Always,
                        SecondChoice::Random,
                        SecondChoice::RandomRaw,
                        SecondChoice::Sampled,
                    ][second],
                    tokens,
                    batches: 2,
                    router_skew: skew,
                    logit_scale: scale,
                    ..Config::default()
                }
            },
        )
}

/// Positions inside each expert are 0, 1, 2, … without gaps, and exactly those below the capacity
/// are kept.
fn check_places(batch: &Batch) -> Result<(), TestCaseError> {
    for e in 0..batch.demand.len() {
        let mut positions = Vec::new();
        for p in batch
            .pairs
            .iter()
            .filter(|p| usize::from(p.expert) == e && p.fate != Fate::NotSent && p.asked())
        {
            positions.push(p.position);
            prop_assert_eq!(p.kept(), p.position < batch.capacity, "{:?}", p);
        }
        positions.sort_unstable();
        let all: Vec<u32> = (0..batch.demand[e]).collect();
        prop_assert_eq!(positions, all);
        let extra = batch
            .pairs
            .iter()
            .filter(|p| usize::from(p.expert) == e && !p.asked())
            .count() as u32;
        let own = batch.demand[e].min(batch.capacity);
        prop_assert_eq!(batch.carried[e], own + extra);
        prop_assert!(batch.carried[e] <= batch.capacity, "over the capacity");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_batch_obeys_its_capacity_and_conserves_pairs(config in configs()) {
        let run = run(&config);
        for batch in run.batches() {
            check_places(batch)?;
            let sent = batch.pairs.iter().filter(|p| p.fate != Fate::NotSent && p.asked()).count() as u32;
            prop_assert_eq!(sent, batch.demand.iter().sum::<u32>());
            for t in 0..config.tokens as usize {
                let kept = || batch.of_token(t).iter().filter(|p| p.kept());
                let experts: BTreeSet<u16> = kept().map(|p| p.expert).collect();
                prop_assert_eq!(experts.len(), kept().count(), "an expert twice");
            }
        }
    }

    #[test]
    fn weights_of_renormalised_routers_sum_to_one_when_nothing_is_dropped(config in configs()) {
        let config = Config { limited: false, ..config };
        prop_assume!(matches!(config.router, Router::Mixtral | Router::Granite | Router::Gshard | Router::LossFree | Router::Cosine | Router::Hash | Router::SoftMoe | Router::TokenGraph));
        for batch in run(&config).batches() {
            for t in 0..config.tokens as usize {
                let total: f64 = batch.of_token(t).iter().map(|p| p.weight).sum();
                prop_assert!((total - 1.0).abs() < 1e-12, "{}", total);
            }
        }
    }

    #[test]
    fn a_second_chance_never_loses_a_pair_and_only_uses_idle_places(config in configs()) {
        prop_assume!(config.router.is_local() || config.router == Router::Sinkhorn);
        let dropping = run(&Config { limited: true, overflow: Overflow::Drop, ..config.clone() });
        for overflow in [Overflow::Reroute, Overflow::Expand] {
            let other = run(&Config { limited: true, overflow, ..config.clone() });
            for (a, b) in dropping.batches().iter().zip(other.batches()).take(1) {
                prop_assert_eq!(&a.demand, &b.demand);
                prop_assert!(a.carried.iter().zip(b.carried.iter()).all(|(a, b)| a <= b));
                let moved = b.pairs.iter().filter(|p| p.fate == Fate::Rerouted).count();
                let full = b.pairs.iter().filter(|p| p.fate == Fate::OverCapacity).count();
                prop_assert!(moved <= full, "{} moved of {}", moved, full);
            }
        }
    }

    #[test]
    fn the_exact_assignment_is_the_best_of_all(z in prop::collection::vec(-3.0..3.0_f64, 18), room in 2..4_usize) {
        let scores = Matrix { rows: 6, cols: 3, data: z };
        let total = |a: &[usize]| a.iter().enumerate().map(|(t, &e)| scores.at(t, e)).sum::<f64>();
        let got = base(&scores, room).unwrap();
        let mut best = f64::NEG_INFINITY;
        for code in 0..729_usize {
            let a: Vec<usize> = (0..6).map(|t| code / 3_usize.pow(t) % 3).collect();
            if (0..3).all(|e| a.iter().filter(|&&x| x == e).count() <= room) {
                best = best.max(total(&a));
            }
        }
        prop_assert!((total(&got) - best).abs() < 1e-12, "{} {}", total(&got), best);
    }

    #[test]
    fn balanced_rules_balance(config in configs()) {
        let config = Config { limited: false, router_skew: 1.0, ..config };
        let base = run(&Config { router: Router::Base, ..config.clone() });
        for batch in base.batches() {
            let most = config.tokens.div_ceil(config.experts) as u32;
            prop_assert!(batch.demand.iter().all(|&d| d <= most), "{:?}", batch.demand);
        }
        let sparse = run(&Config { router: Router::SparseTransport, ..config });
        for batch in sparse.batches() {
            prop_assert!(batch.carried.iter().all(|&c| c <= batch.capacity), "{:?}", batch.carried);
        }
    }

    #[test]
    fn a_grouped_router_stays_in_its_groups(seed in 0..500_u64, kept in 1..4_u64) {
        let config = Config {
            seed, router: Router::DeepseekV3, experts: 16, groups: 4, topk_group: kept, k: 4,
            tokens: 40, batches: 2, limited: false, ..Config::default()
        };
        for batch in run(&config).batches() {
            for t in 0..40 {
                let groups: BTreeSet<u16> = batch.of_token(t).iter().map(|p| p.expert / 4).collect();
                prop_assert!(groups.len() as u64 <= kept, "{:?}", groups);
                let total: f64 = batch.of_token(t).iter().map(|p| p.weight).sum();
                prop_assert!((total - 2.5).abs() < 1e-9, "{}", total);
            }
        }
    }

    #[test]
    fn expert_choice_fills_every_expert(config in configs()) {
        let config = Config { router: Router::ExpertChoice, ..config };
        for batch in run(&config).batches() {
            prop_assert!(batch.carried.iter().all(|&c| c == batch.capacity), "{:?}", batch.carried);
            prop_assert!(u64::from(batch.capacity) <= config.tokens);
        }
    }

    #[test]
    fn at_the_end_of_a_batch_the_scene_shows_its_final_loads(config in configs()) {
        let run = run(&config);
        for (i, batch) in run.batches().iter().enumerate() {
            let scene = run.scene((i + 1) as f64);
            prop_assert_eq!(scene.batch, i);
            prop_assert_eq!(&scene.inside[..], &batch.carried[..]);
            let lost: Vec<u32> = batch.demand.iter().map(|d| d.saturating_sub(batch.capacity)).collect();
            prop_assert_eq!(scene.dropped, lost);
            prop_assert_eq!(scene.flows.iter().sum::<u32>(), batch.carried.iter().sum::<u32>());
        }
        prop_assert_eq!(run.scene(0.0).inside.iter().sum::<u32>(), 0);
    }

    #[test]
    fn no_bin_is_ever_over_its_capacity_during_a_batch(config in configs(), at in 0.0..2.0_f64) {
        let run = run(&config);
        let scene = run.scene(at);
        let capacity = run.batches()[scene.batch].capacity;
        prop_assert!(scene.inside.iter().all(|&n| n <= capacity), "{:?} over {}", scene.inside, capacity);
    }

    #[test]
    fn renaming_experts_renames_the_choice(z in prop::collection::vec(-5.0..5.0_f64, 2..12), shift in 1..11_usize) {
        let n = z.len();
        let distinct: BTreeSet<u64> = z.iter().map(|v| v.to_bits()).collect();
        prop_assume!(distinct.len() == n);
        let renamed: Vec<f64> = (0..n).map(|e| z[(e + shift) % n]).collect();
        for (a, b) in [(families::mixtral(&z, 2), families::mixtral(&renamed, 2)), (families::granite(&z, 2), families::granite(&renamed, 2))] {
            let back: Vec<usize> = b.0.iter().map(|e| (e + shift) % n).collect();
            prop_assert_eq!(a.0, back);
            for (x, y) in a.1.iter().zip(&b.1) {
                prop_assert!((x - y).abs() < 1e-12, "{} {}", x, y);
            }
        }
    }

    #[test]
    fn top_k_agrees_with_a_full_stable_sort(z in prop::collection::vec(-2..3_i32, 1..20), k in 1..8_usize) {
        let scores: Vec<f64> = z.iter().map(|&v| f64::from(v)).collect();
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        order.truncate(k);
        prop_assert_eq!(top_k(&scores, k), order, "ties go to the lower index");
    }

    #[test]
    fn keeping_by_arrival_equals_choice_major_positions_for_one_choice(z in prop::collection::vec(0..5_usize, 1..60), places in 1..10_usize) {
        let chosen: Vec<Vec<usize>> = z.iter().map(|&e| vec![e]).collect();
        let kept = keep_best(&mask_of(&chosen, 5), |t, _| -(t as f64), places);
        for (t, position) in choice_major_positions(&chosen, 5).into_iter().enumerate() {
            prop_assert_eq!(kept[t][z[t]], position[0] < places);
        }
    }

    #[test]
    fn adding_a_constant_to_a_tokens_logits_changes_nothing(z in prop::collection::vec(-4.0..4.0_f64, 1..10), shift in -50.0..50.0_f64) {
        let moved: Vec<f64> = z.iter().map(|v| v + shift).collect();
        for (a, b) in softmax(&z).iter().zip(softmax(&moved)) {
            prop_assert!((a - b).abs() < 1e-12, "{} {}", a, b);
        }
    }
}

#[test]
fn equal_scores_go_to_the_lower_expert_and_the_lower_token() {
    // A router without any signal: all logits are equal.
    let config = Config {
        logit_scale: 0.0,
        router_skew: 0.0,
        tokens: 10,
        k: 2,
        experts: 5,
        capacity_factor: 1.0,
        batches: 1,
        ..Config::default()
    };
    for order in [DropOrder::Token, DropOrder::Score] {
        let run = run(&Config {
            drop_order: order,
            ..config.clone()
        });
        let batch = &run.batches()[0];
        assert_eq!(&batch.demand[..], [10, 10, 0, 0, 0]);
        let kept: Vec<u32> = batch
            .pairs
            .iter()
            .filter(|p| p.kept())
            .map(|p| p.token)
            .collect();
        assert_eq!(
            kept,
            [0, 0, 1, 1, 2, 2, 3, 3],
            "C = 4: the first four tokens of both experts"
        );
    }
    let p = Matrix::from_fn(6, 3, |_, _| 1.0 / 3.0);
    assert_eq!(expert_choice(&p, 2), [[0, 1], [0, 1], [0, 1]]);
}

#[test]
fn a_larger_capacity_never_drops_more() {
    let mut last = f64::INFINITY;
    for factor in [0.5, 1.0, 1.25, 1.5, 2.0, 4.0] {
        let run = run(&Config {
            router: Router::Switch,
            capacity_factor: factor,
            ..Config::default()
        });
        let rate = run
            .metrics()
            .iter()
            .find(|m| m.id == "drop_rate")
            .map(|m| m.value)
            .unwrap();
        assert!(rate <= last, "factor {factor}: {rate} after {last}");
        last = rate;
    }
    assert_eq!(capacity(1.0, 2, 256, 8), 64);
}

#[test]
fn a_router_without_favourites_stays_inside_the_floor() {
    let preset = Routing::presets()
        .iter()
        .find(|p| p.name == "Pure chance")
        .unwrap();
    let run = run(&(preset.config)());
    let [_, low, high] = run.floor().max_violation;
    let inside = run
        .batches()
        .iter()
        .filter(|b| (low..=high).contains(&b.stats.max_violation))
        .count();
    // Nine of ten are expected; a router with favourites has none (the next lines).
    assert!(
        inside * 10 >= run.batches().len() * 6,
        "{inside} of {}",
        run.batches().len()
    );
    let skewed = self::run(&Config {
        router_skew: 1.0,
        ..Config::default()
    });
    let high = skewed.floor().max_violation[2];
    assert!(
        skewed
            .batches()
            .iter()
            .all(|b| b.stats.max_violation > high),
        "favourites stand out"
    );
}

#[test]
fn the_story_of_a_dropped_token_names_position_and_capacity() {
    let run = run(&(Routing::presets()[0].config)());
    let batch = &run.batches()[0];
    let pair = batch
        .pairs
        .iter()
        .find(|p| p.fate == Fate::OverCapacity)
        .unwrap();
    let id = Entity::Token {
        batch: 0,
        token: pair.token as usize,
    }
    .id();
    let story = run.story(id, 1.0).unwrap();
    let want = format!(
        "dropped: position {} (in order of arrival) >= capacity {} of expert {}",
        pair.position, batch.capacity, pair.expert
    );
    assert!(story.why.contains(&want), "{:?} lacks {want}", story.why);
    assert!(
        run.story(schedlab::core::EntityId(u64::MAX), 0.5).is_none(),
        "no such expert"
    );
    assert!(
        run.story(schedlab::core::EntityId(60_000), 0.5).is_none(),
        "no such token"
    );
}

#[test]
fn the_same_config_gives_the_same_tables() {
    let config = Config {
        router: Router::LossFree,
        batches: 5,
        ..Config::default()
    };
    assert_eq!(run(&config).tables(), run(&config).tables());
    assert_ne!(
        run(&config).tables(),
        run(&Config { seed: 2, ..config }).tables()
    );
}

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
fn training_layers_queries_and_studies_give_the_same_tables_again() {
    let short = Config {
        train_steps: 12,
        ..Config::default()
    };
    for config in [
        Config {
            world: World::Training,
            task: Task::Mixture,
            train_batch: 32,
            ..short.clone()
        },
        Config {
            world: World::Queries,
            queries: 60,
            training_queries: 64,
            ..short.clone()
        },
        Config {
            world: World::Layers,
            blocks: 2,
            ..short.clone()
        },
        Config {
            world: World::Studies,
            study: Study::Heads,
            ..short
        },
    ] {
        let tables = |config: &Config| {
            let mut job = Routing::start(config, &Library::default()).expect("a legal config");
            let run = finish(&mut *job).expect("the run ends");
            assert!(!run.charts().is_empty() && !run.metrics().is_empty());
            assert!(
                run.notable()
                    .iter()
                    .all(|(id, _)| run.story(*id, 0.0).is_some())
            );
            run.tables()
        };
        let csv = |config: &Config| -> Vec<String> {
            tables(config).iter().map(|(_, t)| t.to_csv()).collect()
        };
        assert_eq!(csv(&config), csv(&config), "{:?}", config.world);
        let other = Config {
            seed: 2,
            ..config.clone()
        };
        assert_ne!(csv(&config), csv(&other), "{:?}", config.world);
    }
}

#[test]
fn a_batch_of_65_536_tokens_is_routed_with_all_its_pairs() {
    let config = Config {
        tokens: 65_536,
        batches: 1,
        dim: 1,
        k: 2,
        ..Config::default()
    };
    let run = run(&config);
    let batch = &run.batches()[0];
    assert_eq!(batch.pairs.len(), 131_072);
    assert_eq!(batch.demand.iter().sum::<u32>(), 131_072);
    let mut turns: Vec<u32> = batch.pairs.iter().map(|p| p.arrives).collect();
    turns.sort_unstable();
    assert!(turns.iter().enumerate().all(|(i, &t)| t as usize == i));
    let last = Entity::Token {
        batch: 0,
        token: 65_535,
    };
    assert_eq!(Entity::of(last.id()), last, "every token can be pointed at");
    assert!(!run.variants().is_empty());
}

#[test]
fn devices_that_share_places_drop_no_more_and_end_in_the_same_time() {
    for (router, k) in [
        (Router::Mixtral, 2),
        (Router::LossFree, 4),
        (Router::Switch, 1),
    ] {
        for drop_order in [DropOrder::Token, DropOrder::Score] {
            let own = Config {
                router,
                k,
                experts: 16,
                devices: 4,
                router_skew: 0.8,
                drop_order,
                protected: 0.0,
                ..Config::default()
            };
            let shared = Config {
                capacity_scope: CapacityScope::Device,
                ..own.clone()
            };
            let all = Config {
                protected: 1.0,
                ..shared.clone()
            };
            let runs = [&own, &shared, &all].map(run);
            let per_device =
                |b: &Batch| -> Vec<u32> { b.carried.chunks(4).map(|c| c.iter().sum()).collect() };
            for (i, b) in runs[1].batches().iter().enumerate() {
                // 1.25 · 256 k / 4, four times the places of an expert.
                assert_eq!(u64::from(b.capacity), 80 * k, "{router:?}");
                assert!(per_device(b).iter().all(|l| *l <= b.capacity), "{b:?}");
                assert!(
                    !runs[2].batches()[i].pairs.iter().any(|p| !p.kept()),
                    "protected"
                );
                // A bias follows what is asked for, which is the same.
                let single = &runs[0].batches()[i];
                assert_eq!(single.demand, b.demand, "{router:?}");
                assert!(b.stats.drop_rate <= single.stats.drop_rate, "{router:?}");
            }
            let drops = |r: &BatchRun| r.batches().iter().map(|b| b.stats.drop_rate).sum::<f64>();
            assert!(
                drops(&runs[1]) < drops(&runs[0]),
                "{router:?} {drop_order:?}"
            );
        }
    }
}

#[test]
fn an_expert_may_use_what_its_neighbour_on_the_device_leaves() {
    let config = Config {
        experts: 8,
        devices: 2,
        router_skew: 1.5,
        capacity_scope: CapacityScope::Device,
        protected: 0.0,
        batches: 1,
        ..Config::default()
    };
    let run = run(&config);
    let b = &run.batches()[0];
    let even = b.capacity / 4;
    assert!(
        b.carried.iter().any(|c| *c > even),
        "{:?} of {even}",
        b.carried
    );
}
