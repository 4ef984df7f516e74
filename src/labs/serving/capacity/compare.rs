//! Capacities of several setups over seeds, and the curves that lead to them.

use super::{Found, Load, Question, Search, curve_loads};
use crate::core::{Error, Job, Result, Step, stats};
use crate::labs::serving::config::Config;
use crate::labs::serving::{Run, Serving};
use crate::labs::{LabRun as _, Library};

/// Capacity of one setup over seeds.
#[derive(Debug, Clone, PartialEq)]
pub struct Capacity {
    /// Per seed.
    pub found: Vec<Found>,
    /// Mean over the seeds.
    pub mean: f64,
    /// 95 % interval of the mean.
    pub interval: [f64; 2],
}

impl Capacity {
    /// Sums up the searches of all seeds.
    pub fn of(found: Vec<Found>) -> Self {
        let loads: Vec<f64> = found.iter().map(|f| f.load).collect();
        let (mean, interval) = stats::mean_interval(&loads);
        Self {
            found,
            mean,
            interval,
        }
    }
}

/// Capacities of several setups and the way up to them.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// Per setup.
    pub capacities: Vec<Capacity>,
    /// Loads of the curves.
    pub loads: Vec<f64>,
    /// `[setup][load]`: mean goodput in requests per second, its smallest and largest value.
    pub goodput: Vec<Vec<[f64; 3]>>,
    /// `[setup][load]`: mean share of requests that meet their targets, in per cent.
    pub attainment: Vec<Vec<f64>>,
}

/// The search for several setups over seeds, and the curves after it.
pub struct Comparison {
    configs: Vec<Config>,
    seeds: u64,
    points: usize,
    data: Library,
    question: Question,
    found: Vec<Found>,
    search: Option<Search>,
    loads: Vec<f64>,
    figures: Vec<[f64; 2]>,
    job: Option<Box<dyn Job<Out = Run>>>,
}

impl Comparison {
    /// Starts a search over the seeds from each config's own, with curves of `points` loads.
    ///
    /// # Errors
    /// A config that cannot run or has no load, setups whose loads differ in kind.
    pub fn new(
        configs: Vec<Config>,
        seeds: u64,
        points: usize,
        data: &Library,
        question: &Question,
    ) -> Result<Self> {
        let kinds = configs
            .iter()
            .map(Load::of)
            .collect::<Result<Vec<Load>>>()?;
        if kinds.windows(2).any(|w| w[0] != w[1]) {
            return Err(Error::out_of_range(
                "arrivals",
                "of several kinds",
                "setups whose load is the same parameter",
            ));
        }
        for config in &configs {
            Search::new(config, data, question)?;
        }
        Ok(Self {
            configs,
            seeds: seeds.max(1),
            points,
            data: data.clone(),
            question: question.clone(),
            found: Vec::new(),
            search: None,
            loads: Vec::new(),
            figures: Vec::new(),
            job: None,
        })
    }

    fn searches(&self) -> usize {
        self.configs.len() * self.seeds as usize
    }

    fn runs(&self) -> usize {
        self.searches() * self.loads.len()
    }

    fn seeded(&self, setup: usize, seed: usize) -> Config {
        let config = &self.configs[setup];
        Config {
            seed: config.seed.wrapping_add(seed as u64),
            ..config.clone()
        }
    }

    fn search_step(&mut self) -> Result<()> {
        let (setup, seed) = (
            self.found.len() / self.seeds as usize,
            self.found.len() % self.seeds as usize,
        );
        let search = if let Some(search) = &mut self.search {
            search
        } else {
            let config = self.seeded(setup, seed);
            self.search
                .insert(Search::new(&config, &self.data, &self.question)?)
        };
        if let Step::Done(found) = search.step()? {
            self.search = None;
            self.found.push(found);
        }
        if self.found.len() == self.searches() {
            let loads = self.found.iter().map(|f| f.load);
            let best = loads.fold(0.0, f64::max);
            if let (true, Some(config)) = (best > 0.0, self.configs.first()) {
                self.loads = curve_loads(best, Load::of(config)?, self.points);
            }
        }
        Ok(())
    }

    fn curve_step(&mut self) -> Result<()> {
        let done = self.figures.len();
        let job = if let Some(job) = &mut self.job {
            job
        } else {
            let seeds = self.seeds as usize;
            let (setup, rest) = (
                done / (self.loads.len() * seeds),
                done % (self.loads.len() * seeds),
            );
            let config = self.seeded(setup, rest % seeds);
            let config = Load::of(&config)?.put(&config, self.loads[rest / seeds]);
            self.job.insert(Serving::simulate(&config, &self.data)?)
        };
        if let Step::Done(run) = job.step()? {
            self.job = None;
            let metrics = run.metrics();
            let value = |id: &str| {
                let metric = metrics.iter().find(|m| m.id == id);
                metric.map_or(f64::NAN, |m| m.value)
            };
            self.figures.push([
                value("goodput_requests_per_sec"),
                value("slo_attainment_percent"),
            ]);
        }
        Ok(())
    }

    fn compared(&mut self) -> Compared {
        let seeds = self.seeds as usize;
        let mut found = std::mem::take(&mut self.found).into_iter();
        let capacities = self
            .configs
            .iter()
            .map(|_| Capacity::of(found.by_ref().take(seeds).collect()))
            .collect();
        let mut goodput = Vec::new();
        let mut attainment = Vec::new();
        let of_setup = self.loads.len() * seeds;
        for part in self.figures.chunks(of_setup.max(1)) {
            let column =
                |cell: &[[f64; 2]], i: usize| -> Vec<f64> { cell.iter().map(|f| f[i]).collect() };
            goodput.push(
                part.chunks(seeds)
                    .map(|cell| {
                        let values = column(cell, 0);
                        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
                        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                        [stats::mean(&values), low, high]
                    })
                    .collect(),
            );
            attainment.push(
                part.chunks(seeds)
                    .map(|cell| stats::mean(&column(cell, 1)))
                    .collect(),
            );
        }
        Compared {
            capacities,
            loads: std::mem::take(&mut self.loads),
            goodput,
            attainment,
        }
    }
}

impl Job for Comparison {
    type Out = Compared;

    fn step(&mut self) -> Result<Step<Compared>> {
        if self.found.len() < self.searches() {
            self.search_step()?;
        } else if self.figures.len() < self.runs() {
            self.curve_step()?;
        }
        let over = self.found.len() == self.searches() && self.figures.len() == self.runs();
        Ok(if over {
            Step::Done(self.compared())
        } else {
            Step::Working
        })
    }

    fn progress(&self) -> f64 {
        // A search is as many runs as it has halvings, and about three to enclose.
        let search = f64::from(self.question.steps + 3);
        let whole = self.searches() as f64 * (search + self.points as f64);
        let inside = self.search.as_ref().map_or(0.0, Search::progress);
        let done = (self.found.len() as f64 + inside) * search + self.figures.len() as f64;
        (done / whole.max(1.0)).min(1.0)
    }
}
