//! Config of the workflows.

use super::super::fault::Fault;
use crate::core::{Error, Result};
use serde::{Deserialize, Serialize};

/// Which instance a call goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Dispatch {
    /// In turns.
    RoundRobin,
    /// By speed and work that is there.
    #[default]
    Score,
}

/// Which call an instance runs next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum CallOrder {
    /// The one that came first.
    Fcfs,
    /// The most urgent.
    #[default]
    Urgency,
}

/// A phase of a query: its name, seconds of a call on an A100 on average, and whether there is one
/// call for each candidate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Phase {
    pub(super) name: &'static str,
    pub(super) secs: f64,
    pub(super) fans: bool,
}

const fn phase(name: &'static str, secs: f64, fans: bool) -> Phase {
    Phase { name, secs, fans }
}

/// The phases in order; means on an A100 from the repository's simulator, which does not say which
/// is which: the names are ours.
pub(super) const PHASES: [Phase; 7] = [
    phase("keywords", 0.225, false),
    phase("filter", 1.136, false),
    phase("schema linking", 18.24, false),
    phase("candidates", 3.33, true),
    phase("correction", 2.54, true),
    phase("evaluation", 0.867, true),
    phase("choice", 0.174, false),
];

/// The phase that only some candidates need.
pub(super) const CORRECTION: usize = 4;

/// Every input of the experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WorkflowConfig {
    /// Which instance a call goes to.
    pub dispatch: Dispatch,
    /// Which call an instance runs next.
    pub order: CallOrder,
    /// Weight of speed against work that is there.
    pub alpha: f64,
    /// Whether α is tuned on the queries of the last window.
    pub tune: bool,
    /// That window in seconds.
    pub window_secs: f64,
    /// Fast instances (H100).
    pub fast: u64,
    /// Usual instances (A100).
    pub usual: u64,
    /// Slow instances (A6000).
    pub slow: u64,
    /// Time of a call on a fast instance over that on a usual one.
    pub fast_factor: f64,
    /// The same for a slow one.
    pub slow_factor: f64,
    /// Calls that an instance runs at once.
    pub slots: u64,
    /// Queries.
    pub queries: u64,
    /// Queries per second.
    pub rate: f64,
    /// Candidates of a query.
    pub candidates: u64,
    /// Chance that a candidate needs a correction.
    pub correction: f64,
    /// Spread of the logarithm of a call's time.
    pub sigma: f64,
    /// Deadline over the time of a query that nobody disturbs.
    pub deadline: f64,
    /// What goes wrong with an instance.
    pub fault: Fault,
}

impl Default for WorkflowConfig {
    fn default() -> Self {
        Self {
            dispatch: Dispatch::Score,
            order: CallOrder::Urgency,
            alpha: 0.3,
            tune: false,
            window_secs: 120.0,
            fast: 1,
            usual: 2,
            slow: 2,
            fast_factor: 0.5,
            slow_factor: 1.9,
            slots: 2,
            queries: 120,
            rate: 0.2,
            candidates: 3,
            correction: 0.5,
            sigma: 0.4,
            deadline: 2.5,
            fault: Fault {
                at_secs: 150.0,
                secs: 150.0,
                ..Fault::default()
            },
        }
    }
}

impl WorkflowConfig {
    /// Time of a call on each instance over that on an A100.
    pub(super) fn factors(&self) -> Vec<f64> {
        [
            (self.fast, self.fast_factor),
            (self.usual, 1.0),
            (self.slow, self.slow_factor),
        ]
        .into_iter()
        .flat_map(|(count, factor)| vec![factor; count as usize])
        .collect()
    }

    /// Names of the instances.
    pub(super) fn names(&self) -> Vec<String> {
        [
            (self.fast, "H100"),
            (self.usual, "A100"),
            (self.slow, "A6000"),
        ]
        .into_iter()
        .flat_map(|(count, name)| (0..count).map(move |i| format!("{name} {i}")))
        .collect()
    }

    /// Mean time of a call over that on an A100.
    pub(super) fn usual_factor(&self) -> f64 {
        let factors = self.factors();
        factors.iter().sum::<f64>() / factors.len().max(1) as f64
    }

    /// Seconds of a query on an instance of mean speed, its calls of a phase side by side.
    pub(super) fn alone_secs(&self) -> f64 {
        self.usual_factor() * PHASES.iter().map(|p| p.secs).sum::<f64>()
    }

    /// What it runs, in a few words.
    pub(in super::super) fn label(&self) -> String {
        let dispatch = match self.dispatch {
            Dispatch::RoundRobin => "in turns".to_owned(),
            Dispatch::Score if self.tune => "by score, α tuned".to_owned(),
            Dispatch::Score => format!("by score, α {}", self.alpha),
        };
        let order = match self.order {
            CallOrder::Fcfs => "first come",
            CallOrder::Urgency => "most urgent",
        };
        format!("workflows {dispatch}, {order} first")
    }

    /// Refuses a cluster without instances.
    pub(in super::super) fn check(&self) -> Result<()> {
        if self.fast + self.usual + self.slow == 0 {
            return Err(Error::out_of_range(
                "workflow.usual",
                self.usual,
                "at least one instance of some kind",
            ));
        }
        let instances = self.fast + self.usual + self.slow;
        self.fault.check_linkless("workflow.fault.what")?;
        self.fault.check("workflow.fault.server", instances)
    }
}
