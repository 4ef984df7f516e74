//! Queries of several calls with a deadline on GPUs of several kinds: "HEXGEN-TEXT2SQL: optimizing
//! LLM inference request scheduling for agentic text-to-SQL workflow" (arXiv 2505.05286,
//! repository Relaxed-System-Lab/Hexgen-Flow).
//!
//! A call goes where speed and work that is there balance best; an instance runs the most urgent of
//! its calls first, by its share of what is left of the query's deadline.

mod config;
mod report;
mod sim;
mod work;

pub use config::{CallOrder, Dispatch, WorkflowConfig};
pub(in super::super) use work::Work;
