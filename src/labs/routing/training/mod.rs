//! A small mixture of experts trained in the app, so that a balancing rule is seen with what it
//! does to the loss: load, drops, specialisation and accuracy over the updates.

mod data;
mod measure;
mod moe;
mod penalties;
mod report;
mod run;
mod spectrum;
mod trainer;
mod work;

pub use measure::Snapshot;
pub use run::TrainRun;
pub(super) use work::Work;
