//! Criteria beyond magnitudes: how other published methods decide which weights, units, tokens or
//! directions stay. Pure functions in double precision; reference files pin them down.

pub mod at_init;
pub mod coding;
pub mod difficulty;
pub mod dynamic;
pub mod flow;
pub mod joint_dp;
pub mod kv_cache;
pub mod low_rank;
pub mod pqi;
pub mod regrow;
pub mod regularise;
pub mod second_order;
pub mod square;
pub mod structured;
pub mod wanda;
