//! Clients that call expert servers, event by event.

use super::config::ExpertsConfig;
use super::placement::{Choices, place};
use crate::core::rng::{Stream, StreamId};
use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};

/// Windows of a run in which work is summed up.
pub(super) const WINDOWS: usize = 200;

/// A step of a client: a token for each of its sequences.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stepped {
    pub(super) client: u16,
    pub(super) span: [f64; 2],
    /// Seconds of the longest wait for experts among its rounds, where, and when.
    pub(super) slowest: f64,
    pub(super) server: u16,
    pub(super) round: u32,
    /// Calls sent again because their server was gone.
    pub(super) again: u32,
}

/// What is wrong with a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OutageKind {
    Dead,
    Slow,
    Loading,
    Stopped,
}

/// A time at which something is wrong with a server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outage {
    pub(super) server: u16,
    pub(super) kind: OutageKind,
    pub(super) span: [f64; 2],
}

/// What happened.
#[derive(Debug, Clone)]
pub(super) struct Served {
    pub(super) steps: Vec<Stepped>,
    /// Busy seconds of each server in each window.
    pub(super) busy: Vec<Vec<f64>>,
    pub(super) outages: Vec<Outage>,
    /// Calls sent, and sent again.
    pub(super) calls: [u64; 2],
    secs: f64,
}

impl Served {
    pub(super) fn new(config: &ExpertsConfig) -> Self {
        Self {
            steps: Vec::new(),
            busy: vec![vec![0.0; WINDOWS]; config.servers as usize],
            outages: Vec::new(),
            calls: [0; 2],
            secs: config.secs,
        }
    }

    /// Notes the fault itself.
    pub(super) fn ill(&mut self, config: &ExpertsConfig) {
        if config.fault.any() {
            self.outages.push(Outage {
                server: config.fault.server as u16,
                kind: [OutageKind::Slow, OutageKind::Dead][usize::from(config.fault.dies())],
                span: config.fault.span(),
            });
        }
    }

    /// Notes a step that is over in time.
    pub(super) fn stepped(&mut self, step: Stepped) {
        if step.span[1] <= self.secs {
            self.steps.push(step);
        }
    }

    /// Notes work of a server.
    pub(super) fn worked(&mut self, server: usize, [from, to]: [f64; 2]) {
        let width = self.secs / WINDOWS as f64;
        let mut at = from;
        while at < to.min(self.secs) {
            let window = ((at / width) as usize).min(WINDOWS - 1);
            // At least a step forward, whatever rounding does.
            let end = ((window + 1) as f64 * width).max(at + 1e-12).min(to);
            self.busy[server][window] += end - at;
            at = end;
        }
    }

    /// Steps over per second in every window.
    pub(super) fn rates(&self) -> Vec<f64> {
        let width = self.secs / WINDOWS as f64;
        let mut out = vec![0.0; WINDOWS];
        for step in &self.steps {
            let window = (step.span[1] / width) as usize;
            out[window.min(WINDOWS - 1)] += 1.0 / width;
        }
        out
    }

    /// Steps that were over in a time.
    pub(super) fn count(&self, [from, to]: [f64; 2]) -> usize {
        let inside = |s: &&Stepped| from < s.span[1] && s.span[1] <= to;
        self.steps.iter().filter(inside).count()
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Event {
    /// A client has done its attention.
    Send(u16),
    /// Its calls arrive.
    Arrive(u16),
    /// A call sent again arrives.
    ArriveAgain(u16, u16),
    /// A server is done with an expert.
    Done(u16, u32),
    /// A client has all answers.
    Back(u16),
    Ill,
    Detected,
    Well,
    /// An expert is loaded on a server.
    Loaded(u16, u16),
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Due(f64, u64, Event);

impl Eq for Due {}

impl Ord for Due {
    /// The earliest is the greatest; equal times in order of creation.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.0.total_cmp(&self.0)).then(other.1.cmp(&self.1))
    }
}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Where a client's call of an expert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    Idle,
    /// On its way to a server.
    Sent(u16),
    /// There, waiting or in work.
    There(u16),
    /// Its server died with it.
    Lost(u16),
    /// No copy of its expert is loaded anywhere.
    Parked,
}

#[derive(Debug, Clone)]
struct Client {
    step: u32,
    round: u32,
    /// When the step began, and the calls of the round went out.
    from: f64,
    sent: f64,
    /// Calls without an answer.
    out: u32,
    tokens: Vec<u32>,
    calls: Vec<Call>,
    slowest: (f64, u16, u32),
    again: u32,
}

#[derive(Debug, Clone)]
struct Server {
    alive: bool,
    /// Experts with calls, in the order of the first.
    queue: VecDeque<u16>,
    /// Clients that wait for each expert.
    waiting: Vec<Vec<u16>>,
    /// Calls that it has, on their way included: what a client asks before it chooses.
    load: u32,
    working: Option<(u16, Vec<u16>)>,
    /// Number of its present work: that of a dead one never ends.
    work: u32,
    loading_until: f64,
}

/// The state.
pub(super) struct Sim {
    config: ExpertsConfig,
    choices: Choices,
    dice: Stream,
    heap: BinaryHeap<Due>,
    number: u64,
    now: f64,
    clients: Vec<Client>,
    servers: Vec<Server>,
    /// Servers that clients call for each expert.
    holders: Vec<Vec<u16>>,
    /// Experts of the server that died.
    gone: Vec<u16>,
    /// Whether the clients know that it did.
    known: bool,
    served: Served,
}

impl Sim {
    pub(super) fn new(config: &ExpertsConfig, seed: u64) -> Self {
        let all: Vec<u16> = (0..config.servers as u16).collect();
        let experts = config.experts as usize;
        let client = Client {
            step: 0,
            round: 0,
            from: 0.0,
            sent: 0.0,
            out: 0,
            tokens: vec![0; experts],
            calls: vec![Call::Idle; experts],
            slowest: (0.0, 0, 0),
            again: 0,
        };
        let server = Server {
            alive: true,
            queue: VecDeque::new(),
            waiting: vec![Vec::new(); experts],
            load: 0,
            working: None,
            work: 0,
            loading_until: 0.0,
        };
        let mut sim = Self {
            config: config.clone(),
            choices: Choices::new(config, seed),
            dice: Stream::new(seed, StreamId::Policy),
            heap: BinaryHeap::new(),
            number: 0,
            now: 0.0,
            clients: vec![client; config.clients as usize],
            servers: vec![server; all.len()],
            holders: place(config, &all),
            gone: Vec::new(),
            known: false,
            served: Served::new(config),
        };
        sim.served.ill(config);
        if config.fault.dies() {
            let [ill, well] = config.fault.span();
            sim.push(ill, Event::Ill);
            sim.push(well, Event::Well);
            sim.push(ill + config.detect_secs, Event::Detected);
        }
        let attention = config.per_round(config.attention_micros);
        for c in 0..config.clients {
            // They share no clock.
            let at = attention * (c + 1) as f64 / config.clients as f64;
            sim.push(at, Event::Send(c as u16));
        }
        sim
    }

    fn push(&mut self, at: f64, event: Event) {
        self.number += 1;
        self.heap.push(Due(at, self.number, event));
    }

    fn hop(&self) -> f64 {
        self.config.per_round(self.config.hop_micros)
    }

    /// Works off some events; whether the run is over.
    pub(super) fn advance(&mut self, count: usize) -> bool {
        for _ in 0..count {
            let Some(Due(at, _, event)) = self.heap.pop() else {
                return true;
            };
            if at > self.config.secs {
                return true;
            }
            self.now = at;
            match event {
                Event::Send(c) => self.send(c),
                Event::Arrive(c) => self.arrive(c),
                Event::ArriveAgain(c, e) => self.join(c, e),
                Event::Done(s, work) => self.done(s, work),
                Event::Back(c) => self.back(c),
                Event::Ill => self.ill(),
                Event::Detected => self.detected(),
                Event::Well => self.well(),
                Event::Loaded(s, e) => self.loaded(s, e),
            }
        }
        false
    }

    /// What happened.
    pub(super) fn finish(self) -> Served {
        self.served
    }

    /// The copy that a call goes to: the shorter queue of two drawn ones.
    fn pick(&mut self, e: u16) -> Option<u16> {
        let own = &self.holders[usize::from(e)];
        let n = own.len() as u32;
        if n < 2 {
            return own.first().copied();
        }
        let first = self.dice.below(n);
        if !self.config.two_choices {
            return own.get(first as usize).copied();
        }
        let second = (first + 1 + self.dice.below(n - 1)) % n;
        let [a, b] = [first, second].map(|i| own[i as usize]);
        let load = |s: u16| self.servers[usize::from(s)].load;
        Some(if load(b) < load(a) { b } else { a })
    }

    /// Chooses a server for a call; without one it waits until the expert is loaded.
    fn call(&mut self, c: u16, e: u16) -> bool {
        self.served.calls[0] += 1;
        let to = self.pick(e);
        if let Some(s) = to {
            self.servers[usize::from(s)].load += 1;
        }
        self.clients[usize::from(c)].calls[usize::from(e)] = to.map_or(Call::Parked, Call::Sent);
        to.is_some()
    }

    fn send(&mut self, c: u16) {
        let client = &self.clients[usize::from(c)];
        let (step, round) = (client.step, client.round);
        let tokens = self.choices.tokens(usize::from(c), step, round);
        let client = &mut self.clients[usize::from(c)];
        if round == 0 {
            client.from = self.now - self.config.per_round(self.config.attention_micros);
        }
        client.sent = self.now;
        client.out = tokens.iter().filter(|t| **t > 0).count() as u32;
        client.tokens = tokens;
        for e in 0..self.holders.len() as u16 {
            if self.clients[usize::from(c)].tokens[usize::from(e)] > 0 {
                self.call(c, e);
            }
        }
        self.push(self.now + self.hop(), Event::Arrive(c));
    }

    fn arrive(&mut self, c: u16) {
        for e in 0..self.holders.len() as u16 {
            self.join(c, e);
        }
    }

    /// A call arrives at its server, if it is on its way to one.
    fn join(&mut self, c: u16, e: u16) {
        let call = &mut self.clients[usize::from(c)].calls[usize::from(e)];
        let Call::Sent(s) = *call else { return };
        let server = &mut self.servers[usize::from(s)];
        if !server.alive {
            *call = Call::Lost(s);
            if self.known {
                self.resend(c, e);
            }
            return;
        }
        *call = Call::There(s);
        if server.waiting[usize::from(e)].is_empty() {
            server.queue.push_back(e);
        }
        server.waiting[usize::from(e)].push(c);
        self.work(s);
    }

    /// Begins with the next expert of a server: all calls of it that wait, together.
    fn work(&mut self, s: u16) {
        let server = &mut self.servers[usize::from(s)];
        if server.working.is_some() {
            return;
        }
        let Some(e) = server.queue.pop_front() else {
            return;
        };
        let clients = std::mem::take(&mut server.waiting[usize::from(e)]);
        let tokens: u32 = (clients.iter())
            .map(|c| self.clients[usize::from(*c)].tokens[usize::from(e)])
            .sum();
        let factor = self.config.fault.factor(usize::from(s), self.now);
        let secs = factor * self.config.expert_secs(f64::from(tokens));
        server.working = Some((e, clients));
        server.work += 1;
        let number = server.work;
        let end = self.now + secs;
        self.served.worked(usize::from(s), [self.now, end]);
        self.push(end, Event::Done(s, number));
    }

    fn done(&mut self, s: u16, work: u32) {
        let server = &mut self.servers[usize::from(s)];
        if server.work != work {
            return;
        }
        let Some((e, clients)) = server.working.take() else {
            return;
        };
        server.load -= clients.len() as u32;
        for c in clients {
            let client = &mut self.clients[usize::from(c)];
            client.calls[usize::from(e)] = Call::Idle;
            client.out -= 1;
            if client.out == 0 {
                let took = self.now - client.sent;
                if took > client.slowest.0 {
                    client.slowest = (took, s, client.round);
                }
                let at = self.now + self.hop();
                self.push(at, Event::Back(c));
            }
        }
        self.work(s);
    }

    fn back(&mut self, c: u16) {
        let attention = self.config.per_round(self.config.attention_micros);
        let client = &mut self.clients[usize::from(c)];
        client.round += 1;
        if u64::from(client.round) == self.config.rounds {
            let (slowest, server, round) = client.slowest;
            self.served.stepped(Stepped {
                client: c,
                span: [client.from, self.now],
                slowest,
                server,
                round,
                again: client.again,
            });
            client.round = 0;
            client.step += 1;
            client.slowest = (0.0, 0, 0);
            client.again = 0;
        }
        self.push(self.now + attention, Event::Send(c));
    }

    fn ill(&mut self) {
        let s = self.config.fault.server as u16;
        let server = &mut self.servers[usize::from(s)];
        server.alive = false;
        server.work += 1;
        server.queue.clear();
        server.working = None;
        server.waiting.iter_mut().for_each(Vec::clear);
        for client in &mut self.clients {
            let there = client.calls.iter_mut().filter(|c| **c == Call::There(s));
            there.for_each(|c| *c = Call::Lost(s));
        }
    }

    /// The clients know that a server is gone: they call other copies; experts without one are
    /// loaded on the servers with the fewest.
    fn detected(&mut self) {
        if std::mem::replace(&mut self.known, true) {
            return;
        }
        let dead = self.config.fault.server as u16;
        let mut without = Vec::new();
        for (e, own) in self.holders.iter_mut().enumerate() {
            if own.contains(&dead) {
                own.retain(|s| *s != dead);
                self.gone.push(e as u16);
                if own.is_empty() {
                    without.push(e as u16);
                }
            }
        }
        for e in without {
            let count = |s: u16| self.holders.iter().flatten().filter(|h| **h == s).count();
            let alive = (0..self.servers.len() as u16)
                .filter(|s| *s != dead && self.servers[usize::from(*s)].alive);
            let least = alive.min_by(|a, b| {
                let until = |s: u16| self.servers[usize::from(s)].loading_until;
                (until(*a).total_cmp(&until(*b)))
                    .then(count(*a).cmp(&count(*b)))
                    .then(a.cmp(b))
            });
            if let Some(s) = least {
                self.load(s, e);
            }
        }
        self.servers[usize::from(dead)].load = 0;
        for c in 0..self.clients.len() as u16 {
            for e in 0..self.holders.len() as u16 {
                if self.clients[usize::from(c)].calls[usize::from(e)] == Call::Lost(dead) {
                    self.resend(c, e);
                }
            }
        }
    }

    fn resend(&mut self, c: u16, e: u16) {
        self.served.calls[1] += 1;
        self.clients[usize::from(c)].again += 1;
        if self.call(c, e) {
            self.push(self.now + self.hop(), Event::ArriveAgain(c, e));
        }
    }

    /// Loads an expert, after those that the server loads already.
    fn load(&mut self, s: u16, e: u16) {
        let server = &mut self.servers[usize::from(s)];
        let from = server.loading_until.max(self.now);
        server.loading_until = from + self.config.load_secs;
        self.served.outages.push(Outage {
            server: s,
            kind: OutageKind::Loading,
            span: [from, server.loading_until],
        });
        let at = server.loading_until;
        self.push(at, Event::Loaded(s, e));
    }

    fn loaded(&mut self, s: u16, e: u16) {
        // A copy that was loaded meanwhile on a server that died since is not there.
        if !self.servers[usize::from(s)].alive || self.holders[usize::from(e)].contains(&s) {
            return;
        }
        self.holders[usize::from(e)].push(s);
        for c in 0..self.clients.len() as u16 {
            if self.clients[usize::from(c)].calls[usize::from(e)] == Call::Parked {
                self.resend(c, e);
            }
        }
    }

    fn well(&mut self) {
        let s = self.config.fault.server as u16;
        // It may be back before anybody knew that it was away.
        self.detected();
        self.servers[usize::from(s)].alive = true;
        let mut back = std::mem::take(&mut self.gone);
        // Those first that nobody has.
        back.sort_by_key(|e| !self.holders[usize::from(*e)].is_empty());
        for e in back {
            self.load(s, e);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::fault::{Fault, ServerFault};
    use super::*;

    fn run(config: &ExpertsConfig) -> Served {
        config.check().unwrap();
        let mut sim = Sim::new(config, 1);
        while !sim.advance(1000) {}
        sim.finish()
    }

    #[test]
    fn alone_a_step_is_attention_the_expert_and_the_network_twice() {
        let config = ExpertsConfig {
            clients: 1,
            servers: 2,
            copies: 1,
            experts: 2,
            topk: 2,
            rounds: 2,
            fault: Fault::default(),
            secs: 1.0,
            ..ExpertsConfig::default()
        };
        let served = run(&config);
        // Both experts of every token work side by side.
        let want = 32.0 * 1e-6 * (300.0 + 2.0 * 15.0 + 20.0 + 0.5 * 32.0);
        for step in &served.steps {
            let took = step.span[1] - step.span[0];
            assert!((took - want).abs() < 1e-12, "{took} {want}");
        }
        assert_eq!(served.steps.len(), (1.0 / want) as usize);
    }

    #[test]
    fn calls_that_wait_for_one_expert_read_its_weights_once() {
        let config = ExpertsConfig {
            clients: 8,
            servers: 1,
            copies: 1,
            experts: 1,
            topk: 1,
            rounds: 1,
            layers: 1,
            attention_micros: 1.0,
            hop_micros: 1.0,
            expert_micros: 1000.0,
            token_micros: 0.0,
            fault: Fault::default(),
            secs: 1.0,
            ..ExpertsConfig::default()
        };
        let served = run(&config);
        let busy: f64 = served.busy[0].iter().sum();
        let reads = busy / 1e-3;
        assert!((served.steps.len() as f64) > 3.9 * reads, "{reads} reads");
    }

    #[test]
    fn whatever_happens_to_a_server_every_client_goes_on_in_order() {
        for (copies, what, secs, detect_secs) in [
            (1, ServerFault::Dies, 2.0, 0.1),
            (2, ServerFault::Dies, 2.0, 0.1),
            (2, ServerFault::Dies, 0.05, 0.2),
            (2, ServerFault::Dies, 50.0, 0.1),
            (3, ServerFault::Slows, 2.0, 0.1),
        ] {
            for at_secs in [0.0, 0.7, 1.003] {
                let config = ExpertsConfig {
                    copies,
                    fault: Fault {
                        what,
                        server: 2,
                        at_secs,
                        secs,
                        ..Fault::default()
                    },
                    detect_secs,
                    secs: 6.0,
                    ..ExpertsConfig::default()
                };
                let served = run(&config);
                for c in 0..4 {
                    let own = served.steps.iter().filter(|s| s.client == c);
                    let own: Vec<_> = own.collect();
                    for pair in own.windows(2) {
                        let gap = pair[1].span[0] - pair[0].span[1];
                        assert!(gap.abs() < 1e-9, "{c} {pair:?}");
                    }
                    let last = own.last().map_or(0.0, |s| s.span[1]);
                    assert!(last > 5.9, "{c} stops at {last}: {config:?}");
                }
                let died = what == ServerFault::Dies;
                assert_eq!(served.calls[1] > 0, died, "{:?} {config:?}", served.calls);
                for busy in served.busy.iter().flatten() {
                    assert!(*busy <= 6.0 / WINDOWS as f64 + 1e-9, "{busy}");
                }
            }
        }
    }

    #[test]
    fn of_two_copies_the_slow_one_is_called_less() {
        let share = |two_choices| {
            let config = ExpertsConfig {
                two_choices,
                fault: Fault {
                    what: ServerFault::Slows,
                    at_secs: 0.0,
                    ..Fault::default()
                },
                secs: 4.0,
                ..ExpertsConfig::default()
            };
            run(&config).steps.len() as f64
        };
        assert!(share(true) > 1.1 * share(false), "{}", share(true));
    }
}
