//! Routing at real sizes: choice, permutation, Sinkhorn, and the device, each beside a plain
//! reference in the same run: compare the ratio, not the absolute figures.
//! `scripts/routing_reference.py` times the same with PyTorch, JAX or NumPy.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use schedlab::core::gate;
use schedlab::core::matrix::Matrix;
use schedlab::core::num;
use schedlab::core::permute;
use schedlab::core::rng::{Stream, StreamId};
use schedlab::labs::routing::rules::sinkhorn::LogDomain;
use std::hint::black_box;

const EXPERTS: usize = 256;
const K: usize = 8;
const TOKENS: [usize; 3] = [4096, 16_384, 65_536];

fn logits(tokens: usize) -> Vec<f32> {
    let mut stream = Stream::new(1, StreamId::Test);
    (0..tokens * EXPERTS).map(|_| stream.normal_f32()).collect()
}

/// The row as the lab routes it: one token at a time, in double precision.
fn widened<'a>(row: &[f32], to: &'a mut [f64]) -> &'a [f64] {
    for (to, &z) in to.iter_mut().zip(row) {
        *to = f64::from(z);
    }
    to
}

/// The eight best of 256 against one reading of the logits.
fn choice(c: &mut Criterion) {
    let mut group = c.benchmark_group("top-8 of 256");
    group.sample_size(10);
    for tokens in TOKENS {
        let z = logits(tokens);
        let mut wide = vec![0.0; EXPERTS];
        group.throughput(Throughput::Elements(tokens as u64));
        group.bench_function(BenchmarkId::new("top-k", tokens), |b| {
            b.iter(|| -> usize {
                black_box(&z)
                    .chunks_exact(EXPERTS)
                    .map(|row| gate::top_k(widened(row, &mut wide), K)[K - 1])
                    .sum()
            });
        });
        group.bench_function(BenchmarkId::new("softmax", tokens), |b| {
            b.iter(|| -> f64 {
                black_box(&z)
                    .chunks_exact(EXPERTS)
                    .map(|row| gate::softmax(widened(row, &mut wide))[0])
                    .sum()
            });
        });
        group.bench_function(BenchmarkId::new("logits read", tokens), |b| {
            b.iter(|| -> f64 {
                black_box(&z)
                    .chunks_exact(EXPERTS)
                    .map(|row| {
                        widened(row, &mut wide)
                            .iter()
                            .fold(f64::MIN, |a, &v| a.max(v))
                    })
                    .sum()
            });
        });
    }
    group.finish();
}

/// Pairs into expert order, against the standard library's stable sort.
fn permutation(c: &mut Criterion) {
    let mut group = c.benchmark_group("permutation");
    group.sample_size(10);
    for tokens in TOKENS {
        let mut stream = Stream::new(2, StreamId::Test);
        let experts: Vec<usize> = (0..tokens * K)
            .map(|_| stream.below(EXPERTS as u32) as usize)
            .collect();
        group.throughput(Throughput::Elements(experts.len() as u64));
        group.bench_function(BenchmarkId::new("counting sort", tokens), |b| {
            b.iter(|| permute::permutation(black_box(&experts), EXPERTS).order[0]);
        });
        group.bench_function(BenchmarkId::new("stable sort", tokens), |b| {
            b.iter(|| {
                let mut order: Vec<usize> = (0..experts.len()).collect();
                order.sort_by_key(|&i| black_box(&experts)[i]);
                order[0]
            });
        });
    }
    group.finish();
}

/// One pass of Sinkhorn over rows and columns, against the exponentials it needs.
fn sinkhorn(c: &mut Criterion) {
    let mut group = c.benchmark_group("sinkhorn");
    group.sample_size(10);
    for tokens in [1024, 4096] {
        let z = Matrix {
            rows: tokens,
            cols: EXPERTS,
            data: logits(tokens).into_iter().map(f64::from).collect(),
        };
        let mut work = LogDomain::new(&z, 1.0);
        group.throughput(Throughput::Elements((tokens * EXPERTS) as u64));
        group.bench_function(BenchmarkId::new("pass", tokens), |b| b.iter(|| work.pass()));
        group.bench_function(BenchmarkId::new("its exponentials", tokens), |b| {
            b.iter(|| -> f64 {
                let all = black_box(&z.data).iter();
                all.map(|&v| num::exp(v) + num::exp(-v)).sum()
            });
        });
    }
    group.finish();
}

/// Choice, counts and positions on the device that is there, with the way there and back.
#[cfg(feature = "gpu")]
fn device(c: &mut Criterion) {
    use schedlab::gpu::Gpu;
    use schedlab::labs::routing::{Pipeline, Sizes};
    let gpu = match Gpu::headless() {
        Ok(gpu) => gpu,
        Err(error) => {
            println!("SKIPPED: {error}");
            return;
        }
    };
    let mut group = c.benchmark_group("device");
    group.sample_size(10);
    for tokens in TOKENS {
        let sizes = Sizes {
            tokens: tokens as u32,
            experts: EXPERTS as u32,
            k: K as u32,
            bins: EXPERTS as u32,
            places: (tokens * K / EXPERTS) as u32,
        };
        let z = logits(tokens);
        let Ok(pipeline) = Pipeline::new(&gpu, sizes) else {
            return;
        };
        group.throughput(Throughput::Elements(tokens as u64));
        group.bench_function(BenchmarkId::new("choice and positions", tokens), |b| {
            b.iter(|| pipeline.route(&gpu, black_box(&z)).map(|r| r.0.len()));
        });
    }
    group.finish();
}

#[cfg(not(feature = "gpu"))]
fn device(_: &mut Criterion) {}

criterion_group!(benches, choice, permutation, sinkhorn, device);
criterion_main!(benches);
