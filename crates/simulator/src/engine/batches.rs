//! A batch from its forming over the stages to its end.

use super::cohort::Beside;
use super::desk::Entry;
use super::event_loop::{Engine, Flight};
use super::events::{Dated, StageEnd};
use super::lanes::Lane;
use super::requests::Emitted;
use super::sink::{Formed, Sink};
use std::cmp::Reverse;

impl Engine {
    pub(super) fn form(&mut self, index: usize, sink: &mut dyn Sink) {
        if self.replicas[index].lanes.is_some() {
            self.form_lanes(index, sink);
            return;
        }
        while self.replicas[index].inflight < self.limits.stages && self.form_one(index, None, sink)
        {
        }
    }

    /// Forms a batch, of one lane where there are two; `false` if there is nothing to run.
    pub(super) fn form_one(
        &mut self,
        index: usize,
        lane: Option<Lane>,
        sink: &mut dyn Sink,
    ) -> bool {
        self.replicas[index].desk.lane = lane;
        self.replicas[index].desk.batch.clear();
        self.replicas[index].desk.now = self.now;
        self.replicas[index].desk.stop = super::Stop::None;
        self.replicas[index].desk.layered = super::Layered::default();
        if self.beside(index) == Beside::Plain {
            self.dissolve(index, sink);
            let replica = &mut self.replicas[index];
            (replica.policy).next(&mut replica.desk, &mut self.requests, &self.limits);
        }
        self.plan_copies(index);
        let replica = &mut self.replicas[index];
        for note in replica.desk.notes.drain(..) {
            sink.noted(self.now, note);
        }
        if replica.desk.batch_len() == 0 {
            return false;
        }
        let work = replica.desk.work(&self.requests);
        (replica.desk.copied, replica.desk.copied_groups) = (0, 0);
        let swap_secs = self.limits.swap_seconds(&work);
        let replica = &self.replicas[index];
        let cost = (replica.clocked.as_ref()).map_or(&self.limits.cost, |c| &*c.cost);
        let stage_secs = cost.stage_seconds(&work, self.limits.stages) + swap_secs;
        let busy = cost.busy(&work, self.limits.stages);
        let mut stage_secs = stage_secs * replica.slowdown;
        let mut dynamic = replica.dynamic();
        let mut asked = None;
        if let (Some(lanes), Some(lane)) = (&replica.lanes, lane) {
            let ask = lanes.ask(lane, &cost.demand(&work), replica.slowdown);
            stage_secs = lanes.seconds(lane, &ask);
            dynamic *= lanes.part(lane);
            asked = Some((lane, ask));
        }
        let flight = self.take_flight(index, stage_secs);
        let Flight {
            entries, cohort, ..
        } = &self.flights[flight as usize];
        for entry in entries {
            let at = &mut self.requests.scheduled_at[entry.request as usize];
            if at.is_nan() {
                *at = self.now;
            }
        }
        let desk = &self.replicas[index].desk;
        let lumps = sink.lumps();
        let expand = *cohort && !lumps;
        if expand {
            self.whole.clear();
            self.whole.extend(desk.cohort.members().map(Entry::decode));
            self.whole.extend_from_slice(entries);
        }
        sink.formed(&Formed {
            iteration: self.iterations,
            replica: index as u32,
            at: self.now,
            stage_secs,
            swap_secs,
            entries: if expand { &self.whole } else { entries },
            cohort: if lumps { desk.cohort.running() } else { 0 },
            work,
            expert_loads: self.limits.cost.expert_loads(&work),
            busy,
            dynamic,
            desk,
        });
        self.whole.clear();
        if self.fleet.is_some() {
            self.draw(index, Some(work.prefill));
        }
        self.iterations += 1;
        self.replicas[index].inflight += 1;
        match asked {
            Some((lane, ask)) => self.start_in_lane(index, lane, flight, ask, sink),
            None => self.push(index, 0, flight, sink),
        }
        true
    }

    /// Moves the formed batch into a free place of the flight list.
    fn take_flight(&mut self, index: usize, stage_secs: f64) -> u32 {
        let slot = self.spare.pop().unwrap_or_else(|| {
            self.flights.push(Flight::default());
            (self.flights.len() - 1) as u32
        });
        let flight = &mut self.flights[slot as usize];
        flight.iteration = self.iterations;
        flight.replica = index as u32;
        flight.stage_secs = stage_secs;
        let desk = &mut self.replicas[index].desk;
        flight.cohort = desk.cohort.in_batch();
        flight.layered = desk.layered;
        std::mem::swap(&mut flight.entries, &mut desk.batch);
        slot
    }

    fn push(&mut self, index: usize, stage: usize, flight: u32, sink: &mut dyn Sink) {
        self.replicas[index].stages[stage].fifo.push_back(flight);
        self.start_if_idle(index, stage, sink);
    }

    fn start_if_idle(&mut self, index: usize, stage: usize, sink: &mut dyn Sink) {
        let place = &mut self.replicas[index].stages[stage];
        if place.busy {
            return;
        }
        let Some(flight) = place.fifo.pop_front() else {
            return;
        };
        place.busy = true;
        let Flight {
            iteration,
            stage_secs,
            ..
        } = self.flights[flight as usize];
        self.ends.push(Reverse(Dated {
            at: self.now + stage_secs,
            created: self.created,
            what: StageEnd {
                replica: index as u32,
                stage: stage as u32,
                flight,
            },
        }));
        self.created += 1;
        if stage == 0 {
            sink.started(iteration, self.now);
        }
    }

    pub(super) fn stage_end(&mut self, at: f64, end: StageEnd, sink: &mut dyn Sink) {
        if std::mem::take(&mut self.flights[end.flight as usize].lost) {
            self.spare.push(end.flight);
            return;
        }
        self.now = at;
        let (index, stage) = (end.replica as usize, end.stage as usize);
        self.replicas[index].stages[stage].busy = false;
        self.start_if_idle(index, stage, sink);
        self.end_in_lane(index, stage);
        if stage + 1 < self.limits.stages as usize {
            self.push(index, stage + 1, end.flight, sink);
        } else {
            self.batch_end(index, end.flight, sink);
            self.form(index, sink);
        }
    }

    fn batch_end(&mut self, index: usize, flight: u32, sink: &mut dyn Sink) {
        let mut entries = std::mem::take(&mut self.flights[flight as usize].entries);
        let Flight {
            iteration, cohort, ..
        } = self.flights[flight as usize];
        self.replicas[index].inflight -= 1;
        let mut ended = std::mem::take(&mut self.ended);
        if cohort {
            self.cohort_end(index, iteration, &mut ended, sink);
        }
        for &entry in &entries {
            let emitted = self.requests.process(entry.request, entry.tokens, self.now);
            if emitted == Emitted::Last {
                self.finished += 1;
                self.replicas[index].leaves(&self.requests, entry.request);
                self.follow_up(entry.request);
            }
            sink.ran(iteration, self.now, entry, emitted);
        }
        self.tune_shares(index, &entries, sink);
        let replica = &mut self.replicas[index];
        replica.desk.cache_computed(&self.requests, &entries);
        let left_out = replica.desk.held.len();
        // Of the cohort the policy only hears who ended.
        let told = if ended.is_empty() {
            &entries
        } else {
            ended.extend_from_slice(&entries);
            &ended
        };
        (replica.policy).batch_end(&mut replica.desk, &mut self.requests, &self.limits, told);
        for note in replica.desk.notes.drain(..) {
            sink.noted(self.now, note);
        }
        sink.ended(iteration, self.now, index as u32, &replica.desk);
        self.settle(index, cohort, left_out, &entries, sink);
        self.hand_over(index, &entries, sink);
        if self.fleet.is_some() {
            let secs = self.flights[flight as usize].stage_secs;
            self.draw(index, None);
            self.count_work(index, secs, &entries);
            self.stop_movers(index, &entries, sink);
        }
        ended.clear();
        self.ended = ended;
        entries.clear();
        let flight_slot = &mut self.flights[flight as usize];
        flight_slot.entries = entries;
        flight_slot.cohort = false;
        self.spare.push(flight);
    }
}
