//! vLLM v0 as microsoft/vidur schedules it: "Efficient memory management for large language model
//! serving with PagedAttention" (arXiv 2309.06180). Waiting prompts go first and run alone;
//! otherwise every holder decodes one token, the youngest is preempted when no block is free: it
//! starts again, or its blocks are swapped out, and nobody is admitted before they are back (the
//! rules of vLLM's own scheduler before version 1, repository hao-ai-lab/vllm-ltr, vllm/core).

use super::{Card, Feature, Policy, whole_prompt_blocks};
use crate::labs::serving::engine::{
    Beside, CohortRule, Desk, Limits, Place, Requests, Stop, Swapped,
};

/// The registry's card.
pub(super) const CARD: Card = Card {
    name: "vLLM v0",
    exhibit: "vllm",
    features: &[
        Feature::PrefillLimit,
        Feature::Watermark,
        Feature::Stages,
        Feature::InOrder,
        Feature::Pools,
        Feature::Swap,
    ],
    make: |_| Box::new(Vllm),
};

/// The policy has no state of its own.
#[derive(Debug, Clone, Copy, Default)]
pub struct Vllm;

impl Policy for Vllm {
    fn next(&mut self, desk: &mut Desk, requests: &mut Requests, limits: &Limits) {
        let before = desk.preemptions();
        admit(desk, requests, limits);
        if desk.batch.is_empty() {
            decode(desk, requests, limits);
        }
        let preempted = desk.preemptions() > before;
        // The only running request preempted itself: its blocks are free now, so try once more.
        let again = desk.batch.is_empty() && preempted && !limits.quirks.lone_waits;
        if !preempted || again {
            swap_in(desk, requests, limits);
        }
        if again && desk.batch.is_empty() {
            admit(desk, requests, limits);
        }
    }

    fn cohort(&self) -> Option<CohortRule> {
        Some(CohortRule {
            place: Place::Popped,
            grows: true,
            by_arrival: true,
        })
    }

    fn beside(&mut self, desk: &mut Desk, requests: &mut Requests, limits: &Limits) -> Beside {
        admit(desk, requests, limits);
        if !desk.batch.is_empty() {
            return Beside::Formed;
        }
        desk.sort_held(requests);
        let in_order = desk.cohort.last().is_none_or(|last| {
            let arrival = |r: u32| requests.arrival[r as usize];
            (desk.held.front()).is_none_or(|&next| arrival(last) <= arrival(next))
        });
        let due = desk.cohort.blocks_due();
        // The plain rules want a block free at the turn of each, needed or not.
        if !in_order
            || desk.free(limits) <= due
            || desk.cohort.len() > limits.micro_batch() as usize
        {
            return Beside::Plain;
        }
        let before = desk.preemptions();
        desk.run_cohort(due);
        decode(desk, requests, limits);
        if desk.preemptions() == before {
            swap_in(desk, requests, limits);
        }
        Beside::Formed
    }

    fn why(&self, desk: &Desk, requests: &Requests, limits: &Limits, r: u32) -> Vec<String> {
        let Some(place) = desk.swapped.iter().position(|s| s.request == r) else {
            return Vec::new();
        };
        let own = desk.swapped[place];
        let mut lines = vec![format!(
            "Swapped out: its {} blocks lie in the memory of the host, with the KV of {} tokens.",
            own.blocks,
            requests.processed[r as usize].saturating_sub(1)
        )];
        if place > 0 {
            lines.push(format!(
                "Order: {place} swapped out before it came earlier and come back first."
            ));
        }
        lines.push(format!(
            "Blocks: to come back it needs {} and one for its next token above the {} in reserve; {} are free.",
            own.blocks,
            limits.watermark_blocks,
            desk.free(limits)
        ));
        lines
    }

    fn boxed(&self) -> Box<dyn Policy> {
        Box::new(*self)
    }
}

/// Prefill-only batch: queue heads under blocks, token count (padded or real), holders and batch size.
fn admit(desk: &mut Desk, requests: &mut Requests, limits: &Limits) {
    if !desk.swapped.is_empty() {
        desk.stop = Stop::Swapped(desk.swapped.len() as u32);
        return;
    }
    let (mut longest, mut tokens) = (0, 0);
    while let Some(&r) = desk.queue.front() {
        let Some(need) = whole_prompt_blocks(desk, requests, limits, r) else {
            break;
        };
        let prompt = requests.prefill[r as usize];
        let with = if limits.padded {
            (desk.batch.len() as u64 + 1) * u64::from(prompt.max(longest))
        } else {
            tokens + u64::from(prompt)
        };
        if with > limits.max_tokens_in_batch {
            desk.stop = Stop::Tokens {
                with,
                limit: limits.max_tokens_in_batch,
            };
            break;
        }
        if desk.holders == limits.batch_cap {
            desk.stop = Stop::Holders(limits.batch_cap);
            break;
        }
        if desk.batch.len() >= limits.micro_batch() as usize {
            desk.stop = Stop::BatchFull(limits.micro_batch());
            break;
        }
        desk.queue.pop_front();
        desk.allocate(requests, r, need);
        desk.run(requests, r, prompt);
        longest = longest.max(prompt);
        tokens += u64::from(prompt);
    }
}

/// Requests in the memory of the host come back beside the decodes, oldest first, and run at once:
/// their blocks and one more have to be free above the watermark, unless nobody else runs.
fn swap_in(desk: &mut Desk, requests: &mut Requests, limits: &Limits) {
    while let Some(&Swapped {
        request, blocks, ..
    }) = desk.swapped.front()
    {
        let alone = desk.batch_len() == 0 && desk.holders == 0;
        let room = desk.free(limits) > blocks + limits.watermark_blocks;
        let full =
            desk.holders >= limits.batch_cap || desk.batch_len() >= limits.micro_batch() as usize;
        if full || !(room || alone) {
            break;
        }
        desk.swap_in(requests, limits, 0);
        desk.run(requests, request, 1);
    }
}

/// One token for each holder, oldest first.
fn decode(desk: &mut Desk, requests: &mut Requests, limits: &Limits) {
    desk.sort_held(requests);
    while desk.batch_len() < limits.micro_batch() as usize {
        let Some(r) = desk.held.pop_front() else {
            break;
        };
        if desk.make_room_for_token(requests, limits, r) {
            desk.run(requests, r, 1);
        }
    }
}
