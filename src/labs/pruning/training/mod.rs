//! Sparsity while a network trains: schedules, exchanges of weights, rounds with rewinding, and
//! what fades or presses on the way to the mask.

mod course;
mod film;
mod report;
#[cfg(test)]
mod tests;

pub(super) use course::{Course, Event, Leg, schedule_of};
pub(super) use film::Filming;
pub use film::{Ended, Film, Frame};
pub(super) use report::{charts, metrics, summary, table, timeline, why};
