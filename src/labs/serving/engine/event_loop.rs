//! The event loop and its state.

use super::desk::{Desk, Entry, Note};
use super::requests::{Emitted, Phase, Requests};
use super::{Limits, Router, Work};
use crate::core::{Error, Result, Simulation};
use crate::labs::serving::policies::Policy;
use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

/// A batch as it was formed.
#[derive(Debug)]
pub struct Formed<'a> {
    /// Number of the iteration, from 0, over all instances.
    pub iteration: u64,
    /// Instance.
    pub replica: u32,
    /// When it was formed.
    pub at: f64,
    /// Seconds of one stage.
    pub stage_secs: f64,
    /// Its requests in order.
    pub entries: &'a [Entry],
    /// What it asks of the hardware.
    pub work: Work,
    /// The instance after forming.
    pub desk: &'a Desk,
}

/// Someone who writes down what happens. Every method may be left out.
pub trait Sink {
    /// A request arrived.
    fn arrived(&mut self, _at: f64, _request: u32, _phase: Phase) {}
    /// A batch was formed.
    fn formed(&mut self, _batch: &Formed<'_>) {}
    /// A batch started on the first stage.
    fn started(&mut self, _iteration: u64, _at: f64) {}
    /// A request of a batch that ended: what it gained.
    fn ran(&mut self, _iteration: u64, _at: f64, _entry: Entry, _emitted: Emitted) {}
    /// A batch left the last stage, after `ran` for each of its requests.
    fn ended(&mut self, _iteration: u64, _at: f64, _replica: u32, _desk: &Desk) {}
    /// A policy did something else.
    fn noted(&mut self, _at: f64, _note: Note) {}
}

/// Writes nothing down.
#[derive(Debug, Clone, Copy)]
pub struct NoSink;

impl Sink for NoSink {}

#[derive(Debug, Clone, Copy, PartialEq)]
struct StageEnd {
    at: f64,
    created: u64,
    replica: u32,
    stage: u32,
    flight: u32,
}

impl Eq for StageEnd {}

impl PartialOrd for StageEnd {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for StageEnd {
    fn cmp(&self, other: &Self) -> Ordering {
        self.at
            .total_cmp(&other.at)
            .then(self.created.cmp(&other.created))
    }
}

/// An arrival that follows the end of another request.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Followup {
    at: f64,
    created: u64,
    request: u32,
}

impl Eq for Followup {}

impl PartialOrd for Followup {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Followup {
    fn cmp(&self, other: &Self) -> Ordering {
        self.at
            .total_cmp(&other.at)
            .then(self.created.cmp(&other.created))
    }
}

/// A batch on its way through the stages.
#[derive(Debug, Clone, Default)]
struct Flight {
    iteration: u64,
    stage_secs: f64,
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, Default)]
struct Stage {
    busy: bool,
    fifo: VecDeque<u32>,
}

#[derive(Debug, Clone)]
struct Replica {
    desk: Desk,
    policy: Box<dyn Policy>,
    stages: Vec<Stage>,
    inflight: u32,
    outstanding: u32,
}

/// State of a run between two events. One step of the simulation is one event.
#[derive(Debug, Clone)]
pub struct Engine {
    limits: Arc<Limits>,
    router: Router,
    requests: Requests,
    replicas: Vec<Replica>,
    flights: Vec<Flight>,
    spare: Vec<u32>,
    ends: BinaryHeap<Reverse<StageEnd>>,
    followups: BinaryHeap<Reverse<Followup>>,
    created: u64,
    roots: usize,
    next_arrival: usize,
    routed: u64,
    now: f64,
    steps: u64,
    iterations: u64,
    finished: usize,
    ignored: usize,
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
        router: Router,
    ) -> Result<Self> {
        refuse_zero(&limits, replicas)?;
        refuse_bad_requests(&requests)?;
        let roots = requests.facts.roots(requests.len());
        let stages = limits.stages as usize;
        let replica = Replica {
            desk: Desk::default(),
            policy: policy.boxed(),
            stages: vec![Stage::default(); stages],
            inflight: 0,
            outstanding: 0,
        };
        Ok(Self {
            limits: Arc::new(limits),
            router,
            requests,
            replicas: vec![replica; replicas as usize],
            flights: Vec::new(),
            spare: Vec::new(),
            ends: BinaryHeap::new(),
            followups: BinaryHeap::new(),
            created: 0,
            roots,
            next_arrival: 0,
            routed: 0,
            now: 0.0,
            steps: 0,
            iterations: 0,
            finished: 0,
            ignored: 0,
        })
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
        self.replicas.iter().map(|r| r.desk.queue.len()).sum()
    }

    /// Whether no event is left.
    pub fn idle(&self) -> bool {
        self.next_arrival == self.roots && self.ends.is_empty() && self.followups.is_empty()
    }

    /// The reason when no event is left although requests are: nothing can ever go on.
    pub fn deadlock(&self) -> Option<Error> {
        if !self.idle() || self.finished + self.ignored == self.requests.len() {
            return None;
        }
        for replica in &self.replicas {
            let desk = &replica.desk;
            if let Some(&r) = desk.queue.front().or(desk.held.front()) {
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

    /// Processes one event and writes it down; `false` when none is left.
    pub fn advance_with(&mut self, sink: &mut dyn Sink) -> bool {
        let arrival = self.requests.arrival[..self.roots]
            .get(self.next_arrival)
            .copied();
        let end = self.ends.peek().map(|Reverse(e)| *e);
        if let Some(&Reverse(next)) = self.followups.peek()
            && arrival.is_none_or(|at| next.at < at)
            && end.is_none_or(|end| (next.at, next.created) < (end.at, end.created))
        {
            self.followups.pop();
            Arc::make_mut(&mut self.requests.arrival)[next.request as usize] = next.at;
            self.arrive(next.request, next.at, sink);
            self.steps += 1;
            return true;
        }
        match (arrival, end) {
            (Some(at), None) => self.arrive_next(at, sink),
            (Some(at), Some(end)) if at <= end.at => self.arrive_next(at, sink),
            (_, Some(end)) => {
                self.ends.pop();
                self.stage_end(end, sink);
            }
            (None, None) => return false,
        }
        self.steps += 1;
        true
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
        let replica = self.route();
        self.routed += 1;
        self.requests.replica[r as usize] = replica as u32;
        self.requests.phase[r as usize] = Phase::Waiting;
        let place = &mut self.replicas[replica];
        place
            .policy
            .arrived(&mut place.desk, &self.requests, &self.limits, r);
        place.outstanding += 1;
        sink.arrived(at, r, Phase::Waiting);
        self.form(replica, sink);
    }

    /// Creates the arrival that waits for the end of `r`.
    fn follow_up(&mut self, r: u32) {
        if let Some(next) = self.requests.facts.successor(r) {
            self.followups.push(Reverse(Followup {
                at: self.now + self.requests.facts.think[next as usize],
                created: self.created,
                request: next,
            }));
            self.created += 1;
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

    fn route(&self) -> usize {
        let n = self.replicas.len();
        match self.router {
            Router::RoundRobin => (self.routed % n as u64) as usize,
            Router::LeastOutstanding => {
                let load = |i: &usize| {
                    let replica = &self.replicas[*i];
                    if self.limits.quirks {
                        replica.desk.queue.len()
                    } else {
                        replica.outstanding as usize
                    }
                };
                (0..n).min_by_key(load).unwrap_or(0)
            }
        }
    }

    fn form(&mut self, index: usize, sink: &mut dyn Sink) {
        while self.replicas[index].inflight < self.limits.stages {
            let replica = &mut self.replicas[index];
            replica.desk.batch.clear();
            replica.desk.stop = super::Stop::None;
            replica
                .policy
                .next(&mut replica.desk, &mut self.requests, &self.limits);
            for note in replica.desk.notes.drain(..) {
                sink.noted(self.now, note);
            }
            if replica.desk.batch.is_empty() {
                break;
            }
            let work = replica.desk.work(&self.requests);
            let stage_secs = work.seconds(&self.limits.cost) / f64::from(self.limits.stages);
            let flight = self.take_flight(index, stage_secs);
            let entries = &self.flights[flight as usize].entries;
            for entry in entries {
                let at = &mut self.requests.scheduled_at[entry.request as usize];
                if at.is_nan() {
                    *at = self.now;
                }
            }
            sink.formed(&Formed {
                iteration: self.iterations,
                replica: index as u32,
                at: self.now,
                stage_secs,
                entries,
                work,
                desk: &self.replicas[index].desk,
            });
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
        flight.stage_secs = stage_secs;
        std::mem::swap(&mut flight.entries, &mut self.replicas[index].desk.batch);
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
        self.ends.push(Reverse(StageEnd {
            at: self.now + stage_secs,
            created: self.created,
            replica: index as u32,
            stage: stage as u32,
            flight,
        }));
        self.created += 1;
        if stage == 0 {
            sink.started(iteration, self.now);
        }
    }

    fn stage_end(&mut self, end: StageEnd, sink: &mut dyn Sink) {
        self.now = end.at;
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
        let iteration = self.flights[flight as usize].iteration;
        self.replicas[index].inflight -= 1;
        for &entry in &entries {
            let emitted = self.requests.process(entry.request, entry.tokens, self.now);
            if emitted == Emitted::Last {
                self.finished += 1;
                self.replicas[index].outstanding -= 1;
                self.follow_up(entry.request);
            }
            sink.ran(iteration, self.now, entry, emitted);
        }
        let replica = &mut self.replicas[index];
        replica.policy.batch_end(
            &mut replica.desk,
            &mut self.requests,
            &self.limits,
            &entries,
        );
        for note in replica.desk.notes.drain(..) {
            sink.noted(self.now, note);
        }
        sink.ended(iteration, self.now, index as u32, &replica.desk);
        entries.clear();
        self.flights[flight as usize].entries = entries;
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

fn refuse_zero(limits: &Limits, replicas: u32) -> Result<()> {
    let checks = [
        ("block_size", u64::from(limits.block_size)),
        ("num_blocks", u64::from(limits.num_blocks)),
        ("batch_size_cap", u64::from(limits.batch_cap)),
        ("pipeline_stages", u64::from(limits.stages)),
        ("max_tokens_in_batch", limits.max_tokens_in_batch),
        ("token_budget", u64::from(limits.token_budget)),
        ("replicas", u64::from(replicas)),
    ];
    for (field, value) in checks {
        if value == 0 {
            return Err(Error::out_of_range(field, value, "at least 1"));
        }
    }
    if limits.micro_batch() == 0 {
        return Err(Error::out_of_range(
            "batch_size_cap",
            limits.batch_cap,
            format!("at least the {} pipeline stages", limits.stages),
        ));
    }
    for (i, c) in limits.cost.iter().enumerate() {
        if !(c.is_finite() && *c >= 0.0) {
            return Err(Error::out_of_range(
                format!("c{i}"),
                c,
                "finite, not negative",
            ));
        }
    }
    Ok(())
}

fn refuse_bad_requests(requests: &Requests) -> Result<()> {
    let roots = requests.facts.roots(requests.len());
    if !requests.facts.next.is_empty() {
        refuse_bad_chains(requests)?;
    }
    for i in 0..requests.len() {
        let (p, d, at) = (requests.prefill[i], requests.decode[i], requests.arrival[i]);
        let row = |what: &str| format!("{what} of request {i}");
        if p == 0 {
            return Err(Error::out_of_range(row("prompt tokens"), p, "at least 1"));
        }
        if d == 0 {
            return Err(Error::out_of_range(row("output tokens"), d, "at least 1"));
        }
        if u64::from(p) + u64::from(d) > u64::from(u32::MAX / 4) {
            return Err(Error::out_of_range(
                row("tokens"),
                u64::from(p) + u64::from(d),
                format!("at most {}", u32::MAX / 4),
            ));
        }
        if i >= roots {
            continue;
        }
        if !(at.is_finite() && at >= 0.0) {
            return Err(Error::out_of_range(
                row("arrival time"),
                at,
                "finite, not negative",
            ));
        }
        if i > 0 && at < requests.arrival[i - 1] {
            return Err(Error::out_of_range(
                row("arrival time"),
                at,
                format!("at least {}, the one before", requests.arrival[i - 1]),
            ));
        }
    }
    Ok(())
}

/// Every request after the roots has one predecessor, an earlier one, and a thinking time.
fn refuse_bad_chains(requests: &Requests) -> Result<()> {
    let facts = &requests.facts;
    let n = requests.len();
    let mut predecessors = vec![0_u8; n];
    for (r, &next) in facts.next.iter().enumerate() {
        if next == super::NO_REQUEST {
            continue;
        }
        let think = facts.think.get(next as usize).copied().unwrap_or(f64::NAN);
        if next as usize >= n || next as usize <= r || !(think.is_finite() && think >= 0.0) {
            return Err(Error::out_of_range(
                format!("successor of request {r}"),
                next,
                "a later request with a thinking time from 0",
            ));
        }
        predecessors[next as usize] = predecessors[next as usize].saturating_add(1);
    }
    let sound = (0..n).all(|r| predecessors[r] == u8::from(r >= facts.roots));
    if !sound || facts.roots > n || facts.next.len() != n {
        return Err(Error::out_of_range(
            "requests that follow others",
            n - facts.roots.min(n),
            "exactly those after the first, each after one other",
        ));
    }
    Ok(())
}
