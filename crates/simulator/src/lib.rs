//! The discrete-event simulator of language-model servers, for any policy and any router: the
//! [`engine`], what an iteration [`cost`]s, and a [`log`] of what happened. It knows no parameters
//! of the lab and none of its policies.

pub mod cost;
pub mod engine;
pub mod log;
pub mod policy;
pub mod route;

pub(crate) use schedlab_core as core;
