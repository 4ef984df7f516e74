//! Parts of the picture.

pub(super) mod frame;
pub(super) mod loss;
pub(super) mod rate;
pub(super) mod standings;
