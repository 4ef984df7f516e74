//! Small experiments beside the four worlds: routing of adapters by task, routers that are put right
//! after training, lookup in place of routing, and the systems that run experts. Each has the equations of its paper on a problem
//! small enough that the right answer is known.

mod draw;
mod glider;
mod heads;
mod lookup;
mod manifold;
mod minions;
mod pipeline;
mod rewire;
mod run;
mod sheet;
mod work;

pub use run::StudyRun;
#[cfg(feature = "app")]
pub(super) use sheet::{Row, Scene, Sheet};
pub(super) use work::Work;
