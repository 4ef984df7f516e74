//! What a config asks of the engine, its policy and its router.

use super::super::engine::{LanePlan, Limits, Pools, Quirks, Split, SwapSpace, Tuning};
use super::super::policies::{Feature, Policy};
use super::super::routers::Route;
use super::{
    Allocation, Arrivals, Config, CostKind, Lengths, PreemptAt, Preemption, Routing, Scheduler,
};

impl Config {
    /// Whether preempted requests are swapped out.
    pub fn swaps(&self) -> bool {
        self.scheduler.has(Feature::Swap) && self.preemption == Preemption::Swap || self.switches()
    }

    /// Whether the router heeds predicted output lengths.
    pub fn routes_by_length(&self) -> bool {
        self.replicas > 1 && matches!(self.routing, Routing::Block | Routing::Mixing)
    }

    /// Whether priorities change and requests are swapped for it.
    pub fn switches(&self) -> bool {
        self.scheduler.has(Feature::Switch)
    }

    /// Memory of the host for swapped blocks, and the time of a copy: every GPU of an instance
    /// copies its share over its own link.
    fn swap_space(&self, block_size: u64) -> Option<SwapSpace> {
        let gpus = (self.tensor_parallel() * self.stages()) as f64;
        let block_bytes = self.kv_bytes_per_token() * block_size as f64 / gpus;
        let blocks = (self.swap_gib * (1_u64 << 30) as f64 / block_bytes) as u32;
        let bandwidth = self.swap_gbps * 1e9;
        if self.switches() {
            return Some(SwapSpace {
                blocks,
                secs_per_block: block_bytes / bandwidth,
                group: self.swap_group as u32,
                secs_per_group: self.swap_copies as f64 * self.swap_start_micros * 1e-6,
                beside: self.swap_beside,
                keeps: self.swap_keeps,
            });
        }
        self.swaps().then(|| SwapSpace {
            blocks,
            secs_per_block: block_bytes / (bandwidth * self.swap_share),
            group: 1,
            secs_per_group: 0.0,
            beside: false,
            keeps: false,
        })
    }

    /// The split of the instances into those that compute prompts and those that decode, where
    /// there is one.
    pub fn pools(&self) -> Option<Pools> {
        let split = self.scheduler.has(Feature::Pools)
            && self.prefill_instances > 0
            && self.prefill_instances < self.replicas;
        split.then(|| Pools {
            prefill: self.prefill_instances as u32,
            latency_secs: self.transfer_millis * 1e-3,
            secs_per_token: self.secs_per_kv_token(),
        })
    }

    /// Pieces of an iteration at whose ends it can be made to stand still: all of it, its layers, or
    /// the attention and every expert of each.
    fn pieces(&self) -> u32 {
        let layers = match self.cost_kind {
            CostKind::Roofline => self.shape().layers as u32,
            CostKind::Preset => self.cost.layers(),
            CostKind::Linear | CostKind::Hinge => self.own_model_layers as u32,
        };
        let experts = match self.cost_kind {
            CostKind::Roofline => self.shape().experts.map_or(1, |e| e.count),
            _ => 1,
        };
        match self.preempt_at {
            PreemptAt::Iteration => 1,
            PreemptAt::Layer => layers,
            PreemptAt::Expert => layers * (1 + experts),
        }
    }

    /// How two batches share an instance, where two run at the same time.
    pub fn lanes(&self) -> Option<LanePlan> {
        if self.scheduler.has(Feature::Urgent) {
            return Some(LanePlan::Preempt(self.pieces()));
        }
        if !self.scheduler.has(Feature::Shares) {
            return None;
        }
        let tuning = self.tuned_shares.then(|| Tuning {
            period_secs: self.shares_secs,
            targets: [self.targets(0), self.targets(1)],
        });
        let shares = if self.tuned_shares {
            let prompts = self.prompt_share.min(0.9);
            [prompts, 1.0 - prompts]
        } else {
            [self.prompt_share, self.decode_share]
        };
        Some(LanePlan::Split(Split { shares, tuning }))
    }

    /// Seconds that the KV of one token takes over the link of an instance.
    pub(in super::super) fn secs_per_kv_token(&self) -> f64 {
        self.kv_bytes_per_token() / (self.transfer_gbps * 1e9)
    }

    /// The engine's limits. Who counts single tokens has blocks of one token.
    pub fn limits(&self) -> Limits {
        let (block_size, num_blocks) = if self.scheduler.has(Feature::SingleTokens) {
            (1, self.pool_tokens())
        } else {
            (self.block_size, self.kv_blocks())
        };
        let whole_prompt =
            self.scheduler.has(Feature::Allocation) && self.allocation == Allocation::WholePrompt;
        let watermark = if self.scheduler.has(Feature::Watermark) || whole_prompt {
            (self.watermark_fraction * num_blocks as f64).floor() as u32
        } else {
            0
        };
        Limits {
            block_size: block_size as u32,
            num_blocks: num_blocks as u32,
            batch_cap: self.batch_size_cap as u32,
            max_tokens_in_batch: self.max_tokens_in_batch,
            token_budget: self.chunk_size as u32,
            watermark_blocks: watermark,
            whole_prompt,
            prefix_caching: self.caches_prefixes(),
            max_new_tokens: if self.arrivals == Arrivals::Trace {
                self.max_tokens_per_sequence as u32
            } else {
                self.output_max as u32
            },
            slot_blocks: self.max_tokens_per_sequence.div_ceil(block_size.max(1)) as u32,
            max_waiting_iters: self.max_waiting_iters as u32,
            stages: self.stages() as u32,
            cost: self.cost_model(),
            swap: self.swap_space(block_size),
            quirks: self.quirks(),
            padded: self.padded_prefill,
            ignore_misfits: true,
        }
    }

    /// Oddities of the reference simulator in use: those that this scheduler and router can have.
    fn quirks(&self) -> Quirks {
        let (scheduler, routing) = (self.scheduler, self.routing);
        Quirks {
            partial_restart: self.quirk_partial_restart && scheduler == Scheduler::Sarathi,
            slot_leak: self.quirk_slot_leak && scheduler == Scheduler::StaticBatching,
            lone_waits: self.quirk_lone_waits && scheduler == Scheduler::Vllm && !self.swaps(),
            waiting_only: self.quirk_waiting_only && routing == Routing::LeastOutstanding,
        }
    }

    /// Whether a trace has to be loaded.
    pub fn needs_trace(&self) -> bool {
        self.arrivals == Arrivals::Trace || self.lengths == Lengths::Resampled
    }

    /// Targets of a class: time to the first token, mean time per further token.
    pub fn targets(&self, class: u8) -> [f64; 2] {
        if class == 0 || self.batch_share == 0.0 {
            [self.slo_ttft_secs, self.slo_tpot_secs]
        } else {
            [self.batch_slo_ttft_secs, self.batch_slo_tpot_secs]
        }
    }

    /// Whether requests are promised different things: streams, deadlines, calls that belong
    /// together. Only where requests come by the clock.
    pub fn promises(&self) -> bool {
        let clocked = !matches!(
            self.arrivals,
            Arrivals::Trace | Arrivals::Sessions | Arrivals::ClosedLoop
        );
        clocked && self.deadline_share + self.compound_share > 0.0
    }

    /// Whether prefixes are cached: always under SGLang, elsewhere where asked for.
    pub fn caches_prefixes(&self) -> bool {
        self.scheduler.has(Feature::Radix)
            || self.scheduler.has(Feature::PrefixCache) && self.prefix_caching
    }

    /// The policy of an instance in its initial state.
    pub fn policy(&self) -> Box<dyn Policy> {
        (self.scheduler.card().make)(self)
    }

    /// The router of a run in its initial state.
    pub fn router(&self) -> Box<dyn Route> {
        (self.routing.card().make)(self)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::cost::CostPreset;
    use super::*;

    #[test]
    fn a_copy_of_a_request_costs_its_bytes_over_the_bandwidth_reached() {
        let secs = |config: Config, tokens: u32| {
            let limits = config.limits();
            let blocks = u64::from(limits.blocks_for(tokens));
            let work = super::super::super::engine::Work {
                swap_blocks: 2 * blocks,
                ..Default::default()
            };
            limits.swap_seconds(&work)
        };
        let swapping = |swap_share| Config {
            preemption: Preemption::Swap,
            swap_share,
            ..Config::default()
        };
        // Out and back over 25 GB/s: 2·n·131,072 bytes.
        for (share, tokens, millis) in
            [(1.0, 1024, 10.74), (0.3, 1024, 35.79), (1.0, 16_384, 171.8)]
        {
            let got = 1e3 * secs(swapping(share), tokens);
            assert!((got / millis - 1.0).abs() < 1e-3, "{got} ms, want {millis}");
        }
        // Four GPUs copy a quarter of 327,680 bytes each.
        let four = Config {
            cost: CostPreset::Llama3_70bA100Tp4,
            ..swapping(1.0)
        };
        assert!((secs(four, 1024) / (2.0 * 1024.0 * 81_920.0 / 25e9) - 1.0).abs() < 1e-9);
        assert_eq!(
            swapping(0.3).limits().swap.map(|s| s.blocks),
            Some(2048),
            "4 GiB"
        );
    }
}
