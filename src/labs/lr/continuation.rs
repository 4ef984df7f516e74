//! Continuing a run of one's own: a law is fitted to the imported log, then every schedule is
//! tried on what is left of the budget, with the spread of bootstrap refits.

use super::config::{Card, Config, Problem};
use super::fit::MERGED;
use super::law::Law;
use super::law_fit::{FitResult, LawFit, Measured};
use super::law_optimum::{Objective, Search};
use super::laws::MultiPower;
use super::log::LossLog;
use super::loss_pairs::Pairing;
use super::model::{Cell, Curve, Run};
use super::plan::{Branch, SHAPES, SHARES, Stable};
use super::schedule::{Cooldown, Factors, Schedule, Shape};
use super::work::{cells_of, stride};
use crate::core::Arrange as _;
use crate::core::{Error, Job, Result, Step};
use std::sync::Arc;

/// Bootstrap refits behind every band.
const REPLICATES: usize = 8;
/// Iterations of the search for the best schedule.
const ITERATIONS: usize = 300;
/// Shares of the remaining budget after which the planner branches off finished models.
const BUDGETS: [f64; 5] = [0.2, 0.4, 0.6, 0.8, 1.0];

/// What a run knows about the log it continues.
#[derive(Debug, Clone)]
pub struct LogFacts {
    /// The fit.
    pub fit: Arc<FitResult>,
    /// (step, loss) of the continued run.
    pub measured: Vec<[f64; 2]>,
    /// Last logged step.
    pub now: usize,
    /// Lowest and highest rate the law was fitted on.
    pub rates: [f64; 2],
    /// Largest difference at equal steps of two runs with the same rates until then.
    pub noise_floor: Option<f64>,
    /// Mean absolute error on every logged run, by name.
    pub errors: Vec<(String, f64)>,
    /// Measured minus predicted on the continued run.
    pub residuals: Vec<[f64; 2]>,
    /// Predicted final losses by cooldown shape: (first update of the cooldown, loss).
    pub plan: Vec<(&'static str, Vec<[f64; 2]>)>,
    /// The best branch of the stable run for every budget.
    pub branches: Vec<Branch>,
}

/// Losses of two logged runs at their common steps.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Facing {
    pub(super) names: [String; 2],
    pub(super) points: Vec<[f64; 2]>,
}

/// Fits where the log has none yet, then predicts.
pub(super) struct Continuation {
    config: Config,
    log: Arc<LossLog>,
    runs: Vec<Measured>,
    fitting: Option<LawFit>,
    search: Option<(Search, usize)>,
    cells: Vec<Cell>,
    next: usize,
    plan: Vec<(&'static str, Vec<[f64; 2]>)>,
    branches: Vec<Branch>,
}

impl Continuation {
    pub(super) fn new(config: &Config, log: &Arc<LossLog>) -> Result<Self> {
        config.check()?;
        let fallback = fallback(config);
        let runs = log
            .runs
            .iter()
            .map(|r| Measured::new(r, Some(&fallback)))
            .collect::<Result<Vec<_>>>()?;
        let chosen = runs.get(config.run as usize).ok_or_else(|| {
            Error::out_of_range("run", config.run, format!("0 to {}", runs.len() - 1))
        })?;
        let last = chosen.steps.last().copied().unwrap_or(0);
        if config.horizon as usize <= last + 1 {
            return Err(Error::out_of_range(
                "horizon",
                config.horizon,
                format!("more than the {} updates already in the log", last + 1),
            ));
        }
        let kind = config.law.kind();
        let fitting = match log.fit.get(kind) {
            Some(_) => None,
            None => Some(LawFit::new(&runs, kind, REPLICATES, config.seed)?),
        };
        Ok(Self {
            config: config.clone(),
            log: log.clone(),
            runs,
            fitting,
            search: None,
            cells: Vec::new(),
            next: 0,
            plan: Vec::new(),
            branches: Vec::new(),
        })
    }

    fn past(&self) -> &[f64] {
        let run = &self.runs[self.config.run as usize];
        let now = run.steps.last().copied().unwrap_or(0);
        &run.rates[..(now + 1).min(run.rates.len())]
    }

    /// The fit, once it is made.
    fn fit(&self) -> Result<Arc<FitResult>> {
        let found = self.log.fit.get(self.config.law.kind()).cloned();
        found.ok_or_else(|| Error::malformed("fit", "is not there yet"))
    }

    /// The multi-power law fitted, for the search (which is refused under the annealing law).
    fn multi_power(&self) -> Result<MultiPower> {
        match self.fit()?.law {
            Law::MultiPower(law) => Ok(law),
            Law::Annealing(_) => Err(Error::malformed("law", "is not the multi-power law")),
        }
    }

    /// Lowest and highest rate at a logged row.
    fn range(&self) -> [f64; 2] {
        let rates = self
            .runs
            .iter()
            .flat_map(|r| r.steps.iter().filter_map(|s| r.rates.get(*s).copied()))
            .filter(|r| *r > 0.0);
        rates.fold([f64::INFINITY, 0.0], |[l, h], r| [l.min(r), h.max(r)])
    }

    /// The past, then a schedule of the rest.
    fn joined(&self, rest: &Schedule, future: &[f64]) -> Schedule {
        let past = self.past();
        let values = past
            .iter()
            .chain(future)
            .map(|r| r / rest.peak)
            .collect::<Vec<f64>>();
        Schedule {
            updates: values.len(),
            warmup: past.len(),
            factors: Some(Factors {
                values: values.into(),
                rule: "the logged rates, then the schedule".into(),
            }),
            ..rest.clone()
        }
    }

    /// Builds the cells once the law is known.
    fn begin(&mut self) -> Result<()> {
        let rest = Config {
            problem: Problem::Law,
            horizon: self.config.horizon - self.past().len() as u64,
            warmup: 0.0,
            ..self.config.clone()
        };
        let mut cells = cells_of(&rest);
        let optimum = match &self.search {
            Some((search, _)) => Some(search.rates(rest.horizon as usize)),
            None => None,
        };
        for cell in &mut cells {
            let own = cell.schedule.clone();
            let future = match (&optimum, own.shape) {
                (Some(rates), Shape::LawOptimal) => {
                    let scale = own.peak / self.config.peak;
                    rates.iter().map(|r| r * scale).collect()
                }
                _ => own.rates()?,
            };
            cell.schedule = self.joined(&own, &future);
        }
        self.cells = cells;
        Ok(())
    }

    /// Predicts the next cell.
    fn predict(&mut self) -> Result<()> {
        let fit = self.fit()?;
        let updates = self.config.horizon as usize;
        let every = stride(self.config.horizon) as usize;
        let cell = &mut self.cells[self.next];
        let rates: Vec<f64> = (0..updates).map(|i| cell.schedule.rate(i)).collect();
        let mut steps: Vec<usize> = (every - 1..updates).step_by(every).collect();
        if steps.last() != Some(&(updates - 1)) {
            steps.push(updates - 1);
        }
        let replicates: &[Law] = if cell.offset == 0 {
            &fit.replicates
        } else {
            &[]
        };
        for (k, law) in std::iter::once(&fit.law).chain(replicates).enumerate() {
            let loss = law.predict(&rates, &steps, MERGED);
            let points: Vec<[f64; 2]> = steps
                .iter()
                .zip(&loss)
                .filter(|(_, l)| l.is_finite())
                .map(|(s, l)| [(s + 1) as f64, *l])
                .collect();
            cell.curves.push(Curve {
                seed: k as u64,
                final_loss: loss.last().copied().unwrap_or(f64::NAN),
                accuracy: f64::NAN,
                loss: points,
                ..Curve::default()
            });
        }
        self.next += 1;
        Ok(())
    }

    /// Plans one more cooldown shape: where to start it, and what each start ends at.
    fn plan_shape(&mut self, shape: Cooldown) -> Result<()> {
        let (law, past) = (self.fit()?.law, self.past().to_vec());
        let updates = self.config.horizon as usize - past.len();
        let mut points = Vec::new();
        for share in SHARES {
            let rest = Config {
                problem: Problem::Law,
                shape: Shape::Wsd,
                dialect: super::dialects::Dialect::Lab,
                horizon: updates as u64,
                warmup: 0.0,
                cooldown: share,
                cooldown_shape: shape,
                ..self.config.clone()
            }
            .chosen();
            let start = rest.decay_start();
            let mut rates = past.clone();
            rates.extend(rest.rates()?);
            let end = rates.len() - 1;
            let loss = law.predict(&rates, &[end], MERGED)[0];
            points.push([(past.len() + start) as f64, loss]);
        }
        points.arrange_by(|a, b| a[0].total_cmp(&b[0]));
        self.plan.push((shape.name(), points));
        Ok(())
    }

    /// The continued run and the one that shares most steps with it; `None` when it is alone. Equal
    /// losses are the same run, logged twice.
    fn facing(&self) -> Option<Facing> {
        let own = self.runs.get(self.config.run as usize)?;
        let others = self.runs.iter().filter(|r| r.name != own.name);
        let pairs = others.map(|other| {
            let points: Vec<[f64; 2]> = (own.steps.iter().zip(&own.losses))
                .filter_map(|(s, x)| {
                    let at = other.steps.binary_search(s).ok()?;
                    Some([*x, *other.losses.get(at)?]).filter(|p| p[0] != p[1])
                })
                .collect();
            (other, points)
        });
        let (other, points) = pairs.max_by_key(|(_, points)| points.len())?;
        Some(Facing {
            names: [own.name.clone(), other.name.clone()],
            points,
        })
    }

    fn facts(&self) -> Result<LogFacts> {
        let fit = self.fit()?;
        let run = &self.runs[self.config.run as usize];
        let predicted = fit.law.predict(&run.rates, &run.steps, MERGED);
        let points = |f: &dyn Fn(usize) -> f64| {
            (0..run.steps.len())
                .map(|i| [run.steps[i] as f64, f(i)])
                .filter(|p| p[1].is_finite())
                .collect::<Vec<[f64; 2]>>()
        };
        Ok(LogFacts {
            measured: points(&|i| run.losses[i]),
            residuals: points(&|i| run.losses[i] - predicted[i]),
            now: self.past().len() - 1,
            rates: self.range(),
            noise_floor: noise_floor(&self.runs),
            errors: self
                .runs
                .iter()
                .map(|r| (r.name.clone(), r.errors(&fit.law).mae))
                .collect(),
            plan: self.plan.clone(),
            branches: self.branches.clone(),
            fit,
        })
    }
}

/// Largest difference of the losses that two runs logged at the same step after the same rates.
/// Runs that share their data (equal losses at every common step) are one run.
fn noise_floor(runs: &[Measured]) -> Option<f64> {
    let mut floor: Option<f64> = None;
    for (k, a) in runs.iter().enumerate() {
        for b in &runs[k + 1..] {
            let parted = (a.rates.iter().zip(&b.rates))
                .position(|(x, y)| (x - y).abs() > 1e-9 * x.abs().max(y.abs()))
                .unwrap_or(a.rates.len().min(b.rates.len()));
            let largest = a
                .steps
                .iter()
                .zip(&a.losses)
                .take_while(|(s, _)| **s < parted)
                .filter_map(|(s, x)| {
                    let at = b.steps.binary_search(s).ok()?;
                    Some((x - b.losses[at]).abs())
                })
                .fold(0.0, f64::max);
            if largest > 0.0 {
                floor = Some(floor.map_or(largest, |f: f64| f.max(largest)));
            }
        }
    }
    floor
}

/// Rates assumed for runs that logged none: a linear warmup, then the set peak.
fn fallback(config: &Config) -> Vec<f64> {
    let n = config.horizon as usize;
    let warmup = ((config.warmup * n as f64).round() as usize).max(1);
    (0..n)
        .map(|i| config.peak * ((i + 1) as f64 / warmup as f64).min(1.0))
        .collect()
}

impl Job for Continuation {
    type Out = Run;

    fn step(&mut self) -> Result<Step<Run>> {
        if let Some(fitting) = &mut self.fitting {
            if let Step::Done(fit) = fitting.step()? {
                self.log.fit.set(fit);
                self.fitting = None;
            }
            return Ok(Step::Working);
        }
        if self.cells.is_empty() {
            if self.config.shape == Shape::LawOptimal {
                if self.search.is_none() {
                    let floor = (self.config.floor * self.config.peak)
                        .max(self.range()[0])
                        .min(self.config.peak);
                    let updates = self.config.horizon as usize - self.past().len();
                    let objective = Objective::new(
                        self.multi_power()?,
                        self.past(),
                        updates,
                        self.config.peak,
                        floor,
                    );
                    self.search = Some((Search::new(objective), 0));
                }
                if let Some((search, done)) = &mut self.search {
                    *done += 1;
                    if search.iterate() && *done < ITERATIONS {
                        return Ok(Step::Working);
                    }
                }
            }
            self.begin()?;
            return Ok(Step::Working);
        }
        if self.next < self.cells.len() {
            self.predict()?;
            return Ok(Step::Working);
        }
        if let Some(shape) = SHAPES.get(self.plan.len()) {
            self.plan_shape(*shape)?;
            return Ok(Step::Working);
        }
        if let Some(share) = BUDGETS.get(self.branches.len()) {
            let left = self.config.horizon as usize - self.past().len();
            let budget = ((share * left as f64).round() as usize).max(1);
            let stable = Stable {
                past: self.past(),
                rate: self.config.peak,
                floor: self.config.floor,
            };
            let branch = stable.branch(&self.fit()?.law, budget)?;
            self.branches.push(branch);
            return Ok(Step::Working);
        }
        let cells = std::mem::take(&mut self.cells);
        let facts = self.facts()?;
        let pairing = if self.config.card == Card::LossToLoss {
            self.facing().as_ref().and_then(Pairing::logged)
        } else {
            None
        };
        let run = Run::of_log(self.config.clone(), cells, facts);
        Ok(Step::Done(run.paired(pairing)))
    }

    fn progress(&self) -> f64 {
        if let Some(fitting) = &self.fitting {
            return 0.9 * fitting.progress();
        }
        let cells = self.cells.len().max(1) as f64;
        0.9 + 0.1 * (self.next as f64 / cells).min(1.0)
    }
}
