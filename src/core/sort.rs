//! Sorting many numbers without holding anything up.

use super::{Job, Result, Step};
use std::collections::VecDeque;

/// Numbers sorted in one step, and merged in one step, about.
const CHUNK: usize = 1 << 14;

/// Sorts numbers ascending (total order: NaN last) in short steps: pieces first, which are then
/// merged in pairs. The last merge goes over all numbers once.
#[derive(Debug, Clone)]
pub struct Sorter {
    rest: Vec<f64>,
    runs: VecDeque<Vec<f64>>,
    merge: Option<Merge>,
    /// Numbers looked at so far, and those to look at in all.
    done: usize,
    all: usize,
}

#[derive(Debug, Clone)]
struct Merge {
    left: Vec<f64>,
    right: Vec<f64>,
    at: [usize; 2],
    out: Vec<f64>,
}

impl Merge {
    fn new(left: Vec<f64>, right: Vec<f64>) -> Self {
        Self {
            out: Vec::with_capacity(left.len() + right.len()),
            left,
            right,
            at: [0, 0],
        }
    }

    /// Whether the merge is complete.
    fn advance(&mut self, most: usize) -> bool {
        let [mut l, mut r] = self.at;
        for _ in 0..most {
            let next = match (self.left.get(l), self.right.get(r)) {
                (Some(a), Some(b)) if a.total_cmp(b).is_gt() => {
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
    /// Sorts these.
    pub fn new(values: Vec<f64>) -> Self {
        let pieces = values.len().div_ceil(CHUNK).max(1);
        let levels = 1 + pieces.next_power_of_two().trailing_zeros() as usize;
        Self {
            all: (values.len() * levels).max(1),
            rest: values,
            runs: VecDeque::new(),
            merge: None,
            done: 0,
        }
    }
}

impl Job for Sorter {
    type Out = Vec<f64>;

    fn step(&mut self) -> Result<Step<Vec<f64>>> {
        if let Some(merge) = &mut self.merge {
            self.done += CHUNK;
            if merge.advance(CHUNK) {
                self.runs.push_back(std::mem::take(&mut merge.out));
                self.merge = None;
            }
            return Ok(Step::Working);
        }
        if !self.rest.is_empty() {
            let from = self.rest.len().saturating_sub(CHUNK);
            let mut run = self.rest.split_off(from);
            run.sort_unstable_by(f64::total_cmp);
            self.done += run.len();
            self.runs.push_back(run);
            return Ok(Step::Working);
        }
        let first = self.runs.pop_front().unwrap_or_default();
        match self.runs.pop_front() {
            None => Ok(Step::Done(first)),
            Some(second) => {
                self.merge = Some(Merge::new(first, second));
                Ok(Step::Working)
            }
        }
    }

    fn progress(&self) -> f64 {
        (self.done as f64 / self.all as f64).min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::finish;
    use proptest::prelude::*;

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
