//! Schedlab: a visual lab for the schedules and schedulers of modern machine learning.
//!
//! Data flows one way: a [`labs`] config goes through a pure computation (on the CPU, or through a
//! kernel of [`gpu`]) to a plain result, and a view draws that result. A result is a function of
//! its config alone.

#[cfg(feature = "app")]
pub mod app;
// Built by itself, for speed in every build.
pub use schedlab_core as core;
#[cfg(feature = "app")]
pub mod export;
pub mod gpu;
pub mod labs;
pub mod platform;
#[cfg(feature = "app")]
pub mod ui;

#[cfg(not(target_arch = "wasm32"))]
pub mod cli;
