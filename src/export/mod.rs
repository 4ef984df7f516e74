//! Charts and results as files.

pub mod csv;
pub mod json;
pub mod picture;
pub mod png;
pub mod svg;
