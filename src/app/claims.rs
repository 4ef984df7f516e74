//! Claim experiments run from the page: one at a time, in slices, results kept for the session.

use crate::core::{ClaimResult, Job, Step};
use crate::labs::{Effort, Exhibit};
use crate::ui::card::ClaimState;
use std::collections::BTreeMap;

/// Experiments under way and done.
#[derive(Default)]
pub(crate) struct Claims {
    states: BTreeMap<&'static str, ClaimState>,
    running: Option<(&'static str, Box<dyn Job<Out = ClaimResult>>)>,
}

impl Claims {
    /// What is known of an exhibit's claim.
    pub(crate) fn state(&self, exhibit: &Exhibit) -> Option<&ClaimState> {
        self.states.get(exhibit.id)
    }

    /// Starts the experiment of an exhibit; one under way is given up.
    pub(crate) fn start(&mut self, exhibit: &'static Exhibit) {
        self.cancel();
        if let Some(claim) = &exhibit.claim {
            self.running = Some((exhibit.id, (claim.start)(Effort::Quick)));
            self.states.insert(exhibit.id, ClaimState::Running(0.0));
        }
    }

    /// Gives up the experiment under way.
    pub(crate) fn cancel(&mut self) {
        if let Some((id, _)) = self.running.take() {
            self.states.remove(id);
        }
    }

    /// Steps the experiment until `more` says stop; `true` while one is under way.
    pub(crate) fn work(&mut self, mut more: impl FnMut() -> bool) -> bool {
        while let Some((id, job)) = &mut self.running {
            let id = *id;
            let state = match job.step() {
                Ok(Step::Working) => ClaimState::Running(job.progress()),
                Ok(Step::Done(result)) => {
                    self.running = None;
                    ClaimState::Done(result)
                }
                Err(error) => {
                    self.running = None;
                    ClaimState::Failed(error.to_string())
                }
            };
            self.states.insert(id, state);
            if !more() {
                break;
            }
        }
        self.running.is_some()
    }
}
