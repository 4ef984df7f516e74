//! Rewiring experts on the fly (arXiv 2510.14853): a vector added to the router's logits, found at
//! regular intervals by gradient descent on the error of what has been seen so far, and kept until the
//! next. Sequences follow one of six linear maps, each known to one expert; the gate names it with
//! noise, and with a constant shift towards other experts that it did not have in training.

use super::super::config::Config;
use super::draw::{add, apply, distance, matrix, normals};
use super::run::Findings;
use super::sheet::{Row, Scene, Sheet};
use super::work::Slices;
use crate::core::gate;
use crate::core::matrix::{Matrix, dot};
use crate::core::rng::{Stream, StreamId};
use crate::core::{Axis, Better, Chart, Mark, Metric, Series, stats};

const EXPERTS: usize = 6;
const WIDTH: usize = 8;
const SEQUENCES: usize = 18;
/// Tokens of a sequence.
const LENGTH: usize = 512;
/// Experts that a token uses.
const CHOSEN: usize = 2;
/// What the right expert's logit has over the others, and the noise on each.
const MARGIN: f64 = 3.0;
const GATE_NOISE: f64 = 1.0;
/// Noise that drives a sequence.
const DRIVE: f64 = 0.6;
/// Norm kept per step by an expert's map.
const GAIN: f64 = 0.9;
/// Context items that are looked back at, gradient steps on them, and their size.
const CONTEXT: usize = 32;
const STEPS: usize = 10;
const RATE: f64 = 5.0;
/// Tokens between two moments shown.
const STRIDE: usize = 8;
/// Tokens over which the error beside a row is taken.
const WINDOW: usize = 32;

/// A token: what is seen, what follows, and what the gate says.
struct Token {
    next: Vec<f64>,
    /// What each expert says follows.
    says: Vec<Vec<f64>>,
    logits: Vec<f64>,
    source: usize,
}

struct Sequence {
    tokens: Vec<Token>,
    delta: Vec<f64>,
    /// Squared error by token: as shipped, rewired, and of the right expert.
    lost: Vec<[f64; 3]>,
    weights: Vec<Vec<f64>>,
}

pub(super) struct Rewire {
    config: Config,
    sequences: Vec<Sequence>,
    done: usize,
}

/// An orthogonal matrix by Gram-Schmidt, scaled.
fn rotation(stream: &mut Stream) -> Matrix {
    let mut m = matrix(WIDTH, WIDTH, 1.0, stream);
    for i in 0..WIDTH {
        let mut row = m.row(i).to_vec();
        for j in 0..i {
            let other = m.row(j).to_vec();
            let along = dot(&row, &other) / (GAIN * GAIN);
            add(&mut row, -along, &other);
        }
        let unit = super::draw::unit(&row);
        for (to, v) in m.row_mut(i).iter_mut().zip(unit) {
            *to = GAIN * v;
        }
    }
    m
}

/// The weights of all experts mixed into one prediction.
fn mixed(token: &Token, weights: &[f64]) -> Vec<f64> {
    let mut out = vec![0.0; WIDTH];
    for (says, &w) in token.says.iter().zip(weights) {
        add(&mut out, w, says);
    }
    out
}

/// Softmax of the shifted logits over the best few.
fn routed(token: &Token, delta: &[f64]) -> Vec<f64> {
    let z: Vec<f64> = token.logits.iter().zip(delta).map(|(z, d)| z + d).collect();
    let chosen = gate::top_k(&z, CHOSEN);
    let mut out = vec![0.0; EXPERTS];
    for (&e, w) in chosen.iter().zip(gate::softmax(&gate::pick(&z, &chosen))) {
        out[e] = w;
    }
    out
}

/// Gradient by δ of the mean squared error of the soft mixture over some tokens.
fn gradient(context: &[Token], delta: &[f64]) -> Vec<f64> {
    let mut out = vec![0.0; EXPERTS];
    for token in context {
        let z: Vec<f64> = token.logits.iter().zip(delta).map(|(z, d)| z + d).collect();
        let w = gate::softmax(&z);
        let mut wrong = mixed(token, &w);
        add(&mut wrong, -1.0, &token.next);
        let by: Vec<f64> = token.says.iter().map(|s| 2.0 * dot(&wrong, s)).collect();
        let mean = dot(&w, &by);
        for (o, (w, b)) in out.iter_mut().zip(w.iter().zip(&by)) {
            *o += w * (b - mean) / (context.len() * WIDTH) as f64;
        }
    }
    out
}

impl Rewire {
    pub(super) fn new(config: &Config) -> Self {
        let mut draw = Stream::new(config.seed, StreamId::Weights).replicate(85);
        let experts: Vec<Matrix> = (0..EXPERTS).map(|_| rotation(&mut draw)).collect();
        let shift = normals(EXPERTS, config.gate_shift, &mut draw);
        let sequences = (0..SEQUENCES).map(|i| sequence(config, i, &experts, &shift));
        Self {
            sequences: sequences.collect(),
            config: config.clone(),
            done: 0,
        }
    }

    /// One token of every sequence: δ is found anew when an interval begins.
    fn token(&mut self) {
        let at = self.done;
        let interval = self.config.interval as usize;
        // The first time after the prefill, then at regular intervals from there.
        let due = at >= CONTEXT && (at - CONTEXT).is_multiple_of(interval);
        for s in &mut self.sequences {
            if due {
                let context = &s.tokens[at - CONTEXT..at];
                for _ in 0..STEPS {
                    let g = gradient(context, &s.delta);
                    add(&mut s.delta, -RATE, &g);
                }
            }
            let token = &s.tokens[at];
            let (plain, own) = (routed(token, &[0.0; EXPERTS]), routed(token, &s.delta));
            let lost = |w: &[f64]| distance(&mixed(token, w), &token.next);
            let best = distance(&token.says[token.source], &token.next);
            s.lost.push([lost(&plain), lost(&own), best]);
            s.weights.push(own);
        }
        self.done += 1;
    }

    /// Error of a way to route over some tokens, over the squared size of what follows.
    fn error(&self, way: usize, tokens: std::ops::Range<usize>) -> f64 {
        let (mut lost, mut scale) = (0.0, 0.0);
        for s in &self.sequences {
            for t in tokens.clone() {
                lost += s.lost[t][way];
                scale += dot(&s.tokens[t].next, &s.tokens[t].next);
            }
        }
        lost / scale
    }

    fn scenes(&self) -> Vec<Scene> {
        let moments = (STRIDE - 1..LENGTH).step_by(STRIDE);
        moments
            .map(|at| Scene {
                at: (at + 1) as f64,
                rows: self
                    .sequences
                    .iter()
                    .enumerate()
                    .map(|(i, s)| row(i, s, at))
                    .collect(),
            })
            .collect()
    }
}

fn row(i: usize, s: &Sequence, at: usize) -> Row {
    let recent = (at + 1).saturating_sub(WINDOW)..at + 1;
    let lost: f64 = s.lost[recent.clone()].iter().map(|l| l[1]).sum();
    let scale: f64 = s.tokens[recent].iter().map(|t| dot(&t.next, &t.next)).sum();
    Row {
        name: format!("sequence {i}"),
        cells: s.weights[at].iter().map(|w| *w as f32).collect(),
        right: vec![s.tokens[at].source as u16],
        value: lost / scale,
    }
}

fn sequence(config: &Config, index: usize, experts: &[Matrix], shift: &[f64]) -> Sequence {
    let mut data = Stream::new(config.seed, StreamId::Data).replicate(86 + index as u32);
    let mut noise = Stream::new(config.seed, StreamId::Noise).replicate(86 + index as u32);
    let mut source = index % EXPERTS;
    let mut x = normals(WIDTH, 1.0, &mut data);
    let tokens = (0..LENGTH).map(|t| {
        let every = config.switch_every as usize;
        if every > 0 && t > 0 && t % every == 0 {
            // Another one of the five.
            source = (source + 1 + data.below(EXPERTS as u32 - 1) as usize) % EXPERTS;
        }
        let says: Vec<Vec<f64>> = experts.iter().map(|a| apply(a, &x)).collect();
        let mut next = says[source].clone();
        add(&mut next, DRIVE, &normals(WIDTH, 1.0, &mut data));
        let mut logits = normals(EXPERTS, GATE_NOISE, &mut noise);
        add(&mut logits, 1.0, shift);
        logits[source] += MARGIN;
        x.clone_from(&next);
        Token {
            next,
            says,
            logits,
            source,
        }
    });
    Sequence {
        tokens: tokens.collect(),
        delta: vec![0.0; EXPERTS],
        lost: Vec::new(),
        weights: Vec::new(),
    }
}

const WAYS: [&str; 3] = ["as shipped", "rewired", "right expert"];

impl Slices for Rewire {
    fn slice(&mut self) -> bool {
        for _ in 0..4 {
            if self.done < LENGTH {
                self.token();
            }
        }
        self.done >= LENGTH
    }

    fn progress(&self) -> f64 {
        self.done as f64 / LENGTH as f64
    }

    fn findings(&mut self) -> Findings {
        let after = CONTEXT..LENGTH;
        let [plain, own, best] = [0, 1, 2].map(|w| self.error(w, after.clone()));
        let weight: Vec<f64> = self
            .sequences
            .iter()
            .flat_map(|s| {
                let all = s.tokens[after.clone()]
                    .iter()
                    .zip(&s.weights[after.clone()]);
                all.map(|(t, w)| 100.0 * w[t.source])
            })
            .collect();
        let new = Metric::new;
        let metrics = vec![
            new(
                "error",
                "Error, rewired",
                "",
                own,
                Better::Lower,
                "Squared error of the next item over its squared size, after the prefill of 32 items.",
            ),
            new(
                "error_shipped",
                "Error as shipped",
                "",
                plain,
                Better::Neither,
                "The same without the added vector.",
            ),
            new(
                "error_right",
                "Error of the right expert",
                "",
                best,
                Better::Neither,
                "The same when the right expert alone is used: the noise that drives the sequences.",
            ),
            new(
                "closed",
                "Gap closed",
                "%",
                100.0 * (plain - own) / (plain - best),
                Better::Higher,
                "Part of the distance between the router as shipped and the right expert that the added vector closes.",
            ),
            new(
                "right_weight",
                "Weight of the right expert",
                "%",
                stats::mean(&weight),
                Better::Higher,
                "Mean weight of the right expert, rewired, after the prefill.",
            ),
        ];
        let lines = WAYS.iter().enumerate().map(|(way, name)| {
            let ends = (STRIDE..=LENGTH).step_by(STRIDE);
            let points: Vec<[f64; 2]> = ends
                .map(|end| [end as f64, self.error(way, end - STRIDE..end)])
                .collect();
            let line = Series::line(*name, points);
            if way == 2 { line.as_reference() } else { line }
        });
        let interval = self.config.interval as usize;
        let marks = (CONTEXT..LENGTH).step_by(interval).take(6).map(|x| Mark {
            x: x as f64,
            label: "found anew".to_owned(),
        });
        let chart = Chart {
            id: "error",
            title: "Error along the sequence",
            doc: "Mean over sequences of the relative squared error, in windows of 8 items. Where the source changes within an interval, the vector found for the old one is wrong until it is found anew.",
            x: Axis::linear("item", ""),
            y: Axis::zero_based("error", ""),
            series: lines.collect(),
            marks: marks.collect(),
            on_timeline: true,
        };
        Findings {
            axis: ["item", "8 items"],
            summary: format!(
                "Error {own:.3} with the vector found every {interval} items, {plain:.3} as shipped, {best:.3} with the right expert: {:.0} % of the gap is closed.",
                metrics[3].value
            ),
            sheet: Sheet {
                name: "Sequences and their experts",
                caption: "dark: weight of the expert, rewired; framed: the right one; bar: error of the last 32 items",
                columns: (0..EXPERTS).map(|e| format!("expert {e}")).collect(),
                group: 0,
                value: "error",
                unit: "",
                scenes: self.scenes(),
            },
            metrics,
            charts: vec![chart],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn experts_keep_their_share_of_the_norm() {
        let m = rotation(&mut Stream::new(1, StreamId::Test));
        let x = normals(WIDTH, 1.0, &mut Stream::new(2, StreamId::Test));
        let y = apply(&m, &x);
        assert!((dot(&y, &y) / dot(&x, &x) - GAIN * GAIN).abs() < 1e-12);
    }

    #[test]
    fn the_gradient_of_the_added_vector_agrees_with_finite_differences() {
        let rewire = Rewire::new(&Config::default());
        let context = &rewire.sequences[0].tokens[..8];
        let loss = |delta: &[f64]| {
            let lost: f64 = context
                .iter()
                .map(|t| {
                    let z: Vec<f64> = t.logits.iter().zip(delta).map(|(z, d)| z + d).collect();
                    distance(&mixed(t, &gate::softmax(&z)), &t.next)
                })
                .sum();
            lost / (context.len() * WIDTH) as f64
        };
        let delta = [0.3, -0.2, 0.0, 0.5, 0.1, -0.4];
        let g = gradient(context, &delta);
        for e in 0..EXPERTS {
            let mut near = [delta; 2];
            near[0][e] += 1e-5;
            near[1][e] -= 1e-5;
            let slope = (loss(&near[0]) - loss(&near[1])) / 2e-5;
            assert!((slope - g[e]).abs() < 1e-8, "{e}: {slope} {}", g[e]);
        }
    }

    #[test]
    fn the_context_ends_where_the_interval_begins_and_nothing_later_is_used() {
        let mut rewire = Rewire::new(&Config::default());
        for _ in 0..CONTEXT {
            rewire.token();
        }
        assert!(rewire.sequences.iter().all(|s| s.delta == [0.0; EXPERTS]));
        assert!(
            rewire
                .sequences
                .iter()
                .all(|s| s.lost.iter().all(|l| l[0] == l[1]))
        );
        rewire.token();
        assert!(rewire.sequences.iter().any(|s| s.delta != [0.0; EXPERTS]));
    }
}
