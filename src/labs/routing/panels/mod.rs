//! The parts of the routing picture.

pub(super) mod bins;
pub(super) mod cap;
pub(super) mod frame;
pub(super) mod heat;
pub(super) mod held;
pub(super) mod layers;
pub(super) mod links;
pub(super) mod multiples;
pub(super) mod queries;
pub(super) mod rules;
pub(super) mod sheet;
pub(super) mod tokens;
pub(super) mod training;
