//! The time axis of a run, as the transport sees it.

use super::sort::Arrange as _;
use std::sync::Arc;

/// What kind of event a moment is, for its colour and the "jump to" menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MomentKind {
    /// Worth a look.
    Note,
    /// Something went wrong or was lost.
    Bad,
    /// A phase starts or ends.
    Phase,
}

/// A named moment on the timeline.
#[derive(Debug, Clone, PartialEq)]
pub struct Moment {
    /// Position on the timeline.
    pub at: f64,
    /// "first preemption: request 17".
    pub label: String,
    /// Its kind.
    pub kind: MomentKind,
}

impl Moment {
    /// Puts moments in order of time; those at the same time keep their order.
    pub fn sort(moments: &mut [Self]) {
        moments.arrange_by(|a, b| a.at.total_cmp(&b.at));
    }
}

/// Positions a playhead can take.
#[derive(Debug, Clone, PartialEq)]
pub struct Timeline {
    /// Ascending positions of the steps; the first is the start and the last the end. Never empty.
    pub steps: Arc<[f64]>,
    /// Name of the axis: "simulated time", "optimizer step".
    pub axis: &'static str,
    /// Unit of the positions, "s" or empty.
    pub unit: &'static str,
    /// What one step is: "1 scheduler iteration".
    pub step_name: &'static str,
    /// Moments worth jumping to, in order of time.
    pub moments: Vec<Moment>,
}

impl Timeline {
    /// A timeline of `n` equal steps, positions 0, 1, … n.
    pub fn counted(n: usize, axis: &'static str, step_name: &'static str) -> Self {
        Self {
            steps: (0..=n).map(|i| i as f64).collect(),
            axis,
            unit: "",
            step_name,
            moments: Vec::new(),
        }
    }

    /// First position.
    pub fn start(&self) -> f64 {
        self.steps.first().copied().unwrap_or(0.0)
    }

    /// Last position.
    pub fn end(&self) -> f64 {
        self.steps.last().copied().unwrap_or(0.0)
    }

    /// Index of the last step at or before `at`.
    pub fn index_at(&self, at: f64) -> usize {
        self.steps.partition_point(|&s| s <= at).saturating_sub(1)
    }

    /// Position of the next step after `at` (the end at the end).
    pub fn next(&self, at: f64) -> f64 {
        let i = self.steps.partition_point(|&s| s <= at);
        self.steps.get(i).copied().unwrap_or_else(|| self.end())
    }

    /// Position of the step before `at` (the start at the start).
    pub fn previous(&self, at: f64) -> f64 {
        let i = self.steps.partition_point(|&s| s < at);
        self.steps[i.saturating_sub(1).min(self.steps.len() - 1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stepping_forward_and_back_visits_the_same_positions() {
        let mut timeline = Timeline::counted(0, "time", "1 event");
        timeline.steps = vec![0.0, 0.5, 0.75, 2.0].into();
        let mut at = timeline.start();
        let mut seen = vec![at];
        while at < timeline.end() {
            at = timeline.next(at);
            seen.push(at);
        }
        assert_eq!(seen, [0.0, 0.5, 0.75, 2.0]);
        while at > timeline.start() {
            assert_eq!(seen.pop(), Some(at));
            at = timeline.previous(at);
        }
        assert_eq!(timeline.previous(0.6), 0.5, "between steps");
        assert_eq!(timeline.index_at(0.74), 1);
        assert_eq!(timeline.next(9.0), 2.0, "past the end");
    }
}
