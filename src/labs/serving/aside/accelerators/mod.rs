//! Requests spread over accelerators of two kinds by a control loop: "Adaptive orchestration for
//! large-scale inference on heterogeneous accelerator systems balancing cost, performance, and
//! resilience" (arXiv 2503.20074, abstract only). While there is room, traffic goes where an answer
//! is cheap; when capacity runs short, for the cheap kind can be taken away, it goes where room is.

mod config;
mod report;
mod sim;
mod work;

pub use config::{Accelerator, AcceleratorsConfig, Weighing};
pub(super) use work::work;
