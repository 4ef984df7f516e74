//! Parts of the picture.

pub(super) mod cloud;
pub(super) mod curve;
pub(super) mod draw;
pub(super) mod fields;
pub(super) mod grid;
mod heat;
pub(super) mod images;
mod pixels;
pub(super) mod schedules;
pub(super) mod tokens;
