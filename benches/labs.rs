//! Throughput of the hot parts beside a plain reference in the same run: compare the ratio, not
//! the absolute figures.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use schedlab::core::rng::{Stream, StreamId};
use schedlab::core::select::{MAGNITUDE_BITS, radix_select};
use schedlab::labs::noise::empirical::Empirical;
use schedlab::labs::{LabKind, Library, Setup, outcome_of};
use std::collections::BinaryHeap;
use std::hint::black_box;

/// One default serving run, tables and charts included, against an event
/// heap alone.
fn serving(c: &mut Criterion) {
    let setup = Setup::default_of(LabKind::Serving);
    let data = Library::default();
    let mut group = c.benchmark_group("serving");
    group.bench_function("default run", |b| {
        b.iter(|| outcome_of(black_box(&setup), &data).map(|o| o.metrics.len()));
    });
    // An event queue and nothing else: 60 requests of 150 tokens, an event for each.
    group.bench_function("bare event heap", |b| {
        b.iter(|| {
            let mut heap: BinaryHeap<(u64, u64)> = (0..60).map(|r| (black_box(r), 150)).collect();
            let mut events = 0_u64;
            while let Some((at, left)) = heap.pop() {
                events += 1;
                if left > 1 {
                    heap.push((at + 60, left - 1));
                }
            }
            events
        });
    });
    group.finish();
}

/// The k-th smallest of a million magnitudes against the standard library's selection.
fn select(c: &mut Criterion) {
    let mut stream = Stream::new(1, StreamId::Test);
    let words: Vec<u32> = (0..1 << 20)
        .map(|_| stream.normal_f32().to_bits())
        .collect();
    let k = words.len() / 2;
    let mut group = c.benchmark_group("select");
    group.throughput(Throughput::Elements(words.len() as u64));
    group.bench_function("radix", |b| {
        b.iter(|| radix_select(&[black_box(&words)], MAGNITUDE_BITS, k as u64).key);
    });
    group.bench_function("select_nth_unstable", |b| {
        b.iter(|| {
            let mut keys: Vec<u32> = words.iter().map(|w| w & MAGNITUDE_BITS).collect();
            *black_box(&mut keys).select_nth_unstable(k - 1).1
        });
    });
    group.finish();
}

/// The exact denoiser of 1,024 rows against the bare squared distances.
fn denoiser(c: &mut Criterion) {
    const DIM: usize = 16;
    let mut stream = Stream::new(2, StreamId::Test);
    let rows: Vec<f64> = (0..1024 * DIM)
        .map(|_| f64::from(stream.normal_f32()))
        .collect();
    let point: Vec<f64> = (0..DIM).map(|_| f64::from(stream.normal_f32())).collect();
    let Ok(data) = Empirical::new(DIM, rows.clone()) else {
        return;
    };
    let mut group = c.benchmark_group("denoiser");
    group.throughput(Throughput::Elements(1024));
    group.bench_function("posterior mean", |b| {
        b.iter(|| {
            data.posterior(black_box(&point), 1.0, 0.5)
                .map(|p| p.log_sum_exp)
        });
    });
    group.bench_function("distances only", |b| {
        b.iter(|| {
            rows.chunks(DIM)
                .map(|row| {
                    row.iter()
                        .zip(black_box(&point))
                        .map(|(a, b)| (a - b).powi(2))
                        .sum()
                })
                .fold(f64::INFINITY, |best: f64, d: f64| best.min(d))
        });
    });
    group.finish();
}

criterion_group!(benches, serving, select, denoiser);
criterion_main!(benches);
