//! Throughput of the learning-rate lab beside a plain reference in the same run: compare the
//! ratios.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use schedlab::core::mlp::Optimizer;
use schedlab::core::{Simulation as _, finish, num};
use schedlab::gpu::{Gpu, GpuLab as _, finish_gpu};
use schedlab::labs::lr::bound::Bound;
use schedlab::labs::lr::law_fit::{LawFit, LawKind, Measured};
use schedlab::labs::lr::laws::{PUBLISHED, Prepared};
use schedlab::labs::lr::schedule::Shape;
use schedlab::labs::lr::training::{Batches, SIZES, Trainer};
use schedlab::labs::lr::{Config, Lr, Rule};
use schedlab::labs::{Lab as _, Library};
use std::hint::black_box;

/// The convex bound of a long schedule against one pass over its rates.
fn bound(c: &mut Criterion) {
    const UPDATES: usize = 100_000;
    let eta: Vec<f64> = (0..UPDATES)
        .map(|i| 1.0 - i as f64 / UPDATES as f64)
        .collect();
    let norms = vec![1.0; UPDATES];
    let mut group = c.benchmark_group("bound, 100,000 updates");
    group.throughput(Throughput::Elements(UPDATES as u64));
    group.bench_function("last iterate", |b| {
        b.iter(|| Bound::new(black_box(&eta), &norms, 1.0).map(|b| b.best()));
    });
    group.bench_function("sum of squares", |b| {
        b.iter(|| black_box(&eta).iter().map(|e| e * e).sum::<f64>());
    });
    group.finish();
}

/// Three runs of a known law, two of them with a decay, of the size of the published ones.
fn curves() -> Vec<Measured> {
    [24_000, 24_000, 16_000]
        .into_iter()
        .enumerate()
        .map(|(k, n)| {
            let rates: Vec<f64> = (0..n)
                .map(|i| {
                    let up = (i as f64 / 2160.0).min(1.0);
                    let down = match k {
                        0 => 1.0,
                        1 => {
                            0.1 + 0.45
                                * (1.0 + num::cos(std::f64::consts::PI * i as f64 / n as f64))
                        }
                        _ => {
                            if i < n / 2 {
                                1.0
                            } else {
                                0.3
                            }
                        }
                    };
                    3e-4 * up * down
                })
                .collect();
            let steps: Vec<usize> = (2200..n).step_by(128).collect();
            let law = Prepared::new(PUBLISHED[1].1, &rates, 1);
            let losses = steps.iter().map(|s| law.at(*s).loss()).collect();
            Measured {
                name: format!("run {k}"),
                rates,
                steps,
                losses,
            }
        })
        .collect()
}

/// A whole fit of the multi-power law, all starts, against one exact prediction of the same runs.
fn fit(c: &mut Criterion) {
    let runs = curves();
    let mut group = c.benchmark_group("multi-power law");
    group.sample_size(10);
    group.bench_function("fit from all starts", |b| {
        b.iter(|| {
            LawFit::new(black_box(&runs), LawKind::MultiPower, 0, 1)
                .and_then(|mut job| finish(&mut job))
                .map(|f| f.objective)
        });
    });
    group.bench_function("one exact prediction", |b| {
        b.iter(|| {
            runs.iter()
                .map(|r| {
                    let law = Prepared::new(PUBLISHED[1].1, black_box(&r.rates), 1);
                    r.steps.iter().map(|s| law.at(*s).loss()).sum::<f64>()
                })
                .sum::<f64>()
        });
    });
    group.finish();
}

/// Updates of the digits network against its bare multiplications.
fn training(c: &mut Criterion) {
    const UPDATES: usize = 200;
    const BATCH: usize = 32;
    let rule = Optimizer::AdamW {
        beta1: 0.9,
        beta2: 0.95,
        weight_decay: 0.1,
    };
    let batches = Batches {
        seed: 1,
        size: BATCH,
    };
    let mut group = c.benchmark_group("digits network, batch 32");
    group.throughput(Throughput::Elements(UPDATES as u64));
    group.bench_function("training updates", |b| {
        b.iter(|| {
            Trainer::new(rule, vec![0.01; UPDATES].into(), batches).map(|mut t| {
                while t.advance() {}
                t.loss()
            })
        });
    });
    // Forward, gradient by weights, gradient by the hidden layer: 3 multiplications per weight and
    // sample, the first layer's inputs need none.
    let weights: usize = SIZES.windows(2).map(|w| w[0] * w[1]).sum();
    let flops = UPDATES * BATCH * (3 * weights - SIZES[0] * SIZES[1]);
    let (a, x) = (vec![0.5_f32; 4096], vec![0.25_f32; 4096]);
    group.bench_function("bare multiplications", |b| {
        b.iter(|| {
            let mut lanes = [0.0_f32; 16];
            for _ in 0..flops / 4096 {
                let (a, x) = (black_box(&a), black_box(&x));
                for (a, x) in a.chunks_exact(16).zip(x.chunks_exact(16)) {
                    for i in 0..16 {
                        lanes[i] += a[i] * x[i];
                    }
                }
            }
            lanes.iter().sum::<f32>()
        });
    });
    group.finish();
}

/// Runs of a sweep side by side, training and evaluation, on the CPU and on the device of this
/// machine (a software one counts). The ratio says which path is the faster here.
fn sweeps(c: &mut Criterion) {
    let data = Library::default();
    let device = Gpu::headless()
        .inspect_err(|error| println!("SKIPPED the device: {error}"))
        .ok();
    for (shape, rule) in [
        (Shape::Linear, Rule::AdamW),
        (Shape::ScheduleFree, Rule::AdamW),
        (Shape::Linear, Rule::Sgd),
    ] {
        let config = Config {
            shape,
            rule,
            peak: if rule == Rule::Sgd { 0.05 } else { 0.01 },
            rivals: false,
            grid: 4,
            seeds: 4,
            horizon: 200,
            ..Config::default()
        };
        let name = format!("36 runs, {} under {rule:?}", shape.name());
        let mut group = c.benchmark_group(name);
        group.sample_size(10);
        group.throughput(Throughput::Elements(36 * config.horizon));
        group.bench_function("CPU", |b| {
            b.iter(|| Lr::start(&config, &data).and_then(|mut job| finish(&mut *job)));
        });
        if let Some(gpu) = &device {
            group.bench_function(gpu.name(), |b| {
                b.iter(|| {
                    Lr::start_gpu(gpu, &config, &data)
                        .map(|job| job.map(|mut job| finish_gpu(&mut *job, gpu)))
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, bound, fit, training, sweeps);
criterion_main!(benches);
