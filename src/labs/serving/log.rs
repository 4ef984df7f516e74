//! What happened in a run, one array per field: iterations with their batches, the stretches of
//! every request's life, evictions, gaps between tokens, and totals over time.

use super::engine::{Desk, Emitted, Entry, Formed, Note, Phase, Sink};

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

/// Iterations in order of forming.
#[derive(Debug, Clone, Default)]
pub struct Iterations {
    /// When each was formed.
    pub formed: Vec<f64>,
    /// When it started on the first stage.
    pub started: Vec<f64>,
    /// When it left the last stage; NaN if the run stopped before.
    pub ended: Vec<f64>,
    /// Instance.
    pub replica: Vec<u32>,
    /// Prompt tokens.
    pub prefill: Vec<u32>,
    /// Decodes.
    pub decodes: Vec<u32>,
    /// Waiting requests after forming, all instances.
    pub waiting: Vec<u32>,
    /// Requests that hold blocks after forming, all instances.
    pub holders: Vec<u32>,
    /// Blocks in use after forming, all instances.
    pub kv_used: Vec<u32>,
    /// Tokens that live in those blocks, all instances.
    pub kv_tokens: Vec<u64>,
    offsets: Vec<usize>,
    requests: Vec<u32>,
    /// Tokens; the top bit marks a prefill.
    tokens: Vec<u32>,
}

const PREFILL: u32 = 1 << 31;

impl Iterations {
    /// Number of iterations.
    pub fn len(&self) -> usize {
        self.formed.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.formed.is_empty()
    }

    /// The batch of iteration `i`, in order.
    pub fn batch(&self, i: usize) -> impl Iterator<Item = Entry> + '_ {
        let from = self.offsets.get(i).copied().unwrap_or(0);
        let to = self
            .offsets
            .get(i + 1)
            .copied()
            .unwrap_or(self.requests.len());
        let to = if i < self.len() { to } else { from };
        self.requests[from..to]
            .iter()
            .zip(&self.tokens[from..to])
            .map(|(&request, &tokens)| Entry {
                request,
                tokens: tokens & !PREFILL,
                prefill: tokens & PREFILL != 0,
            })
    }

    /// Number of requests in the batch of iteration `i`.
    pub fn batch_len(&self, i: usize) -> usize {
        self.batch(i).count()
    }
}

/// Fields the log follows per request.
#[derive(Debug, Clone)]
struct Follow {
    since: f64,
    doing: Stretch,
    last_segment: u32,
    last_token: f64,
    kv_tokens: u32,
    queued: bool,
}

/// The whole log.
#[derive(Debug, Clone)]
pub struct Log {
    /// Iterations in order of forming.
    pub iterations: Iterations,
    /// Preemptions in order of time.
    pub evictions: Vec<Eviction>,
    /// Time of each event, so that a moment can be mapped to a step.
    pub event_times: Vec<f64>,
    /// All gaps between consecutive tokens of a request, in order of the later token.
    pub gaps: Vec<f64>,
    /// End of an iteration and the number of gaps up to it.
    pub gap_marks: Vec<(f64, usize)>,
    /// Tokens out up to each mark of `gap_marks`, first tokens included.
    pub tokens_out: Vec<u64>,
    /// Longest gap of each request and when it ended.
    pub longest_gap: Vec<(f64, f64)>,
    /// Integral over time of blocks in use, block-seconds.
    pub kv_integral: f64,
    /// Tokens processed, recomputed ones included.
    pub processed: u64,
    segments: Vec<(u32, Segment)>,
    follow: Vec<Follow>,
    used: Vec<u32>,
    holders: Vec<u32>,
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
            doing: Stretch::Waiting,
            last_segment: NONE,
            last_token: f64::NAN,
            kv_tokens: 0,
            queued: false,
        };
        Self {
            iterations: Iterations::default(),
            evictions: Vec::new(),
            event_times: Vec::new(),
            gaps: Vec::new(),
            gap_marks: Vec::new(),
            tokens_out: Vec::new(),
            longest_gap: vec![(0.0, f64::NAN); n],
            kv_integral: 0.0,
            processed: 0,
            segments: Vec::new(),
            follow: vec![fresh; n],
            used: vec![0; replicas],
            holders: vec![0; replicas],
            waiting: 0,
            live_tokens: 0,
            out: 0,
            kv_at: 0.0,
        }
    }

    fn close(&mut self, request: u32, from: f64, to: f64, what: Stretch) {
        if to <= from {
            return;
        }
        let follow = &mut self.follow[request as usize];
        if let Some((_, last)) = self.segments.get_mut(follow.last_segment as usize)
            && last.what == what
            && last.to == from
        {
            last.to = to;
            return;
        }
        follow.last_segment = self.segments.len() as u32;
        self.segments.push((request, Segment { from, to, what }));
    }

    fn count_blocks(&mut self, at: f64, replica: u32, desk: &Desk) {
        let total: u32 = self.used.iter().sum();
        self.kv_integral += f64::from(total) * (at - self.kv_at);
        self.kv_at = at;
        self.used[replica as usize] = desk.used;
        self.holders[replica as usize] = desk.holders;
    }

    /// The stretches of every request: for request r those in `offsets[r]..offsets[r + 1]`, in
    /// order of time. Requests that are still there at `end` get an open stretch up to it.
    pub fn segments(&mut self, end: f64, open: &[bool]) -> (Vec<usize>, Vec<Segment>) {
        for r in 0..self.follow.len() {
            if open[r] {
                let Follow { since, doing, .. } = self.follow[r];
                self.close(r as u32, since, end, doing);
            }
        }
        let mut offsets = vec![0; self.follow.len() + 1];
        for (r, _) in &self.segments {
            offsets[*r as usize + 1] += 1;
        }
        for r in 0..self.follow.len() {
            offsets[r + 1] += offsets[r];
        }
        let mut next = offsets.clone();
        let empty = Segment {
            from: 0.0,
            to: 0.0,
            what: Stretch::Waiting,
        };
        let mut sorted = vec![empty; self.segments.len()];
        for (r, segment) in self.segments.drain(..) {
            let place = &mut next[r as usize];
            sorted[*place] = segment;
            *place += 1;
        }
        (offsets, sorted)
    }
}

impl Sink for Log {
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
        let it = &mut self.iterations;
        it.offsets.push(it.requests.len());
        for entry in batch.entries {
            it.requests.push(entry.request);
            it.tokens
                .push(entry.tokens | if entry.prefill { PREFILL } else { 0 });
        }
        it.formed.push(batch.at);
        it.started.push(f64::NAN);
        it.ended.push(f64::NAN);
        it.replica.push(batch.replica);
        it.prefill.push(batch.work.prefill as u32);
        it.decodes.push(batch.work.decodes as u32);
        it.waiting.push(self.waiting);
        it.holders.push(self.holders.iter().sum());
        it.kv_used.push(self.used.iter().sum());
        it.kv_tokens.push(self.live_tokens);
    }

    fn started(&mut self, iteration: u64, at: f64) {
        self.iterations.started[iteration as usize] = at;
    }

    fn ran(&mut self, iteration: u64, at: f64, entry: Entry, emitted: Emitted) {
        let started = self.iterations.started[iteration as usize];
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
        if !follow.last_token.is_nan() {
            let gap = at - follow.last_token;
            self.gaps.push(gap);
            if gap > self.longest_gap[i].0 {
                self.longest_gap[i] = (gap, at);
            }
        }
        follow.last_token = at;
        if emitted == Emitted::Last {
            follow.doing = Stretch::Tail;
            self.live_tokens -= u64::from(std::mem::take(&mut follow.kv_tokens));
        }
    }

    fn ended(&mut self, iteration: u64, at: f64, replica: u32, desk: &Desk) {
        self.iterations.ended[iteration as usize] = at;
        self.count_blocks(at, replica, desk);
        self.gap_marks.push((at, self.gaps.len()));
        self.tokens_out.push(self.out);
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
            Note::Released(request) => {
                let Follow { since, .. } = self.follow[request as usize];
                self.close(request, since, at, Stretch::Tail);
                self.follow[request as usize].since = at;
            }
        }
    }
}
