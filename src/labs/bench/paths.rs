//! The list itself.

use super::{HotPath, Slice};
use crate::core::groups::mask_of_scores;
use crate::core::matrix::Matrix;
use crate::core::mlp::Optimizer;
use crate::core::permute::permutation;
use crate::core::rng::{Stream, StreamId};
use crate::core::select::{MAGNITUDE_BITS, masks, radix_select};
use crate::core::{Job as _, Result, Simulation as _, Step, num};
use crate::labs::lr::bound::Bound;
use crate::labs::lr::law_fit::{LawFit, LawKind, Measured};
use crate::labs::lr::laws::{PUBLISHED, Prepared};
use crate::labs::lr::training::{Batches, Trainer};
use crate::labs::noise::empirical::Empirical;
use crate::labs::noise::mixture::Mixture;
use crate::labs::noise::solver::{Model, Solver, SolverKind};
use crate::labs::pruning::header::{self, Strictness};
use crate::labs::routing::rules::sinkhorn::LogDomain;
use crate::labs::routing::{self, Routing};
use crate::labs::serving::engine::{Engine, Requests};
use crate::labs::serving::{self, Log, Scheduler, workload};
use crate::labs::{Lab as _, Library};
use std::hint::black_box;
use std::sync::Arc;

/// Multiplications with addition in a slice of the yardstick.
pub(super) const YARD: f64 = (4096 * 1024) as f64;

/// Sums of squares in double precision over numbers that stay in the nearest cache, eight sums
/// side by side: what the processor (or the browser's compiler) gives plain arithmetic.
pub static YARDSTICK: HotPath = HotPath {
    id: "multiply_add",
    title: "Yardstick: sum of squares, double precision",
    unit: "multiply-adds",
    start: || {
        let values = vec![0.5_f64; 4096];
        Ok(Box::new(move || {
            for _ in 0..1024 {
                let mut sums = [0.0_f64; 8];
                for chunk in black_box(&values).chunks_exact(8) {
                    for (sum, v) in sums.iter_mut().zip(chunk) {
                        *sum += v * v;
                    }
                }
                black_box(sums);
            }
            Ok(YARD)
        }))
    },
};

/// Everything measured, lab by lab.
pub static PATHS: &[HotPath] = &[
    HotPath {
        id: "serving_sarathi",
        title: "Serving: Sarathi-Serve, 4,000 requests",
        unit: "iterations",
        start: || simulator(Scheduler::Sarathi),
    },
    HotPath {
        id: "serving_vllm",
        title: "Serving: vLLM, 4,000 requests",
        unit: "iterations",
        start: || simulator(Scheduler::Vllm),
    },
    HotPath {
        id: "serving_sglang",
        title: "Serving: SGLang, 4,000 requests",
        unit: "iterations",
        start: || simulator(Scheduler::Sglang),
    },
    HotPath {
        id: "serving_mlfq",
        title: "Serving: MLFQ, 4,000 requests",
        unit: "iterations",
        start: || simulator(Scheduler::Mlfq),
    },
    HotPath {
        id: "lr_bound",
        title: "Learning rates: convex bound of 20,000 updates",
        unit: "schedules",
        start: || Ok(bound()),
    },
    HotPath {
        id: "lr_fit",
        title: "Learning rates: fit of the multi-power law, 3 runs of 4,000 steps",
        unit: "fits",
        start: fit,
    },
    HotPath {
        id: "lr_training",
        title: "Learning rates: AdamW on the digits network, batch 32",
        unit: "updates",
        start: || Ok(training()),
    },
    HotPath {
        id: "noise_sampler",
        title: "Noise: Euler steps in a mixture of eight, 2,000 particles",
        unit: "particle steps",
        start: sampler,
    },
    HotPath {
        id: "noise_images",
        title: "Noise: exact denoiser of 64-pixel images over 1,024 rows",
        unit: "rows",
        start: images,
    },
    HotPath {
        id: "routing_topk",
        title: "Routing: top 8 of 256 experts, 512 tokens",
        unit: "tokens",
        start: || Ok(topk()),
    },
    HotPath {
        id: "routing_softmax",
        title: "Routing: softmax over 256 experts, 256 tokens",
        unit: "tokens",
        start: || Ok(softmax()),
    },
    HotPath {
        id: "routing_permutation",
        title: "Routing: permutation of 65,536 pairs to 256 experts",
        unit: "pairs",
        start: || Ok(permuted()),
    },
    HotPath {
        id: "routing_sinkhorn",
        title: "Routing: Sinkhorn passes, 512 tokens to 64 experts",
        unit: "passes",
        start: || Ok(sinkhorn(512, 64, 1.0)),
    },
    HotPath {
        id: "routing_sinkhorn_wide",
        title: "Routing: Sinkhorn passes, 256 tokens to 256 experts",
        unit: "tokens",
        start: || Ok(sinkhorn(256, 256, 256.0)),
    },
    HotPath {
        id: "routing_run",
        title: "Routing: a whole run, 1,024 tokens to 2 of 64 experts",
        unit: "runs",
        start: routing,
    },
    HotPath {
        id: "pruning_select",
        title: "Pruning: exact threshold and mask over 262,144 weights",
        unit: "weights",
        start: || Ok(select()),
    },
    HotPath {
        id: "pruning_two_of_four",
        title: "Pruning: 2:4 mask over 65,536 weights",
        unit: "weights",
        start: || Ok(two_of_four()),
    },
    HotPath {
        id: "pruning_header",
        title: "Pruning: safetensors header of 400 tensors",
        unit: "tensors",
        start: || Ok(scan()),
    },
];

fn normals(seed: u64, n: usize) -> Vec<f64> {
    let mut stream = Stream::new(seed, StreamId::Test);
    (0..n).map(|_| f64::from(stream.normal_f32())).collect()
}

/// Chat-like lengths on a GPU that keeps up with them.
fn simulator(scheduler: Scheduler) -> Result<Slice> {
    const EVENTS: u64 = 2_000;
    let config = serving::Config {
        scheduler,
        requests: 4_000,
        rate: 12.0,
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
        cost: serving::CostPreset::Llama3_8bH100,
        time_limit_secs: 1e7,
        ..serving::Config::default()
    };
    let w = workload(&config, &Library::default())?;
    let requests = Requests::new(w.arrival.as_slice().into(), &w.prefill, &w.decode);
    let start = Engine::new(
        config.limits(),
        requests,
        &*config.policy(),
        1,
        config.router(),
    )?;
    let log = |engine: &Engine| Log::new(engine.requests().len(), engine.replicas());
    let (mut engine, mut sink) = (start.clone(), log(&start));
    Ok(Box::new(move || {
        let before = engine.iterations();
        if engine.advance_all(EVENTS, &mut sink) < EVENTS {
            let done = engine.iterations() - before;
            engine = start.clone();
            sink = log(&start);
            return Ok(done as f64);
        }
        Ok((engine.iterations() - before) as f64)
    }))
}

fn bound() -> Slice {
    const UPDATES: usize = 20_000;
    let eta: Vec<f64> = (0..UPDATES)
        .map(|i| 1.0 - i as f64 / UPDATES as f64)
        .collect();
    let norms = vec![1.0; UPDATES];
    Box::new(move || {
        black_box(Bound::new(black_box(&eta), &norms, 1.0)?.best());
        Ok(1.0)
    })
}

/// Three runs of a known law, two of them with a decay.
fn fit() -> Result<Slice> {
    let runs: Vec<Measured> = [4_000, 4_000, 3_000]
        .into_iter()
        .enumerate()
        .map(|(k, n)| {
            let rate = |i: usize| {
                let (up, at) = ((i as f64 / 360.0).min(1.0), i as f64 / n as f64);
                let down = match k {
                    0 => 1.0,
                    1 => 0.1 + 0.45 * (1.0 + num::cos(std::f64::consts::PI * at)),
                    _ if at < 0.5 => 1.0,
                    _ => 0.3,
                };
                3e-4 * up * down
            };
            let rates: Vec<f64> = (0..n).map(rate).collect();
            let steps: Vec<usize> = (400..n).step_by(64).collect();
            let law = Prepared::new(PUBLISHED[1].1, &rates, 1);
            Measured {
                name: format!("run {k}"),
                losses: steps.iter().map(|s| law.at(*s).loss()).collect(),
                rates,
                steps,
            }
        })
        .collect();
    let start = move || LawFit::new(&runs, LawKind::MultiPower, 0, 1);
    let mut job = start()?;
    Ok(Box::new(move || {
        Ok(match job.step()? {
            Step::Working => 0.0,
            Step::Done(done) => {
                black_box(done.objective);
                job = start()?;
                1.0
            }
        })
    }))
}

fn training() -> Slice {
    const UPDATES: usize = 20;
    let rule = Optimizer::AdamW {
        beta1: 0.9,
        beta2: 0.95,
        weight_decay: 0.1,
    };
    let batches = Batches { seed: 1, size: 32 };
    let rates: Arc<[f64]> = vec![0.01; UPDATES].into();
    Box::new(move || {
        let mut run = Trainer::new(rule, rates.clone(), batches)?;
        while run.advance() {}
        black_box(run.loss());
        Ok(UPDATES as f64)
    })
}

/// Eight round modes on a circle; the Euler solver draws nothing.
struct Ring(Mixture);

impl Model for Ring {
    fn denoise(&mut self, points: &[f64], level: f64, out: &mut [f64]) {
        let mut at = self.0.level(1.0, level);
        for (x, out) in points.chunks_exact(2).zip(out.chunks_exact_mut(2)) {
            at.denoise(x, out);
        }
    }

    fn noise(&mut self, _step: usize, out: &mut [f64]) {
        out.fill(0.0);
    }
}

fn sampler() -> Result<Slice> {
    const PARTICLES: usize = 2_000;
    let means: Vec<[f64; 2]> = (0..8)
        .map(|k| {
            let angle = std::f64::consts::TAU * f64::from(k) / 8.0;
            [num::cos(angle), num::sin(angle)]
        })
        .collect();
    let mut model = Ring(Mixture::round(&[0.125; 8], &means, &[0.1; 8])?);
    let levels: Arc<[f64]> = (0..=20)
        .map(|i| 10.0 * num::exp(-0.3 * f64::from(i)))
        .collect();
    let noise: Vec<f64> = normals(1, 2 * PARTICLES).iter().map(|x| 10.0 * x).collect();
    let start = move || Solver::new(SolverKind::Euler, 1, 0.0, levels.clone(), noise.clone());
    let mut solver = start();
    Ok(Box::new(move || {
        if solver.done() {
            solver = start();
        }
        solver.advance(&mut model);
        Ok(PARTICLES as f64)
    }))
}

fn images() -> Result<Slice> {
    const ROWS: usize = 1_024;
    let data = Empirical::new(64, normals(2, ROWS * 64))?;
    let point = normals(3, 64);
    Ok(Box::new(move || {
        for _ in 0..16 {
            black_box(data.posterior(black_box(&point), 1.0, 0.5)?.log_sum_exp);
        }
        Ok((16 * ROWS) as f64)
    }))
}

fn topk() -> Slice {
    const TOKENS: usize = 512;
    let values = normals(4, TOKENS * 256);
    let logits = Matrix::from_fn(TOKENS, 256, |i, j| values[i * 256 + j]);
    Box::new(move || {
        black_box(black_box(&logits).top_k_rows(8));
        Ok(TOKENS as f64)
    })
}

fn softmax() -> Slice {
    const TOKENS: usize = 256;
    let values = normals(9, TOKENS * 256);
    let logits = Matrix::from_fn(TOKENS, 256, |i, j| values[i * 256 + j]);
    Box::new(move || {
        black_box(black_box(&logits).softmax_rows());
        Ok(TOKENS as f64)
    })
}

/// A batch with its places, figures, charts and the switches compared.
fn routing() -> Result<Slice> {
    let config = routing::Config {
        tokens: 1024,
        batches: 1,
        experts: 64,
        ..routing::Config::default()
    };
    let start = move || Routing::start(&config, &Library::default());
    let mut job = start()?;
    Ok(Box::new(move || {
        Ok(match job.step()? {
            Step::Working => 0.0,
            Step::Done(run) => {
                black_box(run);
                job = start()?;
                1.0
            }
        })
    }))
}

fn permuted() -> Slice {
    const PAIRS: usize = 65_536;
    let mut stream = Stream::new(5, StreamId::Test);
    let experts: Vec<usize> = (0..PAIRS).map(|_| stream.below(256) as usize).collect();
    Box::new(move || {
        black_box(permutation(black_box(&experts), 256).offsets);
        Ok(PAIRS as f64)
    })
}

/// Passes over so many tokens and experts, each of which counts as `units`.
fn sinkhorn(tokens: usize, experts: usize, units: f64) -> Slice {
    let values = normals(6, tokens * experts);
    let logits = Matrix::from_fn(tokens, experts, |i, j| values[i * experts + j]);
    let mut work = LogDomain::new(&logits, 1.0);
    Box::new(move || {
        work.pass();
        black_box(work.potentials());
        Ok(units)
    })
}

fn words(seed: u64, n: usize) -> Vec<u32> {
    let mut stream = Stream::new(seed, StreamId::Test);
    (0..n).map(|_| stream.normal_f32().to_bits()).collect()
}

fn select() -> Slice {
    const WEIGHTS: usize = 1 << 18;
    let words = words(7, WEIGHTS);
    Box::new(move || {
        let parts = [black_box(words.as_slice())];
        let cut = radix_select(&parts, MAGNITUDE_BITS, WEIGHTS as u64 / 2);
        black_box(masks(&parts, MAGNITUDE_BITS, &cut));
        Ok(WEIGHTS as f64)
    })
}

fn two_of_four() -> Slice {
    const WEIGHTS: usize = 1 << 16;
    let scores: Vec<f64> = normals(8, WEIGHTS).iter().map(|w| w.abs()).collect();
    Box::new(move || {
        black_box(mask_of_scores(black_box(&scores), 256, 2, 4));
        Ok(WEIGHTS as f64)
    })
}

fn scan() -> Slice {
    const TENSORS: usize = 400;
    let entries: Vec<String> = (0..TENSORS)
        .map(|i| {
            let (from, to) = (i * 64, (i + 1) * 64);
            format!(
                r#""layers.{i}.mlp.weight":{{"dtype":"F32","shape":[4,4],"data_offsets":[{from},{to}]}}"#
            )
        })
        .collect();
    let text = format!("{{{}}}", entries.join(","));
    let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
    bytes.extend(text.as_bytes());
    bytes.resize(bytes.len() + TENSORS * 64, 0);
    Box::new(move || {
        for _ in 0..4 {
            let header = header::read("bench.safetensors", black_box(&bytes), Strictness::Ours)?;
            black_box(header.entries.len());
        }
        Ok((4 * TENSORS) as f64)
    })
}
