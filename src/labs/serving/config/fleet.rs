//! What a config says about moving requests, scaling and faults.

use super::super::engine::{
    Clocked, Fault, FaultKind, FleetPlan, MoveRule, PowerCaps, PowerRow, Rebalance, Scale,
    StartRule,
};
use super::super::policies::Feature;
use super::{Config, FaultChoice, Migration, Routing, ScaleBy};
use crate::core::num;
use std::sync::Arc;

/// Clock of the brake at the budget.
const BRAKE: f64 = 0.5;

impl Config {
    /// Whether requests can move between instances here.
    pub fn can_migrate(&self) -> bool {
        self.scheduler.has(Feature::Pools) && self.replicas > 1 && self.pools().is_none()
    }

    /// Whether they do.
    pub fn migrates(&self) -> bool {
        self.can_migrate() && self.migration != Migration::Off
    }

    /// Whether instances start and stop with the load.
    pub fn scales(&self) -> bool {
        self.can_migrate() && self.scaling
    }

    /// Whether they start by what is foretold of arrivals.
    pub fn provisions(&self) -> bool {
        self.scales() && self.routing == Routing::Block && self.scale_by == ScaleBy::Prediction
    }

    /// Whether the power of the instances is looked at as that of a row of servers.
    pub fn watches_power(&self) -> bool {
        self.power_row && self.replicas > 1 && self.stages() == 1
    }

    /// Whether clocks follow it.
    pub fn caps_power(&self) -> bool {
        self.watches_power() && self.power_caps
    }

    /// The row of servers, if its power is looked at.
    fn power(&self) -> Option<PowerRow> {
        let dynamic = |clock: f64| num::pow(clock, self.power_exponent);
        let clocked = |clock: f64| {
            let slowed = Self {
                clock: clock * self.clock,
                ..self.clone()
            };
            Clocked {
                clock,
                dynamic: dynamic(clock),
                cost: Arc::new(slowed.cost_model()),
            }
        };
        self.watches_power().then(|| PowerRow {
            budget: self.row_budget,
            dynamic: dynamic(self.clock),
            caps: self.power_caps.then(|| PowerCaps {
                low: (self.low_priority_share * self.replicas as f64).round() as u32,
                thresholds: [self.cap_first, self.cap_second],
                hysteresis: self.cap_back,
                clocks: [
                    clocked(self.clock_low_first),
                    clocked(self.clock_low_second),
                    clocked(self.clock_high),
                    clocked(BRAKE),
                ],
            }),
        })
    }

    /// Whether something goes wrong.
    pub fn has_fault(&self) -> bool {
        self.fault != FaultChoice::None && self.fault_instance < self.replicas
    }

    /// What happens to instances beside serving, if anything does.
    pub fn fleet(&self) -> Option<FleetPlan> {
        let rule = match self.migration {
            Migration::Off => None,
            Migration::Balance => Some(MoveRule::Balance),
            Migration::Defragment => Some(MoveRule::Defragment),
        };
        let rebalance = (rule.filter(|_| self.migrates())).map(|rule| Rebalance {
            threshold: self.migrate_below,
            rule,
        });
        let scale = self.scales().then_some(Scale {
            least: self.least_instances as u32,
            start: if self.provisions() {
                StartRule::Foretold(self.scale_over_secs)
            } else {
                StartRule::Memory(self.scale_up_below)
            },
            stop_above: self.scale_down_above,
            start_secs: self.start_secs,
        });
        let what = match self.fault {
            FaultChoice::None => None,
            FaultChoice::Dies => Some(FaultKind::Dies),
            FaultChoice::Slows => Some(FaultKind::Slows(self.fault_factor)),
            FaultChoice::LinkSlows => Some(FaultKind::LinkSlows(self.fault_factor)),
        };
        let faults: Vec<Fault> = (what.into_iter().filter(|_| self.has_fault()))
            .map(|what| Fault {
                at: self.fault_at_secs,
                until: self.fault_at_secs + self.fault_secs,
                instance: self.fault_instance as u32,
                what,
            })
            .collect();
        let headroom = self.headroom_percent / 100.0 * self.kv_blocks() as f64;
        let kept = self.can_migrate() && self.batch_share > 0.0 && headroom >= 1.0;
        let forwards = self.pools().is_some() && self.on_demand;
        let split_secs = (self.pools().is_some() && self.tuned_split).then_some(self.split_secs);
        let power = self.power();
        let any = forwards
            || power.is_some()
            || split_secs.is_some()
            || rebalance.is_some()
            || scale.is_some()
            || !faults.is_empty()
            || kept;
        any.then(|| FleetPlan {
            latency_secs: self.transfer_millis * 1e-3,
            secs_per_token: self.secs_per_kv_token(),
            period_secs: self.look_over_secs,
            rebalance,
            scale,
            headroom_blocks: if kept { headroom as u32 } else { 0 },
            on_demand: forwards,
            split_secs,
            power,
            faults,
        })
    }
}
