//! The computation in short steps: the queries, the run itself, and the same queries at other
//! thresholds.

use super::super::{AsideRun, Findings};
use super::config::{CacheConfig, CachePolicy, Category};
use super::queries::{self, Queries};
use super::report;
use super::sim::{Fate, Sim};
use crate::core::{Job, Result, Step, num};
use crate::labs::serving::config::Config;

/// Queries served in a step.
const SLICE: usize = 24;
/// Thresholds at which the same queries are served again.
const GRID: usize = 9;
/// The lowest and highest of them.
const RANGE: [f64; 2] = [0.55, 0.99];

/// What a category made of one threshold.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    pub(super) queries: u32,
    pub(super) hits: u32,
    pub(super) wrong: u32,
}

/// The experiment in steps.
pub(in super::super::super) struct Work {
    config: Config,
    queries: Option<Queries>,
    main: Option<Sim>,
    sweep: Option<Sim>,
    tallies: Vec<(f64, [Tally; 4])>,
}

impl Work {
    pub(in super::super::super) fn new(config: &Config) -> Self {
        Self {
            config: config.clone(),
            queries: None,
            main: None,
            sweep: None,
            tallies: Vec::new(),
        }
    }
}

/// The setup at a threshold of the grid: one for all categories, each in its part, whatever the
/// load.
fn at(config: &CacheConfig, threshold: f64) -> CacheConfig {
    let with = |c: &Category| Category {
        threshold,
        ..c.clone()
    };
    CacheConfig {
        policy: CachePolicy::ByCategory,
        load_gain: 0.0,
        code: with(&config.code),
        support: with(&config.support),
        news: with(&config.news),
        chat: with(&config.chat),
        ..config.clone()
    }
}

/// Counts by category.
pub(super) fn tally(queries: &Queries, sim: &Sim) -> [Tally; 4] {
    let mut out = [Tally::default(); 4];
    for (category, served) in queries.category.iter().zip(&sim.served) {
        let t = &mut out[usize::from(*category)];
        t.queries += 1;
        t.hits += u32::from(served.fate != Fate::Miss);
        t.wrong += u32::from(matches!(served.fate, Fate::Wrong | Fate::Stale));
    }
    out
}

impl Job for Work {
    type Out = AsideRun;

    fn step(&mut self) -> Result<Step<AsideRun>> {
        let cache = &self.config.cache;
        let queries = match &self.queries {
            Some(queries) => queries,
            None => self
                .queries
                .insert(queries::queries(cache, self.config.seed)),
        };
        let main = self.main.get_or_insert_with(|| Sim::new(cache));
        if main.served.len() < queries.arrival.len() {
            main.advance(queries, SLICE);
            return Ok(Step::Working);
        }
        let grid = num::linspace(RANGE[0], RANGE[1], GRID);
        if let Some(&threshold) = grid.get(self.tallies.len()) {
            let mut sim = match self.sweep.take() {
                Some(sim) => sim,
                None => Sim::new(&at(cache, threshold)),
            };
            if sim.advance(queries, SLICE) {
                self.tallies.push((threshold, tally(queries, &sim)));
            } else {
                self.sweep = Some(sim);
            }
            return Ok(Step::Working);
        }
        let findings: Findings = report::findings(&self.config, queries, main, &self.tallies);
        Ok(Step::Done(AsideRun::new(&self.config, findings)))
    }

    fn progress(&self) -> f64 {
        let all = self.config.cache.queries.max(1) as f64;
        let of = |sim: &Option<Sim>| sim.as_ref().map_or(0.0, |s| s.served.len() as f64 / all);
        let done = of(&self.main) + of(&self.sweep) + self.tallies.len() as f64;
        done / (GRID + 1) as f64
    }
}
