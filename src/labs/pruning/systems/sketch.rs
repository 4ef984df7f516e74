//! Pruning before training seen as sketching a product: the mask keeps some terms of X w.

use crate::core::rng::{Stream, StreamId};
use crate::core::stats::{self, descending};
use crate::core::{ClaimResult, Job, Result, Step, Verdict};
use crate::labs::pruning::network;
use crate::labs::pruning::{Config, Method};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub static SKETCH: Exhibit = Exhibit {
    id: "sketch-at-init",
    lab: LabKind::Pruning,
    title: "Pruning at the start as a sketch",
    idea: "For a linear layer a mask keeps some terms of a product and drops the rest, as sketching does. Then one may ask whether the data are needed to choose, and whether drawing beats ranking.",
    paper: Paper {
        title: "Pruning at Initialization - A Sketching Perspective",
        authors: "Gadhikar and Burkholz",
        year: 2023,
        arxiv: "2305.17559",
    },
    basis: Basis::AbstractOnly,
    deviations: "The three choices are ours. In the network drawn weights keep their values; in the experiment they are rescaled by count / (k p).",
    equation: "‖X w - X (m ⊙ w)‖² with k terms kept: the largest |w_j| ‖x_j‖, the largest |w_j|, or drawn with p_j ∝ |w_j| ‖x_j‖",
    symbols: &[
        ("X", "inputs of the layer"),
        ("x_j", "one input over all images"),
        ("p_j", "probability of a term"),
    ],
    setup: || {
        Setup::Pruning(Config {
            method: Method::Sketch,
            sparsity: 90.0,
            ..Config::default()
        })
    },
    claim: Some(Claim {
        statement: "The mask may be chosen without data: a search by the weights alone sketches as well.",
        experiment: "X the digits, w normal, 16 of 64 terms kept; relative squared error, largest |w| minus largest |w| ‖x‖, over 20 draws of w for each seed (the claim allows 0.05). Terms drawn at random and rescaled beside them.",
        start: |effort| Box::new(Sketching::new(effort)),
    }),
};

/// Terms kept.
const KEPT: usize = 16;
/// Draws of the weights for each seed.
const DRAWS: usize = 20;
/// Rise of the relative error that the claim allows.
const ALLOWED: f64 = 0.05;

/// Relative errors of the three choices, seed by seed.
struct Sketching {
    seeds: Vec<u64>,
    /// Xᵀ X.
    gram: Vec<f64>,
    errors: [Vec<f64>; 3],
}

impl Sketching {
    fn new(effort: Effort) -> Self {
        let seeds = match effort {
            Effort::Quick => 8,
            Effort::Full => 20,
        };
        Self {
            seeds: (0..seeds).collect(),
            gram: Vec::new(),
            errors: Default::default(),
        }
    }

    /// Errors of one draw of the weights.
    fn draw(&self, luck: &mut Stream) -> [f64; 3] {
        let n = crate::core::digits::PIXELS;
        let w: Vec<f64> = (0..n).map(|_| luck.normal()).collect();
        let energy = |w: &[f64]| -> f64 {
            let line = |i: usize| {
                (0..n)
                    .map(|j| w[i] * self.gram[i * n + j] * w[j])
                    .sum::<f64>()
            };
            (0..n).map(line).sum()
        };
        let term = |j: usize| w[j].abs() * self.gram[j * n + j].sqrt();
        let terms: Vec<f64> = (0..n).map(term).collect();
        let sizes: Vec<f64> = w.iter().map(|w| w.abs()).collect();
        let top = |scores: &[f64]| {
            let mut left = w.clone();
            for &j in descending(scores).iter().take(KEPT) {
                left[j] = 0.0;
            }
            energy(&left) / energy(&w)
        };
        let total: f64 = terms.iter().sum();
        let mut left = w.clone();
        for _ in 0..KEPT {
            let mut at = luck.uniform() * total;
            let mut j = 0;
            while j + 1 < n && at >= terms[j] {
                at -= terms[j];
                j += 1;
            }
            left[j] -= w[j] * total / (KEPT as f64 * terms[j]);
        }
        [top(&sizes), top(&terms), energy(&left) / energy(&w)]
    }

    fn result(&self) -> ClaimResult {
        let pairs = self.errors[0].iter().zip(&self.errors[1]);
        let differences: Vec<f64> = pairs.map(|(a, b)| a - b).collect();
        let (measured, interval) = stats::mean_interval(&differences);
        let verdict = if interval[1] < ALLOWED {
            Verdict::Reproduced
        } else if measured < ALLOWED {
            Verdict::Partly
        } else {
            Verdict::NotReproduced
        };
        let [free, norm, drawn] = [0, 1, 2].map(|i| stats::mean(&self.errors[i]));
        ClaimResult {
            quantity: "relative squared error, largest |w| minus largest |w| ‖x‖".to_owned(),
            unit: String::new(),
            measured,
            interval,
            seeds: self.seeds.clone(),
            verdict,
            why: format!(
                "16 of 64 terms of X w kept: without data {free:.3}, with the norms of the inputs {norm:.3}, drawn and rescaled {drawn:.2} (unbiased, but far noisier). Digits have border pixels that are nearly always 0: knowing the norms is worth much here."
            ),
        }
    }
}

impl Job for Sketching {
    type Out = ClaimResult;

    fn step(&mut self) -> Result<Step<ClaimResult>> {
        let n = crate::core::digits::PIXELS;
        if self.gram.is_empty() {
            let train = &network::data().0;
            self.gram = vec![0.0; n * n];
            for image in train.x.chunks_exact(n) {
                for i in 0..n {
                    for j in 0..n {
                        self.gram[i * n + j] += f64::from(image[i]) * f64::from(image[j]);
                    }
                }
            }
            return Ok(Step::Working);
        }
        let Some(&seed) = self.seeds.get(self.errors[0].len()) else {
            return Ok(Step::Done(self.result()));
        };
        let mut luck = Stream::new(seed, StreamId::Weights);
        let all: Vec<[f64; 3]> = (0..DRAWS).map(|_| self.draw(&mut luck)).collect();
        for (i, errors) in self.errors.iter_mut().enumerate() {
            errors.push(stats::mean(&all.iter().map(|e| e[i]).collect::<Vec<_>>()));
        }
        Ok(Step::Working)
    }

    fn progress(&self) -> f64 {
        self.errors[0].len() as f64 / self.seeds.len().max(1) as f64
    }
}
