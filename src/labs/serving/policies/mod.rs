//! The batch-forming policies, one file each, behind one small trait.

mod lightllm;
mod orca;
mod sarathi;
mod srpt;
mod static_batching;
#[cfg(test)]
mod tests;
mod vllm;
mod vllm_v1;

pub use lightllm::LightLlm;
pub use orca::Orca;
pub use sarathi::Sarathi;
pub use srpt::Srpt;
pub use static_batching::StaticBatching;
pub use vllm::Vllm;
pub use vllm_v1::VllmV1;

use super::engine::{Desk, Entry, Limits, Requests};
use std::fmt::Debug;

/// Forms batches for one instance.
pub trait Policy: Debug + Send + Sync {
    /// Fills `desk.batch` (empty when called) with the next batch; leaves it empty when nothing
    /// can run now.
    fn next(&mut self, desk: &mut Desk, requests: &mut Requests, limits: &Limits);

    /// Takes the requests of a batch back after the last stage; tokens are already counted.
    fn batch_end(
        &mut self,
        desk: &mut Desk,
        requests: &mut Requests,
        _limits: &Limits,
        batch: &[Entry],
    ) {
        desk.put_back(requests, batch);
    }

    /// A copy with its state.
    fn boxed(&self) -> Box<dyn Policy>;
}

impl Clone for Box<dyn Policy> {
    fn clone(&self) -> Self {
        self.boxed()
    }
}

/// Blocks the head of the queue needs for its whole prompt, if they are free above the watermark;
/// otherwise the reason is left on the desk.
fn whole_prompt_blocks(
    desk: &mut Desk,
    requests: &Requests,
    limits: &Limits,
    r: u32,
) -> Option<u32> {
    let need = limits.blocks_for(requests.prefill[r as usize]);
    let free = desk.free(limits);
    if free >= need && free - need >= limits.watermark_blocks {
        return Some(need);
    }
    desk.stop = super::engine::Stop::Blocks {
        need,
        free,
        reserve: limits.watermark_blocks,
    };
    None
}
