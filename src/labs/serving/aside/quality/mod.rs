//! Models of several sizes on one pool, chosen by the load: "Learned best-effort LLM serving" (arXiv
//! 2401.07886, abstract only). A large model answers better, but under load it answers too late; a
//! table of values by situation learns which to ask.

mod config;
mod policy;
mod report;
mod sim;
mod work;

pub use config::{Choice, QualityConfig, Size};
pub(in super::super) use work::Work;
