//! Laws that runs on several instances obey while requests move between them, instances start and
//! stop, and faults strike: no request is lost, no pool oversubscribed, no token twice.

#![expect(clippy::unwrap_used, reason = "a test says what failed by stopping")]

mod serving_cases;

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use schedlab::core::{Simulation as _, finish};
use schedlab::labs::serving::engine::{
    Emitted, Engine, Entry, Fault, FaultKind, FleetPlan, Formed, Incident, Landed, MoveRule, Moved,
    Note, Oracle, Phase, PowerRow, Rebalance, Requests, Scale, Sink, StartRule, Turn,
};
use schedlab::labs::serving::{
    Arrivals, Config, Ending, FaultChoice, Log, Migration, Routing, Run, ScaleBy, Scheduler,
    Serving, Stretch, workload,
};
use schedlab::labs::{Lab as _, Library};
use serving_cases::{Sizes, configs};

fn config(schedulers: Vec<Scheduler>) -> impl Strategy<Value = Config> {
    let sizes = Sizes {
        schedulers,
        arrivals: vec![Arrivals::Poisson],
        requests: 10..60,
        cap: 1..20,
        replicas: 2..=4,
        stages: 1..=2,
        blocks: 60..200,
        watermark: 0.0..0.1,
        prompt: 1.0..150.0,
        rate: 5.0..60.0,
    };
    configs(sizes).prop_map(|config| Config {
        prefix_caching: config.seed % 4 == 0,
        prefill_instances: [0, 0, 1][config.seed as usize % 3],
        scaling: true,
        scale_by: [ScaleBy::Prediction, ScaleBy::Memory][(config.seed / 5) as usize % 2],
        ..config
    })
}

/// Up to three faults, some of them at the same time.
fn faults() -> impl Strategy<Value = Vec<Fault>> {
    let fault =
        (0.0..4.0_f64, 0.01..3.0_f64, 0_u32..4, 0_u8..4).prop_map(|(at, secs, instance, what)| {
            Fault {
                at,
                until: at + secs,
                instance,
                what: match what {
                    0 => FaultKind::Slows(1.0 + 10.0 * secs),
                    1 => FaultKind::LinkSlows(1.0 + 100.0 * secs),
                    _ => FaultKind::Dies,
                },
            }
        });
    prop::collection::vec(fault, 0..4)
}

fn plan() -> impl Strategy<Value = (bool, bool, bool, f64, f64, u32, Vec<Fault>)> {
    (
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        0.02..1.0_f64,
        0.0..60.0_f64,
        0_u32..30,
        faults(),
    )
}

/// The instances as a row of servers whose clocks fall with its power.
fn row(config: &Config, budget: f64) -> Option<PowerRow> {
    let watched = Config {
        power_row: true,
        power_caps: true,
        row_budget: budget,
        ..config.clone()
    };
    watched.fleet().and_then(|plan| plan.power)
}

/// The engine of a config with a plan, before its first event.
fn engine(
    config: &Config,
    (moves, defragment, scales, period, threshold, headroom, faults): (
        bool,
        bool,
        bool,
        f64,
        f64,
        u32,
        Vec<Fault>,
    ),
) -> Engine {
    let w = workload(config, &Library::default()).unwrap();
    let requests = Requests::new(w.arrival.as_slice().into(), &w.prefill, &w.decode)
        .with_tags(w.tags.clone())
        .with_chains(w.chains.clone());
    let engine = Engine::new(
        config.limits(),
        requests,
        &*config.policy(),
        config.replicas as u32,
        config.router(),
    );
    let can = config.can_migrate();
    let rule = if defragment {
        MoveRule::Defragment
    } else {
        MoveRule::Balance
    };
    let plan = FleetPlan {
        latency_secs: config.transfer_millis * 1e-3,
        secs_per_token: config.kv_bytes_per_token() / (config.transfer_gbps * 1e9),
        period_secs: period,
        rebalance: (can && moves).then_some(Rebalance { threshold, rule }),
        scale: (can && scales).then_some(Scale {
            least: 1,
            start: if config.provisions() {
                StartRule::Foretold(0.05 * threshold)
            } else {
                StartRule::Memory(0.5 * threshold)
            },
            stop_above: threshold,
            start_secs: period,
        }),
        headroom_blocks: headroom,
        on_demand: moves,
        split_secs: scales.then_some(2.0 * period),
        // Of a budget that is always exceeded, or never.
        power: row(config, 0.1 + 0.1 * f64::from(headroom)),
        faults,
    };
    engine
        .unwrap()
        .with_pools(config.pools())
        .with_lanes(config.lanes())
        .with_fleet(Some(plan))
}

/// Checks every event.
struct Watch {
    last: f64,
    running: Vec<Option<u64>>,
    tokens: Vec<u32>,
    last_token: Vec<f64>,
    restarts: u32,
    moved: u32,
}

impl Watch {
    fn tick(&mut self, at: f64) {
        assert!(at >= self.last, "time went back from {} to {at}", self.last);
        self.last = at;
    }
}

impl Sink for Watch {
    fn formed(&mut self, batch: &Formed<'_>) {
        self.tick(batch.at);
        assert!(!batch.entries.is_empty(), "an empty batch was formed");
        for e in batch.entries {
            let running = &mut self.running[e.request as usize];
            assert_eq!(*running, None, "request {} is in two batches", e.request);
            *running = Some(batch.iteration);
        }
    }

    fn ran(&mut self, iteration: u64, at: f64, entry: Entry, emitted: Emitted) {
        self.tick(at);
        let r = entry.request as usize;
        assert_eq!(self.running[r].take(), Some(iteration), "ran in its batch");
        if emitted != Emitted::Nothing {
            self.tokens[r] += 1;
            assert!(at > self.last_token[r], "two tokens of {r} at one time");
            self.last_token[r] = at;
        }
    }

    fn cut(&mut self, iteration: u64, at: f64) {
        self.tick(at);
        for running in &mut self.running {
            if *running == Some(iteration) {
                *running = None;
            }
        }
    }

    fn lost(&mut self, at: f64, _request: u32) {
        self.tick(at);
        self.restarts += 1;
    }

    fn moved(&mut self, moved: &Moved) {
        self.tick(moved.at);
        assert!(
            moved.began <= moved.stopped && moved.stopped <= moved.at,
            "{moved:?}"
        );
        assert_ne!(moved.from, moved.to, "moves elsewhere");
        self.moved += 1;
    }

    fn turned(&mut self, incident: &Incident) {
        self.tick(incident.at);
    }

    fn landed(&mut self, landed: &Landed) {
        self.tick(landed.at);
    }

    fn noted(&mut self, at: f64, note: Note) {
        self.tick(at);
        if let Note::Evicted { .. } = note {
            self.restarts += 1;
        }
    }
}

fn check_all(config: &Config, mut engine: Engine) -> Result<u32, TestCaseError> {
    let n = engine.requests().len();
    let output = |e: &Engine, i: usize| e.requests().output(Oracle::declare(), i as u32);
    let outputs: Vec<u32> = (0..n).map(|i| output(&engine, i)).collect();
    let total: Vec<u32> = (0..n)
        .map(|i| engine.requests().prefill[i] + outputs[i])
        .collect();
    let mut watch = Watch {
        last: 0.0,
        running: vec![None; n],
        tokens: vec![0; n],
        last_token: vec![-1.0; n],
        restarts: 0,
        moved: 0,
    };
    while engine.advance_with(&mut watch) {
        prop_assert!(engine.steps() < 300_000, "goes on for ever");
        prop_assert!(
            engine.now() < 5000.0 || engine.steps() < 100_000,
            "far too slow"
        );
        let r = engine.requests();
        for replica in 0..engine.replicas() {
            let here = |i: &usize| r.replica[*i] as usize == replica;
            let held: u32 = (0..n).filter(here).map(|i| r.blocks[i]).sum();
            let desk = engine.desk(replica);
            if let Some(cache) = &desk.cache {
                prop_assert!(held + desk.reserved >= desk.used);
                prop_assert!(desk.used + cache.unused() <= engine.limits().num_blocks);
                continue;
            }
            prop_assert!(desk.used <= engine.limits().num_blocks, "oversubscribed");
            prop_assert_eq!(
                held + desk.reserved,
                desk.used,
                "blocks of instance {}",
                replica
            );
            let kept: u32 = (engine.moves().iter())
                .filter(|m| m.to as usize == replica)
                .map(|m| m.blocks)
                .chain(
                    (engine.transfers().iter())
                        .filter(|t| t.to as usize == replica)
                        .map(|t| t.blocks),
                )
                .sum();
            prop_assert_eq!(kept, desk.reserved, "kept on instance {}", replica);
        }
        for i in 0..n {
            prop_assert_eq!(r.prefill[i] + output(&engine, i), total[i], "tokens add up");
        }
    }
    prop_assert!(engine.deadlock().is_none(), "{:?}", engine.deadlock());
    for i in 0..n {
        let phase = engine.requests().phase[i];
        let want = if phase == Phase::Ignored {
            0
        } else {
            outputs[i]
        };
        prop_assert_eq!(
            watch.tokens[i],
            want,
            "tokens of request {} ({:?})",
            i,
            phase
        );
    }
    for replica in 0..engine.replicas() {
        let desk = engine.desk(replica);
        let leaks = config.scheduler == Scheduler::StaticBatching;
        prop_assert!(
            leaks || (desk.used, desk.holders, desk.reserved) == (0, 0, 0),
            "free at the end"
        );
    }
    let restarts: u32 = engine.requests().restarts.iter().sum();
    prop_assert_eq!(
        restarts,
        watch.restarts,
        "restarts are evictions and losses"
    );
    Ok(watch.moved)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 250,
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_request_is_lost_whatever_happens_to_instances(
        config in config(Scheduler::ALL.to_vec()),
        plan in plan(),
    ) {
        prop_assume!(Serving::check(&config).is_ok());
        check_all(&config, engine(&config, plan))?;
    }

    #[test]
    fn the_log_covers_every_life_whatever_happens(
        config in config(Scheduler::ALL.to_vec()),
        plan in plan(),
    ) {
        prop_assume!(Serving::check(&config).is_ok());
        let mut engine = engine(&config, plan);
        let n = engine.requests().len();
        let mut log = Log::new(n, engine.replicas());
        while engine.advance_with(&mut log) {}
        let (offsets, segments) = finish(&mut log.gather()).unwrap();
        for i in 0..n {
            if engine.requests().phase[i] != Phase::Done {
                continue;
            }
            let own = &segments[offsets[i] as usize..offsets[i + 1] as usize];
            let mut at = engine.requests().arrival[i];
            for s in own.iter().filter(|s| s.what != Stretch::Tail) {
                prop_assert_eq!(s.from, at, "request {} has a hole: {:?}", i, own);
                at = s.to;
            }
            prop_assert_eq!(at, engine.requests().completed_at[i], "request {}: {:?}", i, own);
        }
    }

    #[test]
    fn no_request_is_lost_while_the_split_changes(
        config in config(vec![Scheduler::Vllm, Scheduler::Sarathi, Scheduler::VllmV1]),
        plan in plan(),
        replicas in 3_u64..=5,
    ) {
        let prefill_instances = 1 + config.seed % (replicas - 1);
        let config = Config { prefill_instances, replicas, ..config };
        prop_assume!(Serving::check(&config).is_ok());
        check_all(&config, engine(&config, plan))?;
    }

    #[test]
    fn no_request_is_lost_while_requests_move(
        config in config(vec![Scheduler::Vllm, Scheduler::Sarathi, Scheduler::VllmV1]),
        plan in plan(),
    ) {
        let config = Config { prefill_instances: 0, ..config };
        prop_assume!(Serving::check(&config).is_ok());
        check_all(&config, engine(&config, plan))?;
    }
}

fn run(config: &Config) -> Run {
    finish(&mut *Serving::simulate(config, &Library::default()).unwrap()).unwrap()
}

/// Four instances under more load than one of them would bear.
fn four() -> Config {
    Config {
        scheduler: Scheduler::VllmV1,
        replicas: 4,
        routing: Routing::Freest,
        rate: 12.0,
        requests: 200,
        prompt_median: 220.0,
        prompt_sigma: 0.9,
        prompt_max: 1024,
        output_median: 120.0,
        output_sigma: 1.2,
        output_max: 1500,
        max_tokens_per_sequence: 4096,
        num_blocks: 300,
        ..Config::default()
    }
}

#[test]
fn moves_are_live_and_take_what_the_link_says() {
    let run = run(&Config {
        migration: Migration::Balance,
        transfer_gbps: 5.0,
        transfer_millis: 2.0,
        ..four()
    });
    let moves = &run.log().moves;
    assert!(moves.len() > 5, "{} moves", moves.len());
    for m in moves {
        // The last piece is at most a block, so the stop is the latency and little more.
        let piece = 16.0 * 131_072.0 / 5e9;
        let stop = m.at - m.stopped;
        assert!(stop >= 2e-3 && stop <= 2e-3 + piece + 1e-9, "{m:?}");
        assert!(m.stopped - m.began >= 2e-3, "{m:?}");
        let at = run.segments(m.request).iter();
        let shown = at.filter(|s| s.what == Stretch::Transfer && s.to == m.at);
        assert_eq!(shown.count(), 1, "the stop is in the picture: {m:?}");
    }
    assert_eq!(run.results().count(Ending::Finished), 200);
}

#[test]
fn requests_of_a_dead_instance_end_elsewhere() {
    let run = run(&Config {
        fault: FaultChoice::Dies,
        fault_instance: 2,
        fault_at_secs: 5.0,
        fault_secs: 4.0,
        ..four()
    });
    let log = run.log();
    assert!(log.losses.len() > 3, "{} losses", log.losses.len());
    assert!(log.losses.iter().all(|l| l.at == 5.0 && l.tokens > 0));
    let turns: Vec<_> = log.incidents.iter().map(|i| (i.at, i.what)).collect();
    assert_eq!(turns, [(5.0, Turn::Died), (9.0, Turn::Revived)]);
    assert_eq!(run.results().count(Ending::Finished), 200);
    let course = log.usage.course(2, run.results().end);
    let dead = course.iter().filter(|c| c[0] > 5.1 && c[0] < 8.9);
    assert!(dead.clone().count() > 10 && dead.into_iter().all(|c| c[1] == 0.0));
}

#[test]
fn a_slow_instance_and_a_slow_link_only_cost_time() {
    let slow = |fault| {
        let config = Config {
            fault,
            fault_at_secs: 0.0,
            fault_secs: 1000.0,
            fault_factor: 4.0,
            replicas: 2,
            prefill_instances: 1,
            rate: 3.0,
            ..four()
        };
        run(&config)
    };
    let (sound, computes, sends) = (
        slow(FaultChoice::None),
        slow(FaultChoice::Slows),
        slow(FaultChoice::LinkSlows),
    );
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    assert!(mean(&computes.results().ttft) > 2.0 * mean(&sound.results().ttft));
    // The first token is out before anything is sent; only blocks come free later.
    let first = mean(&sends.results().ttft) / mean(&sound.results().ttft);
    assert!((0.8..1.2).contains(&first), "{first}");
    for (t, s) in sends.log().transfers.iter().zip(&sound.log().transfers) {
        let bytes = 131_072.0 / 25e9 * f64::from(t.tokens);
        assert!(
            (t.at - t.started - 1e-3 - 4.0 * bytes).abs() < 1e-9,
            "{t:?}"
        );
        assert!((s.at - s.started - 1e-3 - 131_072.0 / 25e9 * f64::from(s.tokens)).abs() < 1e-9);
    }
}

#[test]
fn instances_start_when_memory_is_short_and_stop_when_it_is_not() {
    let run = run(&Config {
        scaling: true,
        migration: Migration::Balance,
        start_secs: 2.0,
        ..four()
    });
    let of = |what| run.log().incidents.iter().filter(move |i| i.what == what);
    assert!(of(Turn::Starts).count() >= 2);
    for (start, ready) in of(Turn::Starts).zip(of(Turn::Ready)) {
        assert!(
            (ready.at - start.at - 2.0).abs() < 1e-9,
            "{start:?} {ready:?}"
        );
    }
    assert!(of(Turn::Off).count() >= 1);
    assert_eq!(run.results().count(Ending::Finished), 200);
    let state = run.state_at(run.results().end);
    assert!(state.instance_secs() < 4.0 * run.results().end);
    assert!(state.instance_secs() > run.results().end);
}
