//! Faults: an instance dies and comes back, it or its link slows down. No request is lost: those
//! of a dead instance start again elsewhere, with the tokens they had.

use super::super::desk::{Desk, Note};
use super::super::event_loop::{Engine, Stage};
use super::super::requests::Phase;
use super::super::sink::{Incident, Sink, Turn};
use super::{Fleet, Move, Standing};
use crate::core::Arrange as _;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FaultKind {
    /// The instance dies with all KV, and comes back empty.
    Dies,
    /// Its iterations take so many times as long.
    Slows(f64),
    /// Its link takes so many times as long per token.
    LinkSlows(f64),
}

/// A fault.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fault {
    /// When it begins.
    pub at: f64,
    /// When it ends.
    pub until: f64,
    /// The instance.
    pub instance: u32,
    /// What goes wrong.
    pub what: FaultKind,
}

impl Engine {
    /// A fault begins or ends.
    pub(in super::super) fn fault(
        &mut self,
        place: usize,
        begins: bool,
        at: f64,
        sink: &mut dyn Sink,
    ) {
        let fault = (self.fleet.as_ref()).and_then(|f| f.plan.faults.get(place).copied());
        let Some(Fault { instance, what, .. }) = fault else {
            return;
        };
        let i = instance as usize;
        if i >= self.replicas.len() {
            return;
        }
        self.now = at;
        let mut tell = |what| {
            sink.turned(&Incident { at, instance, what });
        };
        match (what, begins) {
            (FaultKind::Slows(factor), true) => {
                self.replicas[i].slowdown = factor;
                tell(Turn::Slowed);
            }
            (FaultKind::Slows(_), false) => {
                self.replicas[i].slowdown = 1.0;
                tell(Turn::Sound);
            }
            (FaultKind::LinkSlows(factor), true) => {
                self.links.slow(i, factor);
                tell(Turn::LinkSlowed);
            }
            (FaultKind::LinkSlows(_), false) => {
                self.links.slow(i, 1.0);
                tell(Turn::LinkSound);
            }
            // An instance that is off cannot die.
            (FaultKind::Dies, true) => {
                if !matches!(self.standing(i), Standing::Off | Standing::Dead) {
                    self.die(i, sink);
                }
            }
            (FaultKind::Dies, false) => {
                if self.standing(i) == Standing::Dead {
                    self.stand(i, Standing::Serving, sink);
                    self.welcome(i, sink);
                }
            }
        }
    }

    /// An instance dies with everything in its memory.
    fn die(&mut self, index: usize, sink: &mut dyn Sink) {
        self.stand(index, Standing::Dead, sink);
        if let Some(fleet) = &mut self.fleet {
            fleet.turning = fleet.turning.filter(|&i| i as usize != index);
        }
        self.cut_moves(index);
        let again = self.cut_transfers(index);
        let lost = self.take_requests(index, sink);
        self.empty(index, sink);
        for r in again {
            self.hold_back(r);
        }
        for r in lost {
            self.route(r, sink);
        }
        let decoders = self.between.as_ref().map_or(0, |b| b.prefill());
        for to in decoders..self.replicas.len() {
            self.let_in(to, sink);
        }
    }

    /// Ends the moves from and to an instance. Who was on the way to it goes on where it was.
    fn cut_moves(&mut self, index: usize) {
        let Some(fleet) = &mut self.fleet else { return };
        let touched = |m: &Move| m.from as usize == index || m.to as usize == index;
        let cut: Vec<Move> = fleet.moves.iter().copied().filter(touched).collect();
        fleet.moves.retain(|m| !touched(m));
        for m in cut {
            let (from, to, r) = (m.from as usize, m.to as usize, m.request);
            if m.last {
                self.replicas[to].leaves(&self.requests, r);
                self.replicas[from].joins(&self.requests, r);
            }
            self.replicas[to].desk.give_up(m.blocks);
            if to == index && m.last {
                self.requests.phase[r as usize] = Phase::Decode;
                self.replicas[from].desk.held.push_back(r);
            }
            self.wake(if to == index { from } else { to });
        }
    }

    fn wake(&mut self, instance: usize) {
        if let Some(fleet) = self.fleet.as_deref_mut() {
            let Fleet { wake, .. } = fleet;
            wake.push(instance as u32);
        }
    }

    /// Ends the transfers from and to an instance. Returns the requests whose KV is still where
    /// their prompt was computed and needs another decode instance.
    fn cut_transfers(&mut self, index: usize) -> Vec<u32> {
        let Some(between) = &mut self.between else {
            return Vec::new();
        };
        let mut again = Vec::new();
        let touched: Vec<_> = (between.moving.iter().copied())
            .filter(|t| t.from as usize == index || t.to as usize == index)
            .collect();
        between
            .moving
            .retain(|t| t.from as usize != index && t.to as usize != index);
        let mut woken = Vec::new();
        for t in touched {
            let to = &mut self.replicas[t.to as usize];
            to.desk.give_up(t.blocks);
            to.leaves(&self.requests, t.request);
            if t.to as usize == index {
                again.push(t.request);
            } else {
                woken.push(t.to as usize);
            }
        }
        let requests = &self.requests;
        for (to, line) in between.held_back.iter_mut().enumerate() {
            let gone = |r: u32| to == index || requests.replica[r as usize] as usize == index;
            for &r in line.iter().filter(|&&r| gone(r)) {
                self.replicas[to].leaves(requests, r);
                if to == index {
                    again.push(r);
                }
            }
            line.retain(|&r| !gone(r));
        }
        for to in woken {
            self.wake(to);
        }
        again
    }

    /// Takes all requests from an instance, in order of arrival. Those that had begun start again.
    fn take_requests(&mut self, index: usize, sink: &mut dyn Sink) -> Vec<u32> {
        let nowhere = self.fleet.as_ref().map(|f| &f.nowhere);
        let here = |r: &u32| {
            self.requests.replica[*r as usize] as usize == index
                && nowhere.is_none_or(|n| !n.contains(r))
        };
        let all: Vec<u32> = (0..self.requests.len() as u32).filter(here).collect();
        let mut taken = Vec::new();
        for r in all {
            match self.requests.phase[r as usize] {
                // A slot that is kept after the end is gone too.
                Phase::Done if self.requests.blocks[r as usize] > 0 => {
                    self.requests.blocks[r as usize] = 0;
                    sink.noted(self.now, Note::Released(r));
                }
                Phase::Future | Phase::Ignored | Phase::Done => {}
                _ => taken.push(r),
            }
        }
        let arrival = &self.requests.arrival;
        taken.arrange_by(|&a, &b| arrival[a as usize].total_cmp(&arrival[b as usize]));
        for &r in &taken {
            let i = r as usize;
            self.requests.blocks[i] = 0;
            match self.requests.phase[i] {
                Phase::Waiting => continue,
                Phase::Prefill => {}
                Phase::Swapped => self.requests.phase[i] = self.requests.unswapped(r),
                _ => self.requests.phase[i] = Phase::Decode,
            }
            self.requests.restart(r, self.limits.quirks.partial_restart);
            sink.lost(self.now, r);
        }
        taken
    }

    /// Makes an instance as new, but for what it has counted.
    fn empty(&mut self, index: usize, sink: &mut dyn Sink) {
        let queued: Vec<u32> = (self.replicas[index].stages.iter())
            .flat_map(|s| s.fifo.iter().copied())
            .collect();
        for place in 0..self.flights.len() as u32 {
            let flight = &mut self.flights[place as usize];
            if flight.replica as usize != index || flight.entries.is_empty() {
                continue;
            }
            sink.cut(flight.iteration, self.now);
            flight.entries.clear();
            if queued.contains(&place) {
                self.spare.push(place);
            } else {
                flight.lost = true;
            }
        }
        let Some(fleet) = &self.fleet else { return };
        let replica = &mut self.replicas[index];
        let old = &replica.desk;
        replica.desk = Desk {
            peak: old.peak,
            swaps: old.swaps,
            evictions: old.evictions,
            partly_evictions: old.partly_evictions,
            ..Desk::fresh(&self.limits)
        };
        replica.policy = fleet.template.clone();
        replica.stages = vec![Stage::default(); replica.stages.len()];
        replica.inflight = 0;
        if let Some(still) = replica.lanes.as_mut().and_then(|l| l.reset()) {
            self.flights[still as usize].lost = false;
            self.spare.push(still);
        }
        self.draw(index, None);
        let replica = &mut self.replicas[index];
        replica.outstanding = 0;
        replica.prompt_tokens = 0;
        replica.urgent = 0;
        self.links.reset(index, self.now);
        sink.resized(self.now, index as u32, &self.replicas[index].desk);
    }
}
