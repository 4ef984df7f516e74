//! What a picture of the lanes needs: the requests of a stretch of time, one row each, or several
//! to a row where there are too many.

use super::Run;
use super::engine::{PrefixTree, Standing};
use super::forecast::curve;
use super::log::Stretch;

/// A coloured piece of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Strip {
    /// Row from the top.
    pub row: u32,
    /// Start in seconds.
    pub from: f64,
    /// End in seconds.
    pub to: f64,
    /// What happens there (what most requests of the row do).
    pub what: Stretch,
}

/// Rows for a stretch of time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Lanes {
    /// Requests that live in the stretch, in order of arrival.
    pub requests: Vec<u32>,
    /// Requests per row.
    pub per_row: usize,
    /// Pieces, row by row, in order of time.
    pub strips: Vec<Strip>,
}

impl Lanes {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.requests.len().div_ceil(self.per_row.max(1))
    }

    /// Row of a request, if it is shown.
    pub fn row_of(&self, request: u32) -> Option<usize> {
        let place = self.requests.binary_search(&request).ok()?;
        Some(place / self.per_row.max(1))
    }

    /// First request of a row.
    pub fn request_at(&self, row: usize) -> Option<u32> {
        self.requests.get(row * self.per_row.max(1)).copied()
    }
}

/// States in the order in which they win a tie.
const KINDS: [Stretch; 8] = [
    Stretch::Preempted,
    Stretch::Swapped,
    Stretch::Transfer,
    Stretch::Stalled,
    Stretch::Prefill,
    Stretch::Decode,
    Stretch::Waiting,
    Stretch::Tail,
];

/// Most requests of a shared row that are looked at: its picture is a majority anyway.
const SAMPLE: usize = 64;

/// Rows for the time from `from` to `to`: at most `most` of them, and `columns` cells across where
/// several requests share a row.
pub fn lanes(run: &Run, [from, to]: [f64; 2], most: usize, columns: usize) -> Lanes {
    let requests: Vec<u32> = run.requests_between([from, to]).collect();
    let per_row = requests.len().div_ceil(most.max(1)).max(1);
    let mut strips = Vec::new();
    for (row, group) in requests.chunks(per_row).enumerate() {
        let row = row as u32;
        if let [request] = group {
            one_row(run, row, *request, [from, to], &mut strips);
        } else {
            shared_row(run, row, group, [from, to], columns.max(1), &mut strips);
        }
    }
    Lanes {
        requests,
        per_row,
        strips,
    }
}

fn one_row(run: &Run, row: u32, request: u32, [from, to]: [f64; 2], out: &mut Vec<Strip>) {
    let segments = run.segments(request);
    let first = segments.partition_point(|s| s.to <= from);
    out.extend(
        segments[first..]
            .iter()
            .take_while(|s| s.from < to)
            .map(|s| Strip {
                row,
                from: s.from.max(from),
                to: s.to.min(to),
                what: s.what,
            }),
    );
}

/// The state of most requests of the group, or of an even sample of it, cell by cell.
fn shared_row(
    run: &Run,
    row: u32,
    group: &[u32],
    [from, to]: [f64; 2],
    columns: usize,
    out: &mut Vec<Strip>,
) {
    let cell = (to - from) / columns as f64;
    let mut counts = vec![[0_u32; KINDS.len()]; columns];
    let column = |t: f64| (((t - from) / cell).max(0.0) as usize).min(columns - 1);
    let every = group.len().div_ceil(SAMPLE);
    for &request in group.iter().step_by(every.max(1)) {
        for s in run.segments(request) {
            if s.to <= from || s.from >= to {
                continue;
            }
            let kind = KINDS.iter().position(|k| *k == s.what).unwrap_or(0);
            for count in &mut counts[column(s.from)..=column(s.to)] {
                count[kind] += 1;
            }
        }
    }
    let mut last: Option<Strip> = None;
    for (i, count) in counts.iter().enumerate() {
        let left = from + cell * i as f64;
        let best = (0..KINDS.len())
            .filter(|&k| count[k] > 0)
            .max_by_key(|&k| (count[k], std::cmp::Reverse(k)));
        let what = best.map(|k| KINDS[k]);
        match (&mut last, what) {
            (Some(strip), Some(what)) if strip.what == what => strip.to = left + cell,
            (strip, what) => {
                out.extend(strip.take());
                *strip = what.map(|what| Strip {
                    row,
                    from: left,
                    to: left + cell,
                    what,
                });
            }
        }
    }
    out.extend(last);
}

/// The largest batch of each column of a picture: prefill tokens, decodes, largest share of the
/// pool. Columns without an iteration are `None`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Column {
    /// Prompt tokens of the largest batch.
    pub prefill: u32,
    /// Decodes of the largest batch.
    pub decodes: u32,
    /// Largest share of the pool in use.
    pub kv: f32,
    /// Largest share of the pool filled with tokens.
    pub filled: f32,
    /// Most waiting requests.
    pub waiting: u32,
}

/// Iterations from `from` to `to`, sampled into columns. An iteration fills all columns it touches.
pub fn columns(run: &Run, [from, to]: [f64; 2], count: usize) -> Vec<Option<Column>> {
    let it = &run.log().iterations;
    let limits = run.config().limits();
    let blocks = limits.num_blocks as f32 * run.config().replicas as f32;
    let tokens = blocks * limits.block_size as f32;
    let mut out = vec![None; count.max(1)];
    let cell = (to - from) / out.len() as f64;
    let last_column = out.len() - 1;
    let first = it.ended.partition_point(|&e| e <= from).saturating_sub(64);
    for i in first..it.len() {
        let (start, end) = (it.started[i], it.ended[i]);
        if it.formed[i] >= to {
            break;
        }
        if !(start < to && end > from) {
            continue;
        }
        let a = (((start - from) / cell).max(0.0) as usize).min(last_column);
        let b = (((end - from) / cell).ceil().max(1.0) as usize - 1).clamp(a, last_column);
        for column in &mut out[a..=b] {
            let c: &mut Column = column.get_or_insert_default();
            if it.prefill[i] + it.decodes[i] >= c.prefill + c.decodes {
                c.prefill = it.prefill[i];
                c.decodes = it.decodes[i];
            }
            c.kv = c.kv.max(it.kv_used[i] as f32 / blocks);
            c.filled = c.filled.max(it.kv_tokens[i] as f32 / tokens);
            c.waiting = c.waiting.max(it.waiting[i]);
        }
    }
    out
}

/// A request whose KV is on its way from one instance to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flying {
    /// The request.
    pub request: u32,
    /// Where it comes from.
    pub from: u32,
    /// Where it goes.
    pub to: u32,
    /// Blocks kept for it there.
    pub blocks: u32,
    /// How much of the way is behind it, from 0; below 0 while it waits for the link.
    pub share: f64,
}

/// The moment under the playhead.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Snapshot {
    /// Requests that hold blocks with their number, instance by instance, in order of arrival.
    pub holdings: Vec<Vec<(u32, u32)>>,
    /// Blocks that nobody holds but that can be found again, instance by instance; none where
    /// prefixes are not cached.
    pub cached: Vec<Option<u32>>,
    /// Requests whose KV is on its way to another instance.
    pub flying: Vec<Flying>,
    /// Requests that wait at the gateway for an instance, in order, and whether each was preempted.
    pub gateway: Vec<(u32, bool)>,
    /// Where every instance stands.
    pub standing: Vec<Standing>,
    /// The cached blocks as a tree, instance by instance; empty where prefixes are not cached.
    pub trees: Vec<PrefixTree>,
    /// Waiting requests in order, and whether each was preempted, instance by instance.
    pub queues: Vec<Vec<(u32, bool)>>,
    /// Requests whose blocks lie in the memory of the host, instance by instance.
    pub swapped: Vec<Vec<u32>>,
    /// Instances that only compute prompts, the first ones; 0 where every instance does both.
    pub prefill_instances: usize,
    /// Blocks of one instance.
    pub blocks: u32,
    /// Prompt tokens and decodes of the batches on their way.
    pub prefill: u32,
    /// Decodes of the batches on their way.
    pub decodes: u32,
    /// Memory to come as the scheduler saw it last: corners of [seconds, share of the pool]; empty
    /// where it does not look ahead, and with several instances.
    pub forecast: Vec<[f64; 2]>,
}

impl Snapshot {
    /// State at time `at`.
    pub fn of(run: &Run, at: f64) -> Self {
        let state = run.state_at(at);
        let r = state.requests();
        let mut holdings = vec![Vec::new(); state.replicas()];
        let mut seen = vec![Vec::new(); state.replicas()];
        for (i, &blocks) in r.blocks.iter().enumerate() {
            let replica = r.replica[i] as usize;
            // A shared block is drawn once, with the first request that holds it.
            let shared = match &state.desk(replica).cache {
                Some(cache) if blocks > 0 => cache.mark(i as u32, &mut seen[replica]).1,
                _ => 0,
            };
            if blocks > shared {
                holdings[replica].push((i as u32, blocks - shared));
            }
        }
        // KV on its way has blocks on both sides.
        let transfers = state.transfers();
        let mut flying: Vec<Flying> = (transfers.iter())
            .map(|t| Flying {
                request: t.request,
                from: t.from,
                to: t.to,
                blocks: t.blocks,
                share: (at - t.started) / (t.at - t.started),
            })
            .collect();
        flying.extend(state.moves().iter().map(|m| Flying {
            request: m.request,
            from: m.from,
            to: m.to,
            blocks: m.blocks,
            share: (at - m.began) / (m.until - m.began),
        }));
        for flight in &flying {
            let there = &mut holdings[flight.to as usize];
            let place = there.partition_point(|h| h.0 < flight.request);
            there.insert(place, (flight.request, flight.blocks));
        }
        let standing = (0..state.replicas()).map(|i| state.standing(i)).collect();
        let cached = (0..state.replicas())
            .map(|d| state.desk(d).cache.as_ref().map(|c| c.unused()))
            .collect();
        let trees = (0..state.replicas())
            .map(|d| (state.desk(d).cache.as_ref()).map_or_else(PrefixTree::default, |c| c.tree()))
            .collect();
        let queues = (0..state.replicas())
            .map(|d| {
                let queue = state.desk(d).queue.iter();
                queue.map(|&q| (q, r.restarts[q as usize] > 0)).collect()
            })
            .collect();
        let gateway: Vec<(u32, bool)> = (state.gateway())
            .map(|q| (q, r.restarts[q as usize] > 0))
            .collect();
        let swapped = (0..state.replicas())
            .map(|d| state.desk(d).swapped.iter().map(|s| s.request).collect())
            .collect();
        let mut snapshot = Self {
            holdings,
            flying,
            gateway,
            standing,
            cached,
            trees,
            queues,
            swapped,
            prefill_instances: state.pools().map_or(0, |p| p.prefill as usize),
            blocks: state.limits().num_blocks,
            ..Self::default()
        };
        if let (1, Some(forecast)) = (state.replicas(), state.forecast(0)) {
            let pool = f64::from(state.limits().block_size) * f64::from(snapshot.blocks);
            snapshot.forecast = curve(forecast, state.limits());
            for corner in &mut snapshot.forecast {
                corner[1] /= pool;
            }
        }
        for replica in 0..state.replicas() {
            for entry in state.in_flight(replica) {
                if entry.prefill {
                    snapshot.prefill += entry.tokens;
                } else {
                    snapshot.decodes += 1;
                }
            }
        }
        snapshot
    }

    /// Waiting requests over all instances.
    pub fn waiting(&self) -> usize {
        let queued: usize = self.queues.iter().map(Vec::len).sum();
        queued + self.gateway.len()
    }

    /// Swapped requests over all instances.
    pub fn swapped(&self) -> usize {
        self.swapped.iter().map(Vec::len).sum()
    }

    /// Blocks in use over all instances.
    pub fn used(&self) -> u32 {
        self.holdings.iter().flatten().map(|h| h.1).sum()
    }

    /// Requests that hold blocks, over all instances.
    pub fn holders(&self) -> usize {
        self.holdings.iter().map(Vec::len).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::finish;
    use crate::labs::Library;
    use crate::labs::serving::{Config, Serving};

    fn run() -> Run {
        let config = crate::labs::serving::presets::pressure();
        finish(&mut *Serving::simulate(&config, &Library::default()).unwrap()).unwrap()
    }

    #[test]
    fn with_enough_rows_the_strips_are_the_segments() {
        let run = run();
        let lanes = lanes(&run, [0.0, run.results().end], 1000, 100);
        assert_eq!((lanes.per_row, lanes.rows()), (1, 120));
        let segments: usize = (0..120).map(|r| run.segments(r).len()).sum();
        assert_eq!(lanes.strips.len(), segments);
        assert_eq!(lanes.row_of(7), Some(7));
    }

    #[test]
    fn requests_between_two_moments_are_those_with_a_stretch_there() {
        let config = Config {
            requests: 2500,
            ..crate::labs::serving::presets::pressure()
        };
        let run = finish(&mut *Serving::simulate(&config, &Library::default()).unwrap()).unwrap();
        let end = run.results().end;
        for window in [
            [0.0, end],
            [0.4 * end, 0.5 * end],
            [0.99 * end, end],
            [-2.0, -1.0],
        ] {
            let [from, to] = window;
            let wanted: Vec<u32> = (0..2500)
                .filter(|&r| {
                    let life = run.segments(r);
                    let ends = life.first().zip(life.last());
                    ends.is_some_and(|(first, last)| first.from < to && last.to > from)
                })
                .collect();
            assert_eq!(run.requests_between(window).collect::<Vec<_>>(), wanted);
            assert_eq!(wanted.is_empty(), from < 0.0);
        }
    }

    #[test]
    fn shared_rows_stay_inside_the_window_and_do_not_overlap() {
        let run = run();
        let window = [4.0, 9.0];
        let lanes = lanes(&run, window, 10, 50);
        assert!(lanes.rows() <= 10 && lanes.per_row > 1, "{}", lanes.per_row);
        for pair in lanes.strips.windows(2) {
            if pair[0].row == pair[1].row {
                assert!(pair[0].to <= pair[1].from + 1e-9, "{pair:?}");
            }
        }
        for s in &lanes.strips {
            assert!(
                s.from >= 4.0 - 1e-9 && s.to <= 9.0 + 1e-9 && s.to > s.from,
                "{s:?}"
            );
        }
    }

    #[test]
    fn a_snapshot_agrees_with_the_log() {
        let run = run();
        let it = &run.log().iterations;
        for i in [0, 10, it.len() / 2, it.len() - 1] {
            let at = it.formed[i];
            let last = it.formed.partition_point(|&t| t <= at) - 1;
            let snapshot = Snapshot::of(&run, at);
            assert_eq!(snapshot.used(), it.kv_used[last], "iteration {i}");
            assert_eq!(snapshot.waiting() as u32, it.waiting[last], "iteration {i}");
            assert_eq!(snapshot.prefill, it.prefill[last], "iteration {i}");
        }
        let empty = Snapshot::of(&run, run.results().end);
        assert_eq!((empty.used(), empty.waiting()), (0, 0));
    }

    #[test]
    fn columns_show_the_largest_batch() {
        let run = finish(&mut *Serving::simulate(&Config::default(), &Library::default()).unwrap())
            .unwrap();
        let largest = run.log().iterations.prefill.iter().max().copied();
        let shown = columns(&run, [0.0, run.results().end], 40);
        assert_eq!(shown.iter().flatten().map(|c| c.prefill).max(), largest);
    }
}
