//! AutoLRS ("AutoLRS: Automatic Learning-Rate Schedule by Bayesian Optimization on the Fly",
//! ICLR 2021; YuchenJin/autolrs): before every stage of τ updates a few rates are probed for τ / 10
//! updates each from a checkpoint. The loss of a probe, a e^(bt) + c, is carried on to τ; a Gaussian
//! process over the logarithm of the rate picks the next probe; the rate with the lowest forecast
//! trains the stage.

use super::task::Task;
use crate::core::rng::{Stream, StreamId};
use crate::core::{num, stats};

/// Share of a stage that a probe lasts.
const SHARE: u64 = 10;
/// The longest stage over the first.
const LONGEST: u64 = 8;
/// What a forecast that is not finite counts as.
const HOPELESS: f64 = 1e6;
/// Candidates for the next probe, and lengths tried for the process.
const CANDIDATES: usize = 200;
const LENGTHS: usize = 20;
/// Variance of the noise of (standardised) forecasts.
const NOISE: f64 = 1e-4;
/// Forecasts further above the best than this times the median are cut there.
const FAR: f64 = 4.0;

/// A probe as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::labs::lr) struct Probe {
    /// First update of its stage.
    pub(in crate::labs::lr) start: u64,
    /// Its rate.
    pub(in crate::labs::lr) rate: f64,
    /// (updates done, loss).
    pub(in crate::labs::lr) losses: Vec<[f64; 2]>,
    /// Forecast of the loss at the end of the stage.
    pub(in crate::labs::lr) forecast: f64,
    /// Whether it trained the stage.
    pub(in crate::labs::lr) won: bool,
}

/// Settings.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    /// Lowest and highest rate.
    pub(super) range: [f64; 2],
    /// Updates of the first stage.
    pub(super) stage: u64,
    /// Probes per stage.
    pub(super) probes: usize,
    /// κ of the lower confidence bound.
    pub(super) explore: f64,
    /// Seed of the first probe's rate.
    pub(super) seed: u64,
}

enum Phase {
    /// A copy of the model is being trained.
    Probing(Box<dyn Task>),
    /// The stage is trained: updates left, at a rate.
    Training(u64, f64),
}

/// The search and its state.
pub(super) struct Search {
    settings: Settings,
    horizon: u64,
    done: u64,
    stages: u32,
    phase: Option<Phase>,
    /// Probes of the stage under way.
    current: Vec<Probe>,
    /// All finished probes.
    pub(super) finished: Vec<Probe>,
    /// Updates that were rewound.
    pub(super) rewound: u64,
}

impl Search {
    pub(super) fn new(settings: Settings, horizon: u64) -> Self {
        Self {
            settings,
            horizon,
            done: 0,
            stages: 0,
            phase: None,
            current: Vec::new(),
            finished: Vec::new(),
            rewound: 0,
        }
    }

    /// Updates of the stage under way.
    fn stage(&self) -> u64 {
        (self.settings.stage << self.stages.min(31))
            .min(LONGEST * self.settings.stage)
            .min(self.horizon - self.done)
            .max(1)
    }

    /// One update: of a probe (`None`), or of the run itself, with the rate used.
    pub(super) fn advance(&mut self, task: &mut dyn Task) -> Option<f64> {
        match self.phase.take() {
            Some(Phase::Training(left, rate)) => {
                task.update(rate);
                self.done += 1;
                if left > 1 {
                    self.phase = Some(Phase::Training(left - 1, rate));
                } else {
                    self.stages += 1;
                }
                return Some(rate);
            }
            Some(Phase::Probing(probe)) => self.probe(probe),
            None => self.begin(task),
        }
        None
    }

    fn begin(&mut self, task: &dyn Task) {
        if self.current.len() < self.settings.probes {
            let rate = self.next_rate();
            self.current.push(Probe {
                start: self.done,
                rate,
                losses: Vec::new(),
                forecast: f64::NAN,
                won: false,
            });
            self.phase = Some(Phase::Probing(task.copy()));
            return;
        }
        let best = self
            .current
            .iter_mut()
            .min_by(|a, b| a.forecast.total_cmp(&b.forecast));
        let mut rate = self.settings.range[0];
        if let Some(best) = best {
            best.won = true;
            rate = best.rate;
        }
        self.finished.append(&mut self.current);
        self.phase = Some(Phase::Training(self.stage(), rate));
    }

    fn probe(&mut self, mut task: Box<dyn Task>) {
        let stage = self.stage();
        let Some(probe) = self.current.last_mut() else {
            return;
        };
        task.update(probe.rate);
        self.rewound += 1;
        let loss = task.loss();
        let at = self.done + probe.losses.len() as u64 + 1;
        probe.losses.push([at as f64, loss]);
        let length = (stage / SHARE).max(2);
        if (probe.losses.len() as u64) < length && loss.is_finite() {
            self.phase = Some(Phase::Probing(task));
            return;
        }
        let losses: Vec<f64> = probe.losses.iter().map(|p| p[1]).collect();
        let forecast = forecast(&losses, stage as f64);
        probe.forecast = if forecast.is_finite() {
            forecast
        } else {
            HOPELESS
        };
    }

    /// The rate of the next probe: random first, then where the lower confidence bound is lowest.
    fn next_rate(&self) -> f64 {
        let ends = self.settings.range.map(num::log10);
        let place = |u: f64| ends[0] + (ends[1] - ends[0]) * u;
        if self.current.is_empty() {
            let stream = Stream::new(self.settings.seed, StreamId::Policy);
            return num::pow(10.0, place(stream.step(self.stages).uniform()));
        }
        let x: Vec<f64> = self.current.iter().map(|p| num::log10(p.rate)).collect();
        let y: Vec<f64> = self.current.iter().map(|p| p.forecast).collect();
        let process = Process::new(x, &y);
        let best = (0..CANDIDATES)
            .map(|k| place(k as f64 / (CANDIDATES - 1) as f64))
            .map(|at| {
                let [mean, sd] = process.at(at);
                (at, mean - self.settings.explore * sd)
            })
            .min_by(|a, b| a.1.total_cmp(&b.1));
        num::pow(10.0, best.map_or(ends[0], |b| b.0))
            .clamp(self.settings.range[0], self.settings.range[1])
    }
}

/// The loss of a probe carried on to update `to`: a e^(bt) + c by least squares, b below 0 by a
/// golden-section search. A probe whose fit does not fall keeps its last loss.
pub(super) fn forecast(losses: &[f64], to: f64) -> f64 {
    let Some(&last) = losses.last() else {
        return f64::NAN;
    };
    if losses.len() < 3 || losses.iter().any(|l| !l.is_finite()) {
        return last;
    }
    let n = losses.len() as f64;
    // Least squares of a and c for a given b: (residual, a, c).
    let fit = |b: f64| {
        let e: Vec<f64> = (1..=losses.len()).map(|t| num::exp(b * t as f64)).collect();
        let (me, my) = (
            num::sum(e.iter().copied()) / n,
            num::sum(losses.iter().copied()) / n,
        );
        let see = num::sum(e.iter().map(|v| (v - me) * (v - me)));
        let sey = num::sum(e.iter().zip(losses).map(|(v, y)| (v - me) * (y - my)));
        let a = if see > 0.0 { sey / see } else { 0.0 };
        let c = my - a * me;
        let residual = num::sum(e.iter().zip(losses).map(|(v, y)| {
            let r = a * v + c - y;
            r * r
        }));
        (residual, a, c)
    };
    // b = -e^β, from a fall over a hundred probes' lengths to one within a single update.
    let (mut low, mut high) = (num::ln(0.01 / n), 1.0);
    let ratio = 0.5 * (5.0_f64.sqrt() - 1.0);
    for _ in 0..60 {
        let (m1, m2) = (high - ratio * (high - low), low + ratio * (high - low));
        if fit(-num::exp(m1)).0 <= fit(-num::exp(m2)).0 {
            high = m2;
        } else {
            low = m1;
        }
    }
    let b = -num::exp(0.5 * (low + high));
    let (_, a, c) = fit(b);
    if a > 0.0 {
        a * num::exp(b * to) + c
    } else {
        last
    }
}

/// A Gaussian process with a Matérn-5/2 kernel on standardised values.
struct Process {
    x: Vec<f64>,
    /// Cholesky factor of the kernel matrix, rows.
    factor: Vec<Vec<f64>>,
    /// K⁻¹ y.
    weights: Vec<f64>,
    length: f64,
}

fn matern(distance: f64, length: f64) -> f64 {
    let r = 5.0_f64.sqrt() * distance.abs() / length;
    (1.0 + r + r * r / 3.0) * num::exp(-r)
}

/// Lower triangular factor of a positive definite matrix.
fn cholesky(k: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let n = k.len();
    let mut l = vec![vec![0.0; n]; n];
    for i in 0..n {
        for j in 0..=i {
            let dot: f64 = (0..j).map(|m| l[i][m] * l[j][m]).sum();
            l[i][j] = if i == j {
                (k[i][i] - dot).max(1e-12).sqrt()
            } else {
                (k[i][j] - dot) / l[j][j]
            };
        }
    }
    l
}

/// L⁻¹ b.
fn forward(l: &[Vec<f64>], b: &[f64]) -> Vec<f64> {
    let mut out = vec![0.0; b.len()];
    for i in 0..b.len() {
        let dot: f64 = (0..i).map(|m| l[i][m] * out[m]).sum();
        out[i] = (b[i] - dot) / l[i][i];
    }
    out
}

/// L⁻ᵀ b.
fn backward(l: &[Vec<f64>], b: &[f64]) -> Vec<f64> {
    let n = b.len();
    let mut out = vec![0.0; n];
    for i in (0..n).rev() {
        let dot: f64 = (i + 1..n).map(|m| l[m][i] * out[m]).sum();
        out[i] = (b[i] - dot) / l[i][i];
    }
    out
}

impl Process {
    /// The process through forecasts `y` at logarithms of rates `x`, its length the most likely of
    /// a grid.
    fn new(x: Vec<f64>, y: &[f64]) -> Self {
        let n = y.len() as f64;
        // One diverged probe must not flatten the others: those far above the median are cut.
        let best = y.iter().copied().fold(f64::INFINITY, f64::min);
        let middle = stats::percentile(y, 50.0);
        let most = if middle > best {
            best + FAR * (middle - best)
        } else {
            f64::INFINITY
        };
        let y: Vec<f64> = y.iter().map(|v| v.min(most)).collect();
        let mean = y.iter().sum::<f64>() / n;
        let variance = y.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n;
        let scale = variance.sqrt().max(1e-12);
        let y: Vec<f64> = y.iter().map(|v| (v - mean) / scale).collect();
        let with = |length: f64| {
            let k: Vec<Vec<f64>> = (0..x.len())
                .map(|i| {
                    (0..x.len())
                        .map(|j| {
                            let noise = if i == j { NOISE } else { 0.0 };
                            matern(x[i] - x[j], length) + noise
                        })
                        .collect()
                })
                .collect();
            let factor = cholesky(&k);
            let half = forward(&factor, &y);
            let evidence = -0.5 * half.iter().map(|v| v * v).sum::<f64>()
                - (0..x.len()).map(|i| num::ln(factor[i][i])).sum::<f64>();
            (evidence, factor, half)
        };
        let lengths = num::logspace(0.05, 3.0, LENGTHS);
        let length = lengths
            .into_iter()
            .max_by(|a, b| with(*a).0.total_cmp(&with(*b).0))
            .unwrap_or(1.0);
        let (_, factor, half) = with(length);
        Self {
            weights: backward(&factor, &half),
            factor,
            length,
            x,
        }
    }

    /// Mean and standard deviation (standardised) at a point.
    fn at(&self, at: f64) -> [f64; 2] {
        let k: Vec<f64> = self.x.iter().map(|x| matern(x - at, self.length)).collect();
        let mean: f64 = k.iter().zip(&self.weights).map(|(a, b)| a * b).sum();
        let half = forward(&self.factor, &k);
        let variance = 1.0 - half.iter().map(|v| v * v).sum::<f64>();
        [mean, variance.max(0.0).sqrt()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forecast_finds_a_known_exponential() {
        let loss = |t: f64| 0.8 * num::exp(-0.15 * t) + 0.3;
        let seen: Vec<f64> = (1..=20).map(|t| loss(f64::from(t))).collect();
        assert!((forecast(&seen, 200.0) - 0.3).abs() < 1e-6);
        assert!((forecast(&seen, 25.0) - loss(25.0)).abs() < 1e-6);
        let rising: Vec<f64> = (1..=20).map(|t| 1.0 + 0.01 * f64::from(t)).collect();
        assert_eq!(forecast(&rising, 200.0), 1.2, "the last loss");
        assert!(forecast(&[1.0, f64::NAN, 1.0], 9.0) == 1.0);
    }

    #[test]
    fn the_process_goes_through_its_points_and_is_unsure_far_away() {
        let x = vec![-3.0, -2.0, -1.0];
        let y = [1.0, 0.0, 1.0];
        let process = Process::new(x, &y);
        let [low, sure] = process.at(-2.0);
        let [high, _] = process.at(-1.0);
        assert!(
            low < -1.0 && high > 0.5 && sure < 0.05,
            "{low} {high} {sure}"
        );
        assert!(process.at(6.0)[1] > 0.9);
    }
}
