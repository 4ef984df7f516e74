//! The event loop and its state.

use super::checks::{refuse_bad_requests, refuse_zero};
use super::cohort::CohortRule;
use super::desk::{Desk, Entry};
use super::events::{Calendar, Dated, Side, StageEnd};
use super::fleet::{Clocked, Draw, Fleet};
use super::lanes::Lanes;
use super::links::Links;
use super::pools::Between;
use super::requests::{Phase, Requests};
use super::sink::{NoSink, Sink};
use super::{Cluster, Layered, Limits};
use crate::core::{Result, Simulation};
use crate::policy::Policy;
use crate::route::Route;
use std::cmp::Reverse;
use std::collections::VecDeque;
use std::sync::Arc;

/// The router of a single instance.
#[derive(Debug)]
struct NoChoice;

impl Route for NoChoice {
    fn pick(&mut self, _cluster: &Cluster<'_>, _r: u32) -> usize {
        0
    }

    fn boxed(&self) -> Box<dyn Route> {
        Box::new(Self)
    }
}

/// A batch on its way through the stages.
#[derive(Debug, Clone, Default)]
pub(super) struct Flight {
    pub(super) iteration: u64,
    pub(super) replica: u32,
    pub(super) stage_secs: f64,
    pub(super) entries: Vec<Entry>,
    /// How its prompts run through the layers.
    pub(super) layered: Layered,
    /// Whether the cohort runs too, before the entries.
    pub(super) cohort: bool,
    /// Whether its instance died: its end counts for nothing.
    pub(super) lost: bool,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Stage {
    pub(super) busy: bool,
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
    /// Its two lanes, where it runs two batches at once.
    pub(super) lanes: Option<Box<Lanes>>,
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
    /// Its clock under a cap of power.
    pub(super) clocked: Option<Clocked>,
    /// The power it draws, where that is looked at.
    pub(super) draw: Draw,
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
    pub(super) side: Calendar<Side>,
    pub(super) created: u64,
    pub(super) roots: usize,
    pub(super) next_arrival: usize,
    pub(super) now: f64,
    steps: u64,
    pub(super) iterations: u64,
    pub(super) finished: usize,
    pub(super) ignored: usize,
    /// Working space: the whole batch for a sink that wants every request.
    pub(super) whole: Vec<Entry>,
    /// Working space: members of the cohort that ended in a batch.
    pub(super) ended: Vec<Entry>,
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
            lanes: None,
            inflight: 0,
            outstanding: 0,
            prompt_tokens: 0,
            urgent: 0,
            headroom: 0,
            slowdown: 1.0,
            clocked: None,
            draw: Draw::default(),
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
        Self {
            now,
            ..Self::idle_with(limits, requests, vec![replica], Box::new(NoChoice))
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
            Side::Swapped(instance) => self.copies_end(instance as usize, next.at, sink),
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
        if !self.receive(r, sink) {
            self.route(r, sink);
        }
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
        let foretold = self.router.foretold();
        self.seat(r, self.open[place], sink);
        if let Some(secs) = foretold {
            sink.foretold(self.now, r, secs);
            self.provision(secs, sink);
        }
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
        let longest = self.requests.prefill[i] + self.requests.decode[i] - 1;
        !self.limits.holds(longest)
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
