use super::*;
use crate::core::finish;
use crate::core::num;
use crate::labs::LabRun as _;
use crate::labs::noise::masked::{FieldOrder, Policy, divergence, entropy, field_divergence};
use crate::labs::noise::orders;
use cost::cost;

fn config(source: Source) -> Config {
    Config {
        world: crate::labs::noise::World::Tokens,
        source,
        length: 8,
        side: 6,
        ..Config::default()
    }
}

fn world(source: Source) -> World {
    World::new(&config(source)).unwrap()
}

#[test]
fn one_at_a_time_costs_nothing_in_every_world_and_order() {
    for source in Source::ALL {
        let world = world(source);
        let n = world.positions();
        for kind in OrderKind::ALL {
            let c = cost(&world, Order::at(kind, n), 3).unwrap();
            assert_eq!(c.rounds.len(), n, "{source:?} {kind:?}");
            assert!(c.total().abs() < 1e-8, "{source:?} {kind:?}: {}", c.total());
        }
    }
}

#[test]
fn more_noise_levels_bring_a_hyperschedule_nearer_to_the_data() {
    for source in [Source::Markov, Source::Potts] {
        let small = World::new(&Config {
            length: 6,
            states: 2,
            coupling: 0.8,
            ..config(source)
        })
        .unwrap();
        let at = |levels: u8, correction: f64| {
            let order = Order {
                block: 9,
                levels,
                correction,
                ..Order::at(OrderKind::BlockAnnealing, 1)
            };
            cost(&small, order, 2).unwrap()
        };
        let (one, four) = (at(1, 0.0), at(4, 0.0));
        assert_eq!([one.rounds.len(), four.rounds.len()], [1, 4]);
        assert!(four.total() < 0.7 * one.total(), "{source:?} {four:?}");
        // The same random courses, measured by the law of all states.
        let slightly = at(4, f64::MIN_POSITIVE);
        assert!(
            (slightly.total() - four.total()).abs() < 1e-9,
            "{source:?} {slightly:?} {four:?}"
        );
    }
}

#[test]
fn corrections_are_refused_where_the_law_cannot_be_listed() {
    let order = |source, length| {
        let config = Config {
            order: OrderKind::SlidingAnnealing,
            correction: 0.1,
            length,
            ..config(source)
        };
        check(&config)
            .err()
            .and_then(|e| e.field().map(str::to_owned))
    };
    assert_eq!(order(Source::Markov, 9).as_deref(), Some("correction"));
    assert_eq!(order(Source::Field, 8).as_deref(), Some("correction"));
    assert_eq!(order(Source::Markov, 8), None);
    assert_eq!(order(Source::Ising, 8), None);
    let stuck = Config {
        order: OrderKind::SlidingAnnealing,
        block: 1,
        levels: 3,
        ..config(Source::Markov)
    };
    assert_eq!(check(&stuck).unwrap_err().field(), Some("levels"));
}

#[test]
fn every_order_reveals_every_position_once() {
    for source in Source::ALL {
        let world = world(source);
        let n = world.positions();
        for kind in OrderKind::ALL {
            for rounds in [1, 3, 5, 64] {
                let stream = crate::core::rng::Stream::new(1, crate::core::rng::StreamId::Data);
                let order = Order {
                    block: 4,
                    levels: 3,
                    ..Order::at(kind, rounds)
                };
                let all: usize = match Plan::new(order, &world, &stream).unwrap() {
                    Plan::Annealed(calls) => calls.iter().map(|c| c.reveals.len()).sum(),
                    Plan::Fixed(rounds) => {
                        let mut all = rounds.concat();
                        all.sort_unstable();
                        assert_eq!(all, (0..n).collect::<Vec<_>>(), "{source:?} {kind:?}");
                        assert!(rounds.iter().all(|r| !r.is_empty()), "{kind:?}");
                        all.len()
                    }
                    Plan::Confidence(sizes, _) => sizes.iter().sum(),
                };
                assert_eq!(all, n, "{source:?} {kind:?} {rounds}");
            }
        }
    }
}

#[test]
fn the_lattice_agrees_with_the_recursive_enumeration() {
    let world = world(Source::Ising);
    let World::Ising(ising) = &world else { return };
    let h = entropy(&**ising).unwrap();
    let order: Vec<usize> = orders::halton(4).iter().map(|c| 4 * c[0] + c[1]).collect();
    let rounds = orders::in_rounds(&order, &orders::equal_sizes(16, 4));
    let want = divergence(&**ising, &Policy::Fixed(rounds), h).unwrap();
    let got = cost(&world, Order::at(OrderKind::Halton, 4), 1).unwrap();
    assert!((got.total() - want).abs() < 1e-10, "{} {want}", got.total());
    assert!(got.rounds.iter().all(|c| *c > -1e-12), "{:?}", got.rounds);
}

#[test]
fn the_field_agrees_with_its_closed_form() {
    let world = world(Source::Field);
    let order: Vec<usize> = orders::halton(6).iter().map(|c| 6 * c[0] + c[1]).collect();
    let counts = orders::arccos_counts(6, 5);
    let want = field_divergence(6, 3.0, &counts, &FieldOrder::Fixed(order)).unwrap();
    let got = cost(&world, Order::at(OrderKind::Halton, 5), 1).unwrap();
    assert!((got.total() - want).abs() < 1e-10, "{} {want}", got.total());
}

#[test]
fn sampled_sequences_estimate_the_exact_divergence() {
    let world = world(Source::Hidden);
    let World::Chain(chain) = &world else { return };
    let h = entropy(chain).unwrap();
    let rounds = orders::in_rounds(&(0..8).collect::<Vec<_>>(), &orders::equal_sizes(8, 3));
    let want = divergence(chain, &Policy::Fixed(rounds), h).unwrap();
    let got = cost(&world, Order::at(OrderKind::LeftToRight, 3), 5).unwrap();
    let off = (got.total() - want).abs();
    assert!(
        off < 4.0 * got.error,
        "{} ± {} against {want}",
        got.total(),
        got.error
    );
    assert!(got.error > 0.0 && got.error < 0.5 * want, "{}", got.error);
}

#[test]
fn a_run_fills_every_cell_and_tells_the_story_of_each() {
    for source in Source::ALL {
        let config = Config {
            rounds: 3,
            ..config(source)
        };
        let run = finish(&mut Work::new(&config).unwrap()).unwrap();
        assert_eq!(run.costs().len(), 3);
        for tile in run.tiles() {
            assert_eq!(tile.values.len(), run.positions());
            assert!(tile.round.iter().all(|r| *r < 3) && tile.values.iter().all(|v| v.is_finite()));
        }
        let last = crate::core::EntityId((run.tiles().len() * run.positions() - 1) as u64);
        assert!(run.story(last, 3.0).is_some());
        assert!(run.story(crate::core::EntityId(last.0 + 1), 3.0).is_none());
        assert!(!run.notable().is_empty());
        let sum = num::sum(run.costs().iter().copied());
        assert!((run.metrics()[0].value - sum).abs() < 1e-12);
    }
}

#[test]
fn a_corrected_run_shows_its_indices_and_what_each_token_was_when() {
    let config = Config {
        order: OrderKind::HybridAnnealing,
        block: 4,
        levels: 6,
        correction: 0.9,
        all_orders: true,
        states: 2,
        ..config(Source::Potts)
    };
    let run = finish(&mut Work::new(&config).unwrap()).unwrap();
    let indices = run.indices().unwrap();
    assert_eq!(indices.calls(), run.costs().len());
    assert!(run.charts().iter().any(|c| c.id == "sweeps"));
    let tile = run
        .tiles()
        .iter()
        .find(|t| !t.corrections.is_empty())
        .unwrap();
    for c in tile.corrections.iter() {
        let (position, round) = (usize::from(c.position), usize::from(c.round));
        assert!(usize::from(tile.round[position]) < round, "revealed before");
        assert_eq!(tile.value(position, round + 1), Some(c.value));
    }
    let first = (0..9).min_by_key(|i| tile.round[*i]).unwrap();
    let seen = usize::from(tile.round[first]);
    assert_eq!(tile.value(first, seen), None);
    assert_eq!(tile.value(first, seen + 1), Some(tile.values[first]));
}

#[test]
fn generated_fields_have_the_spread_of_the_data() {
    let mut squares = Vec::new();
    for seed in 1..=12 {
        let config = Config {
            seed,
            rounds: 36,
            ..config(Source::Field)
        };
        let run = finish(&mut Work::new(&config).unwrap()).unwrap();
        squares.extend(run.tiles()[0].values.iter().map(|v| f64::from(v * v)));
    }
    let variance = crate::core::stats::mean(&squares);
    assert!((variance - 1.01).abs() < 0.45, "{variance}");
}
