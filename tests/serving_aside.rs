//! Laws that the experiments beside the engine obey while a server of theirs dies or slows down:
//! nothing that was asked is lost, and the same seed asks the same.

#![expect(clippy::unwrap_used, reason = "a test says what failed by stopping")]

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use schedlab::core::{Table, finish};
use schedlab::labs::serving::aside::fault::{Fault, ServerFault};
use schedlab::labs::serving::{Config, Serving, World, WorldRun};
use schedlab::labs::{Lab as _, LabRun as _, Library};

/// Small experiments with servers.
fn small(world: World, seed: u64) -> Config {
    let mut config = Config {
        world,
        seed,
        ..Config::default()
    };
    config.functions.requests = 80;
    config.workflow.queries = 30;
    config.quality.requests = 200;
    config.quality.episodes = 2;
    config.experts.secs = 2.0;
    config.experts.clients = 1 + seed % 4;
    config.experts.servers = 2 + seed % 7;
    config.experts.copies = 1 + seed % 2;
    config.experts.detect_secs = 0.05;
    config.experts.load_secs = 0.05;
    config.experts.restart_secs = 0.5;
    config.accelerators.requests = 300;
    config.accelerators.scarce_left = seed % 4;
    config
}

/// Puts the fault where the world has its servers; times are shares of its length.
fn with_fault(mut config: Config, what: ServerFault, server: u64, at: f64, secs: f64) -> Config {
    let (servers, length) = match config.world {
        World::Functions => (config.functions.gpus, 130.0),
        World::Workflow => (5, 200.0),
        World::Quality => (2, 30.0),
        World::Experts => (config.experts.servers, config.experts.secs),
        _ => (1, 40.0),
    };
    let linked = matches!(config.world, World::Functions | World::Experts);
    let fault = Fault {
        // Where nothing travels, the server itself is slow.
        what: if what == ServerFault::LinkSlows && !linked {
            ServerFault::Slows
        } else {
            what
        },
        server: server % servers,
        at_secs: at * length,
        secs: (secs * length).max(0.02),
        ..Fault::default()
    };
    config.functions.fault = fault;
    config.workflow.fault = fault;
    config.quality.fault = fault;
    config.experts.fault = fault;
    config.accelerators.plenty_secs = 1.0 + at * length;
    config.accelerators.scarce_secs = 1.0 + secs * length;
    config
}

fn run(config: &Config) -> WorldRun {
    Serving::check(config).unwrap();
    finish(&mut *Serving::start(config, &Library::default()).unwrap()).unwrap()
}

fn column(table: &Table, name: &str) -> Vec<f64> {
    let place = table.columns.iter().position(|c| c == name).unwrap();
    table.rows.iter().map(|row| row[place]).collect()
}

fn figure(run: &WorldRun, id: &str) -> f64 {
    let all = run.metrics();
    all.iter()
        .find(|m| m.id == id)
        .map_or(f64::NAN, |m| m.value)
}

fn faults() -> impl Strategy<Value = (ServerFault, u64, f64, f64)> {
    let what = prop::sample::select(ServerFault::ALL.to_vec());
    (what, 0_u64..64, 0.0..0.9_f64, 0.01..1.5_f64)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 60,
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        ..ProptestConfig::default()
    })]

    #[test]
    fn nothing_is_lost_with_a_server(
        world in prop::sample::select(vec![
            World::Functions,
            World::Workflow,
            World::Quality,
            World::Experts,
            World::Accelerators,
        ]),
        (what, server, at, secs) in faults(),
        seed in 0_u64..1000,
    ) {
        let config = with_fault(small(world, seed), what, server, at, secs);
        let run = run(&config);
        let tables = run.tables();
        let table = &tables[0].1;
        let sound = with_fault(small(world, seed), ServerFault::None, server, at, secs);
        let again = self::run(&sound);
        let arrivals = |t: &Table| column(t, "arrival_secs");
        match world {
            World::Experts => {
                // Every client goes on: its steps follow one another without a hole.
                for client in 0..config.experts.clients {
                    let own = table.rows.iter().filter(|r| r[1] == client as f64);
                    let own: Vec<_> = own.collect();
                    prop_assert!(own.len() > 3, "{} steps of {client}", own.len());
                    for pair in own.windows(2) {
                        prop_assert!((pair[1][2] - pair[0][3]).abs() < 1e-9, "{pair:?}");
                    }
                }
            }
            World::Quality => {
                prop_assert_eq!(table.rows.len(), 200);
                prop_assert_eq!(arrivals(table), arrivals(&again.tables()[0].1));
                let waited = column(table, "waited_secs");
                let took = column(table, "latency_secs");
                let deadline = config.quality.deadline_secs;
                for (took, waited) in took.iter().zip(waited) {
                    prop_assert!(took.is_finite() || waited >= deadline, "{took} {waited}");
                }
            }
            _ => {
                let (count, end) = match world {
                    World::Functions => (80, "e2e_secs"),
                    World::Workflow => (30, "latency_secs"),
                    _ => (300, "latency_secs"),
                };
                prop_assert_eq!(table.rows.len(), count);
                prop_assert!(column(table, end).iter().all(|t| t.is_finite() && *t > 0.0));
                prop_assert_eq!(arrivals(table), arrivals(&again.tables()[0].1));
            }
        }
        if world != World::Accelerators && what != ServerFault::Dies {
            let again = if world == World::Experts { "resent" } else { "lost_starts" };
            prop_assert_eq!(figure(&run, again), 0.0, "nobody died");
        }
    }
}

#[test]
fn a_slow_link_makes_all_wait_longer_and_is_refused_where_nothing_travels() {
    for (world, figure_of) in [
        (World::Functions, "ttft_mean_secs"),
        (World::Experts, "step_mean_millis"),
    ] {
        let mut config = with_fault(small(world, 5), ServerFault::LinkSlows, 0, 0.0, 1.0);
        // All of what the functions need is loaded on demand, over the one link.
        config.functions.preload = false;
        config.functions.gpus = 1;
        let of = |what| {
            let mut config = config.clone();
            config.functions.fault.what = what;
            config.experts.fault.what = what;
            run(&config)
        };
        let (slow, sound) = (of(ServerFault::LinkSlows), of(ServerFault::None));
        assert!(
            figure(&slow, figure_of) > 1.02 * figure(&sound, figure_of),
            "{world:?}: {} {}",
            figure(&slow, figure_of),
            figure(&sound, figure_of)
        );
        let moments = &slow.timeline().moments;
        let named = moments.iter().any(|m| m.label.contains("slow link"));
        assert!(named, "{world:?}: {moments:?}");
        let WorldRun::Aside(aside) = &slow else {
            panic!("{world:?} is beside the engine");
        };
        let mut kinds = aside.board().kinds.iter();
        assert!(kinds.any(|k| k.name == "slow link"), "{world:?}");
    }
    for world in [World::Workflow, World::Quality] {
        let mut config = small(world, 5);
        config.workflow.fault.what = ServerFault::LinkSlows;
        config.quality.fault.what = ServerFault::LinkSlows;
        let error = config.check().unwrap_err().to_string();
        assert!(error.contains("fault.what"), "{error}");
    }
}

#[test]
fn a_fault_is_named_on_the_timeline_and_in_the_picture() {
    for (world, name) in [
        (World::Functions, "GPU 1 dies"),
        (World::Workflow, "A100 0 dies"),
        (World::Quality, "machine 1 dies"),
        (World::Experts, "server 1 dies"),
    ] {
        let config = with_fault(small(world, 8), ServerFault::Dies, 1, 0.3, 0.3);
        let run = run(&config);
        let moments = &run.timeline().moments;
        assert!(
            moments.iter().any(|m| m.label == name),
            "{world:?}: {moments:?}"
        );
        let WorldRun::Aside(aside) = &run else {
            panic!("{world:?} is beside the engine");
        };
        let board = aside.board();
        let kind = board.kinds.iter().position(|k| k.name.contains("dead"));
        let kind = kind.unwrap() as u8;
        let down = board.bars.iter().find(|b| b.kind == kind);
        assert!(down.is_some_and(|b| b.span[1] > b.span[0]), "{world:?}");
    }
}
