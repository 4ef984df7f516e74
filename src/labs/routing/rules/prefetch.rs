//! Expert caches that look ahead or share: experts fetched for the routing path that a predictor
//! names (ExpertFlow, arXiv 2410.17954), and experts placed over the memories of several devices by
//! the load they are expected to have.

use crate::core::rng::Stream;
use crate::core::stats;

/// What a policy did with the reads of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Traffic {
    /// Reads that found their expert.
    pub hits: usize,
    /// Experts moved into fast memory, ahead of time or on demand.
    pub moved: usize,
    /// Reads served by another device, to which the token travels.
    pub elsewhere: usize,
    /// Fetches that the tokens wait for; a part of one where the rest came before it was needed.
    pub waits: f64,
}

impl Traffic {
    /// What a policy that fetches on demand does with so many reads.
    pub fn on_demand(reads: usize, hits: usize) -> Self {
        Self {
            hits,
            moved: reads - hits,
            elsewhere: 0,
            waits: (reads - hits) as f64,
        }
    }
}

/// A cache of the least recently used that can be told what to keep.
#[derive(Debug, Clone)]
struct Cache {
    /// Experts held, with the time of their last use.
    held: Vec<(usize, u64)>,
    capacity: usize,
    now: u64,
}

impl Cache {
    fn new(capacity: usize) -> Self {
        Self {
            held: Vec::with_capacity(capacity),
            capacity,
            now: 0,
        }
    }

    fn find(&self, key: usize) -> Option<usize> {
        self.held.iter().position(|h| h.0 == key)
    }

    /// Makes a key the latest used; whether it was there. Where there is no room the least recently
    /// used that is not among `keep` goes; nothing is taken in when all are.
    fn touch(&mut self, key: usize, keep: &[usize]) -> bool {
        self.now += 1;
        if let Some(at) = self.find(key) {
            self.held[at].1 = self.now;
            return true;
        }
        if self.held.len() == self.capacity {
            let free = self.held.iter().enumerate();
            let oldest = free
                .filter(|(_, h)| !keep.contains(&h.0))
                .min_by_key(|(_, h)| h.1)
                .map(|(at, _)| at);
            let Some(at) = oldest else {
                return false;
            };
            self.held.swap_remove(at);
        }
        if self.capacity > 0 {
            self.held.push((key, self.now));
        }
        false
    }
}

/// A predictor names the experts of each token before it runs: each of them rightly with the chance
/// `accuracy`, else a random other one. What is named and not held is fetched, in the place of the
/// least recently used; then the token reads its experts, and what is missing is fetched on demand.
/// So many fetches as `window` are made before the token comes, it waits for the others.
pub fn predictive(
    rows: &[Vec<usize>],
    experts: usize,
    capacity: usize,
    accuracy: f64,
    window: f64,
    stream: Stream,
) -> Traffic {
    Predicting::new(experts, capacity, stream).advance(rows, accuracy, window)
}

/// The work of [`predictive`], token after token.
#[derive(Debug, Clone)]
pub struct Predicting {
    cache: Cache,
    experts: usize,
    stream: Stream,
    out: Traffic,
    tokens: usize,
}

impl Predicting {
    /// Starts with nothing held.
    pub fn new(experts: usize, capacity: usize, stream: Stream) -> Self {
        Self {
            cache: Cache::new(capacity),
            experts,
            stream,
            out: Traffic::default(),
            tokens: 0,
        }
    }

    /// Tokens so far.
    pub fn done(&self) -> usize {
        self.tokens
    }

    /// The reads of the next tokens; what the policy has done so far.
    pub fn advance(&mut self, rows: &[Vec<usize>], accuracy: f64, window: f64) -> Traffic {
        for row in rows {
            let named = self.named(row, accuracy);
            let cache = &mut self.cache;
            let ahead = named
                .iter()
                .filter(|key| !cache.touch(**key, &named))
                .count();
            let missed = row.iter().filter(|key| !cache.touch(**key, &[])).count();
            self.out.hits += row.len() - missed;
            self.out.moved += ahead + missed;
            self.out.waits += (ahead as f64 - window).max(0.0) + missed as f64;
        }
        self.tokens += rows.len();
        self.out
    }

    /// What the predictor names for a token, as many as can be held.
    fn named(&mut self, row: &[usize], accuracy: f64) -> Vec<usize> {
        let mut named: Vec<usize> = Vec::with_capacity(row.len());
        for &right in row {
            // Both draws are made in any case, so that accuracies share their random numbers.
            let u = self.stream.uniform();
            let other = self.stream.below(self.experts.max(2) as u32 - 1);
            // Any expert but the right one.
            let other = (right + 1 + other as usize) % self.experts;
            let name = if u < accuracy { right } else { other };
            if !named.contains(&name) {
                named.push(name);
            }
        }
        named.truncate(self.cache.capacity);
        named
    }
}

/// Devices that hold `capacity` experts each, filled once by the load expected of the experts: the
/// busiest first, each to the least loaded device with room. A read is served by the device that
/// holds its expert; tokens live on devices in equal blocks. Experts that nobody holds are fetched
/// each time. The first filling is not counted.
pub fn placed(rows: &[Vec<usize>], loads: &[f64], devices: usize, capacity: usize) -> Traffic {
    let mut on: Vec<Option<usize>> = vec![None; loads.len()];
    let (mut load, mut room) = (vec![0.0_f64; devices], vec![capacity; devices]);
    for e in stats::descending(loads) {
        let open = (0..devices).filter(|&d| room[d] > 0);
        let least = open.min_by(|&a, &b| load[a].total_cmp(&load[b]).then(a.cmp(&b)));
        let Some(d) = least else { break };
        on[e] = Some(d);
        load[d] += loads[e];
        room[d] -= 1;
    }
    let mut out = Traffic::default();
    for (t, row) in rows.iter().enumerate() {
        let own = t * devices / rows.len();
        for &e in row {
            match on[e] {
                Some(d) => {
                    out.hits += 1;
                    out.elsewhere += usize::from(d != own);
                }
                None => out.moved += 1,
            }
        }
    }
    out.waits = out.moved as f64;
    out
}

/// Tokens in the order of their experts, so that those that read the same ones stand together
/// (ExpertFlow's regrouping).
pub fn regrouped(rows: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut out = rows.to_vec();
    out.sort();
    out
}

/// Mean number of distinct experts in groups of so many consecutive tokens; NaN without a whole
/// group.
pub fn distinct(rows: &[Vec<usize>], group: usize) -> f64 {
    let counts: Vec<f64> = rows
        .chunks_exact(group)
        .map(|chunk| {
            let mut all: Vec<usize> = chunk.iter().flatten().copied().collect();
            all.sort_unstable();
            all.dedup();
            all.len() as f64
        })
        .collect();
    if counts.is_empty() {
        f64::NAN
    } else {
        stats::mean(&counts)
    }
}

#[cfg(test)]
mod tests {
    use super::super::cache;
    use super::*;
    use crate::core::rng::StreamId;

    fn trace() -> Vec<Vec<usize>> {
        let mut stream = Stream::new(4, StreamId::Test);
        (0..600)
            .map(|_| {
                let a = stream.below(16) as usize;
                vec![a, (a + 1 + stream.below(15) as usize) % 16]
            })
            .collect()
    }

    #[test]
    fn a_perfect_predictor_hits_always_and_moves_what_the_least_recent_rule_misses() {
        let rows = trace();
        let keys: Vec<cache::Key> = rows.iter().flatten().map(|&e| (0, e as i64)).collect();
        for capacity in [2, 4, 8, 16] {
            let draws = Stream::new(1, StreamId::Test);
            let got = predictive(&rows, 16, capacity, 1.0, 0.0, draws);
            assert_eq!(got.hits, keys.len(), "capacity {capacity}");
            let misses = keys.len() - cache::lru(&keys, capacity);
            // Keeping both of a token's experts can only differ where the second would evict the
            // first.
            assert!(got.moved <= misses, "{} {misses}", got.moved);
        }
        let none = predictive(&rows, 16, 0, 1.0, 0.0, Stream::new(1, StreamId::Test));
        assert_eq!(none.hits, 0);
    }

    #[test]
    fn a_fair_predictor_hits_more_and_moves_more_than_the_least_recent_rule() {
        let rows = trace();
        let keys: Vec<cache::Key> = rows.iter().flatten().map(|&e| (0, e as i64)).collect();
        let lru = cache::lru(&keys, 4);
        let got = predictive(&rows, 16, 4, 0.85, 0.0, Stream::new(1, StreamId::Test));
        assert!(got.hits > 2 * lru, "{} {lru}", got.hits);
        assert!(got.moved > keys.len() - lru, "wrong guesses cost");
    }

    #[test]
    fn a_trace_predicted_in_parts_is_the_trace_predicted_at_once() {
        let rows = trace();
        let draws = Stream::new(1, StreamId::Test);
        let whole = predictive(&rows, 16, 4, 0.85, 1.5, draws.clone());
        let mut work = Predicting::new(16, 4, draws);
        let mut parts = Traffic::default();
        while work.done() < rows.len() {
            let next = rows.len().min(work.done() + 37);
            parts = work.advance(&rows[work.done()..next], 0.85, 1.5);
        }
        assert_eq!(parts, whole);
    }

    #[test]
    fn placed_experts_serve_from_their_device_and_the_rest_is_fetched() {
        // Loads 5, 4, 3, 1 on two devices with one place each: experts 0 and 1.
        let rows = vec![vec![0, 1], vec![1, 2], vec![0, 3], vec![1]];
        let got = placed(&rows, &[5.0, 4.0, 3.0, 1.0], 2, 1);
        assert_eq!((got.hits, got.moved), (5, 2));
        // Tokens 0 and 1 live on device 0, which holds expert 0: they ask device 1 twice; token 2
        // asks device 0 once.
        assert_eq!(got.elsewhere, 3);
    }

    #[test]
    fn regrouped_tokens_share_experts() {
        let rows = vec![vec![0, 1], vec![2, 3], vec![0, 1], vec![2, 3]];
        assert_eq!(distinct(&rows, 2), 4.0);
        assert_eq!(distinct(&regrouped(&rows), 2), 2.0);
        assert!(distinct(&rows, 8).is_nan());
    }
}
