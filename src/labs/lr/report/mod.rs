//! What a run tells: metrics, charts, tables and a sentence.

mod charts;
mod metrics;
mod standings;
mod tables;

#[cfg(feature = "app")]
pub(super) use charts::rate_points;
pub(super) use charts::{charts, phase_marks};
pub(super) use metrics::{metrics, summary};
#[cfg(feature = "app")]
pub(super) use standings::{Standing, standings};
pub(super) use tables::tables;
