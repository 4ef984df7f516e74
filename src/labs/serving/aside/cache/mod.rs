//! A cache of answers found by the meaning of the question, with one policy for all or one for each
//! category: "Category-aware semantic caching for heterogeneous LLM workloads" (arXiv 2510.26835,
//! abstract only).
//!
//! A query is a hit when the nearest question in the cache has a cosine of at least θ with it and
//! its answer is younger than the time to live. Questions of the same intent lie around a direction
//! (von Mises–Fisher), and a hit on another intent, or on an answer that has changed since, is wrong.
//! A miss waits for one of several model servers.

mod config;
mod queries;
mod report;
mod sim;
mod work;

pub use config::{CacheConfig, CachePolicy};
pub(in super::super) use work::Work;

/// Hit rate from which a cache pays, by latency alone: every query pays the search, every hit saves
/// the model and pays the fetch; infinite where the model is no slower than the fetch.
pub fn break_even(search: f64, model: f64, fetch: f64) -> f64 {
    if model > fetch {
        search / (model - fetch)
    } else {
        f64::INFINITY
    }
}

#[cfg(test)]
mod tests {
    use super::break_even;

    #[test]
    fn a_search_of_thirty_milliseconds_pays_from_fifteen_to_twenty_per_cent() {
        assert!((break_even(0.030, 0.200, 0.0) - 0.15).abs() < 1e-15);
        assert!((break_even(0.030, 0.150, 0.0) - 0.20).abs() < 1e-15);
        assert!((break_even(0.002, 0.200, 0.0) - 0.010).abs() < 1e-15);
        assert!((break_even(0.002, 0.150, 0.005) - 0.002 / 0.145).abs() < 1e-15);
        assert_eq!(break_even(0.002, 0.004, 0.005), f64::INFINITY);
    }
}
