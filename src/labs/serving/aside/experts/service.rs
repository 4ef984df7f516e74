//! Clients that call expert servers, event by event.

mod failure;

use super::super::agenda::Agenda;
use super::config::ExpertsConfig;
use super::placement::{Choices, place};
use super::served::{Served, Stepped};
use crate::core::rng::{Stream, StreamId};
use std::collections::VecDeque;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Event {
    /// A client has done its attention.
    Send(u16),
    /// Its calls arrive.
    Arrive(u16),
    /// A call arrives that was sent alone: again, or over a slow link.
    ArriveAlone(u16, u16),
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

/// Where a client's call of an expert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    Idle,
    /// On its way to a server.
    Sent(u16),
    /// The same over a slow link: behind the others of its round.
    Late(u16),
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
    /// When the last answer of the round so far would have been sent over a sound link to arrive
    /// when it does, and by whom.
    answered: (f64, u16),
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
    agenda: Agenda<Event>,
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
            answered: (0.0, 0),
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
            agenda: Agenda::new(),
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
        self.agenda.push(at, event);
    }

    fn hop(&self) -> f64 {
        self.config.per_round(self.config.hop_micros)
    }

    /// Works off some events; whether the run is over.
    pub(super) fn advance(&mut self, count: usize) -> bool {
        for _ in 0..count {
            let Some((at, event)) = self.agenda.pop() else {
                return true;
            };
            if at > self.config.secs {
                return true;
            }
            self.now = at;
            match event {
                Event::Send(c) => self.send(c),
                Event::Arrive(c) => self.arrive(c),
                Event::ArriveAlone(c, e) => self.arrive_alone(c, e),
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
        client.answered = (0.0, 0);
        for e in 0..self.holders.len() as u16 {
            if self.clients[usize::from(c)].tokens[usize::from(e)] > 0 {
                self.call(c, e);
                self.delay(c, e);
            }
        }
        self.push(self.now + self.hop(), Event::Arrive(c));
    }

    /// How many times as long the network to or from a server takes now.
    fn link(&self, s: u16) -> f64 {
        self.config.fault.link_factor(usize::from(s), self.now)
    }

    /// Lets a call over a slow link fall behind the others of its round.
    fn delay(&mut self, c: u16, e: u16) {
        let Call::Sent(s) = self.clients[usize::from(c)].calls[usize::from(e)] else {
            return;
        };
        let slower = self.link(s);
        if slower > 1.0 {
            self.clients[usize::from(c)].calls[usize::from(e)] = Call::Late(s);
            let at = self.now + slower * self.hop();
            self.push(at, Event::ArriveAlone(c, e));
        }
    }

    fn arrive_alone(&mut self, c: u16, e: u16) {
        let call = &mut self.clients[usize::from(c)].calls[usize::from(e)];
        if let Call::Late(s) = *call {
            *call = Call::Sent(s);
        }
        self.join(c, e);
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
        let left = self.now + (self.link(s) - 1.0) * self.hop();
        for c in clients {
            let client = &mut self.clients[usize::from(c)];
            client.calls[usize::from(e)] = Call::Idle;
            client.out -= 1;
            if left >= client.answered.0 {
                client.answered = (left, s);
            }
            if client.out == 0 {
                let (last, server) = client.answered;
                let took = last - client.sent;
                if took > client.slowest.0 {
                    client.slowest = (took, server, client.round);
                }
                self.push(last + self.hop(), Event::Back(c));
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
}

#[cfg(test)]
mod tests;
