//! The computation in short steps: the setup itself, then other rules on the same queries.

use super::super::AsideRun;
use super::config::{CallOrder, Dispatch, WorkflowConfig};
use super::report::{self, Rival};
use super::sim::{GRID, Query, queries, serve};
use crate::core::{Job, Result, Step};
use crate::labs::serving::config::Config;

/// Rules that are compared.
const RULES: [(&str, Dispatch, CallOrder); 4] = [
    (
        "in turns, first come",
        Dispatch::RoundRobin,
        CallOrder::Fcfs,
    ),
    (
        "in turns, most urgent",
        Dispatch::RoundRobin,
        CallOrder::Urgency,
    ),
    ("by score, first come", Dispatch::Score, CallOrder::Fcfs),
    ("by score, most urgent", Dispatch::Score, CallOrder::Urgency),
];

/// The experiment in steps.
pub(in super::super::super) struct Work {
    config: Config,
    queries: Vec<Query>,
    setups: Vec<(&'static str, WorkflowConfig)>,
    rivals: Vec<Rival>,
}

impl Work {
    pub(in super::super::super) fn new(config: &Config) -> Self {
        let own = &*config.workflow;
        let mut setups: Vec<_> = (RULES.iter())
            .map(|&(name, dispatch, order)| {
                let setup = WorkflowConfig {
                    dispatch,
                    order,
                    ..own.clone()
                };
                (name, setup)
            })
            .collect();
        setups.extend(GRID.iter().map(|&alpha| {
            let setup = WorkflowConfig {
                dispatch: Dispatch::Score,
                tune: false,
                alpha,
                ..own.clone()
            };
            ("", setup)
        }));
        Self {
            queries: queries(own, config.seed),
            config: config.clone(),
            setups,
            rivals: Vec::new(),
        }
    }
}

impl Job for Work {
    type Out = AsideRun;

    fn step(&mut self) -> Result<Step<AsideRun>> {
        if let Some((name, setup)) = self.setups.get(self.rivals.len()) {
            let sim = serve(setup, &self.queries);
            let took = sim.done.iter().zip(&self.queries);
            self.rivals.push(Rival {
                name,
                alpha: setup.alpha,
                took: took.map(|(end, q)| end - q.arrival).collect(),
            });
            return Ok(Step::Working);
        }
        let sim = serve(&self.config.workflow, &self.queries);
        let findings = report::findings(&self.config, &self.queries, &sim, &self.rivals);
        Ok(Step::Done(AsideRun::new(&self.config, findings)))
    }

    fn progress(&self) -> f64 {
        self.rivals.len() as f64 / (self.setups.len() + 1) as f64
    }
}
