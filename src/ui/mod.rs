//! Widgets and drawing shared by all labs: one theme, one chart, one transport, one table.

mod stage;
pub mod theme;

pub use stage::{LabView, Stage};
