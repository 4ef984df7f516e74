//! What happened in a run: iterations, the stretches of every request's life, evictions, gaps
//! between tokens, and totals over time. Requests that decode together are written down as one lump
//! per iteration. Small runs keep every detail; the parts of very large ones are bounded.

mod gaps;
mod gather;
mod meter;
mod pile;
mod rows;
mod service;
mod sides;
mod sketch;
mod spans;
mod usage;

pub use gaps::{Gaps, Sorted, Sorting};
pub use gather::Gather;
pub use meter::Meter;
pub use rows::Iterations;
pub use service::{Service, Terms};
pub use sides::{Sides, Stretches};
pub use sketch::Sketch;
pub use usage::Usage;

use super::cost::power::prefill_draw;
use super::engine::{
    Column, Desk, Emitted, Entry, Formed, Incident, Landed, Metered, Moved, Note, Phase, Sink,
    Swapped,
};
use pile::Pile;
use rows::Counts;
use spans::Together;

/// Stretches from which on decodes and the stalls between them are one stretch.
const FINE_SEGMENTS: usize = 1 << 21;

/// Iterations of which the layers that ran prompts are kept, and changes of shares.
const MOST_LAYERS: usize = 1 << 14;

/// What a request does during a stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stretch {
    /// In the queue, before it ran.
    Waiting,
    /// Its prompt is processed.
    Prefill,
    /// It produces tokens.
    Decode,
    /// It holds memory but is not in the batch that runs.
    Stalled,
    /// It lost its memory and is in the queue again.
    Preempted,
    /// Its memory was copied to the host.
    Swapped,
    /// Its memory is on its way to the instance that decodes it.
    Transfer,
    /// It is done, but its place is not free yet (static batching).
    Tail,
}

/// A stretch of a request's life.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Segment {
    /// Start in seconds.
    pub from: f64,
    /// End in seconds.
    pub to: f64,
    /// What the request does.
    pub what: Stretch,
}

/// A preemption.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Eviction {
    /// When.
    pub at: f64,
    /// The victim.
    pub request: u32,
    /// Tokens whose KV was lost.
    pub tokens: u32,
}

/// A copy of a request's blocks to the host or back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Swap {
    /// When.
    pub at: f64,
    /// The request.
    pub request: u32,
    /// Its blocks.
    pub blocks: u32,
    /// Whether they were copied out (or else back).
    pub out: bool,
}

/// Fields the log follows per request.
#[derive(Debug, Clone, Copy)]
struct Follow {
    since: f64,
    last_token: f64,
    last_segment: u32,
    kv_tokens: u32,
    /// Where its time in the cohort begins.
    span: u32,
    doing: Stretch,
    queued: bool,
}

/// The whole log.
#[derive(Debug, Clone)]
pub struct Log {
    /// Iterations in order of forming.
    pub iterations: Iterations,
    /// Preemptions by recomputation in order of time.
    pub evictions: Vec<Eviction>,
    /// Copies to the host and back in order of time.
    pub swaps: Vec<Swap>,
    /// Seconds of one stage spent on copies, summed over iterations.
    pub swap_secs: f64,
    /// Transfers of KV between instances in order of arrival.
    pub transfers: Vec<Landed>,
    /// Seconds between a first token and the start of the transfer, summed over transfers.
    pub transfer_wait_secs: f64,
    /// Live migrations in order of arrival.
    pub moves: Vec<Moved>,
    /// What happened to instances, in order of time.
    pub incidents: Vec<Incident>,
    /// Requests that lost their memory with their instance, in order of time.
    pub losses: Vec<Eviction>,
    /// Arrivals and the seconds that they were foretold to take, in order of time.
    pub foretold: Vec<[f64; 2]>,
    /// Blocks in use on every instance.
    pub usage: Usage,
    /// All gaps between consecutive tokens of a request.
    pub gaps: Gaps,
    /// Longest gap of each request and when it ended.
    pub longest_gap: Column<(f64, f64)>,
    /// Integral over time of blocks in use, block-seconds.
    pub kv_integral: f64,
    /// Tokens processed, recomputed ones included.
    pub processed: u64,
    /// Seconds of one stage, summed over iterations.
    pub busy_stage_secs: f64,
    /// The same, weighted by the dynamic power under caps over that outside any.
    pub work_draw_secs: f64,
    /// That, weighted by how much power the prefill draws.
    pub prefill_draw_secs: f64,
    /// Service that counts, where requests are promised different things.
    pub service: Option<Box<Service>>,
    /// How busy computing and memory are, where the two overlap.
    pub sides: Sides,
    /// Shares of the processors that prompts had from a moment on, by instance.
    pub shares: Vec<(f64, u32, f64)>,
    /// Batches that made another one stand still, and seconds they waited for the end of a piece.
    pub pauses: (u64, f64),
    /// Looks at the power of a row of servers.
    pub meter: Meter,
    /// Experts whose weights were read, summed over layers and iterations.
    pub expert_loads: f64,
    /// The part of them in iterations with prompts.
    pub prefill_expert_loads: f64,
    /// Which part of the layers ran prompts, by the time of forming: first and last layer over all,
    /// NaN without prompts. Of the first iterations only.
    pub layers: Vec<(f64, [f64; 2])>,
    segments: Pile<(u32, Segment)>,
    fine: usize,
    follow: Column<Follow>,
    together: Vec<Together>,
    /// Starts of the iterations on their way.
    starts: Vec<(u64, f64)>,
    used: Vec<u32>,
    holders: Vec<u32>,
    all_used: u32,
    all_holders: u32,
    waiting: u32,
    live_tokens: u64,
    out: u64,
    kv_at: f64,
}

const NONE: u32 = u32::MAX;

impl Log {
    /// An empty log for `n` requests on `replicas` instances.
    pub fn new(n: usize, replicas: usize) -> Self {
        let fresh = Follow {
            since: 0.0,
            last_token: f64::NAN,
            last_segment: NONE,
            kv_tokens: 0,
            span: 0,
            doing: Stretch::Waiting,
            queued: false,
        };
        Self {
            iterations: Iterations::default(),
            evictions: Vec::new(),
            swaps: Vec::new(),
            swap_secs: 0.0,
            transfers: Vec::new(),
            transfer_wait_secs: 0.0,
            moves: Vec::new(),
            incidents: Vec::new(),
            losses: Vec::new(),
            foretold: Vec::new(),
            usage: Usage::new(if replicas > 1 { replicas } else { 0 }),
            gaps: Gaps::default(),
            longest_gap: Column::filled((0.0, f64::NAN), n),
            kv_integral: 0.0,
            processed: 0,
            busy_stage_secs: 0.0,
            work_draw_secs: 0.0,
            prefill_draw_secs: 0.0,
            service: None,
            sides: Sides::default(),
            shares: Vec::new(),
            pauses: (0, 0.0),
            meter: Meter::default(),
            expert_loads: 0.0,
            prefill_expert_loads: 0.0,
            layers: Vec::new(),
            segments: Pile::default(),
            fine: FINE_SEGMENTS,
            follow: Column::filled(fresh, n),
            together: vec![Together::default(); replicas],
            starts: Vec::new(),
            used: vec![0; replicas],
            holders: vec![0; replicas],
            all_used: 0,
            all_holders: 0,
            waiting: 0,
            live_tokens: 0,
            out: 0,
            kv_at: 0.0,
        }
    }

    /// The same, counting service where anything is promised.
    pub fn counting(mut self, service: Option<Box<Service>>) -> Self {
        self.service = service;
        self
    }

    fn close(&mut self, request: u32, from: f64, to: f64, what: Stretch) {
        if to <= from {
            return;
        }
        let coarse = self.segments.len() >= self.fine;
        let follow = &mut self.follow[request as usize];
        if let Some((_, last)) = self.segments.get_mut(follow.last_segment as usize) {
            if last.what == what && (last.to == from || (coarse && what == Stretch::Decode)) {
                last.to = to;
                return;
            }
            if coarse && what == Stretch::Stalled && last.what == Stretch::Decode {
                return;
            }
        }
        follow.last_segment = self.segments.len() as u32;
        self.segments.push((request, Segment { from, to, what }));
    }

    fn count_blocks(&mut self, at: f64, replica: u32, desk: &Desk) {
        self.kv_integral += f64::from(self.all_used) * (at - self.kv_at);
        self.kv_at = at;
        let (used, holders) = (
            &mut self.used[replica as usize],
            &mut self.holders[replica as usize],
        );
        self.all_used = self.all_used - *used + desk.used;
        self.all_holders = self.all_holders - *holders + desk.holders;
        (*used, *holders) = (desk.used, desk.holders);
        if self.used.len() > 1 {
            self.usage.record(at, replica as usize, desk.used);
        }
    }

    /// A request that is still there at the end of the run gets an open stretch up to it.
    pub fn leave_open(&mut self, request: u32, end: f64) {
        let Follow { since, doing, .. } = self.follow[request as usize];
        self.close(request, since, end, doing);
    }

    /// The stretches of every request, to be put in order.
    pub fn gather(&mut self) -> Gather {
        let requests = self.follow.len();
        // What was only followed while the run went on is not needed any more.
        self.follow = Column::from(&[][..]);
        self.together = Vec::new();
        Gather::new(std::mem::take(&mut self.segments), requests)
    }

    fn longest(&mut self, request: u32, gap: f64, at: f64) {
        let longest = &mut self.longest_gap[request as usize];
        if gap > longest.0 {
            *longest = (gap, at);
        }
    }
}

impl Sink for Log {
    fn lumps(&self) -> bool {
        // Whether a token is in time is asked of each by itself.
        self.service.is_none()
    }

    fn arrived(&mut self, at: f64, request: u32, phase: Phase) {
        let follow = &mut self.follow[request as usize];
        follow.since = at;
        if phase == Phase::Waiting {
            follow.queued = true;
            self.waiting += 1;
        }
    }

    fn formed(&mut self, batch: &Formed<'_>) {
        self.count_blocks(batch.at, batch.replica, batch.desk);
        for entry in batch.entries {
            let follow = &mut self.follow[entry.request as usize];
            if std::mem::take(&mut follow.queued) {
                self.waiting -= 1;
            }
        }
        let counts = Counts {
            waiting: self.waiting,
            holders: self.all_holders,
            kv_used: self.all_used,
            kv_tokens: self.live_tokens,
        };
        self.iterations.push(batch, &counts);
        self.busy_stage_secs += batch.stage_secs;
        self.swap_secs += batch.swap_secs;
        self.work_draw_secs += batch.stage_secs * batch.dynamic;
        self.prefill_draw_secs +=
            batch.stage_secs * prefill_draw(batch.work.prefill) * batch.dynamic;
        if batch.busy != [0.0; 2] {
            self.sides.push(batch.at, batch.stage_secs, batch.busy);
        }
        self.expert_loads += batch.expert_loads;
        if batch.work.prefill > 0 {
            self.prefill_expert_loads += batch.expert_loads;
        }
        let layered = batch.work.layered;
        if layered.groups > 0 && self.layers.len() < MOST_LAYERS {
            let share = |group: u32| f64::from(group) / f64::from(layered.groups);
            let part = if batch.work.prefill == 0 {
                [f64::NAN; 2]
            } else {
                [share(layered.group), share(layered.group + 1)]
            };
            self.layers.push((batch.at, part));
        }
    }

    fn started(&mut self, iteration: u64, at: f64) {
        self.iterations.start(iteration, at);
        self.starts.push((iteration, at));
    }

    fn joined(&mut self, at: f64, replica: u32, request: u32) {
        self.follow[request as usize].span = self.together[replica as usize].join(at);
    }

    fn cohort_ran(&mut self, iteration: u64, at: f64, replica: u32, count: u32) {
        let started = self.start_of(iteration, at);
        let gap = self.together[replica as usize].ran(started, at);
        self.gaps.push(gap, count);
        self.processed += u64::from(count);
        self.live_tokens += u64::from(count);
        self.out += u64::from(count);
    }

    fn left(&mut self, _at: f64, replica: u32, request: u32, ran: u64, emitted: Emitted) {
        if ran == 0 {
            return;
        }
        let together = std::mem::take(&mut self.together[replica as usize]);
        let Follow { since, span, .. } = self.follow[request as usize];
        if self.segments.len() >= self.fine {
            self.close(request, since, together.last(), Stretch::Decode);
        } else {
            let mut from = since;
            for &[start, to] in together.spans(span) {
                let start = start.max(from);
                self.close(request, from, start, Stretch::Stalled);
                self.close(request, start, to, Stretch::Decode);
                from = from.max(to);
            }
        }
        let (gap, at) = together.longest_since(since);
        self.longest(request, gap, at);
        let follow = &mut self.follow[request as usize];
        follow.since = together.last();
        follow.last_token = together.last();
        follow.kv_tokens += ran as u32;
        if emitted == Emitted::Last {
            follow.doing = Stretch::Tail;
            self.live_tokens -= u64::from(std::mem::take(&mut follow.kv_tokens));
        }
        self.together[replica as usize] = together;
    }

    fn ran(&mut self, iteration: u64, at: f64, entry: Entry, emitted: Emitted) {
        let started = self.start_of(iteration, at);
        let r = entry.request;
        let i = r as usize;
        let Follow { since, doing, .. } = self.follow[i];
        self.close(r, since, started, doing);
        let what = if entry.prefill {
            Stretch::Prefill
        } else {
            Stretch::Decode
        };
        self.close(r, started, at, what);
        self.processed += u64::from(entry.tokens);
        self.live_tokens += u64::from(entry.tokens);
        let follow = &mut self.follow[i];
        follow.since = at;
        follow.doing = Stretch::Stalled;
        follow.kv_tokens += entry.tokens;
        if emitted == Emitted::Nothing {
            return;
        }
        self.out += 1;
        if let Some(service) = &mut self.service {
            service.token(at, r, emitted);
        }
        let last = std::mem::replace(&mut follow.last_token, at);
        if emitted == Emitted::Last {
            follow.doing = Stretch::Tail;
            self.live_tokens -= u64::from(std::mem::take(&mut follow.kv_tokens));
        }
        if !last.is_nan() {
            self.gaps.push(at - last, 1);
            self.longest(r, at - last, at);
        }
    }

    fn ended(&mut self, iteration: u64, at: f64, replica: u32, desk: &Desk) {
        self.starts.retain(|s| s.0 != iteration);
        self.iterations.end(iteration, at);
        self.count_blocks(at, replica, desk);
        self.gaps.mark(at, self.out);
    }

    fn landed(&mut self, landed: &Landed) {
        let r = landed.request;
        let Follow { since, doing, .. } = self.follow[r as usize];
        self.close(r, since, landed.started, doing);
        self.close(r, landed.started, landed.at, Stretch::Transfer);
        let follow = &mut self.follow[r as usize];
        follow.since = landed.at;
        follow.doing = Stretch::Stalled;
        self.transfers.push(*landed);
        self.transfer_wait_secs += landed.started - since;
    }

    fn moved(&mut self, moved: &Moved) {
        let r = moved.request;
        let Follow { since, doing, .. } = self.follow[r as usize];
        self.close(r, since, moved.stopped, doing);
        self.close(r, moved.stopped, moved.at, Stretch::Transfer);
        let follow = &mut self.follow[r as usize];
        follow.since = moved.at;
        follow.doing = Stretch::Stalled;
        self.moves.push(*moved);
    }

    fn shared(&mut self, at: f64, replica: u32, share: f64) {
        if self.shares.len() < MOST_LAYERS {
            self.shares.push((at, replica, share));
        }
    }

    fn paused(&mut self, _at: f64, _replica: u32, secs: f64) {
        self.pauses.0 += 1;
        self.pauses.1 += secs;
    }

    fn turned(&mut self, incident: &Incident) {
        self.incidents.push(*incident);
    }

    fn lost(&mut self, at: f64, request: u32) {
        let Follow { since, doing, .. } = self.follow[request as usize];
        self.close(request, since, at, doing);
        let follow = &mut self.follow[request as usize];
        let tokens = std::mem::take(&mut follow.kv_tokens);
        if follow.doing != Stretch::Swapped {
            self.live_tokens -= u64::from(tokens);
        }
        follow.since = at;
        follow.doing = Stretch::Preempted;
        follow.queued = true;
        self.waiting += 1;
        self.losses.push(Eviction {
            at,
            request,
            tokens,
        });
    }

    fn foretold(&mut self, at: f64, _request: u32, secs: f64) {
        self.foretold.push([at, secs]);
    }

    fn metered(&mut self, metered: &Metered<'_>) {
        self.meter.push(metered);
    }

    fn cut(&mut self, iteration: u64, at: f64) {
        self.starts.retain(|s| s.0 != iteration);
        self.iterations.cut(iteration, at);
    }

    fn resized(&mut self, at: f64, replica: u32, desk: &Desk) {
        self.count_blocks(at, replica, desk);
    }

    fn noted(&mut self, at: f64, note: Note) {
        match note {
            Note::Evicted { request, .. } => {
                let Follow { since, doing, .. } = self.follow[request as usize];
                self.close(request, since, at, doing);
                let follow = &mut self.follow[request as usize];
                follow.since = at;
                follow.doing = Stretch::Preempted;
                follow.queued = true;
                let tokens = std::mem::take(&mut follow.kv_tokens);
                self.waiting += 1;
                self.live_tokens -= u64::from(tokens);
                self.evictions.push(Eviction {
                    at,
                    request,
                    tokens,
                });
            }
            Note::SwappedOut(Swapped {
                request, copied, ..
            }) => {
                let Follow { since, doing, .. } = self.follow[request as usize];
                self.close(request, since, at, doing);
                let follow = &mut self.follow[request as usize];
                follow.since = at;
                follow.doing = Stretch::Swapped;
                self.live_tokens -= u64::from(follow.kv_tokens);
                self.swap(at, request, copied, true);
            }
            Note::SwappedIn(Swapped {
                request, copied, ..
            }) => {
                self.live_tokens += u64::from(self.follow[request as usize].kv_tokens);
                self.swap(at, request, copied, false);
            }
            Note::Released(request) => {
                let Follow { since, .. } = self.follow[request as usize];
                self.close(request, since, at, Stretch::Tail);
                self.follow[request as usize].since = at;
            }
        }
    }
}

impl Log {
    /// Preemptions by swap.
    pub fn swaps_out(&self) -> usize {
        self.swaps.iter().filter(|s| s.out).count()
    }

    fn swap(&mut self, at: f64, request: u32, blocks: u32, out: bool) {
        self.swaps.push(Swap {
            at,
            request,
            blocks,
            out,
        });
    }

    fn start_of(&self, iteration: u64, at: f64) -> f64 {
        let found = self.starts.iter().find(|s| s.0 == iteration);
        found.map_or(at, |s| s.1)
    }
}
