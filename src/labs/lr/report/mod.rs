//! What a run tells: metrics, charts, tables and a sentence.

mod charts;
mod metrics;
mod tables;

pub(super) use charts::{charts, phase_marks, rate_points};
pub(super) use metrics::{metrics, summary};
pub(super) use tables::tables;
