//! The systems of this lab, one file each.

mod lightllm;
mod orca;
mod sarathi_serve;
mod srpt;
mod static_batching;
mod vllm;
mod vllm_v1;

use crate::labs::Exhibit;

/// The registry: adding a system is a new file and one line here.
pub static EXHIBITS: &[&Exhibit] = &[
    &sarathi_serve::SARATHI_SERVE,
    &vllm::VLLM,
    &orca::ORCA,
    &static_batching::STATIC_BATCHING,
    &vllm_v1::VLLM_V1,
    &srpt::SRPT,
    &lightllm::LIGHTLLM,
];
