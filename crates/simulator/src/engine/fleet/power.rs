//! Power of a row of servers, looked at from time to time, and clocks that keep it below a budget.
//!
//! After "POLCA: power oversubscription in LLM cloud providers" (arXiv 2308.12908): more servers
//! stand in a row than its budget bears at full power. Above a first threshold those of low
//! priority are slowed, above a second one they are slowed more and the others a little, and at
//! the budget all of them brake; each step is taken back some way below its threshold.

use super::super::super::cost::CostModel;
use super::super::super::cost::power::{IDLE_SHARE, dynamic_draw};
use super::super::event_loop::{Engine, Replica};
use super::super::sink::{Metered, Sink};
use super::Standing;
use std::sync::Arc;

/// A clock with what iterations cost under it.
#[derive(Debug, Clone, PartialEq)]
pub struct Clocked {
    /// Clock over the one outside any cap.
    pub clock: f64,
    /// Dynamic power over that outside any cap.
    pub dynamic: f64,
    /// Cost of an iteration.
    pub cost: Arc<CostModel>,
}

/// A row of servers with a budget.
#[derive(Debug, Clone, PartialEq)]
pub struct PowerRow {
    /// Power that the row may draw, in servers at their thermal design power.
    pub budget: f64,
    /// Dynamic power outside any cap over that at the highest clock.
    pub dynamic: f64,
    /// The rule, unless the row is only watched.
    pub caps: Option<PowerCaps>,
}

/// When and how servers are slowed.
#[derive(Debug, Clone, PartialEq)]
pub struct PowerCaps {
    /// The first instances, of low priority.
    pub low: u32,
    /// Shares of the budget above which the first and the second step are taken.
    pub thresholds: [f64; 2],
    /// How far below its threshold a step is taken back, as a share of the budget.
    pub hysteresis: f64,
    /// Low priority in the first step, in the second one, the others in the second one, brake.
    pub clocks: [Clocked; 4],
}

impl PowerCaps {
    /// The step after a look at the row: 0 none, 1 and 2 caps, 3 brake.
    pub fn step(&self, was: u8, share: f64) -> u8 {
        let [first, second] = self.thresholds;
        let limits = [first, second, 1.0];
        let taken = limits.iter().filter(|l| share > **l).count() as u8;
        let back = self.hysteresis;
        let kept = limits.iter().filter(|l| share > **l - back).count() as u8;
        // Up at once; down only where the share has left the threshold behind.
        taken.max(was.min(kept))
    }

    /// The clock of an instance under a step.
    fn clocked(&self, instance: usize, step: u8) -> Option<&Clocked> {
        let low = instance < self.low as usize;
        match (step, low) {
            (0, _) | (1, false) => None,
            (1, true) => Some(&self.clocks[0]),
            (2, true) => Some(&self.clocks[1]),
            (2, false) => Some(&self.clocks[2]),
            _ => Some(&self.clocks[3]),
        }
    }
}

/// What a server draws, as a share of its thermal design power.
#[derive(Debug, Clone)]
pub(in super::super) struct Draw {
    now: f64,
    since: f64,
    /// Integral since the last look.
    sum: f64,
}

impl Default for Draw {
    fn default() -> Self {
        Self {
            now: IDLE_SHARE,
            since: 0.0,
            sum: 0.0,
        }
    }
}

impl Draw {
    /// From now on it draws so much.
    fn set(&mut self, at: f64, share: f64) {
        self.sum += self.now * (at - self.since);
        self.since = at;
        self.now = share;
    }
}

impl Replica {
    /// Dynamic power over that outside any cap.
    pub(in super::super) fn dynamic(&self) -> f64 {
        self.clocked.as_ref().map_or(1.0, |c| c.dynamic)
    }
}

impl Engine {
    /// A batch begins or ends; `prefill` tokens of prompts draw power beside the decodes.
    pub(in super::super) fn draw(&mut self, index: usize, prefill: Option<u64>) {
        let Some(row) = self.fleet.as_ref().and_then(|f| f.plan.power.as_ref()) else {
            return;
        };
        let replica = &mut self.replicas[index];
        let share = prefill.map_or(0.0, |p| row.dynamic * replica.dynamic() * dynamic_draw(p));
        replica.draw.set(self.now, IDLE_SHARE + share);
    }

    /// Looks at the power of the row since the last look and sets the clocks; they hold from the
    /// next batch of each instance on.
    pub(super) fn meter(&mut self, sink: &mut dyn Sink) {
        let now = self.now;
        let Some(fleet) = self.fleet.as_deref_mut() else {
            return;
        };
        let Some(row) = &fleet.plan.power else { return };
        let span = now - fleet.metered_at;
        if span <= 0.0 {
            return;
        }
        let mut shares = Vec::with_capacity(self.replicas.len());
        for (replica, standing) in self.replicas.iter_mut().zip(&fleet.standing) {
            let draw = &mut replica.draw;
            draw.set(now, draw.now);
            let on = !matches!(standing, Standing::Off | Standing::Dead);
            shares.push(if on { draw.sum / span } else { 0.0 });
            draw.sum = 0.0;
        }
        let share = shares.iter().sum::<f64>() / row.budget;
        if let Some(caps) = &row.caps {
            fleet.power_step = caps.step(fleet.power_step, share);
            for (i, replica) in self.replicas.iter_mut().enumerate() {
                replica.clocked = caps.clocked(i, fleet.power_step).cloned();
            }
        }
        sink.metered(&Metered {
            from: fleet.metered_at,
            at: now,
            share,
            servers: &shares,
            step: fleet.power_step,
        });
        fleet.metered_at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_taken_at_once_and_taken_back_below_their_threshold() {
        let clocked = |clock| Clocked {
            clock,
            dynamic: 1.0,
            cost: Arc::new([1.0, 0.0, 0.0, 0.0, 0.0].into()),
        };
        let caps = PowerCaps {
            low: 1,
            thresholds: [0.8, 0.89],
            hysteresis: 0.05,
            clocks: [0.9, 0.79, 0.93, 0.5].map(clocked),
        };
        let course = [
            0.7, 0.81, 0.78, 0.74, 0.9, 0.85, 0.83, 1.01, 0.96, 0.94, 0.6,
        ];
        let mut step = 0;
        let steps = course.map(|share| {
            step = caps.step(step, share);
            step
        });
        assert_eq!(steps, [0, 1, 1, 0, 2, 2, 1, 3, 3, 2, 0]);
        let clock = |i, step| caps.clocked(i, step).map(|c| c.clock);
        assert_eq!([clock(0, 1), clock(1, 1)], [Some(0.9), None]);
        assert_eq!([clock(0, 2), clock(1, 2)], [Some(0.79), Some(0.93)]);
        assert_eq!([clock(0, 3), clock(1, 3)], [Some(0.5), Some(0.5)]);
    }
}
