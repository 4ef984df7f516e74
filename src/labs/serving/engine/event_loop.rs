//! The event loop and its state.

use super::checks::{refuse_bad_requests, refuse_zero};
use super::cohort::{Beside, CohortRule};
use super::desk::{Desk, Entry};
use super::events::{Calendar, Dated, Side, StageEnd};
use super::fleet::Fleet;
use super::links::Links;
use super::pools::Between;
use super::requests::{Emitted, Phase, Requests};
use super::sink::{Formed, NoSink, Sink};
use super::{Cluster, Limits};
use crate::core::{Error, Result, Simulation};
use crate::labs::serving::policies::{Forecast, Policy};
use crate::labs::serving::routers::{Route, Routing};
use std::cmp::Reverse;
use std::collections::VecDeque;
use std::sync::Arc;

/// A batch on its way through the stages.
#[derive(Debug, Clone, Default)]
pub(super) struct Flight {
    pub(super) iteration: u64,
    pub(super) replica: u32,
    pub(super) stage_secs: f64,
    pub(super) entries: Vec<Entry>,
    /// Whether the cohort runs too, before the entries.
    pub(super) cohort: bool,
    /// Whether its instance died: its end counts for nothing.
    pub(super) lost: bool,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Stage {
    busy: bool,
    pub(super) fifo: VecDeque<u32>,
}

/// An instance.
#[derive(Debug, Clone)]
pub(super) struct Replica {
    pub(super) desk: Desk,
    pub(super) policy: Box<dyn Policy>,
    /// How the cohort works here; `None` keeps to the plain rules.
    pub(super) rule: Option<CohortRule>,
    pub(super) stages: Vec<Stage>,
    pub(super) inflight: u32,
    /// Requests that wait or run.
    pub(super) outstanding: u32,
    /// Their prompt tokens.
    pub(super) prompt_tokens: u64,
    /// Those of them that belong to the first class.
    pub(super) urgent: u32,
    /// Blocks that count as taken while there are any.
    pub(super) headroom: u32,
    /// Seconds of a stage over those of a sound instance.
    pub(super) slowdown: f64,
}

/// State of a run between two events. One step of the simulation is one event.
#[derive(Debug, Clone)]
pub struct Engine {
    pub(super) limits: Arc<Limits>,
    router: Box<dyn Route>,
    pub(super) requests: Requests,
    pub(super) replicas: Vec<Replica>,
    /// What is between a prefill and a decode pool, if the instances are split.
    pub(super) between: Option<Box<Between>>,
    /// Links between instances.
    pub(super) links: Links,
    /// What else happens to the instances, if anything does.
    pub(super) fleet: Option<Box<Fleet>>,
    /// Instances that arrivals may go to, in order.
    pub(super) open: Vec<u32>,
    pub(super) flights: Vec<Flight>,
    pub(super) spare: Vec<u32>,
    pub(super) ends: Calendar<StageEnd>,
    side: Calendar<Side>,
    created: u64,
    roots: usize,
    next_arrival: usize,
    pub(super) now: f64,
    steps: u64,
    iterations: u64,
    pub(super) finished: usize,
    ignored: usize,
    /// Working space: the whole batch for a sink that wants every request.
    pub(super) whole: Vec<Entry>,
    /// Working space: members of the cohort that ended in a batch.
    ended: Vec<Entry>,
}

impl Engine {
    /// A run before its first event. `policy` is the template for every instance.
    ///
    /// # Errors
    /// When a capacity is zero, or lengths and arrivals do not make sense.
    pub fn new(
        limits: Limits,
        requests: Requests,
        policy: &dyn Policy,
        replicas: u32,
        router: impl Into<Box<dyn Route>>,
    ) -> Result<Self> {
        refuse_zero(&limits, replicas)?;
        refuse_bad_requests(&requests)?;
        let roots = requests.chains.roots(requests.len());
        let stages = limits.stages as usize;
        let replica = Replica {
            desk: Desk::fresh(&limits),
            policy: policy.boxed(),
            rule: policy
                .cohort()
                .filter(|_| stages == 1 && !limits.prefix_caching),
            stages: vec![Stage::default(); stages],
            inflight: 0,
            outstanding: 0,
            prompt_tokens: 0,
            urgent: 0,
            headroom: 0,
            slowdown: 1.0,
        };
        let instances = vec![replica; replicas as usize];
        let limits = Arc::new(limits);
        Ok(Self {
            roots,
            ..Self::idle_with(limits, requests, instances, router.into())
        })
    }

    /// Instances as they stand, with nothing to come.
    fn idle_with(
        limits: Arc<Limits>,
        requests: Requests,
        replicas: Vec<Replica>,
        router: Box<dyn Route>,
    ) -> Self {
        let open = (0..replicas.len() as u32).collect();
        Self {
            limits,
            router,
            requests,
            replicas,
            between: None,
            links: Links::default(),
            fleet: None,
            open,
            flights: Vec::new(),
            spare: Vec::new(),
            ends: Calendar::new(),
            side: Calendar::new(),
            created: 0,
            roots: 0,
            next_arrival: 0,
            now: 0.0,
            steps: 0,
            iterations: 0,
            finished: 0,
            ignored: 0,
            whole: Vec::new(),
            ended: Vec::new(),
        }
    }

    /// One instance as it stands at a moment, with nothing to come.
    pub(super) fn alone(
        limits: Arc<Limits>,
        requests: Requests,
        replica: Replica,
        now: f64,
    ) -> Self {
        let nobody = Routing::RoundRobin.into();
        Self {
            now,
            ..Self::idle_with(limits, requests, vec![replica], nobody)
        }
    }

    /// Takes over batches on their way.
    pub(super) fn resume(
        &mut self,
        flights: Vec<Flight>,
        spare: Vec<u32>,
        ends: Calendar<StageEnd>,
    ) {
        self.created = ends
            .iter()
            .map(|Reverse(e)| e.created + 1)
            .max()
            .unwrap_or(0);
        (self.flights, self.spare, self.ends) = (flights, spare, ends);
    }

    /// The same run by the plain rules alone, every request of every batch one by one: slower,
    /// with the same results. The reference that the cohort is tested and timed against.
    pub fn one_by_one(mut self) -> Self {
        for replica in &mut self.replicas {
            replica.rule = None;
        }
        self
    }

    /// The same state with every field of every request up to date and every request on its desk
    /// or in its batch, for lookers-on.
    pub fn settled(mut self) -> Self {
        for index in 0..self.replicas.len() {
            self.dissolve(index, &mut NoSink);
        }
        self
    }

    /// The requests.
    pub fn requests(&self) -> &Requests {
        &self.requests
    }

    /// The limits.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Time of the last event.
    pub fn now(&self) -> f64 {
        self.now
    }

    /// Batches formed.
    pub fn iterations(&self) -> u64 {
        self.iterations
    }

    /// Requests that have all their tokens.
    pub fn finished(&self) -> usize {
        self.finished
    }

    /// Requests set aside at arrival.
    pub fn ignored(&self) -> usize {
        self.ignored
    }

    /// Number of instances.
    pub fn replicas(&self) -> usize {
        self.replicas.len()
    }

    /// Working state of an instance.
    pub fn desk(&self, replica: usize) -> &Desk {
        &self.replicas[replica].desk
    }

    /// What the policy of its instance says about a request.
    pub fn why(&self, r: u32) -> Vec<String> {
        let replica = self.requests.replica[r as usize] as usize;
        let Some(Replica { desk, policy, .. }) = self.replicas.get(replica) else {
            return Vec::new();
        };
        policy.why(desk, &self.requests, &self.limits, r)
    }

    /// The memory to come as the policy of an instance saw it last, if it looks ahead.
    pub fn forecast(&self, replica: usize) -> Option<&Forecast> {
        self.replicas[replica].policy.forecast()
    }

    /// Whether a batch of the instance is on its way.
    pub fn busy(&self, replica: usize) -> bool {
        self.replicas[replica].inflight > 0
    }

    /// Requests in flight with their tokens, over all batches of an instance.
    pub fn in_flight(&self, replica: usize) -> impl Iterator<Item = &Entry> {
        self.flights
            .iter()
            .flat_map(|f| &f.entries)
            .filter(move |e| self.requests.replica[e.request as usize] as usize == replica)
    }

    /// Waiting requests over all instances.
    pub fn waiting(&self) -> usize {
        let queued: usize = self.replicas.iter().map(|r| r.desk.queue.len()).sum();
        queued + self.gateway().count()
    }

    /// Whether no event is left.
    pub fn idle(&self) -> bool {
        self.next_arrival == self.roots
            && self.ends.is_empty()
            && !self
                .side
                .iter()
                .any(|Reverse(s)| !matches!(s.what, Side::Tick))
    }

    /// The reason when no event is left although requests are: nothing can ever go on.
    pub fn deadlock(&self) -> Option<Error> {
        if !self.idle() || self.finished + self.ignored == self.requests.len() {
            return None;
        }
        if let Some(r) = self.gateway().next() {
            return Some(Error::Stuck(format!(
                "deadlock: no instance takes request {r}"
            )));
        }
        for replica in &self.replicas {
            let desk = &replica.desk;
            let swapped = desk.swapped.front().map(|s| s.request);
            if let Some(r) = (desk.queue.front().or(desk.held.front()).copied()).or(swapped) {
                let need = self.limits.blocks_for(self.requests.prefill[r as usize]);
                return Some(Error::Stuck(format!(
                    "deadlock: request {r} needs {need} blocks, pool has {} ({} free, {} kept in reserve)",
                    self.limits.num_blocks,
                    desk.free(&self.limits),
                    self.limits.watermark_blocks,
                )));
            }
        }
        Some(Error::Stuck(
            "deadlock: a static batch never ended".to_owned(),
        ))
    }

    /// Time of the next event; `None` when none is left.
    pub fn next_at(&self) -> Option<f64> {
        let arrival = self.requests.arrival[..self.roots]
            .get(self.next_arrival)
            .copied();
        let end = self.ends.peek().map(|Reverse(e)| e.at);
        let side = self.side.peek().map(|Reverse(s)| s.at);
        (arrival.into_iter().chain(end).chain(side)).min_by(f64::total_cmp)
    }

    /// Processes one event and writes it down; `false` when none is left.
    pub fn advance_with(&mut self, sink: &mut dyn Sink) -> bool {
        let went = self.next_event(sink);
        if went && self.fleet.is_some() {
            self.tend(sink);
        }
        went
    }

    fn next_event(&mut self, sink: &mut dyn Sink) -> bool {
        let arrival = self.requests.arrival[..self.roots]
            .get(self.next_arrival)
            .copied();
        let end = self.ends.peek().map(|Reverse(e)| *e);
        if let Some(&Reverse(next)) = self.side.peek()
            && arrival.is_none_or(|at| next.at < at)
            && end.is_none_or(|end| (next.at, next.created) < (end.at, end.created))
        {
            let last = arrival.is_none() && end.is_none() && self.side.len() == 1;
            if last && matches!(next.what, Side::Tick) {
                // Nothing is left to look over.
                return false;
            }
            self.side.pop();
            self.beside_batches(&next, sink);
            self.steps += 1;
            return true;
        }
        match (arrival, end) {
            (Some(at), None) => self.arrive_next(at, sink),
            (Some(at), Some(end)) if at <= end.at => self.arrive_next(at, sink),
            (_, Some(end)) => {
                self.ends.pop();
                self.stage_end(end.at, end.what, sink);
            }
            (None, None) => return false,
        }
        self.steps += 1;
        true
    }

    /// Creates an event.
    pub(super) fn plan(&mut self, at: f64, what: Side) -> u64 {
        let created = self.created;
        self.side.push(Reverse(Dated { at, created, what }));
        self.created += 1;
        created
    }

    /// Whether anything but a look over the instances is to come.
    pub(super) fn goes_on(&self) -> bool {
        self.next_arrival < self.roots || !self.ends.is_empty() || !self.side.is_empty()
    }

    fn beside_batches(&mut self, next: &Dated<Side>, sink: &mut dyn Sink) {
        if self.finished + self.ignored == self.requests.len() {
            // Whatever was to happen to the instances happens to nobody.
            return;
        }
        match next.what {
            Side::Followup(r) => {
                Arc::make_mut(&mut self.requests.arrival)[r as usize] = next.at;
                self.arrive(r, next.at, sink);
            }
            Side::Landing => self.land(next.created, next.at, sink),
            Side::Copied => self.copied(next.created, next.at, sink),
            Side::Tick => self.look_over(next.at, sink),
            Side::Fault(place, begins) => self.fault(place as usize, begins, next.at, sink),
            Side::Ready(instance) => self.ready(instance as usize, next.at, sink),
        }
    }

    /// Processes up to `most` events; how many there were.
    pub fn advance_all(&mut self, most: u64, sink: &mut dyn Sink) -> u64 {
        let before = self.steps;
        while self.steps - before < most && self.advance_with(sink) {}
        self.steps - before
    }

    /// The next arrival by the clock.
    fn arrive_next(&mut self, at: f64, sink: &mut dyn Sink) {
        let r = self.next_arrival as u32;
        self.next_arrival += 1;
        self.arrive(r, at, sink);
    }

    fn arrive(&mut self, r: u32, at: f64, sink: &mut dyn Sink) {
        self.now = at;
        if self.limits.ignore_misfits && self.never_fits(r) {
            self.requests.phase[r as usize] = Phase::Ignored;
            self.ignored += 1;
            self.follow_up(r);
            sink.arrived(at, r, Phase::Ignored);
            return;
        }
        self.requests.phase[r as usize] = Phase::Waiting;
        sink.arrived(at, r, Phase::Waiting);
        self.route(r, sink);
    }

    /// Sends a waiting request to an instance.
    pub(super) fn route(&mut self, r: u32, sink: &mut dyn Sink) {
        let late = self.fleet.is_some() && self.forwards();
        let found = if late { self.forwarded(r) } else { None };
        if let Some(replica) = found {
            self.seat(r, replica, sink);
            return;
        }
        if late || self.open.is_empty() {
            if let Some(fleet) = &mut self.fleet {
                fleet.nowhere.push_back(r);
            }
            return;
        }
        let cluster = Cluster {
            replicas: &self.replicas,
            open: &self.open,
            requests: &self.requests,
            limits: &self.limits,
            now: self.now,
            flights: &self.flights,
            ends: &self.ends,
        };
        let place = self.router.pick(&cluster, r).min(self.open.len() - 1);
        self.seat(r, self.open[place], sink);
    }

    /// Puts a waiting request into the queue of an instance.
    pub(super) fn seat(&mut self, r: u32, replica: u32, sink: &mut dyn Sink) {
        self.requests.replica[r as usize] = replica;
        let place = &mut self.replicas[replica as usize];
        place.desk.now = self.now;
        place
            .policy
            .arrived(&mut place.desk, &self.requests, &self.limits, r);
        place.joins(&self.requests, r);
        self.form(replica as usize, sink);
    }

    /// Creates the arrival that waits for the end of `r`.
    pub(super) fn follow_up(&mut self, r: u32) {
        if let Some(next) = self.requests.chains.successor(r) {
            let at = self.now + self.requests.chains.think[next as usize];
            self.plan(at, Side::Followup(next));
        }
    }

    /// Whether the pool is too small for the request at its longest.
    fn never_fits(&self, r: u32) -> bool {
        let i = r as usize;
        let total = self.requests.prefill[i] + self.requests.decode[i] - 1;
        let room =
            self.limits.num_blocks - self.limits.watermark_blocks.min(self.limits.num_blocks);
        self.limits.blocks_for(total) > room
    }

    pub(super) fn form(&mut self, index: usize, sink: &mut dyn Sink) {
        while self.replicas[index].inflight < self.limits.stages {
            self.replicas[index].desk.batch.clear();
            self.replicas[index].desk.now = self.now;
            self.replicas[index].desk.stop = super::Stop::None;
            if self.beside(index) == Beside::Plain {
                self.dissolve(index, sink);
                let replica = &mut self.replicas[index];
                (replica.policy).next(&mut replica.desk, &mut self.requests, &self.limits);
            }
            let replica = &mut self.replicas[index];
            for note in replica.desk.notes.drain(..) {
                sink.noted(self.now, note);
            }
            if replica.desk.batch_len() == 0 {
                break;
            }
            let work = replica.desk.work(&self.requests);
            replica.desk.copied = 0;
            let swap_secs = self.limits.swap_seconds(&work);
            let stage_secs = self.limits.cost.stage_seconds(&work, self.limits.stages) + swap_secs;
            let stage_secs = stage_secs * self.replicas[index].slowdown;
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
                desk,
            });
            self.whole.clear();
            self.iterations += 1;
            self.replicas[index].inflight += 1;
            self.push(index, 0, flight, sink);
        }
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

    fn stage_end(&mut self, at: f64, end: StageEnd, sink: &mut dyn Sink) {
        if std::mem::take(&mut self.flights[end.flight as usize].lost) {
            self.spare.push(end.flight);
            return;
        }
        self.now = at;
        let (index, stage) = (end.replica as usize, end.stage as usize);
        self.replicas[index].stages[stage].busy = false;
        self.start_if_idle(index, stage, sink);
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

impl Simulation for Engine {
    fn advance(&mut self) -> bool {
        self.advance_with(&mut NoSink)
    }

    fn steps(&self) -> u64 {
        self.steps
    }
}
