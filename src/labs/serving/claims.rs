//! Experiments that compare two setups on the same requests over several seeds.

use super::config::Config;
use super::model::Run;
use super::work::Work;
use crate::core::stats::{mean_interval, percentile};
use crate::core::{ClaimResult, Job, Result, Step, Verdict};
use crate::labs::{Effort, Library};

/// What is measured of each of the two sides; the experiment reports side A over side B.
#[derive(Debug, Clone, Copy)]
pub(super) enum Probe {
    /// A figure of one run.
    Figure(fn(&Run) -> f64),
    /// The largest arrival rate at which the run is still acceptable, found by bisection between
    /// two rates with the same random numbers at every rate.
    Capacity {
        /// Whether a run is acceptable.
        accept: fn(&Run) -> bool,
        /// Lowest and highest rate tried.
        rates: [f64; 2],
        /// Halvings.
        steps: u32,
    },
}

/// An experiment.
#[derive(Debug, Clone)]
pub(super) struct Design {
    /// What is measured, in words.
    pub quantity: &'static str,
    /// The two setups; the seed is put in.
    pub sides: [Config; 2],
    /// What is measured.
    pub probe: Probe,
    /// The paper's ratio.
    pub claimed: f64,
    /// Where that ratio stands: "in the paper".
    pub claimed_where: &'static str,
    /// From this ratio on, size and direction hold.
    pub enough: f64,
    /// Where it holds and what differs from the paper.
    pub conditions: &'static str,
}

/// The running experiment.
struct Experiment {
    design: Design,
    seeds: Vec<u64>,
    ratios: Vec<f64>,
    values: Vec<f64>,
    bounds: [f64; 2],
    left: u32,
    work: Option<Work>,
}

/// Starts an experiment with as many seeds as the effort allows.
pub(super) fn start(design: Design, effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let seeds = match effort {
        Effort::Quick => 5,
        Effort::Full => 20,
    };
    Box::new(Experiment {
        design,
        seeds: (1..=seeds).collect(),
        ratios: Vec::new(),
        values: Vec::new(),
        bounds: [0.0; 2],
        left: 0,
        work: None,
    })
}

impl Experiment {
    /// The next run of the current side.
    fn next_work(&mut self) -> Result<Work> {
        let mut config = self.design.sides[self.values.len().min(1)].clone();
        config.seed = self.seeds.get(self.ratios.len()).copied().unwrap_or(1);
        if let Probe::Capacity { rates, steps, .. } = self.design.probe {
            if self.left == 0 {
                self.bounds = rates;
                self.left = steps;
            }
            config.rate = f64::midpoint(self.bounds[0], self.bounds[1]);
        }
        config.check()?;
        Work::new(&config, &Library::default())
    }

    /// Takes the result of a run; pushes the value of the side when it is known.
    fn absorb(&mut self, run: &Run) {
        match self.design.probe {
            Probe::Figure(figure) => self.values.push(figure(run)),
            Probe::Capacity { accept, .. } => {
                let middle = f64::midpoint(self.bounds[0], self.bounds[1]);
                self.bounds[usize::from(!accept(run))] = middle;
                self.left -= 1;
                if self.left == 0 {
                    self.values.push(self.bounds[0]);
                }
            }
        }
        if let [a, b] = self.values[..] {
            self.ratios.push(a / b);
            self.values.clear();
        }
    }

    fn result(&self) -> ClaimResult {
        let (measured, interval) = mean_interval(&self.ratios);
        let verdict = if interval[0] >= self.design.enough {
            Verdict::Reproduced
        } else if interval[0] > 1.0 {
            Verdict::Partly
        } else {
            Verdict::NotReproduced
        };
        let found = match verdict {
            Verdict::Reproduced => "The interval lies in the range of the claim",
            Verdict::Partly => "The direction holds, the size does not",
            _ => "The interval contains no advantage",
        };
        ClaimResult {
            quantity: self.design.quantity.to_owned(),
            unit: "×".to_owned(),
            measured,
            interval,
            seeds: self.seeds.clone(),
            verdict,
            why: told(
                found,
                measured,
                interval,
                self.seeds.len(),
                &format!("{} × {}", self.design.claimed, self.design.claimed_where),
                self.design.conditions,
            ),
        }
    }
}

/// A measured ratio beside the paper's, and the conditions.
pub(super) fn told(
    found: &str,
    measured: f64,
    [low, high]: [f64; 2],
    seeds: usize,
    claimed: &str,
    conditions: &str,
) -> String {
    format!(
        "{found}: {measured:.2} × here ({low:.2} to {high:.2} over {seeds} seeds), {claimed}. {conditions}"
    )
}

impl Job for Experiment {
    type Out = ClaimResult;

    fn step(&mut self) -> Result<Step<ClaimResult>> {
        let mut work = match self.work.take() {
            Some(work) => work,
            None => self.next_work()?,
        };
        match work.step()? {
            Step::Working => self.work = Some(work),
            Step::Done(run) => {
                self.absorb(&run);
                if self.ratios.len() == self.seeds.len() {
                    return Ok(Step::Done(self.result()));
                }
            }
        }
        Ok(Step::Working)
    }

    fn progress(&self) -> f64 {
        let of_side = match self.design.probe {
            Probe::Capacity { steps, .. } if self.left > 0 => {
                1.0 - f64::from(self.left) / f64::from(steps)
            }
            _ => 0.0,
        };
        let sides = self.values.len() as f64 + of_side;
        (self.ratios.len() as f64 + sides / 2.0) / self.seeds.len() as f64
    }
}

/// Output tokens per second.
pub(super) fn tokens_per_second(run: &Run) -> f64 {
    run.log().gaps.tokens_out() as f64 / run.results().end
}

/// Mean over requests of the end-to-end time per output token.
pub(super) fn mean_latency_per_token(run: &Run) -> f64 {
    let each: Vec<f64> = run
        .results()
        .e2e
        .iter()
        .zip(&run.workload().decode)
        .filter(|(e2e, _)| e2e.is_finite())
        .map(|(e2e, d)| e2e / f64::from(*d))
        .collect();
    crate::core::stats::mean(&each)
}

/// Sarathi's capacity rule: P99 of the time between tokens within 100 ms, median queueing within 2 s.
pub(super) fn strict_tbt(run: &Run) -> bool {
    run.results().ordered.gaps.percentile(99.0) <= 0.1
        && percentile(&run.results().queueing, 50.0) <= 2.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::finish;
    use crate::labs::serving::EXHIBITS;

    #[test]
    fn every_quick_experiment_ends_with_a_finite_interval_and_a_verdict_from_it() {
        for exhibit in EXHIBITS {
            let Some(claim) = exhibit.claim else { continue };
            let result = finish(&mut *(claim.start)(Effort::Quick)).unwrap();
            println!("{}: {result:?}", exhibit.id);
            let [low, high] = result.interval;
            assert!(
                low <= result.measured && result.measured <= high,
                "{result:?}"
            );
            assert!(high.is_finite() && result.seeds.len() >= 5, "{result:?}");
            assert_eq!(
                result.verdict == Verdict::NotReproduced,
                low <= 1.0,
                "{result:?}"
            );
        }
    }
}
