//! A server that dies: calls are sent again, experts without a copy are loaded elsewhere.

use super::{Call, Event, Sim};
use crate::core::Arrange as _;
use crate::labs::serving::aside::experts::served::{Outage, OutageKind};

impl Sim {
    pub(super) fn ill(&mut self) {
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
    pub(super) fn detected(&mut self) {
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

    pub(super) fn resend(&mut self, c: u16, e: u16) {
        self.served.calls[1] += 1;
        self.clients[usize::from(c)].again += 1;
        if self.call(c, e) {
            let at = self.now + self.hop();
            self.push(at, Event::ArriveAlone(c, e));
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

    pub(super) fn loaded(&mut self, s: u16, e: u16) {
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

    pub(super) fn well(&mut self) {
        let s = self.config.fault.server as u16;
        // It may be back before anybody knew that it was away.
        self.detected();
        self.servers[usize::from(s)].alive = true;
        let mut back = std::mem::take(&mut self.gone);
        // Those first that nobody has.
        back.arrange_by_key(|e| !self.holders[usize::from(*e)].is_empty());
        for e in back {
            self.load(s, e);
        }
    }
}
