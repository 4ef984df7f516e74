//! Parts of the picture.

pub(super) mod curve;
pub(super) mod film;
pub(super) mod grid;
pub(super) mod histogram;
pub(super) mod images;
pub(super) mod speed;
pub(super) mod strips;
