//! Selection and masks over 16.8 million weights and over one, singular values, products with pruned
//! matrices, and checkpoints.
//! `scripts/compare_pruning.py` times the same work in NumPy (and PyTorch, where it is installed) in
//! the same run: compare the ratios, not the absolute figures.

#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use schedlab::core::finish;
use schedlab::core::groups::mask_of_weights;
use schedlab::core::mask::Mask;
use schedlab::core::rng::{Stream, StreamId};
use schedlab::core::select::{MAGNITUDE_BITS, count_rule, masks, radix_select};
use schedlab::core::sparse::Formats;
use schedlab::labs::pruning::header::{Strictness, length_of, parse};
use schedlab::labs::pruning::spectrum::{Decomposing, Flat};
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// 4096 × 4096.
const WEIGHTS: usize = 1 << 24;
const SIDE: usize = 1 << 12;

/// Seconds this thread has computed, not waited for a busy machine, where the system tells.
fn cpu_secs(since: Instant) -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = told.and_then(|t| t.split(' ').next()?.parse::<f64>().ok());
    nanos.map_or(since.elapsed().as_secs_f64(), |n| n * 1e-9)
}

/// Times a piece of work in seconds of computing.
fn time<T>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, mut work: impl FnMut() -> T) {
    group.bench_function(name, |b| {
        b.iter_custom(|times| {
            let clock = Instant::now();
            let before = cpu_secs(clock);
            for _ in 0..times {
                black_box(work());
            }
            Duration::from_secs_f64(cpu_secs(clock) - before)
        });
    });
}

fn weights(n: usize) -> Vec<f32> {
    let mut stream = Stream::new(1, StreamId::Test);
    (0..n).map(|_| stream.normal_f32()).collect()
}

/// Global magnitude at 90 %: the exact threshold, and the masks with it.
fn global(c: &mut Criterion) {
    let values = weights(WEIGHTS);
    let words: &[u32] = bytemuck::cast_slice(&values);
    let k = count_rule(0.9, WEIGHTS) as u64;
    let mut group = c.benchmark_group("pruning 16.8 M");
    group.sample_size(10);
    group.throughput(Throughput::Elements(WEIGHTS as u64));
    time(&mut group, "read", || {
        black_box(words).iter().fold(0_u32, |a, w| a ^ w)
    });
    time(&mut group, "threshold", || {
        radix_select(&[black_box(words)], MAGNITUDE_BITS, k).key
    });
    time(&mut group, "threshold and mask", || {
        let cut = radix_select(&[black_box(words)], MAGNITUDE_BITS, k);
        masks(&[words], MAGNITUDE_BITS, &cut)[0].kept(0)
    });
    time(&mut group, "2 of 4", || {
        mask_of_weights(black_box(&values), SIDE, 2, 4).kept(0)
    });
    group.finish();
}

/// What follows a move of the slider: the cut and the mask of a million weights.
fn slider(c: &mut Criterion) {
    const N: usize = 1 << 20;
    let values = weights(N);
    let words: &[u32] = bytemuck::cast_slice(&values);
    let mut group = c.benchmark_group("pruning 1 M");
    group.throughput(Throughput::Elements(N as u64));
    let mut sparsity = 0.0;
    time(&mut group, "threshold and mask", || {
        sparsity = (sparsity + 0.137) % 1.0;
        let k = count_rule(sparsity, N) as u64;
        let cut = radix_select(&[black_box(words)], MAGNITUDE_BITS, k);
        masks(&[words], MAGNITUDE_BITS, &cut)[0].kept(0)
    });
    group.finish();
}

/// A sweep of cuts on the device that is there, one after the other and together, beside the CPU.
#[cfg(feature = "gpu")]
fn device(c: &mut Criterion) {
    use schedlab::gpu::{Gpu, Selector};
    const N: usize = 1 << 18;
    let gpu = match Gpu::headless() {
        Ok(gpu) => gpu,
        Err(error) => {
            println!("SKIPPED: {error}");
            return;
        }
    };
    let values = weights(N);
    let words: &[u32] = bytemuck::cast_slice(&values);
    let ks: Vec<u64> = (1..=16).map(|i| (i * N / 17) as u64).collect();
    let select = |ks: &[u64]| {
        let selector = Selector::new(&gpu, words, MAGNITUDE_BITS, ks)?;
        selector.wait(&gpu)
    };
    let mut group = c.benchmark_group("16 cuts of 262,144 weights on the device");
    group.sample_size(10);
    group.bench_function("CPU", |b| {
        b.iter(|| {
            let cut = |&k: &u64| {
                let cut = radix_select(&[words], MAGNITUDE_BITS, k);
                masks(&[words], MAGNITUDE_BITS, &cut)
            };
            ks.iter().map(cut).collect::<Vec<_>>()
        });
    });
    group.bench_function("one by one", |b| {
        b.iter(|| ks.iter().map(|&k| select(&[k])).collect::<Vec<_>>());
    });
    group.bench_function("together", |b| b.iter(|| select(&ks)));
    group.finish();
}

#[cfg(not(feature = "gpu"))]
fn device(_: &mut Criterion) {}

/// Singular values of a square matrix.
fn spectrum(c: &mut Criterion) {
    const SIDE: usize = 512;
    let values: Arc<[f32]> = weights(SIDE * SIDE).into();
    let mut group = c.benchmark_group("spectrum 512");
    group.sample_size(10);
    time(&mut group, "singular values", || {
        let flat = Flat::new(black_box(values.clone()), [SIDE; 2]);
        let job = flat.and_then(|flat| Decomposing::new("a", flat, SIDE));
        let found = job.and_then(|mut job| finish(&mut job));
        found.map_or(0.0, |s| s.largest())
    });
    group.finish();
}

/// One product with a 2048 × 2048 matrix that keeps a tenth of its weights.
fn products(c: &mut Criterion) {
    const N: usize = 2048;
    let values = weights(N * N);
    let mut stream = Stream::new(2, StreamId::Test);
    let kept: Vec<bool> = (0..N * N).map(|_| stream.uniform() < 0.1).collect();
    let mask = Mask::from_fn(N * N, |i| kept[i]);
    let mut formats = Formats::of(&values, &mask, [N, N], false);
    formats.finish();
    let x = weights(N);
    let mut y = vec![0.0; N];
    let mut group = c.benchmark_group("product 2048, 10 %");
    time(&mut group, "dense", || formats.dense.times(&x, &mut y));
    time(&mut group, "csr", || formats.csr.times(&x, &mut y));
    time(&mut group, "bitmap", || formats.bitmap.times(&x, &mut y));
    group.finish();
}

/// The header of a file with 20,000 tensors.
fn header(c: &mut Criterion) {
    const TENSORS: usize = 20_000;
    let entry = |i: usize| {
        format!(
            "\"model.layers.{i}.weight\":{{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[{},{}]}}",
            16 * i,
            16 * (i + 1)
        )
    };
    let entries: Vec<String> = (0..TENSORS).map(entry).collect();
    let text = format!("{{{}}}", entries.join(","));
    let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
    bytes.extend(text.as_bytes());
    bytes.resize(bytes.len() + 16 * TENSORS, 0);
    let total = bytes.len() as u64;
    let mut group = c.benchmark_group("safetensors");
    time(&mut group, "header of 20,000 tensors", || {
        let start = black_box(&bytes);
        let length = length_of("a", start, total).map_or(0, |l| l as usize);
        let header = parse("a", &start[..8 + length], total, Strictness::Ours);
        header.map_or(0, |h| h.entries.len())
    });
    group.finish();
}

criterion_group!(benches, global, slider, device, spectrum, products, header);
criterion_main!(benches);
