//! What happens to instances beside serving: requests move between them while they decode,
//! instances come and go, and faults strike.
//!
//! After "Llumnix: dynamic scheduling for large language model serving" (arXiv 2406.03243,
//! repository AlibabaPAI/llumnix). All of it is off unless a plan is given.

mod faults;
mod gateway;
mod moves;
mod power;
mod scaling;

use super::Limits;
use super::event_loop::{Engine, Replica};
use super::events::Side;
use super::links::Links;
use super::requests::{Phase, Requests};
use super::sink::{Incident, Sink, Turn};
use crate::policy::Policy;
pub use faults::{Fault, FaultKind};
pub use moves::{Move, MoveRule, Rebalance};
pub(super) use power::Draw;
pub use power::{Clocked, PowerCaps, PowerRow};
pub use scaling::{Scale, StartRule};
use std::collections::VecDeque;

/// What may happen to the instances of a run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FleetPlan {
    /// Seconds until the first byte of a copy arrives.
    pub latency_secs: f64,
    /// Seconds per token of KV on the link of an instance.
    pub secs_per_token: f64,
    /// Seconds between two looks over the instances.
    pub period_secs: f64,
    /// Which requests move, if any do.
    pub rebalance: Option<Rebalance>,
    /// When instances start and stop, if they do.
    pub scale: Option<Scale>,
    /// Blocks that count as taken on an instance with a request of the first class.
    pub headroom_blocks: u32,
    /// Whether requests wait at the gateway until a prefill instance is idle (split pools only).
    pub on_demand: bool,
    /// Seconds after which the split into prefill and decode instances is chosen anew.
    pub split_secs: Option<f64>,
    /// The row of servers whose power is looked at, if it is.
    pub power: Option<PowerRow>,
    /// What goes wrong.
    pub faults: Vec<Fault>,
}

/// Where an instance stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It takes arrivals.
    Serving,
    /// It takes none, and stops when its requests are gone.
    Draining,
    /// It was started and is not ready yet.
    Starting,
    /// It is switched off.
    Off,
    /// It died.
    Dead,
}

/// The state beside the instances themselves.
#[derive(Debug, Clone)]
pub(super) struct Fleet {
    plan: FleetPlan,
    standing: Vec<Standing>,
    /// Seconds each was on, up to the moment when it was switched on last.
    on_secs: Vec<f64>,
    /// When that was.
    on_since: Vec<f64>,
    moves: Vec<Move>,
    /// Requests that found no instance, in order.
    pub(super) nowhere: VecDeque<u32>,
    /// Instances that got room outside their own events.
    wake: Vec<u32>,
    worked: gateway::Worked,
    /// When the split was looked at last.
    split_at: f64,
    /// When the power of the row was looked at last.
    metered_at: f64,
    /// The step of its caps.
    power_step: u8,
    /// The instance that changes sides as soon as it is empty.
    turning: Option<u32>,
    template: Box<dyn Policy>,
}

impl Fleet {
    /// Whether an instance takes nothing.
    pub(super) fn is_down(&self, instance: usize) -> bool {
        self.standing[instance] != Standing::Serving
    }
}

impl Replica {
    /// Free blocks; fewer where room is kept for requests of the first class.
    pub(super) fn virtually_free(&self, limits: &Limits) -> f64 {
        let kept = if self.urgent > 0 { self.headroom } else { 0 };
        f64::from(self.desk.free(limits)) - f64::from(kept)
    }

    /// Blocks for the prompts of the first `most` who wait.
    pub(super) fn waiting_blocks(&self, requests: &Requests, limits: &Limits, most: usize) -> u64 {
        let waiting = self.desk.queue.iter().take(most);
        waiting
            .map(|&r| u64::from(limits.blocks_for(requests.prefill[r as usize])))
            .sum()
    }

    /// Counts a request that comes.
    pub(super) fn joins(&mut self, requests: &Requests, r: u32) {
        self.outstanding += 1;
        self.prompt_tokens += u64::from(requests.prompt[r as usize]);
        self.urgent += u32::from(requests.tags.class(r) == 0);
    }

    /// Counts a request that goes.
    pub(super) fn leaves(&mut self, requests: &Requests, r: u32) {
        self.outstanding -= 1;
        self.prompt_tokens -= u64::from(requests.prompt[r as usize]);
        self.urgent -= u32::from(requests.tags.class(r) == 0);
    }
}

impl Engine {
    /// The same run with what may happen to its instances. Every request is then looked at on its
    /// own in every iteration.
    pub fn with_fleet(mut self, plan: Option<FleetPlan>) -> Self {
        let (Some(plan), Some(first)) = (plan, self.replicas.first()) else {
            return self;
        };
        let n = self.replicas.len();
        let template = first.policy.clone();
        for replica in &mut self.replicas {
            replica.rule = None;
            replica.headroom = plan.headroom_blocks;
        }
        if self.between.is_none() {
            self.links = Links::new(n, plan.latency_secs, plan.secs_per_token);
        }
        let on = plan.scale.map_or(n, |s| (s.least as usize).clamp(1, n));
        let mut standing = vec![Standing::Serving; on];
        standing.resize(n, Standing::Off);
        for (place, fault) in plan.faults.iter().enumerate() {
            self.plan(fault.at, Side::Fault(place as u32, true));
            self.plan(fault.until, Side::Fault(place as u32, false));
        }
        let looks = plan.rebalance.is_some() || plan.scale.is_some();
        if looks || plan.split_secs.is_some() || plan.power.is_some() {
            self.plan(plan.period_secs, Side::Tick);
        }
        self.fleet = Some(Box::new(Fleet {
            plan,
            standing,
            on_secs: vec![0.0; n],
            on_since: vec![0.0; n],
            moves: Vec::new(),
            nowhere: VecDeque::new(),
            wake: Vec::new(),
            worked: gateway::Worked::default(),
            split_at: 0.0,
            metered_at: 0.0,
            power_step: 0,
            turning: None,
            template,
        }));
        self.reopen();
        self
    }

    /// Where an instance stands.
    pub fn standing(&self, instance: usize) -> Standing {
        let fleet = self.fleet.as_ref();
        fleet.map_or(Standing::Serving, |f| f.standing[instance])
    }

    /// Live migrations on their way.
    pub fn moves(&self) -> &[Move] {
        self.fleet.as_ref().map_or(&[], |f| &f.moves)
    }

    /// Seconds that instances were on so far, summed.
    pub fn instance_secs(&self) -> f64 {
        let Some(fleet) = &self.fleet else {
            return self.now * self.replicas.len() as f64;
        };
        let on = |i: usize| fleet.standing[i] != Standing::Off;
        (0..self.replicas.len())
            .map(|i| {
                let running = if on(i) {
                    self.now - fleet.on_since[i]
                } else {
                    0.0
                };
                fleet.on_secs[i] + running
            })
            .sum()
    }

    /// Changes where an instance stands.
    fn stand(&mut self, instance: usize, to: Standing, sink: &mut dyn Sink) {
        let now = self.now;
        let Some(fleet) = &mut self.fleet else {
            return;
        };
        let was = std::mem::replace(&mut fleet.standing[instance], to);
        match (was == Standing::Off, to == Standing::Off) {
            (true, false) => fleet.on_since[instance] = now,
            (false, true) => fleet.on_secs[instance] += now - fleet.on_since[instance],
            _ => {}
        }
        let what = match (was, to) {
            (Standing::Dead, Standing::Serving) => Turn::Revived,
            (_, Standing::Serving) => Turn::Ready,
            (_, Standing::Draining) => Turn::Drains,
            (_, Standing::Starting) => Turn::Starts,
            (_, Standing::Off) => Turn::Off,
            (_, Standing::Dead) => Turn::Died,
        };
        sink.turned(&Incident {
            at: now,
            instance: instance as u32,
            what,
        });
        self.reopen();
    }

    /// Finds out which instances take arrivals.
    fn reopen(&mut self) {
        let Some(fleet) = &self.fleet else { return };
        let last = (self.between.as_ref()).map_or(self.replicas.len(), |b| b.prefill());
        self.open.clear();
        (self.open).extend((0..last as u32).filter(|&i| !fleet.is_down(i as usize)));
    }

    /// An instance is ready: those that found none come to it, and what waits to be sent to it.
    fn welcome(&mut self, instance: usize, sink: &mut dyn Sink) {
        if self.forwards() {
            self.forward_waiting(sink);
        } else if !self.open.is_empty() {
            let waiting = self.fleet.as_mut().map(|f| std::mem::take(&mut f.nowhere));
            for r in waiting.into_iter().flatten() {
                self.route(r, sink);
            }
        }
        self.let_in(instance, sink);
    }

    /// The regular look over the instances.
    pub(super) fn look_over(&mut self, at: f64, sink: &mut dyn Sink) {
        self.now = at;
        self.meter(sink);
        self.scale(sink);
        self.rebalance(sink);
        self.tune_split();
        self.begin_turn(sink);
        if let Some(fleet) = &self.fleet
            && self.goes_on()
        {
            self.plan(at + fleet.plan.period_secs, Side::Tick);
        }
    }

    /// After every event: gives up moves whose request is gone, stops instances that have run dry,
    /// and lets those go on that got room.
    pub(super) fn tend(&mut self, sink: &mut dyn Sink) {
        while self.give_up_a_move() {}
        for i in 0..self.replicas.len() {
            let dry = self.replicas[i].outstanding == 0 && self.replicas[i].desk.holders == 0;
            if dry && self.standing(i) == Standing::Draining {
                if self.fleet.as_ref().and_then(|f| f.turning) == Some(i as u32) {
                    self.change_sides(i, sink);
                } else {
                    self.stand(i, Standing::Off, sink);
                }
            }
        }
        while let Some(i) = self.fleet.as_mut().and_then(|f| f.wake.pop()) {
            sink.resized(self.now, i, &self.replicas[i as usize].desk);
            self.let_in(i as usize, sink);
            if self.standing(i as usize) != Standing::Dead {
                self.form(i as usize, sink);
            }
            while self.give_up_a_move() {}
        }
        if self.forwards() {
            self.forward_waiting(sink);
        }
    }

    /// Gives up the first move whose request does not decode any more.
    fn give_up_a_move(&mut self) -> bool {
        let requests = &self.requests;
        let gone = |m: &Move| match requests.phase[m.request as usize] {
            Phase::Decode => false,
            Phase::Transfer => !m.last,
            _ => true,
        };
        let Some(fleet) = &mut self.fleet else {
            return false;
        };
        let Some(place) = fleet.moves.iter().position(gone) else {
            return false;
        };
        let given_up = fleet.moves.remove(place);
        fleet.wake.push(given_up.to);
        let desk = &mut self.replicas[given_up.to as usize].desk;
        desk.give_up(given_up.blocks);
        true
    }
}
