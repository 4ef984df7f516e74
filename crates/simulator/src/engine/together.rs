//! The event loop's dealings with the cohort: who joins it, who leaves it, and how those who stand
//! apart from it find everybody back where the plain rules expect them.

use super::cohort::{Beside, Place};
use super::desk::Entry;
use super::event_loop::Engine;
use super::requests::{Emitted, Phase, Requests};
use super::sink::Sink;

impl Engine {
    /// Lets the policy form a batch beside the cohort, if there is one.
    pub(super) fn beside(&mut self, index: usize) -> Beside {
        let replica = &mut self.replicas[index];
        if replica.desk.cohort.is_empty() {
            return Beside::Plain;
        }
        (replica.policy).beside(&mut replica.desk, &mut self.requests, &self.limits)
    }

    /// Sends everybody in the cohort back to where the plain rules expect them.
    pub(super) fn dissolve(&mut self, index: usize, sink: &mut dyn Sink) {
        let replica = &mut self.replicas[index];
        let desk = &mut replica.desk;
        let Some(rule) = replica.rule.filter(|_| !desk.cohort.is_empty()) else {
            return;
        };
        let in_batch = desk.cohort.in_batch();
        let mut members = Vec::with_capacity(desk.cohort.len());
        let now = self.now;
        desk.cohort
            .dissolve(&mut self.requests, &self.limits, rule, |r, ran| {
                members.push(r);
                if sink.lumps() {
                    sink.left(now, index as u32, r, ran, Emitted::Nothing);
                }
            });
        let on_desk = match rule.place {
            Place::Popped => !in_batch,
            Place::Front => true,
            Place::Apart => false,
        };
        if on_desk {
            for &r in members.iter().rev() {
                desk.held.push_front(r);
            }
        }
        let flight = self
            .flights
            .iter_mut()
            .find(|f| f.cohort && f.replica == index as u32);
        if let (true, Some(flight)) = (in_batch, flight) {
            flight.cohort = false;
            let explicit = std::mem::take(&mut flight.entries);
            flight.entries = members.into_iter().map(Entry::decode).collect();
            flight.entries.extend(explicit);
        }
    }

    /// Counts an iteration of the cohort and collects those it ended.
    pub(super) fn cohort_end(
        &mut self,
        index: usize,
        iteration: u64,
        ended: &mut Vec<Entry>,
        sink: &mut dyn Sink,
    ) {
        let replica = &mut self.replicas[index];
        let Some(rule) = replica.rule else { return };
        let cohort = &mut replica.desk.cohort;
        let count = cohort.len() as u32;
        self.whole.clear();
        if sink.lumps() {
            sink.cohort_ran(iteration, self.now, index as u32, count);
        } else {
            self.whole.extend(cohort.members().map(Entry::decode));
        }
        cohort.step(self.limits.block_size);
        while let Some((r, ran)) = cohort.pop_ended(&mut self.requests, &self.limits, rule) {
            self.requests.finish(r, self.now);
            self.finished += 1;
            replica.outstanding -= 1;
            replica.prompt_tokens -= u64::from(self.requests.prompt[r as usize]);
            replica.urgent -= u32::from(self.requests.tags.class(r) == 0);
            ended.push(Entry::decode(r));
            if sink.lumps() {
                sink.left(self.now, index as u32, r, ran, Emitted::Last);
            }
        }
        for entry in ended.iter() {
            self.follow_up(entry.request);
        }
        for &entry in &self.whole {
            let last = self.requests.phase[entry.request as usize] == Phase::Done;
            let emitted = if last { Emitted::Last } else { Emitted::Token };
            sink.ran(iteration, self.now, entry, emitted);
        }
        self.whole.clear();
    }

    /// After a batch: lets those who decoded in it join the cohort, as far as the plain order has
    /// them right behind it, or gives the cohort up where that order is another.
    pub(super) fn settle(
        &mut self,
        index: usize,
        cohort_ran: bool,
        left_out: usize,
        entries: &[Entry],
        sink: &mut dyn Sink,
    ) {
        let replica = &mut self.replicas[index];
        let Some(rule) = replica.rule else { return };
        let desk = &mut replica.desk;
        if !cohort_ran && !desk.cohort.is_empty() {
            return;
        }
        let fits = |r: u32, requests: &Requests| {
            let i = r as usize;
            requests.phase[i] == Phase::Decode
                && (!rule.grows
                    || requests.blocks[i] == self.limits.blocks_for(requests.processed[i] - 1))
        };
        match rule.place {
            Place::Popped if left_out > 0 => {
                // Those left out stand before the batch; so must its members.
                let members = desk.held.len();
                self.dissolve(index, sink);
                let held = &mut self.replicas[index].desk.held;
                let came = held.len() - members;
                held.make_contiguous()[..came + left_out].rotate_left(came);
            }
            Place::Popped | Place::Front => {
                for entry in entries {
                    let r = entry.request;
                    if self.requests.phase[r as usize] == Phase::Done {
                        continue;
                    }
                    if entry.prefill || desk.held.front() != Some(&r) || !fits(r, &self.requests) {
                        break;
                    }
                    // Who came back from the host stands last in the batch, whenever it arrived.
                    let arrival = |r: u32| self.requests.arrival[r as usize];
                    let last = desk.cohort.last().filter(|_| rule.by_arrival);
                    if last.is_some_and(|last| arrival(last) > arrival(r)) {
                        break;
                    }
                    desk.held.pop_front();
                    desk.cohort.join(&self.requests, &self.limits, r);
                    if sink.lumps() {
                        sink.joined(self.now, index as u32, r);
                    }
                }
            }
            Place::Apart => {
                let all = |e: &Entry| {
                    let done = self.requests.phase[e.request as usize] == Phase::Done;
                    done || (!e.prefill && fits(e.request, &self.requests))
                };
                if !desk.cohort.is_empty() || !entries.iter().all(all) {
                    return;
                }
                for entry in entries {
                    if self.requests.phase[entry.request as usize] != Phase::Done {
                        desk.cohort
                            .join(&self.requests, &self.limits, entry.request);
                        if sink.lumps() {
                            sink.joined(self.now, index as u32, entry.request);
                        }
                    }
                }
            }
        }
    }
}
