//! Capacity: the highest load at which targets are still met, found by bisection with the same
//! random numbers at every load.
//!
//! With attainment ≥ 90 % it is the goodput of DistServe (Zhong et al., arXiv 2401.09670), with
//! P99 TBT and a median queueing delay of at most 2 s the capacity of Sarathi-Serve (Agrawal et
//! al., arXiv 2403.02310).

use super::config::{Arrivals, Config};
use super::{Run, Serving};
use crate::core::{Error, Job, Metric, Result, Step, num, stats};
use crate::labs::{Lab as _, LabRun as _, Library};

/// A bound on a headline number.
#[derive(Debug, Clone, PartialEq)]
pub struct Bound {
    /// Id of the metric.
    pub metric: String,
    /// Whether the value must not be larger (or else not smaller).
    pub at_most: bool,
    /// The limit.
    pub limit: f64,
}

impl Bound {
    /// At most `limit`.
    pub fn at_most(metric: &str, limit: f64) -> Self {
        Self {
            metric: metric.to_owned(),
            at_most: true,
            limit,
        }
    }

    /// At least `limit`.
    pub fn at_least(metric: &str, limit: f64) -> Self {
        Self {
            metric: metric.to_owned(),
            at_most: false,
            limit,
        }
    }

    /// Reads `ttft_p99_secs<=1` or `slo_attainment_percent>=90`.
    ///
    /// # Errors
    /// What was found and what is wanted.
    pub fn parse(text: &str) -> Result<Self> {
        let split = |sign: &str| {
            let (metric, limit) = text.split_once(sign)?;
            let limit = crate::core::parse_number(limit)?;
            Some((metric.trim(), limit))
        };
        let bound = split("<=")
            .map(|(metric, limit)| Self::at_most(metric, limit))
            .or_else(|| split(">=").map(|(metric, limit)| Self::at_least(metric, limit)));
        bound.ok_or_else(|| {
            Error::malformed(
                "target",
                format!("found {text:?}, want METRIC<=NUMBER or METRIC>=NUMBER"),
            )
        })
    }

    /// Whether the metrics keep the bound; a number that is missing or undefined does not.
    pub fn met(&self, metrics: &[Metric]) -> bool {
        let value = metrics.iter().find(|m| m.id == self.metric);
        value.is_some_and(|m| {
            if self.at_most {
                m.value <= self.limit
            } else {
                m.value >= self.limit
            }
        })
    }

    /// In words: `ttft_p99_secs ≤ 1`.
    pub fn words(&self) -> String {
        let sign = if self.at_most { '≤' } else { '≥' };
        format!("{} {sign} {}", self.metric, self.limit)
    }
}

/// What grows when the load grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// Arrivals per second.
    Rate,
    /// How much faster than recorded a trace arrives.
    RateScale,
    /// Clients of a closed loop.
    Clients,
}

impl Load {
    /// The load of a config.
    ///
    /// # Errors
    /// Where all requests arrive at once.
    pub fn of(config: &Config) -> Result<Self> {
        match config.arrivals {
            Arrivals::Trace => Ok(Self::RateScale),
            Arrivals::ClosedLoop => Ok(Self::Clients),
            Arrivals::Burst => Err(Error::out_of_range(
                "arrivals",
                "all at once",
                "arrivals with a rate: there is no load to search",
            )),
            _ => Ok(Self::Rate),
        }
    }

    /// Id of the parameter.
    pub fn field(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::RateScale => "rate_scale",
            Self::Clients => "clients",
        }
    }

    /// Its name with its unit.
    pub fn words(self) -> &'static str {
        match self {
            Self::Rate => "arrival rate, req/s",
            Self::RateScale => "rate of the trace, ×",
            Self::Clients => "clients",
        }
    }

    /// The load of a config as a number.
    pub fn get(self, config: &Config) -> f64 {
        match self {
            Self::Rate => config.rate,
            Self::RateScale => config.rate_scale,
            Self::Clients => config.clients as f64,
        }
    }

    /// The config under another load.
    pub fn put(self, config: &Config, load: f64) -> Config {
        let mut config = config.clone();
        match self {
            Self::Rate => config.rate = load,
            Self::RateScale => config.rate_scale = load,
            Self::Clients => config.clients = load.round().max(1.0) as u64,
        }
        config
    }

    /// Smallest and largest load allowed.
    pub fn range(self) -> [f64; 2] {
        Serving::params()
            .iter()
            .find(|p| p.id == self.field())
            .and_then(crate::core::Param::range)
            .map_or([0.01, 1000.0], |(range, _)| range)
    }
}

/// What to search for.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// All of them must be met.
    pub bounds: Vec<Bound>,
    /// Halvings after the capacity is enclosed between a load and its double.
    pub steps: u32,
}

impl Default for Question {
    /// DistServe's goodput, to 0.3 %.
    fn default() -> Self {
        Self {
            bounds: vec![Bound::at_least("slo_attainment_percent", 90.0)],
            steps: 8,
        }
    }
}

/// One load that was tried.
#[derive(Debug, Clone, PartialEq)]
pub struct Tried {
    /// The load.
    pub load: f64,
    /// Whether every bound was met.
    pub met: bool,
    /// All headline numbers.
    pub metrics: Vec<Metric>,
}

/// The result of one search.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Highest load found that meets every bound; 0 if none does.
    pub load: f64,
    /// Whether even the largest load allowed meets them.
    pub at_limit: bool,
    /// Headline numbers there; empty if no load meets the bounds.
    pub metrics: Vec<Metric>,
    /// All loads tried, ascending.
    pub tried: Vec<Tried>,
}

/// The search for the capacity of one setup with one seed.
pub struct Search {
    config: Config,
    data: Library,
    question: Question,
    load: Load,
    /// Highest load known to do, lowest known not to.
    does: Option<f64>,
    fails: Option<f64>,
    next: f64,
    left: u32,
    tried: Vec<Tried>,
    job: Option<Box<dyn Job<Out = Run>>>,
}

impl Search {
    /// Starts at the config's own load.
    ///
    /// # Errors
    /// A config that cannot run or has no load, or no bound.
    pub fn new(config: &Config, data: &Library, question: &Question) -> Result<Self> {
        config.check()?;
        let load = Load::of(config)?;
        if question.bounds.is_empty() {
            return Err(Error::out_of_range("targets", "none", "at least one"));
        }
        Ok(Self {
            config: config.clone(),
            data: data.clone(),
            question: question.clone(),
            load,
            does: None,
            fails: None,
            next: load.get(config),
            left: question.steps,
            tried: Vec::new(),
            job: None,
        })
    }

    /// Takes the numbers of a run and decides what to try next; `true` when the search is over.
    fn absorb(&mut self, metrics: Vec<Metric>) -> bool {
        let met = self.question.bounds.iter().all(|b| b.met(&metrics));
        let load = self.next;
        self.tried.push(Tried { load, met, metrics });
        if met {
            self.does = Some(load);
        } else {
            self.fails = Some(load);
        }
        let [least, most] = self.load.range();
        match (self.does, self.fails) {
            (Some(low), Some(high)) => {
                if self.left == 0 || (self.load == Load::Clients && high - low <= 1.0) {
                    return true;
                }
                self.left -= 1;
                self.next = (low * high).sqrt();
                if self.load == Load::Clients {
                    self.next = self.next.round().clamp(low + 1.0, high - 1.0);
                }
            }
            (Some(low), None) if low < most => self.next = (2.0 * low).min(most),
            (None, Some(high)) if high > least => self.next = (0.5 * high).max(least),
            _ => return true,
        }
        false
    }

    fn found(&mut self) -> Found {
        let mut tried = std::mem::take(&mut self.tried);
        tried.sort_by(|a, b| a.load.total_cmp(&b.load));
        let best = tried.iter().rev().find(|t| Some(t.load) == self.does);
        Found {
            load: best.map_or(0.0, |t| t.load),
            at_limit: self.does.is_some() && self.fails.is_none(),
            metrics: best.map_or_else(Vec::new, |t| t.metrics.clone()),
            tried,
        }
    }
}

impl Job for Search {
    type Out = Found;

    fn step(&mut self) -> Result<Step<Found>> {
        let job = if let Some(job) = &mut self.job {
            job
        } else {
            let config = self.load.put(&self.config, self.next);
            self.job.insert(Serving::start(&config, &self.data)?)
        };
        if let Step::Done(run) = job.step()? {
            self.job = None;
            if self.absorb(run.metrics()) {
                return Ok(Step::Done(self.found()));
            }
        }
        Ok(Step::Working)
    }

    fn progress(&self) -> f64 {
        // Enclosing takes about three runs.
        let whole = f64::from(self.question.steps + 3);
        let inside = self.job.as_ref().map_or(0.0, |job| job.progress());
        ((self.tried.len() as f64 + inside) / whole).min(0.99)
    }
}

/// Loads for a curve that shows the way up to the best capacity and beyond it.
pub fn curve_loads(best: f64, load: Load, count: usize) -> Vec<f64> {
    let [least, most] = load.range();
    let top = (1.4 * best).clamp(least, most);
    let mut loads = num::linspace((0.15 * top).max(least), top, count.max(2));
    if load == Load::Clients {
        for v in &mut loads {
            *v = v.round().max(1.0);
        }
        loads.dedup();
    }
    loads
}

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
            self.job.insert(Serving::start(&config, &self.data)?)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::finish;

    fn small() -> Config {
        Config {
            requests: 40,
            ..Config::default()
        }
    }

    #[test]
    fn the_capacity_meets_the_bounds_and_a_little_more_does_not() {
        let question = Question {
            bounds: vec![
                Bound::at_least("slo_attainment_percent", 90.0),
                Bound::at_most("ttft_p50_secs", 0.6),
            ],
            steps: 6,
        };
        let mut search = Search::new(&small(), &Library::default(), &question).unwrap();
        let found = finish(&mut search).unwrap();
        assert!(found.load > 0.05 && found.load < 50.0, "{found:?}");
        assert!(question.bounds.iter().all(|b| b.met(&found.metrics)));
        let above = found.tried.iter().find(|t| t.load > found.load).unwrap();
        assert!(!above.met, "the next load tried");
        // A factor of two halved six times on the logarithm.
        assert!(
            above.load / found.load < 1.02,
            "{} {}",
            above.load,
            found.load
        );
    }

    #[test]
    fn a_target_that_nothing_meets_has_no_capacity_and_one_that_all_meet_has_no_limit() {
        let ask = |bound| Question {
            bounds: vec![bound],
            steps: 2,
        };
        let run = |question: &Question| {
            let mut search = Search::new(&small(), &Library::default(), question).unwrap();
            finish(&mut search).unwrap()
        };
        let never = run(&ask(Bound::at_most("ttft_p50_secs", 1e-6)));
        assert_eq!((never.load, never.at_limit), (0.0, false));
        let always = run(&ask(Bound::at_least("ttft_p50_secs", 0.0)));
        assert_eq!((always.load, always.at_limit), (1000.0, true));
    }

    #[test]
    fn clients_are_whole() {
        let config = Config {
            arrivals: Arrivals::ClosedLoop,
            ..small()
        };
        let question = Question {
            bounds: vec![Bound::at_most("ttft_p50_secs", 0.5)],
            steps: 12,
        };
        let mut search = Search::new(&config, &Library::default(), &question).unwrap();
        let found = finish(&mut search).unwrap();
        assert_eq!(found.load.fract(), 0.0);
        let above = found.tried.iter().find(|t| t.load > found.load);
        assert!(
            above.is_none_or(|t| t.load == found.load + 1.0),
            "{found:?}"
        );
    }

    #[test]
    fn a_comparison_finds_what_each_search_finds_and_draws_the_way_there() {
        let configs = vec![
            small(),
            Config {
                scheduler: crate::labs::serving::Scheduler::Sarathi,
                ..small()
            },
        ];
        let question = Question {
            steps: 3,
            ..Question::default()
        };
        let data = Library::default();
        let mut all = Comparison::new(configs.clone(), 2, 4, &data, &question).unwrap();
        let compared = finish(&mut all).unwrap();
        for (config, capacity) in configs.iter().zip(&compared.capacities) {
            for (s, found) in capacity.found.iter().enumerate() {
                let own = Config {
                    seed: config.seed + s as u64,
                    ..config.clone()
                };
                let alone = finish(&mut Search::new(&own, &data, &question).unwrap()).unwrap();
                assert_eq!(alone, *found);
            }
        }
        assert_eq!((compared.loads.len(), compared.goodput.len()), (4, 2));
        for [mean, low, high] in compared.goodput.iter().flatten() {
            assert!(low <= mean && mean <= high, "{low} {mean} {high}");
        }
        let mixed = vec![
            small(),
            Config {
                arrivals: Arrivals::ClosedLoop,
                ..small()
            },
        ];
        assert!(Comparison::new(mixed, 1, 2, &data, &question).is_err());
    }

    #[test]
    fn bounds_are_read_as_they_are_written() {
        assert_eq!(
            Bound::parse("ttft_p99_secs<=0.5"),
            Ok(Bound::at_most("ttft_p99_secs", 0.5))
        );
        assert_eq!(Bound::parse("x >= 90").unwrap().words(), "x ≥ 90");
        assert!(Bound::parse("ttft<1").is_err(), "strict");
        let burst = Config {
            arrivals: Arrivals::Burst,
            ..small()
        };
        let error = Search::new(&burst, &Library::default(), &Question::default());
        assert!(error.is_err(), "no load");
    }
}
