//! Fit of a law to logged runs as a job: several starts with coarse sums, the best one polished,
//! then bootstrap refits for intervals.
//!
//! What the data cannot tell is not fitted: without a run whose rate falls, the drop terms of the
//! multi-power law are held at published values scaled to the run's rates.

use super::annealing_fit::AnnealingFit;
use super::curves::{MPL_PEAK, mpl_curve};
use super::fit::{Errors, Fitting, MERGED, Target, objective};
pub use super::law::{Law, LawKind};
use super::laws::{MultiPower, PUBLISHED};
use super::log::LogRun;
use crate::core::rng::{Stream, StreamId};
use crate::core::{Error, Job, Result, Step, num};
use std::sync::Arc;

/// Rows of a run used while starts are compared and in bootstrap refits.
const ROWS: usize = 60;
/// Rows of a run used for the final fit.
const FINE_ROWS: usize = 400;
/// Rate changes merged while starts are compared.
const COARSE: usize = 256;
/// Evaluations per start, for the final fit, and per bootstrap refit.
const BUDGET: [usize; 3] = [120, 400, 40];
/// Smallest β that the data can be trusted with: below it B and β only move together.
const LEAST_BETA: f64 = 0.05;

/// A measured run with the rate of every update.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Its name.
    pub name: String,
    /// Rates of all updates up to its last row, at least.
    pub rates: Vec<f64>,
    /// Steps of the rows.
    pub steps: Vec<usize>,
    /// Losses of the rows.
    pub losses: Vec<f64>,
}

impl Measured {
    /// A logged run. Curves under the names of the multi-power law's authors get the authors'
    /// exact rates; a run without rates gets those of `fallback`.
    ///
    /// # Errors
    /// When there are no rates to be had.
    pub fn new(run: &LogRun, fallback: Option<&[f64]>) -> Result<Self> {
        let known = mpl_curve(&run.name).ok().flatten().filter(|rates| {
            run.steps.iter().zip(&run.rates).all(|(s, r)| {
                rates
                    .get(*s)
                    .is_some_and(|known| (known - r).abs() <= 0.02 * MPL_PEAK)
            })
        });
        let rates = known
            .or_else(|| run.all_rates())
            .or_else(|| {
                fallback
                    .filter(|f| f.len() > run.last())
                    .map(<[f64]>::to_vec)
            })
            .ok_or_else(|| {
                Error::malformed(
                    "lr",
                    format!(
                        "is not in the log of run {:?}: give a schedule of at least {} updates",
                        run.name,
                        run.last() + 1
                    ),
                )
            })?;
        Ok(Self {
            name: run.name.clone(),
            rates,
            steps: run.steps.clone(),
            losses: run.losses.clone(),
        })
    }

    /// The run prepared for the multi-power law. Rows before any rate above 0 cannot be predicted.
    fn target(&self) -> Target {
        let moved = self.rates.iter().position(|r| *r > 0.0).unwrap_or(0);
        let first = self.steps.partition_point(|s| *s < moved.max(1));
        Target::new(&self.rates, &self.steps[first..], &self.losses[first..])
    }

    /// Errors of a law on this run, with exact sums.
    pub fn errors(&self, law: &Law) -> Errors {
        let pred = law.predict(&self.rates, &self.steps, 1);
        let kept: (Vec<f64>, Vec<f64>) = pred
            .iter()
            .zip(&self.losses)
            .filter(|(p, _)| p.is_finite())
            .map(|(p, y)| (*p, *y))
            .unzip();
        Errors::of(&kept.0, &kept.1)
    }
}

/// A finished fit.
#[derive(Debug, Clone, PartialEq)]
pub struct FitResult {
    /// The law.
    pub law: Law,
    /// Sum of the Huber losses of the training rows, with exact sums.
    pub objective: f64,
    /// Evaluations used, the bootstrap left out.
    pub evaluations: usize,
    /// Lowest coarse objective of every start.
    pub starts: Vec<f64>,
    /// Bootstrap refits.
    pub replicates: Vec<Law>,
    /// What the data could not tell.
    pub remarks: Vec<String>,
}

/// The fit as a job.
#[derive(Debug)]
pub struct LawFit {
    targets: Vec<Target>,
    coarse: Arc<[Target]>,
    free: [bool; 7],
    /// Starts still to be tried, the last first.
    waiting: Vec<MultiPower>,
    current: Option<Fitting>,
    stage: Stage,
    best: Option<(f64, MultiPower)>,
    starts: Vec<f64>,
    evaluations: usize,
    wanted: usize,
    replicates: Vec<Law>,
    seed: u64,
    remarks: Vec<String>,
    annealing: Option<AnnealingFit>,
    all_starts: usize,
    peak: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Starts,
    Polish,
    Bootstrap,
}

impl LawFit {
    /// A fit to training runs with `replicates` bootstrap refits.
    ///
    /// # Errors
    /// No run, or no usable row.
    pub fn new(runs: &[Measured], kind: LawKind, replicates: usize, seed: u64) -> Result<Self> {
        let targets: Vec<Target> = runs.iter().map(|r| r.target().thinned(FINE_ROWS)).collect();
        if targets.iter().map(Target::rows).sum::<usize>() < 8 {
            return Err(Error::malformed("log", "has fewer than 8 usable rows"));
        }
        let mut remarks = Vec::new();
        let decays = targets.iter().any(Target::decays);
        let peak = runs
            .iter()
            .flat_map(|r| r.rates.iter().copied())
            .fold(0.0, f64::max);
        let free = if decays {
            [true; 7]
        } else {
            remarks.push(
                "no run in the log lowers its rate: what a cooldown buys is taken from the published law of 100 million parameters, scaled to these rates, and not from these data"
                    .to_owned(),
            );
            [true, true, true, false, false, false, false]
        };
        let waiting = starts(&targets, peak, 1.0);
        let coarse: Arc<[Target]> = targets.iter().map(|t| t.thinned(ROWS)).collect();
        let annealing =
            (kind == LawKind::Annealing).then(|| AnnealingFit::new(runs, replicates, seed));
        Ok(Self {
            all_starts: waiting.len(),
            targets,
            coarse,
            free,
            waiting,
            current: None,
            stage: Stage::Starts,
            best: None,
            starts: Vec::new(),
            evaluations: 0,
            wanted: replicates,
            replicates: Vec::new(),
            seed,
            remarks,
            annealing,
            peak,
        })
    }

    /// Begins the next minimisation; `None` when everything is done.
    fn next(&mut self) -> Option<Fitting> {
        match self.stage {
            Stage::Starts => {
                if let Some(start) = self.waiting.pop() {
                    return Some(Fitting::new(self.coarse.clone(), start, self.free, COARSE));
                }
                // Losses far smaller than a language model's: the published drop is more than all of
                // them.
                if self.best.is_none() && self.starts.len() == self.all_starts {
                    let least = self.targets.iter().map(Target::least_loss);
                    let share = least.fold(f64::INFINITY, f64::min) / PUBLISHED[1].1.l0;
                    self.waiting = starts(&self.targets, self.peak, share);
                    if let Some(start) = self.waiting.pop() {
                        return Some(Fitting::new(self.coarse.clone(), start, self.free, COARSE));
                    }
                }
                self.stage = Stage::Polish;
                let (_, best) = self.best?;
                Some(Fitting::new(
                    self.targets.clone().into(),
                    best,
                    self.free,
                    MERGED,
                ))
            }
            Stage::Polish | Stage::Bootstrap => {
                self.stage = Stage::Bootstrap;
                if self.replicates.len() >= self.wanted {
                    return None;
                }
                let (_, best) = self.best?;
                let replicate = self.replicates.len() as u32;
                let mut stream = Stream::new(self.seed, StreamId::Bootstrap).replicate(replicate);
                let sample: Arc<[Target]> = self
                    .coarse
                    .iter()
                    .map(|t| t.resampled(&best, &mut stream))
                    .collect();
                Some(Fitting::new(sample, best, self.free, COARSE))
            }
        }
    }

    fn take(&mut self, fitting: &Fitting) {
        let (value, law) = (fitting.value(), fitting.law());
        match self.stage {
            Stage::Starts => {
                self.evaluations += fitting.evaluations();
                self.starts.push(value);
                if value.is_finite() && self.best.is_none_or(|(b, _)| value < b) {
                    self.best = Some((value, law));
                }
            }
            Stage::Polish => {
                self.evaluations += fitting.evaluations();
                self.best = Some((value, law));
            }
            Stage::Bootstrap => self.replicates.push(Law::MultiPower(law)),
        }
    }

    fn result(&mut self) -> Result<FitResult> {
        let (_, law) = self.best.ok_or_else(|| {
            Error::malformed("log", "no start of the fit gave a usable prediction")
        })?;
        let mut remarks = std::mem::take(&mut self.remarks);
        if law.beta < LEAST_BETA {
            remarks.push(format!(
                "β = {:.3} is below {LEAST_BETA}: the drop has become a logarithm, B and β only move together",
                law.beta
            ));
        }
        Ok(FitResult {
            objective: objective(&self.targets, &law),
            law: Law::MultiPower(law),
            evaluations: self.evaluations,
            starts: std::mem::take(&mut self.starts),
            replicates: std::mem::take(&mut self.replicates),
            remarks,
        })
    }
}

impl Job for LawFit {
    type Out = FitResult;

    fn step(&mut self) -> Result<Step<FitResult>> {
        if let Some(fit) = &mut self.annealing {
            return fit.step();
        }
        let Some(mut fitting) = self.current.take().or_else(|| self.next()) else {
            return self.result().map(Step::Done);
        };
        let budget = match self.stage {
            Stage::Starts => BUDGET[0],
            Stage::Polish => BUDGET[1],
            Stage::Bootstrap => BUDGET[2],
        };
        if fitting.iterate(budget) {
            self.current = Some(fitting);
        } else {
            self.take(&fitting);
        }
        Ok(Step::Working)
    }

    fn progress(&self) -> f64 {
        if let Some(fit) = &self.annealing {
            return fit.progress();
        }
        let parts = (self.all_starts + 2 + self.wanted) as f64;
        let done = match self.stage {
            Stage::Starts => self.starts.len(),
            Stage::Polish => self.all_starts,
            Stage::Bootstrap => self.all_starts + 1 + self.replicates.len(),
        };
        // A second round of starts may have been needed.
        (done as f64 / parts).min(1.0)
    }
}

/// Starts spread over what is plausible for losses and rates like these, with the published drop scaled
/// by `share_of_drop`.
fn starts(targets: &[Target], peak: f64, share_of_drop: f64) -> Vec<MultiPower> {
    let (least, (middle_s1, middle)) = targets
        .iter()
        .fold((f64::INFINITY, (1.0, 1.0)), |(least, at), t| {
            (least.min(t.least_loss()), t.middle().unwrap_or(at))
        });
    let published = PUBLISHED[1].1;
    // Rates in units of the published runs' peak: the drop per relative change stays the same.
    let scale = MPL_PEAK / peak.max(1e-12);
    let mut out = Vec::new();
    for share in [0.75, 0.9, 0.97] {
        for alpha in [0.3, 0.6] {
            for (c, beta) in [(0.15, 0.6), (1.0, 0.25)] {
                let l0 = share * least;
                out.push(MultiPower {
                    l0,
                    a: ((middle - l0) * num::pow(middle_s1, alpha)).max(1e-6),
                    alpha,
                    b: published.b * scale * share_of_drop,
                    c: c * published.c * num::pow(1.0 / scale, published.gamma - 1.0),
                    beta,
                    gamma: published.gamma,
                });
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::laws::{Annealing, Prepared};
    use super::*;
    use crate::core::finish;

    /// Two runs of a known law, one of them with a cooldown.
    fn runs(law: MultiPower, cooled: bool) -> Vec<Measured> {
        let mut out = Vec::new();
        for (name, start) in [("flat", 4000), ("cooled", 1500)] {
            if name == "cooled" && !cooled {
                continue;
            }
            let rates: Vec<f64> = (0..3000)
                .map(|i| {
                    let up = (f64::from(i) / 200.0).min(1.0);
                    let down = if i < start {
                        1.0
                    } else {
                        1.0 - 0.9 * f64::from(i - start) / f64::from(3000 - start)
                    };
                    3e-4 * up * down
                })
                .collect();
            let steps: Vec<usize> = (250..3000).step_by(25).collect();
            let prepared = Prepared::new(law, &rates, 1);
            let losses = steps.iter().map(|s| prepared.at(*s).loss()).collect();
            out.push(Measured {
                name: name.to_owned(),
                rates,
                steps,
                losses,
            });
        }
        out
    }

    #[test]
    fn a_known_law_is_found_again_and_predicts_a_schedule_it_has_not_seen() {
        let truth = PUBLISHED[1].1;
        let mut job = LawFit::new(&runs(truth, true), LawKind::MultiPower, 0, 1).unwrap();
        let fit = finish(&mut job).unwrap();
        let rates: Vec<f64> = (0..4000)
            .map(|i| 3e-4 * (1.0 - f64::from(i) / 4200.0))
            .collect();
        let want = Prepared::new(truth, &rates, 1).at(3999).loss();
        let got = fit.law.predict(&rates, &[3999], 1)[0];
        assert!((got - want).abs() < 0.01, "{got} against {want}: {fit:?}");
    }

    #[test]
    fn without_a_cooldown_the_drop_is_held_and_the_result_says_so() {
        let truth = PUBLISHED[1].1;
        let mut job = LawFit::new(&runs(truth, false), LawKind::MultiPower, 2, 1).unwrap();
        let fit = finish(&mut job).unwrap();
        let Law::MultiPower(law) = fit.law else {
            panic!("another law");
        };
        assert_eq!(law.gamma, truth.gamma);
        assert!(fit.remarks[0].contains("published"), "{:?}", fit.remarks);
        assert_eq!(fit.replicates.len(), 2);
    }

    #[test]
    fn the_annealing_law_is_fitted_with_its_best_momentum() {
        let truth = Annealing {
            l0: 2.6,
            a: 0.45,
            alpha: 0.5,
            c: 0.4,
            lambda: 0.995,
        };
        let mut data = runs(PUBLISHED[1].1, true);
        for run in &mut data {
            run.losses = Law::Annealing(truth).predict(&run.rates, &run.steps, 1);
        }
        let fit = finish(&mut LawFit::new(&data, LawKind::Annealing, 0, 1).unwrap()).unwrap();
        let Law::Annealing(law) = fit.law else {
            panic!("another law");
        };
        assert_eq!(law.lambda, 0.995);
        assert!((law.l0 - 2.6).abs() < 0.01, "{law:?}");
    }
}
