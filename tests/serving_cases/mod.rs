//! Setups of the serving lab's engine that property tests try: every scheduler and router, small
//! pools, and switches that follow from the seed.

use proptest::prelude::*;
use schedlab::labs::serving::{
    Admission, Arrivals, BlendOrder, Config, JitOrder, PreemptAt, Preemption, Routing, Scheduler,
};
use std::ops::{Range, RangeInclusive};

/// What differs between the tests.
pub(crate) struct Sizes {
    pub(crate) schedulers: Vec<Scheduler>,
    pub(crate) arrivals: Vec<Arrivals>,
    pub(crate) requests: Range<u64>,
    pub(crate) cap: Range<u64>,
    pub(crate) replicas: RangeInclusive<u64>,
    pub(crate) stages: RangeInclusive<u64>,
    pub(crate) blocks: Range<u64>,
    pub(crate) watermark: Range<f64>,
    pub(crate) prompt: Range<f64>,
    pub(crate) rate: Range<f64>,
}

/// Setups of these sizes.
pub(crate) fn configs(sizes: Sizes) -> impl Strategy<Value = Config> {
    (
        prop::sample::select(sizes.schedulers),
        prop::sample::select(sizes.arrivals),
        (sizes.requests, sizes.cap, sizes.replicas, sizes.stages),
        (sizes.blocks, 1_u64..600, sizes.watermark),
        (sizes.prompt, 1.0..60.0_f64, sizes.rate),
        0_u64..1000,
    )
        .prop_map(
            |(
                scheduler,
                arrivals,
                (requests, cap, replicas, stages),
                (blocks, chunk, mark),
                (prompt, output, rate),
                seed,
            )| Config {
                scheduler,
                arrivals,
                requests,
                batch_size_cap: cap.max(stages),
                replicas,
                pipeline_stages: stages,
                num_blocks: blocks,
                chunk_size: chunk,
                watermark_fraction: mark,
                prompt_median: prompt,
                output_median: output,
                rate,
                seed,
                prefill_instances: (seed / 5) % replicas,
                ..switches(seed)
            },
        )
}

/// Lengths that are the same for all, and switches that follow from the seed.
fn switches(seed: u64) -> Config {
    let of = |n: u64| (seed % n) as usize;
    Config {
        block_size: 8,
        prompt_max: 250,
        output_max: 120,
        max_tokens_per_sequence: 320,
        max_tokens_in_batch: 700,
        prefix_caching: seed.is_multiple_of(3),
        system_prompt: if seed.is_multiple_of(3) { 40 } else { 0 },
        class_prompt: 20 * (seed % 2),
        user_prompt: 16 * (seed % 3),
        users: 1 + seed % 4,
        batch_share: if seed.is_multiple_of(3) { 0.4 } else { 0.0 },
        prediction_sigma: if seed.is_multiple_of(2) { 0.0 } else { 1.0 },
        preemptive: seed % 3 == 1,
        preemption: if seed % 4 < 3 {
            Preemption::Swap
        } else {
            Preemption::Recompute
        },
        // From no room at all to room for everybody: a block is a MiB.
        swap_gib: [0.0, 0.01, 0.03, 10.0][of(4)],
        admission: [
            Admission::PastFuture,
            Admission::Aggressive,
            Admission::Conservative,
        ][of(3)],
        max_waiting_iters: seed % 11,
        starvation_steps: 30 * (seed % 3),
        promotion_steps: 1 + seed % 4,
        rank_tau: 0.5,
        time_limit_secs: 5000.0,
        switch_every: 1 + seed % 30,
        swap_group: 1 + seed % 5,
        swap_beside: seed.is_multiple_of(2),
        swap_keeps: !seed.is_multiple_of(3),
        layer_groups: 1 + seed % 17,
        blend_order: [
            BlendOrder::DualScan,
            BlendOrder::DepthFirst,
            BlendOrder::Arrival,
        ][of(3)],
        overlap: seed % 2 == 1,
        prompt_share: [0.1, 0.5, 1.0][of(3)],
        decode_share: [1.0, 0.3][of(2)],
        tuned_shares: seed % 4 < 2,
        shares_secs: 0.2,
        jit_order: [JitOrder::Margin, JitOrder::Deadline, JitOrder::LeastService][of(3)],
        jit_steps: 1 + seed % 60,
        deadline_share: 0.2 * (seed % 3) as f64,
        compound_share: 0.3 * ((seed / 3) % 2) as f64,
        compound_calls: 1 + seed % 5,
        deadline_secs: 2.0,
        preempt_at: [PreemptAt::Expert, PreemptAt::Layer, PreemptAt::Iteration]
            [(seed / 2) as usize % 3],
        // From copies that take seconds to free ones.
        transfer_gbps: [0.001, 0.05, 10.0][(seed / 2) as usize % 3],
        transfer_millis: [0.0, 1.0, 50.0][(seed / 3) as usize % 3],
        routing: Routing::ALL[of(Routing::ALL.len() as u64)],
        ..Config::default()
    }
}
