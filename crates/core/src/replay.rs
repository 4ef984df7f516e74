//! Checkpoint and replay: any moment of a recorded simulation can be visited again, so stepping
//! back and scrubbing are exact and cost at most one checkpoint interval.

use std::sync::Arc;

/// A deterministic simulation that advances one event, iteration or optimizer step at a time.
pub trait Simulation: Clone {
    /// Advances by one step; `false` when nothing is left to do (the state is then unchanged).
    fn advance(&mut self) -> bool;

    /// Steps taken since the start.
    fn steps(&self) -> u64;
}

/// Checkpoints of a simulation, taken while it runs.
#[derive(Debug, Clone)]
pub struct Recorder<S> {
    checkpoints: Vec<S>,
    every: u64,
    most: usize,
}

impl<S: Simulation> Recorder<S> {
    /// Starts with the initial state; `every` (at least 1) steps lie between checkpoints.
    pub fn new(start: &S, every: u64) -> Self {
        Self {
            checkpoints: vec![start.clone()],
            every: every.max(1),
            most: usize::MAX,
        }
    }

    /// Keeps at most `most` (at least 2) checkpoints: when there are more, every second one is
    /// dropped and the distance doubles.
    pub fn at_most(mut self, most: usize) -> Self {
        self.keep_at_most(most);
        self
    }

    /// Keeps at most `most` (at least 2) checkpoints from the next one on.
    pub fn keep_at_most(&mut self, most: usize) {
        self.most = most.max(2);
    }

    /// Number of checkpoints.
    pub fn len(&self) -> usize {
        self.checkpoints.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.checkpoints.is_empty()
    }

    /// Steps until the next checkpoint is due, for a state after `steps`.
    pub fn until_due(&self, steps: u64) -> u64 {
        (self.every * self.checkpoints.len() as u64).saturating_sub(steps)
    }

    /// Call after every [`Simulation::advance`]: keeps a copy when a checkpoint is due.
    pub fn observe(&mut self, state: &S) {
        if state.steps() == self.every * self.checkpoints.len() as u64 {
            self.checkpoints.push(state.clone());
            if self.checkpoints.len() > self.most {
                let mut index = 0;
                self.checkpoints.retain(|_| {
                    index += 1;
                    !u32::is_multiple_of(index, 2)
                });
                self.every *= 2;
            }
        }
    }

    /// Closes the recording at the final state.
    pub fn close(self, last: S) -> Recording<S> {
        Recording {
            total: last.steps(),
            checkpoints: self.checkpoints.into(),
            every: self.every,
            last: Arc::new(last),
        }
    }
}

/// A finished simulation whose every step can be visited. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Recording<S> {
    checkpoints: Arc<[S]>,
    every: u64,
    total: u64,
    last: Arc<S>,
}

impl<S: Simulation> Recording<S> {
    /// Number of steps from start to end.
    pub fn total_steps(&self) -> u64 {
        self.total
    }

    /// The final state.
    pub fn last(&self) -> &S {
        &self.last
    }

    /// The last checkpoint that is early enough, or the first of all. `early` holds for all
    /// checkpoints up to some moment and for none after it.
    pub fn latest(&self, early: impl Fn(&S) -> bool) -> S {
        let n = self.checkpoints.partition_point(early);
        self.checkpoints[n.saturating_sub(1)].clone()
    }

    /// The state after `step` steps (clamped to the end): nearest checkpoint, then exact replay.
    pub fn at(&self, step: u64) -> S {
        let step = step.min(self.total);
        if step == self.total {
            return (*self.last).clone();
        }
        let index = ((step / self.every) as usize).min(self.checkpoints.len() - 1);
        let mut state = self.checkpoints[index].clone();
        while state.steps() < step && state.advance() {}
        state
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    struct Collatz {
        value: u64,
        steps: u64,
    }

    impl Simulation for Collatz {
        fn advance(&mut self) -> bool {
            if self.value == 1 {
                return false;
            }
            self.value = if self.value.is_multiple_of(2) {
                self.value / 2
            } else {
                3 * self.value + 1
            };
            self.steps += 1;
            true
        }

        fn steps(&self) -> u64 {
            self.steps
        }
    }

    #[test]
    fn every_step_of_a_recording_equals_stepping_from_the_start() {
        for (every, most) in [
            (1, 200),
            (2, 200),
            (7, 200),
            (1000, 200),
            (1, 2),
            (1, 3),
            (3, 4),
        ] {
            let start = Collatz {
                value: 27,
                steps: 0,
            };
            let mut state = start.clone();
            let mut recorder = Recorder::new(&state, every).at_most(most);
            while state.advance() {
                recorder.observe(&state);
                assert!(recorder.checkpoints.len() <= most, "{every} {most}");
            }
            let recording = recorder.close(state);
            let mut expected = start;
            for step in 0..=recording.total_steps() {
                assert_eq!(recording.at(step), expected, "every {every}, step {step}");
                expected.advance();
            }
            assert_eq!(recording.at(u64::MAX), expected, "past the end");
        }
    }
}
