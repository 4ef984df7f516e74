//! A small character-level transformer: one block with two heads, root-mean-square normalisation
//! before attention and network, width 16, context 16, 4,192 parameters, on nine tenths of the
//! text; judged on the rest. Exact gradients by hand, in double precision.

use super::Model;
use super::text::{SYMBOLS, symbols};
use crate::core::num;
use crate::core::rng::{Stream, StreamId};

const WIDTH: usize = 16;
const HEADS: usize = 2;
const HEAD: usize = WIDTH / HEADS;
const CONTEXT: usize = 16;
const HIDDEN: usize = 64;
const EPSILON: f64 = 1e-6;
/// Sequences per batch.
const SEQUENCES: usize = 4;
/// Sequences that a run is judged on.
const JUDGED: usize = 24;
/// Share of the text that is trained on.
const TRAINED: f64 = 0.9;

/// Where the matrices lie in the flat vector: inputs, positions, queries with keys and values,
/// attention's output, both layers of the network, outputs.
const PARTS: [usize; 7] = [
    SYMBOLS * WIDTH,
    CONTEXT * WIDTH,
    WIDTH * 3 * WIDTH,
    WIDTH * WIDTH,
    WIDTH * HIDDEN,
    HIDDEN * WIDTH,
    WIDTH * SYMBOLS,
];

/// The matrices of a flat vector.
fn parts(w: &[f64]) -> [&[f64]; 7] {
    let mut rest = w;
    PARTS.map(|n| {
        let (part, tail) = rest.split_at(n);
        rest = tail;
        part
    })
}

/// The matrices of a flat vector, writable.
fn parts_mut(w: &mut [f64]) -> [&mut [f64]; 7] {
    let mut rest = w;
    PARTS.map(|n| {
        let (part, tail) = std::mem::take(&mut rest).split_at_mut(n);
        rest = tail;
        part
    })
}

/// a × b, with `cols` columns in b; one row of a per position.
fn product(a: &[f64], b: &[f64], inner: usize, cols: usize) -> Vec<f64> {
    let mut out = vec![0.0; a.len() / inner * cols];
    for (row, to) in a.chunks_exact(inner).zip(out.chunks_exact_mut(cols)) {
        for (x, from) in row.iter().zip(b.chunks_exact(cols)) {
            for (o, w) in to.iter_mut().zip(from) {
                *o += x * w;
            }
        }
    }
    out
}

/// Adds aᵀ × d to `out`: the gradient of b in a × b.
fn add_weights(a: &[f64], d: &[f64], inner: usize, cols: usize, out: &mut [f64]) {
    for (row, from) in a.chunks_exact(inner).zip(d.chunks_exact(cols)) {
        for (x, to) in row.iter().zip(out.chunks_exact_mut(cols)) {
            for (o, g) in to.iter_mut().zip(from) {
                *o += x * g;
            }
        }
    }
}

/// d × bᵀ: the gradient of a in a × b.
fn below(d: &[f64], b: &[f64], cols: usize) -> Vec<f64> {
    let mut out = Vec::with_capacity(d.len() / cols * (b.len() / cols));
    for row in d.chunks_exact(cols) {
        for from in b.chunks_exact(cols) {
            out.push(row.iter().zip(from).map(|(x, w)| x * w).sum::<f64>());
        }
    }
    out
}

/// Rows over their root mean square, and those roots.
fn normalised(x: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let roots: Vec<f64> = x
        .chunks_exact(WIDTH)
        .map(|row| (row.iter().map(|v| v * v).sum::<f64>() / WIDTH as f64 + EPSILON).sqrt())
        .collect();
    let n = (x.iter().enumerate())
        .map(|(i, v)| v / roots[i / WIDTH])
        .collect();
    (n, roots)
}

/// Adds the gradient through a normalisation to `out`.
fn add_normalised(d: &[f64], n: &[f64], roots: &[f64], out: &mut [f64]) {
    for (t, root) in roots.iter().enumerate() {
        let place = t * WIDTH..(t + 1) * WIDTH;
        let (d, n) = (&d[place.clone()], &n[place.clone()]);
        let along = d.iter().zip(n).map(|(d, n)| d * n).sum::<f64>() / WIDTH as f64;
        for ((o, d), n) in out[place].iter_mut().zip(d).zip(n) {
            *o += (d - along * n) / root;
        }
    }
}

/// What one sequence leaves behind for its gradient.
struct Pass {
    n1: (Vec<f64>, Vec<f64>),
    qkv: Vec<f64>,
    /// Attention of every head, query and key.
    attention: Vec<f64>,
    mixed: Vec<f64>,
    n2: (Vec<f64>, Vec<f64>),
    hidden: Vec<f64>,
    n3: (Vec<f64>, Vec<f64>),
    /// Probabilities of the next symbol.
    chances: Vec<f64>,
    loss: f64,
}

/// Place of head `h` of position `t` in part `k` (query, key, value) of a row.
fn head(t: usize, k: usize, h: usize) -> std::ops::Range<usize> {
    let start = t * 3 * WIDTH + k * WIDTH + h * HEAD;
    start..start + HEAD
}

/// One sequence forward; its mean loss over the positions.
fn forward(w: &[f64], sequence: &[u8]) -> Pass {
    let [inputs, places, project, out, up, down, read] = parts(w);
    let length = sequence.len() - 1;
    let mut x: Vec<f64> = (0..length * WIDTH)
        .map(|i| inputs[usize::from(sequence[i / WIDTH]) * WIDTH + i % WIDTH] + places[i])
        .collect();
    let n1 = normalised(&x);
    let qkv = product(&n1.0, project, WIDTH, 3 * WIDTH);
    let scale = 1.0 / (HEAD as f64).sqrt();
    let mut attention = vec![0.0; HEADS * length * length];
    let mut mixed = vec![0.0; length * WIDTH];
    for h in 0..HEADS {
        for t in 0..length {
            let scores: Vec<f64> = (0..=t)
                .map(|s| {
                    let (q, k) = (&qkv[head(t, 0, h)], &qkv[head(s, 1, h)]);
                    scale * q.iter().zip(k).map(|(q, k)| q * k).sum::<f64>()
                })
                .collect();
            let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let raised: Vec<f64> = scores.iter().map(|s| num::exp(s - top)).collect();
            let total: f64 = raised.iter().sum();
            for (s, e) in raised.iter().enumerate() {
                let share = e / total;
                attention[(h * length + t) * length + s] = share;
                let v = &qkv[head(s, 2, h)];
                let to = &mut mixed[t * WIDTH + h * HEAD..t * WIDTH + (h + 1) * HEAD];
                for (o, v) in to.iter_mut().zip(v) {
                    *o += share * v;
                }
            }
        }
    }
    let add = |x: &mut [f64], more: &[f64]| {
        for (x, m) in x.iter_mut().zip(more) {
            *x += m;
        }
    };
    add(&mut x, &product(&mixed, out, WIDTH, WIDTH));
    let n2 = normalised(&x);
    let mut hidden = product(&n2.0, up, WIDTH, HIDDEN);
    for v in &mut hidden {
        *v = v.max(0.0);
    }
    add(&mut x, &product(&hidden, down, HIDDEN, WIDTH));
    let n3 = normalised(&x);
    let mut chances = product(&n3.0, read, WIDTH, SYMBOLS);
    let mut loss = 0.0;
    for (t, row) in chances.chunks_exact_mut(SYMBOLS).enumerate() {
        let top = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let target = row[usize::from(sequence[t + 1])];
        let mut total = 0.0;
        for v in row.iter_mut() {
            *v = num::exp(*v - top);
            total += *v;
        }
        for v in row.iter_mut() {
            *v /= total;
        }
        loss += num::ln(total) + top - target;
    }
    Pass {
        n1,
        qkv,
        attention,
        mixed,
        n2,
        hidden,
        n3,
        chances,
        loss: loss / length as f64,
    }
}

/// Adds `share` times the gradient of a sequence's loss to `gradient`.
fn backward(w: &[f64], sequence: &[u8], pass: &Pass, share: f64, gradient: &mut [f64]) {
    let [_, _, project, out, up, down, read] = parts(w);
    let [g_inputs, g_places, g_project, g_out, g_up, g_down, g_read] = parts_mut(gradient);
    let length = sequence.len() - 1;
    let mut d = pass.chances.clone();
    for (t, row) in d.chunks_exact_mut(SYMBOLS).enumerate() {
        row[usize::from(sequence[t + 1])] -= 1.0;
        for v in row {
            *v *= share / length as f64;
        }
    }
    add_weights(&pass.n3.0, &d, WIDTH, SYMBOLS, g_read);
    let mut dx = vec![0.0; length * WIDTH];
    add_normalised(&below(&d, read, SYMBOLS), &pass.n3.0, &pass.n3.1, &mut dx);
    // The network.
    add_weights(&pass.hidden, &dx, HIDDEN, WIDTH, g_down);
    let mut dh = below(&dx, down, WIDTH);
    for (d, h) in dh.iter_mut().zip(&pass.hidden) {
        if *h <= 0.0 {
            *d = 0.0;
        }
    }
    add_weights(&pass.n2.0, &dh, WIDTH, HIDDEN, g_up);
    add_normalised(&below(&dh, up, HIDDEN), &pass.n2.0, &pass.n2.1, &mut dx);
    // Attention.
    add_weights(&pass.mixed, &dx, WIDTH, WIDTH, g_out);
    let dmixed = below(&dx, out, WIDTH);
    let scale = 1.0 / (HEAD as f64).sqrt();
    let mut dqkv = vec![0.0; pass.qkv.len()];
    for h in 0..HEADS {
        for t in 0..length {
            let from = &dmixed[t * WIDTH + h * HEAD..t * WIDTH + (h + 1) * HEAD];
            let shares = &pass.attention[(h * length + t) * length..][..=t];
            let da: Vec<f64> = (0..=t)
                .map(|s| {
                    let v = &pass.qkv[head(s, 2, h)];
                    from.iter().zip(v).map(|(d, v)| d * v).sum()
                })
                .collect();
            let mean: f64 = shares.iter().zip(&da).map(|(a, d)| a * d).sum();
            for s in 0..=t {
                let ds = scale * shares[s] * (da[s] - mean);
                for i in 0..HEAD {
                    let (q, k) = (head(t, 0, h).start + i, head(s, 1, h).start + i);
                    dqkv[q] += ds * pass.qkv[k];
                    dqkv[k] += ds * pass.qkv[q];
                    dqkv[head(s, 2, h).start + i] += shares[s] * from[i];
                }
            }
        }
    }
    add_weights(&pass.n1.0, &dqkv, WIDTH, 3 * WIDTH, g_project);
    add_normalised(
        &below(&dqkv, project, 3 * WIDTH),
        &pass.n1.0,
        &pass.n1.1,
        &mut dx,
    );
    for (t, row) in dx.chunks_exact(WIDTH).enumerate() {
        let at = usize::from(sequence[t]) * WIDTH;
        for (i, v) in row.iter().enumerate() {
            g_inputs[at + i] += v;
            g_places[t * WIDTH + i] += v;
        }
    }
}

/// One run's data.
#[derive(Debug, Clone)]
pub(super) struct Transformer {
    seed: u64,
}

impl Transformer {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// Symbols that are trained on, and the others.
    fn split() -> (&'static [u8], &'static [u8]) {
        let text = symbols();
        text.split_at((TRAINED * text.len() as f64) as usize)
    }
}

impl Model for Transformer {
    fn start(&mut self) -> Vec<f64> {
        let mut stream = Stream::new(self.seed, StreamId::Weights);
        let wide = 1.0 / (WIDTH as f64).sqrt();
        let deviations = [
            0.5,
            0.1,
            wide,
            wide,
            wide,
            1.0 / (HIDDEN as f64).sqrt(),
            0.05,
        ];
        PARTS
            .iter()
            .zip(deviations)
            .flat_map(|(n, sd)| (0..*n).map(|_| sd * stream.normal()).collect::<Vec<f64>>())
            .collect()
    }

    fn gradient(&mut self, w: &[f64], step: u64, out: &mut [f64]) -> f64 {
        let (text, _) = Self::split();
        let mut pick = Stream::new(self.seed, StreamId::DataOrder).step(step as u32);
        out.fill(0.0);
        let share = 1.0 / SEQUENCES as f64;
        let mut loss = 0.0;
        for _ in 0..SEQUENCES {
            let at = pick.below((text.len() - CONTEXT) as u32) as usize;
            let sequence = &text[at..=at + CONTEXT];
            let pass = forward(w, sequence);
            backward(w, sequence, &pass, share, out);
            loss += share * pass.loss;
        }
        loss
    }

    fn fixed_gradient(&mut self, w: &[f64], out: &mut [f64]) {
        let (_, text) = Self::split();
        out.fill(0.0);
        for k in 0..SEQUENCES {
            let sequence = &text[k * 64..=k * 64 + CONTEXT];
            let pass = forward(w, sequence);
            backward(w, sequence, &pass, 1.0 / SEQUENCES as f64, out);
        }
    }

    fn judge(&mut self, w: &[f64]) -> [f64; 2] {
        let (_, text) = Self::split();
        let apart = (text.len() - CONTEXT - 1) / JUDGED;
        let (mut loss, mut right) = (0.0, 0);
        for k in 0..JUDGED {
            let sequence = &text[k * apart..=k * apart + CONTEXT];
            let pass = forward(w, sequence);
            loss += pass.loss / JUDGED as f64;
            for (t, row) in pass.chances.chunks_exact(SYMBOLS).enumerate() {
                let top = row.iter().copied().fold(0.0, f64::max);
                let first = row.iter().position(|v| *v == top);
                right += usize::from(first == Some(usize::from(sequence[t + 1])));
            }
        }
        [loss, right as f64 / (JUDGED * CONTEXT) as f64]
    }

    fn slice(&self) -> usize {
        1
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{gradient_error, trained};
    use super::*;

    #[test]
    fn the_gradient_of_every_part_agrees_with_finite_differences() {
        let mut model = Transformer::new(5);
        let w: Vec<f64> = model.start();
        let (mut places, mut from) = (Vec::new(), 0);
        for n in PARTS {
            places.extend((0..8).map(|k| from + k * n / 8));
            from += n;
        }
        assert_eq!(from, w.len());
        let error = gradient_error(&mut model, &w, &places);
        assert!(error < 1e-5, "{error}");
    }

    #[test]
    fn the_future_is_not_seen() {
        let mut model = Transformer::new(1);
        let w = model.start();
        let (text, _) = Transformer::split();
        let mut changed = text[..=CONTEXT].to_vec();
        let first = forward(&w, &changed).chances;
        changed[9] = (changed[9] + 1) % SYMBOLS as u8;
        let second = forward(&w, &changed).chances;
        let until = 9 * SYMBOLS;
        assert_eq!(first[..until], second[..until]);
        assert_ne!(first[until..], second[until..]);
    }

    #[test]
    fn a_fresh_network_guesses_and_training_helps() {
        let [before, after] = trained(&mut Transformer::new(2), 0.5, 60);
        assert!((before - num::ln(27.0)).abs() < 0.1, "{before}");
        assert!(after < before - 0.3, "{before} {after}");
    }
}
