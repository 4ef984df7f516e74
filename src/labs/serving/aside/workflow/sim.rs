//! Calls on instances, event by event.

use super::super::agenda::Agenda;
use super::super::fault::Fault;
use super::config::{CORRECTION, CallOrder, Dispatch, PHASES, WorkflowConfig};
use crate::core::num;
use crate::core::rng::{Stream, StreamId};

/// Values of α that are tried when it is tuned.
pub(super) const GRID: [f64; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];

/// A query as it is, whoever serves it.
#[derive(Debug, Clone)]
pub(super) struct Query {
    pub(super) arrival: f64,
    /// Seconds on an A100 of every call of every phase.
    pub(super) calls: Vec<Vec<f64>>,
}

/// Draws the queries.
pub(super) fn queries(config: &WorkflowConfig, seed: u64) -> Vec<Query> {
    let mut gaps = Stream::new(seed, StreamId::Arrivals);
    let mut now = 0.0;
    let stream = |id, q: u64| Stream::new(seed, id).step(q as u32);
    (0..config.queries)
        .map(|q| {
            now += gaps.exponential() / config.rate;
            let mut lengths = stream(StreamId::Lengths, q);
            let mut chances = stream(StreamId::Classes, q);
            let phases = PHASES.iter().enumerate().map(|(p, phase)| {
                let fans = if phase.fans { config.candidates } else { 1 };
                let each = (0..fans).filter_map(|_| {
                    // Times are drawn for all, needed or not, so that the chance moves none of them.
                    let needed = p != CORRECTION || chances.uniform() < config.correction;
                    let s = config.sigma;
                    let secs = phase.secs * num::exp(s * lengths.normal() - 0.5 * s * s);
                    needed.then_some(secs)
                });
                each.collect()
            });
            Query {
                arrival: now,
                calls: phases.collect(),
            }
        })
        .collect()
}

/// A call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    pub(super) query: u32,
    pub(super) phase: u8,
    /// Seconds on an A100.
    secs: f64,
    pub(super) issued: f64,
    /// Its share of what was left of the deadline.
    pub(super) budget: f64,
    pub(super) instance: u16,
    /// Place among those that the instance runs at once.
    pub(super) slot: u16,
    pub(super) start: f64,
    pub(super) end: f64,
    /// Whether its instance died before it was complete; it is issued again then.
    pub(super) lost: bool,
}

#[derive(Debug, Clone)]
struct Instance {
    factor: f64,
    alive: bool,
    /// Estimated work of those that wait or run, in seconds here.
    work: f64,
    waiting: Vec<u32>,
    slots: Vec<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Event {
    Arrival(u32),
    End(u32),
    Tune,
    Dies,
    Back,
}

/// The state, and what has happened.
pub(super) struct Sim<'a> {
    config: WorkflowConfig,
    queries: &'a [Query],
    agenda: Agenda<Event>,
    now: f64,
    turn: usize,
    /// Calls that found no instance, in order.
    nowhere: Vec<Call>,
    instances: Vec<Instance>,
    pub(super) calls: Vec<Call>,
    /// Phase of each query, and calls of it that are still out.
    state: Vec<(usize, usize)>,
    /// When each query was complete; NaN until then.
    pub(super) done: Vec<f64>,
    /// α over time.
    pub(super) alphas: Vec<[f64; 2]>,
}

/// Serves the queries to the end.
pub(super) fn serve<'a>(config: &WorkflowConfig, queries: &'a [Query]) -> Sim<'a> {
    let slots = vec![false; config.slots.max(1) as usize];
    let instances = config.factors().into_iter().map(|factor| Instance {
        factor,
        alive: true,
        work: 0.0,
        waiting: Vec::new(),
        slots: slots.clone(),
    });
    let mut sim = Sim {
        instances: instances.collect(),
        queries,
        agenda: Agenda::new(),
        now: 0.0,
        turn: 0,
        nowhere: Vec::new(),
        calls: Vec::new(),
        state: vec![(0, 0); queries.len()],
        done: vec![f64::NAN; queries.len()],
        alphas: vec![[0.0, config.alpha]],
        config: config.clone(),
    };
    for (q, query) in queries.iter().enumerate() {
        sim.push(query.arrival, Event::Arrival(q as u32));
    }
    if config.fault.dies() {
        let [from, to] = config.fault.span();
        sim.push(from, Event::Dies);
        sim.push(to, Event::Back);
    }
    if config.tune && config.dispatch == Dispatch::Score {
        sim.push(config.window_secs, Event::Tune);
    }
    while let Some((at, event)) = sim.agenda.pop() {
        sim.now = at;
        match event {
            Event::Arrival(q) => sim.issue(q),
            Event::End(call) => sim.end(call),
            Event::Tune => sim.tune(),
            Event::Dies => sim.die(),
            Event::Back => sim.back(),
        }
    }
    sim
}

impl Sim<'_> {
    fn push(&mut self, at: f64, event: Event) {
        self.agenda.push(at, event);
    }

    fn deadline(&self, query: u32) -> f64 {
        self.queries[query as usize].arrival + self.config.deadline * self.config.alone_secs()
    }

    /// Issues the calls of a query's phase; those after it, where a phase has none.
    fn issue(&mut self, q: u32) {
        let query = &self.queries[q as usize];
        let mut phase = self.state[q as usize].0;
        while query.calls.get(phase).is_some_and(Vec::is_empty) {
            phase += 1;
        }
        let Some(calls) = query.calls.get(phase) else {
            self.state[q as usize] = (phase, 0);
            self.done[q as usize] = self.now;
            return;
        };
        self.state[q as usize] = (phase, calls.len());
        let after: f64 = PHASES[phase + 1..].iter().map(|p| p.secs).sum();
        let own = PHASES[phase].secs;
        let left = self.deadline(q) - self.now;
        let issued: Vec<Call> = calls
            .iter()
            .map(|&secs| Call {
                query: q,
                phase: phase as u8,
                secs,
                issued: self.now,
                budget: left * own / (own + after),
                instance: 0,
                slot: 0,
                start: f64::NAN,
                end: f64::NAN,
                lost: false,
            })
            .collect();
        for call in issued {
            self.dispatch(call);
        }
    }

    fn dispatch(&mut self, mut call: Call) {
        let alive: Vec<usize> = (0..self.instances.len())
            .filter(|i| self.instances[*i].alive)
            .collect();
        if alive.is_empty() {
            return self.nowhere.push(call);
        }
        let chosen = match self.config.dispatch {
            Dispatch::RoundRobin => {
                self.turn += 1;
                alive[(self.turn - 1) % alive.len()]
            }
            Dispatch::Score => {
                let alpha = self.alphas.last().map_or(self.config.alpha, |a| a[1]);
                best(&self.instances, &alive, alpha)
            }
        };
        let number = self.calls.len() as u32;
        call.instance = chosen as u16;
        let instance = &mut self.instances[chosen];
        instance.work += PHASES[usize::from(call.phase)].secs * instance.factor;
        instance.waiting.push(number);
        self.calls.push(call);
        self.start(chosen);
    }

    /// How much too late a call is if it starts now, by the mean time of its phase there.
    fn urgency(&self, call: u32, factor: f64) -> f64 {
        let call = &self.calls[call as usize];
        let elapsed = self.now - call.issued;
        PHASES[usize::from(call.phase)].secs * factor - (call.budget - elapsed)
    }

    fn start(&mut self, i: usize) {
        while let Some(slot) = self.instances[i].slots.iter().position(|busy| !busy) {
            let instance = &self.instances[i];
            let waiting = instance.waiting.iter().enumerate();
            let next = match self.config.order {
                CallOrder::Fcfs => (!instance.waiting.is_empty()).then_some(0),
                CallOrder::Urgency => waiting
                    .map(|(place, &call)| (place, self.urgency(call, instance.factor)))
                    // The first of equals.
                    .fold(None, |best: Option<(usize, f64)>, own| match best {
                        Some(best) if best.1 >= own.1 => Some(best),
                        _ => Some(own),
                    })
                    .map(|(place, _)| place),
            };
            let Some(next) = next else { return };
            let number = self.instances[i].waiting.remove(next);
            let slower = self.config.fault.factor(i, self.now);
            let factor = slower * self.instances[i].factor;
            self.instances[i].slots[slot] = true;
            let call = &mut self.calls[number as usize];
            call.slot = slot as u16;
            call.start = self.now;
            call.end = self.now + call.secs * factor;
            let end = call.end;
            self.push(end, Event::End(number));
        }
    }

    fn end(&mut self, number: u32) {
        let call = self.calls[number as usize];
        if call.lost {
            return;
        }
        let i = usize::from(call.instance);
        let instance = &mut self.instances[i];
        instance.slots[usize::from(call.slot)] = false;
        instance.work -= PHASES[usize::from(call.phase)].secs * instance.factor;
        let state = &mut self.state[call.query as usize];
        state.1 -= 1;
        if state.1 == 0 {
            state.0 += 1;
            self.issue(call.query);
        }
        self.start(i);
    }

    /// An instance dies: its calls are issued again, in the order in which they were.
    fn die(&mut self) {
        let i = self.config.fault.server as usize;
        let instance = &mut self.instances[i];
        instance.alive = false;
        instance.work = 0.0;
        instance.waiting.clear();
        instance.slots.fill(false);
        let mut again = Vec::new();
        for call in &mut self.calls {
            let open = !(call.end <= self.now || call.lost);
            if usize::from(call.instance) == i && open {
                again.push(Call {
                    start: f64::NAN,
                    end: f64::NAN,
                    ..*call
                });
                // Those that waited have no time on the instance.
                call.start = if call.start.is_nan() {
                    self.now
                } else {
                    call.start
                };
                call.end = self.now;
                call.lost = true;
            }
        }
        for call in again {
            self.dispatch(call);
        }
    }

    /// It is back, empty.
    fn back(&mut self) {
        let i = self.config.fault.server as usize;
        self.instances[i].alive = true;
        for call in std::mem::take(&mut self.nowhere) {
            self.dispatch(call);
        }
    }

    /// Chooses the α that would have met most deadlines of the last window, the faster one of equals.
    fn tune(&mut self) {
        let from = self.now - self.config.window_secs;
        let last: Vec<Query> = (self.queries.iter())
            .filter(|q| from < q.arrival && q.arrival <= self.now)
            .map(|q| Query {
                arrival: q.arrival - from,
                calls: q.calls.clone(),
            })
            .collect();
        if !last.is_empty() {
            let tried = GRID.map(|alpha| {
                let config = WorkflowConfig {
                    tune: false,
                    alpha,
                    fault: Fault::default(),
                    ..self.config.clone()
                };
                let sim = serve(&config, &last);
                let took = sim.done.iter().zip(&last).map(|(end, q)| end - q.arrival);
                let limit = config.deadline * config.alone_secs();
                let met = took.clone().filter(|t| *t <= limit).count();
                (alpha, met, took.sum::<f64>())
            });
            let better = |a: &(f64, usize, f64), b: &(f64, usize, f64)| {
                (a.1.cmp(&b.1)).then(b.2.total_cmp(&a.2))
            };
            if let Some(found) = tried.iter().max_by(|a, b| better(a, b)) {
                self.alphas.push([self.now, found.0]);
            }
        }
        if self.queries.last().is_some_and(|q| q.arrival > self.now) {
            self.push(self.now + self.config.window_secs, Event::Tune);
        }
    }
}

/// The instance with the largest α·t(fastest)/t(e) − (1 − α)·W_e/W_largest among those that are
/// alive; the first of equals.
fn best(all: &[Instance], alive: &[usize], alpha: f64) -> usize {
    let instances: Vec<&Instance> = alive.iter().map(|i| &all[*i]).collect();
    let fastest = instances
        .iter()
        .map(|i| i.factor)
        .fold(f64::INFINITY, f64::min);
    let most = instances.iter().map(|i| i.work).fold(0.0, f64::max);
    let score = |i: &&Instance| {
        let work = if most > 0.0 { i.work / most } else { 0.0 };
        alpha * fastest / i.factor - (1.0 - alpha) * work
    };
    let mut found = 0;
    for i in 1..instances.len() {
        if score(&instances[i]) > score(&instances[found]) {
            found = i;
        }
    }
    alive[found]
}

#[cfg(test)]
mod tests {
    use super::super::super::fault::ServerFault;
    use super::*;

    fn base() -> WorkflowConfig {
        WorkflowConfig {
            queries: 60,
            ..WorkflowConfig::default()
        }
    }

    #[test]
    fn every_call_runs_once_after_the_phase_before_and_slots_hold_one() {
        let fault = |what, server, at_secs, secs| Fault {
            what,
            server,
            at_secs,
            secs,
            ..Fault::default()
        };
        for (dispatch, order, fault, only) in [
            (
                Dispatch::RoundRobin,
                CallOrder::Fcfs,
                Fault::default(),
                false,
            ),
            (Dispatch::Score, CallOrder::Urgency, Fault::default(), false),
            (
                Dispatch::Score,
                CallOrder::Urgency,
                fault(ServerFault::Dies, 0, 50.0, 100.0),
                false,
            ),
            (
                Dispatch::RoundRobin,
                CallOrder::Fcfs,
                fault(ServerFault::Dies, 4, 20.0, 1e5),
                false,
            ),
            (
                Dispatch::Score,
                CallOrder::Fcfs,
                fault(ServerFault::Dies, 0, 30.0, 50.0),
                true,
            ),
            (
                Dispatch::Score,
                CallOrder::Fcfs,
                fault(ServerFault::Slows, 1, 30.0, 90.0),
                false,
            ),
        ] {
            let mut config = WorkflowConfig {
                dispatch,
                order,
                tune: true,
                fault,
                ..base()
            };
            if only {
                (config.usual, config.slow) = (0, 0);
            }
            let queries = queries(&config, 3);
            let sim = serve(&config, &queries);
            let calls: usize = queries.iter().flat_map(|q| &q.calls).map(Vec::len).sum();
            assert_eq!(sim.calls.iter().filter(|c| !c.lost).count(), calls);
            assert!(sim.done.iter().all(|d| d.is_finite()));
            for (i, a) in sim.calls.iter().enumerate() {
                assert!(a.start >= a.issued && (a.end > a.start || a.lost), "{a:?}");
                assert!(!a.lost || config.fault.dies(), "{a:?}");
                for b in &sim.calls[i + 1..] {
                    if a.query == b.query && a.phase < b.phase {
                        assert!(a.end <= b.issued, "{a:?} {b:?}");
                    }
                    let ran = a.end > a.start && b.end > b.start;
                    if ran && (a.instance, a.slot) == (b.instance, b.slot) {
                        assert!(a.end <= b.start || b.end <= a.start, "{a:?} {b:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn alone_on_one_instance_a_query_takes_the_sum_of_its_phases() {
        let config = WorkflowConfig {
            queries: 1,
            fast: 0,
            usual: 1,
            slow: 0,
            sigma: 0.0,
            candidates: 1,
            correction: 1.0,
            ..base()
        };
        let queries = queries(&config, 1);
        let sim = serve(&config, &queries);
        let took = sim.done[0] - queries[0].arrival;
        assert!((took - config.alone_secs()).abs() < 1e-9, "{took}");
        assert!((took - 26.512).abs() < 1e-9, "{took}");
        // The first call's share of the deadline, by hand.
        let budget = sim.calls[0].budget;
        assert!(
            (budget - 2.5 * 26.512 * 0.225 / 26.512).abs() < 1e-9,
            "{budget}"
        );
    }

    #[test]
    fn the_score_weighs_speed_against_work() {
        let of = |factor, work| Instance {
            factor,
            alive: true,
            work,
            waiting: Vec::new(),
            slots: vec![false],
        };
        let two = [of(1.0, 0.0), of(0.5, 10.0)];
        assert_eq!(best(&two, &[0, 1], 0.0), 0, "work alone");
        assert_eq!(best(&two, &[0, 1], 1.0), 1, "speed alone");
        // α·1/2 against α − (1 − α): the balance is at α = 2/3.
        assert_eq!(best(&two, &[0, 1], 0.66), 0);
        assert_eq!(best(&two, &[0, 1], 0.67), 1);
    }
}
