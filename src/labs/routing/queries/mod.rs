//! Which model answers which query? A pool of models with stated qualities and costs, chosen from
//! estimates; a weak and a strong network on the same digits, where the strong one is asked when
//! a signal of the weak one says so; two models that take turns in writing a Markov chain; prompts
//! that go to architecture codes; and agents of which several may answer.

mod agents;
mod cascade;
mod charts;
mod codes;
mod codes_work;
mod glimpse;
mod pool;
mod run;
mod work;

pub(super) use glimpse::{GLIMPSE, RANDOM};
pub use run::QueryRun;
use work::Asking;
pub(super) use work::Work;
#[cfg(test)]
use work::facts_of;
