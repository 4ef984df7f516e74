//! Which layers does a sample need? A small residual network trained in the app on noisy digits,
//! whose blocks can be skipped, run, or run twice; every path through it is measured, so that what
//! a router loses against the best path is known exactly.

mod charts;
mod depths;
mod exits;
mod first;
mod learn;
mod net;
mod paths;
mod router;
mod run;
mod sparsity;
mod work;

pub(super) use net::{Adam, SampleSource, Samples, noisy_digits};
pub use run::{LayerRun, Policy};
pub(super) use work::Work;
