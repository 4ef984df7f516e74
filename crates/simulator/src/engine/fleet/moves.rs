//! Live migration: the KV of a request is copied while it goes on decoding, then what was added
//! meanwhile, and so on; only for the last piece it stops. Which requests move is Llumnix' rule
//! (AlibabaPAI/llumnix, global_scheduler and load_computation.py).

use super::super::desk::Entry;
use super::super::event_loop::{Engine, Replica};
use super::super::events::Side;
use super::super::pools::kv_tokens;
use super::super::requests::Phase;
use super::super::sink::{Moved, Sink};
use super::Standing;
use crate::core::Arrange as _;

/// When a request moves between a pair of instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoveRule {
    /// Only if their loads come closer to each other without changing order. Prompts of all who
    /// wait count as load.
    Balance,
    /// Always. Only the prompt of the first who waits counts: room is made for it.
    Defragment,
}

/// Moving requests between instances.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rebalance {
    /// Free blocks per request below which an instance gives requests away, and at or above which
    /// it takes some.
    pub threshold: f64,
    /// When a request moves.
    pub rule: MoveRule,
}

/// A live migration on its way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Move {
    /// The request.
    pub request: u32,
    /// Where it decodes.
    pub from: u32,
    /// Where it will decode.
    pub to: u32,
    /// Blocks kept for it there.
    pub blocks: u32,
    /// When the copy began.
    pub began: f64,
    /// When this round is over.
    pub until: f64,
    /// Whether it has stopped for the last piece.
    pub last: bool,
    /// Tokens there when this round is over.
    tokens: u32,
    /// Tokens of this round.
    sending: u32,
    rounds: u32,
    /// Whether it stops after the batch it runs in.
    stopping: bool,
    stopped: f64,
    created: u64,
}

/// Rounds after which a request stops even if the rest is not small.
const ROUNDS: u32 = 8;

impl Engine {
    /// Free blocks per request of an instance.
    fn freeness(&self, instance: usize, rule: MoveRule) -> f64 {
        let place: &Replica = &self.replicas[instance];
        if self.standing(instance) == Standing::Draining {
            return f64::NEG_INFINITY;
        }
        if place.outstanding == 0 {
            return f64::INFINITY;
        }
        let counted = if rule == MoveRule::Balance {
            usize::MAX
        } else {
            1
        };
        let waiting = place.waiting_blocks(&self.requests, &self.limits, counted);
        (place.virtually_free(&self.limits) - waiting as f64) / f64::from(place.outstanding)
    }

    /// Pairs the most loaded instances with the least loaded ones and moves one request for each
    /// pair.
    pub(super) fn rebalance(&mut self, sink: &mut dyn Sink) {
        let Some(Rebalance { threshold, rule }) =
            self.fleet.as_ref().and_then(|f| f.plan.rebalance)
        else {
            return;
        };
        let mut order: Vec<(f64, usize)> = (0..self.replicas.len())
            .filter(|&i| matches!(self.standing(i), Standing::Serving | Standing::Draining))
            .map(|i| (self.freeness(i, rule), i))
            .collect();
        order.arrange_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let givers = order.iter().take_while(|(free, _)| *free < threshold);
        let takers = (order.iter().rev()).take_while(|(free, _)| *free >= threshold);
        let pairs: Vec<_> = (givers.zip(takers)).map(|(g, t)| (g.1, t.1)).collect();
        for (from, to) in pairs {
            if let Some(r) = self.last_running(from)
                && self.worth_moving(r, from, to, rule)
            {
                self.begin_move(r, from, to, sink);
            }
        }
    }

    /// The request that would be preempted first: of the lowest class, the latest arrival that
    /// decodes and does not move yet. Requests that room is kept for stay.
    fn last_running(&self, from: usize) -> Option<u32> {
        let desk = &self.replicas[from].desk;
        let running = self.in_flight(from).map(|e| e.request);
        let kept = self.replicas[from].headroom > 0;
        let tags = &self.requests.tags;
        running
            .chain(desk.held.iter().copied())
            .filter(|&r| {
                self.requests.decoding(r)
                    && self.moves().iter().all(|m| m.request != r)
                    && !(kept && tags.class(r) == 0)
            })
            .max_by(|&a, &b| {
                let at = |r: u32| self.requests.arrival[r as usize];
                (tags.priority(a).cmp(&tags.priority(b)))
                    .then(at(a).total_cmp(&at(b)))
                    .then(a.cmp(&b))
            })
    }

    fn worth_moving(&self, r: u32, from: usize, to: usize, rule: MoveRule) -> bool {
        let blocks = f64::from(self.requests.blocks[r as usize]);
        if rule == MoveRule::Defragment || self.standing(from) == Standing::Draining {
            return true;
        }
        let before = self.freeness(to, rule) - self.freeness(from, rule);
        let after = |i: usize, sign: f64| {
            let n = f64::from(self.replicas[i].outstanding) + sign;
            let free = self.freeness(i, rule) * f64::from(self.replicas[i].outstanding);
            let free = if free.is_finite() {
                free
            } else {
                self.replicas[i].virtually_free(&self.limits)
            };
            if n > 0.0 {
                (free - sign * blocks) / n
            } else {
                f64::INFINITY
            }
        };
        let difference = after(to, 1.0) - after(from, -1.0);
        0.0 < difference && difference < before
    }

    fn begin_move(&mut self, r: u32, from: usize, to: usize, sink: &mut dyn Sink) {
        let tokens = kv_tokens(&self.requests, r);
        let blocks = self.limits.blocks_for(tokens);
        let desk = &mut self.replicas[to].desk;
        if !desk.takes(&self.limits, blocks) {
            return;
        }
        desk.reserve(blocks);
        sink.resized(self.now, to as u32, desk);
        let (began, until) = self.links.send(from, self.now, tokens);
        let created = self.plan(until, Side::Copied);
        if let Some(fleet) = &mut self.fleet {
            fleet.moves.push(Move {
                request: r,
                from: from as u32,
                to: to as u32,
                blocks,
                began,
                until,
                last: false,
                tokens,
                sending: tokens,
                rounds: 1,
                stopping: false,
                stopped: f64::NAN,
                created,
            });
        }
    }

    /// The move with this creation number is taken out of the list.
    fn take_move(&mut self, wanted: impl Fn(&Move) -> bool) -> Option<Move> {
        let moves = &mut self.fleet.as_mut()?.moves;
        let place = moves.iter().position(wanted)?;
        Some(moves.remove(place))
    }

    fn keep_move(&mut self, kept: Move) {
        if let Some(fleet) = &mut self.fleet {
            fleet.moves.push(kept);
        }
    }

    /// A round of a copy is over. Of a move that was given up nothing is left.
    pub(in super::super) fn copied(&mut self, created: u64, at: f64, sink: &mut dyn Sink) {
        let Some(mut current) = self.take_move(|m| m.created == created) else {
            return;
        };
        self.now = at;
        if current.last {
            self.arrive_moved(&current, sink);
            return;
        }
        let r = current.request;
        let new = kv_tokens(&self.requests, r) - current.tokens;
        let small = new <= self.limits.block_size || new >= current.sending;
        if small || current.rounds >= ROUNDS {
            let flying = self
                .in_flight(current.from as usize)
                .any(|e| e.request == r);
            if flying {
                current.stopping = true;
                self.keep_move(current);
            } else {
                self.stop_for_last(current, sink);
                self.form(current.from as usize, sink);
            }
            return;
        }
        current.rounds += 1;
        self.send_on(current, sink);
    }

    /// Sends what was added since the last round, if there is room for it; else the move is given
    /// up. Returns whether it goes on.
    fn send_on(&mut self, mut current: Move, sink: &mut dyn Sink) -> bool {
        let (from, to) = (current.from as usize, current.to as usize);
        let tokens = kv_tokens(&self.requests, current.request);
        let need = self
            .limits
            .blocks_for(tokens)
            .saturating_sub(current.blocks);
        let desk = &mut self.replicas[to].desk;
        if desk.free(&self.limits) < need {
            desk.give_up(current.blocks);
            if let Some(fleet) = &mut self.fleet {
                fleet.wake.push(current.to);
            }
            return false;
        }
        desk.reserved += need;
        desk.take(need);
        sink.resized(self.now, current.to, desk);
        current.blocks += need;
        current.sending = tokens - current.tokens;
        current.tokens = tokens;
        (_, current.until) = self.links.send(from, self.now, current.sending);
        current.created = self.plan(current.until, Side::Copied);
        self.keep_move(current);
        true
    }

    /// After a batch: requests that wait for its end to move stop now.
    pub(in super::super) fn stop_movers(
        &mut self,
        from: usize,
        batch: &[Entry],
        sink: &mut dyn Sink,
    ) {
        for entry in batch {
            let r = entry.request;
            let wanted = |m: &Move| m.stopping && m.request == r && m.from as usize == from;
            if !self.requests.decoding(r) {
                continue;
            }
            if let Some(mut current) = self.take_move(wanted) {
                current.stopping = false;
                self.stop_for_last(current, sink);
            }
        }
    }

    fn stop_for_last(&mut self, mut current: Move, sink: &mut dyn Sink) {
        let (from, to) = (current.from as usize, current.to as usize);
        let r = current.request;
        current.last = true;
        current.stopped = self.now;
        if self.send_on(current, sink) {
            self.replicas[from].desk.held.retain(|&h| h != r);
            self.requests.phase[r as usize] = Phase::Transfer;
            self.replicas[from].leaves(&self.requests, r);
            self.replicas[to].joins(&self.requests, r);
        }
    }

    fn arrive_moved(&mut self, current: &Move, sink: &mut dyn Sink) {
        let r = current.request;
        let (from, to) = (current.from as usize, current.to as usize);
        self.replicas[from].desk.release(&mut self.requests, r);
        self.requests.replica[r as usize] = current.to;
        self.requests.blocks[r as usize] = current.blocks;
        self.requests.phase[r as usize] = Phase::Decode;
        let desk = &mut self.replicas[to].desk;
        desk.reserved -= current.blocks;
        desk.held.push_back(r);
        sink.moved(&Moved {
            began: current.began,
            stopped: current.stopped,
            at: self.now,
            request: r,
            from: current.from,
            to: current.to,
            tokens: current.tokens,
            rounds: current.rounds + 1,
        });
        sink.resized(self.now, current.from, &self.replicas[from].desk);
        self.form(from, sink);
        self.form(to, sink);
    }
}
