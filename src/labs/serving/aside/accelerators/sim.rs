//! Requests on two pools of instances, event by event.

use super::super::agenda::Agenda;
use super::super::in_turn::Slices;
use super::super::phases::Phases;
use super::config::{AcceleratorsConfig, Weighing};
use crate::core::num;
use crate::core::rng::{Stream, StreamId};
use std::collections::VecDeque;

/// Weight of the newest interval in the rate of arrivals that the control loop sees.
const RECENT: f64 = 0.3;
/// Seconds for which fewer instances must do before one is stopped.
const STABLE: f64 = 60.0;
/// The pools: the cheap one can be taken away.
pub(super) const SPOT: usize = 0;

/// What comes, whoever serves it.
#[derive(Debug, Clone, Default)]
pub(super) struct World {
    pub(super) arrival: Vec<f64>,
    /// Seconds of each over the mean of its pool.
    pub(super) length: Vec<f64>,
    /// A number for each from which its pool is chosen.
    pub(super) draw: Vec<f64>,
    /// When the cheap kind becomes scarce and plenty again, in turns.
    pub(super) turns: Vec<f64>,
}

/// Draws it.
pub(super) fn world(config: &AcceleratorsConfig, seed: u64) -> World {
    let stream = |id| Stream::new(seed, id);
    let (mut gaps, mut phases) = (stream(StreamId::Arrivals), stream(StreamId::Phases));
    let (mut lengths, mut draws) = (stream(StreamId::Lengths), stream(StreamId::Policy));
    let coming = Phases {
        rate: config.rate,
        busy_factor: config.busy_factor,
        means: [config.quiet_secs, config.busy_secs],
    };
    let s = config.sigma;
    let arrival = coming.arrivals(config.requests as usize, &mut gaps, &mut phases);
    let mut out = World {
        length: (arrival.iter())
            .map(|_| num::exp(s * lengths.normal() - 0.5 * s * s))
            .collect(),
        draw: arrival.iter().map(|_| draws.uniform()).collect(),
        arrival,
        turns: Vec::new(),
    };
    let last = out.arrival.last().copied().unwrap_or(0.0);
    let mut market = stream(StreamId::Sessions);
    let mut at = 0.0;
    while at < last {
        let scarce = out.turns.len() % 2 == 1;
        let mean = if scarce {
            config.scarce_secs
        } else {
            config.plenty_secs
        };
        at += mean * market.exponential();
        out.turns.push(at);
    }
    out
}

/// An instance from its start to its end.
#[derive(Debug, Clone)]
pub(super) struct Instance {
    pub(super) pool: usize,
    /// Its place among those of the pool, for the picture.
    pub(super) row: usize,
    pub(super) from: f64,
    pub(super) ready: f64,
    /// When it was given back or lost; infinite until then.
    pub(super) gone: f64,
    pub(super) lost: bool,
    running: Vec<u32>,
}

/// What a request got.
#[derive(Debug, Clone, Copy)]
pub(super) struct Got {
    pub(super) pool: usize,
    pub(super) start: f64,
    pub(super) end: f64,
    /// Instances that were taken away with it.
    pub(super) losses: u32,
    /// Whether capacity was looked at when it was sent, and the share that went to the cheap pool.
    pub(super) short: bool,
    pub(super) share: f64,
}

/// A look of the control loop.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    pub(super) at: f64,
    pub(super) short: bool,
    /// Share that goes to the cheap pool from now on.
    pub(super) share: f64,
    /// The larger of what is in each pool and what costs would send there, over its capacity.
    pub(super) used: [f64; 2],
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Event {
    Arrival(u32),
    End(u32, u32),
    Ready,
    Control,
    Turn(u32),
}

/// The state, and what has happened.
pub(super) struct Sim {
    config: AcceleratorsConfig,
    agenda: Agenda<Event>,
    now: f64,
    queues: [VecDeque<u32>; 2],
    /// Instances of each pool that can be had now.
    available: [usize; 2],
    share: f64,
    short: bool,
    /// Since when nothing is short.
    calm: f64,
    /// Arrivals since the last look, and per second of late.
    arrivals: u32,
    rate: f64,
    /// Instances that were right in number of late, with the moments.
    wanted: [VecDeque<(f64, usize)>; 2],
    left: usize,
    pub(super) instances: Vec<Instance>,
    /// Instances and the first request that each ran.
    pub(super) ran: Vec<(u32, u32)>,
    pub(super) got: Vec<Got>,
    pub(super) looks: Vec<Look>,
}

impl Slices for Sim {
    type Setup = AcceleratorsConfig;
    type World = World;

    fn begin(config: &AcceleratorsConfig, world: &World) -> Self {
        let nothing = Got {
            pool: 0,
            start: f64::NAN,
            end: f64::NAN,
            losses: 0,
            short: false,
            share: 0.0,
        };
        let mut sim = Self {
            agenda: Agenda::new(),
            now: 0.0,
            queues: Default::default(),
            available: config.kinds().map(|k| k.most as usize),
            share: 0.0,
            short: false,
            calm: 0.0,
            arrivals: 0,
            rate: config.rate,
            wanted: Default::default(),
            left: world.arrival.len(),
            instances: Vec::new(),
            ran: Vec::new(),
            got: vec![nothing; world.arrival.len()],
            looks: Vec::new(),
            config: config.clone(),
        };
        for (r, at) in world.arrival.iter().enumerate() {
            sim.push(*at, Event::Arrival(r as u32));
        }
        for (i, at) in world.turns.iter().enumerate() {
            sim.push(*at, Event::Turn(i as u32));
        }
        // What quiet phases need is there from the beginning.
        let cheap = sim.weigh(false);
        for (pool, share) in [cheap, 1.0 - cheap].into_iter().enumerate() {
            let busy = config.rate * share * config.kinds()[pool].secs;
            let wanted = (busy / (config.slots as f64 * config.fill)).ceil().max(1.0);
            for _ in 0..sim.available[pool].min(wanted as usize) {
                sim.start(pool, 0.0);
            }
        }
        sim.control();
        sim
    }

    /// Whether all requests are answered.
    fn advance(&mut self, world: &World, count: usize) -> bool {
        for _ in 0..count {
            if self.left == 0 {
                return true;
            }
            let Some((at, event)) = self.agenda.pop() else {
                return true;
            };
            self.now = at;
            match event {
                Event::Arrival(r) => self.send(world, r),
                Event::End(i, r) => self.end(world, i, r),
                Event::Ready => self.fill_all(world),
                Event::Control => {
                    self.control();
                    self.scale();
                }
                Event::Turn(i) => self.turn(world, i % 2 == 0),
            }
        }
        self.left == 0
    }
}

impl Sim {
    fn push(&mut self, at: f64, event: Event) {
        self.agenda.push(at, event);
    }

    /// Moment of the last event.
    pub(super) fn now(&self) -> f64 {
        self.now
    }

    /// Dollars for all instances until now.
    pub(super) fn cost(&self) -> f64 {
        let kinds = self.config.kinds();
        (self.instances.iter())
            .map(|i| kinds[i.pool].price / 3600.0 * (i.gone.min(self.now) - i.from).max(0.0))
            .sum()
    }

    fn alive(&self, pool: usize) -> impl Iterator<Item = (usize, &Instance)> {
        let all = self.instances.iter().enumerate();
        all.filter(move |(_, i)| i.pool == pool && !i.gone.is_finite())
    }

    /// Requests that wait or run in a pool.
    fn inside(&self, pool: usize) -> usize {
        let running: usize = self.alive(pool).map(|(_, i)| i.running.len()).sum();
        self.queues[pool].len() + running
    }

    /// Answers that a pool could compute at once with all instances that can be had.
    fn capacity(&self, pool: usize) -> f64 {
        (self.available[pool] * self.config.slots as usize) as f64
    }

    /// The share of the cheap pool: by the cost of an answer, or by free capacity.
    fn weigh(&self, short: bool) -> f64 {
        let weights = [0, 1].map(|pool| {
            let kind = self.config.kinds()[pool];
            if self.available[pool] == 0 {
                0.0
            } else if short {
                (self.capacity(pool) - self.inside(pool) as f64).max(0.0)
            } else {
                1.0 / (kind.price * kind.secs)
            }
        });
        let sum: f64 = weights.iter().sum();
        if sum > 0.0 {
            return weights[SPOT] / sum;
        }
        // Nothing is free anywhere: as capacity is.
        let [spot, sure] = [0, 1].map(|pool| self.capacity(pool));
        spot / (spot + sure).max(1.0)
    }

    /// Looks at both pools and chooses the mode and the shares.
    fn control(&mut self) {
        if self.now > 0.0 {
            let rate = f64::from(std::mem::take(&mut self.arrivals)) / self.config.control_secs;
            self.rate += RECENT * (rate - self.rate);
        }
        let cheap = self.weigh(false);
        let asked = [cheap, 1.0 - cheap];
        let used = [0, 1].map(|pool| {
            let by_cost = self.rate * asked[pool] * self.config.kinds()[pool].secs;
            by_cost.max(self.inside(pool) as f64) / self.capacity(pool).max(1.0)
        });
        let most = used.iter().copied().fold(0.0, f64::max);
        let short = match self.config.weighing {
            Weighing::Cost => false,
            Weighing::Capacity => true,
            Weighing::Adaptive => {
                if most > self.config.short_above - self.config.back {
                    self.calm = self.now;
                }
                let cooling = self.short && self.now < self.calm + self.config.cool_secs;
                most > self.config.short_above || cooling
            }
        };
        self.short = short;
        self.share = self.weigh(short);
        self.looks.push(Look {
            at: self.now,
            short,
            share: self.share,
            used,
        });
        self.push(self.now + self.config.control_secs, Event::Control);
    }

    /// Starts and stops instances, so that those in a pool have the right number of requests.
    fn scale(&mut self) {
        for pool in 0..2 {
            let slots = self.config.slots as f64 * self.config.fill;
            let wanted = (self.inside(pool) as f64 / slots).ceil() as usize;
            let wanted = wanted.clamp(1, self.available[pool].max(1));
            let wanted = wanted.min(self.available[pool]);
            let recent = &mut self.wanted[pool];
            recent.push_back((self.now, wanted));
            while recent.front().is_some_and(|w| w.0 < self.now - STABLE) {
                recent.pop_front();
            }
            let enough = recent.iter().map(|w| w.1).max().unwrap_or(wanted);
            let mut there = self.alive(pool).count();
            while there < wanted {
                self.start(pool, self.config.start_secs);
                there += 1;
            }
            // The newest first, and only those with nothing to do.
            let idle: Vec<usize> = (self.alive(pool))
                .filter(|(_, i)| i.running.is_empty() && i.ready <= self.now)
                .map(|(n, _)| n)
                .collect();
            for n in idle.into_iter().rev() {
                if there <= enough {
                    break;
                }
                self.instances[n].gone = self.now;
                there -= 1;
            }
        }
    }

    fn start(&mut self, pool: usize, secs: f64) {
        let mut row = 0;
        while self.alive(pool).any(|(_, i)| i.row == row) {
            row += 1;
        }
        self.instances.push(Instance {
            pool,
            row,
            from: self.now,
            ready: self.now + secs,
            gone: f64::INFINITY,
            lost: false,
            running: Vec::new(),
        });
        self.push(self.now + secs, Event::Ready);
    }

    fn send(&mut self, world: &World, r: u32) {
        self.arrivals += 1;
        let i = r as usize;
        let pool = usize::from(world.draw[i] >= self.share);
        let got = &mut self.got[i];
        got.pool = pool;
        got.short = self.short;
        got.share = self.share;
        self.queues[pool].push_back(r);
        self.fill(world, pool);
    }

    fn fill_all(&mut self, world: &World) {
        for pool in 0..2 {
            self.fill(world, pool);
        }
    }

    /// Puts those who wait on free slots, of the fullest instance that has one.
    fn fill(&mut self, world: &World, pool: usize) {
        let slots = self.config.slots as usize;
        while !self.queues[pool].is_empty() {
            let open = self.alive(pool);
            let open = open.filter(|(_, i)| i.ready <= self.now && i.running.len() < slots);
            let fullest =
                open.max_by(|a, b| (a.1.running.len().cmp(&b.1.running.len())).then(b.0.cmp(&a.0)));
            let Some((n, _)) = fullest else { return };
            let Some(r) = self.queues[pool].pop_front() else {
                return;
            };
            let secs = self.config.kinds()[pool].secs * world.length[r as usize];
            if self.ran.iter().all(|ran| ran.0 as usize != n) {
                self.ran.push((n as u32, r));
            }
            self.instances[n].running.push(r);
            let got = &mut self.got[r as usize];
            got.start = self.now;
            got.end = self.now + secs;
            self.push(self.now + secs, Event::End(n as u32, r));
        }
    }

    fn end(&mut self, world: &World, n: u32, r: u32) {
        let instance = &mut self.instances[n as usize];
        if instance.lost {
            return;
        }
        instance.running.retain(|o| *o != r);
        let pool = instance.pool;
        self.left -= 1;
        self.fill(world, pool);
    }

    /// The cheap kind becomes scarce, and the newest instances are taken away with their requests,
    /// which are sent again; or it is there in plenty again.
    fn turn(&mut self, world: &World, scarce: bool) {
        let left = if scarce {
            self.config.scarce_left
        } else {
            self.config.spot.most
        };
        self.available[SPOT] = left as usize;
        let alive: Vec<usize> = self.alive(SPOT).map(|(n, _)| n).collect();
        let mut again = Vec::new();
        for &n in alive.iter().skip(left as usize) {
            let instance = &mut self.instances[n];
            instance.gone = self.now;
            instance.lost = true;
            again.append(&mut instance.running);
        }
        if left == 0 {
            again.extend(std::mem::take(&mut self.queues[SPOT]));
            self.share = 0.0;
        }
        again.sort_unstable();
        for r in again {
            self.got[r as usize].losses += 1;
            self.send(world, r);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(config: &AcceleratorsConfig, seed: u64) -> (World, Sim) {
        config.check().unwrap();
        let world = world(config, seed);
        let mut sim = Sim::begin(config, &world);
        for _ in 0..10_000 {
            if sim.advance(&world, 100) {
                return (world, sim);
            }
        }
        panic!("goes on for ever: {config:?}");
    }

    fn base(weighing: Weighing) -> AcceleratorsConfig {
        AcceleratorsConfig {
            weighing,
            requests: 800,
            plenty_secs: 20.0,
            scarce_secs: 20.0,
            ..AcceleratorsConfig::default()
        }
    }

    #[test]
    fn every_request_is_answered_whatever_is_taken_away() {
        let mut lost = 0;
        for weighing in Weighing::ALL {
            for (scarce_left, seed) in [(0, 1), (0, 2), (2, 3), (12, 4)] {
                let config = AcceleratorsConfig {
                    scarce_left,
                    ..base(weighing)
                };
                let (world, sim) = run(&config, seed);
                for (r, got) in sim.got.iter().enumerate() {
                    assert!(got.end.is_finite() && got.end <= sim.now(), "{r} {got:?}");
                    assert!(got.start >= world.arrival[r], "{r} {got:?}");
                    let secs = config.kinds()[got.pool].secs * world.length[r];
                    assert!((got.end - got.start - secs).abs() < 1e-9, "{r} {got:?}");
                }
                lost += sim.got.iter().map(|g| g.losses).sum::<u32>();
                for (i, a) in sim.instances.iter().enumerate() {
                    for b in &sim.instances[i + 1..] {
                        let apart = a.pool != b.pool || a.row != b.row;
                        assert!(apart || a.gone <= b.from || b.gone <= a.from, "{a:?} {b:?}");
                    }
                }
            }
        }
        assert!(lost > 20, "{lost} losses");
    }

    #[test]
    fn no_instance_runs_more_than_its_slots_and_no_pool_more_than_can_be_had() {
        let config = base(Weighing::Adaptive);
        let (_, sim) = run(&config, 5);
        for instance in &sim.instances {
            let on = |at: f64| {
                let alive = |i: &&Instance| i.from <= at && at < i.gone;
                let own = sim.instances.iter().filter(|i| i.pool == instance.pool);
                own.filter(alive).count()
            };
            let most = config.kinds()[instance.pool].most as usize;
            assert!(on(instance.from) <= most, "{instance:?}");
        }
        for got in &sim.got {
            let running = (sim.got.iter())
                .filter(|g| g.pool == got.pool && g.start <= got.start && got.start < g.end)
                .count();
            let most = 4 * config.kinds()[got.pool].most as usize;
            assert!(running <= most, "{running}");
        }
    }

    #[test]
    fn by_cost_the_shares_are_those_of_the_costs_of_an_answer() {
        let config = AcceleratorsConfig {
            plenty_secs: 1e9,
            ..base(Weighing::Cost)
        };
        let (_, sim) = run(&config, 1);
        // 1/(0.8 × 2.6) against 1/(3 × 1.6).
        let want = (1.0 / 2.08) / (1.0 / 2.08 + 1.0 / 4.8);
        assert!(sim.looks.iter().all(|l| (l.share - want).abs() < 1e-12));
        let spot = sim.got.iter().filter(|g| g.pool == SPOT).count() as f64 / 800.0;
        assert!((spot - want).abs() < 0.05, "{spot} {want}");
    }

    #[test]
    fn the_mode_changes_when_capacity_is_short_and_back_after_it_has_cooled_down() {
        let config = base(Weighing::Adaptive);
        let (_, sim) = run(&config, 1);
        assert!(sim.looks.iter().any(|l| l.short) && sim.looks.iter().any(|l| !l.short));
        for pair in sim.looks.windows(2) {
            let most = pair[1].used.iter().copied().fold(0.0, f64::max);
            assert!(pair[1].short || most <= config.short_above, "{pair:?}");
            if pair[0].short && !pair[1].short {
                let since = pair[1].at - config.cool_secs;
                let calm = sim
                    .looks
                    .iter()
                    .filter(|l| l.at > since && l.at <= pair[1].at);
                for look in calm {
                    let most = look.used.iter().copied().fold(0.0, f64::max);
                    assert!(most <= config.short_above - config.back, "{look:?}");
                }
            }
        }
    }
}
