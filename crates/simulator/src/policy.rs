//! What forms batches on an instance.

use crate::engine::{Beside, CohortRule, Desk, Entry, Limits, Requests};
use std::fmt::Debug;

/// What a policy believes about the memory to come.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Forecast {
    /// When it believed so, in seconds.
    pub at: f64,
    /// Tokens now and tokens still to come, for everybody who holds memory.
    pub now_and_to_come: Vec<(u32, u32)>,
}

/// Forms batches for one instance.
pub trait Policy: Debug + Send + Sync {
    /// Fills `desk.batch` (empty when called) with the next batch; leaves it empty when nothing
    /// can run now.
    fn next(&mut self, desk: &mut Desk, requests: &mut Requests, limits: &Limits);

    /// Takes the requests of a batch back after the last stage; tokens are already counted. Of the
    /// cohort, only the requests that ended are among them, first.
    fn batch_end(
        &mut self,
        desk: &mut Desk,
        requests: &mut Requests,
        _limits: &Limits,
        batch: &[Entry],
    ) {
        desk.put_back(requests, batch);
    }

    /// Puts an arriving request into the queue.
    fn arrived(&mut self, desk: &mut Desk, _requests: &Requests, _limits: &Limits, r: u32) {
        desk.queue.push_back(r);
    }

    /// Rules of its own that decide about a waiting or running request now, with their numbers;
    /// empty where the desk says it all.
    fn why(&self, _desk: &Desk, _requests: &Requests, _limits: &Limits, _r: u32) -> Vec<String> {
        Vec::new()
    }

    /// The memory to come as it saw it last, for a policy that admits by it.
    fn forecast(&self) -> Option<&Forecast> {
        None
    }

    /// How requests that decode may be kept together, for a policy that also forms batches
    /// [`beside`](Self::beside) them. Without it the policy finds everybody on the desk, always.
    fn cohort(&self) -> Option<CohortRule> {
        None
    }

    /// Forms the next batch while `desk.cohort` is not empty, with the same outcome as
    /// [`next`](Self::next) if its members stood on the desk, without looking at each of them. Or
    /// answers [`Beside::Plain`] and has changed nothing: then `next` is called with everybody back.
    fn beside(&mut self, _desk: &mut Desk, _requests: &mut Requests, _limits: &Limits) -> Beside {
        Beside::Plain
    }

    /// A copy with its state.
    fn boxed(&self) -> Box<dyn Policy>;
}

impl Clone for Box<dyn Policy> {
    fn clone(&self) -> Self {
        self.boxed()
    }
}
