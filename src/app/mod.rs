//! The application around the labs.

mod command;
mod history;
mod place;

pub use command::Command;
