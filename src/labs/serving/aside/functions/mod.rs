//! Fine-tuned models as serverless functions, each a backbone and an adapter: "ServerlessLoRA:
//! minimizing latency and cost in serverless inference for LoRA-based LLMs" (arXiv 2505.14468,
//! abstract only). Functions of one backbone share its copy on a GPU, so that a cold one loads its
//! adapter and kernels alone; what is expected to pay is loaded before anybody asks; and a batch
//! waits for a busy GPU as long as its targets allow.

mod config;
mod report;
mod requests;
mod sim;
mod work;

pub use config::FunctionsConfig;
pub(super) use work::work;
