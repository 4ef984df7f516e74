//! Sparsity while a network trains: schedules, exchanges of weights, rounds with rewinding, and
//! what fades or presses on the way to the mask.

mod bits;
mod charts;
mod course;
mod exam;
mod film;
mod images;
#[cfg(test)]
mod later_tests;
mod report;
#[cfg(test)]
mod tests;

#[cfg(feature = "app")]
pub(super) use bits::mean_bits;
pub(super) use charts::charts;
pub use course::Images;
pub(super) use course::{Course, Event, Leg, schedule_of};
pub(super) use exam::{Judged, Judging};
pub(super) use film::Filming;
pub use film::{Ended, Film, Frame};
#[cfg(feature = "app")]
pub(super) use images::bins as margin_bins;
pub(super) use images::table as image_table;
pub(super) use report::{class_gap, metrics, summary, table, timeline, why};
