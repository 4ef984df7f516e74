//! DistServe's search for a placement: which degree of tensor and pipeline parallelism serves most
//! per GPU in each phase, and how many instances of either follow from it.
//!
//! After "DistServe: disaggregating prefill and decoding for goodput-optimized large language model
//! serving" (Zhong et al., arXiv 2401.09670, algorithm 1 and simdistserve in repository
//! LLMServe/DistServe): a prefill instance and a decode instance are simulated alone, each with the
//! targets of its phase, and the rate is bisected for every (TP, PP); the best of each phase per GPU
//! is copied as often as the load asks for. Symbols: g(TP, PP) goodput of an instance in requests
//! per second, n_p and n_d instances of the two phases, R the rate wanted:
//! n_p = ⌈R/g_p⌉, n_d = ⌈R/g_d⌉, and for a number of GPUs max min(n_p·g_p, n_d·g_d).
//!
//! Deviations: the transfer of KV takes time here (the published simulator charges none); it lands
//! in the first gap after the first token, so the decode phase pays for it. A decode instance alone
//! gets all KV over one link. What was planned is then run as a whole, where every prefill instance
//! has a link of its own, the arrivals of the decode phase are the ends of the prefill phase, and
//! both targets have to hold for the same request; there the memory of a prompt is free as soon as
//! it is computed. Within a number of GPUs all pairs of placements are tried, because rounding to
//! whole instances can make another pair better than the two best ones. A run has as many requests
//! for every GPU as the setup says, so that a queue that grows is felt by few GPUs and by many.

mod job;
mod plan;
mod trial;

pub use job::{Placing, Wish};
pub use plan::{Apart, Cell, Instances, Part, Placement, Placements, Rate, Unfit, Whole};

#[cfg(test)]
mod tests;
