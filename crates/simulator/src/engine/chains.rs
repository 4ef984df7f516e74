//! Requests that arrive after the end of others: users who answer, closed loops. Shared by all
//! checkpoints of a run; empty where every request arrives by the clock.

/// No successor.
pub const NO_REQUEST: u32 = u32::MAX;

/// Chains of requests, one array per field.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Chains {
    /// The request that arrives after this one has ended, or [`NO_REQUEST`].
    pub next: Vec<u32>,
    /// Seconds between the end of its predecessor and its arrival.
    pub think: Vec<f64>,
    /// Requests that arrive by the clock, the first ones; the others arrive after a predecessor.
    /// Only read where `next` is not empty.
    pub roots: usize,
}

impl Chains {
    /// The request that arrives after `r` has ended.
    pub fn successor(&self, r: u32) -> Option<u32> {
        let next = self.next.get(r as usize).copied()?;
        (next != NO_REQUEST).then_some(next)
    }

    /// Requests that arrive by the clock, of `n`.
    pub fn roots(&self, n: usize) -> usize {
        if self.next.is_empty() { n } else { self.roots }
    }
}
