//! Widgets and drawing shared by all labs: one theme, one chart, one transport, one table.

mod a11y;
mod stage;
pub mod theme;

pub use a11y::{heading, install_mirror, live, picture};
pub use stage::{LabView, Stage};
