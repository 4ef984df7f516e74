//! vLLM (arXiv 2309.06180; scheduler as in microsoft/vidur).
//!
//! KV memory in blocks of B tokens, allocated as a sequence grows; a request holds ceil(tokens/B)
//! blocks instead of a slot for the longest possible sequence.

use crate::core::{ClaimResult, Job};
use crate::labs::serving::claims::{Design, Probe, start, tokens_per_second};
use crate::labs::serving::config::{Arrivals, Config, Scheduler};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static VLLM: Exhibit = Exhibit {
    id: "vllm",
    lab: LabKind::Serving,
    title: "vLLM v0",
    idea: "Keep the KV cache in small blocks that are handed out as text grows; when none is left, the youngest request gives its blocks back and starts again.",
    paper: Paper {
        title: "Efficient memory management for large language model serving with PagedAttention",
        authors: "Kwon, Li, Zhuang, et al.",
        year: 2023,
        arxiv: "2309.06180",
    },
    basis: Basis::Code,
    deviations: "Preemption by recomputation as in the reference simulator, or by swap after the rules of vLLM before version 1; a victim for which the swap space has no room starts again instead of ending the server. The token count of a prefill batch is padded, as in the reference simulator.",
    equation: "admit if free − ⌈P/B⌉ ≥ ⌊f·N⌋",
    symbols: &[
        ("free", "blocks not in use"),
        ("P", "prompt tokens"),
        ("B", "tokens per block"),
        ("N", "blocks of the pool"),
        ("f", "watermark"),
    ],
    setup: || Setup::Serving(crate::labs::serving::presets::pressure()),
    claim: Some(Claim {
        statement: "Throughput 2 to 4 times that of FasterTransformer and Orca at the same latency, because memory is not reserved for the longest sequence.",
        experiment: "200 requests at once, prompts of 220 and outputs of 120 tokens, a pool of 3,000 blocks of 16 tokens: output tokens per second, vLLM over Orca with slots of 2,048 tokens.",
        start: throughput,
    }),
};

fn throughput(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let vllm = Config {
        arrivals: Arrivals::Burst,
        requests: if effort == Effort::Quick { 200 } else { 1000 },
        num_blocks: 3000,
        batch_size_cap: 256,
        ..crate::labs::serving::presets::pressure()
    };
    let orca = Config {
        scheduler: Scheduler::Orca,
        ..vllm.clone()
    };
    let design = Design {
        quantity: "output tokens per second, vLLM v0 over Orca",
        sides: [vllm, orca],
        probe: Probe::Figure(tokens_per_second),
        claimed: 2.0,
        claimed_where: "in the paper",
        enough: 2.0,
        conditions: "The gain is that of a larger batch, so it needs a pool that holds few slots; with memory for every slot there is none. The paper compares at equal latency, this run compares a backlog.",
    };
    start(design, effort)
}
