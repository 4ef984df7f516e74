//! The systems of this lab, one file each.

mod adaptive_orchestration;
mod best_effort;
mod blend_serve;
mod block;
mod defensive_kv;
mod distserve;
mod expert_as_a_service;
mod fast_switch;
mod greener;
mod hexgen_text2sql;
mod intelligent_router;
mod jit_serve;
mod layered_prefill;
mod learning_to_rank;
mod lightllm;
mod llumnix;
mod mlfq;
mod orca;
mod past_future;
mod pd_serve;
mod polca;
mod power_of_two;
mod prefix_aware;
mod priority;
mod qllm;
mod sarathi_serve;
mod semantic_cache;
mod semi_pd;
mod serverless_lora;
mod sglang;
mod sjf;
mod srpt;
mod static_batching;
mod vllm;
mod vllm_v1;
mod vtc;

use crate::labs::Exhibit;

/// The registry: adding a system is a new file and one line here.
pub static EXHIBITS: &[&Exhibit] = &[
    &sarathi_serve::SARATHI_SERVE,
    &vllm::VLLM,
    &orca::ORCA,
    &static_batching::STATIC_BATCHING,
    &vllm_v1::VLLM_V1,
    &sglang::SGLANG,
    &srpt::SRPT,
    &learning_to_rank::LEARNING_TO_RANK,
    &sjf::SJF,
    &mlfq::MLFQ,
    &vtc::VTC,
    &priority::PRIORITY,
    &jit_serve::JIT_SERVE,
    &fast_switch::FAST_SWITCH,
    &layered_prefill::LAYERED_PREFILL,
    &qllm::QLLM,
    &blend_serve::BLEND_SERVE,
    &distserve::DISTSERVE,
    &pd_serve::PD_SERVE,
    &semi_pd::SEMI_PD,
    &llumnix::LLUMNIX,
    &block::BLOCK,
    &intelligent_router::INTELLIGENT_ROUTER,
    &power_of_two::POWER_OF_TWO,
    &prefix_aware::PREFIX_AWARE,
    &lightllm::LIGHTLLM,
    &past_future::PAST_FUTURE,
    &semantic_cache::SEMANTIC_CACHE,
    &defensive_kv::DEFENSIVE_KV,
    &serverless_lora::SERVERLESS_LORA,
    &hexgen_text2sql::HEXGEN_TEXT2SQL,
    &best_effort::BEST_EFFORT,
    &expert_as_a_service::EXPERT_AS_A_SERVICE,
    &adaptive_orchestration::ADAPTIVE_ORCHESTRATION,
    &polca::POLCA,
    &greener::GREENER,
];
