//! APTP ("Not All Prompts Are Made Equal", arXiv 2406.12042): a router sends prompts to architecture
//! codes of different cost. Codes are pulled to the prompts assigned to them; optimal transport
//! assigns them so that every code gets its share, and the shares keep to a budget. Beside it the
//! same with every prompt assigned to its nearest code.

use super::pool::{COSTS, SHARPNESS, TOPICS};
use crate::core::gate;
use crate::core::matrix::{Matrix, dot};
use crate::core::num;
use crate::core::rng::{Stream, StreamId};

pub(super) const CODES: usize = COSTS.len();
/// Buckets of hashed character trigrams.
const WIDTH: usize = 64;
/// Prompts from which codes learn.
pub(super) const LEARNT: usize = 320;
/// Rate of the pull.
const RATE: f64 = 2.0;
/// Temperature of the similarity.
const TAU: f64 = 0.1;

/// Nouns by topic, and other words.
const NOUNS: [[&str; 6]; TOPICS] = [
    ["fox", "bird", "horse", "tiger", "rabbit", "whale"],
    ["castle", "tower", "bridge", "temple", "harbour", "market"],
    [
        "teacup", "lantern", "violin", "clock", "bicycle", "umbrella",
    ],
    ["mountain", "forest", "river", "desert", "glacier", "meadow"],
];
const ADJECTIVES: [&str; 8] = [
    "red", "ancient", "golden", "tiny", "misty", "broken", "silver", "quiet",
];
const STYLES: [&str; 4] = ["oil painting", "photograph", "ink drawing", "pixel art"];

/// A prompt, what it is about, and what every code makes of it.
#[derive(Debug, Clone)]
pub(super) struct Prompt {
    pub(super) text: String,
    pub(super) topic: usize,
    /// Things to draw, from 0 for one to 1 for five.
    pub(super) difficulty: f64,
    pub(super) embedding: Vec<f64>,
}

/// Text of so many things of a topic.
fn words(topic: usize, things: usize, draw: &mut Stream) -> String {
    let nouns = NOUNS[topic];
    let mut pick = |list: &[&'static str]| list[draw.below(list.len() as u32) as usize];
    let parts: Vec<String> = (0..things)
        .map(|_| format!("a {} {}", pick(&ADJECTIVES), pick(&nouns)))
        .collect();
    format!("{}, {}", parts.join(" and "), pick(&STYLES))
}

/// Hashed character trigrams, of unit length (FNV-1a modulo the width).
fn embed(text: &str) -> Vec<f64> {
    let mut out = vec![0.0; WIDTH];
    for gram in text.as_bytes().windows(3) {
        let hash = gram.iter().fold(0x811c_9dc5_u32, |h, b| {
            (h ^ u32::from(*b)).wrapping_mul(0x0100_0193)
        });
        out[hash as usize % WIDTH] += 1.0;
    }
    let norm = dot(&out, &out).sqrt().max(1e-12);
    out.iter().map(|v| v / norm).collect()
}

/// Draws the next prompt.
pub(super) fn draw(stream: &mut Stream) -> Prompt {
    let topic = stream.below(TOPICS as u32) as usize;
    let things = 1 + stream.below(5) as usize;
    let text = words(topic, things, stream);
    Prompt {
        embedding: embed(&text),
        difficulty: (things - 1) as f64 / 4.0,
        topic,
        text,
    }
}

/// Shares of the codes that keep to a mean cost: proportional to exp(-λ cost), λ by bisection.
/// Returns them with the price λ.
pub(super) fn shares(budget: f64) -> ([f64; CODES], f64) {
    let at = |price: f64| -> [f64; CODES] {
        let weights = gate::softmax(&COSTS.map(|c| -price * c));
        let mut out = [0.0; CODES];
        out.copy_from_slice(&weights);
        out
    };
    let (mut low, mut high) = (-200.0, 200.0);
    for _ in 0..80 {
        let middle = 0.5 * (low + high);
        if dot(&at(middle), &COSTS) > budget {
            low = middle;
        } else {
            high = middle;
        }
    }
    let price = 0.5 * (low + high);
    (at(price), price)
}

/// Prototypes of the codes with a bias each.
#[derive(Debug, Clone)]
pub(super) struct Codebook {
    pub(super) rows: Vec<Vec<f64>>,
    bias: [f64; CODES],
}

impl Codebook {
    pub(super) fn new(seed: u64) -> Self {
        let mut stream = Stream::new(seed, StreamId::Weights).replicate(74);
        let row = |stream: &mut Stream| -> Vec<f64> {
            let row: Vec<f64> = (0..WIDTH).map(|_| stream.normal()).collect();
            let norm = dot(&row, &row).sqrt();
            row.iter().map(|v| v / norm).collect()
        };
        Self {
            rows: (0..CODES).map(|_| row(&mut stream)).collect(),
            bias: [0.0; CODES],
        }
    }

    fn logits(&self, x: &[f64]) -> Vec<f64> {
        let all = self.rows.iter().zip(self.bias);
        all.map(|(row, b)| dot(row, x) / TAU + b).collect()
    }

    pub(super) fn nearest(&self, x: &[f64]) -> usize {
        gate::argmax(&self.logits(x))
    }

    /// One step down the cross-entropy between an assignment (rows of sum 1) and the softmax of the
    /// logits; the step of a prototype leaves out the factor 1/τ.
    pub(super) fn pull(&mut self, prompts: &[Prompt], assigned: &Matrix) {
        let n = prompts.len() as f64;
        let mut step = vec![vec![0.0; WIDTH]; CODES];
        let mut by_bias = [0.0; CODES];
        for (i, prompt) in prompts.iter().enumerate() {
            let p = gate::softmax(&self.logits(&prompt.embedding));
            for m in 0..CODES {
                let gap = (assigned.at(i, m) - p[m]) / n;
                by_bias[m] += gap;
                for (s, v) in step[m].iter_mut().zip(&prompt.embedding) {
                    *s += gap * v;
                }
            }
        }
        for ((row, bias), (step, gap)) in self
            .rows
            .iter_mut()
            .zip(&mut self.bias)
            .zip(step.iter().zip(by_bias))
        {
            for (w, s) in row.iter_mut().zip(step) {
                *w += RATE * s;
            }
            *bias += RATE * gap;
        }
    }
}

/// σ(6 (s_m - d + bonus)), as in the pool; a code trained on topics has a bonus for them, in
/// proportion to their share beyond an even one.
pub(super) fn quality(
    skills: &[f64; CODES],
    prompt: &Prompt,
    trained: Option<(&Vec<Vec<f64>>, f64)>,
) -> [f64; CODES] {
    let mut out = [0.0; CODES];
    for (m, q) in out.iter_mut().enumerate() {
        let bonus = trained.map_or(0.0, |(topics, full)| {
            let share = topics[m].get(prompt.topic).copied();
            let even = 1.0 / TOPICS as f64;
            share.map_or(0.0, |s| full * (s - even) / (1.0 - even))
        });
        *q = num::sigmoid(SHARPNESS * (skills[m] - prompt.difficulty + bonus));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_is_its_trigrams() {
        let x = embed("a red fox");
        assert!((dot(&x, &x) - 1.0).abs() < 1e-12);
        assert_eq!(x, embed("a red fox"));
        let near = dot(&x, &embed("a red bird"));
        assert!(near > dot(&x, &embed("golden lantern")), "{near}");
    }
}
