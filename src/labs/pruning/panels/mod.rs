//! Parts of the picture.

pub(super) mod curve;
pub(super) mod film;
pub(super) mod grid;
pub(super) mod histogram;
pub(super) mod images;
mod seeds;
pub(super) mod speed;
pub(super) mod strips;
mod tensors;
