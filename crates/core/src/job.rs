//! Work that takes time, cut into short steps. A job never sees a clock, so the number of steps
//! taken per frame changes nothing in its result.

use super::Result;

/// What one step of a [`Job`] gives.
#[derive(Debug, Clone, PartialEq)]
pub enum Step<T> {
    /// More steps are needed.
    Working,
    /// The job is done; it must not be stepped again.
    Done(T),
}

/// Steppable, cancellable work: drop it to cancel.
pub trait Job {
    /// What the job computes.
    type Out;

    /// Does at most about 2 ms of work and stops at a consistent state.
    ///
    /// # Errors
    /// The reason why the run cannot go on.
    fn step(&mut self) -> Result<Step<Self::Out>>;

    /// Share of the work done, 0 to 1; an estimate where the end is not known.
    fn progress(&self) -> f64;

    /// What is known so far, once for each new state worth a look. Screens show it as unfinished;
    /// nothing else uses it.
    fn preview(&mut self) -> Option<Self::Out> {
        None
    }
}

/// Steps a job to its end. For the command line and tests; screens poll instead.
///
/// # Errors
/// The job's own error.
pub fn finish<J: Job + ?Sized>(job: &mut J) -> Result<J::Out> {
    loop {
        if let Step::Done(out) = job.step()? {
            return Ok(out);
        }
    }
}
