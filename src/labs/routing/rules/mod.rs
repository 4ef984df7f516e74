//! The routing rules themselves, free of configs and screens: each takes numbers and gives numbers.

pub mod bias;
pub mod capacity;
pub mod gate;
pub mod load;
