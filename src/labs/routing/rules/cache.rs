//! Expert caches: which experts stay in fast memory (policies compared by ExpertFlow, arXiv
//! 2410.17954). Cold start; a miss always inserts.

use crate::core::Arrange as _;
use std::collections::BTreeMap;

/// What is cached: a layer's expert.
pub type Key = (i64, i64);

/// Accesses numbered by first appearance, so that policies work on small whole numbers.
fn numbered(accesses: &[Key]) -> (Vec<usize>, Vec<Key>) {
    let mut ids = BTreeMap::new();
    let mut keys = Vec::new();
    let sequence = accesses
        .iter()
        .map(|&key| {
            *ids.entry(key).or_insert_with(|| {
                keys.push(key);
                keys.len() - 1
            })
        })
        .collect();
    (sequence, keys)
}

/// Hits of a policy that evicts the cached key with the smallest rank. `rank(key, now)` sees the
/// state after the access at `now` was counted.
fn hits_by(
    sequence: &[usize],
    capacity: usize,
    keys: usize,
    mut touch: impl FnMut(usize, usize),
    rank: impl Fn(usize) -> (i64, i64),
) -> usize {
    let mut cached = vec![false; keys];
    let mut held: Vec<usize> = Vec::new();
    let mut hits = 0;
    for (now, &key) in sequence.iter().enumerate() {
        if cached[key] {
            hits += 1;
        } else if capacity > 0 {
            if held.len() == capacity
                && let Some(at) = (0..held.len()).min_by_key(|&i| rank(held[i]))
            {
                cached[held.swap_remove(at)] = false;
            }
            held.push(key);
            cached[key] = true;
        }
        touch(key, now);
    }
    hits
}

/// Least recently used goes first.
pub fn lru(accesses: &[Key], capacity: usize) -> usize {
    let (sequence, keys) = numbered(accesses);
    let last = std::cell::RefCell::new(vec![-1_i64; keys.len()]);
    hits_by(
        &sequence,
        capacity,
        keys.len(),
        |key, now| last.borrow_mut()[key] = now as i64,
        |key| (last.borrow()[key], 0),
    )
}

/// Least often used since the start of the trace goes first (counts survive eviction), ties the
/// least recently used.
pub fn lfu(accesses: &[Key], capacity: usize) -> usize {
    let (sequence, keys) = numbered(accesses);
    let seen = std::cell::RefCell::new(vec![(0_i64, -1_i64); keys.len()]);
    hits_by(
        &sequence,
        capacity,
        keys.len(),
        |key, now| {
            let slot = &mut seen.borrow_mut()[key];
            *slot = (slot.0 + 1, now as i64);
        },
        |key| seen.borrow()[key],
    )
}

/// The key whose next use is farthest goes first (Belady's optimum).
pub fn belady(accesses: &[Key], capacity: usize) -> usize {
    let (sequence, keys) = numbered(accesses);
    let mut next_use = vec![i64::MAX; sequence.len()];
    let mut upcoming = vec![i64::MAX; keys.len()];
    for (now, &key) in sequence.iter().enumerate().rev() {
        next_use[now] = upcoming[key];
        upcoming[key] = now as i64;
    }
    let next = std::cell::RefCell::new(vec![i64::MAX; keys.len()]);
    hits_by(
        &sequence,
        capacity,
        keys.len(),
        |key, now| next.borrow_mut()[key] = next_use[now],
        |key| (-next.borrow()[key], 0),
    )
}

/// The `capacity` most used keys of the whole trace, loaded beforehand; ties to the lower key.
pub fn static_top(accesses: &[Key], capacity: usize) -> usize {
    let mut counts: BTreeMap<Key, usize> = BTreeMap::new();
    for &key in accesses {
        *counts.entry(key).or_default() += 1;
    }
    let mut counts: Vec<(Key, usize)> = counts.into_iter().collect();
    counts.arrange_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    counts.iter().take(capacity).map(|c| c.1).sum()
}
