//! The parts of the routing picture.

pub(super) mod bins;
pub(super) mod frame;
pub(super) mod heat;
pub(super) mod links;
pub(super) mod tokens;
