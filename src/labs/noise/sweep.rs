//! Quality against the number of denoiser calls: the same setup from few to many calls over
//! several seeds, with the 95 % interval of the mean at each.

use super::config::Config;
use super::model::Start;
use super::run::Headline;
use super::solver::{SolverKind, calls_needed};
use crate::core::{Axis, Chart, Job as _, Result, Series, Step, stats};

/// Calls at which the setup is tried.
const CALLS: [usize; 8] = [4, 6, 8, 12, 18, 28, 40, 60];
/// Particles of every run.
const PARTICLES: u64 = 400;

/// The runs under way.
pub(super) struct Sweep {
    plan: Vec<Config>,
    seeds: usize,
    work: Option<Start>,
    results: Vec<Headline>,
}

impl Sweep {
    /// Prepares the runs; `None` if the config asks for no curve.
    pub(super) fn new(config: &Config) -> Option<Self> {
        let seeds = config.nfe_seeds as usize;
        let plan: Vec<Config> = CALLS
            .iter()
            .flat_map(|calls| (0..seeds as u64).map(move |k| (*calls, k)))
            .map(|(calls, k)| Config {
                steps: steps_for(config.solver, calls) as u64,
                seed: config.seed.wrapping_add(k),
                particles: config.particles.min(PARTICLES),
                nfe_seeds: 0,
                ..config.clone()
            })
            .filter(|c| c.check().is_ok())
            .collect();
        (!plan.is_empty()).then_some(Self {
            plan,
            seeds,
            work: None,
            results: Vec::new(),
        })
    }

    /// Share of the runs done.
    pub(super) fn progress(&self) -> f64 {
        self.results.len() as f64 / self.plan.len().max(1) as f64
    }

    /// A slice; the chart when all runs are done.
    pub(super) fn step(&mut self) -> Result<Option<Chart>> {
        let Some(config) = self.plan.get(self.results.len()) else {
            return Ok(Some(self.chart()));
        };
        let work = match &mut self.work {
            Some(work) => work,
            None => self.work.insert(Start::new(config, false)?),
        };
        if let Step::Done(run) = work.step()? {
            self.results.push(*run.headline());
            self.work = None;
        }
        Ok(None)
    }

    fn chart(&self) -> Chart {
        let by_calls: Vec<&[Headline]> = self.results.chunks(self.seeds.max(1)).collect();
        let mut series = Vec::new();
        let mut add = |name: &str, value: fn(&Headline) -> f64| {
            let rows: Vec<(f64, f64, [f64; 2])> = by_calls
                .iter()
                .map(|runs| {
                    let values: Vec<f64> = runs.iter().map(value).collect();
                    let (mean, interval) = stats::mean_interval(&values);
                    (runs[0].calls as f64, mean, interval)
                })
                .filter(|r| r.1.is_finite())
                .collect();
            if rows.is_empty() {
                return;
            }
            if self.seeds > 1 {
                // On a logarithmic axis an interval that reaches zero ends at a tenth of the mean.
                let low: Vec<[f64; 2]> =
                    rows.iter().map(|r| [r.0, r.2[0].max(0.1 * r.1)]).collect();
                let high: Vec<f64> = rows.iter().map(|r| r.2[1]).collect();
                series.push(Series::band(format!("{name}, 95 %"), low, high));
            }
            let line: Vec<[f64; 2]> = rows.iter().map(|r| [r.0, r.1]).collect();
            series.push(Series::line(name, line));
        };
        add("distance to the truth", |h| h.sliced);
        add("error to the exact flow", |h| h.paired);
        let floors: Vec<f64> = self.results.iter().map(|h| h.floor).collect();
        let floor = stats::mean(&floors);
        let ends = [by_calls.first(), by_calls.last()]
            .into_iter()
            .flatten()
            .map(|runs| [runs[0].calls as f64, floor])
            .collect::<Vec<_>>();
        series.push(Series::line("a fresh draw of the truth", ends).as_reference());
        Chart {
            id: "nfe",
            title: "Quality against calls",
            doc: "The same setup with 4 to 60 denoiser calls, mean and 95 % interval over seeds, 400 particles each. Differences inside the intervals or below a fresh draw of the truth are ties.",
            x: Axis::log("denoiser calls (NFE)", ""),
            y: Axis::log("distance", "data units"),
            series,
            marks: Vec::new(),
            on_timeline: false,
        }
    }
}

/// Steps with at most this many calls.
fn steps_for(solver: SolverKind, calls: usize) -> usize {
    (1..=calls)
        .rev()
        .find(|steps| calls_needed(solver, *steps) <= calls)
        .unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_call_solvers_get_half_the_steps() {
        assert_eq!(steps_for(SolverKind::Euler, 12), 12);
        assert_eq!(steps_for(SolverKind::Heun, 12), 6);
        assert_eq!(steps_for(SolverKind::Heun, 19), 10);
    }

    #[test]
    fn more_calls_bring_the_curve_down() {
        let config = Config {
            nfe_seeds: 2,
            particles: 100,
            ..Config::default()
        };
        let mut sweep = Sweep::new(&config).unwrap();
        let chart = loop {
            if let Some(chart) = sweep.step().unwrap() {
                break chart;
            }
        };
        let error = chart
            .series
            .iter()
            .find(|s| s.name == "error to the exact flow")
            .unwrap();
        assert_eq!(error.points.len(), CALLS.len());
        assert!(
            error.points[0][1] > 5.0 * error.points[7][1],
            "{:?}",
            error.points
        );
    }

    #[test]
    fn no_seeds_no_curve() {
        assert!(Sweep::new(&Config::default()).is_none());
    }
}
