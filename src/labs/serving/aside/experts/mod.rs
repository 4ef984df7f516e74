//! Experts as services: "Expert-as-a-Service: towards efficient, scalable, and robust large-scale
//! MoE serving" (arXiv 2509.17863, abstract only). Attention runs on clients that share nothing;
//! experts are stateless servers behind a network, each expert in as many copies as it needs.
//! Beside it stands a monolithic group of the same GPUs that runs in lockstep and stops when one of
//! them fails.

mod config;
mod group;
mod placement;
mod report;
mod served;
mod service;
mod work;

pub use config::ExpertsConfig;
pub(in super::super) use work::Work;
