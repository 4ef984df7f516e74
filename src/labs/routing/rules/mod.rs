//! The routing rules themselves, free of configs and screens: each takes numbers and gives numbers.

pub mod assignment;
pub mod bias;
pub mod blockffn;
pub mod cache;
pub mod capacity;
pub mod choice;
pub mod entropy;
pub mod erc;
pub mod families;
pub mod graph;
pub mod gshard;
pub mod halting;
pub mod load;
pub mod losses;
pub mod models;
pub mod placement;
pub mod precision;
pub mod prefetch;
pub mod ranks;
pub mod sinkhorn;
pub mod sparse_ot;
pub mod stall;
