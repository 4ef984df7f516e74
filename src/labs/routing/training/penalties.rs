//! Terms that are added to the task's loss, with their gradients: Switch's auxiliary loss, router
//! z-loss, the latency-aware loss of ShiftAddViT, expert-router coupling.

use super::super::rules::erc;
use super::super::rules::losses::cv_squared;
use super::moe::Shape;
use crate::core::gate;
use crate::core::matrix::{Matrix, dot};
use crate::core::rng::{Stream, StreamId};
use crate::core::{Result, num};

/// Scores of a batch divided by their sum, row by row, with the sums.
fn shares(scores: &[f64], experts: usize) -> Vec<(f64, Vec<f64>)> {
    scores
        .chunks_exact(experts)
        .map(|row| (row.iter().sum(), gate::normalised(row)))
        .collect()
}

/// Adds the gradient by the scores of Σ_t <v, q_t>, q the scores over their sum.
fn shares_back(rows: &[(f64, Vec<f64>)], v: &[f64], scale: f64, out: &mut [f64]) {
    for ((total, q), out) in rows.iter().zip(out.chunks_exact_mut(v.len())) {
        let mean = dot(q, v);
        for (o, v) in out.iter_mut().zip(v) {
            *o += scale * (v - mean) / total;
        }
    }
}

fn column_sums(rows: &[(f64, Vec<f64>)], experts: usize) -> Vec<f64> {
    let mut out = vec![0.0; experts];
    for (_, q) in rows {
        for (o, v) in out.iter_mut().zip(q) {
            *o += v;
        }
    }
    out
}

/// E Σ f̂_e P̂_e: share of the assignments times mean share of the scores; the assignments are held
/// constant. Adds `weight` times its gradient by the scores.
pub(super) fn auxiliary(scores: &[f64], loads: &[f64], weight: f64, out: &mut [f64]) -> f64 {
    let e = loads.len();
    let rows = shares(scores, e);
    let pairs: f64 = loads.iter().sum();
    let v: Vec<f64> = loads.iter().map(|f| e as f64 * f / pairs).collect();
    let n = rows.len() as f64;
    shares_back(&rows, &v, weight / n, out);
    dot(&v, &column_sums(&rows, e)) / n
}

/// CV² (n-1 variance) of latency times each value; writes its slope by the values into `slope`.
fn spread(values: &[f64], latencies: &[f64], slope: &mut Vec<f64>) -> f64 {
    let a: Vec<f64> = values.iter().zip(latencies).map(|(v, l)| v * l).collect();
    let n = a.len() as f64;
    let mean = a.iter().sum::<f64>() / n;
    let variance = a.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (n - 1.0);
    slope.clear();
    slope.extend(a.iter().zip(latencies).map(|(a, l)| {
        let own = 2.0 * (a - mean) / ((n - 1.0) * mean * mean);
        l * (own - 2.0 * variance / (n * mean * mean * mean))
    }));
    cv_squared(&a)
}

/// Latency-aware loss of ShiftAddViT: CV² of latency times importance (sum of score shares) plus
/// CV² of latency times load, the load smoothed as under noise of standard deviation 1/E on the
/// logits: Σ_t Φ((z_te - k-th largest of the others) E). Adds `weight` times its gradients by the
/// scores and by the logits.
pub(super) fn latency(
    (scores, logits): (&[f64], &[f64]),
    (k, latencies): (usize, &[f64]),
    weight: f64,
    (by_scores, by_logits): (&mut [f64], &mut [f64]),
) -> f64 {
    let e = latencies.len();
    if e < 2 {
        return 0.0;
    }
    let rows = shares(scores, e);
    let mut slope = Vec::new();
    let importance = spread(&column_sums(&rows, e), latencies, &mut slope);
    shares_back(&rows, &slope, weight, by_scores);
    if k >= e {
        return importance;
    }
    let rivals: Vec<usize> = logits.chunks_exact(e).flat_map(|z| rivals(z, k)).collect();
    let at =
        |t: usize, i: usize| (logits[t * e + i] - logits[t * e + rivals[t * e + i]]) * e as f64;
    let mut load = vec![0.0; e];
    for t in 0..rows.len() {
        for (i, l) in load.iter_mut().enumerate() {
            *l += 0.5 * (1.0 + num::erf(at(t, i) / std::f64::consts::SQRT_2));
        }
    }
    let smooth = spread(&load, latencies, &mut slope);
    let peak = e as f64 / std::f64::consts::TAU.sqrt();
    for t in 0..rows.len() {
        for (i, s) in slope.iter().enumerate() {
            let u = at(t, i);
            let g = weight * s * peak * num::exp(-0.5 * u * u);
            by_logits[t * e + i] += g;
            by_logits[t * e + rivals[t * e + i]] -= g;
        }
    }
    importance + smooth
}

/// For each expert the one that it must beat to be chosen: the k-th largest logit of the others.
fn rivals(z: &[f64], k: usize) -> Vec<usize> {
    let best = gate::top_k(z, k + 1);
    (0..z.len())
        .map(|i| {
            let mut others = best.iter().filter(|&&b| b != i);
            others.nth(k - 1).copied().unwrap_or(i)
        })
        .collect()
}

/// Mean squared log-sum-exp of the logits. Adds `weight` times its gradient.
pub(super) fn z_loss(logits: &[f64], experts: usize, weight: f64, out: &mut [f64]) -> f64 {
    let n = (logits.len() / experts) as f64;
    let mut total = 0.0;
    for (z, out) in logits
        .chunks_exact(experts)
        .zip(out.chunks_exact_mut(experts))
    {
        let lse = gate::log_sum_exp(z);
        total += lse * lse;
        for (o, p) in out.iter_mut().zip(gate::softmax(z)) {
            *o += weight * 2.0 * lse * p / n;
        }
    }
    total / n
}

/// The gate's rows and each expert's first weights (width × hidden).
pub(super) fn coupled(shape: &Shape, params: &[f64]) -> (Matrix, Vec<Matrix>) {
    let gate = Matrix {
        rows: shape.experts,
        cols: shape.width,
        data: params[shape.gate()].to_vec(),
    };
    let projections = (0..shape.experts)
        .map(|e| {
            let w = &params[shape.projection(e)];
            Matrix::from_fn(shape.width, shape.hidden, |d, f| w[f * shape.width + d])
        })
        .collect();
    (gate, projections)
}

/// Expert-router coupling (arXiv 2512.23447). The noise bound is held constant. Adds `weight` times
/// its gradient to that of the parameters.
///
/// # Errors
/// A gate row of norm zero.
pub(super) fn coupling(
    shape: &Shape,
    params: &[f64],
    [alpha, weight]: [f64; 2],
    (seed, step): (u64, u32),
    grad: &mut [f64],
) -> Result<f64> {
    let (n, d) = (shape.experts, shape.width);
    let (rows, projections) = coupled(shape, params);
    let bound = erc::noise_bound(&rows)?;
    let mut stream = Stream::new(seed, StreamId::Noise).step(step).replicate(9);
    let unit = Matrix::from_fn(n, d, |_, _| 2.0 * stream.uniform() - 1.0);
    let noisy = erc::perturbed(&rows, &bound, &unit);
    let m = erc::activations(&noisy, &projections);
    // ∂L/∂M of (1/n²) Σ_{i≠j} max(M_ij - α M_ii, 0) + max(M_ji - α M_ii, 0).
    let mut slope = Matrix::zeros(n, n);
    let unit_slope = weight / (n * n) as f64;
    for i in 0..n {
        for j in (0..n).filter(|&j| j != i) {
            for (a, b) in [(i, j), (j, i)] {
                if m.at(a, b) > alpha * m.at(i, i) {
                    slope.row_mut(a)[b] += unit_slope;
                    slope.row_mut(i)[i] -= alpha * unit_slope;
                }
            }
        }
    }
    let gate = shape.gate().start;
    for i in 0..n {
        for j in 0..n {
            let (g, value) = (slope.at(i, j), m.at(i, j));
            if g == 0.0 || value == 0.0 {
                continue;
            }
            let w = &params[shape.projection(j)];
            let x = noisy.row(i);
            let a: Vec<f64> = w.chunks_exact(d).map(|r| g * dot(r, x) / value).collect();
            let at = shape.projection(j).start;
            for (f, a) in a.iter().enumerate() {
                for k in 0..d {
                    grad[at + f * d + k] += a * x[k];
                    let noise = 1.0 + bound[i] * unit.at(i, k);
                    grad[gate + i * d + k] += a * w[f * d + k] * noise;
                }
            }
        }
    }
    Ok(erc::loss(&m, alpha))
}
