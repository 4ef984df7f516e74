//! Functions on GPUs, event by event.

mod memory;

use super::super::agenda::Agenda;
use super::super::in_turn::Slices;
use super::config::FunctionsConfig;
use super::requests::Requests;
use std::collections::VecDeque;

/// Seconds of a prefill, of each of its tokens, of an output token alone, and what another request
/// in the batch adds to that (Llama-3-8B on an A100, rounded).
const PREFILL: [f64; 2] = [9e-3, 6.3e-5];
const TOKEN: [f64; 2] = [1.2e-2, 0.01];

/// A part of a start, or what a copy does otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Activity {
    Container,
    Library,
    Backbone,
    Adapter,
    Kernels,
    Running,
}

/// An activity of a copy.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) copy: u32,
    pub(super) what: Activity,
    pub(super) from: f64,
    pub(super) to: f64,
    /// One of the requests it is for.
    pub(super) request: u32,
}

/// A copy of a backbone on a GPU, for one function or all of that backbone.
#[derive(Debug, Clone)]
pub(super) struct Copied {
    pub(super) key: usize,
    pub(super) gpu: usize,
    /// Place in the GPU's memory and size, in GB.
    pub(super) place: [f64; 2],
    pub(super) born: f64,
    /// When it was given back; infinite until then.
    pub(super) gone: f64,
    ready: f64,
    advance: bool,
    /// Adapters and when they are there.
    adapters: Vec<(usize, f64)>,
    queue: Vec<u32>,
    /// Requests that run.
    active: usize,
    used: f64,
}

/// What a request got.
#[derive(Debug, Clone, Copy)]
pub(super) struct Got {
    pub(super) first: f64,
    pub(super) end: f64,
    pub(super) copy: u32,
    /// Seconds from the arrival until its backbone, adapter and kernels were there.
    pub(super) cold: f64,
    pub(super) batch: u32,
    /// Batches that ran on the GPU, its own included.
    pub(super) together: u32,
    /// Copies that died with it.
    pub(super) losses: u32,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Event {
    Arrival(u32),
    Look(u32),
    End(u32),
    Expire(u32),
    Dies,
    Back,
}

/// The state.
pub(super) struct Sim {
    config: FunctionsConfig,
    agenda: Agenda<Event>,
    now: f64,
    pub(super) copies: Vec<Copied>,
    pub(super) spans: Vec<Span>,
    pub(super) got: Vec<Option<Got>>,
    /// First tokens of requests that lost the rest, and how often they did.
    before: Vec<(f64, u32)>,
    /// Whether the GPU of the fault is dead.
    dead: bool,
    /// Requests without memory for their backbone.
    homeless: VecDeque<u32>,
    /// Memory times time so far of copies that are gone, in GB·s.
    held: f64,
}

impl Slices for Sim {
    type Setup = FunctionsConfig;
    type World = Requests;

    fn begin(config: &FunctionsConfig, requests: &Requests) -> Self {
        let mut sim = Self {
            config: config.clone(),
            agenda: Agenda::new(),
            now: 0.0,
            copies: Vec::new(),
            spans: Vec::new(),
            got: vec![None; requests.arrival.len()],
            before: vec![(f64::INFINITY, 0); requests.arrival.len()],
            dead: false,
            homeless: VecDeque::new(),
            held: 0.0,
        };
        for (r, at) in requests.arrival.iter().enumerate() {
            sim.push(*at, Event::Arrival(r as u32));
        }
        if config.fault.dies() {
            let [from, to] = config.fault.span();
            sim.push(from, Event::Dies);
            sim.push(to, Event::Back);
        }
        if config.preload {
            for key in plan(config) {
                sim.make(key, None);
            }
        }
        sim
    }

    fn advance(&mut self, requests: &Requests, count: usize) -> bool {
        for _ in 0..count {
            let Some((at, event)) = self.agenda.pop() else {
                return true;
            };
            let fault = matches!(event, Event::Dies | Event::Back);
            if fault && (self.got.iter()).all(|g| g.is_some_and(|g| g.end <= at)) {
                // It concerns nobody any more.
                continue;
            }
            self.now = at;
            match event {
                Event::Arrival(r) => self.arrive(requests, r),
                Event::Look(copy) => self.start(requests, copy),
                Event::End(copy) => self.end(requests, copy),
                Event::Expire(copy) => self.expire(requests, copy),
                Event::Dies => self.die(requests),
                Event::Back => {
                    self.dead = false;
                    self.house(requests);
                }
            }
        }
        self.agenda.is_empty()
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

    /// Starts a copy for a request, or in advance; `None` where there is no room.
    fn make(&mut self, key: usize, request: Option<u32>) -> Option<u32> {
        let size = self.config.size(key);
        let (gpu, place) = match request {
            Some(_) => self.make_room(size)?,
            None => self.room(size)?,
        };
        let copy = self.copies.len() as u32;
        let mut at = self.now;
        if let Some(request) = request {
            let [backbone, adapter] = self.config.load_secs();
            let mut stages = vec![
                (Activity::Container, self.config.container_secs),
                (Activity::Library, self.config.library_secs),
                (Activity::Backbone, backbone),
            ];
            if !self.config.share {
                stages.push((Activity::Adapter, adapter));
                stages.push((Activity::Kernels, self.config.kernel_secs));
            }
            at = self.load(copy, gpu, request, &stages, at);
        }
        let advance = request.is_none();
        let there = if advance || !self.config.share {
            self.config.members(key)
        } else {
            Vec::new()
        };
        self.copies.push(Copied {
            key,
            gpu,
            place: [place, size],
            born: self.now,
            gone: f64::INFINITY,
            ready: at,
            advance,
            adapters: there.into_iter().map(|f| (f, at)).collect(),
            queue: Vec::new(),
            active: 0,
            used: self.now,
        });
        self.push(at, Event::Look(copy));
        Some(copy)
    }

    /// Goes through parts of a start on a GPU, one after the other from a moment on; when they are
    /// over. Weights take longer over a slow link.
    fn load(
        &mut self,
        copy: u32,
        gpu: usize,
        request: u32,
        parts: &[(Activity, f64)],
        mut at: f64,
    ) -> f64 {
        for &(what, secs) in parts {
            let weights = matches!(what, Activity::Backbone | Activity::Adapter);
            let slower = if weights {
                self.config.fault.link_factor(gpu, at)
            } else {
                1.0
            };
            let to = at + secs * slower;
            self.spans.push(Span {
                copy,
                what,
                from: at,
                to,
                request,
            });
            at = to;
        }
        at
    }

    fn arrive(&mut self, requests: &Requests, r: u32) {
        let function = requests.function[r as usize];
        let key = self.config.key(function);
        let copy = match self.alive(key) {
            Some(copy) => copy,
            None => match self.make(key, Some(r)) {
                Some(copy) => copy,
                None => return self.homeless.push_back(r),
            },
        };
        self.adapt(copy, function, r);
        self.copies[copy as usize].queue.push(r);
        self.start(requests, copy);
    }

    /// Loads an adapter and its kernels unless they are there or on their way; one after the other.
    fn adapt(&mut self, copy: u32, function: usize, request: u32) {
        let c = &self.copies[copy as usize];
        if c.adapters.iter().any(|a| a.0 == function) {
            return;
        }
        let busy = c.adapters.iter().map(|a| a.1).fold(c.ready, f64::max);
        let gpu = c.gpu;
        let stages = [
            (Activity::Adapter, self.config.load_secs()[1]),
            (Activity::Kernels, self.config.kernel_secs),
        ];
        let at = self.load(copy, gpu, request, &stages, busy.max(self.now));
        self.copies[copy as usize].adapters.push((function, at));
        self.push(at, Event::Look(copy));
    }

    /// Other copies that run on the same GPU.
    fn others(&self, copy: u32) -> usize {
        let gpu = self.copies[copy as usize].gpu;
        let all = self.copies.iter().enumerate();
        all.filter(|(i, c)| c.gpu == gpu && c.active > 0 && *i != copy as usize)
            .count()
    }

    /// Lets what waits at a copy join its batch, unless that is full, nothing is loaded, or waiting
    /// pays.
    fn start(&mut self, requests: &Requests, copy: u32) {
        let c = &self.copies[copy as usize];
        let free = (self.config.batch as usize).saturating_sub(c.active);
        if c.gone.is_finite() || c.ready > self.now {
            return;
        }
        let there = |r: &u32| {
            let f = requests.function[*r as usize];
            c.adapters.iter().any(|a| a.0 == f && a.1 <= self.now)
        };
        let batch: Vec<u32> = (c.queue.iter().copied()).filter(there).take(free).collect();
        if batch.is_empty() {
            return;
        }
        let others = self.others(copy);
        let gpu = self.copies[copy as usize].gpu;
        let slower = (1 + others) as f64 * self.config.fault.factor(gpu, self.now);
        let tokens: f64 = batch.iter().map(|r| requests.prompt[*r as usize]).sum();
        let prefill = slower * (PREFILL[0] + PREFILL[1] * tokens);
        if self.config.delay && others > 0 && batch.len() < free {
            let first = batch.iter().map(|r| requests.arrival[*r as usize]);
            let latest = first.fold(f64::INFINITY, f64::min) + self.config.target_secs - prefill;
            if latest > self.now {
                // Looked at again when somebody on this GPU ends, and then at the latest.
                return self.push(latest, Event::Look(copy));
            }
        }
        self.run(
            requests,
            copy,
            &batch,
            prefill,
            [slower, (1 + others) as f64],
        );
    }

    fn run(
        &mut self,
        requests: &Requests,
        copy: u32,
        batch: &[u32],
        prefill: f64,
        [slower, sharing]: [f64; 2],
    ) {
        let first = self.now + prefill;
        let together = self.copies[copy as usize].active + batch.len();
        let token = slower * TOKEN[0] * (1.0 + TOKEN[1] * (together - 1) as f64);
        let mut end = first;
        let adapters = self.copies[copy as usize].adapters.clone();
        for &r in batch {
            let i = r as usize;
            let own = first + token * (requests.output[i] - 1.0);
            end = f64::max(end, own);
            self.push(own, Event::End(copy));
            let loaded = adapters.iter().find(|a| a.0 == requests.function[i]);
            self.got[i] = Some(Got {
                first: first.min(self.before[i].0),
                end: own,
                copy,
                cold: loaded.map_or(0.0, |a| (a.1 - requests.arrival[i]).max(0.0)),
                batch: together as u32,
                together: sharing as u32,
                losses: self.before[i].1,
            });
        }
        self.spans.push(Span {
            copy,
            what: Activity::Running,
            from: self.now,
            to: end,
            request: batch.first().copied().unwrap_or(0),
        });
        let c = &mut self.copies[copy as usize];
        c.queue.retain(|r| !batch.contains(r));
        c.active = together;
        c.used = c.used.max(end);
    }

    /// A GPU dies with its copies: their requests come again, with the first token if they have it.
    fn die(&mut self, requests: &Requests) {
        self.dead = true;
        let mut again = Vec::new();
        for copy in 0..self.copies.len() as u32 {
            let c = &mut self.copies[copy as usize];
            if c.gone.is_finite() || c.gpu as u64 != self.config.fault.server {
                continue;
            }
            again.append(&mut c.queue);
            c.active = 0;
            self.drop_copy(copy);
            for (r, got) in self.got.iter_mut().enumerate() {
                let Some(own) = got.filter(|g| g.copy == copy && g.end > self.now) else {
                    continue;
                };
                let before = &mut self.before[r];
                if own.first <= self.now {
                    before.0 = own.first;
                }
                before.1 += 1;
                *got = None;
                again.push(r as u32);
            }
            self.spans.retain(|s| s.copy != copy || s.from < self.now);
            for span in self.spans.iter_mut().filter(|s| s.copy == copy) {
                span.to = span.to.min(self.now);
            }
        }
        again.sort_unstable();
        for r in again {
            self.arrive(requests, r);
        }
    }

    fn end(&mut self, requests: &Requests, copy: u32) {
        if self.copies[copy as usize].gone.is_finite() {
            return;
        }
        self.copies[copy as usize].active -= 1;
        self.start(requests, copy);
        let gpu = self.copies[copy as usize].gpu;
        for other in 0..self.copies.len() as u32 {
            let c = &self.copies[other as usize];
            if other != copy && c.gpu == gpu && !c.gone.is_finite() && !c.queue.is_empty() {
                self.start(requests, other);
            }
        }
        if self.copies[copy as usize].active == 0 {
            self.push(self.now + self.config.keep_secs, Event::Expire(copy));
            self.house(requests);
        }
    }

    fn expire(&mut self, requests: &Requests, copy: u32) {
        let c = &self.copies[copy as usize];
        let idle =
            c.queue.is_empty() && c.active == 0 && self.now >= c.used + self.config.keep_secs;
        if !c.gone.is_finite() && !c.advance && idle {
            self.drop_copy(copy);
            self.house(requests);
        }
    }

    /// Requests without memory try again, in order.
    fn house(&mut self, requests: &Requests) {
        for _ in 0..self.homeless.len() {
            if let Some(r) = self.homeless.pop_front() {
                self.arrive(requests, r);
            }
        }
    }
}

/// What is loaded in advance: copies by expected benefit, rate × latency saved, per byte, as long as
/// they fit into the memory of all GPUs.
pub(super) fn plan(config: &FunctionsConfig) -> Vec<usize> {
    let shares = config.shares();
    let [backbone, adapter] = config.load_secs();
    let saved =
        config.container_secs + config.library_secs + backbone + adapter + config.kernel_secs;
    let mut keys: Vec<usize> = (0..config.functions as usize)
        .map(|f| config.key(f))
        .collect();
    keys.sort_unstable();
    keys.dedup();
    let benefit = |key: usize| -> f64 {
        let rate: f64 = config.members(key).iter().map(|f| shares[*f]).sum();
        config.rate * rate * saved / config.size(key)
    };
    keys.sort_by(|a, b| benefit(*b).total_cmp(&benefit(*a)).then(a.cmp(b)));
    keys
}

#[cfg(test)]
mod tests;
