//! Parts of the picture.

pub(super) mod cloud;
pub(super) mod curve;
pub(super) mod draw;
pub(super) mod images;
pub(super) mod schedules;
pub(super) mod tokens;
