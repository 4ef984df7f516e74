//! Laws that every run of the serving lab obeys, under every scheduler.

#![expect(clippy::unwrap_used, reason = "a test says what failed by stopping")]

mod serving_cases;

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use schedlab::core::{Simulation as _, finish};
use schedlab::labs::serving::engine::{
    Desk, Emitted, Engine, Entry, Formed, Limits, Note, Oracle, Phase, Requests, Sink,
};
use schedlab::labs::serving::{
    Arrivals, Config, Ending, Feature, Log, Preemption, Run, Scheduler, Serving, Stretch, workload,
};
use schedlab::labs::{Lab as _, LabRun as _, Library};
use serving_cases::{Sizes, configs};

fn config() -> impl Strategy<Value = Config> {
    configs(Sizes {
        // vLLM v0 more often: it has two kinds of preemption.
        schedulers: [Scheduler::ALL, &[Scheduler::Vllm; 4]].concat(),
        arrivals: vec![Arrivals::Poisson, Arrivals::Burst, Arrivals::Gamma],
        requests: 1..60,
        cap: 1..40,
        replicas: 1..=3,
        stages: 1..=3,
        blocks: 40..200,
        watermark: 0.0..0.2,
        prompt: 1.0..200.0,
        rate: 0.5..60.0,
    })
}

fn output(engine: &Engine, i: usize) -> u32 {
    engine.requests().output(Oracle::declare(), i as u32)
}

/// The engine of a config before its first event, if the run ends: under the feedback queue, small
/// pools can keep requests throwing each other out for ever.
fn start(config: &Config) -> Option<Engine> {
    Serving::check(config).ok()?;
    let run = run(config);
    (!run.results().saturated).then(|| run.recording().at(0))
}

fn run(config: &Config) -> Run {
    finish(&mut *Serving::simulate(config, &Library::default()).unwrap()).unwrap()
}

/// Checks every event against the invariants.
struct Watch<'a> {
    config: &'a Config,
    last: f64,
    running: Vec<bool>,
    tokens: Vec<u32>,
    last_token: Vec<f64>,
    evictions: u64,
    swaps: [u64; 2],
}

impl Sink for Watch<'_> {
    fn formed(&mut self, batch: &Formed<'_>) {
        assert!(batch.at >= self.last, "time went back");
        self.last = batch.at;
        assert!(!batch.entries.is_empty(), "an empty batch was formed");
        let limits = self.config.limits();
        assert!(batch.desk.used <= limits.num_blocks, "pool oversubscribed");
        let total: u64 = batch.entries.iter().map(|e| u64::from(e.tokens)).sum();
        let decodes = batch.entries.iter().filter(|e| !e.prefill).count() as u64;
        if self.config.scheduler.has(Feature::Budget) {
            // Sarathi's decodes are never limited by the budget.
            let most = self.config.chunk_size.max(decodes);
            assert!(total <= most, "{total} tokens of {most}");
        }
        let cap = limits.batch_cap as usize;
        assert!(
            batch.entries.len() <= cap,
            "{} of {cap}",
            batch.entries.len()
        );
        for e in batch.entries {
            assert!(e.tokens > 0, "no tokens");
            let running = &mut self.running[e.request as usize];
            assert!(!*running, "request {} is in two batches", e.request);
            *running = true;
        }
    }

    fn ran(&mut self, _iteration: u64, at: f64, entry: Entry, emitted: Emitted) {
        let r = entry.request as usize;
        assert!(at >= self.last, "time went back");
        self.last = at;
        self.running[r] = false;
        if emitted != Emitted::Nothing {
            self.tokens[r] += 1;
            assert!(at > self.last_token[r], "two tokens of {r} at one time");
            self.last_token[r] = at;
        }
    }

    fn ended(&mut self, _iteration: u64, _at: f64, _replica: u32, desk: &Desk) {
        assert!(desk.used <= desk.peak, "peak below use");
    }

    fn noted(&mut self, _at: f64, note: Note) {
        match note {
            Note::Evicted { .. } => self.evictions += 1,
            Note::SwappedOut(_) => self.swaps[0] += 1,
            Note::SwappedIn(_) => self.swaps[1] += 1,
            Note::Released(_) => {}
        }
    }
}

/// Every call, as text.
#[derive(Default)]
struct Tell(Vec<String>);

impl Sink for Tell {
    fn arrived(&mut self, at: f64, request: u32, phase: Phase) {
        self.0.push(format!("arrived {at:?} {request} {phase:?}"));
    }

    fn formed(&mut self, batch: &Formed<'_>) {
        let Formed {
            iteration,
            replica,
            at,
            stage_secs,
            entries,
            work,
            desk,
            ..
        } = batch;
        let stop = desk.stop;
        self.0.push(format!(
            "formed {iteration} {replica} {at:?} {stage_secs:?} {entries:?} {work:?} {stop:?}"
        ));
    }

    fn started(&mut self, iteration: u64, at: f64) {
        self.0.push(format!("started {iteration} {at:?}"));
    }

    fn ran(&mut self, iteration: u64, at: f64, entry: Entry, emitted: Emitted) {
        self.0
            .push(format!("ran {iteration} {at:?} {entry:?} {emitted:?}"));
    }

    fn ended(&mut self, iteration: u64, at: f64, replica: u32, desk: &Desk) {
        let Desk {
            used,
            peak,
            holders,
            evictions,
            partly_evictions,
            ..
        } = desk;
        self.0.push(format!("ended {iteration} {at:?} {replica} {used} {peak} {holders} {evictions} {partly_evictions}"));
    }

    fn noted(&mut self, at: f64, note: Note) {
        self.0.push(format!("noted {at:?} {note:?}"));
    }
}

/// All that lookers-on can see of an engine.
fn state(engine: &Engine) -> String {
    let desks: Vec<_> = (0..engine.replicas())
        .map(|i| {
            let desk = engine.desk(i);
            let flying: Vec<_> = engine.in_flight(i).collect();
            format!(
                "{:?} {:?} {:?} {} {} {} {flying:?}",
                desk.queue, desk.held, desk.swapped, desk.swapped_blocks, desk.used, desk.holders
            )
        })
        .collect();
    format!(
        "{:?} {desks:?} {} {}",
        engine.requests(),
        engine.now(),
        engine.finished()
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 150,
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_event_keeps_the_invariants(config in config()) {
        let start = start(&config);
        prop_assume!(start.is_some());
        let start = start.unwrap();
        let n = start.requests().len();
        let mut watch = Watch {
            config: &config,
            last: 0.0,
            running: vec![false; n],
            tokens: vec![0; n],
            last_token: vec![-1.0; n],
            evictions: 0,
            swaps: [0; 2],
        };
        let mut engine: Engine = start.one_by_one();
        let total: Vec<u32> = (0..n).map(|i| engine.requests().prefill[i] + output(&engine, i)).collect();
        let outputs = (0..n).map(|i| output(&engine, i)).collect::<Vec<u32>>();
        while engine.advance_with(&mut watch) {
            prop_assert!(engine.steps() < 200_000, "goes on for ever");
            let r = engine.requests();
            for replica in 0..engine.replicas() {
                let held: u32 = (0..n).filter(|&i| r.replica[i] as usize == replica).map(|i| r.blocks[i]).sum();
                let desk = engine.desk(replica);
                let (mut blocks, mut last) = (0, 0.0);
                for swapped in &desk.swapped {
                    let i = swapped.request as usize;
                    prop_assert_eq!((r.phase[i], r.blocks[i]), (Phase::Swapped, 0));
                    prop_assert!(r.arrival[i] >= last, "swapped requests stand by arrival");
                    (blocks, last) = (blocks + swapped.blocks, r.arrival[i]);
                }
                prop_assert_eq!(blocks, desk.swapped_blocks);
                prop_assert!(blocks <= engine.limits().swap.map_or(0, |s| s.blocks), "swap space");
                if let Some(cache) = &desk.cache {
                    // Shared blocks count once.
                    prop_assert!(held + desk.reserved >= desk.used && desk.used + cache.unused() <= config.limits().num_blocks);
                    continue;
                }
                prop_assert!(desk.used <= config.limits().num_blocks, "pool oversubscribed");
                prop_assert_eq!(held + desk.reserved, desk.used, "blocks of the map are the blocks in use");
            }
            for i in 0..n {
                prop_assert_eq!(r.prefill[i] + output(&engine, i), total[i], "prompt and output add up");
            }
        }
        prop_assert!(engine.deadlock().is_none(), "{:?}", engine.deadlock());
        for i in 0..n {
            let ignored = engine.requests().phase[i] == Phase::Ignored;
            let want = if ignored { 0 } else { outputs[i] };
            prop_assert_eq!(watch.tokens[i], want, "tokens of request {}", i);
        }
        for replica in 0..engine.replicas() {
            prop_assert_eq!(engine.desk(replica).used, 0, "all blocks are free at the end");
            prop_assert_eq!(engine.desk(replica).holders, 0, "nobody holds blocks");
            prop_assert_eq!(engine.desk(replica).swapped_blocks, 0, "all are back from the host");
        }
        let restarts: u32 = engine.requests().restarts.iter().sum();
        prop_assert_eq!(u64::from(restarts), watch.evictions, "restarts are evictions");
        prop_assert_eq!(watch.swaps[0], watch.swaps[1], "whoever goes out comes back");
    }

    #[test]
    fn the_cohort_gives_the_same_events_and_states_as_one_by_one(config in config()) {
        let start = start(&config);
        prop_assume!(start.is_some());
        let start = start.unwrap();
        let (mut fast, mut plain) = (start.clone(), start.one_by_one());
        let (mut told, mut want) = (Tell::default(), Tell::default());
        while plain.advance_with(&mut want) {
            prop_assert!(fast.advance_with(&mut told), "the cohort ends early");
            prop_assert_eq!(&told.0, &want.0);
            told.0.clear();
            want.0.clear();
            let fast = fast.clone().settled();
            prop_assert_eq!(state(&fast), state(&plain));
        }
        prop_assert!(!fast.advance(), "the cohort goes on");
    }

    #[test]
    fn the_order_of_arrival_is_that_of_vllm_v1(config in config()) {
        let told = |scheduler| {
            let config = Config { scheduler, prefill_instances: 0, ..config.clone() };
            let start = run(&config).recording().at(0);
            let (mut engine, mut tell) = (start, Tell::default());
            engine.advance_all(u64::MAX, &mut tell);
            tell.0
        };
        let checked = Config { scheduler: Scheduler::Fcfs, prefill_instances: 0, ..config.clone() };
        prop_assume!(Serving::check(&checked).is_ok());
        prop_assert_eq!(told(Scheduler::Fcfs), told(Scheduler::VllmV1));
    }

    #[test]
    fn only_an_oracle_sees_output_lengths_before_the_last_token(config in config(), pick in 0_usize..1000) {
        prop_assume!(Serving::check(&config).is_ok() && !config.scheduler.has(Feature::Oracle));
        let w = workload(&config, &Library::default()).unwrap();
        let limits = Limits { ignore_misfits: false, ..config.limits() };
        let told = |decode: &[u32]| {
            let requests = Requests::new(w.arrival.as_slice().into(), &w.prefill, decode)
                .with_tags(w.tags.clone())
                .with_chains(w.chains.clone());
            let engine = Engine::new(
                limits.clone(),
                requests,
                &*config.policy(),
                config.replicas as u32,
                config.router(),
            );
            let (mut engine, mut tell) = (engine.unwrap(), Tell::default());
            engine.advance_all(20_000, &mut tell);
            (tell.0, engine)
        };
        let i = pick % w.decode.len();
        let mut longer = w.decode.clone();
        longer[i] += 7;
        let (a, engine) = told(&w.decode);
        let (b, _) = told(&longer);
        // Until the token that is the last one only in the first run, all is the same.
        let end = format!("{:?}", engine.requests().completed_at[i]);
        let known = |lines: &[String]| -> Vec<String> {
            let before = lines.iter().take_while(|l| !(l.starts_with("ran") && l.contains(&end)));
            before.cloned().collect()
        };
        prop_assert_eq!(known(&a), known(&b));
    }

    #[test]
    fn the_log_of_lumps_equals_the_log_of_single_requests(config in config()) {
        let start = start(&config);
        prop_assume!(start.is_some());
        let start = start.unwrap();
        let logged = |mut engine: Engine| {
            let n = engine.requests().len();
            let mut log = Log::new(n, engine.replicas());
            while engine.advance_with(&mut log) {}
            let mut gather = log.gather();
            let segments = finish(&mut gather).unwrap();
            format!("{segments:?} {log:?}")
        };
        prop_assert_eq!(logged(start.clone()), logged(start.one_by_one()));
    }

    #[test]
    fn any_event_of_a_recording_equals_stepping(config in config(), share in 0.0..1.0_f64) {
        prop_assume!(Serving::check(&config).is_ok());
        let run = run(&config);
        let step = (share * run.recording().total_steps() as f64) as u64;
        let mut stepped = run.recording().at(0);
        for _ in 0..step {
            stepped.advance();
        }
        prop_assert_eq!(format!("{:?}", run.recording().at(step)), format!("{stepped:?}"));
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes(config in config()) {
        prop_assume!(Serving::check(&config).is_ok());
        let (a, b) = (run(&config), run(&config));
        prop_assert_eq!(format!("{:?}", a.log()), format!("{:?}", b.log()));
        prop_assert_eq!(a.summary(), b.summary());
    }

    #[test]
    fn the_stretches_of_a_life_touch_and_cover_it(config in config()) {
        prop_assume!(Serving::check(&config).is_ok());
        let run = run(&config);
        for i in 0..run.results().len() {
            if run.results().ending[i] != Ending::Finished {
                continue;
            }
            let segments = run.segments(i as u32);
            let mut at = run.workload().arrival[i];
            let mut done = f64::NAN;
            for s in segments {
                prop_assert_eq!(s.from, at, "request {} has a hole: {:?}", i, segments);
                prop_assert!(s.to > s.from, "{:?}", s);
                at = s.to;
                if s.what != Stretch::Tail {
                    done = s.to;
                }
            }
            let end = run.workload().arrival[i] + run.results().e2e[i];
            prop_assert!((done - end).abs() < 1e-9, "ends at {done}, not {end}");
        }
    }
}

#[test]
fn only_policies_that_say_so_ask_for_true_lengths() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/labs/serving/policies");
    let mut files = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let file = file.unwrap().path();
        let text = std::fs::read_to_string(&file).unwrap();
        files += 1;
        assert!(
            !text.contains("Oracle::declare") || text.contains("Feature::Oracle"),
            "{} asks for true lengths and does not say so",
            file.display()
        );
    }
    assert!(files > 7, "{files} files");
}

#[test]
fn swapping_under_pressure_gives_the_same_events_by_cohort_and_one_by_one() {
    let config = Config {
        scheduler: Scheduler::Vllm,
        preemption: Preemption::Swap,
        rate: 14.0,
        requests: 200,
        prompt_median: 220.0,
        prompt_sigma: 0.9,
        output_median: 120.0,
        output_max: 600,
        max_tokens_per_sequence: 2048,
        num_blocks: 420,
        prompt_max: 1024,
        ..Config::default()
    };
    let run = run(&config);
    let start = run.recording().at(0);
    let told = |mut engine: Engine| {
        let mut tell = Tell::default();
        engine.advance_all(u64::MAX, &mut tell);
        (tell.0, state(&engine))
    };
    assert_eq!(told(start.clone()), told(start.one_by_one()));
    let log = run.log();
    assert!(log.swaps_out() > 20, "{} swaps", log.swaps_out());
    assert_eq!(log.swaps.len(), 2 * log.swaps_out());
    assert!(log.swap_secs > 0.0 && log.evictions.is_empty());
}

#[test]
fn swapping_where_requests_come_out_of_order_is_the_same_by_cohort_and_one_by_one() {
    // Copies of the KV cache end in another order than the requests arrived, so one that came
    // earlier can come back from the host behind a later one.
    let mut swaps = 0;
    for seed in 0..60 {
        let run = run(&Config {
            scheduler: Scheduler::Vllm,
            preemption: Preemption::Swap,
            replicas: 2,
            prefill_instances: 1,
            transfer_gbps: 0.05,
            rate: 8.0,
            requests: 60,
            batch_size_cap: 6,
            block_size: 8,
            num_blocks: 70,
            prompt_median: 80.0,
            prompt_max: 250,
            output_median: 40.0,
            output_max: 120,
            max_tokens_per_sequence: 320,
            seed,
            ..Config::default()
        });
        let start = run.recording().at(0);
        let told = |mut engine: Engine| {
            let mut tell = Tell::default();
            engine.advance_all(200_000, &mut tell);
            (tell.0, state(&engine))
        };
        assert_eq!(told(start.clone()), told(start.one_by_one()), "seed {seed}");
        swaps += run.log().swaps_out();
    }
    assert!(swaps > 100, "{swaps} swaps");
}

#[test]
fn littles_law_holds() {
    // Time average of requests in the system = arrival rate × mean time in the system.
    let run = run(&Config {
        requests: 300,
        warmup_percent: 0.0,
        ..Config::default()
    });
    let (r, it) = (run.results(), &run.log().iterations);
    let in_system_area: f64 = r.e2e.iter().sum();
    let mut changes: Vec<(f64, f64)> = Vec::new();
    for i in 0..r.len() {
        changes.push((run.workload().arrival[i], 1.0));
        changes.push((run.workload().arrival[i] + r.e2e[i], -1.0));
    }
    changes.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut area, mut now, mut last) = (0.0, 0.0, 0.0);
    for (at, change) in changes {
        area += now * (at - last);
        now += change;
        last = at;
    }
    assert!(
        (area / in_system_area - 1.0).abs() < 1e-9,
        "{area} {in_system_area}"
    );
    assert!(it.len() > 300, "{}", it.len());
}

#[test]
fn first_come_first_served_schedulers_keep_the_order() {
    for &scheduler in Scheduler::ALL {
        if !scheduler.has(Feature::InOrder) {
            continue;
        }
        let run = run(&Config {
            scheduler,
            requests: 200,
            ..Config::default()
        });
        let w = run.workload();
        let firsts: Vec<f64> = (run.results().queueing.iter())
            .zip(&w.arrival)
            .map(|(q, a)| q + a)
            .collect();
        assert!(
            firsts.is_sorted_by(|a, b| *a <= b + 1e-9),
            "{scheduler:?}: {firsts:?}"
        );
    }
}
