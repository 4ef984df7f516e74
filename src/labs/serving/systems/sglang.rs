//! SGLang's radix cache and cache-aware order (arXiv 2312.07104; sgl-project/sglang).

use crate::core::{ClaimResult, Job};
use crate::labs::serving::claims::{Design, Probe, start, tokens_per_second};
use crate::labs::serving::config::{Arrivals, Config, Scheduler};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static SGLANG: Exhibit = Exhibit {
    id: "sglang",
    lab: LabKind::Serving,
    title: "SGLang (radix cache)",
    idea: "Keep the KV of every prefix that was computed, and serve first whoever can reuse most of it: a long system prompt is paid for once.",
    paper: Paper {
        title: "SGLang: efficient execution of structured language model programs",
        authors: "Zheng, Yin, Xie, et al.",
        year: 2024,
        arxiv: "2312.07104",
    },
    basis: Basis::Code,
    deviations: "The tree has whole blocks instead of single tokens. How the room for outputs to come shrinks and grows again is from secondary sources. Left out: the depth-first order by weight, mixed batches.",
    equation: "next = argmax over the queue of cached prefix; admit while new + max output + ratio·Σ output to come < free",
    symbols: &[
        (
            "cached prefix",
            "leading prompt tokens whose blocks are in memory",
        ),
        (
            "ratio",
            "share of possible output to leave room for: 0.7, sinking to 0.1",
        ),
    ],
    setup: || Setup::Serving(config(Scheduler::Sglang, 150)),
    claim: Some(Claim {
        statement: "Up to 6.4 times the throughput of systems that compute every prompt anew, on workloads with shared prefixes.",
        experiment: "Requests at once that share a system prompt of 1,500 tokens and bring about 220 of their own: output tokens per second, SGLang over vLLM v0 without a prefix cache.",
        start: throughput,
    }),
};

fn config(scheduler: Scheduler, requests: u64) -> Config {
    Config {
        scheduler,
        arrivals: Arrivals::Burst,
        requests,
        system_prompt: 1500,
        prompt_max: 4096,
        max_tokens_per_sequence: 4608,
        max_tokens_in_batch: 8192,
        chunk_size: 8192,
        num_blocks: 4096,
        ..crate::labs::serving::presets::pressure()
    }
}

fn throughput(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let requests = if effort == Effort::Quick { 200 } else { 1000 };
    let design = Design {
        quantity: "output tokens per second, SGLang over vLLM v0",
        sides: [
            config(Scheduler::Sglang, requests),
            config(Scheduler::Vllm, requests),
        ],
        probe: Probe::Figure(tokens_per_second),
        claimed: 6.4,
        claimed_where: "in the paper, the largest of its workloads",
        enough: 3.0,
        conditions: "The gain is the share of prompt tokens that is shared, and the memory that sharing frees for a larger batch; without shared prefixes there is none.",
    };
    start(design, effort)
}
