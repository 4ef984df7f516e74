//! Arrivals whose rate jumps between quiet and busy phases.

use crate::core::rng::Stream;

/// How often requests come, and how long phases last.
#[derive(Debug, Clone, Copy)]
pub(super) struct Phases {
    /// Requests per second in quiet phases.
    pub(super) rate: f64,
    /// Rate of busy phases over that of quiet ones.
    pub(super) busy_factor: f64,
    /// Mean lengths of a quiet and of a busy phase in seconds.
    pub(super) means: [f64; 2],
}

impl Phases {
    /// The first arrivals in order, in seconds. They are memoryless: the rest of a gap in which the
    /// phase changes is drawn anew at the other rate.
    pub(super) fn arrivals(self, count: usize, gaps: &mut Stream, phases: &mut Stream) -> Vec<f64> {
        let mut out = Vec::with_capacity(count);
        let (mut now, mut busy) = (0.0, false);
        let mut until = self.means[0] * phases.exponential();
        while out.len() < count {
            let factor = if busy { self.busy_factor } else { 1.0 };
            let next = now + gaps.exponential() / (self.rate * factor);
            if next > until {
                now = until;
                busy = !busy;
                until += self.means[usize::from(busy)] * phases.exponential();
                continue;
            }
            now = next;
            out.push(now);
        }
        out
    }
}
