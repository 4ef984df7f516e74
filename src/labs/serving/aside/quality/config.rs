//! Config of best-effort serving.

use super::super::fault::Fault;
use crate::core::{Error, Result};
use serde::{Deserialize, Serialize};

/// How a model is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// Always the small one.
    Small,
    /// Always the middle one.
    Middle,
    /// Always the large one.
    Large,
    /// By thresholds on the requests in the system.
    Threshold,
    /// By what was learned.
    #[default]
    Learned,
}

impl Choice {
    /// All of them, in the order of the menu.
    pub const ALL: [Self; 5] = [
        Self::Small,
        Self::Middle,
        Self::Large,
        Self::Threshold,
        Self::Learned,
    ];
    /// Their names in that order.
    pub const NAMES: [&'static str; 5] = [
        "always small",
        "always middle",
        "always large",
        "thresholds",
        "learned",
    ];
}

/// A model.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Size {
    /// Quality of its answers, 0 to 1.
    pub quality: f64,
    /// Mean seconds of an answer.
    pub secs: f64,
}

/// Every input of the experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QualityConfig {
    /// How a model is chosen.
    pub choice: Choice,
    /// The small model.
    pub small: Size,
    /// The middle one.
    pub middle: Size,
    /// The large one.
    pub large: Size,
    /// Answers that the pool writes at once, of any model.
    pub servers: u64,
    /// Time within which an answer counts, in seconds.
    pub deadline_secs: f64,
    /// Requests.
    pub requests: u64,
    /// Requests per second in quiet phases.
    pub rate: f64,
    /// Rate of busy phases over that of quiet ones.
    pub busy_factor: f64,
    /// Mean length of a quiet phase in seconds.
    pub quiet_secs: f64,
    /// Mean length of a busy phase in seconds.
    pub busy_secs: f64,
    /// Requests in the system per server below which the large model is asked.
    pub large_below: f64,
    /// The same for the middle one.
    pub middle_below: f64,
    /// Runs of training.
    pub episodes: u64,
    /// Weight of what follows.
    pub discount: f64,
    /// Servers of a machine, which fail together.
    pub per_machine: u64,
    /// What goes wrong with a machine.
    pub fault: Fault,
}

impl Default for QualityConfig {
    /// Qualities and times are own choice, in the proportions of models of 1, 8 and 70 billion
    /// parameters.
    fn default() -> Self {
        Self {
            choice: Choice::Learned,
            small: Size {
                quality: 0.8,
                secs: 0.25,
            },
            middle: Size {
                quality: 0.93,
                secs: 0.8,
            },
            large: Size {
                quality: 1.0,
                secs: 2.5,
            },
            servers: 16,
            deadline_secs: 6.0,
            requests: 2500,
            rate: 4.0,
            busy_factor: 5.0,
            quiet_secs: 60.0,
            busy_secs: 20.0,
            large_below: 1.0,
            middle_below: 2.0,
            episodes: 30,
            discount: 0.95,
            per_machine: 8,
            fault: Fault {
                at_secs: 120.0,
                secs: 60.0,
                ..Fault::default()
            },
        }
    }
}

impl QualityConfig {
    /// The models from small to large.
    pub(super) fn sizes(&self) -> [Size; 3] {
        [self.small, self.middle, self.large]
    }

    /// The best quality there is.
    pub(super) fn peak(&self) -> f64 {
        self.sizes().iter().map(|s| s.quality).fold(0.0, f64::max)
    }

    /// The servers of the machine with the fault.
    pub(super) fn failing(&self) -> std::ops::Range<usize> {
        let all = self.servers.max(1);
        let from = (self.fault.server * self.per_machine).min(all);
        from as usize..(from + self.per_machine).min(all) as usize
    }

    /// What it runs, in a few words.
    pub(in super::super) fn label(&self) -> String {
        let place = Choice::ALL.iter().position(|c| *c == self.choice);
        let name = Choice::NAMES[place.unwrap_or(0)];
        format!("best effort, {name}")
    }

    /// Refuses models without quality.
    pub(in super::super) fn check(&self) -> Result<()> {
        if self.peak() <= 0.0 {
            return Err(Error::out_of_range(
                "quality.large.quality",
                self.large.quality,
                "more than 0 for at least one model",
            ));
        }
        if self.large_below > self.middle_below {
            return Err(Error::out_of_range(
                "quality.large_below",
                self.large_below,
                format!("at most that of the middle model, {}", self.middle_below),
            ));
        }
        let machines = self.servers.div_ceil(self.per_machine.max(1));
        self.fault.check_linkless("quality.fault.what")?;
        self.fault.check("quality.fault.server", machines)
    }
}
