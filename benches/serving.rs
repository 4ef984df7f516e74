//! The serving simulator beside a plain reference loop that looks at every request of every batch,
//! both in the same run with the same log: compare the ratio, not the absolute figures.
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use schedlab::core::finish;
use schedlab::labs::serving::engine::{Engine, Requests};
use schedlab::labs::serving::{Arrivals, Config, Log, Scheduler, Serving, workload};
use schedlab::labs::{LabRun as _, Library};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Seconds this thread has computed, not waited for a busy machine, where the system tells.
fn cpu_secs(since: Instant) -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = told.and_then(|t| t.split(' ').next()?.parse::<f64>().ok());
    nanos.map_or(since.elapsed().as_secs_f64(), |n| n * 1e-9)
}

/// Chat-like lengths on a GPU that keeps up with them: batches of up to 256, prompts in chunks.
fn chat(scheduler: Scheduler, requests: u64, rate: f64) -> Config {
    Config {
        scheduler,
        requests,
        rate,
        chunk_size: 2048,
        batch_size_cap: 256,
        num_blocks: 16_384,
        prompt_median: 120.0,
        prompt_sigma: 1.0,
        prompt_max: 4000,
        output_median: 150.0,
        output_sigma: 0.8,
        output_max: 1000,
        max_tokens_per_sequence: 8192,
        cost: schedlab::labs::serving::CostPreset::Llama3_8bH100,
        time_limit_secs: 1e7,
        ..Config::default()
    }
}

/// The engine of a config before its first event.
fn engine(config: &Config) -> Option<Engine> {
    let w = workload(config, &Library::default()).ok()?;
    let requests = Requests::new(w.arrival.as_slice().into(), &w.prefill, &w.decode);
    Engine::new(
        config.limits(),
        requests,
        &*config.policy(),
        1,
        config.router(),
    )
    .ok()
}

/// Runs to the end with the log on and every headline quantile of the gaps; iterations.
fn simulate(mut engine: Engine) -> u64 {
    let mut log = Log::new(engine.requests().len(), engine.replicas());
    engine.advance_all(u64::MAX, &mut log);
    let gaps = finish(&mut log.gaps.sort()).expect("sorting cannot fail");
    black_box(gaps.percentile(99.0));
    engine.iterations()
}

/// One measurement of both ways in seconds of computing, printed as a ratio.
fn ratio(name: &str, start: &Engine, runs: u32) {
    let time = |engine: Engine| {
        let clock = Instant::now();
        let before = cpu_secs(clock);
        let iterations: u64 = (0..runs).map(|_| simulate(engine.clone())).sum();
        (cpu_secs(clock) - before, iterations)
    };
    let (fast, iterations) = time(start.clone());
    let (plain, _) = time(start.clone().one_by_one());
    println!(
        "{name}: {iterations} iterations, {:.2} M/s, plain loop {:.2} M/s, ratio {:.1}",
        iterations as f64 / fast / 1e6,
        iterations as f64 / plain / 1e6,
        plain / fast
    );
}

fn both(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, start: &Engine) {
    ratio(name, start, 1);
    group.throughput(Throughput::Elements(simulate(start.clone())));
    group.bench_function(name, |b| b.iter(|| simulate(black_box(start.clone()))));
    group.bench_function(format!("{name}, one by one"), |b| {
        b.iter(|| simulate(black_box(start.clone().one_by_one())));
    });
}

/// Iterations a second of every policy, 20,000 requests.
fn policies(c: &mut Criterion) {
    let mut group = c.benchmark_group("iterations");
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(3));
    for &scheduler in Scheduler::ALL {
        if let Some(start) = engine(&chat(scheduler, 20_000, 12.0)) {
            both(&mut group, scheduler.name(), &start);
        }
    }
    group.finish();
}

/// A million requests under chunked prefill.
fn million(c: &mut Criterion) {
    let mut group = c.benchmark_group("a million requests");
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(1));
    for scheduler in [Scheduler::Sarathi, Scheduler::VllmV1] {
        if let Some(start) = engine(&chat(scheduler, 1_000_000, 26.0)) {
            ratio(
                &format!("a million requests, {}", scheduler.name()),
                &start,
                1,
            );
            group.bench_function(scheduler.name(), |b| {
                b.iter(|| simulate(black_box(start.clone())));
            });
        }
    }
    group.finish();
}

/// Workload, run, evaluation; how many metrics came out.
fn whole(config: &Config) -> usize {
    let metrics = Serving::simulate(config, &Library::default())
        .and_then(|mut job| finish(&mut *job))
        .map(|run| run.metrics().len());
    assert!(metrics.is_ok(), "{metrics:?}");
    metrics.unwrap_or(0)
}

/// What a slider costs: workload, run, metrics, charts of 1,000 requests.
fn what_if(c: &mut Criterion) {
    let mut group = c.benchmark_group("what-if of 1,000 requests");
    for scheduler in [Scheduler::Vllm, Scheduler::Sarathi, Scheduler::VllmV1] {
        let config = chat(scheduler, 1_000, 26.0);
        let clock = Instant::now();
        let before = cpu_secs(clock);
        let runs = 20;
        (0..runs).for_each(|_| {
            black_box(whole(&config));
        });
        let millis = (cpu_secs(clock) - before) * 1e3 / f64::from(runs);
        println!("what-if, {}: {millis:.2} ms with charts", scheduler.name());
        if let Some(start) = engine(&config) {
            ratio(&format!("what-if, {}", scheduler.name()), &start, 100);
        }
        group.bench_function(scheduler.name(), |b| {
            b.iter(|| whole(black_box(&config)));
        });
    }
    let bursty = Config {
        arrivals: Arrivals::Burst,
        ..chat(Scheduler::Sarathi, 1_000, 26.0)
    };
    group.bench_function("all at once", |b| {
        b.iter(|| whole(black_box(&bursty)));
    });
    group.finish();
}

criterion_group!(benches, policies, million, what_if);
criterion_main!(benches);
