//! Sorting: many values without holding anything up, and few without a copy of the sort for each.

use super::{Job, Result, Step};
use std::cmp::Ordering;
use std::collections::VecDeque;

/// Values sorted in one step, and merged in one step, about.
const CHUNK: usize = 1 << 14;

/// Puts values in order, equal ones staying as they were, with the result of [`slice::sort_by`].
///
/// The compiler makes a copy of the standard sort, some five kilobytes, for every comparison it is
/// called with. Here one copy sorts places for everybody; it takes a list of places and a call for
/// each comparison more. For lists that are sorted now and then.
pub trait Arrange<T> {
    /// Like [`slice::sort_by`].
    fn arrange_by(&mut self, order: impl FnMut(&T, &T) -> Ordering);

    /// Like [`slice::sort_by_key`].
    fn arrange_by_key<K: Ord>(&mut self, mut key: impl FnMut(&T) -> K) {
        self.arrange_by(|a, b| key(a).cmp(&key(b)));
    }
}

impl<T> Arrange<T> for [T] {
    fn arrange_by(&mut self, mut order: impl FnMut(&T, &T) -> Ordering) {
        let mut from = places(self.len(), &mut |a, b| order(&self[a], &self[b]));
        // Along each cycle of places the value that belongs here is swapped here.
        for start in 0..from.len() {
            let mut at = start;
            loop {
                let next = std::mem::replace(&mut from[at], at);
                if next == start {
                    break;
                }
                self.swap(at, next);
                at = next;
            }
        }
    }
}

/// The places of values in their order.
fn places(len: usize, order: &mut dyn FnMut(usize, usize) -> Ordering) -> Vec<usize> {
    let mut places: Vec<usize> = (0..len).collect();
    places.sort_by(|a, b| order(*a, *b));
    places
}

/// Like [`slice::sort_by`] for numbers of requests or experts; one copy for every comparison, as
/// with [`Arrange`], without a list of places.
pub fn sort_ids(ids: &mut [u32], order: &mut dyn FnMut(u32, u32) -> Ordering) {
    ids.sort_by(|a, b| order(*a, *b));
}

/// Like [`slice::sort_by_cached_key`] for numbers of requests: ascending by a rank and, within it, by a
/// turn; the key of each is asked for once.
pub fn sort_ids_by_turn(ids: &mut [u32], key: &mut dyn FnMut(u32) -> (u32, i64)) {
    let mut keyed: Vec<((u32, i64), u32)> = ids.iter().map(|&id| (key(id), id)).collect();
    keyed.sort_by_key(|(key, _)| *key);
    for (id, (_, sorted)) in ids.iter_mut().zip(keyed) {
        *id = sorted;
    }
}

/// Sorts values ascending in short steps: pieces first, which are then merged in pairs. The last
/// merge goes over all values once. Equal values may change places.
#[derive(Debug, Clone)]
pub struct Sorter<T = f64> {
    rest: Vec<T>,
    runs: VecDeque<Vec<T>>,
    merge: Option<Merge<T>>,
    order: fn(&T, &T) -> Ordering,
    /// Values looked at so far, and those to look at in all.
    done: usize,
    all: usize,
}

#[derive(Debug, Clone)]
struct Merge<T> {
    left: Vec<T>,
    right: Vec<T>,
    at: [usize; 2],
    out: Vec<T>,
}

impl<T: Copy> Merge<T> {
    fn new(left: Vec<T>, right: Vec<T>) -> Self {
        Self {
            out: Vec::with_capacity(left.len() + right.len()),
            left,
            right,
            at: [0, 0],
        }
    }

    /// Whether the merge is complete.
    fn advance(&mut self, most: usize, order: fn(&T, &T) -> Ordering) -> bool {
        let [mut l, mut r] = self.at;
        for _ in 0..most {
            let next = match (self.left.get(l), self.right.get(r)) {
                (Some(a), Some(b)) if order(a, b).is_gt() => {
                    r += 1;
                    *b
                }
                (Some(a), _) => {
                    l += 1;
                    *a
                }
                (None, Some(b)) => {
                    r += 1;
                    *b
                }
                (None, None) => return true,
            };
            self.out.push(next);
        }
        self.at = [l, r];
        l == self.left.len() && r == self.right.len()
    }
}

impl Sorter {
    /// Sorts these numbers (total order: NaN last).
    pub fn new(values: Vec<f64>) -> Self {
        Self::by(values, f64::total_cmp)
    }
}

impl<T: Copy> Sorter<T> {
    /// Sorts these values by an order.
    pub fn by(values: Vec<T>, order: fn(&T, &T) -> Ordering) -> Self {
        let pieces = values.len().div_ceil(CHUNK).max(1);
        let levels = 1 + pieces.next_power_of_two().trailing_zeros() as usize;
        Self {
            all: (values.len() * levels).max(1),
            rest: values,
            runs: VecDeque::new(),
            merge: None,
            order,
            done: 0,
        }
    }

    /// Does a slice of the work; the values in order when it is done.
    pub fn slice(&mut self) -> Option<Vec<T>> {
        if let Some(merge) = &mut self.merge {
            self.done += CHUNK;
            if merge.advance(CHUNK, self.order) {
                self.runs.push_back(std::mem::take(&mut merge.out));
                self.merge = None;
            }
            return None;
        }
        if !self.rest.is_empty() {
            let from = self.rest.len().saturating_sub(CHUNK);
            let mut run = self.rest.split_off(from);
            run.sort_unstable_by(self.order);
            self.done += run.len();
            self.runs.push_back(run);
            return None;
        }
        let first = self.runs.pop_front().unwrap_or_default();
        match self.runs.pop_front() {
            None => Some(first),
            Some(second) => {
                self.merge = Some(Merge::new(first, second));
                None
            }
        }
    }
}

impl<T: Copy> Job for Sorter<T> {
    type Out = Vec<T>;

    fn step(&mut self) -> Result<Step<Vec<T>>> {
        Ok(self.slice().map_or(Step::Working, Step::Done))
    }

    fn progress(&self) -> f64 {
        (self.done as f64 / self.all as f64).min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finish;
    use proptest::prelude::*;

    #[test]
    fn ids_of_equal_keys_stay_as_they_were() {
        let mut ids = [5, 3, 8, 1, 9];
        let mut asked = 0;
        sort_ids_by_turn(&mut ids, &mut |id| {
            asked += 1;
            (id % 2, -i64::from(id / 4))
        });
        assert_eq!((ids, asked), ([8, 9, 5, 3, 1], 5));
    }

    proptest! {
        #[test]
        fn arranging_is_a_stable_sort(values in proptest::collection::vec((0_u8..6, 0_u8..200), 0..60)) {
            let mut wanted = values.clone();
            wanted.sort_by_key(|v| v.0);
            let mut by_key = values.clone();
            by_key.arrange_by_key(|v| v.0);
            prop_assert_eq!(&by_key, &wanted);
            wanted.sort_by_key(|v| std::cmp::Reverse(v.0));
            let mut falling = by_key;
            falling.arrange_by(|a, b| b.0.cmp(&a.0));
            prop_assert_eq!(falling, wanted);
            let mut ids: Vec<u32> = values.iter().map(|v| u32::from(v.1)).collect();
            sort_ids(&mut ids, &mut |a, b| (a % 7).cmp(&(b % 7)));
            let mut wanted: Vec<u32> = values.iter().map(|v| u32::from(v.1)).collect();
            wanted.sort_by_key(|v| v % 7);
            prop_assert_eq!(ids, wanted);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn it_sorts(len in 0_usize..5 * CHUNK, seed: u64) {
            // A few values only, so that there are equals, and both zeros.
            let values: Vec<f64> = (0..len as u64)
                .map(|i| {
                    let word = (i ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48;
                    if word % 7 == 0 { -0.0 } else { f64::from(word as u16) / 16.0 - 900.0 }
                })
                .collect();
            let mut wanted = values.clone();
            wanted.sort_by(f64::total_cmp);
            let found = finish(&mut Sorter::new(values)).unwrap();
            let bits = |v: &[f64]| v.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&found), bits(&wanted));
        }
    }
}
