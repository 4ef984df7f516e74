//! The stretches of all requests, put together request by request.

use super::pile::Pile;
use super::{Segment, Stretch};
use crate::core::{Job, Result, Step};

/// Stretches moved in one step.
const SLICE: usize = 1 << 16;

/// A counting sort in short steps.
#[derive(Debug)]
pub struct Gather {
    found: Pile<(u32, Segment)>,
    offsets: Vec<u32>,
    /// Where the next stretch of each request goes.
    next: Vec<u32>,
    sorted: Vec<Segment>,
    counted: usize,
    moved: usize,
}

impl Gather {
    /// Stretches of `requests` requests in order of time.
    pub(super) fn new(found: Pile<(u32, Segment)>, requests: usize) -> Self {
        Self {
            sorted: Vec::with_capacity(found.len()),
            offsets: vec![0; requests + 1],
            next: Vec::new(),
            counted: 0,
            moved: 0,
            found,
        }
    }
}

impl Job for Gather {
    /// For request r the stretches `offsets[r]..offsets[r + 1]`, in order of time.
    type Out = (Vec<u32>, Vec<Segment>);

    fn step(&mut self) -> Result<Step<Self::Out>> {
        let all = self.found.len();
        if self.counted < all {
            let upto = (self.counted + SLICE).min(all);
            for i in self.counted..upto {
                self.offsets[self.found[i].0 as usize + 1] += 1;
            }
            let empty = Segment {
                from: 0.0,
                to: 0.0,
                what: Stretch::Waiting,
            };
            self.sorted.resize(upto, empty);
            self.counted = upto;
        } else if self.next.is_empty() {
            for r in 1..self.offsets.len() {
                self.offsets[r] += self.offsets[r - 1];
            }
            self.next.clone_from(&self.offsets);
        } else if self.moved < all {
            let upto = (self.moved + SLICE).min(all);
            for i in self.moved..upto {
                let (r, segment) = self.found[i];
                let place = &mut self.next[r as usize];
                self.sorted[*place as usize] = segment;
                *place += 1;
            }
            self.moved = upto;
        } else {
            let offsets = std::mem::take(&mut self.offsets);
            return Ok(Step::Done((offsets, std::mem::take(&mut self.sorted))));
        }
        Ok(Step::Working)
    }

    fn progress(&self) -> f64 {
        (self.counted + self.moved) as f64 / (2 * self.found.len()).max(1) as f64
    }
}
