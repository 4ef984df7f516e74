//! Config of the two pools of accelerators.

use crate::core::{Error, Result};
use serde::{Deserialize, Serialize};

/// How requests are spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Weighing {
    /// Always by cost.
    Cost,
    /// Always by free capacity.
    Capacity,
    /// By cost, and by free capacity while it is short.
    #[default]
    Adaptive,
}

impl Weighing {
    /// All of them, in the order of the menu.
    pub const ALL: [Self; 3] = [Self::Cost, Self::Capacity, Self::Adaptive];
    /// Their names in that order.
    pub const NAMES: [&'static str; 3] = ["by cost", "by capacity", "adaptive"];
}

/// A kind of accelerator.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accelerator {
    /// Instances that can be had.
    pub most: u64,
    /// Price of an instance for an hour.
    pub price: f64,
    /// Mean seconds of an answer.
    pub secs: f64,
}

/// Every input of the experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AcceleratorsConfig {
    /// How requests are spread.
    pub weighing: Weighing,
    /// The cheap kind, which can be taken away.
    pub spot: Accelerator,
    /// The sure kind.
    pub sure: Accelerator,
    /// Answers that an instance computes at once.
    pub slots: u64,
    /// Time to start an instance in seconds.
    pub start_secs: f64,
    /// Requests per slot of an instance at which the next one starts.
    pub fill: f64,
    /// Time between two looks of the control loop in seconds.
    pub control_secs: f64,
    /// Share of a pool's capacity in use from which on capacity is short.
    pub short_above: f64,
    /// By how much it has to fall below that.
    pub back: f64,
    /// For how long, in seconds.
    pub cool_secs: f64,
    /// Cheap instances left while they are scarce.
    pub scarce_left: u64,
    /// Mean length of a time of plenty in seconds.
    pub plenty_secs: f64,
    /// Mean length of a scarce time in seconds.
    pub scarce_secs: f64,
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
    /// Spread of the logarithm of an answer's time.
    pub sigma: f64,
    /// Target for the time to an answer in seconds.
    pub target_secs: f64,
}

impl Default for AcceleratorsConfig {
    /// Own choice, in the proportions of inference chips on the spot market and GPUs on demand that
    /// make images.
    fn default() -> Self {
        Self {
            weighing: Weighing::Adaptive,
            spot: Accelerator {
                most: 12,
                price: 0.8,
                secs: 2.6,
            },
            sure: Accelerator {
                most: 10,
                price: 3.0,
                secs: 1.6,
            },
            slots: 4,
            start_secs: 20.0,
            fill: 0.7,
            control_secs: 5.0,
            short_above: 0.85,
            back: 0.15,
            cool_secs: 30.0,
            scarce_left: 2,
            plenty_secs: 600.0,
            scarce_secs: 150.0,
            requests: 5000,
            rate: 6.0,
            busy_factor: 2.0,
            quiet_secs: 90.0,
            busy_secs: 30.0,
            sigma: 0.2,
            target_secs: 6.0,
        }
    }
}

impl AcceleratorsConfig {
    /// The kinds: the cheap one, the sure one.
    pub(super) fn kinds(&self) -> [Accelerator; 2] {
        [self.spot, self.sure]
    }

    /// What it runs, in a few words.
    pub(in super::super) fn label(&self) -> String {
        let place = Weighing::ALL.iter().position(|w| *w == self.weighing);
        format!(
            "two kinds of accelerators, {}",
            Weighing::NAMES[place.unwrap_or(0)]
        )
    }

    /// Refuses what contradicts itself.
    pub(in super::super) fn check(&self) -> Result<()> {
        if self.scarce_left > self.spot.most {
            return Err(Error::out_of_range(
                "accelerators.scarce_left",
                self.scarce_left,
                format!("at most the {} there are", self.spot.most),
            ));
        }
        if self.back >= self.short_above {
            return Err(Error::out_of_range(
                "accelerators.back",
                self.back,
                format!(
                    "below the share at which capacity is short, {}",
                    self.short_above
                ),
            ));
        }
        Ok(())
    }
}
