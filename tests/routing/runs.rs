//! Whole runs: capacities, chance, stories, repetition, sizes.

use super::run;
use schedlab::core::finish;
use schedlab::labs::routing::rules::capacity::capacity;
use schedlab::labs::routing::{Config, Entity, Fate, Router, Routing, Study, Task, World};
use schedlab::labs::{Lab as _, LabRun as _, Library};

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
