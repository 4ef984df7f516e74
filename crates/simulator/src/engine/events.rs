//! Things that happen at a moment, ordered by time, then by creation.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// Something at a moment.
#[derive(Debug, Clone, Copy)]
pub struct Dated<T> {
    /// When, in seconds.
    pub at: f64,
    /// Its number in the order of creation.
    pub created: u64,
    /// What.
    pub what: T,
}

impl<T> PartialEq for Dated<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T> Eq for Dated<T> {}

impl<T> PartialOrd for Dated<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Dated<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at.total_cmp(&other.at)).then(self.created.cmp(&other.created))
    }
}

/// The earliest first.
pub type Calendar<T> = BinaryHeap<Reverse<Dated<T>>>;

/// The end of a batch on a stage.
#[derive(Debug, Clone, Copy)]
pub(super) struct StageEnd {
    pub(super) replica: u32,
    pub(super) stage: u32,
    pub(super) flight: u32,
}

/// An event beside arrivals by the clock and ends of batches.
#[derive(Debug, Clone, Copy)]
pub(super) enum Side {
    /// An arrival that follows the end of another request.
    Followup(u32),
    /// A transfer of KV is over.
    Landing,
    /// A round of a live migration is over.
    Copied,
    /// A copy between an instance and its host is over.
    Swapped(u32),
    /// The instances are looked over: migrations, scaling.
    Tick,
    /// A fault begins or ends: its place in the plan.
    Fault(u32, bool),
    /// An instance that was started is ready.
    Ready(u32),
}
