//! Fire Together Wire Together: every image chooses the units that answer it.

use crate::core::mlp::{Mlp, Workspace};
use crate::core::stats::{self, ascending};
use crate::core::{ClaimResult, Job, Result, Step, Verdict};
use crate::labs::pruning::criteria::dynamic::answer;
use crate::labs::pruning::network::{self, EVAL_PARTS, Exam, Recipe, Training};
use crate::labs::pruning::{Config, Regime};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};
use std::sync::Arc;

/// The exhibit.
pub static FTWT: Exhibit = Exhibit {
    id: "fire-together-wire-together",
    lab: LabKind::Pruning,
    title: "Fire Together Wire Together",
    idea: "No unit is useless for every image, but most are for this one. Keep, image by image, the units that make up most of the activation.",
    paper: Paper {
        title: "Fire Together Wire Together: A Dynamic Pruning Approach with Self-Supervised Mask Prediction",
        authors: "Elkerdawy and others",
        year: 2022,
        arxiv: "2110.08232",
    },
    basis: Basis::Code,
    deviations: "Hidden units instead of filters; the mask comes from the activations themselves, which the paper's small predictors learn to foresee: this is what perfect predictors would give. The unit that crosses the share is kept unless you ask for the published rule.",
    equation: "share_u = a_u / Σ a, sorted; units are on while the cumulative share is at most r (and the one that crosses it)",
    symbols: &[
        ("a_u", "activation of hidden unit u on the image"),
        ("r", "share of the activation to be kept"),
    ],
    setup: || {
        Setup::Pruning(Config {
            regime: Regime::Dynamic,
            ..Config::default()
        })
    },
    claim: Some(Claim {
        statement: "Choosing units image by image keeps more accuracy than leaving out as many for all images.",
        experiment: "Digit readers 64-128-64-10, 400 steps; 80 % of the activation for each image, against as many units for all images, those with the largest norms; difference in test accuracy, by image minus for all. Nothing is trained afterwards.",
        start: |effort| Box::new(Choosing::new(effort)),
    }),
};

const MASS: f64 = 0.8;
/// Images in a step.
const IMAGES: usize = 20;

enum Phase {
    Train(Training),
    /// Next image, right answers, and units on by hidden layer.
    Choose(Arc<Mlp>, usize, usize, Vec<usize>),
    /// The network with the same units for all, and the next part of the test images.
    Static(Mlp, usize, f64),
}

/// Units by image against units for all.
struct Choosing {
    seeds: Vec<u64>,
    phase: Option<Phase>,
    by_image: Vec<f64>,
    for_all: Vec<f64>,
    shares: Vec<f64>,
    dense: Vec<f64>,
    work: Workspace,
}

impl Choosing {
    fn new(effort: Effort) -> Self {
        let seeds = match effort {
            Effort::Quick => 8,
            Effort::Full => 20,
        };
        Self {
            seeds: (0..seeds).collect(),
            phase: None,
            by_image: Vec::new(),
            for_all: Vec::new(),
            shares: Vec::new(),
            dense: Vec::new(),
            work: Workspace::default(),
        }
    }

    /// The network with the units of the smallest norms gone, so that as many are left in each layer
    /// as an image used on average.
    fn same_for_all(net: &Mlp, on: &[usize], images: usize) -> Mlp {
        let mut left = net.clone();
        for (l, &sum) in on.iter().enumerate() {
            let cols = net.sizes()[l];
            let norm = |row: &[f32]| row.iter().map(|w| f64::from(*w) * f64::from(*w)).sum();
            let norms: Vec<f64> = net.weights(l).chunks(cols).map(norm).collect();
            let stays = (sum as f64 / images as f64).round_ties_even() as usize;
            let biases = net.bias_range(l).start;
            for &u in ascending(&norms).iter().take(norms.len() - stays) {
                left.weights_mut(l)[u * cols..(u + 1) * cols].fill(0.0);
                left.params_mut()[biases + u] = 0.0;
            }
        }
        left
    }

    fn result(&self) -> ClaimResult {
        let pairs = self.by_image.iter().zip(&self.for_all);
        let differences: Vec<f64> = pairs.map(|(a, b)| a - b).collect();
        let (measured, interval) = stats::mean_interval(&differences);
        ClaimResult {
            quantity: "test accuracy, units by image minus units for all".to_owned(),
            unit: "points".to_owned(),
            measured,
            interval,
            seeds: self.seeds.clone(),
            verdict: if interval[0] > 0.0 {
                Verdict::Reproduced
            } else {
                Verdict::NotReproduced
            },
            why: format!(
                "By image {:.1} % right with {:.0} % of the hidden units on, for all {:.1} %, dense {:.1} %; mean of {} networks.",
                stats::mean(&self.by_image),
                stats::mean(&self.shares),
                stats::mean(&self.for_all),
                stats::mean(&self.dense),
                self.seeds.len()
            ),
        }
    }
}

impl Job for Choosing {
    type Out = ClaimResult;

    fn step(&mut self) -> Result<Step<ClaimResult>> {
        let Some(&seed) = self.seeds.get(self.for_all.len()) else {
            return Ok(Step::Done(self.result()));
        };
        let test = &network::data().1;
        self.phase = match self.phase.take() {
            None => Some(Phase::Train(Training::new(Recipe {
                sizes: vec![64, 128, 64, 10],
                steps: 400,
                seed,
            })?)),
            Some(Phase::Train(mut training)) => Some(match training.step() {
                None => Phase::Train(training),
                Some(net) => {
                    let dense = network::evaluate(&net, &mut self.work);
                    self.dense.push(100.0 * dense.accuracy());
                    Phase::Choose(net, 0, 0, vec![0; 2])
                }
            }),
            Some(Phase::Choose(net, from, mut right, mut on)) => {
                let to = (from + IMAGES).min(test.len());
                for i in from..to {
                    let found = answer(&net, test.image(i), MASS, true);
                    right += usize::from(found.class() == usize::from(test.labels[i]));
                    for (sum, kept) in on.iter_mut().zip(&found.kept) {
                        *sum += kept.count();
                    }
                }
                Some(if to < test.len() {
                    Phase::Choose(net, to, right, on)
                } else {
                    self.by_image.push(100.0 * right as f64 / test.len() as f64);
                    let all: usize = net.sizes()[1..=2].iter().sum();
                    let used = on.iter().sum::<usize>() as f64 / test.len() as f64;
                    self.shares.push(100.0 * used / all as f64);
                    let left = Self::same_for_all(&net, &on, test.len());
                    Phase::Static(left, 0, 0.0)
                })
            }
            Some(Phase::Static(net, part, right)) => {
                let found = network::judge_part(&net, Exam::Upright, part, &mut self.work);
                let right = right + found.correct as f64;
                if part + 1 < EVAL_PARTS {
                    Some(Phase::Static(net, part + 1, right))
                } else {
                    self.for_all.push(100.0 * right / test.len() as f64);
                    None
                }
            }
        };
        Ok(Step::Working)
    }

    fn progress(&self) -> f64 {
        let inside = match &self.phase {
            Some(Phase::Train(t)) => 0.8 * t.progress(),
            Some(_) => 0.9,
            None => 0.0,
        };
        (self.for_all.len() as f64 + inside) / self.seeds.len().max(1) as f64
    }
}
