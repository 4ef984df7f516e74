//! ZipNN: the exponents of trained weights hold little information; the rest is noise.
//!
//! Each word is rotated by a bit so that the eight exponent bits form the top byte and the sign joins
//! the mantissa; every byte plane is entropy-coded for itself. As in zipnn/zipnn.

use crate::core::{ClaimResult, Job, Result, Step, Verdict, stats};
use crate::labs::pruning::Config;
use crate::labs::pruning::measure::Planes;
use crate::labs::pruning::network::{Recipe, Training};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub static ZIPNN: Exhibit = Exhibit {
    id: "zipnn",
    lab: LabKind::Pruning,
    title: "ZipNN",
    idea: "Nothing is pruned and nothing is lost: sort the bytes of the weights by meaning, and code the exponents, which take few values, in few bits.",
    paper: Paper {
        title: "ZipNN: Lossless Compression for AI Models",
        authors: "Hershcovitch and others",
        year: 2024,
        arxiv: "2411.05239",
    },
    basis: Basis::Code,
    deviations: "The entropy of each plane is shown, a bound that Huffman codes come close to; no file is written in the format.",
    equation: "bits per weight = Σ over byte planes of H_b, H_b = -Σ p log₂ p over the 256 values, words rotated left by one bit",
    symbols: &[
        ("H_b", "entropy of byte plane b"),
        ("p", "share of a byte value"),
    ],
    setup: || {
        Setup::Pruning(Config {
            hidden1: 256,
            hidden2: 128,
            sparsity: 0.0,
            ..Config::default()
        })
    },
    claim: Some(Claim {
        statement: "BF16 models get 33 % smaller without any loss.",
        experiment: "Digit readers 64-256-128-10, 400 steps, weights cut to BF16; entropy of the byte planes after the rotation, saved share of the 16 bits (reproduced when within 3 points of 33 %).",
        start: |effort| Box::new(Zipping::new(effort)),
    }),
};

/// Share saved on networks of several seeds.
struct Zipping {
    seeds: Vec<u64>,
    saved: Vec<f64>,
    exponents: Vec<f64>,
    training: Option<Training>,
}

impl Zipping {
    fn new(effort: Effort) -> Self {
        let seeds = match effort {
            Effort::Quick => 8,
            Effort::Full => 20,
        };
        Self {
            seeds: (0..seeds).collect(),
            saved: Vec::new(),
            exponents: Vec::new(),
            training: None,
        }
    }

    fn result(&self) -> ClaimResult {
        let (measured, interval) = stats::mean_interval(&self.saved);
        let inside = interval[0] > 30.0 && interval[1] < 36.0;
        ClaimResult {
            quantity: "saved share of BF16 weights".to_owned(),
            unit: "%".to_owned(),
            measured,
            interval,
            seeds: self.seeds.clone(),
            verdict: if inside {
                Verdict::Reproduced
            } else {
                Verdict::NotReproduced
            },
            why: format!(
                "The exponents hold {:.2} of 8 bits, sign and mantissa all of theirs, mean of {} networks.",
                stats::mean(&self.exponents),
                self.seeds.len()
            ),
        }
    }
}

impl Job for Zipping {
    type Out = ClaimResult;

    fn step(&mut self) -> Result<Step<ClaimResult>> {
        let Some(&seed) = self.seeds.get(self.saved.len()) else {
            return Ok(Step::Done(self.result()));
        };
        let Some(training) = &mut self.training else {
            self.training = Some(Training::new(Recipe {
                sizes: vec![64, 256, 128, 10],
                steps: 400,
                seed,
            })?);
            return Ok(Step::Working);
        };
        let Some(net) = training.step() else {
            return Ok(Step::Working);
        };
        let mut planes = Planes::new(2);
        for l in 0..net.layers() {
            for w in net.weights(l) {
                let bits = (w.to_bits() >> 16) as u16;
                planes.add(&bits.rotate_left(1).to_le_bytes());
            }
        }
        let bits = planes.entropies();
        self.saved
            .push(100.0 * (1.0 - bits.iter().sum::<f64>() / 16.0));
        self.exponents.extend(bits.last());
        self.training = None;
        Ok(Step::Working)
    }

    fn progress(&self) -> f64 {
        let inside = self.training.as_ref().map_or(0.0, Training::progress);
        (self.saved.len() as f64 + inside) / self.seeds.len().max(1) as f64
    }
}
