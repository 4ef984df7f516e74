//! Which model answers which query? A pool of models with stated qualities and costs, chosen from
//! estimates; or a weak and a strong network on the same digits, where the strong one is asked when
//! a signal of the weak one says so.

mod cascade;
mod charts;
mod pool;
mod run;
mod work;

pub(super) use run::Curve;
pub use run::QueryRun;
pub(super) use work::Work;
