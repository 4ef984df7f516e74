//! What is to come in an experiment, ordered by time, then by creation.

use super::super::engine::{Calendar, Dated};
use std::cmp::Reverse;

/// Events to come.
pub(super) struct Agenda<E> {
    due: Calendar<E>,
    created: u64,
}

impl<E: Copy> Agenda<E> {
    /// Nothing is to come.
    pub(super) fn new() -> Self {
        Self {
            due: Calendar::new(),
            created: 0,
        }
    }

    /// Puts an event at a moment.
    pub(super) fn push(&mut self, at: f64, what: E) {
        let created = self.created;
        self.due.push(Reverse(Dated { at, created, what }));
        self.created += 1;
    }

    /// The next event and its moment; equal times in order of creation.
    pub(super) fn pop(&mut self) -> Option<(f64, E)> {
        self.due.pop().map(|Reverse(next)| (next.at, next.what))
    }

    /// Whether nothing is to come.
    pub(super) fn is_empty(&self) -> bool {
        self.due.is_empty()
    }
}
